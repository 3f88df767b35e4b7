//! What the file system says of a local file before it is read, and after.

use std::{fs::Metadata, path::Path, time::UNIX_EPOCH};

use crate::fault::{Code, Fault};

/// What the file system says of a regular file: another kind, such as a pipe or a device, may never end.
pub(super) fn regular(path: &Path) -> Result<Metadata, Fault> {
    let metadata = path.metadata().map_err(|error| unreadable(path, &error))?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    let refused = |what: &str| Fault::new(Code::InvalidArguments, format!("`{}` is {what}", path.display()));
    Err(if metadata.is_dir() {
        refused("a folder").hint("import its files one by one, or start Quire with `--open FOLDER`")
    } else {
        refused("no regular file, but a pipe, a socket or a device").hint("save what it gives to a file, and give that")
    })
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::new(Code::FileNotFound, format!("can't read `{}`: {error}", path.display()))
        .hint("check the path and that the file may be read")
}

/// Also still at its place: with no symbolic link on the way there.
pub(super) fn is_as_before(file: &Path, n_bytes: u64, modified: Option<i64>) -> bool {
    file.canonicalize().is_ok_and(|found| found == file)
        && file.metadata().is_ok_and(|now| now.len() == n_bytes && modified_ns(&now) == modified)
}

/// Nanoseconds since 1970, as the file system says.
pub(super) fn modified_ns(metadata: &Metadata) -> Option<i64> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}
