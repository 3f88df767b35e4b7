//! What a text file that is written from a column of texts would be read as.

use super::{cell::Cell, evidence::Evidence};
use crate::value::ColumnType;

/// The texts of one column.
#[derive(Debug, Default)]
pub struct Reread(Evidence);

impl Reread {
    pub fn add(&mut self, text: &str) {
        self.0.add(Cell::Text(text));
    }

    /// The type, where it is not text again.
    pub fn other_than_text(&self) -> Option<ColumnType> {
        Some(self.0.decide(true).column_type()).filter(|it| *it != ColumnType::Text)
    }
}
