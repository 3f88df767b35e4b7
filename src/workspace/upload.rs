//! A file that comes in pieces: written to a scratch folder as it comes, and gone with it unless it is imported.

use std::path::PathBuf;

use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufWriter},
};

use super::{
    Imported, Workspace,
    import::Origin,
    quota::{Hold, UploadSlot},
};
use crate::{
    catalog::Identity,
    context::Context,
    fault::{Code, Fault},
    ingest::Options,
    store::Scratch,
};

/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 << 10;
/// Bytes that are reserved at once.
const STEP: u64 = 1 << 20;
/// Characters of a name.
const MAX_NAME: usize = 200;

/// An upload under way. Dropping it removes what has come so far.
pub struct Staging {
    scratch: Scratch,
    file: BufWriter<File>,
    path: PathBuf,
    name: String,
    n_bytes: u64,
    max_bytes: u64,
    workspace: Workspace,
    held: Hold,
}

/// A whole file, not imported yet. Dropping it removes it.
#[derive(Debug)]
pub struct Staged {
    scratch: Scratch,
    path: PathBuf,
    name: String,
    n_bytes: u64,
    held: Hold,
}

impl Staged {
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Workspace {
    /// Bytes of the largest file that is taken or made.
    pub fn max_file(&self) -> u64 {
        self.limits().ingest.file_bytes
    }

    /// Begins one file of an upload. `name` is only ever a name: folders in it are left off.
    ///
    /// Fails with `invalid_arguments` for a name that is none.
    pub async fn stage(&self, _slot: &UploadSlot, name: &str) -> Result<Staging, Fault> {
        let name = file_name(name)?;
        let held = self.reserve(0).await?;
        let (scratch, path, file) = self
            .blocking(|inner| {
                let scratch = inner.dir.new_scratch()?;
                let path = scratch.path().join("upload");
                let file = std::fs::File::create_new(&path).map_err(|error| not_stored(&error))?;
                Ok((scratch, path, file))
            })
            .await?;
        let file = BufWriter::with_capacity(BUFFER, File::from_std(file));
        let max_bytes = self.max_file();
        Ok(Staging { scratch, file, path, name, n_bytes: 0, max_bytes, workspace: self.clone(), held })
    }

    /// Imports an upload. The same name again gives the same sheets.
    pub async fn import_staged(
        &self,
        staged: Staged,
        options: Options,
        context: &Context<'_>,
    ) -> Result<Imported, Fault> {
        let Staged { scratch, path, name, n_bytes, held: _held } = staged;
        let options = self.with_fixes(Identity::Name(name.clone()), options).await?;
        let origin = Origin::upload(name, n_bytes);
        self.import(&path, origin, options, scratch, context).await
    }
}

impl Staging {
    /// Fails with `limit_exceeded` and `quota_exceeded` as soon as the file is too large.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.n_bytes = self.n_bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.n_bytes > self.max_bytes {
            return Err(Fault::new(
                Code::LimitExceeded,
                format!("`{}` has more than {} bytes, the largest file that is taken", self.name, self.max_bytes),
            )
            .hint("split it, or send it as Parquet or zipped as XLSX"));
        }
        let n_lacking = self.n_bytes.saturating_sub(self.held.n_bytes());
        if n_lacking > 0 {
            // Not for every piece; where that much is not left, just what is needed.
            let more = match self.workspace.reserve(n_lacking.max(STEP)).await {
                Err(fault) if fault.code == Code::QuotaExceeded => self.workspace.reserve(n_lacking).await?,
                reserved => reserved?,
            };
            self.held.add(more);
        }
        self.file.write_all(bytes).await.map_err(|error| not_stored(&error))
    }

    /// The whole file.
    pub async fn finish(mut self) -> Result<Staged, Fault> {
        self.file.flush().await.map_err(|error| not_stored(&error))?;
        let Staging { scratch, path, name, n_bytes, mut held, .. } = self;
        held.shrink_to(n_bytes);
        Ok(Staged { scratch, path, name, n_bytes, held })
    }
}

fn not_stored(error: &std::io::Error) -> Fault {
    Fault::new(Code::StorageFailed, format!("an upload can't be stored: {error}")).hint("free some disk space")
}

/// The last part of a path, whichever system's, as a name that every system can show.
pub(super) fn file_name(given: &str) -> Result<String, Fault> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let clean: String = last.chars().filter(|c| !c.is_control() && !is_invisible(*c)).take(MAX_NAME).collect();
    let clean = clean.trim_end_matches(['.', ' ']).trim_start();
    if clean.is_empty() || clean.chars().all(|c| c == '.') {
        let shown: String = given.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(Fault::new(Code::InvalidArguments, format!("`{shown}` is no file's name"))
            .hint("give a name such as sales.csv")
            .field("filename"));
    }
    // On Windows such names are devices, whatever follows the dot.
    let stem = clean.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let is_numbered =
        |device: &str| stem.strip_prefix(device).is_some_and(|rest| matches!(rest.as_bytes(), [b'1'..=b'9']));
    let is_device = ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str()) || is_numbered("COM") || is_numbered("LPT");
    Ok(if is_device { format!("_{clean}") } else { clean.to_owned() })
}

/// Marks that turn the reading direction or take no room: they make one name look like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_only_ever_a_name() {
        let name = |given: &str| file_name(given).ok();
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(name("../../etc/passwd.csv"), some("passwd.csv"));
        assert_eq!(name(r"C:\Users\me\a b.xlsx"), some("a b.xlsx"));
        assert_eq!(name("a\0b\r\n.csv"), some("ab.csv"));
        assert_eq!(name("\u{202e}vsc.exe"), some("vsc.exe"));
        assert_eq!(name("nul.csv"), some("_nul.csv"));
        assert_eq!(name("com1"), some("_com1"));
        assert_eq!(name("community.csv"), some("community.csv"));
        assert_eq!(name(&"x".repeat(500)).map(|name| name.len()), Some(200));
        for none in ["", "/", "..", "a/..", "\0", " . "] {
            assert_eq!(name(none), None, "{none:?}");
        }
    }
}
