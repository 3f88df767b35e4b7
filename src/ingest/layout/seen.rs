//! What a workbook shows of its header besides words: bold and coloured rows, merged cells, filters, rows that stay in
//! view. It goes on where the words leave off: it moves a header that they find, or finds one that they don't.

use std::collections::BTreeSet;

use super::{
    frame::{Frame, is_strong},
    grid::{Kind, Line, year},
};
use crate::ingest::look::{Area, Markup};

/// Lines among which a header is looked for, and those that tell whether it stands out.
const N_FIRST: usize = 30;
const N_COMPARED: usize = 300;
/// Rows that a cell of a header may be merged over.
const MAX_HEIGHT: u64 = 6;

/// The frame as the workbook shows it, and what of that was to be seen.
pub(super) fn adjust(mut frame: Frame, lines: &[Line<'_>], markup: Option<&Markup>) -> (Frame, Vec<&'static str>) {
    let mut seen = Vec::new();
    let apart = set_apart(lines, frame.end);
    if let Some(markup) = markup {
        without_title(&mut frame, lines, markup);
        by_file(&mut frame, lines, markup, &mut seen);
        by_merges(&mut frame, lines, markup, &mut seen);
    }
    by_look(&mut frame, lines, &apart);
    if !frame.header.is_empty() && frame.header.iter().any(|idx| apart.contains(idx)) {
        let is_bold = frame.header.iter().any(|idx| lines.get(*idx).is_some_and(|line| line.is_bold));
        seen.push(if is_bold {
            "it is bold, and the rows below are not"
        } else {
            "it has a colour, and the rows below have none"
        });
    }
    (frame, seen)
}

/// The first lines that are bold, or have a colour, as few of the others are and have.
fn set_apart(lines: &[Line<'_>], end: usize) -> BTreeSet<usize> {
    let compared = lines.iter().take(end.min(N_COMPARED));
    let n = compared.len();
    let is_rare = |n_such: usize| n > 1 && n_such * 10 <= n * 3 || n_such < n && n < 4 && n_such == 1;
    let bold_is_rare = is_rare(compared.clone().filter(|line| line.is_bold).count());
    let colour_is_rare = is_rare(compared.filter(|line| line.is_filled).count());
    let is_apart = |line: &Line<'_>| (line.is_bold && bold_is_rare) || (line.is_filled && colour_is_rare);
    (0..end.min(N_FIRST)).filter(|idx| lines.get(*idx).is_some_and(is_apart)).collect()
}

/// Whether a line could head columns: words, each in a cell of its own, and years.
fn is_of_words(line: &Line<'_>) -> bool {
    let is_word = |kind: Kind, is_year: bool| matches!(kind, Kind::Text | Kind::Rule) || is_year;
    line.cells.len() > 1 && line.cells.iter().all(|(_, kind, cell)| is_word(*kind, year(*cell).is_some()))
}

/// The line of a row, among the first ones.
fn line_of(lines: &[Line<'_>], row: u64) -> Option<usize> {
    lines.iter().take(N_FIRST).position(|line| line.number == row)
}

/// A filter starts at the header; rows that are repeated on every page, or stay in view, end with it.
fn by_file(frame: &mut Frame, lines: &[Line<'_>], markup: &Markup, seen: &mut Vec<&'static str>) {
    let filter = markup.filter.filter(Area::is_high).map(|area| area.rows.0);
    let said = [
        (filter, true, "the workbook's filter starts there"),
        (markup.repeated_to, false, "it is repeated on every printed page"),
        (markup.frozen_to, false, "the rows down to it stay in view"),
    ];
    for (row, is_certain, words) in said {
        let Some(idx) = row.and_then(|row| line_of(lines, row)) else { continue };
        if frame.header.last() == Some(&idx) {
            let is_apart = |at: &usize| {
                lines.get(*at).zip(lines.get(at + 1)).is_some_and(|(one, next)| one.number + 1 < next.number)
            };
            if is_certain && let Some(gap) = (0..idx).rev().find(is_apart) {
                frame.header.retain(|at| *at > gap);
            }
            seen.push(words);
            return;
        }
        let Some(line) = lines.get(idx).filter(|line| is_of_words(line)) else { continue };
        let is_open = frame.header.is_empty() && idx == frame.first;
        if (is_certain || is_open) && idx + 1 < frame.end && !is_strong(line, &frame.values) {
            let top = frame.header.first().copied().unwrap_or(idx).min(idx);
            let goes_on = |at: &usize| {
                let pair = lines.get(*at).zip(lines.get(at + 1));
                pair.is_some_and(|(one, next)| one.cells.len() > 1 && one.number + 1 == next.number)
            };
            let n_above = (top..idx).rev().take_while(goes_on).count();
            head(frame, idx - n_above, idx);
            seen.push(words);
            return;
        }
    }
}

fn head(frame: &mut Frame, start: usize, last: usize) {
    frame.header = (start..=last).collect();
    frame.first = last + 1;
    frame.end = frame.end.max(frame.first);
}

/// One merged cell above a gap, or over all columns, is what the table is called, though it stands over columns.
fn without_title(frame: &mut Frame, lines: &[Line<'_>], markup: &Markup) {
    while let [first, rest @ ..] = frame.header.as_slice() {
        let rest: Vec<&Line<'_>> = rest.iter().filter_map(|idx| lines.get(*idx)).collect();
        let (Some(line), Some(below)) = (lines.get(*first), rest.first()) else { return };
        let is_merged =
            |area: &Area| area.is_wide() && area.has_row(line.number) && Some(area.columns.0) == line.first();
        let bottom = |area: &Area| area.rows.1;
        let merge = markup.merges.iter().take_while(|area| area.rows.0 <= line.number).find(|area| is_merged(area));
        let data = lines.get(frame.first..frame.end).unwrap_or_default().iter().take(N_COMPARED);
        let edges = data.chain(rest.iter().copied()).filter_map(|line| Some((line.first()?, line.last()?)));
        let edges = edges.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        let is_over_all = |area: &Area| {
            edges.is_some_and(|(left, right)| left < right && area.columns.0 <= left && area.columns.1 >= right)
        };
        let is_title = merge.is_some_and(|area| bottom(area) + 1 < below.number || is_over_all(area));
        if line.cells.len() != 1 || !is_title {
            return;
        }
        frame.header.remove(0);
    }
}

/// Cells of the header that are merged downwards end with it; below one that is merged rightwards it goes on.
fn by_merges(frame: &mut Frame, lines: &[Line<'_>], markup: &Markup, seen: &mut Vec<&'static str>) {
    let number = |idx: &usize| lines.get(*idx).map(|line| line.number);
    let (Some(top), Some(start)) = (frame.header.first().and_then(number), frame.header.first().copied()) else {
        return;
    };
    let mut last = frame.header.last().copied().unwrap_or(start);
    loop {
        let Some(bottom) = number(&last) else { return };
        let of_header = markup.merges.iter().take_while(|area| area.rows.0 <= bottom).filter(|area| area.rows.0 >= top);
        let width = lines.get(last).map_or(0, |line| line.cells.len());
        let goes_on = of_header.filter(|area| area.rows.1 - area.rows.0 < MAX_HEIGHT).any(|area| {
            let is_spanning = area.is_wide() && area.rows.1 == bottom && width > 1;
            area.rows.1 > bottom || is_spanning
        });
        let next = lines.get(last + 1).filter(|next| goes_on && next.number == bottom + 1);
        let heads = |next: &Line<'_>| {
            next.cells.iter().all(|(_, kind, cell)| *kind != Kind::Value || year(*cell).is_some())
                && !is_strong(next, &frame.values)
        };
        if last + 2 > frame.end || !next.is_some_and(heads) {
            break;
        }
        last += 1;
    }
    if frame.header.last().is_some_and(|known| *known < last) {
        head(frame, start, last);
        seen.push("its cells are merged with those above");
    }
}

/// A header that only its look gives away, and rows below it that look the same.
fn by_look(frame: &mut Frame, lines: &[Line<'_>], apart: &BTreeSet<usize>) {
    let heads = |idx: usize| apart.contains(&idx) && lines.get(idx).is_some_and(is_of_words) && idx + 1 < frame.end;
    let has_words = |line: &Line<'_>| line.n(Kind::Text) * 2 >= line.cells.len();
    if frame.header.is_empty() {
        let is_apart =
            apart.contains(&frame.first) && !apart.contains(&(frame.first + 1)) && frame.first + 1 < frame.end;
        if is_apart && lines.get(frame.first).is_some_and(|line| line.cells.len() > 1 || has_words(line)) {
            let first = frame.first;
            head(frame, first, first);
        }
        return;
    }
    // Among words, what looks like a header is one.
    let found = (0..frame.end.min(N_FIRST)).find(|idx| heads(*idx));
    if let Some(found) = found
        && frame.values.is_empty()
        && !frame.header.iter().any(|idx| apart.contains(idx))
        && frame.header.iter().all(|idx| *idx < found)
        && lines.get(found).is_some_and(|line| {
            frame.header.iter().all(|idx| lines.get(*idx).is_some_and(|it| it.cells.len() < line.cells.len()))
        })
    {
        head(frame, found, found);
    }
    let (Some(start), Some(mut last)) = (frame.header.first().copied(), frame.header.last().copied()) else { return };
    let touches =
        |idx: usize| lines.get(idx).zip(lines.get(idx + 1)).is_some_and(|(one, next)| one.number + 1 == next.number);
    if let Some(gap) = (start..last).rev().find(|idx| !touches(*idx)).filter(|_| apart.contains(&last))
        && (start..=gap).all(|idx| !apart.contains(&idx))
    {
        head(frame, gap + 1, last);
        return;
    }
    if !frame.header.iter().all(|idx| apart.contains(idx)) {
        return;
    }
    while touches(last)
        && apart.contains(&(last + 1))
        && lines.get(last + 1).is_some_and(is_of_words)
        && last + 2 < frame.end
    {
        last += 1;
    }
    if frame.header.last().is_some_and(|known| *known < last) {
        head(frame, start, last);
    }
}
