//! What became of cells that are merged downwards, for the receipt.

use super::{
    account::{filled_forward, offer},
    build::PlannedColumn,
    column::Merged,
    layout::Structure,
    receipt::Decision,
    show,
};

/// Those of one column.
#[derive(Debug)]
pub(super) struct Merges {
    col_idx: u32,
    name: String,
    merged: Merged,
    /// Whether the column has blank cells besides.
    has_others: bool,
}

impl Merges {
    /// `n_blank`: rows of data without a value in the file's cell.
    pub(super) fn of(structure: &Structure, column: &PlannedColumn, merged: Merged, n_blank: u64) -> Merges {
        let col_idx = column.col_idx;
        let n_covered: u64 = structure.merged(col_idx).into_iter().map(|(first, last)| last - first).sum();
        Merges { col_idx, name: column.name.clone(), merged, has_others: n_blank > n_covered }
    }

    pub(super) fn told(&self) -> impl Iterator<Item = Decision> + use<> {
        let decision = |decided: String, because: &str, confidence, other: String| Decision {
            about: "fill".to_owned(),
            decided,
            because: because.to_owned(),
            confidence,
            alternatives: vec![other],
        };
        let (column, merged) = (show::letters(self.col_idx), &self.merged);
        let filled = (merged.filled.count > 0).then(|| {
            let cells = merged.filled.told();
            let decided = format!("merged cells of column {column} hold their value in each of their rows: {cells}");
            decision(decided, "the workbook says that they are one cell", 95, "null below the first row".to_owned())
        });
        let left = (merged.left.count > 0).then(|| {
            let cells = merged.left.told();
            let decided = format!("numbers in merged cells of column {column} stand in their first row only: {cells}");
            // A step that fills a column fills all of its blank cells.
            let other = if self.has_others {
                "the same number in each of their rows; `fill` would fill the column's other blank cells too".to_owned()
            } else {
                format!("the same number in each row: {}", offer(&[filled_forward(&self.name)]))
            };
            decision(decided, "each of them repeated would be counted more than once", 80, other)
        });
        filled.into_iter().chain(left)
    }
}
