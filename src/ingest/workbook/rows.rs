//! Cells by position, as calamine gives them, gathered into batches of rows.

use std::ops::ControlFlow;

use crate::ingest::{
    Limits, ReadError,
    cell::{Batch, Cell},
    look::Look,
    show,
};

/// The batch being filled, and where in the sheet it stands.
pub(super) struct Rows {
    batch: Batch,
    full: Option<Batch>,
    max_columns: u32,
    /// The row that is open, and the column that comes next in it.
    open: Option<(u32, u32)>,
}

impl Rows {
    pub(super) fn new(limits: &Limits) -> Rows {
        Rows { batch: Batch::default(), full: None, max_columns: limits.columns, open: None }
    }

    /// Adds a cell; positions count from 0 and come in order of rows.
    pub(super) fn push(&mut self, row_idx: u32, col_idx: u32, cell: Cell<'_>) -> Result<(), ReadError> {
        self.push_as(row_idx, col_idx, Look::default(), cell)
    }

    /// Adds a cell as `push` does, with its look.
    pub(super) fn push_as(&mut self, row_idx: u32, col_idx: u32, look: Look, cell: Cell<'_>) -> Result<(), ReadError> {
        if cell.text() == Some("") {
            return Ok(());
        }
        if col_idx >= self.max_columns {
            let (found, limit) = (u64::from(col_idx) + 1, u64::from(self.max_columns));
            return Err(ReadError::Limit { what: "columns of a sheet", found, limit });
        }
        match self.open {
            Some((open, next)) if open == row_idx && next <= col_idx => {}
            Some((open, _)) if open == row_idx => {
                if self.batch.insert(col_idx, look, cell) {
                    return Ok(());
                }
                let address = show::address(col_idx, u64::from(row_idx) + 1);
                return Err(ReadError::Damaged(format!("the cell {address} is there twice")));
            }
            Some((open, _)) if open > row_idx => {
                let address = show::address(col_idx, u64::from(row_idx) + 1);
                return Err(ReadError::Damaged(format!("the cell {address} comes after those of row {}", open + 1)));
            }
            Some(_) | None => {
                if self.batch.is_full() {
                    self.full = Some(std::mem::take(&mut self.batch));
                }
                self.batch.start_row(u64::from(row_idx) + 1);
            }
        }
        self.batch.push_as(col_idx, look, cell);
        self.open = Some((row_idx, col_idx + 1));
        Ok(())
    }

    /// A batch that is ready to be handed on.
    pub(super) fn take_full(&mut self) -> Option<Batch> {
        self.full.take()
    }

    /// Hands on what is left when the sheet has ended.
    pub(super) fn finish(self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) {
        for batch in self.full.into_iter().chain([self.batch]) {
            if batch.n_rows() > 0 && push(batch).is_break() {
                return;
            }
        }
    }
}
