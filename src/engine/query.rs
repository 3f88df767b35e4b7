//! Runs one checked SELECT once, streaming: the first page to the caller, the rest, bounded, to a file.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use arrow_array::{Array, ArrayRef, StructArray};
use duckdb::{Connection, Statement};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Engine, fault, guard, json, types, version};
use crate::{
    fault::{Code, Fault},
    name::ColumnName,
    value::{Column, shortened},
};

/// How much of a result to answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PageRequest {
    pub max_rows: u64,
    /// Of the page as JSON, columns and rows together.
    pub max_bytes: usize,
    /// Where to keep the rows when the page can't hold them all.
    #[serde(default)]
    pub spill: Option<Spill>,
}

/// A file for the whole result, one row a line, and its bounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spill {
    pub file: PathBuf,
    pub max_rows: u64,
    pub max_bytes: u64,
}

/// The first rows of a result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    pub columns: Vec<Column>,
    /// Each a JSON array.
    pub rows: Vec<Box<RawValue>>,
    /// Rows of the whole result, where it was read to its end.
    pub n_total: Option<u64>,
    /// Whether there is more than `rows`.
    pub truncated: bool,
    /// Whether long texts were cut, since one row alone is over the budget.
    pub shortened: bool,
    pub spilled: Option<Spilled>,
}

/// What the spill file holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spilled {
    pub n_rows: u64,
    pub n_bytes: u64,
}

impl Engine {
    /// Runs a user's SQL. It may read the manifest's sheets, and only read.
    pub fn query(&mut self, sql: &str, request: &PageRequest) -> Result<Page, Fault> {
        let allowed = guard::check(&self.keeper, sql, &self.manifest)?;
        for sheet in &allowed.sheets {
            self.view(sheet)?;
        }
        let run = if allowed.is_plan { Engine::explain } else { Engine::run };
        match run(self, &allowed.sql, request) {
            Err(fault) if fault.code == Code::ColumnNotFound && self.befriend(&allowed.sheets, &allowed.sql)? => {
                // What is wrong with the query as it was written is what its author wants to hear of.
                let again = run(self, &allowed.sql, request).map_err(|_| fault);
                self.unfriend(&allowed.sheets)?;
                again
            }
            outcome => outcome,
        }
    }

    /// A page of a version file's rows in their own order, from `offset`; all columns where `columns` is empty.
    pub fn preview(&self, file: &Path, columns: &[String], offset: u64, request: &PageRequest) -> Result<Page, Fault> {
        self.sound.check(file)?;
        let quoted: Vec<String> = columns.iter().map(|column| ColumnName(column).quoted()).collect();
        let list = if quoted.is_empty() { "*".to_owned() } else { quoted.join(", ") };
        let sql = format!("SELECT {list} FROM {} LIMIT {} OFFSET {offset}", version(file), request.max_rows);
        self.run(&sql, request)
    }

    /// Runs `sql`, which is checked or ours, in a read-only transaction of its own.
    pub(super) fn run(&self, sql: &str, request: &PageRequest) -> Result<Page, Fault> {
        let connection = self.connection()?;
        let _armed = self.interrupts.arm(&connection);
        connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(fault)?;
        let (statement, columns) = opened(&connection, sql)?;
        paged(&statement, columns, request)
    }
}

/// Starts `sql`, whose rows come with `step`; columns of types that Arrow would harm come as text.
pub(super) fn opened<'c>(connection: &'c Connection, sql: &str) -> Result<(Statement<'c>, Vec<Column>), Fault> {
    let mut statement = connection.prepare(sql).map_err(fault)?;
    drop(statement.stream_arrow([]).map_err(fault)?);
    let columns = columns_of(&statement);
    let odd: Vec<bool> =
        (0..columns.len()).map(|col_idx| !types::is_plain(&statement.column_logical_type(col_idx))).collect();
    if !odd.contains(&true) {
        return Ok((statement, columns));
    }
    drop(statement);
    let mut statement = connection.prepare(&with_text_columns(sql, &odd)).map_err(fault)?;
    drop(statement.stream_arrow([]).map_err(fault)?);
    Ok((statement, columns))
}

fn columns_of(statement: &Statement<'_>) -> Vec<Column> {
    let names = statement.column_names().into_iter().enumerate();
    names
        .map(|(col_idx, name)| Column { name, type_name: types::name(&statement.column_logical_type(col_idx)) })
        .collect()
}

/// The same rows, the `odd` columns as text.
fn with_text_columns(sql: &str, odd: &[bool]) -> String {
    let list: Vec<String> = odd
        .iter()
        .zip(1..)
        .map(|(odd, position)| if *odd { format!("CAST(#{position} AS VARCHAR)") } else { format!("#{position}") })
        .collect();
    // The line break ends a comment that `sql` may end with.
    format!("SELECT {} FROM ({sql}\n)", list.join(", "))
}

