//! Finding what is damaged in a data folder, and mending it.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use super::House;
use crate::{
    catalog::{
        create_folder, now,
        repair::{Mended, VersionFile},
        salvage::{self, Salvaged},
    },
    fault::{Code, Fault},
    store::FileState,
};

/// Version files that are gone, or not what was written.
#[derive(Debug, Default)]
pub struct Damage {
    pub n_files: usize,
    /// Below the data folder, with the versions that name it.
    pub bad: Vec<(PathBuf, FileState, Vec<VersionFile>)>,
}

/// A fresh name in the data folder for what is moved out of the way.
pub fn aside(data_dir: &Path) -> PathBuf {
    data_dir.join("aside").join(now().to_string())
}

/// What is wrong with the catalog of a data folder, which need not be one that can be opened.
pub fn catalog_problems(data_dir: &Path) -> Vec<String> {
    salvage::problems(data_dir)
}

/// Makes a new catalog of what can be read of a damaged one, which goes into `aside`; so do the version files and
/// originals that the new one does not name, or the next sweep would remove them.
pub fn salvage_catalog(data_dir: &Path, aside: &Path) -> Result<Salvaged, Fault> {
    Ok(salvage::salvage(data_dir, aside)?)
}

impl House {
    /// Reads every version file of every user.
    pub fn damage(&self) -> Result<Damage, Fault> {
        let mut by_file: HashMap<PathBuf, Vec<VersionFile>> = HashMap::new();
        for version in self.catalog.version_files()? {
            let path = Path::new("workspaces").join(&version.key).join("versions");
            by_file.entry(path.join(format!("{}.parquet", version.file))).or_default().push(version);
        }
        let mut damage = Damage { n_files: by_file.len(), bad: Vec::new() };
        for (path, versions) in by_file {
            let (Some(key), Some(hash)) = (versions.first().map(|it| &it.key), versions.first().map(|it| &it.file))
            else {
                continue;
            };
            // One that can't be read at all is as bad.
            let state = self.store.peek(key).state(hash).unwrap_or(FileState::Damaged);
            if state != FileState::Sound {
                damage.bad.push((path, state, versions));
            }
        }
        damage.bad.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(damage)
    }

    /// Moves damaged files aside and drops the versions that name them.
    pub fn mend(&self, damage: &Damage, aside: &Path) -> Result<Vec<Mended>, Fault> {
        let mut bad: Vec<VersionFile> = damage.bad.iter().flat_map(|(_, _, versions)| versions.clone()).collect();
        bad.sort_by(|a, b| (&a.key, &a.sheet, a.number).cmp(&(&b.key, &b.sheet, b.number)));
        let mended = self.catalog.drop_versions(&bad)?;
        for (path, state, _) in &damage.bad {
            if *state == FileState::Damaged {
                move_into(&self.data_dir, path, aside)?;
            }
        }
        Ok(mended)
    }

    /// Moves the files that the catalog does not name aside; answers how many.
    pub fn set_unnamed_aside(&self, aside: &Path) -> Result<usize, Fault> {
        let named: Vec<VersionFile> = self.catalog.version_files()?;
        let mut n_moved = 0;
        let workspaces = self.store.root();
        for folder in files(workspaces).into_iter().filter(|folder| folder.is_dir()) {
            let key = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for file in files(&folder.join("versions")) {
                let stem = file.file_stem().unwrap_or_default().to_string_lossy();
                if !named.iter().any(|it| it.key == key && it.file == *stem) {
                    let below = file.strip_prefix(&self.data_dir).unwrap_or(&file);
                    move_into(&self.data_dir, below, aside)?;
                    n_moved += 1;
                }
            }
        }
        Ok(n_moved)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn move_into(data_dir: &Path, below: &Path, aside: &Path) -> Result<(), Fault> {
    let to = aside.join(below);
    let moved = to.parent().map_or(Ok(()), create_folder).and_then(|()| fs::rename(data_dir.join(below), &to));
    moved.map_err(|error| {
        Fault::new(Code::StorageFailed, format!("can't move `{}` aside: {error}", below.display()))
            .hint("see that the data folder is writable")
    })
}
