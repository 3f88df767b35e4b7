//! Copies of a whole data folder, for backup and for restoring one.

use std::path::{Path, PathBuf};

use super::blocking;
use crate::{
    catalog::{CatalogError, backup::Target, copy},
    fault::{Code, Fault},
    store::{Copied, Store},
};

/// Tries while sheets are swept between the catalog's copy and that of its files.
const N_TRIES: usize = 3;

/// Copies a data folder, which may be in use, into an empty or a new one: its catalog as it is at one moment, and all the
/// files that it names. The copy is a data folder itself. A copy that was killed is begun anew in its target.
///
/// Fails with `conflict` when the target holds something, and with `file_not_found` where there is nothing to copy.
pub async fn copy_data(from: PathBuf, to: PathBuf) -> Result<Copied, Fault> {
    blocking(move || {
        check(&from, &to)?;
        let Some(begun) = Target::begin(&to).map_err(|error| in_target(error, &to))? else {
            return Err(Fault::new(Code::Conflict, format!("`{}` is not an empty folder", to.display()))
                .hint("name one that does not exist yet"));
        };
        let (source, target) = (Store::open(&from)?, Store::open(&to)?);
        let mut copied = Copied::default();
        for _ in 0..N_TRIES {
            let named = begun.copy(&from)?;
            let more = source.copy_to(&target, &named)?;
            copied.n_files += more.n_files;
            copied.n_bytes += more.n_bytes;
            (copied.missing, copied.damaged) = (more.missing, more.damaged);
            if copied.missing.is_empty() {
                break;
            }
        }
        begun.finish()?;
        Ok(copied)
    })
    .await
}

/// What keeps a copy from being begun.
fn in_target(error: CatalogError, to: &Path) -> Fault {
    if matches!(error, CatalogError::InUse) {
        let message = format!("another process copies a data folder into `{}`", to.display());
        return Fault::new(Code::Conflict, message).hint("wait until it has ended, or name another folder");
    }
    let fault = Fault::from(error);
    Fault { message: format!("`{}`: {}", to.display(), fault.message), ..fault }
}

fn check(from: &Path, to: &Path) -> Result<(), Fault> {
    if !from.join("catalog.db").is_file() && copy::lost(from)?.is_none() {
        return Err(Fault::new(
            Code::FileNotFound,
            format!("`{}` is no data folder: it has no catalog", from.display()),
        )
        .hint("name the folder that `quire doctor` shows, or one that `quire backup` made"));
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
