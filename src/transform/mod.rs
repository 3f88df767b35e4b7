//! Typed steps into SQL, each one SELECT over the step before it, and what came of them.
//!
//! Runs in the worker. The SQL is composed here, and checked and run by `engine`.

mod chain;
mod columns;
mod dates;
mod fill;
mod join;
mod numbers;
mod ops;
mod rows;
mod step;
mod tables;
mod usual;
mod window;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::{chain::Chain, step::Step};
use crate::{
    engine::{Engine, Page, PageRequest, transform as duck},
    fault::{Code, Fault},
    name::SheetName,
    value::Column,
};

pub use self::ops::OPS;

/// What to do to a sheet's rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// The sheet, as the manifest has it.
    pub sheet: SheetName,
    pub steps: Vec<Value>,
    /// A folder for what does not fit into memory.
    pub scratch: PathBuf,
    /// A folder for the version file; none only looks at what would happen.
    pub out: Option<PathBuf>,
}

/// What came of the steps, or would.
#[derive(Debug, Serialize, Deserialize)]
pub struct Transformed {
    pub columns: Vec<Column>,
    pub n_rows: u64,
    /// The version file, where one was asked for.
    pub file: Option<PathBuf>,
    pub unconverted: Vec<Unconverted>,
    /// The first rows.
    pub sample: Page,
    pub sql: String,
    pub notes: Vec<String>,
    /// The steps with what they found out about the rows, so that they do the same to other rows.
    pub steps: Vec<Value>,
}

/// Cells of a column that can't be what a step makes of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unconverted {
    /// From 1.
    pub step: usize,
    pub column: String,
    /// The type they don't fit.
    pub to: String,
    pub n_cells: u64,
    pub examples: Vec<String>,
}

impl Unconverted {
    /// Such as "2 cells of `price`".
    pub fn cells(&self) -> String {
        cells(self.n_cells, &self.column)
    }
}

fn cells(n_cells: u64, column: &str) -> String {
    format!("{n_cells} {} of `{column}`", if n_cells == 1 { "cell" } else { "cells" })
}

/// The name of the version file in the folder that a request names.
pub const TRANSFORMED: &str = "transformed.parquet";

/// Rows and columns of a sample, and its bytes.
const SAMPLE: PageRequest = PageRequest { max_rows: 5, max_bytes: 6_000, spill: None };
const N_SAMPLE_COLUMNS: usize = 50;
const MAX_NOTES: usize = 10;

/// Checks that the steps are well formed, without looking at any sheet.
pub fn check(steps: &[Value]) -> Result<(), Fault> {
    step::parse_all(steps).map(|_| ())
}

/// Applies the steps in order.
pub fn run(engine: &mut Engine, request: &Request) -> Result<Transformed, Fault> {
    let steps = step::parse_all(&request.steps)?;
    let is_dry = request.out.is_none();
    let mut chain = Chain::new(engine, &request.sheet, is_dry)?;
    for ((step, given), position) in steps.iter().zip(&request.steps).zip(1..) {
        apply(&mut chain, step).map_err(|fault| at_step(fault, position, op_of(given)))?;
        chain.end_step(given);
    }
    let file = request.out.as_ref().map(|folder| folder.join(TRANSFORMED));
    let (columns, n_rows, sql) = match write(&mut chain, file.as_deref()) {
        Err(fault) if fault.code == Code::InvalidSql => return Err(blamed(&mut chain, fault, &request.steps)),
        other => other?,
    };
    let unconverted = chain.unconverted()?;
    let sample = sample(&mut chain, file.as_deref())?;
    let n_more = chain.notes.len().saturating_sub(MAX_NOTES);
    chain.notes.truncate(MAX_NOTES);
    if n_more > 0 {
        chain.notes.push(format!("{n_more} more notes of this kind"));
    }
    let Chain { notes, kept, .. } = chain;
    Ok(Transformed { columns, n_rows, file, unconverted, sample, sql, notes, steps: kept })
}

fn op_of(step: &Value) -> &str {
    step.get("op").and_then(Value::as_str).unwrap_or_default()
}

fn apply(chain: &mut Chain<'_>, step: &Step) -> Result<(), Fault> {
    let select = match step {
        Step::Filter { expr } => rows::filter(chain, expr)?,
        Step::Select { columns } => columns::select(chain, columns)?,
        Step::Drop { columns } => columns::drop(chain, columns)?,
        Step::Rename { column, to, columns } => columns::rename(chain, column, to, columns)?,
        Step::Cast { columns, to, on_error } => columns::cast(chain, columns, to, *on_error)?,
        Step::Derive { column, expr } => columns::derive(chain, column, expr)?,
        Step::Fill { columns, value, method, by } => fill::fill(chain, columns, value.as_ref(), *method, by)?,
        Step::Replace { columns, from, to, values, mode } => {
            fill::replace(chain, columns, from.as_ref().zip(to.as_ref()), values, *mode)?
        }
        Step::Trim { columns, collapse, case, empty_to_null } => {
            columns::trim(chain, columns, *collapse, *case, *empty_to_null)?
        }
        Step::Split { column, by, into, keep } => columns::split(chain, column, by, into, *keep)?,
        Step::Merge { columns, by, to, keep } => columns::merge(chain, columns, by, to, *keep)?,
        Step::ParseDates { columns, format, to, on_error, found } => {
            dates::dates(chain, columns, format, *to, *on_error, *found)?
        }
        Step::ParseNumbers { columns, decimal, to, on_error, found } => {
            numbers::numbers(chain, columns, *decimal, to, *on_error, *found)?
        }
        Step::Dedupe { columns, keep } => rows::dedupe(chain, columns, *keep)?,
        Step::Sort { by, descending } => rows::sort(chain, by, *descending)?,
        Step::Limit { n, offset } => rows::limit(chain, *n, *offset),
        Step::Group { by, aggregates } => tables::group(chain, by, aggregates)?,
        Step::Pivot { by, column, values, aggregate, into } => {
            tables::pivot(chain, by, column, values, aggregate, into)?
        }
        Step::Unpivot { columns, name, value } => tables::unpivot(chain, columns, name, value)?,
        Step::Join { sheet, on, how, columns } => join::join(chain, sheet, on, *how, columns)?,
        Step::Union { sheet } => rows::union(chain, sheet)?,
        Step::Window { column, expr, by, order, rows } => window::window(chain, column, expr, by, order, *rows)?,
        Step::Sql { sql } => rows::sql(chain, sql)?,
    };
    chain.push(&select)
}

