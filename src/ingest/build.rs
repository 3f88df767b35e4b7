//! Builds a table's typed columns by a plan, row by row, until a cell does not fit the plan.

use std::{io, mem, path::Path, sync::Arc};

use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};

use super::{
    ReadError,
    cell::{Cell, Row},
    column::Column,
    columns::{Doubt, Outcome, field},
    evidence::Evidence,
    layout::{Claim, GroupPath, LeftOut, Structure, group_label},
    merges::Merges,
    parquet::Writer,
    reading::Reading,
    receipt::Decision,
    show,
    shown::Shown,
    tally::{Tallies, Tally},
    verdict::{Setting, Verdict},
};

/// Rows, and bytes of text, that go to the writer at once.
const BATCH_ROWS: usize = 16_384;
const BATCH_TEXT: usize = 32 << 20;
/// Notes that are kept, and characters of each.
const MAX_NOTES: usize = 60;
const MAX_NOTE_CHARS: usize = 400;

/// The place of the column that holds the groups of rows: behind all of the file.
pub(super) const GROUP: u32 = u32::MAX;

/// How a table is read.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) structure: Structure,
    pub(super) columns: Vec<PlannedColumn>,
    /// Columns that get none: without name or cell.
    pub(super) left_out: Vec<u32>,
    /// Cells that a row should have; 0 where row lengths say nothing.
    pub(super) usual_width: u32,
}

/// How one column is read.
#[derive(Debug, Clone)]
pub(super) struct PlannedColumn {
    /// Its place in the sheet, from 0; they rise.
    pub(super) col_idx: u32,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) setting: Setting,
    /// Whether the file itself says the reading.
    pub(super) is_declared: bool,
    pub(super) doubt: Option<Doubt>,
    /// What the number formats of its cells say.
    pub(super) format: Option<Shown>,
    /// The name of the column that keeps its text as it was, where one was asked for.
    pub(super) raw: Option<String>,
}

/// What came of the rows.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub(super) n_rows: u64,
    /// 0 where there are no rows.
    pub(super) first_data_row: u64,
    pub(super) last_data_row: u64,
    pub(super) tallies: Tallies,
    /// Why each column is of its type.
    pub(super) types: Vec<Decision>,
    pub(super) merges: Vec<Merges>,
    /// What stands above and below the data: cell and text, no more than some.
    pub(super) notes: Vec<(u64, String)>,
}

#[derive(Debug)]
pub(super) struct Build {
    plan: Plan,
    columns: Vec<Column>,
    schema: SchemaRef,
    writer: Option<Writer>,
    n_waiting: usize,
    text_waiting: usize,
    built: Built,
    known: Known,
    group: GroupPath,
    /// Columns with cells that are merged downwards, by their places here.
    merged: Vec<usize>,
    failure: Option<ReadError>,
}

/// What is known of the rows to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// The plan was made with them in view.
    AsPlanned,
    /// Nothing certain: a cell that does not fit may change the plan.
    Unknown,
    /// All there is: what does not fit never will.
    Finally,
}

impl Build {
    pub(super) fn new(plan: Plan, out: Option<&Path>) -> Result<Build, ReadError> {
        let fields: Vec<_> = plan
            .columns
            .iter()
            .flat_map(|column| {
                let raw = column.raw.as_ref().map(|name| field(name, Reading::Text));
                [Some(field(&column.name, column.verdict.reading)), raw].into_iter().flatten()
            })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = match out {
            Some(path) if !plan.columns.is_empty() => Some(Writer::create(path, schema.clone())?),
            Some(_) | None => None,
        };
        let (columns, merged) = Column::all(&plan);
        Ok(Build {
            plan,
            columns,
            schema,
            writer,
            n_waiting: 0,
            text_waiting: 0,
            built: Built::default(),
            known: Known::AsPlanned,
            group: GroupPath::default(),
            merged,
            failure: None,
        })
    }

    /// From here on, whether the plan was made with the rows in view, so that what does not fit is known to be rare.
    pub(super) fn meet(&mut self, known: Known) {
        if known == self.known {
            return;
        }
        self.known = known;
        self.columns.iter_mut().for_each(Column::meet);
    }

