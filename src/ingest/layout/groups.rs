//! Lines that only say what the next ones have in common, such as `FRUITS` above apples and pears, and cells left blank
//! because they repeat the one above.

use std::collections::{BTreeMap, BTreeSet};

use super::grid::{Kind, Line, counts, number, without_mark};
use crate::ingest::cell::{Cell, Row};

/// First lines of data by which blank cells are judged.
const N_LINES: usize = 2_000;

/// Whether lines of one cell at the left edge are labels broken over two lines rather than groups: nearly each is
/// followed by exactly one line of more cells.
pub(super) fn are_wrapped(lines: &[Line<'_>], stub: u32) -> bool {
    let (mut n_labels, mut n_single, mut since) = (0_usize, 0_usize, None::<usize>);
    for line in lines.iter().take(2_000) {
        if line.is_only(stub) {
            n_single += usize::from(since == Some(1));
            n_labels += usize::from(since.is_none_or(|n| n > 0));
            since = Some(0);
        } else if let Some(n) = &mut since {
            *n += 1;
        }
    }
    n_single += usize::from(since == Some(1));
    n_labels > 2 && n_single * 4 >= n_labels * 3
}

/// The column whose lines of one cell are groups, where that is certain. `before`: lines between header and data.
/// `is_ordinary`: the header is the first line alone. A sheet with titles is laid out for readers, and groups its rows.
pub(super) fn column(before: &[Line<'_>], data: &[Line<'_>], values: &BTreeSet<u32>, is_ordinary: bool) -> Option<u32> {
    let stub = data.iter().filter_map(Line::first).min()?;
    if values.is_empty() || values.contains(&stub) {
        return None;
    }
    let is_label = |line: &Line<'_>| line.is_only(stub) && line.n(Kind::Text) == 1;
    let n_before = before.iter().filter(|line| is_label(line)).count();
    let n_inside = data.iter().filter(|line| is_label(line)).count();
    let is_first = n_before > 0 || data.first().is_some_and(is_label);
    let enough = n_before + n_inside > 1 || is_first;
    let has_own = data.iter().filter(|line| line.has(stub)).count() > n_inside;
    if !enough || !has_own || are_wrapped(data, stub) || n_inside * 2 >= data.len() || n_before != before.len() {
        return None;
    }
    if !is_ordinary {
        return Some(stub);
    }
    let all: Vec<&Line<'_>> = before.iter().chain(data).filter(|line| !line.is_rule()).collect();
    let labels: Vec<&Line<'_>> = all.iter().copied().filter(|line| is_label(line)).collect();
    let rows: Vec<&Line<'_>> = all.iter().copied().filter(|line| !is_label(line) && line.has(stub)).collect();
    // Each label is less indented than the row that follows it.
    let mut steps = all.windows(2).filter_map(|pair| match pair {
        [label, row] if is_label(label) && !is_label(row) => Some((indent(label, stub), indent(row, stub))),
        _ => None,
    });
    let is_outline = steps.next().is_some_and(|(label, row)| label < row) && steps.all(|(label, row)| label < row);
    if is_outline || stand_out(&labels, &rows, stub) {
        return Some(stub);
    }
    // How many rows follow each label; those right above another one have none.
    let mut followed: Vec<usize> = Vec::new();
    for line in all {
        if is_label(line) {
            followed.push(0);
        } else if let Some(n) = followed.last_mut() {
            *n += 1;
        }
    }
    let n_several = followed.iter().filter(|n| **n > 1).count();
    // In two columns a row that lacks its value looks like a label: nothing but its look tells them apart.
    let is_narrow = counts(data.iter().take(2_000)).len() < 3;
    let is_clear = !is_narrow && n_several > 1 && n_several * 2 >= followed.len();
    (is_clear && !are_alike(&labels, &rows, stub)).then_some(stub)
}

/// How far the text of a cell is from its left edge: by spaces before it, and by the workbook.
pub(super) fn indent(line: &Line<'_>, column: u32) -> usize {
    let written = line.get(column).and_then(|(_, cell)| cell.text()).map_or(0, |it| it.len() - it.trim_start().len());
    let looked = line.row.looked().find(|(col_idx, ..)| *col_idx == column).map_or(0, |(_, look, _)| look.indent());
    written + looked
}

/// Whether the labels are written as the rows are not: bold, coloured, ending in a colon, or in capitals.
fn stand_out(labels: &[&Line<'_>], rows: &[&Line<'_>], stub: u32) -> bool {
    let differ = |is_such: &dyn Fn(&Line<'_>) -> bool| {
        labels.iter().all(|line| is_such(line)) && rows.iter().filter(|line| is_such(line)).count() * 4 < rows.len()
    };
    differ(&|line| line.is_bold)
        || differ(&|line| line.is_filled)
        || differ(&|line| line.text(stub).ends_with(':'))
        || differ(&|line| is_in_capitals(&line.text(stub)))
}

fn is_in_capitals(text: &str) -> bool {
    text.contains(char::is_uppercase) && !text.contains(char::is_lowercase)
}

/// Whether most labels have numbers in them and are rows' names but for those: `Person 10` among `Person 11`.
fn are_alike(labels: &[&Line<'_>], rows: &[&Line<'_>], stub: u32) -> bool {
    let shape = |line: &&Line<'_>| {
        let text = line.text(stub);
        let words: Vec<&str> = text.split(|c: char| c.is_ascii_digit()).filter(|it| !it.is_empty()).collect();
        text.contains(|c: char| c.is_ascii_digit()).then(|| words.join("0"))
    };
    let of_rows: BTreeSet<String> = rows.iter().filter_map(shape).collect();
    labels.iter().filter_map(shape).filter(|it| of_rows.contains(it)).count() * 2 > labels.len()
}

