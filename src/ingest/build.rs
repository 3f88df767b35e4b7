//! Builds a table's typed columns by a plan, row by row, until a cell does not fit the plan.

use std::{io, path::Path, sync::Arc};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::{
    ReadError,
    cell::{Cell, Row},
    columns::{ColumnBuilder, Outcome, field},
    evidence::Reading,
    header::Structure,
    parquet::Writer,
    show,
    tally::Tallies,
};

/// Rows, and bytes of text, that go to the writer at once.
const BATCH_ROWS: usize = 16_384;
const BATCH_TEXT: usize = 32 << 20;

/// How a table is read.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) structure: Structure,
    /// As many as `readings`.
    pub(super) names: Vec<String>,
    pub(super) readings: Vec<Reading>,
    /// Whether the file itself says the readings.
    pub(super) is_declared: bool,
    /// Cells that a row should have; 0 where row lengths say nothing.
    pub(super) usual_width: u32,
}

/// What came of the rows.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) n_rows: u64,
    /// 0 where there are no rows.
    pub(super) first_data_row: u64,
    pub(super) last_data_row: u64,
    pub(super) tallies: Tallies,
}

#[derive(Debug)]
pub(super) struct Build {
    plan: Plan,
    columns: Vec<ColumnBuilder>,
    schema: SchemaRef,
    writer: Option<Writer>,
    n_waiting: usize,
    text_waiting: usize,
    built: Built,
    failure: Option<ReadError>,
}

impl Build {
    pub(super) fn new(plan: Plan, out: Option<&Path>) -> Result<Build, ReadError> {
        let fields: Vec<_> =
            plan.names.iter().zip(&plan.readings).map(|(name, reading)| field(name, *reading)).collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = match out {
            Some(path) if !plan.names.is_empty() => Some(Writer::create(path, schema.clone())?),
            Some(_) | None => None,
        };
        let columns = plan.readings.iter().map(|reading| ColumnBuilder::new(*reading, plan.is_declared)).collect();
        Ok(Build {
            plan,
            columns,
            schema,
            writer,
            n_waiting: 0,
            text_waiting: 0,
            built: Built::default(),
            failure: None,
        })
    }

    /// Whether the row fits the plan; if not, this build is worth nothing any more.
    #[must_use]
    pub(super) fn add(&mut self, row: Row<'_>) -> bool {
        if row.number < self.plan.structure.first_data_row {
            self.skip(row);
            return true;
        }
        if row.is_blank() {
            self.built.tallies.blank_rows.add(|| format!("row {}", row.number));
            return true;
        }
        let Some(width) = self.append(row) else { return false };
        self.note_width(row, width);
        if self.built.n_rows == 0 {
            self.built.first_data_row = row.number;
        }
        self.built.last_data_row = row.number;
        self.built.n_rows += 1;
        self.n_waiting += 1;
        if self.n_waiting >= BATCH_ROWS || self.text_waiting >= BATCH_TEXT {
            self.flush();
        }
        true
    }

    /// Appends the cells; columns up to the last one that holds something, or nothing where a cell does not fit.
    fn append(&mut self, row: Row<'_>) -> Option<u32> {
        let mut columns = self.columns.iter_mut();
        let mut next_idx = 0;
        let mut width = 0;
        for (col_idx, cell) in row.cells() {
            if matches!(cell, Cell::Empty) {
                continue;
            }
            while next_idx < col_idx {
                if let Some(column) = columns.next() {
                    column.append_null();
                }
                next_idx += 1;
            }
            next_idx += 1;
            let Some(column) = columns.next() else {
                // Beyond the plan's columns: white space may be there, a value may not.
                if cell.is_blank() {
                    continue;
                }
                return None;
            };
            width = next_idx;
            match column.append(cell) {
                Outcome::Value => {}
                Outcome::Misfit => return None,
                outcome @ (Outcome::Padded
                | Outcome::Empty
                | Outcome::NullWord
                | Outcome::Error
                | Outcome::Unevaluated) => {
                    self.built.tallies.note(outcome, col_idx, row.number, cell);
                }
            }
            if let Cell::Text(text) = cell {
                self.text_waiting += text.len();
            }
        }
        columns.for_each(ColumnBuilder::append_null);
        Some(width)
    }

    fn note_width(&mut self, row: Row<'_>, filled: u32) {
        let usual = self.plan.usual_width;
        let tallies = &mut self.built.tallies;
        if filled > usual && usual > 0 {
            tallies.long_rows.add(|| format!("row {}: {filled} cells instead of {usual}", row.number));
        } else if row.width() < usual {
            tallies.short_rows.add(|| format!("row {}: {} cells instead of {usual}", row.number, row.width()));
        }
    }

    /// A row above the data: its header, or what stands above that.
    fn skip(&mut self, row: Row<'_>) {
        if self.plan.structure.header_rows.contains(&row.number) {
            return;
        }
        let tallies = &mut self.built.tallies;
        if row.is_blank() {
            tallies.blank_rows.add(|| format!("row {}", row.number));
            return;
        }
        tallies.above_header.add(|| {
            let cells: Vec<String> =
                row.cells().filter(|(_, cell)| !cell.is_blank()).map(|(_, cell)| show::cell(cell)).collect();
            format!("row {}: {}", row.number, cells.join(" | "))
        });
    }

    fn flush(&mut self) {
        self.text_waiting = 0;
        if self.n_waiting == 0 {
            return;
        }
        self.n_waiting = 0;
        let columns: Vec<_> = self.columns.iter_mut().map(ColumnBuilder::take).collect();
        let Some(writer) = &self.writer else { return };
        match RecordBatch::try_new(self.schema.clone(), columns) {
            // Where the writer takes no more, its `close` says why.
            Ok(batch) => {
                writer.write(batch);
            }
            Err(error) => self.failure = Some(io::Error::other(error).into()),
        }
    }

    pub(super) fn finish(mut self) -> Result<(Plan, Built), ReadError> {
        self.flush();
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Some(writer) = self.writer {
            writer.close()?;
        }
        Ok((self.plan, self.built))
    }
}

impl Tallies {
    fn note(&mut self, outcome: Outcome, col_idx: u32, row_number: u64, cell: Cell<'_>) {
        let tally = match outcome {
            Outcome::Padded => &mut self.padded,
            Outcome::NullWord => &mut self.null_words,
            Outcome::Error => &mut self.errors,
            Outcome::Unevaluated => &mut self.unevaluated,
            Outcome::Value | Outcome::Empty | Outcome::Misfit => return,
        };
        tally.add(|| format!("{}: {}", show::address(col_idx, row_number), show::cell(cell)));
    }
}
