//! Cells and batches of rows on their way from a file's reader to the typed columns.

use std::{ops::ControlFlow, sync::Arc};

use super::{
    ReadError,
    declared::Declared,
    layout::Listed,
    look::{Format, Look, Markup},
};

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
    /// A formula whose value was never stored, as `=A1+1`; nothing where its text is not at hand.
    Unevaluated(&'a str),
}

/// Rows of one table, in order, with gaps allowed: blank rows and empty cells need not be pushed.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: String,
    cells: Vec<(u32, Look, Stored)>,
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
    Unevaluated { start: u32, len: u32 },
}

/// A table that can be read from its start any number of times, row by row.
pub(super) trait Source: Sync {
    /// Pushes the table's rows in order, in batches of some thousand, until its end or until `push` breaks.
    fn read(&self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError>;

    /// Whether the file holds nothing but text, so that types and row lengths must be read out of it.
    fn is_text(&self) -> bool {
        false
    }

    /// What the file itself says of its columns' types.
    fn declared(&self) -> Option<&Declared> {
        None
    }

    /// Tables that the file itself says there are.
    fn listed(&self) -> &[Listed] {
        &[]
    }

    /// The number formats that its cells' looks point to.
    fn formats(&self) -> &[Format] {
        &[]
    }

    /// What the file says of the cells besides what they hold; nothing where it says nothing.
    fn markup(&self) -> Option<&Arc<Markup>> {
        None
    }

    /// Whether the file holds nothing but text and a comma does not end a cell of it.
    fn leaves_commas(&self) -> bool {
        false
    }

    /// The share of the file that the running `read` has behind it, 0 to 1.
    fn progress(&self) -> f64 {
        0.0
    }
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
        self.push_as(col_idx, Look::default(), cell);
    }

    /// Adds a cell as `push` does, with its look.
    pub(super) fn push_as(&mut self, col_idx: u32, look: Look, cell: Cell<'_>) {
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
            Cell::Unevaluated(text) => {
                let (start, len) = self.store(text).unwrap_or_default();
                Stored::Unevaluated { start, len }
            }
        };
        self.cells.push((col_idx, look, stored));
        if let Some((_, end)) = self.rows.last_mut() {
            *end = self.cells.len();
        }
    }

    /// Adds a cell to the open row that comes left of others already there; false if its column is taken.
    pub(super) fn insert(&mut self, col_idx: u32, look: Look, cell: Cell<'_>) -> bool {
        let start = self.rows.len().checked_sub(2).and_then(|idx| self.rows.get(idx)).map_or(0, |(_, end)| *end);
        let row = self.cells.get(start..).unwrap_or_default();
        let Err(at) = row.binary_search_by_key(&col_idx, |(col_idx, ..)| *col_idx) else { return false };
        self.push_as(col_idx, look, cell);
        if let Some(moved) = self.cells.get_mut(start + at..) {
            moved.rotate_right(1);
        }
        true
    }

    /// A batch over text that is already at hand, so that its cells need no copying.
    pub(super) fn over(text: String) -> Batch {
        Batch { text, ..Batch::default() }
    }

    /// Adds a text cell that lies in this batch's own text; one without length is an empty cell.
    pub(super) fn push_span(&mut self, col_idx: u32, start: u32, len: u32) {
        let stored = if len == 0 { Stored::Empty } else { Stored::Text { start, len } };
        self.cells.push((col_idx, Look::default(), stored));
    }

    /// Closes the open row; only needed after `push_span`.
    pub(super) fn end_row(&mut self) {
        if let Some((_, end)) = self.rows.last_mut() {
            *end = self.cells.len();
        }
    }

    /// Takes back the open row.
    pub(super) fn cancel_row(&mut self) {
        self.rows.pop();
        self.cells.truncate(self.rows.last().map_or(0, |(_, end)| *end));
    }

    /// The batch's own text, which `push_span` points into; it may be added to, not changed.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Takes the own text out, to be split and put back.
    pub(super) fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Puts the own text back, with more behind it that spans may point into.
    pub(super) fn put_text(&mut self, text: String, more: &str) {
        self.text = text;
        self.text.push_str(more);
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= Self::N_ROWS || self.text.len() >= Self::TEXT_BYTES
    }

    /// Cells that hold something.
    pub(super) fn n_filled(&self) -> usize {
        self.cells.iter().filter(|(.., stored)| !matches!(stored, Stored::Empty)).count()
    }

    /// Every row's number and cells.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut start = 0;
        self.rows.iter().map(move |&(number, end)| {
            let cells = self.cells.get(start..end).unwrap_or_default();
            start = end;
            Row { number, cells, text: &self.text }
        })
    }

    fn store(&mut self, text: &str) -> Option<(u32, u32)> {
        let start = u32::try_from(self.text.len()).ok()?;
        let len = u32::try_from(text.len()).ok()?;
        if len == 0 {
            return None;
        }
        self.text.push_str(text);
        Some((start, len))
    }
}

/// One row of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// Counted from 1 over all the file's records.
    pub(super) number: u64,
    cells: &'a [(u32, Look, Stored)],
    text: &'a str,
}

impl<'a> Row<'a> {
    /// Columns up to the last cell pushed, empty ones included.
    pub(super) fn width(&self) -> u32 {
        self.cells.last().map_or(0, |(col_idx, ..)| col_idx + 1)
    }

    /// The cells that were pushed, with their columns, from left to right.
    pub(super) fn cells(&self) -> impl Iterator<Item = (u32, Cell<'a>)> + use<'a> {
        self.looked().map(|(col_idx, _, cell)| (col_idx, cell))
    }

    /// The cells that were pushed, with their columns and looks, from left to right.
    pub(super) fn looked(&self) -> impl Iterator<Item = (u32, Look, Cell<'a>)> + use<'a> {
        let text = self.text;
        let span = move |start: u32, len: u32| {
            let start = usize::try_from(start).ok()?;
            text.get(start..start.checked_add(usize::try_from(len).ok()?)?)
        };
        self.cells.iter().map(move |&(col_idx, look, stored)| {
            let cell = match stored {
                Stored::Empty => Cell::Empty,
                Stored::Text { start, len } => span(start, len).map_or(Cell::Empty, Cell::Text),
                Stored::Number(number) => Cell::Number(number),
                Stored::Boolean(boolean) => Cell::Boolean(boolean),
                Stored::Date(days) => Cell::Date(days),
                Stored::Time(micros) => Cell::Time(micros),
                Stored::Timestamp(micros) => Cell::Timestamp(micros),
                Stored::Duration(millis) => Cell::Duration(millis),
                Stored::Error { start, len } => span(start, len).map_or(Cell::Empty, Cell::Error),
                Stored::Unevaluated { start, len } => Cell::Unevaluated(span(start, len).unwrap_or_default()),
            };
            (col_idx, look, cell)
        })
    }

    /// Whether no cell holds anything but white space.
    pub(super) fn is_blank(&self) -> bool {
        self.cells().all(|(_, cell)| cell.is_blank())
    }
}

impl<'a> Cell<'a> {
    /// The cell as text, where it is nothing else: empty cells have none of it.
    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Cell::Empty => Some(""),
            Cell::Text(text) => Some(text),
            Cell::Number(_)
            | Cell::Boolean(_)
            | Cell::Date(_)
            | Cell::Time(_)
            | Cell::Timestamp(_)
            | Cell::Duration(_)
            | Cell::Error(_)
            | Cell::Unevaluated(_) => None,
        }
    }

    pub(super) fn is_blank(self) -> bool {
        self.text().is_some_and(|text| text.trim().is_empty())
    }
}
