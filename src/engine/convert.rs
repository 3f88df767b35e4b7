//! Files that DuckDB itself reads (Parquet, JSON) into version files, and version files out to other formats.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Budget, Engine, Interrupts, PageRequest, fault, literal};
use crate::{
    fault::{Code, Fault},
    value::Column,
};

/// How a version file is written: DESIGN's measured choice.
pub const PARQUET: &str = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION lz4_raw";

/// What DuckDB reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    Parquet,
    /// One array of objects, or objects one after another.
    Json,
}

/// What a version file can be turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    Csv,
    Json,
    Parquet,
}

/// A table that was read.
#[derive(Debug)]
pub struct Converted {
    pub columns: Vec<Column>,
    pub n_rows: u64,
    /// The version file, where one was asked for.
    pub file: Option<PathBuf>,
}

/// Reads all of `source`, types from all rows; writes a version file into the folder `out` if there is one.
pub fn read(
    source: &Path,
    input: Input,
    out: Option<&Path>,
    budget: &Budget,
    interrupts: Interrupts,
) -> Result<Converted, Fault> {
    let folders: Vec<&Path> = source.parent().into_iter().chain(out).collect();
    let engine = Engine::open(budget, &folders, interrupts)?;
    let table = match input {
        Input::Parquet => format!("read_parquet({})", literal(source)),
        Input::Json => format!("read_json({}, sample_size=-1, maximum_object_size=67108864)", literal(source)),
    };
    let unreadable = |fault: Fault| {
        if [Code::OutOfMemory, Code::Cancelled].contains(&fault.code) {
            return fault;
        }
        // What follows the first line is our own SQL.
        let what = fault.message.lines().next().unwrap_or_default();
        Fault::new(Code::UnreadableFile, format!("the file can't be read: {what}"))
            .hint("check that it is whole, and is what its name says")
    };
    let describe = engine.run(&format!("DESCRIBE SELECT * FROM {table}"), &UNBOUNDED).map_err(unreadable)?;
    let columns = describe.rows.iter().filter_map(|row| described(row.get())).collect();
    let armed = engine.interrupts.arm(&engine.keeper);
    let (file, counted) = match out {
        None => (None, table),
        Some(folder) => {
            let file = folder.join("0.parquet");
            let copy = format!("COPY (SELECT * FROM {table}) TO {} ({PARQUET})", literal(&file));
            engine.keeper.execute_batch(&copy).map_err(|error| unreadable(fault(error)))?;
            let counted = format!("read_parquet({})", literal(&file));
            (Some(file), counted)
        }
    };
    let n_rows = engine
        .keeper
        .query_row(&format!("SELECT count(*) FROM {counted}"), [], |row| row.get(0))
        .map_err(|error| unreadable(fault(error)))?;
    drop(armed);
    Ok(Converted { columns, n_rows, file })
}

/// Writes the version file `source` to `target` in another format.
pub fn write(
    source: &Path,
    output: Output,
    target: &Path,
    budget: &Budget,
    interrupts: Interrupts,
) -> Result<(), Fault> {
    let folders: Vec<&Path> = source.parent().into_iter().chain(target.parent()).collect();
    let engine = Engine::open(budget, &folders, interrupts)?;
    let options = match output {
        Output::Csv => "FORMAT csv, HEADER",
        Output::Json => "FORMAT json, ARRAY true",
        Output::Parquet => PARQUET,
    };
    let _armed = engine.interrupts.arm(&engine.keeper);
    let copy = format!("COPY (SELECT * FROM read_parquet({})) TO {} ({options})", literal(source), literal(target));
    engine.keeper.execute_batch(&copy).map_err(fault)
}

/// A row of DESCRIBE: name and type come first.
pub(super) fn described(row: &str) -> Option<Column> {
    let cells: Vec<serde_json::Value> = serde_json::from_str(row).ok()?;
    match cells.as_slice() {
        [name, type_name, ..] => {
            Some(Column { name: name.as_str()?.to_owned(), type_name: type_name.as_str()?.to_owned() })
        }
        _ => None,
    }
}

/// For statements of ours whose answers are small.
pub(super) const UNBOUNDED: PageRequest = PageRequest { max_rows: u64::MAX, max_bytes: usize::MAX, spill: None };
