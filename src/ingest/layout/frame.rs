//! Where a table starts, what heads it, and where it ends, by its filled lines alone.
//!
//! The rules are those that people read by, as Pytheas (Christodoulakis et al., VLDB 2020) writes them down for lines of
//! text files: a line of data looks like the lines below it, column by column; a header is what stands above the first
//! such line and covers its columns; a title covers one cell. Strudel (Jiang et al., EDBT 2021) names the classes.
//! None of their models is used.

use std::collections::BTreeSet;

use super::{
    grid::{Kind, Line, counts, year},
    notes, unit,
};
use crate::ingest::header;

/// A table's parts as indexes of its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Rising; none where nothing heads the columns.
    pub(super) header: Vec<usize>,
    /// The first line of data; as many as there are lines where there is none.
    pub(super) first: usize,
    /// Behind the last line of data.
    pub(super) end: usize,
    /// Columns that hold values for the most part.
    pub(super) values: BTreeSet<u32>,
    /// Whether the header is one whole line right above the data, about which there is little doubt.
    pub(super) is_plain: bool,
}

impl Frame {
    /// Whether nothing but the first line is no data, above.
    pub(super) fn is_ordinary(&self) -> bool {
        self.header.iter().all(|idx| *idx == 0)
    }
}

/// Lines that decide which columns hold values.
const N_COUNTED: usize = 5_000;
/// A header that has more lines is no header.
const MAX_HEADER: usize = 24;

