//! Copies of version files and originals from one data folder into another, each checked by what its name says.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File},
    io,
    path::Path,
};

use super::{Store, StoreError, at};
use crate::{
    catalog::{Referenced, sync_folder},
    digest::copy_hashed,
};

/// What a copy of a data folder came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copied {
    pub n_files: u64,
    pub n_bytes: u64,
    /// Files that the catalog names and that are not there, below `workspaces/`.
    pub missing: Vec<String>,
    /// Files whose content is not what their name says, below `workspaces/`; they are not copied.
    pub damaged: Vec<String>,
}

impl Store {
    /// Copies the files that a catalog names into the store of another data folder. Those that are there already are kept.
    pub fn copy_to(&self, to: &Store, named: &HashMap<String, Referenced>) -> Result<Copied, StoreError> {
        let mut copied = Copied::default();
        for (key, files) in named {
            let target = to.workspace(key)?;
            let source = self.root.join(key);
            let folders = [("versions", "parquet", &files.versions), ("originals", "zst", &files.originals)];
            for (folder, ending, stems) in folders {
                copied.add(&source.join(folder), &target.root.join(folder), (ending, stems))?;
            }
        }
        Ok(copied)
    }
}

impl Copied {
    fn add(&mut self, from: &Path, to: &Path, (ending, stems): (&str, &HashSet<String>)) -> Result<(), StoreError> {
        for stem in stems {
            let name = format!("{stem}.{ending}");
            let (source, target) = (from.join(&name), to.join(&name));
            let partial = to.join(format!("{name}.partial"));
            let mut open = match File::open(&source) {
                Ok(open) => open,
                // An original is kept for uploads only.
                Err(error) if error.kind() == io::ErrorKind::NotFound && ending == "zst" => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.missing.push(shown(&source));
                    continue;
                }
                Err(error) => return Err(at("open", &source)(error)),
            };
            if target.is_file() {
                continue;
            }
            let mut out = File::create(&partial).map_err(at("create", &partial))?;
            let (hash, n_bytes) = copy_hashed(&mut open, &mut out).map_err(at("copy", &source))?;
            out.sync_all().map_err(at("write", &partial))?;
            // An original is named by what it was before it was compressed.
            if ending == "parquet" && hash != *stem {
                self.damaged.push(shown(&source));
                fs::remove_file(&partial).map_err(at("remove", &partial))?;
                continue;
            }
            fs::rename(&partial, &target).map_err(at("write", &target))?;
            self.n_files += 1;
            self.n_bytes += n_bytes;
        }
        sync_folder(to).map_err(at("write", to))
    }
}

/// The last three parts of a path: workspace, folder, file.
fn shown(path: &Path) -> String {
    let parts: Vec<String> = path.iter().rev().take(3).map(|part| part.to_string_lossy().into_owned()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}
