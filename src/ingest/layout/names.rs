//! What a header of several lines calls its columns.
//!
//! A cell of an upper line spans the columns to its right that have none in that line but one below: people merge such
//! cells, and text files show only the first of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    grid::{Line, without_mark},
    unit,
};
use crate::{ingest::look::Area, name::MAX_COLUMN_NAME};

/// A column's name, and what stood with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// As `(1,000)` or `percent`, where a line of the header says nothing else.
    pub(super) unit: Option<String>,
    /// The footnote mark that was taken off.
    pub(super) mark: Option<String>,
}

/// The names by column; columns that no line names are left out.
///
/// `merges`: areas that the workbook says are one cell; `filled`: columns that hold data.
pub(super) fn names(header: &[&Line<'_>], merges: &[Area], filled: &BTreeSet<u32>) -> BTreeMap<u32, Named> {
    let lines: Vec<&Line<'_>> = header.iter().copied().filter(|line| !line.is_rule()).collect();
    let stub = lines.iter().filter_map(|line| line.first()).min().unwrap_or(0);
    let is_units: Vec<bool> =
        lines.iter().enumerate().map(|(idx, line)| idx > 0 && unit::are_units(line, stub)).collect();
    let mut columns: BTreeSet<u32> =
        lines.iter().flat_map(|line| line.cells.iter().map(|(col_idx, ..)| *col_idx)).collect();
    let is_merged =
        |col_idx: &u32| merges.iter().any(|area| area.has_column(*col_idx) && columns.contains(&area.columns.0));
    let more: Vec<u32> = filled.iter().copied().filter(is_merged).collect();
    columns.extend(more);
    let mut named = BTreeMap::new();
    for col_idx in columns {
        let (mut parts, mut unit): (Vec<String>, Option<String>) = (Vec::new(), None);
        for (level, line) in lines.iter().enumerate() {
            let below = lines.get(level + 1..).unwrap_or_default();
            let is_unit = is_units.get(level).copied().unwrap_or(false);
            if is_unit {
                unit = unit::said(line, col_idx, stub).or(unit);
            } else if let Some(part) =
                merged(&lines, line, col_idx, merges).or_else(|| part(line, col_idx, below, merges))
            {
                let part = if lines.len() > 1 { words(&part) } else { part };
                if parts.last() != Some(&part) {
                    parts.push(part);
                }
            }
        }
        let marks: Vec<String> = parts.iter().filter_map(|part| mark(part)).collect();
        let parts: Vec<&str> = parts.iter().map(|part| without_mark(part)).filter(|part| !part.is_empty()).collect();
        let mark = marks.last().cloned();
        let name = parts.join(" ").chars().take(MAX_COLUMN_NAME).collect();
        named.insert(col_idx, Named { name, unit, mark });
    }
    named
}

/// What the cell says that a column's cell of this line is merged with.
fn merged(lines: &[&Line<'_>], line: &Line<'_>, col_idx: u32, merges: &[Area]) -> Option<String> {
    let area = merges.iter().find(|area| area.has_row(line.number) && area.has_column(col_idx))?;
    let anchor = lines.iter().find(|line| line.number == area.rows.0)?;
    Some(anchor.text(area.columns.0)).filter(|text| !text.is_empty())
}

/// What a line says of a column: its own cell, or the one to the left that spans it.
fn part(line: &Line<'_>, col_idx: u32, below: &[&Line<'_>], merges: &[Area]) -> Option<String> {
    if line.has(col_idx) {
        return Some(line.text(col_idx));
    }
    // Where some cells of a line are merged, the others are not.
    if merges.iter().any(|area| area.is_wide() && area.rows.0 == line.number) {
        return None;
    }
    let is_headed = |col_idx: u32| below.iter().any(|line| line.has(col_idx));
    let left = line.cells.iter().map(|(col_idx, ..)| *col_idx).take_while(|left| *left < col_idx).last()?;
    (is_headed(left) && is_headed(col_idx)).then(|| line.text(left))
}

fn mark(part: &str) -> Option<String> {
    let name = without_mark(part);
    part.trim_end().strip_prefix(name).map(str::trim).filter(|mark| !mark.is_empty()).map(str::to_owned)
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::{batch, lines};

    fn check(text: &str, expect: &[&str]) {
        let batch = batch(text);
        let lines = lines(&batch);
        let named = names(&lines.iter().collect::<Vec<_>>(), &[], &BTreeSet::new());
        let found: Vec<String> = named
            .into_values()
            .map(|it| [Some(it.name), it.unit, it.mark].into_iter().flatten().collect::<Vec<_>>().join("; "))
            .collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn levels_are_joined_from_the_top() {
        check(
            "Region|2023||2024|\n|Units|Sales|Units|Sales",
            &["Region", "2023 Units", "2023 Sales", "2024 Units", "2024 Sales"],
        );
        check("Year|Supply|Use||Stocks\n||Total|Per head|", &["Year", "Supply", "Use Total", "Use Per head", "Stocks"]);
        check("|Both||\n|A||\nName|x|y|z", &["Name", "Both A x", "Both A y", "Both A z"]);
    }

    #[test]
    fn names_broken_over_lines_are_whole_again() {
        check("FIPS|Per\nCode|capita", &["FIPS Code", "Per capita"]);
    }

    #[test]
    fn units_and_marks_come_off() {
        check("State|Rooms \\1|Price*\nUnit|(1,000)|(percent)", &["State", "Rooms; 1,000; \\1", "Price; percent; *"]);
        check("time|speed|temp\ns|m/s|°C", &["time; s", "speed; m/s", "temp; °C"]);
        check("State|Sales|Share\n-|€ million|%", &["State", "Sales; € million", "Share; %"]);
        check("Name|Size (m)", &["Name", "Size (m)"]);
    }
}
