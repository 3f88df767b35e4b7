//! Where a table lies among its file's rows: what heads it, where it starts and ends, which rows are no data.
//!
//! Everything here is decided on the lines of a sample in memory, by functions that know nothing of files. In a file
//! that is longer, the rows that come last are looked at again when they are known (`tail`).

mod frame;
mod grid;
mod groups;
mod names;
mod notes;
mod outline;
mod pages;
mod regions;
mod seen;
mod totals;
mod transposed;
mod unit;
mod watch;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    ReadError,
    cell::{Batch, Cell, Row},
    look::{Area, Markup},
    receipt::Decision,
    show,
};
use frame::Frame;
use grid::Line;
use groups::Blanks;
pub(super) use groups::{Path as GroupPath, label as group_label};
use outline::Outline;
use pages::Pages;
pub(super) use regions::{Listed, Region};
pub(super) use watch::Watch;
pub(super) use words::Claim;

/// Where things are in a table; rows count from 1 over all the file's records.
#[expect(clippy::struct_excessive_bools, reason = "each says another thing, and none is a state")]
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Structure {
    pub(super) header_rows: Vec<u64>,
    pub(super) first_data_row: u64,
    /// The last row that may be data; rows behind it are notes.
    pub(super) last_row: Option<u64>,
    /// Rows between the first and the last that are no data, and why.
    pub(super) left_out: BTreeMap<u64, LeftOut>,
    /// What the header says of columns besides their names.
    pub(super) column_notes: Vec<(u32, String)>,
    /// The column whose rows of one cell are groups of the next rows.
    pub(super) groups: Option<u32>,
    /// Columns in which a blank cell repeats the one above.
    pub(super) fills: BTreeSet<u32>,
    /// The column in which a blank cell may repeat the one above.
    pub(super) may_repeat: Option<u32>,
    /// Rows of totals, whether they are left out or kept.
    pub(super) totals: Vec<TotalRow>,
    /// Columns that hold values for the most part.
    values: BTreeSet<u32>,
    /// Whether totals that arithmetic bears out stand between the data, so that they are to be looked for in rows to come.
    has_subtotals: bool,
    /// What comes again on every page.
    pages: Pages,
    /// Behind the last row that was looked at as a whole; 0 where that is all of them.
    sample_end: u64,
    keeps_totals: bool,
    /// Whether a caller said which rows head the columns.
    pub(super) is_fixed: bool,
    /// Whether the file itself says which row heads the columns.
    pub(super) is_listed: bool,
    /// Whether fields go down and records across.
    pub(super) is_transposed: bool,
    /// Whether the header is one whole row right above the data.
    pub(super) is_plain: bool,
    /// What the workbook shows of the header besides its words.
    pub(super) seen: Vec<&'static str>,
    /// What the workbook says of the cells besides what they hold.
    pub(super) markup: Option<Arc<Markup>>,
    /// What else was decided.
    pub(super) decisions: Vec<Decision>,
}

/// A row that sums up others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TotalRow {
    pub(super) number: u64,
    pub(super) claim: Claim,
    pub(super) label: String,
    pub(super) n_agreeing: usize,
    /// Column, what the row says there, and what its rows come to.
    pub(super) disagreeing: Vec<(u32, f64, f64)>,
    /// Column and what the row says there, where that is still to be compared with the sum of all rows.
    pub(super) unchecked: Vec<(u32, f64)>,
}

impl TotalRow {
    /// A row that the file says is one of totals; each of its numbers may be any function of the others.
    fn listed(line: &Line<'_>) -> TotalRow {
        let label = line.texts().next().unwrap_or_default();
        let (number, claim) = (line.number, Claim::Sum);
        TotalRow { number, claim, label, n_agreeing: 0, disagreeing: Vec::new(), unchecked: Vec::new() }
    }
}

/// Why a row is no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    /// A drawn line, or what each page repeats.
    Repeated,
    Total,
    /// It says what the next rows have in common.
    Group,
}

