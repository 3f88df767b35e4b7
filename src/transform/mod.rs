//! Typed steps into SQL, each one SELECT over the step before it, and what came of them.
//!
//! Runs in the worker. The SQL is composed here, and checked and run by `engine`.

mod chain;
mod columns;
mod ops;
mod parse;
mod rows;
mod step;
mod tables;

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

/// The name of the version file in the folder that a request names.
pub const TRANSFORMED: &str = "transformed.parquet";

/// Rows and columns of a sample, and its bytes.
const SAMPLE: PageRequest = PageRequest { max_rows: 5, max_bytes: 6_000, spill: None };
const N_SAMPLE_COLUMNS: usize = 50;

/// Checks that the steps are well formed, without looking at any sheet.
pub fn check(steps: &[Value]) -> Result<(), Fault> {
    step::parse_all(steps).map(|_| ())
}

/// Applies the steps in order.
pub fn run(engine: &mut Engine, request: &Request) -> Result<Transformed, Fault> {
    let steps = step::parse_all(&request.steps)?;
    let is_dry = request.out.is_none();
    let mut chain = Chain::new(engine, &request.sheet, is_dry)?;
    for (step, position) in steps.iter().zip(1..) {
        let op =
            request.steps.get(position - 1).and_then(|it| it.get("op")).and_then(Value::as_str).unwrap_or_default();
        apply(&mut chain, step).map_err(|fault| at_step(fault, position, op))?;
        chain.end_step();
    }
    let (columns, n_rows, file, sql) = if let Some(folder) = &request.out {
        let file = folder.join(TRANSFORMED);
        let (columns, n_rows, sql) = write(&mut chain, &file)?;
        (columns, n_rows, Some(file), sql)
    } else {
        let (list, notes) = duck::storable(&chain.columns, "BIGINT");
        chain.notes.extend(notes);
        let sql = chain.over(&format!("SELECT {} FROM {}", list.join(", "), chain.last()));
        let columns = chain.engine.columns(&sql)?;
        let n_rows = chain.number(&format!("SELECT count(*) FROM {}", chain.last()))?;
        (columns, n_rows, None, sql)
    };
    let unconverted = chain.unconverted()?;
    let sample = sample(&mut chain, file.as_deref())?;
    Ok(Transformed { columns, n_rows, file, unconverted, sample, sql, notes: chain.notes })
}

fn apply(chain: &mut Chain<'_>, step: &Step) -> Result<(), Fault> {
    let select = match step {
        Step::Filter { .. }
        | Step::Dedupe { .. }
        | Step::Sort { .. }
        | Step::Limit { .. }
        | Step::Sql { .. }
        | Step::Union { .. } => rows::select(chain, step)?,
        Step::Group { .. } | Step::Pivot { .. } | Step::Unpivot { .. } | Step::Join { .. } | Step::Window { .. } => {
            tables::select(chain, step)?
        }
        Step::ParseDates { columns, format, to, on_error } => parse::dates(chain, columns, format, *to, *on_error)?,
        Step::ParseNumbers { columns, decimal, to, on_error } => {
            parse::numbers(chain, columns, *decimal, to, *on_error)?
        }
        Step::Select { .. }
        | Step::Drop { .. }
        | Step::Rename { .. }
        | Step::Cast { .. }
        | Step::Derive { .. }
        | Step::Fill { .. }
        | Step::Replace { .. }
        | Step::Trim { .. }
        | Step::Split { .. }
        | Step::Merge { .. } => columns::select(chain, step)?,
    };
    chain.push(&select)
}

/// Writes the version file. Sums of whole numbers are kept as 64 bits where they fit, else as decimals.
fn write(chain: &mut Chain<'_>, file: &Path) -> Result<(Vec<Column>, u64, String), Fault> {
    let attempt = |chain: &mut Chain<'_>, wide: &str, columns: &[Column]| {
        let (list, notes) = duck::storable(columns, wide);
        let sql = chain.over(&format!("SELECT {} FROM {}", list.join(", "), chain.last()));
        let (written, n_rows) = chain.engine.write_version(&sql, file)?;
        chain.notes.extend(notes);
        Ok((written, n_rows, sql))
    };
    let columns = chain.columns.clone();
    let is_wide = columns.iter().any(|column| column.type_name.starts_with("HUGEINT"));
    match attempt(chain, "BIGINT", &columns) {
        Err(fault) if duck::is_conversion(&fault) => {
            // The conversions that the steps ask for first: their cells can be named.
            if let Some(bad) = chain.strict_failure()? {
                return Err(bad);
            }
            if is_wide { attempt(chain, "DECIMAL(38,0)", &columns) } else { Err(fault) }
        }
        Err(fault) if fault.message.contains("negative intervals") => {
            let as_text = |column: &Column| match column.type_name.as_str() {
                "INTERVAL" => Column { type_name: "UNION(".to_owned(), ..column.clone() },
                _ => column.clone(),
            };
            let columns: Vec<Column> = columns.iter().map(as_text).collect();
            chain.notes.push("durations are kept as text: a file can't hold negative ones".to_owned());
            let (list, _) = duck::storable(&columns, "BIGINT");
            let sql = chain.over(&format!("SELECT {} FROM {}", list.join(", "), chain.last()));
            let (written, n_rows) = chain.engine.write_version(&sql, file)?;
            Ok((written, n_rows, sql))
        }
        other => other,
    }
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
    let message = fault.message.lines().next().unwrap_or_default();
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