/// Reads the executed statement to the page's end, and if there is more, on into the spill file.
fn paged(statement: &Statement<'_>, columns: Vec<Column>, request: &PageRequest) -> Result<Page, Fault> {
    let header = serde_json::to_string(&columns).map_err(Fault::internal)?.len();
    let mut budget = request.max_bytes.saturating_sub(header);
    let mut page = Page { columns, rows: Vec::new(), n_total: None, truncated: false, shortened: false, spilled: None };
    let mut line = String::new();
    let mut whole_first = None;
    while let Some(batch) = statement.step().map_err(fault)? {
        for row_idx in 0..batch.len() {
            line.clear();
            write_row(&mut line, batch.columns(), row_idx);
            let full = u64::try_from(page.rows.len()).is_ok_and(|n_rows| n_rows >= request.max_rows);
            if page.rows.is_empty() && line.len() > budget {
                page.shortened = true;
                page.truncated = true;
                let row = shortened(&line, budget).ok_or_else(|| too_wide(request.max_bytes))?;
                page.rows.push(raw(&row)?);
                whole_first = Some(std::mem::take(&mut line));
                budget = 0;
            } else if full || line.len() + 1 > budget {
                page.truncated = true;
                let Some(spill) = &request.spill else { return Ok(page) };
                let mut writer = SpillWriter::create(spill)?;
                for (page_idx, row) in page.rows.iter().enumerate() {
                    let whole = whole_first.as_deref().filter(|_| page_idx == 0);
                    writer.write(whole.unwrap_or(row.get()))?;
                }
                let complete = spill_rest(statement, &batch, row_idx, &mut writer)?;
                let spilled = writer.finish()?;
                page.n_total = complete.then_some(spilled.n_rows);
                page.spilled = Some(spilled);
                return Ok(page);
            } else {
                budget -= line.len() + 1;
                page.rows.push(raw(&line)?);
            }
        }
    }
    page.n_total = u64::try_from(page.rows.len()).ok();
    Ok(page)
}

/// Writes the rows from `row_idx` of `batch` on, up to the spill's bounds; answers whether those were all.
fn spill_rest(
    statement: &Statement<'_>,
    batch: &StructArray,
    row_idx: usize,
    writer: &mut SpillWriter<'_>,
) -> Result<bool, Fault> {
    let mut fits = writer.write_batch(batch, row_idx)?;
    while fits {
        let Some(batch) = statement.step().map_err(fault)? else { return Ok(true) };
        fits = writer.write_batch(&batch, 0)?;
    }
    Ok(false)
}

/// Bytes of a row that is kept whole: the server reads kept rows, and has no memory limit of its own.
const MAX_LINE: usize = 1 << 20;

struct SpillWriter<'a> {
    spill: &'a Spill,
    out: BufWriter<File>,
    n_rows: u64,
    n_bytes: u64,
    line: String,
}

impl<'a> SpillWriter<'a> {
    fn create(spill: &'a Spill) -> Result<SpillWriter<'a>, Fault> {
        let file = File::create(&spill.file).map_err(storage)?;
        Ok(SpillWriter { spill, out: BufWriter::new(file), n_rows: 0, n_bytes: 0, line: String::new() })
    }

    /// Whether all rows of `batch` from `first` on fit.
    fn write_batch(&mut self, batch: &StructArray, first: usize) -> Result<bool, Fault> {
        for row_idx in first..batch.len() {
            if self.n_rows >= self.spill.max_rows || self.n_bytes >= self.spill.max_bytes {
                return Ok(false);
            }
            let mut line = std::mem::take(&mut self.line);
            line.clear();
            write_row(&mut line, batch.columns(), row_idx);
            self.write(&line)?;
            self.line = line;
        }
        Ok(true)
    }

    fn write(&mut self, line: &str) -> Result<(), Fault> {
        let short = if line.len() > MAX_LINE { shortened(line, MAX_LINE) } else { None };
        let line = short.as_deref().unwrap_or(line);
        self.out.write_all(line.as_bytes()).and_then(|()| self.out.write_all(b"\n")).map_err(storage)?;
        self.n_rows += 1;
        self.n_bytes += u64::try_from(line.len()).unwrap_or(u64::MAX).saturating_add(1);
        Ok(())
    }

    fn finish(mut self) -> Result<Spilled, Fault> {
        self.out.flush().map_err(storage)?;
        Ok(Spilled { n_rows: self.n_rows, n_bytes: self.n_bytes })
    }
}

fn write_row(out: &mut String, columns: &[ArrayRef], row_idx: usize) {
    out.push('[');
    for (col_idx, column) in columns.iter().enumerate() {
        if col_idx > 0 {
            out.push(',');
        }
        json::write_cell(out, column, row_idx);
    }
    out.push(']');
}

pub(super) fn too_wide(max_bytes: usize) -> Fault {
    Fault::new(Code::LimitExceeded, format!("the columns and one row are over the reply's limit of {max_bytes} bytes"))
        .hint("name fewer columns, or set `max_bytes` higher")
}

pub(super) fn raw(line: &str) -> Result<Box<RawValue>, Fault> {
    RawValue::from_string(line.to_owned()).map_err(Fault::internal)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn storage(error: std::io::Error) -> Fault {
    Fault::new(Code::StorageFailed, format!("the result can't be kept: {error}")).hint("free some disk space")
}
