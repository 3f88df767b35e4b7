//! Finding what is damaged in a data folder, and mending it.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

use super::House;
use crate::{
    catalog::{
        create_folder,
        repair::{Mended, VersionFile},
        salvage::{self, Salvaged},
    },
    fault::Fault,
    store::FileState,
};

/// Version files that are gone, or not what was written.
#[derive(Debug, Default)]
pub struct Damage {
    pub n_files: usize,
    /// Below the data folder, with the versions that name it.
    pub bad: Vec<BadFile>,
}

/// A version file that is gone, or not what was written.
#[derive(Debug)]
pub struct BadFile {
    /// Below the data folder.
    pub path: PathBuf,
    pub state: FileState,
    /// The versions that name it.
    pub versions: Vec<VersionFile>,
    /// Those of their sheets that have no good version left.
    pub lost: Vec<VersionFile>,
}

/// What is wrong with the catalog of a data folder, which need not be one that can be opened.
pub fn catalog_problems(data_dir: &Path) -> Result<Vec<String>, Fault> {
    Ok(salvage::problems(data_dir)?)
}

/// Makes a new catalog of what can be read of a damaged or lost one or of its copy, which go into `aside`; so do the
/// files that the new one does not name, or the next sweep would remove them.
pub fn salvage_catalog(data_dir: &Path, aside: &Path) -> Result<Salvaged, Fault> {
    Ok(salvage::salvage(data_dir, aside)?)
}

impl House {
    /// Reads every version file of every user.
    pub fn damage(&self) -> Result<Damage, Fault> {
        let mut by_file: HashMap<PathBuf, Vec<VersionFile>> = HashMap::new();
        for version in self.catalog.version_files()? {
            by_file.entry(below(&version)).or_default().push(version);
        }
        let mut damage = Damage { n_files: by_file.len(), bad: Vec::new() };
        let mut good: Vec<VersionFile> = Vec::new();
        for (path, versions) in by_file {
            let Some(first) = versions.first() else { continue };
            // One that can't be read at all is as bad.
            let state = self.store.peek(&first.key).state(&first.file).unwrap_or(FileState::Damaged);
            if state == FileState::Sound {
                good.extend(versions);
            } else {
                damage.bad.push(BadFile { path, state, versions, lost: Vec::new() });
            }
        }
        for bad in &mut damage.bad {
            let is_lost = |it: &&VersionFile| it.is_current && !good.iter().any(|other| other.is_beside(it));
            bad.lost = bad.versions.iter().filter(is_lost).cloned().collect();
        }
        damage.bad.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(damage)
    }

    /// Looks again at the files that were found to be bad, moves the damaged ones aside and drops the versions that name
    /// them. Those that were stored anew meanwhile are no `damage` any more.
    pub fn mend(&self, damage: &mut Damage, aside: &Path) -> Result<Vec<Mended>, Fault> {
        let suspects: Vec<VersionFile> = damage.bad.iter().flat_map(|bad| bad.versions.clone()).collect();
        let mut sound: HashSet<PathBuf> = HashSet::new();
        let mut mended = self.catalog.drop_versions(&suspects, &mut |it| {
            let path = below(it);
            let state = self.store.peek(&it.key).state(&it.file).unwrap_or(FileState::Damaged);
            match state {
                FileState::Sound => drop(sound.insert(path)),
                FileState::Damaged => move_into(&self.data_dir, &path, aside)?,
                FileState::Missing => {}
            }
            Ok(state != FileState::Sound)
        })?;
        damage.bad.retain(|bad| !sound.contains(&bad.path));
        mended.sort_by(|a, b| (&a.key, &a.sheet).cmp(&(&b.key, &b.sheet)));
        Ok(mended)
    }

    /// Keeps a copy of the catalog now, rather than at the next sweep.
    pub fn keep_copy(&self) -> Result<bool, Fault> {
        Ok(self.catalog.keep_copy(&self.data_dir)?)
    }

    /// Scratch folders that processes left which did not come to their end: how many, and their bytes.
    pub fn dead_scratch(&self) -> Result<(usize, u64), Fault> {
        Ok(self.store.dead_scratch()?)
    }

    /// Removes them.
    pub fn sweep_scratch(&self) -> Result<(), Fault> {
        Ok(self.store.sweep_scratch()?)
    }

    /// Ids of workspaces with version files, whose users the catalog does not know: it is not the one that named them.
    pub fn strangers(&self) -> Result<Vec<String>, Fault> {
        let known = self.catalog.user_keys()?;
        let folders = files(self.store.root()).into_iter().filter(|it| !files(&it.join("versions")).is_empty());
        let mut keys: Vec<String> =
            folders.filter_map(|folder| Some(folder.file_name()?.to_string_lossy().into_owned())).collect();
        keys.retain(|key| !known.contains(key));
        keys.sort();
        Ok(keys)
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Where the file of a version is, below the data folder.
fn below(version: &VersionFile) -> PathBuf {
    Path::new("workspaces").join(&version.key).join("versions").join(format!("{}.parquet", version.file))
}

fn move_into(data_dir: &Path, below: &Path, aside: &Path) -> io::Result<()> {
    let to = aside.join(below);
    let moved = to.parent().map_or(Ok(()), create_folder).and_then(|()| fs::rename(data_dir.join(below), &to));
    moved.map_err(|error| io::Error::new(error.kind(), format!("can't move `{}` aside: {error}", below.display())))
}
