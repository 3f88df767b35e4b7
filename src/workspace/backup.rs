//! Copies of a whole data folder, for backup and for restoring one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::blocking;
use crate::{
    catalog::{self, copy, storage_fault},
    fault::{Code, Fault},
    store::{Copied, Store},
};

/// Tries while sheets are swept between the catalog's copy and that of its files.
const N_TRIES: usize = 3;

/// Copies a data folder, which may be in use, into an empty or a new one: its catalog as it is at one moment, and all the
/// files that it names. The copy is a data folder itself.
///
/// Fails with `conflict` when the target holds something, and with `file_not_found` where there is nothing to copy.
pub async fn copy_data(from: PathBuf, to: PathBuf) -> Result<Copied, Fault> {
    blocking(move || {
        check(&from, &to)?;
        catalog::create_folder(&to)
            .map_err(|error| storage_fault(format!("can't make `{}`: {error}", to.display()), &error))?;
        let (source, target) = (Store::open(&from)?, Store::open(&to)?);
        let mut copied = Copied::default();
        for _ in 0..N_TRIES {
            let named = catalog::backup::copy(&from, &to)?;
            let more = source.copy_to(&target, &named)?;
            copied.n_files += more.n_files;
            copied.n_bytes += more.n_bytes;
            (copied.missing, copied.damaged) = (more.missing, more.damaged);
            if copied.missing.is_empty() {
                break;
            }
        }
        catalog::backup::finish(&to)?;
        Ok(copied)
    })
    .await
}

fn check(from: &Path, to: &Path) -> Result<(), Fault> {
    if !from.join("catalog.db").is_file() && copy::lost(from)?.is_none() {
        return Err(Fault::new(
            Code::FileNotFound,
            format!("`{}` is no data folder: it has no catalog", from.display()),
        )
        .hint("name the folder that `quire doctor` shows, or one that `quire backup` made"));
    }
    let is_empty = match fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if !is_empty {
        return Err(Fault::new(Code::Conflict, format!("`{}` is not an empty folder", to.display()))
            .hint("name one that does not exist yet"));
    }
    if inside(from, to) {
        return Err(Fault::new(
            Code::InvalidArguments,
            format!("`{}` is inside `{}`, which is to be copied", to.display(), from.display()),
        )
        .hint("name a folder elsewhere, best on another disk"));
    }
    Ok(())
}

/// Whether `to`, which need not be there, lies in `from`.
fn inside(from: &Path, to: &Path) -> bool {
    let Ok(from) = from.canonicalize() else { return false };
    let Ok(to) = std::path::absolute(to) else { return false };
    to.ancestors().find_map(|it| it.canonicalize().ok()).is_some_and(|it| it.starts_with(&from))
}