/// What a caller fixed.
#[derive(Debug, Clone, Default)]
pub(super) struct Fixed {
    /// The rows that head the columns; empty where none does.
    pub(super) header_rows: Option<Vec<u64>>,
    /// Rows of totals are data.
    pub(super) keeps_totals: bool,
    /// Whether it is the file that says which rows head the columns.
    pub(super) is_listed: bool,
    /// The row of totals, where the file says it.
    pub(super) totals_row: Option<u64>,
    pub(super) markup: Option<Arc<Markup>>,
}

impl Structure {
    /// The rows of cells of a column that are merged downwards, below the header.
    pub(super) fn merged(&self, col_idx: u32) -> Vec<(u64, u64)> {
        let merges = self.markup.iter().flat_map(|markup| &markup.merges);
        let first = self.first_data_row;
        let of_column = merges.filter(|area| area.is_high() && area.columns.0 == col_idx && area.rows.0 >= first);
        of_column.map(|area| area.rows).collect()
    }

    /// Whether a row that is not blank is one of data.
    pub(super) fn is_data(&self, row: Row<'_>) -> bool {
        row.number >= self.first_data_row
            && self.last_row.is_none_or(|last| row.number <= last)
            && self.why_left_out(row).is_none()
    }

    /// Why a row between the first and the last is no data, if that is so.
    pub(super) fn why_left_out(&self, row: Row<'_>) -> Option<LeftOut> {
        if let Some(why) = self.left_out.get(&row.number) {
            return Some(*why);
        }
        let is_within = row.number >= self.first_data_row && self.last_row.is_none_or(|last| row.number <= last);
        if is_within && self.pages.has(row) {
            return Some(LeftOut::Repeated);
        }
        if let Some(stub) = self.groups.filter(|_| is_within)
            && groups::label(row, stub).is_some()
        {
            return Some(LeftOut::Group);
        }
        let is_beyond = self.sample_end > 0 && row.number >= self.sample_end;
        (is_beyond && self.has_subtotals && !self.keeps_totals && totals::said(&Line::new(row), &self.values).is_some())
            .then_some(LeftOut::Total)
    }

    fn fill(&mut self, blanks: Option<Blanks>) {
        let decision = |decided: String, because: &str, confidence, other: &str| Decision {
            about: "fill".to_owned(),
            decided,
            because: because.to_owned(),
            confidence,
            alternatives: vec![other.to_owned()],
        };
        self.decisions.extend(match blanks {
            None => None,
            Some(Blanks::Repeat(column)) => {
                self.fills.insert(column);
                let decided = format!("blank cells of column {} hold the one above", show::letters(column));
                Some(decision(
                    decided,
                    "the column beside it starts over with each cell that is filled",
                    85,
                    "left null",
                ))
            }
            Some(Blanks::Summed(column)) => {
                self.fills.insert(column);
                let decided = format!("blank cells of column {} hold the one above", show::letters(column));
                Some(decision(decided, "each total is the sum of the rows from a filled cell on", 95, "left null"))
            }
            Some(Blanks::MayRepeat(column)) => {
                let decided = format!("blank cells of column {} are null", show::letters(column));
                self.may_repeat = Some(column);
                Some(decision(decided, "they may repeat the cell above, but nothing shows it", 55, "filled from above"))
            }
        });
    }

    /// Looks at a long table's last rows, once it is known that they are: notes, and totals by their words.
    pub(super) fn tail(&mut self, rows: &[Row<'_>]) {
        let lines = filled(rows);
        let end = notes::end(&lines);
        if let Some(last) = end.checked_sub(1).and_then(|idx| lines.get(idx)).filter(|_| end < lines.len()) {
            self.last_row = Some(last.number);
        }
        let totals =
            lines.iter().take(end).rev().map_while(|line| Some((line.number, totals::said(line, &self.values)?)));
        for (number, (label, claim, unchecked)) in totals.take(8) {
            self.totals.push(TotalRow { number, claim, label, n_agreeing: 0, disagreeing: Vec::new(), unchecked });
            if !self.keeps_totals {
                self.left_out.insert(number, LeftOut::Total);
            }
        }
    }
}

fn filled<'a>(rows: &[Row<'a>]) -> Vec<Line<'a>> {
    rows.iter().map(|row| Line::new(*row)).filter(|line| !line.cells.is_empty()).collect()
}

