//! Reads files that people made: format, encoding, tables, headers and types, and a receipt for every decision.
//!
//! The only module that knows calamine and the CSV parser. What is wrong with a sheet's cells becomes issues; a
//! file that can't be opened at all, is over a limit or changes while it is read is a fault.

mod account;
mod build;
mod cell;
mod clock;
mod column;
mod columns;
pub mod declared;
mod dialect;
mod encoding;
mod evidence;
pub mod fixes;
pub mod format;
mod grains;
mod guise;
mod header;
mod identifier;
mod layout;
mod lines;
mod look;
mod mended;
mod merges;
mod moment;
mod months;
mod named;
mod number;
mod parquet;
mod quantity;
mod reading;
mod reason;
pub mod receipt;
pub mod reread;
mod show;
mod shown;
mod split;
mod sums;
mod survey;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod text;
mod units;
mod verbatim;
mod verdict;
mod window;
mod words;
mod workbook;

use std::{
    collections::{HashSet, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

use cell::Source;
use fixes::Fixes;
use format::Format;
use layout::{Listed, Region};
use receipt::Receipt;
use table::{Budget, Read};
use window::{Kept, Window};

/// What a caller may fix instead of leaving it to detection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Text files: what stands between two cells.
    pub delimiter: Option<String>,
    /// Text files: an encoding's WHATWG label.
    pub encoding: Option<String>,
    /// The row that heads the columns, counted from 1; 0 says that none does.
    pub header_row: Option<u64>,
    /// Workbooks: only this worksheet.
    pub sheet: Option<String>,
    #[serde(default)]
    pub totals: Totals,
    /// Columns whose cells are also kept as the text they were, in `NAME__raw`.
    #[serde(default)]
    pub raw_columns: Vec<String>,
    /// Decisions of earlier readings that were changed.
    #[serde(default, skip_serializing_if = "Fixes::is_empty")]
    pub fixes: Fixes,
}

/// What becomes of rows that sum up others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Totals {
    #[default]
    Exclude,
    Keep,
}

/// What a file may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub file_bytes: u64,
    /// Of a zipped workbook, all parts together once inflated.
    pub inflated_bytes: u64,
    /// Cells that hold something, per file.
    pub cells: u64,
    /// Per sheet.
    pub columns: u32,
    /// Per workbook.
    pub sheets: u32,
}