    /// Whether the row fits the plan; if not, this build is worth nothing any more. Cells that don't fit and are rare go
    /// to `evidence`, which tells whether they still are.
    #[must_use]
    pub(super) fn add(&mut self, row: Row<'_>, evidence: &mut [Evidence]) -> bool {
        if row.is_blank() || !self.plan.structure.is_data(row) {
            self.skip(row);
            return true;
        }
        for idx in &self.merged {
            self.columns.get_mut(*idx).into_iter().for_each(|column| column.enter(row.number));
        }
        let Some(width) = self.append(row, evidence) else { return false };
        self.note_width(row, width);
        if self.plan.structure.markup.as_ref().is_some_and(|markup| markup.hides_row(row.number)) {
            self.built.tallies.hidden_rows.add(|| format!("row {}", row.number));
        }
        if self.built.first_data_row == 0 {
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
    fn append(&mut self, row: Row<'_>, evidence: &mut [Evidence]) -> Option<u32> {
        let mut columns = self.columns.iter_mut();
        let mut next = columns.next();
        let mut width = 0;
        for (col_idx, cell) in row.cells() {
            if matches!(cell, Cell::Empty) {
                continue;
            }
            while let Some(column) = next.take_if(|column| column.col_idx < col_idx) {
                column.append_blank();
                next = columns.next();
            }
            let Some(column) = next.take_if(|column| column.col_idx == col_idx) else {
                // Outside of the plan's columns: white space may be there, a value may not.
                if cell.is_blank() {
                    continue;
                }
                return None;
            };
            next = columns.next();
            width = col_idx + 1;
            if column.fills && column.keep(cell).is_none() {
                column.append_blank();
                continue;
            }
            let mut outcome = column.builder.append(cell);
            if outcome == Outcome::Misfit && column.tolerates(cell, self.known, evidence) {
                column.builder.append_null();
                outcome = Outcome::Stray;
            }
            match outcome {
                Outcome::Value | Outcome::Padded | Outcome::Marked => {
                    column.settled = true;
                    column.n_values += 1;
                }
                Outcome::Doubtful => {
                    let how = column.how;
                    column.n_values += 1;
                    column.doubtful.add(|| example(col_idx, row.number, cell) + how);
                }
                Outcome::Misfit => return None,
                Outcome::Stray => column.n_strays += 1,
                Outcome::Empty | Outcome::NullWord | Outcome::Error | Outcome::Unevaluated => {}
            }
            column.keep_raw(cell);
            self.built.tallies.note(outcome, col_idx, row.number, cell);
            if let Cell::Text(text) = cell {
                self.text_waiting += text.len();
            }
        }
        self.group.pass();
        let group = self.group.text();
        for column in next.into_iter().chain(columns) {
            match &group {
                Some(group) if column.col_idx == GROUP => drop(column.builder.append(Cell::Text(group))),
                Some(_) | None => column.append_blank(),
            }
        }
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

    /// A row that is no data: blank, or above it, below it or between.
    fn skip(&mut self, row: Row<'_>) {
        let structure = &self.plan.structure;
        if structure.header_rows.contains(&row.number) {
            return;
        }
        let tallies = &mut self.built.tallies;
        let why = structure.why_left_out(row);
        let is_note = why.is_none();
        if why == Some(LeftOut::Group)
            && let Some((label, indent)) = structure.groups.and_then(|stub| group_label(row, stub))
        {
            self.group.enter(label, indent);
        }
        let tally = if row.is_blank() {
            // Blank rows behind the table are nobody's.
            if structure.last_row.is_some_and(|last| row.number > last) {
                return;
            }
            tallies.blank_rows.add(|| format!("row {}", row.number));
            return;
        } else {
            match why {
                Some(LeftOut::Group) => &mut tallies.groups,
                Some(LeftOut::Repeated) => &mut tallies.repeated_rows,
                Some(LeftOut::Total) => {
                    // They are part of the table, though not of its data.
                    if self.built.first_data_row == 0 {
                        self.built.first_data_row = row.number;
                    }
                    self.built.last_data_row = row.number;
                    &mut tallies.totals
                }
                None if row.number < structure.first_data_row => &mut tallies.above_header,
                None => &mut tallies.notes_below,
            }
        };
        let cells: Vec<String> =
            row.cells().filter(|(_, cell)| !cell.is_blank()).map(|(_, cell)| show::cell(cell)).collect();
        let text = cells.join(" | ");
        if is_note && self.built.notes.len() < MAX_NOTES {
            self.built.notes.push((row.number, text.chars().take(MAX_NOTE_CHARS).collect()));
        }
        tally.add(|| format!("row {}: {text}", row.number));
    }

    fn flush(&mut self) {
        self.text_waiting = 0;
        if self.n_waiting == 0 {
            return;
        }
        self.n_waiting = 0;
        let columns: Vec<_> = self.columns.iter_mut().flat_map(Column::take).collect();
        let Some(writer) = &self.writer else { return };
        match RecordBatch::try_new(self.schema.clone(), columns) {
            // Where the writer takes no more, its `close` says why.
            Ok(batch) => {
                writer.write(batch);
            }
            Err(error) => self.failure = Some(io::Error::other(error).into()),
        }
    }

    /// What became known of the table's last rows.
    pub(super) fn end_with(&mut self, structure: Structure) {
        self.plan.structure = structure;
    }

    pub(super) fn finish(mut self) -> Result<(Plan, Built), ReadError> {
        self.flush();
        self.check_totals();
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if let Some(writer) = self.writer {
            writer.close()?;
        }
        let tallies = &mut self.built.tallies;
        for (column, planned) in self.columns.into_iter().zip(&self.plan.columns) {
            let is_doubtful = column.doubtful.count > 0 && (planned.doubt != Some(Doubt::Comma) || !column.settled);
            let mut decision = planned.decision(column.n_values, column.n_strays, is_doubtful);
            if let Some(format) = &planned.format {
                decision.because = format!("{}; {}", decision.because, format.words);
            }
            self.built.types.push(decision);
            if self.plan.structure.markup.as_ref().is_some_and(|markup| markup.hides_column(planned.col_idx)) {
                tallies.hidden_columns.add(|| format!("{}: {}", show::letters(planned.col_idx), planned.name));
            }
            let n_blank = self.built.n_rows.saturating_sub(column.n_values + column.n_strays);
            let merges = column.merged.map(|merged| Merges::of(&self.plan.structure, planned, merged, n_blank));
            self.built.merges.extend(merges);
            if let Some(doubt) = planned.doubt.filter(|_| is_doubtful) {
                tallies.of(doubt).append(column.doubtful);
            }
        }
        // A table that does not start in the first column leaves none out there.
        let first = self.plan.columns.first().map_or(0, |column| column.col_idx);
        let left_out: Vec<u32> = self.plan.left_out.iter().copied().filter(|col_idx| *col_idx > first).collect();
        for run in left_out.chunk_by(|one, next| one + 1 == *next) {
            tallies.empty_columns.append(Tally::of_columns(run));
        }
        Ok((self.plan, self.built))
    }
}

impl Build {
    /// Compares what totals say with what was read, and tells of those that are wrong.
    fn check_totals(&mut self) {
        let tallies = &mut self.built.tallies;
        for total in &mut self.plan.structure.totals {
            for (col_idx, claimed) in mem::take(&mut total.unchecked) {
                let sum = self.columns.iter().find(|column| column.col_idx == col_idx).map(|column| &column.sum);
                let Some((sum, found)) = sum.and_then(|sum| Some((sum, sum.expected(total.claim)?))) else { continue };
                if (found - claimed).abs() <= found.abs() * 1e-6 {
                    total.n_agreeing += 1;
                } else if sum.belies(claimed, found) {
                    total.disagreeing.push((col_idx, claimed, found));
                }
            }
            let what = match total.claim {
                Claim::Sum => "the rows sum to",
                Claim::Mean => "the mean of the rows is",
            };
            for (col_idx, claimed, found) in &total.disagreeing {
                let address = show::address(*col_idx, total.number);
                tallies.wrong_totals.add(|| format!("{address}: {claimed}, but {what} {}", show::rounded(*found)));
            }
            if !self.plan.structure.left_out.contains_key(&total.number) {
                tallies.totals_kept.add(|| format!("row {}: {}", total.number, total.label));
            }
        }
    }
}

impl Tallies {
    fn note(&mut self, outcome: Outcome, col_idx: u32, row_number: u64, cell: Cell<'_>) {
        let tally = match outcome {
            Outcome::Padded => &mut self.padded,
            Outcome::Marked => &mut self.marked,
            Outcome::Stray => return self.strays.add_lost(|| example(col_idx, row_number, cell)),
            Outcome::NullWord => &mut self.null_words,
            Outcome::Error => &mut self.errors,
            Outcome::Unevaluated => &mut self.unevaluated,
            Outcome::Value | Outcome::Doubtful | Outcome::Empty | Outcome::Misfit => return,
        };
        tally.add(|| example(col_idx, row_number, cell));
    }
}

fn example(col_idx: u32, row_number: u64, cell: Cell<'_>) -> String {
    format!("{}: {}", show::address(col_idx, row_number), show::cell(cell))
}
