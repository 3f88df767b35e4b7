//! Rows out to files: CSV, XLSX, Parquet and JSON, and what was found that such a file can't say.
//!
//! Runs in the worker. A format that can't hold a value fails, or holds it in another way and says so: nothing is lost
//! without a word.

mod csv;
mod findings;
mod json;
mod output;
mod xlsx;

use std::{collections::HashSet, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    engine::{Engine, rows::Source},
    fault::{Code, Fault},
    value::Column,
};

use self::findings::Findings;

/// What a file is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    Csv,
    Xlsx,
    Parquet,
    Json,
}

/// A file to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// More than one only for a workbook.
    pub tables: Vec<Table>,
    pub format: Format,
    /// In a folder of its own, where the writer may put other files too.
    pub target: PathBuf,
    /// CSV: leave alone what a spreadsheet would take for a formula.
    pub keep_formulas: bool,
    /// Fail rather than write more; for what must go into a reply.
    pub max_bytes: Option<u64>,
}

/// Rows, and the name of the worksheet that they go to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Table {
    pub title: String,
    pub source: Source,
    /// Where it is known beforehand.
    pub n_rows: Option<u64>,
}

/// What became of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exported {
    pub tables: Vec<Written>,
    pub n_bytes: u64,
    /// CSV: cells that would have been taken for formulas, and have an apostrophe before them.
    pub n_neutralised: u64,
    /// What to know about the file.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Written {
    /// The worksheet's name, as it became.
    pub title: String,
    pub n_rows: u64,
    pub n_columns: u64,
}

/// Makes the file. `progress` is told the share of it that is done, 0 to 1.
pub fn export(engine: &mut Engine, order: &Order, progress: &mut dyn FnMut(f64)) -> Result<Exported, Fault> {
    let mut findings = Findings::default();
    let tables = match (order.format, order.tables.as_slice()) {
        (Format::Xlsx, _) => xlsx::write(engine, order, &mut findings, progress)?,
        (Format::Csv, [table]) => vec![csv::write(engine, order, table, &mut findings, progress)?],
        (Format::Json, [table]) => vec![json::write(engine, order, table, &mut findings, progress)?],
        (Format::Parquet, [table]) => vec![parquet(engine, order, table, &mut findings)?],
        (Format::Csv | Format::Json | Format::Parquet, _) => {
            return Err(Fault::new(
                Code::InvalidArguments,
                format!("a file of {} holds one table", order.format.name()),
            )
            .hint("use format `xlsx` for several sheets in one workbook, or make one call per sheet"));
        }
    };
    let n_bytes = order.target.metadata().map_err(output::storage)?.len();
    if let Some(limit) = order.max_bytes.filter(|limit| n_bytes > *limit) {
        return Err(output::too_long(limit));
    }
    Ok(Exported { tables, n_bytes, n_neutralised: findings.n_neutralised(), notes: findings.notes() })
}

fn parquet(engine: &mut Engine, order: &Order, table: &Table, findings: &mut Findings) -> Result<Written, Fault> {
    let (columns, n_rows) = engine.write_parquet(&table.source, &|columns| distinct_names(columns), &order.target)?;
    let names = distinct_names(&columns);
    findings.renamed(&columns, &names);
    Ok(Written::new(&table.title, n_rows, &columns))
}

impl Format {
    pub const ALL: [Format; 4] = [Format::Csv, Format::Xlsx, Format::Parquet, Format::Json];

    /// As callers write it; also the extension of its files.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Parquet => "parquet",
            Format::Json => "json",
        }
    }

    pub fn is_text(self) -> bool {
        match self {
            Format::Csv | Format::Json => true,
            Format::Xlsx | Format::Parquet => false,
        }
    }
}

impl Written {
    fn new(title: &str, n_rows: u64, columns: &[Column]) -> Written {
        let n_columns = u64::try_from(columns.len()).unwrap_or(u64::MAX);
        Written { title: title.to_owned(), n_rows, n_columns }
    }
}

/// The columns' names, later ones numbered where they repeat: a file with two columns of one name loses one of them in
/// most readers.
fn distinct_names(columns: &[Column]) -> Vec<String> {
    let written: HashSet<String> = columns.iter().map(|column| column.name.to_lowercase()).collect();
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let mut name = column.name.clone();
        let mut n = 2_u64;
        while taken.contains(&name.to_lowercase()) || (n > 2 && written.contains(&name.to_lowercase())) {
            name = format!("{}_{n}", column.name);
            n += 1;
        }
        taken.insert(name.to_lowercase());
        names.push(name);
    }
    names
}

/// The share of the rows behind, where their number is known.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a share for a progress bar")]
fn share(n_rows: u64, of: Option<u64>) -> f64 {
    of.filter(|of| *of > 0).map_or(0.0, |of| n_rows as f64 / of as f64).min(1.0)
}
