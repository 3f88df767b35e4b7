//! The zip that a workbook is, inflated once before calamine sees it: sizes are a stranger's word until then.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use memchr::memmem;
use zip::{ZipArchive, result::ZipError};

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

/// What stands between a formula and the end of its cell where no value was stored.
const NO_VALUE: [&[u8]; 5] = [b"f></", b"/></c>", b"<v></", b"<v/>", b"<v />"];

/// What inflating it told of a workbook.
#[derive(Debug, Default)]
pub(super) struct Package {
    /// Some formula may lack a stored value.
    pub(super) lacks_values: bool,
}

/// Inflates every part, within limits. What is damaged is left for calamine to find: it may not need that part.
pub(super) fn inspect(file: &Path, limits: &Limits) -> Result<Package, ReadError> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(file)?)).map_err(zip_error)?;
    let limit = limits.inflated_bytes;
    let declared = archive.decompressed_size().unwrap_or(0);
    if declared > u128::from(limit) {
        return Err(inflated(u64::try_from(declared).unwrap_or(u64::MAX), limit));
    }
    let mut package = Package::default();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut n_bytes = 0;
    for part_idx in 0..archive.len() {
        let mut part = match archive.by_index(part_idx) {
            Ok(part) => part,
            Err(ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED)) => return Err(ReadError::Encrypted),
            Err(_) => continue,
        };
        let name = part.name().map(|name| name.to_lowercase()).unwrap_or_default();
        let mut seen = Seen::new(&name);
        let mut kept = 0;
        while let Some(free) = buffer.get_mut(kept..) {
            let Ok(n @ 1..) = part.read(free) else { break };
            n_bytes += u64::try_from(n).unwrap_or(u64::MAX);
            if n_bytes > limit {
                return Err(inflated(n_bytes, limit));
            }
            let end = kept + n;
            seen.look(buffer.get(..end).unwrap_or_default(), n)?;
            kept = end.min(OVERLAP_BYTES);
            buffer.copy_within(end - kept..end, 0);
        }
        package.lacks_values |= seen.lacks_value;
    }
    Ok(package)
}

/// What was met in one part so far.
#[derive(Debug)]
struct Seen {
    kind: Kind,
    n_bytes: u64,
    n_strings: u64,
    formula: bool,
    lacks_value: bool,
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
        Seen { kind, n_bytes: 0, n_strings: 0, formula: false, lacks_value: false }
    }

    /// Looks at a window of the part, whose last `n_new` bytes were not there before.
    fn look(&mut self, window: &[u8], n_new: usize) -> Result<(), ReadError> {
        self.n_bytes += u64::try_from(n_new).unwrap_or(u64::MAX);
        match self.kind {
            Kind::Strings => self.look_at_strings(window, n_new)?,
            Kind::Styles if self.n_bytes > STYLES_BYTES => {
                return Err(ReadError::Limit { what: "bytes of styles", found: self.n_bytes, limit: STYLES_BYTES });
            }
            Kind::Styles => {}
            Kind::Other => {
                self.formula = self.formula || memmem::find(window, b"<f").is_some();
                self.lacks_value = self.lacks_value
                    || self.formula && NO_VALUE.iter().any(|pattern| memmem::find(window, pattern).is_some());
            }
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

fn inflated(found: u64, limit: u64) -> ReadError {
    ReadError::Limit { what: "bytes of the workbook once inflated", found, limit }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, of which a few variants matter")]
pub(super) fn zip_error(error: ZipError) -> ReadError {
    match error {
        ZipError::Io(error) => super::io_error(error),
        error => ReadError::Damaged(format!("its zip can't be read ({error})")),
    }
}
