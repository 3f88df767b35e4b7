//! Lines that only say what the next ones have in common, such as `FRUITS` above apples and pears, and cells left blank
//! because they repeat the one above.

use std::collections::{BTreeMap, BTreeSet};

use super::grid::{Kind, Line, counts, without_mark};
use crate::ingest::cell::{Cell, Row};

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
pub(super) fn column(before: &[Line<'_>], data: &[Line<'_>], values: &BTreeSet<u32>) -> Option<u32> {
    let stub = data.iter().filter_map(Line::first).min()?;
    if values.is_empty() || values.contains(&stub) {
        return None;
    }
    let is_label = |line: &Line<'_>| line.is_only(stub) && line.n(Kind::Text) == 1;
    let n_before = before.iter().filter(|line| is_label(line)).count();
    let n_inside = data.iter().filter(|line| is_label(line)).count();
    let is_first = data.first().is_some_and(is_label);
    let enough = n_before + n_inside > 1 || n_before > 0 || is_first;
    let has_own = data.iter().filter(|line| line.has(stub)).count() > n_inside;
    let wrapped = are_wrapped(data, stub);
    (enough && has_own && !wrapped && n_inside * 2 < data.len() && n_before == before.len()).then_some(stub)
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
    /// They may repeat it.
    MayRepeat(u32),
}

impl Blanks {
    pub(super) fn column(self) -> u32 {
        match self {
            Blanks::Repeat(column) | Blanks::MayRepeat(column) => column,
        }
    }
}

/// Whether the first column leaves out what would only repeat.
pub(super) fn blanks(data: &[Line<'_>]) -> Option<Blanks> {
    let columns: Vec<u32> = counts(data.iter().take(2_000)).into_keys().collect();
    let [stub, beside, _, ..] = columns.as_slice() else { return None };
    let lines: Vec<&Line<'_>> = data.iter().take(2_000).collect();
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
    Some(if starts_over { Blanks::Repeat(*stub) } else { Blanks::MayRepeat(*stub) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::{batch, lines};

    #[test]
    fn groups_are_told_from_broken_labels() {
        let check = |text: &str, expect: Option<u32>| {
            let batch = batch(text);
            assert_eq!(column(&[], &lines(&batch), &[1].into()), expect, "{text}");
        };
        check("FRUIT|\napple|1\npear|2\nNUTS|\nalmond|3\nhazel|4", Some(0));
        check("Share of\nthose|1\nPart of\nothers|2\nAll of\nthe rest|3", None);
        check("apple|1\npear|2\nOnly one|\nnut|3", None);
        check("apple|1\npear|2", None);
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
            assert_eq!(blanks(&lines(&batch)), expect, "{text}");
        };
        check("N|a|1\n|b|2\nS|a|3\n|b|4", Some(Blanks::Repeat(0)));
        check("N|a|1\n|b|2\nS|c|3\n|d|4", Some(Blanks::MayRepeat(0)));
        check("N|a|1\nM|b|2\nS|a|3\n|b|4", None);
    }
}
