//! A part of a source's rows and columns as a source of its own.

use std::{ops::ControlFlow, sync::Arc};

use super::{
    ReadError,
    cell::{Batch, Source},
    layout::Region,
    look::{Format, Markup},
};

pub(super) struct Window {
    pub(super) source: Arc<dyn Source + Send>,
    pub(super) region: Region,
    /// All rows of the source, where they are at hand.
    pub(super) kept: Option<Arc<Kept>>,
}

/// Rows that were read already, so that many small parts don't read the file as many times.
#[derive(Debug)]
pub(super) struct Kept {
    /// Each with the number of its first row, rising.
    batches: Vec<(u64, Batch)>,
}

impl Kept {
    pub(super) fn new(batches: Vec<Batch>) -> Kept {
        let numbered = |batch: Batch| {
            let first = batch.rows().next().map(|row| row.number)?;
            Some((first, batch))
        };
        let batches = batches.into_iter().filter_map(numbered).collect();
        Kept { batches }
    }

    /// The batches from the one on that has the row.
    fn from(&self, row: u64) -> impl Iterator<Item = &Batch> {
        let behind = self.batches.partition_point(|(first, _)| *first <= row);
        self.batches.iter().skip(behind.saturating_sub(1)).map(|(_, batch)| batch)
    }
}

impl Window {
    /// Hands on what a batch has of the region.
    fn cut(&self, batch: &Batch, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> ControlFlow<()> {
        let ((top, bottom), (left, right)) = (self.region.rows, self.region.columns);
        let mut cut = Batch::default();
        let mut is_behind = false;
        for row in batch.rows().skip_while(|row| row.number < top) {
            is_behind = row.number > bottom;
            if is_behind {
                break;
            }
            cut.start_row(row.number);
            row.looked()
                .filter(|(col_idx, ..)| (left..=right).contains(col_idx))
                .for_each(|(col_idx, look, cell)| cut.push_as(col_idx, look, cell));
        }
        let flow = if cut.n_rows() > 0 { push(cut) } else { ControlFlow::Continue(()) };
        if is_behind { ControlFlow::Break(()) } else { flow }
    }
}

impl Source for Window {
    fn read(&self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
        match &self.kept {
            Some(kept) => {
                // It breaks off where the region, or whoever takes it, has enough.
                let _ = kept.from(self.region.rows.0).try_for_each(|batch| self.cut(batch, push));
                Ok(())
            }
            None => self.source.read(&mut |batch| self.cut(&batch, push)),
        }
    }

    fn is_text(&self) -> bool {
        self.source.is_text()
    }

    fn formats(&self) -> &[Format] {
        self.source.formats()
    }

    fn markup(&self) -> Option<&Arc<Markup>> {
        self.source.markup()
    }

    fn leaves_commas(&self) -> bool {
        self.source.leaves_commas()
    }

    fn progress(&self) -> f64 {
        self.source.progress()
    }
}
