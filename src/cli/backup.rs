//! `quire backup` and `quire restore`: copies of the data folder.

use std::path::{Path, PathBuf, absolute};

use serde_json::json;

use super::{config::Settings, terminal::print_json};
use crate::{
    auth,
    fault::{Code, Fault},
    workspace::copy_data,
};

#[derive(Debug, clap::Args)]
pub(super) struct BackupArgs {
    /// A folder that does not exist yet, or is empty, in one that exists; it becomes a data folder like the one it was made of
    #[arg(value_name = "FOLDER")]
    to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    /// What `quire backup` made; it goes into `--data-dir`, which must not exist yet or be empty
    #[arg(value_name = "FOLDER")]
    from: PathBuf,
}

pub(super) async fn back_up(settings: Settings, args: BackupArgs) -> Result<(), Fault> {
    // Those above it are not made: a disk that is not there would be filled where it is to be.
    let parent = absolute(&args.to).ok().and_then(|to| to.parent().map(Path::to_owned));
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        return Err(Fault::new(
            Code::FileNotFound,
            format!("there is no folder `{}` to make `{}` in", parent.display(), args.to.display()),
        )
        .hint("see that the disk for backups is mounted; otherwise make that folder first"));
    }
    copy(settings.folder()?, args.to).await
}

pub(super) async fn restore(settings: Settings, args: RestoreArgs) -> Result<(), Fault> {
    copy(args.from, settings.folder()?).await
}

async fn copy(from: PathBuf, to: PathBuf) -> Result<(), Fault> {
    let copied = copy_data(from.clone(), to.clone()).await?;
    let keys = auth::copy_keys(&from, &to);
    print_json(&json!({
        "folder": to,
        "n_files": copied.n_files,
        "n_bytes": copied.n_bytes,
        "missing": copied.missing,
        "damaged": copied.damaged,
    }))?;
    keys.map_err(|fault| Fault {
        message: format!("everything but the signing keys was copied: {}", fault.message),
        ..fault
    })?;
    match copied.missing.iter().chain(&copied.damaged).next() {
        None => Ok(()),
        Some(first) => Err(Fault::new(
            Code::StorageFailed,
            format!(
                "{} version files are missing or damaged, such as `{first}`",
                copied.missing.len() + copied.damaged.len()
            ),
        )
        .hint("everything else was copied; look for these files in an older backup")),
    }
}
