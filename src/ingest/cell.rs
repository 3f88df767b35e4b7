//! Cells and batches of rows on their way from a file's reader to the typed columns.

use std::ops::ControlFlow;

use super::ReadError;

/// One cell as the file holds it. A reader does not guess: text stays text, numbers keep their number format's kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Empty,
    Text(&'a str),
    Number(f64),
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Microseconds since 1970-01-01T00:00:00, without a zone.
    Timestamp(i64),
    /// Milliseconds.
    Duration(i64),
    /// An error cell, such as `#N/A`.
    Error(&'a str),
    /// A formula whose value was never stored.
    Unevaluated,
}

/// Rows of one table, in order, with gaps allowed: blank rows and empty cells need not be pushed.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: String,
    cells: Vec<(u32, Stored)>,
    /// Per row: its number, counted from 1 over all the file's records, and where its cells end.
    rows: Vec<(u64, usize)>,
}

#[derive(Debug, Clone, Copy)]
enum Stored {
    Empty,
    Text { start: u32, len: u32 },
    Number(f64),
    Boolean(bool),
    Date(i32),
    Time(i64),
    Timestamp(i64),
    Duration(i64),
    Error { start: u32, len: u32 },
    Unevaluated,
}

/// A table that can be read from its start any number of times, row by row.
pub(super) trait Source: Sync {
    /// Pushes the table's rows in order, in batches of some thousand, until its end or until `push` breaks.
    fn read(&self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError>;
}

impl Batch {
    /// Rows, and bytes of text, that fill a batch.
    const N_ROWS: usize = 2_048;
    const TEXT_BYTES: usize = 1 << 20;

    /// Opens the next row; `number` counts from 1 over all the file's records.
    pub(super) fn start_row(&mut self, number: u64) {
        self.rows.push((number, self.cells.len()));
    }

    /// Adds a cell to the open row; columns count from 0 and come in rising order.
    pub(super) fn push(&mut self, col_idx: u32, cell: Cell<'_>) {
        let stored = match cell {
            Cell::Empty => Stored::Empty,
            Cell::Text(text) => self.store(text).map_or(Stored::Empty, |(start, len)| Stored::Text { start, len }),
            Cell::Number(number) => Stored::Number(number),
            Cell::Boolean(boolean) => Stored::Boolean(boolean),
            Cell::Date(days) => Stored::Date(days),
            Cell::Time(micros) => Stored::Time(micros),
            Cell::Timestamp(micros) => Stored::Timestamp(micros),
            Cell::Duration(millis) => Stored::Duration(millis),
            Cell::Error(text) => self.store(text).map_or(Stored::Empty, |(start, len)| Stored::Error { start, len }),
            Cell::Unevaluated => Stored::Unevaluated,
        };
        self.cells.push((col_idx, stored));
        if let Some((_, end)) = self.rows.last_mut() {
            *end = self.cells.len();
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= Self::N_ROWS || self.text.len() >= Self::TEXT_BYTES
    }
}
