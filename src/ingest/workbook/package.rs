//! The zip that a workbook is, looked through before its reader sees it: what it says of itself is a stranger's word.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use memchr::memmem;
use zip::{ZipArchive, result::ZipError};

use super::inflated::{Archive, Inflated, Part};
use crate::ingest::{Limits, ReadError};

/// Of styles, which calamine keeps as records much larger than their text.
const STYLES_BYTES: u64 = 32 << 20;
/// Of shared strings, as they lie in memory.
const STRINGS_BYTES: u64 = 1 << 30;
/// What one string takes besides its text.
const STRING_BYTES: u64 = 40;
const BUFFER_BYTES: usize = 1 << 16;
/// Longer than whatever is looked for.
const OVERLAP_BYTES: usize = 64;

/// The workbook's zip for calamine, its parts within limits by what they say of themselves and held to it.
pub(super) fn inflated(file: &Path, limits: &Limits) -> Result<Inflated, ReadError> {
    let mut archive = open(file, limits)?;
    let mut parts = Vec::new();
    for idx in 0..archive.len() {
        let part = match archive.by_index(idx) {
            Ok(part) => part,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => return Err(ReadError::Encrypted),
            Err(_) => continue,
        };
        let (name, n_bytes, crc32) = (part.name_raw().to_vec(), part.size(), part.crc32());
        let mut seen = Seen::new(&String::from_utf8_lossy(&name).to_lowercase());
        if seen.kind != Kind::Other {
            look_through(part.take(n_bytes), &mut seen, limits)?;
        }
        parts.push(Part { idx, name, n_bytes, crc32 });
    }
    Ok(Inflated::new(archive, &parts))
}

/// Inflates every part, within limits. What is damaged is left for its reader to find: it may not need that part.
pub(super) fn inspect(file: &Path, limits: &Limits) -> Result<(), ReadError> {
    let mut archive = open(file, limits)?;
    let mut left = limits.clone();
    for idx in 0..archive.len() {
        let part = match archive.by_index(idx) {
            Ok(part) => part,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => return Err(ReadError::Encrypted),
            Err(_) => continue,
        };
        let mut seen = Seen::new("");
        look_through(part, &mut seen, &left)?;
        left.inflated_bytes = left.inflated_bytes.saturating_sub(seen.n_bytes);
    }
    Ok(())
}

fn open(file: &Path, limits: &Limits) -> Result<Archive, ReadError> {
    let archive = ZipArchive::new(BufReader::new(File::open(file)?)).map_err(zip_error)?;
    let declared = archive.decompressed_size().unwrap_or(0);
    if declared > u128::from(limits.inflated_bytes) {
        return Err(inflated_limit(u64::try_from(declared).unwrap_or(u64::MAX), limits));
    }
    Ok(archive)
}

fn look_through(mut part: impl Read, seen: &mut Seen, limits: &Limits) -> Result<(), ReadError> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut kept = 0;
    while let Some(free) = buffer.get_mut(kept..) {
        let Ok(n @ 1..) = part.read(free) else { break };
        let end = kept + n;
        seen.look(buffer.get(..end).unwrap_or_default(), n)?;
        if seen.n_bytes > limits.inflated_bytes {
            return Err(inflated_limit(seen.n_bytes, limits));
        }
        kept = end.min(OVERLAP_BYTES);
        buffer.copy_within(end - kept..end, 0);
    }
    Ok(())
}

/// What was met in one part so far.
#[derive(Debug)]
struct Seen {
    kind: Kind,
    n_bytes: u64,
    n_strings: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Strings,
    Styles,
    Other,
}

impl Seen {
    fn new(name: &str) -> Seen {
        let kind = if name.contains("sharedstrings.") {
            Kind::Strings
        } else if name.ends_with("styles.xml") || name.ends_with("styles.bin") {
            Kind::Styles
        } else {
            Kind::Other
        };
        Seen { kind, n_bytes: 0, n_strings: 0 }
    }

    /// Looks at a window of the part, whose last `n_new` bytes were not there before.
    fn look(&mut self, window: &[u8], n_new: usize) -> Result<(), ReadError> {
        self.n_bytes += u64::try_from(n_new).unwrap_or(u64::MAX);
        match self.kind {
            Kind::Strings => self.look_at_strings(window, n_new)?,
            Kind::Styles if self.n_bytes > STYLES_BYTES => {
                return Err(ReadError::Limit { what: "bytes of styles", found: self.n_bytes, limit: STYLES_BYTES });
            }
            Kind::Styles | Kind::Other => {}
        }
        Ok(())
    }

    fn look_at_strings(&mut self, window: &[u8], n_new: usize) -> Result<(), ReadError> {
        let new = window.get(window.len().saturating_sub(n_new + 2)..).unwrap_or_default();
        self.n_strings += u64::try_from(memmem::find_iter(new, b"<si").count()).unwrap_or(u64::MAX);
        let found = self.n_bytes + self.n_strings * STRING_BYTES;
        if found > STRINGS_BYTES {
            return Err(ReadError::Limit { what: "bytes of shared strings", found, limit: STRINGS_BYTES });
        }
        // calamine makes room for as many strings as the part says it has: the process would end there.
        if let Some(at) = memmem::find(window, b"uniqueCount") {
            let digits = window.get(at..).unwrap_or_default().iter().skip_while(|b| !b.is_ascii_digit());
            let n_said = digits
                .take_while(|b| b.is_ascii_digit())
                .fold(0_u64, |n, b| n.saturating_mul(10).saturating_add(u64::from(b - b'0')));
            if n_said > STRINGS_BYTES / STRING_BYTES {
                return Err(ReadError::Damaged(format!("it says that it has {n_said} shared strings")));
            }
        }
        Ok(())
    }
}

fn inflated_limit(found: u64, limits: &Limits) -> ReadError {
    ReadError::Limit { what: "bytes of the workbook once inflated", found, limit: limits.inflated_bytes }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, of which a few variants matter")]
pub(super) fn zip_error(error: ZipError) -> ReadError {
    match error {
        ZipError::Io(error) => super::io_error(error),
        error => ReadError::Damaged(format!("its zip can't be read ({error})")),
    }
}
