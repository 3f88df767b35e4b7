//! A copy of the catalog as it is at one moment, while others read and write it.

use std::{
    collections::HashMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use super::{
    CatalogError, Referenced,
    copy::{self, COPY, FILE},
    private, salvage, settle, sweep,
};

/// The copy until all files that it names are there, too. Its being there is what tells an unfinished copy.
const PARTIAL: &str = "catalog.db.partial";

/// A folder that a data folder is being copied into. No other process does so, or opens it, while this is held.
#[derive(Debug)]
pub struct Target {
    folder: PathBuf,
    _in_use: File,
}

impl Target {
    /// Begins a copy in a folder, which is made where it is not there; an unfinished one in it is removed. None where the
    /// folder holds anything else.
    ///
    /// Fails with `InUse` while another process copies into it.
    pub fn begin(folder: &Path) -> Result<Option<Target>, CatalogError> {
        if !is_free(folder)? {
            return Ok(None);
        }
        private::create_folder(folder)?;
        let in_use = private::open_or_create(&folder.join(salvage::IN_USE))?;
        if in_use.try_lock().is_err() {
            return Err(CatalogError::InUse);
        }
        // Whoever held the lock may have come to the end meanwhile.
        if !is_free(folder)? {
            return Ok(None);
        }
        // First and to the end, so that a kill at any time leaves what `is_unfinished` knows.
        drop(private::open_or_create(&folder.join(PARTIAL))?);
        private::sync_folder(folder)?;
        match fs::remove_dir_all(folder.join("workspaces")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        Ok(Some(Target { folder: folder.to_owned(), _in_use: in_use }))
    }

    /// Copies the catalog of a data folder, and answers by users' keys the files that the copy names. Results are left
    /// out: they are a cache of an hour.
    pub fn copy(&self, from: &Path) -> Result<HashMap<String, Referenced>, CatalogError> {
        if settle::is_left(from) {
            drop(salvage::in_use(from)?);
        }
        if let Some(lost) = copy::lost(from)? {
            return Err(CatalogError::Lost(lost));
        }
        let partial = self.folder.join(PARTIAL);
        for ending in ["-wal", "-shm", "-journal"] {
            settle::remove(&self.folder.join(format!("{PARTIAL}{ending}")))?;
        }
        copy::into(&from.join(FILE), &partial)?;
        let target = Connection::open_with_flags(&partial, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        target.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
        target.execute("DELETE FROM results", [])?;
        sweep::referenced(&target)
    }

    /// Makes the copy the folder's catalog, when the files are there: by a rename, so it is in place only when it is whole.
    pub fn finish(self) -> Result<(), CatalogError> {
        let partial = self.folder.join(PARTIAL);
        private::open_or_create(&partial)?.sync_all()?;
        fs::rename(partial, self.folder.join(FILE))?;
        Ok(private::sync_folder(&self.folder)?)
    }
}

/// Whether a folder holds nothing but a copy that was not finished.
pub(super) fn is_unfinished(folder: &Path) -> bool {
    folder.join(PARTIAL).is_file() && !folder.join(FILE).exists() && !folder.join(COPY).exists()
}

/// Whether there is nothing in a folder that a copy may not remove.
fn is_free(folder: &Path) -> Result<bool, CatalogError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    let is_unfinished = is_unfinished(folder);
    for entry in entries {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let is_ours = name == salvage::IN_USE || is_unfinished && (name.starts_with(PARTIAL) || name == "workspaces");
        if !is_ours {
            return Ok(false);
        }
    }
    Ok(true)
}
