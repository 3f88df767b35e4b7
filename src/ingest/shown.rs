//! What the number formats of a column's cells say of it.

use std::collections::BTreeMap;

use super::{cell::Row, look::Format};

/// In words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    /// Which formats there are, as a reason.
    pub(super) words: String,
    /// The unit that they show, as a note.
    pub(super) note: Option<String>,
}

/// The formats of cells that were seen, by column.
#[derive(Debug, Default)]
pub(super) struct Counted(BTreeMap<u32, BTreeMap<Option<usize>, u64>>);

/// Formats that are told one by one.
const MAX_TOLD: usize = 3;

impl Counted {
    pub(super) fn add(&mut self, row: Row<'_>) {
        for (col_idx, look, cell) in row.looked() {
            if cell.text().is_none() || (look.format_idx().is_some() && !cell.is_blank()) {
                *self.0.entry(col_idx).or_default().entry(look.format_idx()).or_default() += 1;
            }
        }
    }

    /// Nothing where no format says more than that numbers are numbers.
    pub(super) fn shown(&self, col_idx: u32, formats: &[Format]) -> Option<Shown> {
        let counts = self.0.get(&col_idx)?;
        let format = |idx: &Option<usize>| idx.and_then(|idx| formats.get(idx));
        let mut codes: Vec<(&Format, u64)> = counts.iter().filter_map(|(idx, n)| Some((format(idx)?, *n))).collect();
        codes.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let told: Vec<String> = codes.iter().take(MAX_TOLD).map(|(format, _)| format!("`{}`", format.code)).collect();
        let more = if codes.len() > MAX_TOLD { " and others" } else { "" };
        let words = format!("number format {}{more}", told.join(", "));
        let mut units: BTreeMap<Option<&str>, u64> = BTreeMap::new();
        for (idx, n) in counts {
            *units.entry(format(idx).and_then(|format| format.unit.as_deref())).or_default() += n;
        }
        let n_all: u64 = units.values().sum();
        let mut by_unit: Vec<(&str, u64)> = units.iter().filter_map(|(unit, n)| Some(((*unit)?, *n))).collect();
        by_unit.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        let note = match by_unit.as_slice() {
            [] => None,
            // Cells without a format beside it may be anything, as long as they are few.
            [(unit, n)] if n * 2 > n_all => {
                codes.iter().find_map(|(it, _)| it.note().filter(|_| it.unit.as_deref() == Some(*unit)))
            }
            units => {
                let units = units.iter().take(MAX_TOLD).map(|(unit, n)| format!("{unit} in {n} cells"));
                Some(format!("unit by cell: {}, of {n_all}", units.collect::<Vec<_>>().join(", ")))
            }
        };
        (!told.is_empty()).then_some(Shown { words, note })
    }
}