/// The regions of the tables that the file says there are or the first rows show, where the sheet is not just one.
pub(super) fn several(rows: &[Row<'_>], listed: &[Listed]) -> Option<Vec<Listed>> {
    let lines = filled(rows);
    if !listed.is_empty() {
        return Some(regions::around(&lines, listed));
    }
    let found = regions::regions(&lines).into_iter().map(|region| Listed {
        region,
        header_row: None,
        totals_row: None,
        notes: Vec::new(),
    });
    Some(found.collect::<Vec<_>>()).filter(|regions| regions.len() > 1)
}

/// The structure that the first rows show, and a row with the columns' names. `is_whole`: there are no others.
pub(super) fn structure(
    rows: &[Row<'_>],
    fixed: &Fixed,
    is_whole: bool,
    is_text_file: bool,
) -> Result<(Structure, Batch), ReadError> {
    let lines = filled(rows);
    let mut frame = frame::frame(&lines, is_whole, is_text_file);
    let markup = fixed.markup.as_deref();
    let (adjusted, seen) = seen::adjust(frame, &lines, markup);
    frame = frame::with_first_rows(adjusted, &lines);
    if let Some(header_rows) = &fixed.header_rows {
        frame = Frame { ..by_rows(frame, &lines, header_rows)? };
    }
    let header: Vec<&Line<'_>> = frame.header.iter().filter_map(|idx| lines.get(*idx)).collect();
    let number = |idx: usize| lines.get(idx).map(|line| line.number);
    let filled = grid::counts(lines.get(frame.first..frame.end).unwrap_or_default().iter()).into_keys().collect();
    let (names, column_notes) = heading(&header, markup, &filled);
    let behind_header = header.last().map_or(1, |line| line.number + 1);
    let mut structure = Structure {
        header_rows: header.iter().map(|line| line.number).collect(),
        first_data_row: number(frame.first).unwrap_or(behind_header),
        last_row: (is_whole && frame.end < lines.len()).then(|| number(frame.end.saturating_sub(1))).flatten(),
        column_notes,
        seen,
        markup: fixed.markup.clone(),
        ..Structure::default()
    };
    let data = lines.get(frame.first..frame.end).unwrap_or_default();
    let above = lines.get(..frame.header.first().copied().unwrap_or(frame.first)).unwrap_or_default();
    structure.pages = Pages::find(above, &header, data, &frame.values);
    structure.left_out =
        data.iter().filter(|line| line.is_rule()).map(|line| (line.number, LeftOut::Repeated)).collect();
    let of_page = |line: &Line<'_>| structure.pages.has(line.row);
    let whole_pages: Vec<Line<'_>>;
    let data = if data.iter().any(of_page) {
        whole_pages = data.iter().filter(|line| !of_page(line)).cloned().collect();
        whole_pages.as_slice()
    } else {
        data
    };
    structure.keeps_totals = fixed.keeps_totals;
    let behind = frame.header.last().map_or(frame.first, |idx| idx + 1);
    let before = lines.get(behind..frame.first).unwrap_or_default();
    structure.groups = groups::column(before, data, &frame.values, frame.is_ordinary());
    if structure.groups.is_some() {
        structure.left_out.extend(before.iter().map(|line| (line.number, LeftOut::Group)));
    }
    let all = data;
    let outline = if is_whole { outline::find(data, &frame.values) } else { Outline::default() };
    let leaves: Vec<Line<'_>>;
    let data = if outline.are_sums {
        let sums: Vec<TotalRow> = outline.sums(data).collect();
        structure.left_out.extend(sums.iter().filter(|_| !fixed.keeps_totals).map(|it| (it.number, LeftOut::Total)));
        structure.totals.extend(sums);
        let is_parent = |idx: usize| outline.parents.binary_search_by_key(&idx, |parent| parent.idx).is_ok();
        leaves = data.iter().enumerate().filter(|(idx, _)| !is_parent(*idx)).map(|(_, line)| line.clone()).collect();
        leaves.as_slice()
    } else {
        structure.decisions.extend(outline.doubt(data));
        data
    };
    for total in totals::find(data, &frame.values, is_whole) {
        let Some(number) = data.get(total.idx).map(|line| line.number) else { continue };
        structure.has_subtotals = structure.has_subtotals || (total.idx > 0 && total.n_agreeing > 0);
        if !fixed.keeps_totals {
            structure.left_out.insert(number, LeftOut::Total);
        }
        let disagreeing = total.disagreeing.iter().map(|it| (it.col_idx, it.claimed, it.found)).collect();
        structure.totals.push(TotalRow {
            number,
            claim: total.claim,
            label: total.label,
            n_agreeing: total.n_agreeing,
            disagreeing,
            unchecked: Vec::new(),
        });
    }
    if let Some(total) = fixed.totals_row.filter(|row| structure.totals.iter().all(|total| total.number != *row))
        && let Some(line) = data.iter().find(|line| line.number == total)
    {
        structure.totals.push(TotalRow::listed(line));
        if !fixed.keeps_totals {
            structure.left_out.insert(total, LeftOut::Total);
        }
    }
    if structure.groups.is_none() {
        let totals: BTreeSet<u64> = structure.totals.iter().map(|total| total.number).collect();
        let totals = if outline.are_sums { BTreeSet::new() } else { totals };
        // Where cells are merged, the workbook says what blank ones hold.
        let is_open = |blanks: &Blanks| structure.merged(blanks.column()).is_empty();
        structure.fill(groups::blanks(all, &totals, &frame.values).filter(is_open));
    }
    structure.sample_end = if is_whole { 0 } else { lines.last().map_or(1, |line| line.number + 1) };
    structure.is_fixed = fixed.header_rows.is_some();
    structure.is_listed = fixed.is_listed;
    structure.is_transposed = is_whole && transposed::is_transposed(&header, data);
    structure.is_plain = frame.is_plain;
    structure.values = frame.values;
    Ok((structure, names))
}

/// The frame with the header where the caller says it is.
fn by_rows(mut frame: Frame, lines: &[Line<'_>], header_rows: &[u64]) -> Result<Frame, ReadError> {
    let mut header = Vec::new();
    for number in header_rows {
        let found = lines.iter().position(|line| line.number == *number).ok_or_else(|| ReadError::Option {
            message: format!("row {number} can't head the columns: it is blank, or beyond the first rows"),
            hint: "rows count from 1 over all of the file's records; leave `header_row` out to have it found"
                .to_owned(),
        })?;
        header.push(found);
    }
    header.sort_unstable();
    frame.first = match header.last() {
        Some(last) => last + 1,
        // What stood as the header is data then, and so may be what stands above it.
        None => 0,
    };
    frame.end = frame.end.max(frame.first);
    frame.header = header;
    Ok(frame)
}

/// A row with the columns' names, and what is said of columns besides.
fn heading(header: &[&Line<'_>], markup: Option<&Markup>, filled: &BTreeSet<u32>) -> (Batch, Vec<(u32, String)>) {
    let mut batch = Batch::default();
    let Some(last) = header.last() else { return (batch, Vec::new()) };
    batch.start_row(last.number);
    let mut notes = Vec::new();
    let merges = markup.map_or(&[][..], |markup| &markup.merges).iter().take_while(|area| area.rows.0 <= last.number);
    let merges: Vec<Area> =
        merges.filter(|area| header.iter().any(|line| area.has_row(line.number))).copied().collect();
    let named = names::names(header, &merges, filled);
    for (col_idx, named) in named {
        batch.push(col_idx, Cell::Text(&named.name));
        if let Some(unit) = named.unit {
            notes.push((col_idx, format!("unit: {unit}")));
        }
        if let Some(mark) = named.mark {
            notes.push((col_idx, format!("mark {mark}")));
        }
    }
    (batch, notes)
}
