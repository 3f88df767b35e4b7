//! The copy of the catalog that sweeps keep for the day that it is lost, and what tells that one is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{Catalog, CatalogError, backup, now, private, schema};

pub(super) const FILE: &str = "catalog.db";
/// The newest whole copy, made by sweeps.
pub(super) const COPY: &str = "catalog.db.copy";

impl Catalog {
    /// Keeps a copy of the catalog for the day that it is damaged; none of a damaged one. Whether it is sound.
    ///
    /// A copy of another catalog, which has users that this one has not, is set aside: no user is ever removed, so this
    /// one did not come of it.
    pub fn keep_copy(&self, folder: &Path) -> Result<bool, CatalogError> {
        if !self.check()?.problems.is_empty() {
            return Ok(false);
        }
        // One at a time, so that what a killed process left is replaced by the next.
        let lock = private::open_or_create(&folder.join(format!("{COPY}.lock")))?;
        if lock.try_lock().is_err() {
            return Ok(true);
        }
        let partial = folder.join(format!("{COPY}.partial"));
        let copied = into(&folder.join(FILE), &partial)
            .and_then(|()| Ok(private::open_or_create(&partial)?.sync_all()?))
            .and_then(|()| keep_other(folder, &partial))
            .and_then(|()| Ok(fs::rename(&partial, folder.join(COPY))?));
        if let Err(error) = copied {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        Ok(true)
    }
}

/// Copies a catalog as it is at one moment into a file that is not yet anyone's, with one connection of its own: what
/// reads may not do it, and what writes would hold up others.
pub(super) fn into(catalog: &Path, partial: &Path) -> Result<(), CatalogError> {
    let source = Connection::open_with_flags(catalog, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.busy_timeout(schema::BUSY_TIMEOUT)?;
    // An empty file takes the content, and keeps its mode.
    private::open_or_create(partial)?.set_len(0)?;
    source.execute("VACUUM INTO ?1", [partial.to_string_lossy()])?;
    Ok(())
}

/// Sets the copy aside where it knows users that the newer one does not.
fn keep_other(folder: &Path, newer: &Path) -> Result<(), CatalogError> {
    let copy = folder.join(COPY);
    // One that can't be read is of no use.
    let Some(old) = users(&copy) else { return Ok(()) };
    let known = users(newer).unwrap_or_default();
    if old.iter().all(|key| known.contains(key)) {
        return Ok(());
    }
    let aside = aside(folder);
    tracing::warn!(path = %aside.display(), "the copy of the catalog is of another catalog: it is set aside");
    private::create_folder(&aside)?;
    Ok(fs::rename(&copy, aside.join(COPY))?)
}

/// Keys of the users that a catalog file names; None where that can't be read.
fn users(file: &Path) -> Option<Vec<String>> {
    let conn = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
    let mut statement = conn.prepare("SELECT key FROM users NOT INDEXED").ok()?;
    let keys = statement.query_map([], |row| row.get(0)).ok()?;
    keys.collect::<Result<_, _>>().ok()
}

/// A fresh name in the data folder for what is moved out of the way.
pub fn aside(folder: &Path) -> PathBuf {
    folder.join("aside").join(now().to_string())
}

/// What is lost, in words, where a data folder has no rows of a catalog and yet what only one with rows leaves behind.
///
/// Fails with `Unfinished` where there is no catalog yet: it is the target of a copy that did not come to its end.
pub fn lost(folder: &Path) -> Result<Option<String>, CatalogError> {
    if backup::is_unfinished(folder) {
        return Err(CatalogError::Unfinished(folder.display().to_string()));
    }
    let file = folder.join(FILE);
    let state = match fs::metadata(&file) {
        Ok(there) if there.len() > 0 => return Ok(None),
        Ok(_) => "is empty",
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => "is missing",
        Err(error) => return Err(error.into()),
    };
    Ok(traces(folder).map(|traces| format!("`{}` {state}, and there {traces}", file.display())))
}

/// What of an earlier catalog is in a folder, in words.
pub(super) fn traces(folder: &Path) -> Option<&'static str> {
    if folder.join(COPY).metadata().is_ok_and(|copy| copy.len() > 0) {
        return Some("is a copy of it from the last sweep");
    }
    let workspaces = fs::read_dir(folder.join("workspaces")).ok()?;
    let mut versions = workspaces.flatten().filter_map(|it| fs::read_dir(it.path().join("versions")).ok()).flatten();
    versions.any(|file| file.is_ok()).then_some("are files of sheets in `workspaces/`")
}
