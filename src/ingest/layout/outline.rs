//! Rows whose parts stand below them, further in: `Assets 10` above `Cash 4` and `Bills 6`.

use std::collections::BTreeSet;

use super::{
    TotalRow,
    grid::{Line, decimals, number},
    groups::indent,
    words::{Claim, Word, word},
};
use crate::ingest::receipt::Decision;

/// Lines beyond which no outline is looked for, and steps from the left edge that one may have.
const MAX_LINES: usize = 20_000;
const MAX_LEVELS: usize = 12;

/// Rows that a decision names one by one.
const MAX_TOLD: usize = 20;

/// Rows that have rows further in right below.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Outline {
    pub(super) parents: Vec<Parent>,
    /// Whether each is the sum of its parts in all columns of values, so that it would be counted twice.
    pub(super) are_sums: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parent {
    pub(super) idx: usize,
    pub(super) label: String,
    /// Columns whose value is the sum of the parts.
    pub(super) n_agreeing: usize,
}

impl Outline {
    /// The parents as rows of totals.
    pub(super) fn sums(&self, data: &[Line<'_>]) -> impl Iterator<Item = TotalRow> {
        self.parents.iter().filter_map(|parent| {
            Some(TotalRow {
                number: data.get(parent.idx)?.number,
                claim: Claim::Sum,
                label: parent.label.clone(),
                n_agreeing: parent.n_agreeing,
                disagreeing: Vec::new(),
                unchecked: Vec::new(),
            })
        })
    }

    /// What there is to say of parents that may be sums, and stay.
    pub(super) fn doubt(&self, data: &[Line<'_>]) -> Option<Decision> {
        let numbers = self.parents.iter().filter_map(|parent| data.get(parent.idx)).map(|line| line.number);
        let shown: Vec<String> = numbers.take(MAX_TOLD).map(|number| number.to_string()).collect();
        let n_more = self.parents.len().saturating_sub(MAX_TOLD);
        let more = if n_more > 0 { format!(" and {n_more} more") } else { String::new() };
        (!shown.is_empty()).then(|| Decision {
            about: "totals".to_owned(),
            decided: format!("rows {}{more} kept", shown.join(", ")),
            because:
                "rows further in stand below each, as its parts do; but not all are the sums of theirs, or parts of \
                      several are called alike"
                    .to_owned(),
            confidence: 60,
            alternatives: vec!["left out".to_owned()],
        })
    }
}

/// The parents among lines of data that have numbers, as their parts have.
pub(super) fn find(lines: &[Line<'_>], values: &BTreeSet<u32>) -> Outline {
    let mut outline = Outline::default();
    let Some(stub) = lines.iter().filter_map(Line::first).min().filter(|stub| !values.contains(stub)) else {
        return outline;
    };
    let steps: Vec<usize> = lines.iter().map(|line| indent(line, stub)).collect();
    let n_levels = steps.iter().collect::<BTreeSet<_>>().len();
    if lines.len() > MAX_LINES || !(2..=MAX_LEVELS).contains(&n_levels) || !lines.iter().all(|line| line.has(stub)) {
        return outline;
    }
    outline.are_sums = true;
    for (idx, line) in lines.iter().enumerate() {
        let own = steps.get(idx).copied().unwrap_or(0);
        let below = || (idx + 1..lines.len()).zip(steps.iter().skip(idx + 1)).take_while(|(_, step)| **step > own);
        let Some(next) = below().map(|(_, step)| *step).min() else { continue };
        let parts = below().filter(|(_, step)| **step == next).filter_map(|(idx, _)| lines.get(idx));
        let is_total = |part: &Line<'_>| word(&part.text(stub)).is_some_and(|(word, _)| word == Word::Alone);
        let parts: Vec<&Line<'_>> = parts.filter(|part| !is_total(part)).collect();
        let (n_agreeing, n_other) = agreement(line, &parts, values);
        if n_agreeing + n_other > 0 {
            outline.are_sums &= n_other == 0;
            outline.parents.push(Parent { idx, label: line.text(stub), n_agreeing });
        }
    }
    // Without their parents, parts that are called alike would be told apart by nothing.
    let is_parent = |idx: usize| outline.parents.binary_search_by_key(&idx, |parent| parent.idx).is_ok();
    let leaves = || lines.iter().enumerate().filter(|(idx, _)| !is_parent(*idx)).map(|(_, line)| line.text(stub));
    outline.are_sums &= leaves().collect::<BTreeSet<_>>().len() == leaves().count();
    // One part is as much as its parent wherever it is the same thing by another name.
    outline.are_sums &= outline.parents.iter().any(|parent| {
        let own = steps.get(parent.idx).copied().unwrap_or(0);
        parent.n_agreeing > 0 && steps.iter().skip(parent.idx + 1).take_while(|step| **step > own).count() > 1
    });
    outline
}

/// Columns in which a line is the sum of its parts, and those in which it is something else.
fn agreement(line: &Line<'_>, parts: &[&Line<'_>], values: &BTreeSet<u32>) -> (usize, usize) {
    let (mut n_agreeing, mut n_other) = (0, 0);
    for col_idx in values {
        let Some((claimed, n_decimals)) =
            line.get(*col_idx).and_then(|(_, cell)| Some((number(cell)?, decimals(cell))))
        else {
            continue;
        };
        let cells: Vec<(f64, usize)> = parts
            .iter()
            .filter_map(|part| part.get(*col_idx).and_then(|(_, cell)| Some((number(cell)?, decimals(cell)))))
            .collect();
        let sum: f64 = cells.iter().map(|(number, _)| number).sum();
        let finest = cells.iter().map(|(_, decimals)| *decimals).max().unwrap_or(0).max(n_decimals);
        let slack = 0.1_f64.powi(i32::try_from(finest.min(9)).unwrap_or(9)) * 1e-3 + sum.abs() * 1e-9;
        if (sum - claimed).abs() > slack {
            n_other += 1;
        } else if claimed != 0.0 {
            n_agreeing += 1;
        }
    }
    (n_agreeing, n_other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::cell::{Batch, Cell};

    /// Rows from 1 that are parents, and whether they are sums; each `>` before a label is a step in.
    fn check(text: &str, expect: &[usize], are_sums: bool) {
        let mut batch = Batch::default();
        for (number, line) in (1..).zip(text.lines()) {
            batch.start_row(number);
            for (col_idx, cell) in (0..).zip(line.split('|')) {
                batch.push(col_idx, Cell::Text(&cell.replace('>', "  ")));
            }
        }
        let lines: Vec<Line<'_>> = batch.rows().map(Line::new).collect();
        let found = find(&lines, &[1, 2].into());
        let rows: Vec<usize> = found.parents.iter().map(|parent| parent.idx + 1).collect();
        assert_eq!((rows.as_slice(), found.are_sums), (expect, are_sums), "{text}");
    }

    #[test]
    fn a_row_that_its_parts_come_to_is_their_sum() {
        check("Assets|10|12\n>Cash|4|5\n>Bills|6|7\nDebts|8|9\n>Loans|5|5\n>Bonds|3|4", &[1, 4], true);
        check("Assets|10|12\n>Now|7|8\n>>Cash|4|5\n>>Bills|3|3\n>Later|3|4\nOther|5|5", &[1, 2], true);
        check("Assets|10\n>Cash|4.5\n>Bills|5.5\n>Total|10", &[1], true);
    }

    #[test]
    fn others_are_rows_like_any() {
        check("Assets|11|12\n>Cash|4|5\n>Bills|6|7\nDebts|8|9\n>Loans|5|5\n>Bonds|3|4", &[1, 4], false);
        check("Assets||\n>Cash|4|5\n>Bills|6|7", &[], false);
        check("Assets|10|12\nCash|4|5\nBills|6|7", &[], false);
        check("Ulm|5|1\n>Ulm city|5|1", &[1], false);
        check("Assets|10\n>Cash|4\n>Other|6\nDebts|8\n>Loans|5\n>Other|3", &[1, 4], false);
    }
}
