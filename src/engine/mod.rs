//! The only module that knows DuckDB: opens it locked down, checks SQL, runs it, and turns rows into JSON.
//!
//! Runs in the worker process, as plain synchronous functions. Nothing here writes to a sheet.

mod answers;
pub mod convert;
pub mod expression;
mod friendly;
mod guard;
mod interrupt;
mod json;
mod nesting;
pub mod outline;
mod plan;
pub mod profile;
mod query;
pub mod rows;
pub mod sound;
pub mod transform;
pub mod types;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use duckdb::{Config, Connection};
use serde::{Deserialize, Serialize};

use crate::{
    fault::{Code, Fault},
    name::SheetName,
};

pub use interrupt::Interrupts;
pub use query::{Page, PageRequest, Spill, Spilled};

/// What DuckDB may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    pub memory_bytes: u64,
    /// 0 leaves it to DuckDB: one per core.
    pub threads: u32,
}

/// A DuckDB that sees the version files of one workspace and nothing else.
pub struct Engine {
    /// Parses, holds the views; a user's SQL never runs on it.
    keeper: Connection,
    /// The workspace's sheets, by name, with their version files.
    manifest: BTreeMap<SheetName, PathBuf>,
    /// Sheets that have a view, and the file that it reads.
    views: BTreeMap<SheetName, PathBuf>,
    sound: sound::Sound,
    interrupts: Interrupts,
    memory_bytes: u64,
}

impl Engine {
    /// Opens a database in memory that may read below `folders`, and locks its configuration. What exceeds its memory goes
    /// into files below the folder `spill`, up to a bound; without one it is a fault.
    pub fn open(
        budget: &Budget,
        folders: &[&Path],
        spill: Option<&Path>,
        interrupts: Interrupts,
    ) -> Result<Engine, Fault> {
        let keeper = open_locked(budget, folders, spill)?;
        let memory_bytes = budget.memory_bytes;
        let (manifest, views, sound) = (BTreeMap::new(), BTreeMap::new(), sound::Sound::default());
        Ok(Engine { keeper, manifest, views, sound, interrupts, memory_bytes })
    }

    /// What DuckDB may use.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Replaces what the workspace holds: each sheet's name and version file.
    pub fn set_manifest(&mut self, manifest: BTreeMap<SheetName, PathBuf>) -> Result<(), Fault> {
        let stale: Vec<SheetName> = self
            .views
            .iter()
            .filter(|(name, file)| manifest.get(*name) != Some(*file))
            .map(|(name, _)| name.clone())
            .collect();
        for name in stale {
            self.keeper.execute_batch(&format!("DROP VIEW IF EXISTS {}", name.quoted())).map_err(fault)?;
            self.views.remove(&name);
        }
        self.manifest = manifest;
        Ok(())
    }

    /// A connection of its own for one statement, so that nothing temporary outlives it.
    fn connection(&self) -> Result<Connection, Fault> {
        self.keeper.try_clone().map_err(fault)
    }

    /// Makes sure that `name` can be read, and that its file is what was written.
    fn view(&mut self, name: &SheetName) -> Result<(), Fault> {
        let Some(file) = self.manifest.get(name) else {
            return Err(Fault::internal(format!("sheet `{name}` is not in the manifest")));
        };
        self.sound.check(file).map_err(|fault| sound::of_sheet(fault, name.as_str()))?;
        if self.views.contains_key(name) {
            return Ok(());
        }
        let sql = format!("CREATE OR REPLACE VIEW {} AS SELECT * FROM {}", name.quoted(), version(file));
        self.keeper.execute_batch(&sql).map_err(fault)?;
        self.views.insert(name.clone(), file.clone());
        Ok(())
    }
}

/// Bytes on disk that one engine may take for each of its memory.
const SPILLED_PER_BYTE: u64 = 10;

/// An in-memory DuckDB without network, extensions, temporary files outside `spill`, or any file but those below
/// `folders`.
fn open_locked(budget: &Budget, folders: &[&Path], spill: Option<&Path>) -> Result<Connection, Fault> {
    let mut config = Config::default();
    // Empty rather than not set: DuckDB would add a default one to the folders that may be written.
    let spill = spill.map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default();
    for (setting, value) in [
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("allow_community_extensions", "false"),
        ("temp_directory", &spill),
        ("max_memory", &format!("{}B", budget.memory_bytes)),
    ] {
        config = config.with(setting, value).map_err(fault)?;
    }
    if budget.threads > 0 {
        config = config.threads(budget.threads.into()).map_err(fault)?;
    }
    let connection = Connection::open_in_memory_with_flags(config).map_err(fault)?;
    // A file is asked for by a pattern, and DuckDB compares that with the folder's name as it stands.
    let mut folders: Vec<String> = folders.iter().flat_map(|folder| [literal(folder), pattern(folder)]).collect();
    folders.dedup();
    let max_spilled = budget.memory_bytes.saturating_mul(SPILLED_PER_BYTE);
    connection
        .execute_batch(&format!(
            "SET GLOBAL TimeZone='UTC'; SET GLOBAL parquet_metadata_cache=true; {} \
             SET GLOBAL allowed_directories=[{}]; SET GLOBAL enable_external_access=false; \
             SET GLOBAL lock_configuration=true",
            // Among the options of opening, DuckDB 1.5 takes it and does not hold it.
            if spill.is_empty() {
                String::new()
            } else {
                format!("SET GLOBAL max_temp_directory_size='{max_spilled}B';")
            },
            folders.join(",")
        ))
        .map_err(fault)?;
    Ok(connection)
}

