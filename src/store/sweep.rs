//! Removing the files that no catalog row names.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Store, StoreError, scratch};
use crate::{catalog::Catalog, fault::Fault};

impl Store {
    /// Drops what is old at the time `at` (Unix milliseconds) from the catalog, then removes orphaned files and the
    /// scratch folders of processes that died. Safe while any number of processes import.
    pub fn sweep(&self, catalog: &Catalog, at: i64) -> Result<(), Fault> {
        catalog.sweep(at, &mut |by_key| {
            for (key, files) in by_key {
                let dir = self.root.join(key);
                remove_others(&dir.join("versions"), &files.versions)?;
                remove_others(&dir.join("originals"), &files.originals)?;
                remove_others(&dir.join("results"), &files.results)?;
            }
            Ok(())
        })?;
        self.sweep_scratch()?;
        // Without the mark, the next sweep comes too early: no harm.
        let _ = fs::write(self.swept(), "");
        Ok(())
    }

    /// Removes the scratch folders of processes that died.
    pub fn sweep_scratch(&self) -> Result<(), StoreError> {
        self.scratches()?.iter().try_for_each(|parent| scratch::sweep(parent))
    }

    /// How many there are, and their bytes.
    pub fn dead_scratch(&self) -> Result<(usize, u64), StoreError> {
        let mut all = (0, 0);
        for parent in self.scratches()? {
            for folder in scratch::dead(&parent)? {
                all = (all.0 + 1, all.1 + n_bytes(&folder));
            }
        }
        Ok(all)
    }

    fn scratches(&self) -> Result<Vec<PathBuf>, StoreError> {
        let workspaces = fs::read_dir(&self.root).map_err(super::at("list", &self.root))?;
        let scratches = workspaces.flatten().map(|workspace| workspace.path().join("scratch"));
        Ok(scratches.filter(|parent| parent.is_dir()).collect())
    }

    /// Whether the last sweep of any process is no longer ago than that.
    pub fn was_swept_within(&self, time: Duration) -> bool {
        let modified = fs::metadata(self.swept()).and_then(|mark| mark.modified());
        modified.is_ok_and(|at| at.elapsed().is_ok_and(|ago| ago < time))
    }

    fn swept(&self) -> PathBuf {
        self.root.join("swept")
    }
}

/// Of all files below a folder.
fn n_bytes(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => n_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Removes the files whose stem is not among those to keep.
fn remove_others(folder: &Path, keep: &HashSet<String>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // A user who has not stored anything yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let is_kept = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| keep.contains(stem));
        if !is_kept {
            // On Windows a file that a worker has open stays until the next sweep.
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}
