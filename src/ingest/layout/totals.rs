//! Rows that sum up others: found by words and by arithmetic, and checked by it.
//!
//! A word at the left says what a row claims to be; sums and means over the rows that it may stand for say whether it is
//! so. The cells that a line may sum up are those above it back to the last total, or below it, as Strudel (Jiang et
//! al., EDBT 2021) looks for derived cells.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    grid::{Kind, Line, decimals, number},
    words::{Claim, Word, word},
};
use crate::ingest::show;

/// A row of totals.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::ingest) struct Total {
    pub(super) idx: usize,
    pub(super) claim: Claim,
    /// The words that gave it away; empty where arithmetic alone did.
    pub(super) label: String,
    /// Columns whose value is the sum or mean of the rows in `rows`.
    pub(super) n_agreeing: usize,
    /// Where it is not, though others of the row are, or it is near.
    pub(super) disagreeing: Vec<Disagreement>,
}

#[derive(Debug, Clone, PartialEq)]
pub(in crate::ingest) struct Disagreement {
    pub(super) col_idx: u32,
    pub(super) claimed: f64,
    pub(super) found: f64,
}

/// Lines beyond which a table's totals are not looked for among its first lines.
const MAX_LINES: usize = 20_000;

/// The rows of totals among lines of data, rising. `is_whole`: no data follow.
pub(super) fn find(lines: &[Line<'_>], values: &BTreeSet<u32>, is_whole: bool) -> Vec<Total> {
    if lines.len() > MAX_LINES || values.is_empty() {
        return Vec::new();
    }
    // The work grows with their product.
    let max_candidates = (20_000_000 / (lines.len() * values.len()).max(1)).max(20);
    let candidates: Vec<Candidate> =
        lines.iter().enumerate().filter_map(|(idx, line)| candidate(idx, line, values)).take(max_candidates).collect();
    let n_trailing = candidates.iter().rev().zip((0..lines.len()).rev()).take_while(|(it, idx)| it.idx == *idx).count();
    let tail = if is_whole { lines.len() - n_trailing } else { lines.len() };
    let table = Table::new(lines, values, &candidates);
    let mut totals: Vec<Total> = Vec::new();
    // A word that other rows bear without adding anything up is what rows are called here.
    let is_again = |candidate: &Candidate| candidates.iter().filter(|it| it.label == candidate.label).count() > 1;
    for candidate in &candidates {
        let (n_agreeing, disagreeing, is_checked) = table.check(candidate, &totals);
        let is_tail = candidate.idx >= tail && candidate.idx > 1;
        let is_total = match candidate.word {
            Word::Alone => {
                // One number may be near a mean by chance.
                let is_chance = candidate.numbers.len() < 2 && candidate.claim == Claim::Mean && is_again(candidate);
                let is_near = !is_checked || !disagreeing.is_empty();
                let is_bound = !is_chance && (candidate.numbers.len() > 1 || candidate.idx == 0);
                (n_agreeing > 0 && !is_chance)
                    || (is_tail && (candidate.numbers.len() > 1 || !is_again(candidate)))
                    || (candidate.is_first && is_near && is_bound)
            }
            Word::AtEdge => {
                let is_next = totals.last().is_some_and(|last| last.idx + 1 == candidate.idx);
                n_agreeing > 0
                    || (is_tail && candidate.is_first && (is_next || !is_checked || candidate.claim == Claim::Mean))
            }
            Word::Within => n_agreeing > 0 && n_agreeing * 2 >= candidate.numbers.len(),
        };
        if is_total && (!candidate.numbers.is_empty() || (is_tail && candidate.has_digits)) {
            totals.push(Total {
                idx: candidate.idx,
                claim: candidate.claim,
                label: candidate.label.clone(),
                n_agreeing,
                disagreeing,
            });
        }
    }
    if is_whole
        && totals.is_empty()
        && let Some(total) = table.nameless()
    {
        totals.push(total);
    }
    // Where most of the rows would be totals, the words mean something else.
    if totals.len() * 2 > lines.len() { Vec::new() } else { totals }
}

struct Candidate {
    idx: usize,
    word: Word,
    claim: Claim,
    label: String,
    /// Whether the label is in the line's first filled cell.
    is_first: bool,
    numbers: Vec<(u32, f64, usize)>,
    /// Whether another cell than the label has a digit in it.
    has_digits: bool,
}

/// A line that says that it is a total, in the words before its values.
fn candidate(idx: usize, line: &Line<'_>, values: &BTreeSet<u32>) -> Option<Candidate> {
    let mut best: Option<(Word, Claim, String, bool)> = None;
    let labels = line.cells.iter().take_while(|(col_idx, kind, _)| *kind == Kind::Text || !values.contains(col_idx));
    for (nth, (_, _, cell)) in labels.filter(|(_, kind, _)| *kind == Kind::Text).take(3).enumerate() {
        let text = show::cell(*cell);
        if let Some((word, claim)) = word(&text)
            && best.as_ref().is_none_or(|(so_far, ..)| word > *so_far)
        {
            best = Some((word, claim, text.trim().to_owned(), nth == 0));
        }
    }
    let (word, claim, label, is_first) = best?;
    let has_digits = line.texts().any(|text| text != label && text.contains(|c: char| c.is_ascii_digit()));
    Some(Candidate { idx, word, claim, label, is_first, numbers: numbers(line, values), has_digits })
}

fn numbers(line: &Line<'_>, values: &BTreeSet<u32>) -> Vec<(u32, f64, usize)> {
    let of_values = line.cells.iter().filter(|(col_idx, ..)| values.contains(col_idx));
    of_values.filter_map(|(col_idx, _, cell)| Some((*col_idx, number(*cell)?, decimals(*cell)))).collect()
}

/// A label, what it claims, and numbers with their columns.
type Said = (String, Claim, Vec<(u32, f64)>);

/// The label and numbers of a line that plainly says that it is a total, where there is nothing to add up.
pub(super) fn said(line: &Line<'_>, values: &BTreeSet<u32>) -> Option<Said> {
    let found =
        candidate(0, line, values).filter(|it| it.is_first && it.word >= Word::AtEdge && !it.numbers.is_empty())?;
    Some((found.label, found.claim, found.numbers.into_iter().map(|(col_idx, number, _)| (col_idx, number)).collect()))
}

/// The numbers of a table, for arithmetic over its rows.
struct Table {
    columns: BTreeMap<u32, Vec<Option<(f64, usize)>>>,
    /// Lines that say that they are totals.
    is_candidate: Vec<bool>,
    /// Lines of values without a word before them.
    is_bare: Vec<bool>,
    /// Lines without any value part one group from the next.
    is_label: Vec<bool>,
}

impl Table {
    fn new(lines: &[Line<'_>], values: &BTreeSet<u32>, candidates: &[Candidate]) -> Table {
        let mut columns: BTreeMap<u32, Vec<Option<(f64, usize)>>> =
            values.iter().map(|col_idx| (*col_idx, vec![None; lines.len()])).collect();
        for (idx, line) in lines.iter().enumerate() {
            for (col_idx, number, decimals) in numbers(line, values) {
                if let Some(cell) = columns.get_mut(&col_idx).and_then(|column| column.get_mut(idx)) {
                    *cell = Some((number, decimals));
                }
            }
        }
        let candidates: BTreeSet<usize> = candidates.iter().map(|it| it.idx).collect();
        let n_values = |line: &Line<'_>| line.cells.iter().filter(|(col_idx, ..)| values.contains(col_idx)).count();
        let is_bare = |line: &Line<'_>| line.cells.len() == n_values(line);
        Table {
            columns,
            is_candidate: (0..lines.len()).map(|idx| candidates.contains(&idx)).collect(),
            is_bare: lines.iter().map(is_bare).collect(),
            is_label: lines.iter().map(|line| n_values(line) == 0).collect(),
        }
    }

    fn flag(flags: &[bool], idx: usize) -> bool {
        flags.get(idx).copied().unwrap_or(false)
    }

    /// Columns that agree, those that don't, and whether there was anything to compare.
    fn check(&self, candidate: &Candidate, totals: &[Total]) -> (usize, Vec<Disagreement>, bool) {
        let mut best: Option<(usize, usize, Vec<Disagreement>)> = None;
        for rows in self.ranges(candidate, totals) {
            let mut n_agreeing = 0;
            let (mut disagreeing, mut n_compared) = (Vec::new(), 0);
            for (col_idx, claimed, n_decimals) in &candidate.numbers {
                let Some((found, slack)) = self.expected(*col_idx, &rows, candidate.claim, *n_decimals) else {
                    continue;
                };
                n_compared += 1;
                if (found - claimed).abs() <= slack {
                    n_agreeing += usize::from(*claimed != 0.0);
                } else if found != 0.0
                    && ((0.55..1.8).contains(&(claimed / found)) || self.is_beyond(*col_idx, &rows, *claimed))
                {
                    disagreeing.push(Disagreement { col_idx: *col_idx, claimed: *claimed, found });
                }
            }
            if best.as_ref().is_none_or(|(most, ..)| n_agreeing > *most) {
                best = Some((n_agreeing, n_compared, disagreeing));
            }
        }
        let (n_agreeing, n_compared, disagreeing) = best.unwrap_or_default();
        (n_agreeing, disagreeing, n_compared > 0)
    }

    /// Whether a claim is larger than any of the rows' values, so that it is no mean or rate of them.
    fn is_beyond(&self, col_idx: u32, rows: &[usize], claimed: f64) -> bool {
        let column = self.columns.get(&col_idx);
        let mut cells = rows.iter().filter_map(|idx| column?.get(*idx).copied().flatten());
        cells.all(|(number, _)| number.abs() < claimed.abs())
    }

    /// The rows that a total may stand for, likeliest first.
    fn ranges(&self, candidate: &Candidate, totals: &[Total]) -> Vec<Vec<usize>> {
        let n = self.is_candidate.len();
        let is_plain = |idx: &usize| !Self::flag(&self.is_candidate, *idx) && !Self::flag(&self.is_label, *idx);
        let all_above: Vec<usize> = (0..candidate.idx).filter(is_plain).collect();
        let ends = |idx: &usize| !Self::flag(&self.is_candidate, *idx);
        let above: Vec<usize> = (0..candidate.idx).rev().take_while(ends).filter(is_plain).collect();
        let group: Vec<usize> = (0..candidate.idx).rev().take_while(|idx| is_plain(idx)).collect();
        let below: Vec<usize> = (candidate.idx + 1..n).take_while(ends).filter(is_plain).collect();
        let group_below: Vec<usize> = (candidate.idx + 1..n).take_while(|idx| is_plain(idx)).collect();
        let all_below: Vec<usize> = (candidate.idx + 1..n).filter(is_plain).collect();
        let before: Vec<usize> = totals.iter().filter(|it| it.claim == Claim::Sum).map(|it| it.idx).collect();
        let others: Vec<usize> = (0..n).filter(is_plain).collect();
        let mut ranges = vec![all_above, above, group, before, below, group_below, all_below, others];
        ranges.retain(|rows| rows.len() > 1);
        ranges.dedup();
        ranges
    }

    /// The sum or mean of a column over rows, and how far rounding may put a claim of it off.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a count of rows for a mean")]
    fn expected(&self, col_idx: u32, rows: &[usize], claim: Claim, n_decimals: usize) -> Option<(f64, f64)> {
        let column = self.columns.get(&col_idx)?;
        let cells: Vec<(f64, usize)> = rows.iter().filter_map(|idx| column.get(*idx).copied().flatten()).collect();
        if cells.len() < 2 {
            return None;
        }
        let sum: f64 = cells.iter().map(|(number, _)| number).sum();
        let n = cells.len() as f64;
        let finest = cells.iter().map(|(_, decimals)| *decimals).max().unwrap_or(0);
        let step = |decimals: usize| 0.1_f64.powi(i32::try_from(decimals.min(9)).unwrap_or(9));
        Some(match claim {
            // Numbers that were rounded before they were added are off by the root of their count.
            Claim::Sum => {
                let rounded = if finest > 0 { 0.5 * step(finest) * n.sqrt() } else { 0.0 };
                (
                    sum,
                    0.501 * step(n_decimals.min(finest)) * f64::from(u8::from(finest > 0)) + rounded + sum.abs() * 1e-9,
                )
            }
            Claim::Mean => (sum / n, 0.501 * step(n_decimals) + step(finest.max(1)) * 0.1),
        })
    }

    /// The last line, if it has no words and each of its values is the sum of those above.
    fn nameless(&self) -> Option<Total> {
        let idx = self.is_bare.len().checked_sub(1)?;
        if idx < 3 || !Self::flag(&self.is_bare, idx) || self.is_bare.iter().filter(|it| **it).count() > 1 {
            return None;
        }
        let rows: Vec<usize> = (0..idx).collect();
        let mut n_agreeing = 0;
        for (col_idx, column) in &self.columns {
            let Some((claimed, n_decimals)) = column.get(idx).copied().flatten() else { continue };
            let (found, slack) = self.expected(*col_idx, &rows, Claim::Sum, n_decimals)?;
            if (found - claimed).abs() > slack {
                return None;
            }
            n_agreeing += usize::from(claimed != 0.0);
        }
        (n_agreeing > 0).then(|| Total {
            idx,
            claim: Claim::Sum,
            label: String::new(),
            n_agreeing,
            disagreeing: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::{batch, lines};

    /// Lines of data, and the totals among them: line from 1, columns that agree, columns that don't.
    fn check(text: &str, expect: &[(usize, usize, usize)]) {
        let batch = batch(text);
        let lines = lines(&batch);
        let values = (1..8).collect();
        let found: Vec<(usize, usize, usize)> = find(&lines, &values, true)
            .into_iter()
            .map(|total| (total.idx + 1, total.n_agreeing, total.disagreeing.len()))
            .collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn a_total_below_is_found_and_checked() {
        check("a|1|10\nb|2|20\nTotal|3|30", &[(3, 2, 0)]);
        check("a|1|10\nb|2|20\nSumme:|3|31", &[(3, 1, 1)]);
        check("a|1.25|\nb|2.26|\nИТОГО|3.5|", &[(3, 1, 0)]);
        check("a|1|10\nb|3|20\nAverage|2|15", &[(3, 2, 0)]);
        check("a|1|10\nb|3|20\nTotal|4|30\nMean|2|15", &[(3, 2, 0), (4, 2, 0)]);
    }

    #[test]
    fn a_word_without_arithmetic_makes_no_total_between_rows() {
        check("Best|10\nAverage|5\nWorst|1\nAverage|6", &[]);
        check("Shell|100\nTotal|80\nBP|90\nEsso|50", &[]);
    }

    #[test]
    fn a_total_that_is_twice_the_sum_is_wrong() {
        check("a|10\nb|20\nc|15\nTotal|90", &[(4, 0, 1)]);
    }

    #[test]
    fn a_table_without_values_has_no_totals() {
        let batch = batch("Alien|Fox|A1\nDune|WB|D7\nTotal Recall|TriStar|T5");
        assert_eq!(find(&lines(&batch), &BTreeSet::new(), true), []);
    }

    #[test]
    fn subtotals_and_their_total() {
        let text = "a|1\nb|2\nNorth Total|3\nc|3\nd|4\nSouth Total|7\nGrand Total|10";
        check(text, &[(3, 1, 0), (6, 1, 0), (7, 1, 0)]);
    }

    #[test]
    fn a_total_above_its_parts() {
        check("Total|30\na|10\nb|20", &[(1, 1, 0)]);
        check("All ages|30\nyoung|10\nold|20", &[(1, 1, 0)]);
    }

    #[test]
    fn a_row_of_sums_without_a_name() {
        check("a|1|10\nb|2|20\nc|3|30\n|6|60", &[(4, 2, 0)]);
        check("a|1|10\nb|2|20\nc|3|30\n|7|60", &[]);
    }

    #[test]
    fn words_alone_do_not_make_a_total() {
        check("Total Recall|1990\nAll I want|1995\nx|3", &[]);
        check("Total valid votes|66\nx|1\nRejected|3", &[]);
        check("Average high|42\nAverage low|24\nSnow|1", &[]);
    }
}