/// Writes the version file, or without one computes what would be written. Sums of whole numbers are kept as 64 bits
/// where they fit, else as decimals.
fn write(chain: &mut Chain<'_>, file: Option<&Path>) -> Result<(Vec<Column>, u64, String), Fault> {
    let unheld = unheld_durations(chain)?;
    let attempt = |chain: &mut Chain<'_>, wide: &str| {
        let (list, notes) = duck::storable(&chain.columns, wide, &unheld);
        let select = format!("SELECT {} FROM {}", list.join(", "), chain.last());
        let sql = chain.over(&select);
        let (columns, n_rows) = match file {
            Some(file) => chain.engine.write_version(&sql, file)?,
            None => (chain.engine.columns(&sql)?, chain.compute(&select)?),
        };
        chain.notes.extend(notes);
        Ok((columns, n_rows, sql))
    };
    match attempt(chain, "BIGINT") {
        Err(fault) if duck::is_conversion(&fault) => {
            // The conversions that the steps ask for first: their cells can be named.
            if let Some(bad) = chain.strict_failure()? {
                return Err(bad);
            }
            let is_wide = chain.columns.iter().any(|column| duck::is_wide(&column.type_name));
            if is_wide { attempt(chain, "DECIMAL(38,0)") } else { Err(fault) }
        }
        other => other,
    }
}

/// Columns of durations that a Parquet file would change: it holds none that are negative, and only milliseconds.
fn unheld_durations(chain: &mut Chain<'_>) -> Result<Vec<Column>, Fault> {
    let durations: Vec<Column> = chain.columns.iter().filter(|it| it.type_name == "INTERVAL").cloned().collect();
    let mut unheld = Vec::new();
    for column in durations {
        let cell = chain::quoted(&column);
        let parts: Vec<String> = ["year", "month", "day", "hour", "minute", "microseconds"]
            .iter()
            .map(|part| format!("date_part('{part}', {cell})"))
            .collect();
        let n_unheld = chain.number(&format!(
            "SELECT count(*) FROM {} WHERE least({}) < 0 OR date_part('microseconds', {cell}) % 1000 <> 0",
            chain.last(),
            parts.join(", ")
        ))?;
        if n_unheld > 0 {
            unheld.push(column);
        }
    }
    Ok(unheld)
}

/// The fault with the first step whose cells can't be computed.
fn blamed(chain: &mut Chain<'_>, fault: Fault, steps: &[Value]) -> Fault {
    for (step, position) in steps.iter().zip(1..) {
        match chain.compute(&format!("SELECT * FROM \"#{position}\"")) {
            Err(found) if found.code == Code::InvalidSql => return at_step(found, position, op_of(step)),
            _ => {}
        }
    }
    Fault { message: first_line(&fault.message).to_owned(), ..fault }
}

fn sample(chain: &mut Chain<'_>, file: Option<&Path>) -> Result<Page, Fault> {
    let columns: Vec<Column> = chain.columns.iter().take(N_SAMPLE_COLUMNS).cloned().collect();
    let list = chain::list(&columns);
    if let Some(file) = file {
        return chain.engine.rows_of_file(file, &list, &SAMPLE);
    }
    let sql = chain.over(&format!("SELECT {list} FROM {} LIMIT 5", chain.last()));
    chain.engine.query(&sql, &SAMPLE)
}

/// The fault with the step that it concerns, and the column that is meant where one is unknown.
fn at_step(fault: Fault, position: usize, op: &str) -> Fault {
    let message = first_line(&fault.message);
    let message = message.strip_prefix("Binder Error: ").unwrap_or(message);
    let missing = message.strip_prefix("Referenced column \"").and_then(|rest| rest.split_once('"'));
    if let Some((column, _)) = missing.filter(|_| [Code::InvalidSql, Code::ColumnNotFound].contains(&fault.code)) {
        let near = fault.message.split_once("Candidate bindings: \"").and_then(|(_, rest)| rest.split_once('"'));
        let missing = Fault::new(Code::ColumnNotFound, format!("step {position} (`{op}`): no column `{column}`"));
        let near = near.map(|(near, _)| near.rsplit('.').next().unwrap_or(near));
        return missing.hint(match near {
            Some(near) => format!("did you mean `{near}`? Quote texts as 'text', and odd names as \"name\""),
            None => "steps see the columns that the steps before them leave".to_owned(),
        });
    }
    Fault { message: format!("step {position} (`{op}`): {message}"), ..fault }
}

/// DuckDB's other lines quote the SQL that was composed here.
fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}