/// `is_whole`: whether these are all the lines, so that the last ones may be notes.
pub(super) fn frame(lines: &[Line<'_>], is_whole: bool, is_text_file: bool) -> Frame {
    let end = if is_whole { notes::end(lines) } else { lines.len() };
    let body = lines.get(..end).unwrap_or_default();
    let columns = usual_columns(body);
    let top = top(body, &columns);
    let values = value_columns(body.get(top..).unwrap_or_default());
    let Some(candidate) = body.get(top) else { return Frame { first: lines.len(), end, values, ..Frame::default() } };
    let below = || body.get(top + 1..).unwrap_or_default();
    let is_data = || header::is_data(candidate.row, below().iter().map(|line| line.row), is_text_file);
    if columns.len() < 2 || is_complete(candidate, &columns) {
        if is_data() && !(body.len() > 1 && heads_years(body, top, &values)) {
            return Frame { header: Vec::new(), first: top, end, values, is_plain: true };
        }
        let header = whole_header(body, top, &values);
        let first = behind_groups(body, header.last().map_or(0, |idx| idx + 1), &values);
        return Frame { header, first, end, values, is_plain: true };
    }
    match by_values(body, top, &values) {
        Some((header, first)) if header.len() <= MAX_HEADER => {
            let end = if is_whole { end_by_values(lines, first, end, &values) } else { end };
            if header.is_empty() && !is_data() {
                return Frame { header: vec![top], first: top + 1, end, values, is_plain: true };
            }
            Frame { header, first, end, values, is_plain: false }
        }
        Some(_) | None => {
            let heading = heading_by_width(body, top, &columns);
            if heading == top && is_data() {
                return Frame { header: Vec::new(), first: top, end, values, is_plain: true };
            }
            Frame { header: vec![heading], first: heading + 1, end, values, is_plain: false }
        }
    }
}

/// Columns that three in ten lines of more than one cell fill.
fn usual_columns(lines: &[Line<'_>]) -> BTreeSet<u32> {
    let wide = || lines.iter().filter(|line| line.cells.len() > 1 && !line.is_rule()).take(N_COUNTED);
    let n_wide = wide().count();
    if n_wide == 0 {
        return counts(lines.iter().take(N_COUNTED)).into_keys().collect();
    }
    let usual = |count: super::grid::Counts| (count.values + count.missing + count.texts) * 10 >= n_wide * 3;
    counts(wide()).into_iter().filter(|(_, count)| usual(*count)).map(|(col_idx, _)| col_idx).collect()
}

/// The first line that is neither a title nor something said about the whole table, such as `Date: | 2024-01-31`.
fn top(lines: &[Line<'_>], columns: &BTreeSet<u32>) -> usize {
    if columns.len() < 2 {
        return 0;
    }
    let Some(start) = lines.iter().position(|line| line.cells.len() > 1 || !is_title(line, columns)) else { return 0 };
    if columns.len() < 4 {
        return start;
    }
    let is_said = |line: &Line<'_>| {
        let stub = columns.first().copied().unwrap_or(0);
        line.first() == Some(stub) && line.last().is_some_and(|last| last <= stub + 1)
    };
    let n_said = lines.iter().skip(start).take_while(|line| is_said(line)).count();
    let next = start + n_said;
    let pairs = lines.get(start..next).unwrap_or_default();
    let is_apart = match (pairs.last(), lines.get(next)) {
        (Some(last), Some(line)) => line.number > last.number + 1,
        _ => false,
    };
    let has_colons =
        !pairs.is_empty() && pairs.iter().all(|line| line.texts().next().is_some_and(|it| it.ends_with(':')));
    if n_said > 0 && next < lines.len() && (has_colons || (is_apart && n_said > 1)) { next } else { start }
}

/// A cell of its own at the left edge, or one above the columns that does not head one of them.
fn is_title(line: &Line<'_>, columns: &BTreeSet<u32>) -> bool {
    let edge = columns.first().copied().unwrap_or(0);
    line.first().is_some_and(|first| first <= edge)
}

/// Columns that hold more values than words, among the lines that hold values for the most part.
fn value_columns(lines: &[Line<'_>]) -> BTreeSet<u32> {
    let stub = lines.iter().filter_map(Line::first).min().unwrap_or(0);
    let holds = |line: &&Line<'_>| {
        let beyond = || line.cells.iter().filter(|(col_idx, ..)| *col_idx > stub);
        let n_values = beyond().filter(|(_, kind, _)| *kind == Kind::Value).count();
        let n_texts = beyond().filter(|(_, kind, _)| *kind == Kind::Text).count();
        n_values > 0 && n_values + line.n(Kind::Missing) >= n_texts
    };
    let full = counts(lines.iter().filter(holds).take(N_COUNTED));
    let full = full.into_iter().filter(|(col_idx, count)| *col_idx > stub && count.values > count.texts);
    let mut columns: BTreeSet<u32> = full.map(|(col_idx, _)| col_idx).collect();
    let all = counts(lines.iter().take(N_COUNTED));
    let most = all.into_iter().filter(|(_, count)| count.values > 2 && count.values > 2 * count.texts);
    columns.extend(most.map(|(col_idx, _)| col_idx).filter(|col_idx| *col_idx > stub));
    columns
}

/// Whether the line names every usual column; the first may go without a name.
fn is_complete(line: &Line<'_>, columns: &BTreeSet<u32>) -> bool {
    !line.is_rule() && columns.iter().skip(1).all(|col_idx| line.has(*col_idx)) && line.cells.len() > 1
}

/// A header whose line at `top` names every column, with what goes on heading them around it.
fn whole_header(lines: &[Line<'_>], top: usize, values: &BTreeSet<u32>) -> Vec<usize> {
    let stub = lines.iter().skip(top).filter_map(Line::first).min().unwrap_or(0);
    let mut header = vec![top];
    let mut has_stub = lines.get(top).is_some_and(|line| line.has(stub));
    if !has_stub && let Some(above) = stub_above(lines, top, stub) {
        header.insert(0, above);
        has_stub = true;
    }
    let (mut idx, mut waiting) = (top + 1, Vec::new());
    while idx < (top + 6).min(lines.len()) {
        let Some(line) = lines.get(idx) else { break };
        if line.is_only(stub) && !has_stub && top == 0 && is_group(lines, idx, stub, values) {
            break;
        }
        if line.is_only(stub) && !has_stub {
            // It names the first column if it touches the header, or if the header goes on below it.
            let touches = lines.get(idx - 1).is_some_and(|above| above.number + 1 == line.number);
            waiting.push(idx);
            if touches {
                header.append(&mut waiting);
                has_stub = true;
            }
        } else if goes_on(lines, idx, stub, values) {
            header.append(&mut waiting);
            header.push(idx);
        } else {
            break;
        }
        idx += 1;
    }
    header
}

/// A line right above with nothing but the name of the first column.
fn stub_above(lines: &[Line<'_>], idx: usize, stub: u32) -> Option<usize> {
    let (above, line) = (lines.get(idx.checked_sub(1)?)?, lines.get(idx)?);
    (above.is_only(stub) && !line.has(stub) && above.number + 1 == line.number).then(|| idx - 1)
}

/// Whether a line below the first of a header heads the columns further: drawn, or units, or words or years over
/// columns of values.
fn goes_on(lines: &[Line<'_>], idx: usize, stub: u32, values: &BTreeSet<u32>) -> bool {
    let Some(line) = lines.get(idx).filter(|_| idx + 1 < lines.len()) else { return false };
    if line.is_rule() {
        return true;
    }
    let over: Vec<u32> = values.iter().copied().filter(|col_idx| line.has(*col_idx)).collect();
    let has_stub = line.has(stub);
    if line.n(Kind::Value) > 0 {
        return !has_stub && heads_years(lines, idx, values);
    }
    if unit::are_bracketed(line, stub) || (touches(lines, idx) && unit::are_units_of(line, stub, values)) {
        return true;
    }
    let below = counts(lines.iter().skip(idx + 1).take(200));
    let holds_values = |col_idx: &u32| {
        let count = below.get(col_idx).copied().unwrap_or_default();
        count.values > 2 && count.values > 4 * count.texts
    };
    !has_stub && over.len() > 1 && over.iter().all(|it| line.kind(*it) == Some(Kind::Text) && holds_values(it))
}

/// Whether there is no blank row between a line and the one above.
fn touches(lines: &[Line<'_>], idx: usize) -> bool {
    let above = idx.checked_sub(1).and_then(|idx| lines.get(idx));
    above.zip(lines.get(idx)).is_some_and(|(above, line)| above.number + 1 == line.number)
}

/// The first line of data behind lines that only say what the next ones have in common.
fn behind_groups(lines: &[Line<'_>], first: usize, values: &BTreeSet<u32>) -> usize {
    if values.is_empty() {
        return first;
    }
    let stub = lines.iter().skip(first).filter_map(Line::first).min().unwrap_or(0);
    let n_groups = lines.iter().skip(first).take_while(|line| line.is_only(stub) || line.is_rule()).count();
    let next = first + n_groups;
    let follows = lines.get(next).is_some_and(|line| is_strong(line, values));
    if follows && !super::groups::are_wrapped(lines.get(first..).unwrap_or_default(), stub) { next } else { first }
}

/// The frame with the lines of one cell right below its header among the data, where they are no groups.
pub(super) fn with_first_rows(mut frame: Frame, lines: &[Line<'_>]) -> Frame {
    let behind = frame.header.last().map_or(frame.first, |idx| idx + 1);
    let data = lines.get(frame.first..frame.end).unwrap_or_default();
    let before = lines.get(behind..frame.first).unwrap_or_default();
    let Some(stub) = data.iter().filter_map(Line::first).min().filter(|_| !before.is_empty()) else { return frame };
    if frame.is_ordinary() && super::groups::column(before, data, &frame.values, true).is_none() {
        let is_row = |line: &&Line<'_>| line.is_only(stub) && !line.is_rule() && !line.text(stub).starts_with('(');
        frame.first -= before.iter().rev().take_while(is_row).count();
    }
    frame
}

/// Whether the first column goes on below with a label like this one, over rows of values: both are groups.
fn is_group(lines: &[Line<'_>], idx: usize, stub: u32, values: &BTreeSet<u32>) -> bool {
    let is_followed = |idx: usize| lines.get(idx + 1).is_some_and(|line| line.has(stub) && is_strong(line, values));
    let is_again = |idx: usize| lines.get(idx).is_some_and(|line| line.is_only(stub)) && is_followed(idx);
    is_followed(idx) && (idx + 2..lines.len().min(idx + 200)).any(is_again)
}

/// Whether the line's cells in the columns of values are values, or marks for missing ones, for the most part.
pub(super) fn is_strong(line: &Line<'_>, values: &BTreeSet<u32>) -> bool {
    let mut n = [0_usize; 3];
    for (col_idx, kind, _) in &line.cells {
        match kind {
            Kind::Value if values.contains(col_idx) => n[0] += 1,
            Kind::Missing if values.contains(col_idx) => n[1] += 1,
            Kind::Text if values.contains(col_idx) => n[2] += 1,
            Kind::Value | Kind::Missing | Kind::Rule | Kind::Text => {}
        }
    }
    let [n_values, n_missing, n_texts] = n;
    !line.is_rule() && n_values + n_missing >= n_texts.max(1) && (n_values > 0 || (n_missing > 1 && n_texts == 0))
}

/// Whether the line's values are years that head columns of other things.
fn heads_years(lines: &[Line<'_>], idx: usize, values: &BTreeSet<u32>) -> bool {
    let Some(line) = lines.get(idx) else { return false };
    let stub = line.first().unwrap_or(0);
    let own: Vec<u32> = line
        .cells
        .iter()
        .filter(|(col_idx, kind, _)| *kind == Kind::Value && (*col_idx > stub || values.contains(col_idx)))
        .map(|(col_idx, ..)| *col_idx)
        .collect();
    let is_year = |line: &Line<'_>, col_idx: u32| line.get(col_idx).is_some_and(|(_, cell)| year(cell).is_some());
    if own.is_empty() || !own.iter().all(|col_idx| is_year(line, *col_idx)) {
        return false;
    }
    let (mut n_years, mut n_values) = (0, 0);
    for below in lines.iter().skip(idx + 1).take(40).filter(|line| is_strong(line, values)) {
        for col_idx in own.iter().filter(|col_idx| below.kind(**col_idx) == Some(Kind::Value)) {
            n_values += 1;
            n_years += usize::from(is_year(below, *col_idx));
        }
    }
    n_years * 2 < n_values
}

/// The header and the first line of data of a table that holds values, below its titles.
fn by_values(lines: &[Line<'_>], top: usize, values: &BTreeSet<u32>) -> Option<(Vec<usize>, usize)> {
    let mut strong = (top..lines.len()).filter(|idx| {
        let holds = |line: &Line<'_>| line.n(Kind::Value) > 0 && is_strong(line, values);
        lines.get(*idx).is_some_and(holds) && !heads_years(lines, *idx, values)
    });
    let mut first = strong.next()?;
    drop(strong);
    // Rows of which every value is missing may come first.
    let lacks_all = |line: &Line<'_>| {
        let is_stub =
            line.cells.first().is_some_and(|(col_idx, kind, _)| *kind == Kind::Text && !values.contains(col_idx));
        is_stub && line.n(Kind::Value) == 0 && is_strong(line, values)
    };
    while let Some((above, line)) = first.checked_sub(1).and_then(|idx| Some((lines.get(idx)?, lines.get(idx + 1)?)))
        && above.number + 1 == line.number
        && lacks_all(above)
    {
        first -= 1;
    }
    let stub = lines.iter().skip(first).filter_map(Line::first).min().unwrap_or(0);
    let above = || (0..first).filter_map(|idx| lines.get(idx).map(|line| (idx, line)));
    let is_only_stub = |line: &Line<'_>| line.last().is_some_and(|last| last <= stub);
    let wide: Vec<(usize, &Line<'_>)> = above().filter(|(idx, line)| *idx >= top && !is_only_stub(line)).collect();
    let (Some((start, _)), Some((last, _))) = (wide.first(), wide.last()) else {
        let only = above().map(|(idx, _)| idx).rfind(|idx| *idx >= top);
        return Some((only.into_iter().collect(), first));
    };
    let covers = |line: &Line<'_>| line.cells.iter().any(|(col_idx, ..)| values.contains(col_idx));
    let mut end = wide.iter().rev().find(|(_, line)| covers(line)).map_or(*last, |(idx, _)| *idx);
    // What continues a name of the line above stands right below it, away from the left edge.
    while let (Some(line), Some(next)) = (lines.get(end), lines.get(end + 1)) {
        let goes_on = end + 1 < first && next.number == line.number + 1 && next.first() > Some(stub);
        if !goes_on {
            break;
        }
        end += 1;
    }
    let mut start = *start;
    if let Some(above) = stub_above(lines, start, stub) {
        start = above;
    }
    // Nor may it be named by then: the line below does it.
    let is_named = (start..=end).any(|idx| lines.get(idx).is_some_and(|line| line.has(stub)));
    let touches =
        |idx: usize| lines.get(idx).zip(lines.get(idx + 1)).is_some_and(|(one, next)| one.number + 1 == next.number);
    if !is_named && end + 1 < first && touches(end) {
        end += 1;
    }
    let groups = end + 1..first;
    let wrapped = super::groups::are_wrapped(lines.get(groups.start..).unwrap_or_default(), stub);
    let first = match groups.rev().take_while(|idx| lines.get(*idx).is_some_and(|line| line.is_only(stub))).next() {
        Some(label) if wrapped => label,
        Some(_) | None => first,
    };
    Some(((start..=end).collect(), first))
}

/// Behind the last line that looks like data, where what follows covers one cell per line or is drawn.
fn end_by_values(lines: &[Line<'_>], first: usize, end: usize, values: &BTreeSet<u32>) -> usize {
    let Some(last) = (first..end).rev().find(|idx| lines.get(*idx).is_some_and(|line| is_strong(line, values))) else {
        return end;
    };
    let rest = lines.get(last + 1..end).unwrap_or_default();
    if rest.iter().all(|line| line.cells.len() < 2 || line.is_rule()) { last + 1 } else { end }
}

/// In a table of words: the first line that is as wide as most are.
fn heading_by_width(lines: &[Line<'_>], top: usize, columns: &BTreeSet<u32>) -> usize {
    let is_wide = |line: &Line<'_>| !line.is_rule() && line.cells.len() * 10 >= columns.len() * 7;
    (top..lines.len()).find(|idx| lines.get(*idx).is_some_and(is_wide)).unwrap_or(top)
}
