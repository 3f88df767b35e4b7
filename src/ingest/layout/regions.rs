//! Several tables on one sheet: below each other, beside each other.
//!
//! The cells are cut along blank rows and blank columns, as Mondrian (Vitagliano et al., EDBT 2022) and `TableSense` (Dong
//! et al., AAAI 2019) start from connected blocks; a cut is kept only where what lies behind it heads itself. None of
//! their models is used.

use std::collections::BTreeSet;

use super::grid::{Kind, Line, counts, year};
use super::notes::opens_a_note;
use super::pages::has_page_number;

/// A table's part of the sheet, its titles and notes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ingest) struct Region {
    /// Rows from 1, both included; the last one is `u64::MAX` where it ends with the sheet.
    pub(in crate::ingest) rows: (u64, u64),
    /// Columns from 0, both included; the last one is `u32::MAX` where it ends with the sheet.
    pub(in crate::ingest) columns: (u32, u32),
    /// What stands above it in a cell of its own.
    pub(in crate::ingest) title: Option<String>,
}

/// A region, and what is known of it besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ingest) struct Listed {
    pub(in crate::ingest) region: Region,
    /// The row that heads it, where the file says it.
    pub(in crate::ingest) header_row: Option<u64>,
    /// The row of totals, where the file says it.
    pub(in crate::ingest) totals_row: Option<u64>,
    /// What stands outside of all tables.
    pub(in crate::ingest) notes: Vec<String>,
}

/// Lines of a table that say what it is like.
pub(super) const N_COMPARED: usize = 500;

pub(super) const WHOLE: Region = Region { rows: (1, u64::MAX), columns: (0, u32::MAX), title: None };

/// The tables' regions, in the order of reading; one, the whole sheet, where nothing shows that there are more.
pub(in crate::ingest) fn regions(lines: &[Line<'_>]) -> Vec<Region> {
    let mut found = Vec::new();
    for block in stacked(lines, &WHOLE) {
        let of_block = within(lines, &block);
        let strips = side_by_side(&of_block, &block);
        if strips.len() == 1 {
            found.push(block);
            continue;
        }
        for strip in strips {
            found.extend(stacked(&within(lines, &strip), &strip));
        }
    }
    found
}

/// The tables that a file says it has, and others that lie around them. What else is there becomes notes of the first.
pub(in crate::ingest) fn around(lines: &[Line<'_>], listed: &[Listed]) -> Vec<Listed> {
    let is_inside = |row: u64, col_idx: u32| {
        listed.iter().any(|Listed { region, .. }| {
            (region.rows.0..=region.rows.1).contains(&row) && (region.columns.0..=region.columns.1).contains(&col_idx)
        })
    };
    let outside = lines.iter().map(|line| Line {
        cells: line.cells.iter().filter(|(col_idx, ..)| !is_inside(line.number, *col_idx)).copied().collect(),
        ..*line
    });
    let outside: Vec<Line<'_>> = outside.filter(|line| !line.cells.is_empty()).collect();
    let mut all = listed.to_vec();
    let others = regions(&outside).into_iter().filter_map(|region| beside(&within(&outside, &region), region.title));
    let meets = |one: &Region, other: &Region| {
        one.rows.0 <= other.rows.1
            && one.rows.1 >= other.rows.0
            && one.columns.0 <= other.columns.1
            && one.columns.1 >= other.columns.0
    };
    let others = others
        .filter(|region| !listed.iter().any(|other| meets(region, &other.region)))
        .map(|region| Listed { region, header_row: None, totals_row: None, notes: Vec::new() });
    all.extend(others.collect::<Vec<_>>());
    let in_table = |line: &Line<'_>| all.iter().any(|it| !within(std::slice::from_ref(line), &it.region).is_empty());
    let rest: Vec<String> = outside
        .iter()
        .filter(|line| !in_table(line))
        .take(60)
        .map(|line| format!("row {}: {}", line.number, line.texts().collect::<Vec<_>>().join(" | ")))
        .collect();
    if let Some(first) = all.first_mut() {
        first.notes = rest;
    }
    all
}

/// The table among lines outside of those that the file says there are: its header and what lies below, with a title
/// right above.
fn beside(part: &[Line<'_>], named: Option<String>) -> Option<Region> {
    let heading = header_of(part).filter(|heading| n_over_values(heading, part) > 0)?;
    let from = part.partition_point(|line| line.number < heading.number);
    let table = part.get(from..).unwrap_or_default();
    let wide = || table.iter().filter(|line| line.cells.len() > 1);
    let columns = (wide().filter_map(Line::first).min()?, wide().filter_map(Line::last).max()?);
    let is_within = |line: &Line<'_>| line.first() >= Some(columns.0) && line.last() <= Some(columns.1);
    let above = from
        .checked_sub(1)
        .and_then(|idx| part.get(idx))
        .filter(|line| line.cells.len() == 1 && is_within(line) && line.number + 2 >= heading.number);
    let last = table.iter().rev().find(|line| is_within(line))?;
    let said = above.and_then(|line| title(&[line.clone(), heading.clone()]));
    let title = said.or_else(|| named.filter(|_| part.first().is_some_and(|line| from > 0 && is_within(line))));
    Some(Region { rows: (above.unwrap_or(heading).number, last.number), columns, title })
}

/// The lines of a region, without what lies beside it.
fn within<'a>(lines: &[Line<'a>], region: &Region) -> Vec<Line<'a>> {
    let (top, bottom) = region.rows;
    let (left, right) = region.columns;
    let start = lines.partition_point(|line| line.number < top);
    let end = lines.partition_point(|line| line.number <= bottom);
    let cut = lines.get(start..end).unwrap_or_default().iter().map(|line| Line {
        cells: line.cells.iter().filter(|(col_idx, ..)| (left..=right).contains(col_idx)).copied().collect(),
        ..*line
    });
    cut.filter(|line| !line.cells.is_empty()).collect()
}

