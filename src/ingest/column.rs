//! One column while it is built: its values, what is doubtful about them, and what blank cells repeat.

use std::{mem, sync::Arc};

use arrow_array::{ArrayRef, builder::StringBuilder};

use super::{
    build::{Known, Plan, PlannedColumn},
    cell::Cell,
    columns::{ColumnBuilder, Outcome},
    evidence::Evidence,
    moment::Order,
    reading::Reading,
    show,
    sums::Sum,
    tally::Tally,
    verdict::{Ground, Setting, Verdict},
};

/// A column being built.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own, and none excludes another")]
pub(super) struct Column {
    pub(super) col_idx: u32,
    pub(super) builder: ColumnBuilder,
    pub(super) doubtful: Tally,
    /// How doubtful values are read.
    pub(super) how: &'static str,
    /// Whether some value takes the doubt from all the others.
    pub(super) settled: bool,
    pub(super) sum: Sum,
    /// Whether a blank cell repeats the one above, which is kept.
    pub(super) fills: bool,
    /// Whether it does so in all rows.
    always_fills: bool,
    pub(super) merged: Option<Merged>,
    kept: Kept,
    verdict: Verdict,
    is_declared: bool,
    name: String,
    setting: Setting,
    pub(super) n_values: u64,
    /// Of the values, those that the evidence has.
    n_weighed: u64,
    pub(super) n_strays: u64,
    /// The cells' text as it is, where that is kept beside the column.
    raw: Option<StringBuilder>,
}

/// Cells that are merged downwards in one column, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Merged {
    /// First and last rows, rising.
    rows: Vec<(u64, u64)>,
    /// Whether numbers name rows here, so that they are repeated as words are.
    keeps_numbers: bool,
    next: usize,
    /// Areas whose cell is repeated in the rows below, and those whose number is not.
    pub(super) filled: Tally,
    pub(super) left: Tally,
}

/// A cell to repeat.
#[derive(Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    Text(String),
    Number(f64),
}

impl Column {
    /// Those of a plan, and the places among them of those that have cells merged downwards.
    pub(super) fn all(plan: &Plan) -> (Vec<Column>, Vec<usize>) {
        let structure = &plan.structure;
        let first = plan.columns.iter().map(|column| column.col_idx).min();
        let mut merged = Vec::new();
        let columns = plan.columns.iter().enumerate().map(|(idx, planned)| {
            let mut column = Column::new(planned, structure.fills.contains(&planned.col_idx));
            let areas = structure.merged(planned.col_idx);
            if !areas.is_empty() {
                column.merge(areas, first == Some(planned.col_idx));
                merged.push(idx);
            }
            column
        });
        (columns.collect(), merged)
    }

    /// Takes in cells that are merged downwards. `keeps_numbers`: whether numbers name rows here.
    fn merge(&mut self, rows: Vec<(u64, u64)>, keeps_numbers: bool) {
        self.merged = Some(Merged { rows, keeps_numbers, ..Merged::default() });
    }

    /// Called for each row where cells are merged: whether the row is one of them.
    pub(super) fn enter(&mut self, row: u64) {
        let Some(merged) = &mut self.merged else { return };
        while merged.rows.get(merged.next).is_some_and(|(_, last)| *last < row) {
            merged.next += 1;
        }
        let within = merged.rows.get(merged.next).filter(|(first, _)| *first <= row);
        if within.is_none_or(|(first, _)| *first == row) {
            self.kept = if self.always_fills { mem::take(&mut self.kept) } else { Kept::Nothing };
        }
        self.fills = within.is_some() || self.always_fills;
    }

    /// Remembers what is merged downwards: words, and numbers where they name rows.
    fn keep_merged(&mut self, cell: Cell<'_>) -> bool {
        let Some(merged) = self.merged.as_mut().filter(|_| self.fills) else { return true };
        let Some((first, last)) = merged.rows.get(merged.next).copied() else { return true };
        let is_kept = merged.keeps_numbers || self.always_fills || !matches!(cell, Cell::Number(_) | Cell::Duration(_));
        let tally = if is_kept { &mut merged.filled } else { &mut merged.left };
        let (from, to) = (show::address(self.col_idx, first), show::address(self.col_idx, last));
        tally.add_lost(|| format!("{from}:{to}: {}", show::cell(cell)));
        is_kept
    }