/// A path as a string literal of SQL, for what takes one path.
fn literal(path: &Path) -> String {
    // The long form of a path on Windows, which DuckDB does not know.
    let path = path.to_string_lossy();
    format!("'{}'", path.strip_prefix(r"\\?\").unwrap_or(&path).replace('\'', "''"))
}

/// A path as a string literal of SQL, for what takes a pattern: `[`, `*` and `?` stand for themselves.
fn pattern(path: &Path) -> String {
    let mut escaped = String::new();
    for c in literal(path).chars() {
        match c {
            '[' | '*' | '?' => escaped.extend(['[', c, ']']),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A version file as a table.
fn version(file: &Path) -> String {
    format!("read_parquet({}, hive_partitioning=false)", pattern(file))
}

/// A message with the bare names of files for their paths below the data folder, which no caller needs to know.
fn without_folders(message: &str) -> String {
    let bare = |piece: &str| match piece.rsplit_once('/') {
        Some((folder, name)) if folder.contains("/workspaces/") => name.to_owned(),
        Some(_) | None => piece.to_owned(),
    };
    message.split_inclusive(['\'', '"']).map(bare).collect()
}

/// What DuckDB says, as a fault: its kinds of error are prefixes of the message.
fn fault(error: duckdb::Error) -> Fault {
    if let duckdb::Error::FromSqlConversionFailure(col_idx, duckdb::types::Type::Variant, _) = &error {
        let message = format!("column {} of the result is a VARIANT, which can't be answered", col_idx + 1);
        return Fault::new(Code::InvalidSql, message).hint("cast it, such as `v::JSON` or `v::VARCHAR`");
    }
    let text = if let duckdb::Error::DuckDBFailure(_, Some(text)) = error { text } else { error.to_string() };
    let message = without_folders(text.trim_end());
    if message.starts_with("INTERRUPT") {
        return Fault::new(Code::Cancelled, "the query was interrupted");
    }
    if message.contains("max_temp_directory_size") {
        return Fault::new(
            Code::OutOfMemory,
            "the steps need more room on disk than they may use: ten times `--memory`",
        )
        .hint("aggregate or filter earlier, sort fewer columns, or split the steps over several calls");
    }
    if message.starts_with("Out of Memory")
        || message.contains("std::bad_alloc")
        || message.contains("failed to allocate")
    {
        return Fault::new(Code::OutOfMemory, "the query needs more memory than it may use")
            .hint("aggregate or filter earlier, sort fewer columns, or add a LIMIT");
    }
    if message.starts_with("IO Error") && !message.contains("No files found") {
        return Fault::new(Code::StorageFailed, message)
            .hint("see that the data folder's disk has free space and can be written to, then try again");
    }
    if message.starts_with("Binder Error: Referenced column") || message.contains("does not have a column named") {
        return Fault::new(Code::ColumnNotFound, message).hint("`describe_sheet` shows a sheet's columns and values");
    }
    if let Some(fault) = too_deep(&message) {
        return fault;
    }
    let hint = match message.split_once(" Error:").map(|(kind, _)| kind) {
        Some("Binder") => "`describe_sheet` shows a sheet's columns and their types",
        Some("Conversion") => {
            "TRY_CAST gives null where a value does not fit; `describe_sheet` shows columns and values"
        }
        Some("Parser" | "Catalog" | "Not implemented" | "Mismatch Type") => "the dialect is DuckDB's",
        _ => "",
    };
    Fault::new(Code::InvalidSql, message).hint(hint)
}

/// What DuckDB's parser and binder say of SQL that is beyond their depth, without its advice to change a setting.
fn too_deep(message: &str) -> Option<Fault> {
    let is_it = message.contains("max_expression_depth") || message.contains("memory exhausted at or near");
    is_it.then(|| {
        Fault::new(Code::InvalidSql, "the SQL is nested too deeply, or one expression of it is too long")
            .hint("use IN (...), a list, or a join with (VALUES ...) in place of a long chain")
    })
}