/// Cuts between rows, where what follows a blank row has a header of its own.
pub(super) fn stacked(lines: &[Line<'_>], outer: &Region) -> Vec<Region> {
    let mut starts = Vec::new();
    let mut from = 0;
    for idx in 1..lines.len() {
        let (Some(above), Some(line)) = (lines.get(idx - 1), lines.get(idx)) else { break };
        // Behind the notes of the table above.
        if idx <= from {
            continue;
        }
        let is_apart = line.number > above.number + 1;
        let is_start = if is_apart { starts_table(lines, from, idx) } else { starts_at_once(lines, from, idx) };
        if is_start {
            from = idx + (idx..lines.len()).take_while(|idx| is_note_of_above(lines, *idx)).count();
            starts.push(from);
        }
    }
    let mut regions = Vec::new();
    let mut start = 0;
    let mut top = outer.rows.0;
    for next in starts.iter().copied().chain([lines.len()]) {
        let bottom = lines.get(next).map_or(outer.rows.1, |line| line.number - 1);
        let title =
            if starts.is_empty() { outer.title.clone() } else { title(lines.get(start..next).unwrap_or_default()) };
        let title = if start == 0 { title.or_else(|| outer.title.clone()) } else { title };
        regions.push(Region { rows: (top, bottom), title, ..outer.clone() });
        (start, top) = (next, bottom.saturating_add(1));
    }
    regions
}

/// Whether a line reads like a note, and stands apart from what follows it, no nearer to that than to what it follows.
fn is_note_of_above(lines: &[Line<'_>], idx: usize) -> bool {
    let (Some(above), Some(line), Some(below)) =
        (idx.checked_sub(1).and_then(|it| lines.get(it)), lines.get(idx), lines.get(idx + 1))
    else {
        return false;
    };
    let (gap_above, gap_below) = (line.number - above.number, below.number - line.number);
    gap_below > 1 && gap_above <= gap_below && line.cells.len() == 1 && opens_a_note(line)
}

/// Whether a table of its own starts at a line behind a gap, given the table that starts at `from`.
fn starts_table(lines: &[Line<'_>], from: usize, idx: usize) -> bool {
    let before = first_of(lines, from, idx);
    let mut n_titles = lines.iter().skip(idx).take(4).take_while(|line| line.cells.len() == 1).count();
    // The upper line of a header of two covers only some of the columns.
    if let (Some(upper), Some(lower)) = (lines.get(idx + n_titles), lines.get(idx + n_titles + 1))
        && upper.n(Kind::Text) == upper.cells.len()
        && lower.n(Kind::Text) == lower.cells.len()
        && lower.cells.len() > upper.cells.len()
        && is_next(&[upper.clone(), lower.clone()])
    {
        n_titles += 1;
    }
    let (Some(heading), Some(_)) = (lines.get(idx + n_titles), lines.get(idx + n_titles + 1)) else { return false };
    let rest = lines.get(idx + n_titles + 1..).unwrap_or_default();
    let n_block = rest.windows(2).take(N_COMPARED).take_while(|pair| is_next(pair)).count() + 1;
    let block = rest.get(..n_block).unwrap_or_default();
    if !heads(heading, block) || !is_next(&[heading.clone(), block.first().cloned().unwrap_or_else(|| heading.clone())])
    {
        return false;
    }
    let Some(own) = header_of(before) else { return false };
    let is_same =
        own.cells.len() == heading.cells.len() && own.texts().eq(heading.texts()) && own.first() == heading.first();
    if is_same {
        // A page begins, unless a title says that it is about something else.
        let is_known = |title: &Line<'_>| before.iter().any(|line| line.texts().eq(title.texts()));
        let titles = lines.iter().skip(idx).take(n_titles);
        return titles.filter(|line| !is_known(line) && !has_page_number(line)).count() > 0;
    }
    let over = n_over_values(heading, block);
    let of_before = counts(before.iter());
    let over_before = heading.cells.iter().filter(|(col_idx, ..)| {
        of_before.get(col_idx).is_some_and(|count| count.values > count.texts && count.values > 1)
    });
    let other_span = own.first() != heading.first() || own.last() != heading.last();
    (over > 0 && (over_before.count() > 0 || other_span)) || (n_titles > 0 && other_span)
}

/// Whether a table of its own starts right below another: rows become longer or shorter from a line of words on.
fn starts_at_once(lines: &[Line<'_>], from: usize, idx: usize) -> bool {
    let width = |idx: usize| lines.get(idx).map(|line| line.row.width());
    let (Some(heading), Some(behind)) = (lines.get(idx), width(idx + 1)) else { return false };
    let before = first_of(lines, from, idx);
    let is_even = |one: usize, other: usize| width(one) == width(other);
    let is_headed = heading.row.width().abs_diff(behind) < 2 && is_even(idx + 1, idx + 2);
    if before.len() < 3 || width(idx - 1) == Some(behind) || !is_even(idx - 1, idx - 2) || !is_headed {
        return false;
    }
    let block: Vec<Line<'_>> =
        lines.iter().skip(idx + 1).take_while(|line| line.row.width() == behind).take(60).cloned().collect();
    let of_before = counts(before.iter());
    let is_over_values =
        |col_idx: u32| of_before.get(&col_idx).is_some_and(|count| count.values > count.texts && count.values > 1);
    heading.n(Kind::Text) == heading.cells.len()
        && heads(heading, &block)
        && n_over_values(heading, &block) > 0
        && heading.cells.iter().any(|(col_idx, ..)| is_over_values(*col_idx))
        && header_of(before).is_some()
}

/// The first lines of a table that starts at `from`, so that many gaps in a long one cost no more than their number.
fn first_of<'l, 'a>(lines: &'l [Line<'a>], from: usize, idx: usize) -> &'l [Line<'a>] {
    lines.get(from..idx.min(from + N_COMPARED)).unwrap_or_default()
}

fn is_next(pair: &[Line<'_>]) -> bool {
    matches!(pair, [one, next] if next.number == one.number + 1)
}

/// Whether a line is words, each different, over most of the columns of the block below.
fn heads(line: &Line<'_>, block: &[Line<'_>]) -> bool {
    let is_name = |kind: Kind, is_year: bool| kind == Kind::Text || is_year;
    let all_names = line.cells.iter().all(|(_, kind, cell)| is_name(*kind, year(*cell).is_some()));
    let different: BTreeSet<String> = line.texts().map(|text| text.to_lowercase()).collect();
    let below = counts(block.iter());
    let width = below.len();
    let of_values = || below.iter().filter(|(_, count)| count.values > 0 && count.values >= count.texts);
    let n_headed = of_values().filter(|(col_idx, _)| line.has(**col_idx)).count();
    let n_wide = block.iter().filter(|line| line.cells.len() > 1).count();
    line.cells.len() > 1
        && line.n(Kind::Text) > 0
        && all_names
        && different.len() == line.cells.len()
        && line.cells.len() * 10 >= width * 6
        && n_headed * 4 >= of_values().count() * 3
        && n_wide > 0
        && !opens_a_note(line)
        && !line.texts().next().is_some_and(|text| text.ends_with(':'))
}

/// Columns that a line of words heads and that hold values below.
fn n_over_values(line: &Line<'_>, block: &[Line<'_>]) -> usize {
    let below = counts(block.iter());
    let holds = |col_idx: &u32| below.get(col_idx).is_some_and(|count| count.values > 0 && count.values >= count.texts);
    line.cells.iter().filter(|(col_idx, ..)| holds(col_idx)).count()
}

/// The line that heads a table, if these lines are one: not only titles, or pairs of a word and what is said of it.
fn header_of<'l, 'a>(lines: &'l [Line<'a>]) -> Option<&'l Line<'a>> {
    let (idx, heading) = lines.iter().enumerate().find(|(_, line)| line.cells.len() > 1)?;
    let block = lines.get(idx + 1..).unwrap_or_default();
    let n_wide = block.iter().filter(|line| line.cells.len() > 1).count();
    let is_narrow = counts(lines.iter()).len() < 3;
    let is_headed = heads(heading, block) && n_over_values(heading, block) > 0;
    (n_wide > 0 && (!is_narrow || is_headed)).then_some(heading)
}

