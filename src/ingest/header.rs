//! Whether a table's first row heads it, and what its columns are called.

use std::collections::{HashMap, HashSet};

use super::{
    cell::{Cell, Row},
    evidence::Evidence,
    number,
    reading::Reading,
    show,
};

/// Whether the first row plainly is one of the rows below it: where those are not text, it is of their types too.
pub(super) fn is_data<'a>(first: Row<'a>, below: impl Iterator<Item = Row<'a>>, is_text_file: bool) -> bool {
    if first.cells().all(|(_, cell)| cell.is_blank() || matches!(cell, Cell::Error(_))) {
        return true;
    }
    let mut below = below.peekable();
    let next = below.peek().copied();
    let below = survey(below, is_text_file);
    let mut n_alike = 0;
    let mut series = Vec::new();
    for (col_idx, cell) in first.cells() {
        let reading = usize::try_from(col_idx).ok().and_then(|idx| below.get(idx)).copied().unwrap_or(Reading::Nothing);
        let own = reading_of(cell, is_text_file);
        if matches!(reading, Reading::Nothing | Reading::Text | Reading::TextAsTyped) || own == Reading::Nothing {
            continue;
        }
        if !alike(own, reading) {
            return false;
        }
        n_alike += 1;
        series.extend(whole(cell));
    }
    if below.is_empty() {
        return first.cells().all(|(_, cell)| {
            cell.is_blank() || !matches!(reading_of(cell, is_text_file), Reading::Text | Reading::TextAsTyped)
        });
    }
    // Where the next row is such a series too, they are values that grow to the right.
    let goes_on =
        next.is_some_and(|row| is_series(&row.cells().filter_map(|(_, cell)| whole(cell)).collect::<Vec<_>>()));
    let heads = series.len() == n_alike
        && ((is_series(&series) && !goes_on) || (are_years(&series) && !next.is_some_and(has_years)));
    n_alike > 0 && !heads
}

fn whole(cell: Cell<'_>) -> Option<i64> {
    if let Cell::Number(number) = cell {
        return number::integer(number);
    }
    cell.text()?.trim().parse().ok()
}

fn are_years(numbers: &[i64]) -> bool {
    numbers.iter().all(|year| (1_800..2_100).contains(year))
}

fn has_years(row: Row<'_>) -> bool {
    row.cells().filter_map(|(_, cell)| whole(cell)).any(|number| are_years(&[number]))
}

/// Years, or numbers of columns, that head numeric columns: 2010, 2011, 2012.
fn is_series(numbers: &[i64]) -> bool {
    let mut steps = numbers.windows(2).filter_map(|pair| pair.last()?.checked_sub(*pair.first()?));
    let Some(step) = steps.next() else { return false };
    step != 0 && step.abs() <= 10 && steps.all(|next| next == step)
}

fn survey<'a>(rows: impl Iterator<Item = Row<'a>>, is_text_file: bool) -> Vec<Reading> {
    let mut columns: Vec<Evidence> = Vec::new();
    for row in rows {
        add_row(&mut columns, row);
    }
    columns.iter().map(|evidence| evidence.decide(is_text_file)).collect()
}

/// Adds a row's cells to the evidence of their columns.
pub(super) fn add_row(columns: &mut Vec<Evidence>, row: Row<'_>) {
    for (col_idx, cell) in row.cells() {
        if matches!(cell, Cell::Empty) {
            continue;
        }
        let Ok(idx) = usize::try_from(col_idx) else { continue };
        if idx >= columns.len() {
            columns.resize_with(idx + 1, Evidence::default);
        }
        if let Some(evidence) = columns.get_mut(idx) {
            evidence.add(cell);
        }
    }
}

fn reading_of(cell: Cell<'_>, is_text_file: bool) -> Reading {
    let mut evidence = Evidence::default();
    evidence.add(cell);
    evidence.decide(is_text_file)
}

fn alike(one: Reading, other: Reading) -> bool {
    let kind = |reading| match reading {
        Reading::Integer | Reading::Decimal { .. } | Reading::Double => 1,
        Reading::Date(_) | Reading::Timestamp(_) | Reading::TimestampTz(_) => 2,
        Reading::Boolean => 3,
        Reading::Time => 4,
        Reading::Interval => 5,
        Reading::Nothing | Reading::Text | Reading::TextAsTyped => 0,
    };
    kind(one) == kind(other)
}

/// The columns' names: as written but trimmed; blank ones by their place, repeated ones numbered.
pub(super) fn names(header: Option<Row<'_>>, n_columns: usize) -> Vec<String> {
    let mut written = vec![String::new(); n_columns];
    for (col_idx, cell) in header.iter().flat_map(Row::cells) {
        if let Some(name) = usize::try_from(col_idx).ok().and_then(|idx| written.get_mut(idx)) {
            show::cell(cell).trim().clone_into(name);
        }
    }
    let taken_as_written: HashSet<String> = written.iter().map(|name| name.to_lowercase()).collect();
    let mut taken = HashSet::new();
    // The next number to try for a name, so that a thousand alike take a thousand steps.
    let mut next: HashMap<String, u64> = HashMap::new();
    let mut names = Vec::with_capacity(n_columns);
    for (idx, name) in written.into_iter().enumerate() {
        let blank = name.is_empty();
        let base = if blank { format!("column_{}", idx + 1) } else { name };
        let mut unique = base.clone();
        let n = next.entry(base.to_lowercase()).or_insert(2);
        let is_taken = |name: &str, first: bool| {
            let key = name.to_lowercase();
            taken.contains(&key) || ((blank || !first) && taken_as_written.contains(&key))
        };
        let mut first = true;
        while is_taken(&unique, first) {
            first = false;
            unique = format!("{base}_{n}");
            *n += 1;
        }
        taken.insert(unique.to_lowercase());
        names.push(unique);
    }
    names
}
