//! Files that DuckDB itself reads (Parquet, JSON) into version files.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{Budget, Engine, Interrupts, PageRequest, fault, literal, nesting, pattern, version};
use crate::{
    fault::{Code, Fault},
    name::{ColumnName, MAX_COLUMN_NAME},
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

/// A table that was read.
#[derive(Debug)]
pub struct Converted {
    pub columns: Vec<Column>,
    pub n_rows: u64,
    /// The version file, where one was asked for.
    pub file: Option<PathBuf>,
}

/// Reads all of `source`, types from all rows; writes a version file into the folder `out` if there is one.
pub fn read(source: &Path, input: Input, out: Option<&Path>, reach: Reach<'_>) -> Result<Converted, Fault> {
    if input == Input::Json {
        nesting::check(source)?;
    }
    // By its descriptor, the file is in another folder than by its name: DuckDB looks at either.
    let real = source.canonicalize().unwrap_or_default();
    let folders: Vec<&Path> = [source, &real].into_iter().filter_map(Path::parent).chain(out).collect();
    let engine = Engine::open(reach.budget, &folders, None, reach.interrupts)?;
    let table = match input {
        Input::Parquet => version(source),
        Input::Json => json_table(source, engine.memory_bytes),
    };
    let found = engine.columns_of(&format!("SELECT * FROM {table}")).map_err(unreadable)?;
    check_limit("columns of a sheet", "--max-columns", count(found.len()), reach.limits.columns.into())?;
    let select = format!("SELECT {} FROM {table}", kept(&found));
    let n_rows_of = |table: &str| {
        let _armed = engine.interrupts.arm(&engine.keeper);
        let n_rows = engine.keeper.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        n_rows.map_err(|error| unreadable(fault(error)))
    };
    let check_cells = |n_rows: u64| {
        let n_cells = n_rows.saturating_mul(count(found.len()));
        check_limit("cells of a file", "--max-cells", n_cells, reach.limits.cells)
    };
    if input == Input::Parquet {
        check_cells(n_rows_of(&table)?)?;
    }
    let Some(folder) = out else {
        return Ok(Converted { columns: engine.columns_of(&select)?, n_rows: n_rows_of(&table)?, file: None });
    };
    let file = folder.join("0.parquet");
    {
        let _armed = engine.interrupts.arm(&engine.keeper);
        let copy = format!("COPY ({select}) TO {} ({PARQUET})", literal(&file));
        engine.keeper.execute_batch(&copy).map_err(|error| unreadable(fault(error)))?;
    }
    let n_rows = n_rows_of(&version(&file))?;
    check_cells(n_rows)?;
    // What the file holds, not what was asked of it: Parquet has fewer types than DuckDB.
    let columns = engine.columns_of(&format!("SELECT * FROM {}", version(&file)))?;
    Ok(Converted { columns, n_rows, file: Some(file) })
}

/// What a reading may use, and how it is ended early.
pub struct Reach<'a> {
    pub budget: &'a Budget,
    pub limits: Limits,
    pub interrupts: Interrupts,
}

/// What a conversion may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub cells: u64,
    pub columns: u32,
}

/// The columns to keep: what Parquet or Arrow would harm becomes text, and names that are too long end early.
fn kept(columns: &[Column]) -> String {
    // Of names that end early: how many began alike.
    let mut n_alike: HashMap<String, usize> = HashMap::new();
    let list: Vec<String> = columns
        .iter()
        .map(|column| {
            let name = ColumnName(&column.name).quoted();
            // A VARIANT comes through Arrow not at all.
            let is_odd = ["HUGEINT", "UHUGEINT", "VARIANT"].contains(&column.type_name.as_str());
            let is_too_long = column.name.chars().nth(MAX_COLUMN_NAME).is_some();
            let value = if is_odd { format!("CAST({name} AS VARCHAR)") } else { name.clone() };
            if is_too_long {
                let start: String = column.name.chars().take(MAX_COLUMN_NAME).collect();
                let n = n_alike.entry(start.to_lowercase()).or_default();
                *n += 1;
                format!("{value} AS {}", ColumnName(&format!("{start} … {n}")).quoted())
            } else if is_odd {
                format!("{value} AS {name}")
            } else {
                value
            }
        })
        .collect();
    list.join(", ")
}

fn unreadable(fault: Fault) -> Fault {
    if [Code::OutOfMemory, Code::Cancelled].contains(&fault.code) {
        return fault;
    }
    if fault.message.contains("maximum_object_size") {
        return Fault::new(Code::LimitExceeded, "one object of the JSON is larger than can be read").hint(
            "an object may have a sixteenth of `--memory`, from 16 to 64 MB: split it, or start Quire with more memory",
        );
    }
    // What follows the first line is our own SQL.
    let what = fault.message.lines().next().unwrap_or_default();
    Fault::new(Code::UnreadableFile, format!("the file can't be read: {what}"))
        .hint("check that it is whole, and is what its name says")
}

fn check_limit(what: &str, option: &str, found: u64, limit: u64) -> Result<(), Fault> {
    if found <= limit {
        return Ok(());
    }
    Err(Fault::new(Code::LimitExceeded, format!("{what}: {found} is over the limit of {limit}"))
        .hint(format!("split the file, or start Quire with a higher `{option}`")))
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

impl Engine {
    /// The columns of a file of JSON as an import has them.
    pub fn json_columns(&self, file: &Path) -> Result<Vec<Column>, Fault> {
        let table = json_table(file, self.memory_bytes);
        let found = self.columns_of(&format!("SELECT * FROM {table}"))?;
        self.columns_of(&format!("SELECT {} FROM {table}", kept(&found)))
    }

    /// Names and types of what a SELECT of ours answers.
    fn columns_of(&self, select: &str) -> Result<Vec<Column>, Fault> {
        let described_rows = self.run(&format!("DESCRIBE {select}"), &UNBOUNDED)?.rows;
        Ok(described_rows.iter().filter_map(|row| described(row.get())).collect())
    }
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

fn json_table(file: &Path, memory_bytes: u64) -> String {
    // Each thread's buffer is twice as large as the largest object, whatever the file has.
    let largest = LARGEST_OBJECT.min(memory_bytes / 16);
    let file = pattern(file);
    format!("read_json({file}, sample_size=-1, maximum_object_size={largest}, hive_partitioning=false)")
}

/// Bytes of one object of JSON; less where there is little memory.
const LARGEST_OBJECT: u64 = 64 << 20;