    /// Remembers a cell that blank ones below repeat; nothing where it is blank itself.
    pub(super) fn keep(&mut self, cell: Cell<'_>) -> Option<()> {
        if cell.is_blank() {
            return None;
        }
        if !self.keep_merged(cell) {
            self.kept = Kept::Nothing;
            return Some(());
        }
        self.kept = if let Cell::Number(number) = cell { Kept::Number(number) } else { Kept::Text(show::cell(cell)) };
        Some(())
    }

    /// A blank cell: null, or what it repeats.
    pub(super) fn append_blank(&mut self) {
        let outcome = match &self.kept {
            Kept::Text(text) if self.fills => self.builder.append(Cell::Text(text)),
            Kept::Number(number) if self.fills => self.builder.append(Cell::Number(*number)),
            Kept::Nothing | Kept::Text(_) | Kept::Number(_) => Outcome::Misfit,
        };
        if outcome == Outcome::Misfit {
            self.builder.append_null();
        }
        self.keep_raw(Cell::Empty);
    }

    /// Keeps the text of a cell as it is, where that was asked for; called once for each row.
    pub(super) fn keep_raw(&mut self, cell: Cell<'_>) {
        if let Some(raw) = &mut self.raw {
            raw.append_option(Some(show::cell(cell)).filter(|text| !text.trim().is_empty()));
        }
    }

    /// The rows since the last time: the typed column, and its text where that is kept.
    pub(super) fn take(&mut self) -> impl Iterator<Item = ArrayRef> + use<> {
        let raw = self.raw.as_mut().map(|raw| -> ArrayRef { Arc::new(raw.finish()) });
        let array = self.builder.take();
        self.sum.add(array.as_ref());
        [Some(array), raw].into_iter().flatten()
    }

    /// From here on, counts the values that the evidence does not have.
    pub(super) fn meet(&mut self) {
        self.n_weighed = self.n_values;
    }

    /// Whether a cell that does not fit is one of the few that may become null, or of a column whose type was asked for.
    pub(super) fn tolerates(&mut self, cell: Cell<'_>, known: Known, evidence: &mut [Evidence]) -> bool {
        if self.verdict.ground == Ground::Asked {
            return true;
        }
        let reading = self.verdict.reading;
        if self.is_declared || reading == Reading::Nothing {
            return false;
        }
        match known {
            Known::Finally => true,
            Known::AsPlanned => self.verdict.n_misfits > 0,
            Known::Unknown => {
                let idx = usize::try_from(self.col_idx).ok();
                let Some(evidence) = idx.and_then(|idx| evidence.get_mut(idx)) else { return false };
                evidence.add_suited(reading, self.verdict.style.notation, self.n_values - self.n_weighed);
                self.n_weighed = self.n_values;
                evidence.add(cell);
                let after = evidence.verdict(&self.name, self.setting);
                after.reading == reading && after.style == self.verdict.style
            }
        }
    }

    fn new(planned: &PlannedColumn, fills: bool) -> Column {
        let verdict = &planned.verdict;
        let builder = ColumnBuilder::new(verdict.reading, verdict.style.clone(), planned.doubt, planned.is_declared);
        let how = match verdict.reading.date_order() {
            Some(Order::DayFirst) => ", day first",
            Some(Order::MonthFirst) => ", month first",
            Some(Order::Unasked) | None => "",
        };
        Column {
            col_idx: planned.col_idx,
            builder,
            doubtful: Tally::default(),
            how,
            settled: false,
            sum: Sum::default(),
            fills,
            always_fills: fills,
            merged: None,
            kept: Kept::default(),
            verdict: planned.verdict.clone(),
            is_declared: planned.is_declared,
            name: planned.name.clone(),
            setting: planned.setting,
            n_values: 0,
            n_weighed: 0,
            n_strays: 0,
            raw: planned.raw.as_ref().map(|_| StringBuilder::new()),
        }
    }
}
