//! XLS: calamine reads it whole and densely, so the file has to be small.

use std::{
    fs::{self, File},
    io::{BufReader, Read},
    ops::ControlFlow,
    path::Path,
    sync::Arc,
};

use calamine::{Data, Range, Reader, Xls, XlsError, Xlsx, XlsxError};

use super::{
    chosen, error_text, guarded, io_error, left_out,
    rows::Rows,
    serial::{self, Shown},
    worksheet,
};
use crate::ingest::{
    Limits, Options, ReadError, Table,
    cell::{Batch, Cell, Source},
    look::{Area, Markup},
    receipt::Issue,
};

const FILE_BYTES: u64 = 50 << 20;
/// Each takes some 56 bytes, for its value and its formula.
const DENSE_CELLS: u64 = 5_000_000;

/// Kinds of records: MS-XLS, 2.3.
const BEGIN: u16 = 0x0809;
const END: u16 = 0x000A;
const FILE_PASS: u16 = 0x002F;
const BOUND_SHEET: u16 = 0x0085;
const SEVERAL: u16 = 0x00BD;
const MERGED: u16 = 0x00E5;
const ROW: u16 = 0x0208;
const COLUMNS: u16 = 0x007D;
const VIEW: u16 = 0x023E;
const PANE: u16 = 0x0041;
const CELLS: [u16; 8] = [0x0006, SEVERAL, 0x00D6, 0x00FD, 0x0203, 0x0204, 0x0205, 0x027E];

pub(super) fn tables(file: &Path, options: &Options, limits: &Limits) -> Result<(Vec<Table>, Vec<Issue>), ReadError> {
    let n_bytes = fs::metadata(file)?.len();
    if n_bytes > FILE_BYTES {
        return Err(ReadError::Limit { what: "bytes of an XLS file", found: n_bytes, limit: FILE_BYTES });
    }
    let mut markups = bound(file, limits)?;
    let mut book = match guarded(|| Xls::new(BufReader::new(File::open(file)?))) {
        Err(ReadError::Damaged(_)) if is_encrypted_xlsx(file) => return Err(ReadError::Encrypted),
        opened => opened?,
    };
    let is_1904 = book.has_1904_epoch();
    let (worksheets, mut issues) = chosen(book.sheets_metadata(), options, limits)?;
    let places: Vec<String> = book.sheets_metadata().iter().map(|sheet| sheet.name.clone()).collect();
    let (mut blank, mut tables) = (Vec::new(), Vec::new());
    for sheet in worksheets {
        let range = guarded(|| book.worksheet_range(&sheet.name))?;
        if range.used_cells().next().is_none() {
            blank.push(sheet);
            continue;
        }
        let place = places.iter().position(|name| *name == sheet.name);
        let markup = place.and_then(|idx| markups.get_mut(idx)).map(std::mem::take).unwrap_or_default();
        let markup = Arc::new(markup);
        tables.push(worksheet(&sheet, Worksheet { range, is_1904, markup, limits: limits.clone() }));
    }
    issues.extend(left_out("empty_sheets", "no cells", &blank));
    Ok((tables, issues))
}

/// What is said of each sheet's cells besides what they hold. Refuses what calamine would spread over too many: it keeps
/// every sheet as the rectangle around its cells.
fn bound(file: &Path, limits: &Limits) -> Result<Vec<Markup>, ReadError> {
    let mut container = cfb::CompoundFile::open(File::open(file)?)
        .map_err(|error| ReadError::Damaged(format!("its container can't be read ({error})")))?;
    let Ok(mut stream) = container.open_stream("/Workbook").or_else(|_| container.open_stream("/Book")) else {
        return Ok(Vec::new());
    };
    let mut book = Vec::new();
    stream.by_ref().take(FILE_BYTES).read_to_end(&mut book).map_err(io_error)?;
    // calamine takes those of the oldest method, which scrambles every cell, for open ones.
    if records(&book, 0).any(|(kind, _)| kind == FILE_PASS) {
        return Err(ReadError::Encrypted);
    }
    let starts: Vec<u32> =
        records(&book, 0).filter(|(kind, _)| *kind == BOUND_SHEET).filter_map(|(_, body)| u32_at(body, 0)).collect();
    let n_sheets = u64::try_from(starts.len()).unwrap_or(u64::MAX);
    if n_sheets > u64::from(limits.sheets) {
        return Err(ReadError::Limit { what: "sheets of a workbook", found: n_sheets, limit: limits.sheets.into() });
    }
    let found = starts.iter().filter_map(|start| usize::try_from(*start).ok()).map(|start| area(&book, start)).sum();
    if found > DENSE_CELLS {
        return Err(ReadError::Limit { what: "cells of an XLS file, blank ones included", found, limit: DENSE_CELLS });
    }
    let starts = starts.iter().map(|start| usize::try_from(*start).unwrap_or(usize::MAX));
    Ok(starts.map(|start| markup(&book, start)).collect())
}