/// Why a file can't be read at all.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("can't read the file: {0}")]
    Io(#[from] std::io::Error),
    /// The format is known and not read here; the hint says what to do.
    #[error("{what}")]
    Unsupported { what: String, hint: String },
    /// Damaged, or not what it seems.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    #[error("the workbook is encrypted")]
    Encrypted,
    #[error("{what}: {found} is over the limit of {limit}")]
    Limit { what: &'static str, found: u64, limit: u64 },
    /// The text seemed to be UTF-8 and is not: it must be read again.
    #[error("the text is not UTF-8")]
    NotUtf8,
    #[error("{message}")]
    Option { message: String, hint: String },
}

/// A table that a reader found in a file.
struct Table {
    /// The worksheet's name, or the file's stem; of several tables there, its own title.
    title: String,
    /// The worksheet's name, or the file's stem, where the table is one of several in it.
    worksheet: Option<String>,
    hidden: bool,
    /// Whether its caller said where it lies.
    is_bounded: bool,
    /// The row that heads it, where the file says it.
    header_row: Option<u64>,
    /// The row of totals, where the file says it.
    totals_row: Option<u64>,
    /// What stands outside of it and of its like.
    notes: Vec<String>,
    source: Arc<dyn Source + Send>,
}

impl Table {
    /// Of a file or worksheet with this title, of which nothing more is known.
    fn of(title: String, source: impl Source + Send + 'static) -> Table {
        Table {
            title,
            worksheet: None,
            hidden: false,
            is_bounded: false,
            header_row: None,
            totals_row: None,
            notes: Vec::new(),
            source: Arc::new(source),
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Fault {
        let message = error.to_string();
        match error {
            ReadError::Io(_) | ReadError::NotUtf8 => Fault::new(Code::UnreadableFile, message),
            ReadError::Unsupported { hint, .. } => Fault::new(Code::UnsupportedFormat, message).hint(hint),
            ReadError::Damaged(_) => Fault::new(Code::UnreadableFile, message)
                .hint("open it in the program that made it and save it again, or export the sheet as CSV"),
            ReadError::Encrypted => Fault::new(Code::UnreadableFile, message).hint("save it without a password"),
            ReadError::Limit { what, .. } => Fault::new(Code::LimitExceeded, message).hint(beyond(what)),
            ReadError::Option { hint, .. } => Fault::new(Code::InvalidArguments, message).hint(hint),
        }
    }
}

/// What to do about a file that is over a limit: which option raises it, or how to do without.
fn beyond(what: &str) -> &'static str {
    match what {
        "cells of a file" => "split the file, or start Quire with a higher `--max-cells`",
        "columns of a sheet" => "split the sheet, or start Quire with a higher `--max-columns`",
        "sheets of a workbook" => "split the workbook, or start Quire with a higher `--max-sheets`",
        "tables of a file" => {
            "say by `header_row` that a text is one table, split the file, or start Quire with a higher `--max-sheets`"
        }
        "bytes of a file" | "bytes of the file" | "bytes of the workbook once inflated" => {
            "split the file, or start Quire with a higher `--max-file-size`"
        }
        "bytes of an XLS file" | "cells of an XLS file, blank ones included" => {
            "no option raises this limit: save the workbook as XLSX or CSV"
        }
        // Shared strings, styles and what else is fixed.
        _ => "no option raises this limit: split the workbook, or export the sheet as CSV",
    }
}

/// The format of a file, by its content; `name` only breaks ties.
pub fn detect(file: &Path, name: &str) -> Result<Format, Fault> {
    Ok(format::detect(file, name)?)
}

/// Reads a file's tables and says what was found.
///
/// `name`: the file's name, for titles and ties. `out`: a folder for one Parquet file per table; without it nothing is
/// written. `progress` is told the share of the file that was read, 0 to 1. Parquet and JSON are not read here.
pub fn read(
    file: &Path,
    name: &str,
    options: &Options,
    limits: &Limits,
    out: Option<&Path>,
    progress: &mut dyn FnMut(f64),
) -> Result<Receipt, Fault> {
    let format = opened(file, name, limits)?;
    if let (Format::Csv, Some(sheet)) = (format, &options.sheet) {
        return Err(ReadError::Option {
            message: format!("`{name}` is text and has no worksheet `{sheet}`"),
            hint: "leave `sheet` out; it picks a worksheet of a workbook".to_owned(),
        }
        .into());
    }
    Ok(match format {
        Format::Csv => text::read(file, name, options, limits, out, progress)?,
        Format::Xlsx | Format::Xlsm | Format::Xlsb | Format::Xls | Format::Ods => {
            let (tables, mut issues) = workbook::tables(file, format, options, limits)?;
            let mut receipt = read_tables(tables, options, limits, out, progress)?;
            format.name().clone_into(&mut receipt.format);
            issues.append(&mut receipt.issues);
            Receipt { issues, ..receipt }
        }
        Format::Parquet | Format::Json | Format::Ndjson => return Err(elsewhere(format)),
    })
}

/// Hands every row of the file's main table to `row`, its header first, as the text it was; rows that a workbook leaves
/// out are blank.
pub fn raw(
    file: &Path,
    name: &str,
    options: &Options,
    limits: &Limits,
    row: &mut dyn FnMut(&[&str]) -> std::io::Result<()>,
) -> Result<(), Fault> {
    if file.metadata().is_ok_and(|found| found.len() == 0) {
        return Ok(());
    }
    let format = opened(file, name, limits)?;
    match format {
        Format::Csv => text::raw(file, name, options, limits, row)?,
        Format::Xlsx | Format::Xlsm | Format::Xlsb | Format::Xls | Format::Ods => {
            verbatim::largest(&workbook::tables(file, format, options, limits)?.0, row)?;
        }
        Format::Parquet | Format::Json | Format::Ndjson => return Err(elsewhere(format)),
    }
    Ok(())
}

/// The format of a file within its limit of size.
fn opened(file: &Path, name: &str, limits: &Limits) -> Result<Format, ReadError> {
    let n_bytes = file.metadata()?.len();
    if n_bytes > limits.file_bytes {
        return Err(ReadError::Limit { what: "bytes of a file", found: n_bytes, limit: limits.file_bytes });
    }
    format::detect(file, name)
}

fn elsewhere(format: Format) -> Fault {
    Fault::new(Code::UnsupportedFormat, format!("{} is not read as rows of cells", format.name()))
}

/// The receipts of all tables, each written to a file of its own.
fn read_tables(
    tables: Vec<Table>,
    options: &Options,
    limits: &Limits,
    out: Option<&Path>,
    progress: &mut dyn FnMut(f64),
) -> Result<Receipt, ReadError> {
    let mut budget = Budget { limits, n_cells: 0 };
    let mut receipt =
        Receipt { format: String::new(), encoding: None, delimiter: None, sheets: Vec::new(), issues: Vec::new() };
    let n_tables = tables.len();
    let mut empty = tally::Tally::default();
    let mut unreadable = tally::Tally::default();
    let mut damage = None;
    let mut n_files = 0_usize;
    // A part may be called as its worksheet is, which is no table then.
    let mut taken: HashSet<String> = HashSet::new();
    if n_tables > 1 {
        taken.extend(tables.iter().map(|table| table.title.clone()));
    }
    for (idx, table) in tables.into_iter().enumerate() {
        let mut waiting = VecDeque::from([table]);
        while let Some(table) = waiting.pop_front() {
            let path: Option<PathBuf> = out.map(|out| out.join(format!("{n_files}.parquet")));
            n_files += 1;
            let mut overall = |share: f64| progress(within(idx, n_tables, share));
            let table = bounded(table, options)?;
            match table::read(&table, options, path, &mut budget, &mut overall) {
                Ok(Read::Sheet(sheet)) => receipt.sheets.push(*sheet),
                Ok(Read::Empty) => empty.add(|| table.title.clone()),
                Ok(Read::Several(regions, kept)) => {
                    let found = u64::try_from(receipt.sheets.len() + regions.len()).unwrap_or(u64::MAX);
                    let limit = u64::from(limits.sheets);
                    if found > limit {
                        return Err(ReadError::Limit { what: "tables of a file", found, limit });
                    }
                    if n_tables > 1 {
                        taken.remove(&table.title);
                    }
                    waiting.extend(parts(&table, regions, kept.as_ref(), &mut taken));
                }
                Err(ReadError::Damaged(what)) => {
                    unreadable.add(|| format!("{}: {what}", table.title));
                    damage.get_or_insert(what);
                }
                Err(error) => return Err(error),
            }
        }
    }
    if let Some(what) = damage.filter(|_| receipt.sheets.is_empty()) {
        return Err(ReadError::Damaged(what));
    }
    receipt.issues.extend(unreadable.issue("unreadable_sheets", "sheets left out because they are damaged"));
    receipt.issues.extend(empty.issue("empty_sheets", "tables without any cell were left out"));
    Ok(receipt)
}

/// The table within the region that its caller gave it.
fn bounded(table: Table, options: &Options) -> Result<Table, ReadError> {
    let region = options.fixes.of(&table.title).and_then(|fix| fix.region.as_deref());
    let Some(region) = region.map(Region::parse).transpose()? else { return Ok(table) };
    let source = Arc::new(Window { source: Arc::clone(&table.source), region, kept: None });
    Ok(Table { source, is_bounded: true, ..table })
}

/// The tables of one worksheet, each named by its title, or by its place.
fn parts(table: &Table, regions: Vec<Listed>, kept: Option<&Arc<Kept>>, taken: &mut HashSet<String>) -> Vec<Table> {
    let title = |region: &Region, nth: u64| match (&region.title, nth) {
        (Some(title), _) => title.clone(),
        (None, 1) => table.title.clone(),
        (None, nth) => format!("{} {nth}", table.title),
    };
    let parts = regions.into_iter().zip(1_u64..).map(|(Listed { region, header_row, totals_row, notes }, nth)| Table {
        title: apart(&title(&region, nth), taken),
        header_row,
        totals_row,
        notes: table.notes.iter().cloned().chain(notes).collect(),
        worksheet: Some(table.title.clone()),
        hidden: table.hidden,
        is_bounded: false,
        source: Arc::new(Window { source: Arc::clone(&table.source), region, kept: kept.cloned() }),
    });
    parts.collect()
}

/// Titles tell the tables of a file apart when it is read again: one that is there twice gets a number.
fn apart(title: &str, taken: &mut HashSet<String>) -> String {
    let numbered = (2_u64..).map(|n| format!("{title} {n}"));
    let free = [title.to_owned()].into_iter().chain(numbered).find(|title| !taken.contains(title));
    let free = free.unwrap_or_else(|| title.to_owned());
    taken.insert(free.clone());
    free
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a share for a progress bar")]
fn within(idx: usize, n_tables: usize, share: f64) -> f64 {
    (idx as f64 + share) / n_tables.max(1) as f64
}

/// A file's name without its last extension.
fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}
