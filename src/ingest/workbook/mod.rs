//! Workbooks, by calamine: XLSX, XLSM and XLSB cell by cell, XLS whole and therefore small; ODS by a reader of our own.

mod formats;
mod inflated;
mod listed;
mod markup;
mod ods;
mod package;
mod records;
mod rows;
mod serial;
mod spread;
#[cfg(test)]
mod tests;
mod xls;
mod zipped;

use std::{
    any::Any,
    fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use calamine::{CellErrorType, Sheet, SheetType, SheetVisible, XlsbError, XlsxError};

use super::{Limits, Options, ReadError, Table, cell::Source, format::Format, receipt::Issue};

/// The tables of a workbook, one for each worksheet with any cell in it, in the workbook's order.
pub(super) fn tables(
    file: &Path,
    format: Format,
    options: &Options,
    limits: &Limits,
) -> Result<(Vec<Table>, Vec<Issue>), ReadError> {
    let n_bytes = fs::metadata(file)?.len();
    if n_bytes > limits.file_bytes {
        return Err(ReadError::Limit { what: "bytes of the file", found: n_bytes, limit: limits.file_bytes });
    }
    if format == Format::Xls {
        xls::tables(file, options, limits)
    } else if format == Format::Ods {
        ods::tables(file, options, limits)
    } else {
        zipped::tables(file, format, options, limits)
    }
}

/// The worksheets to read of all that a workbook has, and what is left out.
fn chosen(sheets: &[Sheet], options: &Options, limits: &Limits) -> Result<(Vec<Sheet>, Vec<Issue>), ReadError> {
    check_count(sheets, limits)?;
    if let Some(wanted) = &options.sheet {
        let named = sheets
            .iter()
            .find(|sheet| sheet.name == *wanted)
            .or_else(|| sheets.iter().find(|sheet| sheet.name.to_lowercase() == wanted.to_lowercase()));
        return match named {
            Some(sheet) if sheet.typ == SheetType::WorkSheet => Ok((vec![sheet.clone()], Vec::new())),
            Some(_) => Err(ReadError::Option {
                message: format!("`{wanted}` is not a worksheet: it has no cells"),
                hint: names(sheets),
            }),
            None => Err(ReadError::Option {
                message: format!("the workbook has no worksheet named `{wanted}`"),
                hint: names(sheets),
            }),
        };
    }
    let (worksheets, others): (Vec<Sheet>, Vec<Sheet>) =
        sheets.iter().cloned().partition(|sheet| sheet.typ == SheetType::WorkSheet);
    let issues = left_out("sheets_without_cells", "charts, dialogs or macros, and no cells", &others);
    Ok((worksheets, issues.into_iter().collect()))
}

fn check_count(sheets: &[Sheet], limits: &Limits) -> Result<(), ReadError> {
    let (found, limit) = (u64::try_from(sheets.len()).unwrap_or(u64::MAX), u64::from(limits.sheets));
    if found > limit { Err(ReadError::Limit { what: "sheets of a workbook", found, limit }) } else { Ok(()) }
}

fn names(sheets: &[Sheet]) -> String {
    let names: Vec<&str> =
        sheets.iter().filter(|sheet| sheet.typ == SheetType::WorkSheet).map(|sheet| sheet.name.as_str()).collect();
    format!("its worksheets are `{}`", names.join("`, `"))
}

/// Names at most this many of the sheets that are left out.
const N_EXAMPLES: usize = 5;

fn left_out(code: &str, hold: &str, sheets: &[Sheet]) -> Option<Issue> {
    let count = u64::try_from(sheets.len()).unwrap_or(u64::MAX);
    (count > 0).then(|| Issue {
        code: code.to_owned(),
        message: format!("sheets left out because they hold {hold}"),
        count,
        examples: sheets.iter().take(N_EXAMPLES).map(|sheet| sheet.name.clone()).collect(),
    })
}

fn error_text(error: &CellErrorType) -> &'static str {
    match error {
        CellErrorType::Div0 => "#DIV/0!",
        CellErrorType::NA => "#N/A",
        CellErrorType::Name => "#NAME?",
        CellErrorType::Null => "#NULL!",
        CellErrorType::Num => "#NUM!",
        CellErrorType::Ref => "#REF!",
        CellErrorType::Value => "#VALUE!",
        CellErrorType::GettingData => "#GETTING_DATA",
    }
}

/// A worksheet's table, with what its workbook says of it.
fn worksheet(sheet: &Sheet, source: impl Source + Send + 'static) -> Table {
    Table { hidden: is_hidden(sheet), notes: seen_by_no_one(sheet), ..Table::of(sheet.name.clone(), source) }
}

fn is_hidden(sheet: &Sheet) -> bool {
    match sheet.visible {
        SheetVisible::Visible => false,
        SheetVisible::Hidden | SheetVisible::VeryHidden => true,
    }
}

/// What there is to say of a worksheet that its workbook does not show.
fn seen_by_no_one(sheet: &Sheet) -> Vec<String> {
    let how = match sheet.visible {
        SheetVisible::Visible => return Vec::new(),
        SheetVisible::Hidden => "hidden in the workbook",
        SheetVisible::VeryHidden => "hidden in the workbook so that only a program can show it",
    };
    vec![format!("the worksheet `{}` is {how}; it was read all the same", sheet.name)]
}

/// Runs calamine, which indexes and slices by what it reads, so that a damaged file can make it panic.
fn guarded<T, E: Into<ReadError>>(read: impl FnOnce() -> Result<T, E>) -> Result<T, ReadError> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(panic) => Err(ReadError::Damaged(format!("its reader gave up ({})", panic_message(panic.as_ref())))),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no reason given")
}

fn io_error(error: io::Error) -> ReadError {
    if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput) {
        ReadError::Damaged(error.to_string())
    } else {
        ReadError::Io(error)
    }
}

impl From<XlsxError> for ReadError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, of which a few variants matter")]
    fn from(error: XlsxError) -> ReadError {
        match error {
            XlsxError::Password => ReadError::Encrypted,
            XlsxError::Io(error) => io_error(error),
            error => ReadError::Damaged(error.to_string()),
        }
    }
}

impl From<XlsbError> for ReadError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, of which a few variants matter")]
    fn from(error: XlsbError) -> ReadError {
        match error {
            XlsbError::Password => ReadError::Encrypted,
            XlsbError::Io(error) => io_error(error),
            error => ReadError::Damaged(error.to_string()),
        }
    }
}
