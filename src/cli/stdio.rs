//! `quire stdio`: MCP over standard input and output.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_util::sync::CancellationToken;

use super::config::Settings;
use crate::{
    context::Context,
    fault::Fault,
    ingest::Options,
    mcp, tools,
    workspace::{House, SWEPT_EVERY, Workspace},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files or folders to import at start, like `--open`
    // Not named `open`: it would hide the setting of that name.
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(super) async fn run(mut settings: Settings, args: Args) -> Result<(), Fault> {
    settings.open.extend(args.paths);
    let registry = settings.equipped(tools::registry())?;
    let house = settings.house()?;
    let workspace = house.local()?;
    if workspace.requires_sandbox() {
        workspace.warm().await?;
    }
    // Beside the greeting, not before it.
    tokio::spawn(prepare(Arc::clone(&house), workspace.clone(), settings.open));
    let outcome = mcp::serve_stdio(Arc::new(registry), workspace).await;
    house.write_log().await;
    outcome
}

/// A warm worker first, then the files to open, then tidying for as long as the process serves.
async fn prepare(house: Arc<House>, workspace: Workspace, open: Vec<PathBuf>) {
    if !workspace.requires_sandbox() {
        // Should it fail, it is in the log, and every call says so.
        let _ = workspace.warm().await;
    }
    for path in open.iter().flat_map(|path| files_below(path)) {
        let context = Context { cancel: CancellationToken::new(), progress: &|_, _| () };
        let imported = workspace.import_path(&path.to_string_lossy(), Options::default(), &context).await;
        if let Err(fault) = imported {
            // The message may quote a cell.
            tracing::warn!(path = %path.display(), code = fault.code.name(), "a file could not be opened");
        }
    }
    // Tidying keeps nothing alive once the serving has ended.
    let served = Arc::downgrade(&house);
    drop((house, workspace));
    let mut hours = tokio::time::interval(SWEPT_EVERY);
    loop {
        hours.tick().await;
        let Some(house) = served.upgrade() else { return };
        if let Err(fault) = house.sweep().await {
            tracing::warn!(%fault, "old files could not be removed");
        }
    }
}

/// Endings of the files that a folder is opened for.
const ENDINGS: &[&str] =
    &["csv", "tsv", "tab", "xlsx", "xlsm", "xlsb", "xls", "ods", "parquet", "json", "jsonl", "ndjson"];

/// The path itself if it is a file; else the tables below it, but for hidden folders and files.
fn files_below(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut entries: Vec<PathBuf> = path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let is_hidden = |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let is_table = |path: &Path| {
        path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
    };
    let mut found = Vec::new();
    for entry in entries {
        if is_hidden(&entry) || entry.is_symlink() {
            continue;
        }
        if entry.is_dir() {
            found.extend(files_below(&entry));
        } else if is_table(&entry) {
            found.push(entry);
        }
    }
    found
}
