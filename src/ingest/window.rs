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
}

impl Source for Window {
    fn read(&self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
        let ((top, bottom), (left, right)) = (self.region.rows, self.region.columns);
        self.source.read(&mut |batch| {
            let mut cut = Batch::default();
            let mut is_behind = false;
            for row in batch.rows() {
                is_behind = row.number > bottom;
                if is_behind {
                    break;
                }
                if row.number >= top {
                    cut.start_row(row.number);
                    row.looked()
                        .filter(|(col_idx, ..)| (left..=right).contains(col_idx))
                        .for_each(|(col_idx, look, cell)| cut.push_as(col_idx, look, cell));
                }
            }
            let flow = if cut.n_rows() > 0 { push(cut) } else { ControlFlow::Continue(()) };
            if is_behind { ControlFlow::Break(()) } else { flow }
        })
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