/// Whether the row has nothing but a label in the column of groups: the label as it is written, and how far the
/// workbook indents it.
pub(in crate::ingest) fn label(row: Row<'_>, stub: u32) -> Option<(&str, usize)> {
    let mut filled = row.looked().filter(|(.., cell)| !cell.is_blank());
    match (filled.next(), filled.next()) {
        (Some((col_idx, look, Cell::Text(text))), None) if col_idx == stub => Some((text, look.indent())),
        _ => None,
    }
}

/// The groups that a row is in, from the outermost.
#[derive(Debug, Clone, Default)]
pub(in crate::ingest) struct Path {
    levels: Vec<(Style, String)>,
    was_label: bool,
}

/// How a label is written: those of one level are written alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    indent: usize,
    is_upper: bool,
    has_colon: bool,
}

impl Path {
    /// Takes the label of a group. One that is written as another was takes its place; one right below another is
    /// within it.
    pub(in crate::ingest) fn enter(&mut self, label: &str, indent: usize) {
        let text = without_mark(label.trim());
        let style = Style {
            indent: indent + label.len() - label.trim_start().len(),
            is_upper: text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
            has_colon: text.ends_with(':'),
        };
        match self.levels.iter().position(|(other, _)| *other == style) {
            Some(level) => self.levels.truncate(level),
            None if self.was_label => {}
            // Further in than some of them: within those.
            None => self.levels.retain(|(other, _)| other.indent < style.indent),
        }
        self.levels.push((style, text.trim_end_matches(':').to_owned()));
        self.was_label = true;
    }

    pub(in crate::ingest) fn pass(&mut self) {
        self.was_label = false;
    }

    /// Nothing outside of any group.
    pub(in crate::ingest) fn text(&self) -> Option<String> {
        let names: Vec<&str> = self.levels.iter().map(|(_, name)| name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(" / "))
    }
}