/// What the records of one sheet say of merged, hidden and frozen cells: MS-XLS, 2.4.168, 2.4.221, 2.4.53, 2.4.196.
fn markup(book: &[u8], start: usize) -> Markup {
    let mut found = Markup::default();
    let (mut is_frozen, mut n_above) = (false, 0);
    for (kind, body) in records(book, start) {
        let number = |at: usize| u16_at(body, at).unwrap_or(0);
        match kind {
            MERGED => found.merges.extend(body.get(2..).unwrap_or_default().chunks_exact(8).filter_map(|area| {
                let row = |at: usize| Some(u64::from(u16_at(area, at)?) + 1);
                let column = |at: usize| u16_at(area, at).map(u32::from);
                Some(Area { rows: (row(0)?, row(2)?), columns: (column(4)?, column(6)?) })
            })),
            ROW if number(12) & 0x20 != 0 => {
                let row = u64::from(number(0)) + 1;
                match found.hidden_rows.last_mut() {
                    Some((_, last)) if *last + 1 == row => *last = row,
                    Some(_) | None => found.hidden_rows.push((row, row)),
                }
            }
            COLUMNS if number(8) & 1 != 0 => found.hidden_columns.push((number(0).into(), number(2).into())),
            VIEW => is_frozen = number(0) & 8 != 0,
            PANE => n_above = u64::from(number(2)),
            _ => {}
        }
    }
    found.frozen_to = Some(n_above).filter(|n| is_frozen && *n > 0);
    found.hidden_rows.sort_unstable();
    found.merges.sort_by_key(|area| (area.rows.0, area.columns.0));
    found
}

/// Cells in the rectangle around those of the sheet whose records start there.
fn area(book: &[u8], start: usize) -> u64 {
    let mut corners: Option<(u16, u16, u16, u16)> = None;
    for (kind, body) in records(book, start).filter(|(kind, _)| CELLS.contains(kind)) {
        let (Some(row), Some(first)) = (u16_at(body, 0), u16_at(body, 2)) else { continue };
        // Only a record of several cells says its last column, at its end.
        let last = body.len().checked_sub(2).filter(|_| kind == SEVERAL).and_then(|at| u16_at(body, at));
        let last = last.unwrap_or(first).max(first);
        let (top, bottom, left, right) = corners.unwrap_or((row, row, first, last));
        corners = Some((top.min(row), bottom.max(row), left.min(first), right.max(last)));
    }
    corners.map_or(0, |(top, bottom, left, right)| {
        (u64::from(bottom - top) + 1) * (u64::from(right.saturating_sub(left)) + 1)
    })
}

/// Records of the BIFF stream from an offset on, to the end of that sheet: kind and body (MS-XLS, 2.1.4).
fn records(book: &[u8], start: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = book.get(start..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (kind, len) = (u16_at(rest, 0)?, usize::from(u16_at(rest, 2)?));
        let body = rest.get(4..4 + len)?;
        rest = rest.get(4 + len..)?;
        Some((kind, body))
    })
    .scan(0_u32, |depth, (kind, body)| {
        // Charts lie inside of sheets, each between its own begin and end.
        match kind {
            BEGIN => *depth += 1,
            END => *depth = depth.saturating_sub(1),
            _ => {}
        }
        (kind != END || *depth > 0).then_some((kind, body))
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// An encrypted XLSX lies in the same kind of container as an XLS.
fn is_encrypted_xlsx(file: &Path) -> bool {
    let opened = guarded(|| -> Result<(), XlsxError> { Xlsx::new(BufReader::new(File::open(file)?)).map(drop) });
    matches!(opened, Err(ReadError::Encrypted))
}

struct Worksheet {
    range: Range<Data>,
    is_1904: bool,
    markup: Arc<Markup>,
    limits: Limits,
}

impl Source for Worksheet {
    fn markup(&self) -> Option<&Arc<Markup>> {
        Some(&self.markup)
    }

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
    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, of which a few variants matter")]
    fn from(error: XlsError) -> ReadError {
        match error {
            XlsError::Password => ReadError::Encrypted,
            XlsError::Io(error) => io_error(error),
            error => ReadError::Damaged(error.to_string()),
        }
    }
}