fn title(lines: &[Line<'_>]) -> Option<String> {
    let [first, ..] = lines else { return None };
    let text = first.texts().next().filter(|_| first.cells.len() == 1)?;
    let is_short = text.chars().count() <= 80 && !text.is_empty();
    (is_short && lines.len() > 1).then(|| text.trim_end_matches(':').to_owned())
}

/// Cuts between columns that no line of more than one cell fills.
fn side_by_side(lines: &[Line<'_>], outer: &Region) -> Vec<Region> {
    let filled: BTreeSet<u32> = counts(lines.iter().filter(|line| line.cells.len() > 1)).into_keys().collect();
    let filled: Vec<u32> = filled.into_iter().collect();
    let runs: Vec<&[u32]> = filled.chunk_by(|one, next| one + 1 == *next).collect();
    let mut strips: Vec<(u32, u32)> = Vec::new();
    for run in runs {
        let (Some(left), Some(right)) = (run.first().copied(), run.last().copied()) else { continue };
        match strips.last_mut() {
            Some(last) if !are_apart(lines, *last, (left, right)) => last.1 = right,
            _ => strips.push((left, right)),
        }
    }
    if strips.len() < 2 {
        return vec![outer.clone()];
    }
    let n = strips.len();
    let mut left = outer.columns.0;
    let regions = strips.into_iter().enumerate().map(|(nth, (_, right))| {
        let columns = (left, if nth + 1 == n { outer.columns.1 } else { right });
        left = right + 1;
        let part = within(lines, &Region { columns, ..outer.clone() });
        Region { columns, title: title(&part), ..outer.clone() }
    });
    regions.collect()
}

/// Whether two strips of columns are tables of their own: each is headed whole, and they either have the same names, or
/// titles of their own, or rows of their own, or are far from each other.
fn are_apart(lines: &[Line<'_>], left: (u32, u32), right: (u32, u32)) -> bool {
    let columns_between = right.0.saturating_sub(left.1 + 1);
    let strip = |columns: (u32, u32)| within(lines, &Region { columns, ..WHOLE });
    let (left, right) = (strip(left), strip(right));
    let headed = |lines: &[Line<'_>]| -> Option<(usize, Vec<String>, u64, u64)> {
        let (idx, heading) = lines.iter().enumerate().find(|(_, line)| line.cells.len() > 1)?;
        let block = lines.get(idx + 1..).unwrap_or_default();
        let n_filled: usize = block.iter().map(|line| line.cells.len()).sum();
        let is_dense = n_filled * 10 >= block.len() * heading.cells.len() * 7;
        let is_table = heads(heading, block) && is_dense && counts(block.iter()).len() <= heading.cells.len();
        is_table.then(|| (idx, heading.texts().collect(), heading.number, block.last().map_or(0, |line| line.number)))
    };
    let (Some(one), Some(other)) = (headed(&left), headed(&right)) else { return false };
    let n_shared = one.1.iter().filter(|name| other.1.contains(name)).count();
    let same_names = n_shared * 2 > one.1.len().min(other.1.len());
    let have_titles = one.0 > 0 && other.0 > 0;
    // Rows that end sooner may only lack their last cells; those that go on below the others' end have names of their own.
    let stub = counts(right.iter().skip(other.0 + 1)).into_values().next().unwrap_or_default();
    let has_own_rows = stub.texts > stub.values && (one.3 < other.3 || one.3 > other.3 + 1);
    // A single blank column may only keep columns apart.
    let is_far = stub.texts > stub.values && columns_between > 1;
    same_names || have_titles || one.2 != other.2 || has_own_rows || is_far
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{
        layout::grid::tests::{batch, lines},
        show,
    };

    /// `A1:C9`.
    fn shown(region: &Region) -> String {
        let right = if region.columns.1 == u32::MAX { "…".to_owned() } else { show::letters(region.columns.1) };
        let bottom = if region.rows.1 == u64::MAX { "…".to_owned() } else { region.rows.1.to_string() };
        format!("{}{}:{right}{bottom}", show::letters(region.columns.0), region.rows.0)
    }

    fn check(text: &str, expect: &[&str]) {
        let batch = batch(text);
        let found: Vec<String> = regions(&lines(&batch))
            .iter()
            .map(|region| [shown(region), region.title.clone().unwrap_or_default()].join(" ").trim().to_owned())
            .collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn one_table_stays_whole() {
        check("a|b\nx|1\n\ny|2", &["A1:……"]);
        check("Title\n\na|b|c\nGroup||\nx|1|2\n\nTotal|1|2\n\nSource: me", &["A1:……"]);
        check("a||b\nx||1\ny||2", &["A1:……"]);
        check("name|qty||price|tax\na|1||2|0.1\nb|2||3|0.2\nc|3|||", &["A1:……"]);
        check("Company:|ACME||\nPeriod:|2024||\n\na|b|c|d\nx|1|2|3", &["A1:……"]);
        check("a|b|c\nx|1|2\n\nGroup|US|\ny|1|2\nz|1|2", &["A1:……"]);
        // The same header again is a page.
        check("a|b\nx|1\ny|2\n\na|b\nz|3", &["A1:……"]);
    }

    #[test]
    fn tables_below_each_other() {
        check("a|b\nx|1\ny|2\n\nname|day|n\nz|q|3\nz|r|3", &["A1:…4", "A5:……"]);
        check("North\na|b\nx|1\ny|2\n\nSouth\na|b\nz|3", &["A1:…5 North", "A6:…… South"]);
        check("a|b\nx|1\ny|2\n\nRates\ncode|rate\nz|0.3\nw|0.4", &["A1:…4", "A5:…… Rates"]);
        check("a|b\nx|1\ny|2\nnote\n\n|c|d|e\n|z|3|4\n\nf|g|h|i|j\nx|1|1|1|1", &["A1:…5", "A6:…8", "A9:……"]);
    }

    #[test]
    fn tables_beside_each_other() {
        check("a|b||a|b\nx|1||y|2\nz|3||w|4", &["A1:B…", "C1:……"]);
        check("One|||Two|\na|b||c|d\nx|1||y|2\nz|3||w|4", &["A1:B… One", "C1:…… Two"]);
        check("a|b|||c|d\nx|1|||y|2\nz|3|||w|4", &["A1:B…", "C1:……"]);
        check("a|b|||c|d\nx|1|||5|2\nz|3|||6|4", &["A1:……"]);
        check("a|b||c|d|e\nx|1||y|2|1\nz|3||w|4|1\n|||v|5|1", &["A1:B…", "C1:……"]);
    }
}
