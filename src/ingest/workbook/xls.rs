//! XLS: calamine reads it whole and densely, so the file has to be small.

use std::{
    fs::{self, File},
    io::BufReader,
    ops::ControlFlow,
    path::Path,
};

use calamine::{Data, Range, Reader, Xls, XlsError, Xlsx, XlsxError};

use super::{
    chosen, error_text, guarded, io_error, is_hidden, left_out,
    rows::Rows,
    serial::{self, Shown},
};
use crate::ingest::{
    Limits, Options, ReadError, Table,
    cell::{Batch, Cell, Source},
    receipt::Issue,
};

const FILE_BYTES: u64 = 50 << 20;

pub(super) fn tables(file: &Path, options: &Options, limits: &Limits) -> Result<(Vec<Table>, Vec<Issue>), ReadError> {
    let n_bytes = fs::metadata(file)?.len();
    if n_bytes > FILE_BYTES {
        return Err(ReadError::Limit { what: "bytes of an XLS file", found: n_bytes, limit: FILE_BYTES });
    }
    let mut book = match guarded(|| Xls::new(BufReader::new(File::open(file)?))) {
        Err(ReadError::Damaged(_)) if is_encrypted_xlsx(file) => return Err(ReadError::Encrypted),
        opened => opened?,
    };
    let is_1904 = book.has_1904_epoch();
    let (worksheets, mut issues) = chosen(book.sheets_metadata(), options, limits)?;
    let (mut blank, mut tables) = (Vec::new(), Vec::new());
    for sheet in worksheets {
        let range = guarded(|| book.worksheet_range(&sheet.name))?;
        if range.used_cells().next().is_none() {
            blank.push(sheet);
            continue;
        }
        tables.push(Table {
            title: sheet.name.clone(),
            hidden: is_hidden(&sheet),
            source: Box::new(Worksheet { range, is_1904, limits: limits.clone() }),
        });
    }
    issues.extend(left_out("empty_sheet", "no cells", &blank));
    Ok((tables, issues))
}

/// An encrypted XLSX lies in the same kind of container as an XLS.
fn is_encrypted_xlsx(file: &Path) -> bool {
    let opened = guarded(|| -> Result<(), XlsxError> { Xlsx::new(BufReader::new(File::open(file)?)).map(drop) });
    matches!(opened, Err(ReadError::Encrypted))
}

struct Worksheet {
    range: Range<Data>,
    is_1904: bool,
    limits: Limits,
}

impl Source for Worksheet {
    fn read(&self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
        let (first_row, first_col) = self.range.start().unwrap_or_default();
        let mut rows = Rows::new(&self.limits);
        for (row_idx, row) in (first_row..).zip(self.range.rows()) {
            for (col_idx, value) in (first_col..).zip(row) {
                rows.push(row_idx, col_idx, cell(value, self.is_1904))?;
            }
            if let Some(full) = rows.take_full()
                && push(full).is_break()
            {
                return Ok(());
            }
        }
        rows.finish(push);
        Ok(())
    }
}

fn cell(value: &Data, is_1904: bool) -> Cell<'_> {
    match value {
        Data::Empty => Cell::Empty,
        Data::String(text) => Cell::Text(text),
        Data::Float(number) => Cell::Number(*number),
        Data::Int(number) => number.to_string().parse().map_or(Cell::Empty, Cell::Number),
        Data::Bool(boolean) => Cell::Boolean(*boolean),
        Data::DateTime(value) => serial::cell(*value, Shown::Unknown, is_1904),
        Data::DateTimeIso(text) => serial::iso_cell(text),
        Data::DurationIso(text) => serial::iso_duration_cell(text),
        Data::Error(error) => Cell::Error(error_text(error)),
    }
}

impl From<XlsError> for ReadError {
    fn from(error: XlsError) -> ReadError {
        match error {
            XlsError::Password => ReadError::Encrypted,
            XlsError::Io(error) => io_error(error),
            error => ReadError::Damaged(error.to_string()),
        }
    }
}