/// What blank cells of the first column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blanks {
    /// The cell above, once more: what stands beside starts over with each cell that is filled.
    Repeat(u32),
    /// The cell above, once more: totals sum up the rows from each cell that is filled to the next.
    Summed(u32),
    /// They may repeat it.
    MayRepeat(u32),
}

impl Blanks {
    pub(super) fn column(self) -> u32 {
        match self {
            Blanks::Repeat(column) | Blanks::Summed(column) | Blanks::MayRepeat(column) => column,
        }
    }
}

/// Whether the first column leaves out what would only repeat. `totals`: numbers of the rows that sum up others.
pub(super) fn blanks(data: &[Line<'_>], totals: &BTreeSet<u64>, values: &BTreeSet<u32>) -> Option<Blanks> {
    let data = data.get(..data.len().min(N_LINES)).unwrap_or_default();
    let columns: Vec<u32> = counts(data.iter()).into_keys().collect();
    let [stub, beside, _, ..] = columns.as_slice() else { return None };
    let lines: Vec<&Line<'_>> = data.iter().filter(|line| !totals.contains(&line.number)).collect();
    let n_filled = lines.iter().filter(|line| line.has(*stub)).count();
    let n_beside = lines.iter().filter(|line| line.has(*beside)).count();
    let starts_filled = lines.first().is_some_and(|line| line.has(*stub) && line.has(*beside));
    if !starts_filled || n_filled < 2 || n_filled * 10 > lines.len() * 7 || n_beside < lines.len() {
        return None;
    }
    let mut blocks: Vec<Vec<String>> = Vec::new();
    for line in &lines {
        if line.has(*stub) {
            blocks.push(Vec::new());
        }
        blocks.last_mut()?.push(line.text(*beside));
    }
    let all_differ = blocks.iter().all(|block| block.iter().collect::<BTreeSet<_>>().len() == block.len());
    let mut n_blocks: BTreeMap<&String, usize> = BTreeMap::new();
    blocks.iter().flatten().for_each(|text| *n_blocks.entry(text).or_default() += 1);
    let n_again = blocks.iter().flatten().filter(|text| n_blocks.get(text).is_some_and(|n| *n > 1)).count();
    let starts_over = all_differ && n_again * 2 > lines.len();
    if are_summed(data, *stub, totals, values) {
        return Some(Blanks::Summed(*stub));
    }
    Some(if starts_over { Blanks::Repeat(*stub) } else { Blanks::MayRepeat(*stub) })
}

/// Whether the rows from each filled cell of a column to the next have their sum right behind them.
fn are_summed(data: &[Line<'_>], stub: u32, totals: &BTreeSet<u64>, values: &BTreeSet<u32>) -> bool {
    let mut n_proven = 0_usize;
    let mut block: Vec<&Line<'_>> = Vec::new();
    let mut is_summed = true;
    for line in data {
        if totals.contains(&line.number) {
            if !is_summed && block.len() > 1 && values.iter().any(|column| is_sum(line, &block, *column)) {
                is_summed = true;
                n_proven += 1;
            }
            continue;
        }
        if line.has(stub) {
            if !is_summed && block.len() > 1 {
                return false;
            }
            block.clear();
        } else if n_proven > 0 && is_summed && block.len() > 1 {
            // A row behind its block's total belongs to no block.
            return false;
        }
        block.push(line);
        is_summed = false;
    }
    // The sample may break the last block off.
    n_proven > 1 && (is_summed || block.len() < 2 || data.len() >= N_LINES)
}

fn is_sum(total: &Line<'_>, rows: &[&Line<'_>], column: u32) -> bool {
    let of = |line: &Line<'_>| line.get(column).and_then(|(_, cell)| number(cell));
    let Some(claimed) = of(total).filter(|claimed| *claimed != 0.0) else { return false };
    let sum: f64 = rows.iter().filter_map(|line| of(line)).sum();
    (sum - claimed).abs() <= 1e-6 * claimed.abs().max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::{batch, lines};

    #[test]
    fn groups_are_told_from_broken_labels() {
        let check = |text: &str, expect: Option<u32>| {
            let batch = batch(text);
            assert_eq!(column(&[], &lines(&batch), &[1].into(), true), expect, "{text}");
        };
        check("FRUIT|\napple|1\npear|2\nNUTS|\nalmond|3\nhazel|4", Some(0));
        check("Share of\nthose|1\nPart of\nothers|2\nAll of\nthe rest|3", None);
        check("apple|1\npear|2\nOnly one|\nnut|3", None);
        check("apple|1\npear|2", None);
        check("apple|1\npear|2\nno nuts|\nthat is all|", None);
        check("Bob|\nAnn|5\nCarl|7\nDan|8", None);
        check("Plan||\nBuild|open|3\nShip|done|4", None);
        check("p 1|\np 2|5\np 3|7\np 4|\np 5|8\np 6|1", None);
        check("Fruit:|\napple|1\npear|2", Some(0));
        check("Revenue||\nProducts|100|110\nServices|50|55\nCosts||\nStaff|60|62\nRent|5|6", Some(0));
    }

    #[test]
    fn labels_written_alike_are_of_one_level() {
        let mut path = Path::default();
        let found = ["FRUIT", "Citrus:", "-", "Other:", "-", "NUTS", "-"].map(|label| {
            if label == "-" {
                path.pass();
            } else {
                path.enter(label, 0);
            }
            path.text().unwrap_or_default()
        });
        let expect = ["FRUIT", "FRUIT / Citrus", "FRUIT / Citrus", "FRUIT / Other", "FRUIT / Other", "NUTS", "NUTS"];
        assert_eq!(found, expect);
    }

    #[test]
    fn labels_that_are_further_in_are_within_those_that_are_not() {
        let mut path = Path::default();
        let found = [("Assets", 0), ("-", 0), ("Fixed", 1), ("-", 0), ("Current", 1), ("-", 0), ("Debts", 0), ("-", 0)]
            .map(|(label, indent)| {
                if label == "-" {
                    path.pass();
                } else {
                    path.enter(label, indent);
                }
                path.text().unwrap_or_default()
            });
        let expect = [
            "Assets",
            "Assets",
            "Assets / Fixed",
            "Assets / Fixed",
            "Assets / Current",
            "Assets / Current",
            "Debts",
            "Debts",
        ];
        assert_eq!(found, expect);
    }

    #[test]
    fn blanks_repeat_where_the_column_beside_starts_over() {
        let check = |text: &str, expect: Option<Blanks>| {
            let batch = batch(text);
            assert_eq!(blanks(&lines(&batch), &BTreeSet::new(), &[2].into()), expect, "{text}");
        };
        check("N|a|1\n|b|2\nS|a|3\n|b|4", Some(Blanks::Repeat(0)));
        check("N|a|1\n|b|2\nS|c|3\n|d|4", Some(Blanks::MayRepeat(0)));
        check("N|a|1\nM|b|2\nS|a|3\n|b|4", None);
    }

    #[test]
    fn blanks_repeat_where_totals_sum_up_what_each_label_heads() {
        let check = |text: &str, totals: &[u64], expect: Option<Blanks>| {
            let batch = batch(text);
            let totals = totals.iter().copied().collect();
            assert_eq!(blanks(&lines(&batch), &totals, &[2].into()), expect, "{text}");
        };
        let regions = "N|a|1\n|b|2\nTotal N||3\nS|c|3\n|d|4\nTotal S||7";
        check(regions, &[3, 6], Some(Blanks::Summed(0)));
        check("N|a|1\n|b|2\nTotal N||3\nS|c|3\n|d|4\nTotal S||9", &[3, 6], Some(Blanks::MayRepeat(0)));
        check("N|a|1\n|b|2\nS|c|3\n|d|4\nTotal||10", &[5], Some(Blanks::MayRepeat(0)));
    }
}
