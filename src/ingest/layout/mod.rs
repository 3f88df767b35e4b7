//! Where a table lies among its file's rows: what heads it, where it starts and ends, which rows are no data.
//!
//! Everything here is decided on the lines of a sample in memory, by functions that know nothing of files. In a file
//! that is longer, the rows that come last are looked at again when they are known (`tail`).

mod frame;
mod grid;
mod groups;
mod names;
mod notes;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ReadError,
    cell::{Batch, Cell, Row},
    show,
};
use frame::Frame;
use grid::Line;

/// Where things are in a table; rows count from 1 over all the file's records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Structure {
    pub(super) header_rows: Vec<u64>,
    pub(super) first_data_row: u64,
    /// The last row that may be data; rows behind it are notes.
    pub(super) last_row: Option<u64>,
    /// Rows between the first and the last that are no data, and why.
    pub(super) left_out: BTreeMap<u64, LeftOut>,
    /// What the header says of columns besides their names.
    pub(super) column_notes: Vec<(u32, String)>,
}

/// Why a row is no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// A drawn line, or the header again.
    Repeated,
}

/// What a caller fixed.
#[derive(Debug, Clone, Default)]
pub(super) struct Fixed {
    /// The rows that head the columns; empty where none does.
    pub(super) header_rows: Option<Vec<u64>>,
}

impl Structure {
    /// Whether a row that is not blank is one of data.
    pub(super) fn is_data(&self, number: u64) -> bool {
        number >= self.first_data_row
            && self.last_row.is_none_or(|last| number <= last)
            && (self.left_out.is_empty() || !self.left_out.contains_key(&number))
    }
}

/// The structure that the first rows show, and a row with the columns' names. `is_whole`: there are no others.
pub(super) fn structure(
    rows: &[Row<'_>],
    fixed: &Fixed,
    is_whole: bool,
    is_text_file: bool,
) -> Result<(Structure, Batch), ReadError> {
    let lines: Vec<Line<'_>> = rows.iter().map(|row| Line::new(*row)).filter(|line| !line.cells.is_empty()).collect();
    let mut frame = frame::frame(&lines, is_whole, is_text_file);
    if let Some(header_rows) = &fixed.header_rows {
        frame = Frame { ..by_rows(frame, &lines, header_rows)? };
    }
    let header: Vec<&Line<'_>> = frame.header.iter().filter_map(|idx| lines.get(*idx)).collect();
    let number = |idx: usize| lines.get(idx).map(|line| line.number);
    let (names, column_notes) = heading(&header);
    let behind_header = header.last().map_or(1, |line| line.number + 1);
    let mut structure = Structure {
        header_rows: header.iter().map(|line| line.number).collect(),
        first_data_row: number(frame.first).unwrap_or(behind_header),
        last_row: (is_whole && frame.end < lines.len()).then(|| number(frame.end.saturating_sub(1))).flatten(),
        column_notes,
        ..Structure::default()
    };
    structure.left_out = repeated(lines.get(frame.first..frame.end).unwrap_or_default(), &header);
    Ok((structure, names))
}

/// The frame with the header where the caller says it is.
fn by_rows(mut frame: Frame, lines: &[Line<'_>], header_rows: &[u64]) -> Result<Frame, ReadError> {
    let mut header = Vec::new();
    for number in header_rows {
        let found = lines.iter().position(|line| line.number == *number).ok_or_else(|| ReadError::Option {
            message: format!("row {number} can't head the columns: it is blank, or beyond the first rows"),
            hint: "rows count from 1 over all of the file's records; leave `header_row` out to have it found"
                .to_owned(),
        })?;
        header.push(found);
    }
    header.sort_unstable();
    frame.first = match header.last() {
        Some(last) => last + 1,
        // What stood as the header is data then, and so may be what stands above it.
        None => 0,
    };
    frame.end = frame.end.max(frame.first);
    frame.header = header;
    Ok(frame)
}

/// A row with the columns' names, and what is said of columns besides.
fn heading(header: &[&Line<'_>]) -> (Batch, Vec<(u32, String)>) {
    let mut batch = Batch::default();
    let Some(last) = header.last() else { return (batch, Vec::new()) };
    batch.start_row(last.number);
    let mut notes = Vec::new();
    let named = names::names(header);
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    named.values().for_each(|named| *written.entry(named.name.to_lowercase()).or_default() += 1);
    for (col_idx, named) in named {
        batch.push(col_idx, Cell::Text(&named.name));
        if let Some(unit) = named.unit {
            notes.push((col_idx, format!("unit: {unit}")));
        }
        if let Some(mark) = named.mark {
            notes.push((col_idx, format!("footnote mark {mark}")));
        }
    }
    (batch, notes)
}

/// Drawn lines, and the header where it comes again as at the top of a page.
fn repeated(lines: &[Line<'_>], header: &[&Line<'_>]) -> BTreeMap<u64, LeftOut> {
    let texts = |line: &Line<'_>| line.cells.iter().map(|(col_idx, _, cell)| (*col_idx, show::cell(*cell))).collect::<Vec<_>>();
    let headers: BTreeSet<Vec<(u32, String)>> =
        header.iter().filter(|line| line.cells.len() > 1 && line.n(grid::Kind::Value) == 0).map(|line| texts(line)).collect();
    let is_again = |line: &&Line<'_>| line.is_rule() || (line.n(grid::Kind::Value) == 0 && headers.contains(&texts(line)));
    lines.iter().filter(is_again).map(|line| (line.number, LeftOut::Repeated)).collect()
}
