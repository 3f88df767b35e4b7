//! Scratch folders: one's own while a lock is held, an orphan when its holder died.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use super::{StoreError, at};

/// A fresh folder, removed on drop. Its lock is held meanwhile, and goes with the process however that ends.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    lock_path: PathBuf,
    _lock: File,
}

impl Scratch {
    pub(super) fn create(parent: &Path) -> Result<Scratch, StoreError> {
        let folder = parent.join(Uuid::new_v4().simple().to_string());
        let lock_path = folder.with_extension("lock");
        // No sweep may see a folder whose lock is not held yet.
        let gate = lock(&parent.join("gate"))?;
        let own = lock(&lock_path)?;
        fs::create_dir(&folder).map_err(at("create", &folder))?;
        drop(gate);
        Ok(Scratch { folder, lock_path, _lock: own })
    }

    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What can't be removed now is an orphan for the next sweep.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.lock_path);
    }
}

/// Removes the folders whose holder is gone.
pub(super) fn sweep(parent: &Path) -> Result<(), StoreError> {
    let _gate = lock(&parent.join("gate"))?;
    for folder in orphans(parent)? {
        let _ = fs::remove_dir_all(&folder);
        let _ = fs::remove_file(folder.with_extension("lock"));
    }
    Ok(())
}

/// The folders that a sweep would remove.
pub(super) fn dead(parent: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let _gate = lock(&parent.join("gate"))?;
    let mut folders = orphans(parent)?;
    folders.retain(|folder| folder.is_dir());
    Ok(folders)
}

/// To be called with the gate held.
fn orphans(parent: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(parent).map_err(at("list", parent))? {
        let path = entry.map_err(at("list", parent))?.path();
        if path.file_name().is_some_and(|name| name == "gate") {
            continue;
        }
        let (folder, lock_path) = (path.with_extension(""), path.with_extension("lock"));
        let is_held = File::open(&lock_path).is_ok_and(|file| file.try_lock().is_err());
        if !is_held && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(at("create", path))?;
    file.lock().map_err(at("lock", path))?;
    Ok(file)
}
