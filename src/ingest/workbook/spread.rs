//! Writes out the cells that a few bytes of a file repeat, within what a file may hold.

use std::ops::{ControlFlow, Range};

use super::rows::Rows;
use crate::ingest::{
    Limits, ReadError,
    cell::{Batch, Cell},
};

pub(super) struct Spread<'l> {
    limits: &'l Limits,
    rows: Rows,
    n_cells: u64,
    n_bytes: u64,
}

impl Spread<'_> {
    pub(super) fn new(limits: &Limits) -> Spread<'_> {
        Spread { limits, rows: Rows::new(limits), n_cells: 0, n_bytes: 0 }
    }

    /// Counts a cell's repetitions, and the bytes of their text, before any is written out.
    pub(super) fn spend(&mut self, n_rows: usize, n_columns: usize, n_bytes: usize) -> Result<(), ReadError> {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let n_cells = count(n_rows).saturating_mul(count(n_columns));
        self.n_cells = self.n_cells.saturating_add(n_cells);
        self.n_bytes = self.n_bytes.saturating_add(n_cells.saturating_mul(count(n_bytes)));
        if self.n_cells > self.limits.cells {
            return Err(ReadError::Limit { what: "cells of a file", found: self.n_cells, limit: self.limits.cells });
        }
        if self.n_bytes > self.limits.inflated_bytes {
            let (found, limit) = (self.n_bytes, self.limits.inflated_bytes);
            return Err(ReadError::Limit { what: "bytes of the workbook once inflated", found, limit });
        }
        Ok(())
    }

    /// Writes the cell into the columns of one row.
    pub(super) fn push(
        &mut self,
        row_idx: u32,
        columns: Range<u32>,
        cell: Cell<'_>,
        push: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, ReadError> {
        for col_idx in columns {
            self.rows.push(row_idx, col_idx, cell)?;
        }
        Ok(self.rows.take_full().map_or(ControlFlow::Continue(()), push))
    }

    pub(super) fn finish(self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) {
        self.rows.finish(push);
    }
}
