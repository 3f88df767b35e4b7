//! A copy of the catalog as it is at one moment, while others read and write it.

use std::{
    collections::HashMap,
    fs::{self, File},
    path::Path,
};

use rusqlite::{Connection, OpenFlags};

use super::{CatalogError, Referenced, copy, private, schema, sweep};

/// Copies the catalog of one data folder into another, which has none, and answers by users' keys the files that the copy
/// names. Results are left out: they are a cache of an hour.
///
/// The copy is in place only when it is whole: `catalog.db` appears by a rename, done by [`finish`] when the files are there.
pub fn copy(from: &Path, to: &Path) -> Result<HashMap<String, Referenced>, CatalogError> {
    if let Some(lost) = copy::lost(from)? {
        return Err(CatalogError::Lost(lost));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from.join("catalog.db"), flags)?;
    source.busy_timeout(schema::BUSY_TIMEOUT)?;
    let partial = partial(to);
    let _ = fs::remove_file(&partial);
    // An empty file takes the content, and keeps its mode.
    drop(private::open_or_create(&partial)?);
    source.execute("VACUUM INTO ?1", [partial.to_string_lossy()])?;
    drop(source);
    let target = Connection::open_with_flags(&partial, flags)?;
    target.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    target.execute("DELETE FROM results", [])?;
    sweep::referenced(&target)
}

/// Makes the copy the folder's catalog.
pub fn finish(to: &Path) -> Result<(), CatalogError> {
    File::open(partial(to))?.sync_all()?;
    Ok(fs::rename(partial(to), to.join("catalog.db"))?)
}

fn partial(to: &Path) -> std::path::PathBuf {
    to.join("catalog.db.partial")
}
