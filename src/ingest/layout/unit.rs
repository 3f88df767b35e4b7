//! Lines that say in what the columns above them are counted.

use std::collections::BTreeSet;

use super::grid::{Kind, Line};
use crate::ingest::units;

/// Whether each cell but the first column's is a unit in brackets.
pub(super) fn are_bracketed(line: &Line<'_>, stub: u32) -> bool {
    let mut cells = beyond(line, stub).peekable();
    cells.peek().is_some() && cells.all(|text| is_bracketed(&text))
}

/// Whether the line is one of units, as far as it alone says it: `(USD) | kg | %`, with a dash where there is none.
pub(super) fn are_units(line: &Line<'_>, stub: u32) -> bool {
    let mut cells = beyond(line, stub).filter(|text| !is_dash(text)).peekable();
    let names_none = line.kind(stub).is_none_or(|kind| {
        let text = line.text(stub);
        kind != Kind::Value && (is_unit(&text) || is_dash(&text) || is_word(&text))
    });
    let is_blank_or_any = are_bracketed(line, stub) || names_none;
    is_blank_or_any && cells.peek().is_some() && cells.all(|text| is_unit(&text))
}

/// Whether the line is one of units over columns of values: a word such as `m` may be a value itself elsewhere.
pub(super) fn are_units_of(line: &Line<'_>, stub: u32, values: &BTreeSet<u32>) -> bool {
    let mut said = line.cells.iter().filter(|(col_idx, ..)| *col_idx > stub && !is_dash(&line.text(*col_idx)));
    are_units(line, stub) && said.all(|(col_idx, ..)| values.contains(col_idx))
}

/// The unit that a cell of such a line says, without its brackets.
pub(super) fn said(line: &Line<'_>, col_idx: u32, stub: u32) -> Option<String> {
    let text = line.text(col_idx);
    let is_said = !text.is_empty() && !is_dash(&text) && (col_idx > stub || is_unit(&text));
    is_said.then(|| text.trim_matches(['(', ')', '[', ']']).trim().to_owned())
}

fn beyond(line: &Line<'_>, stub: u32) -> impl Iterator<Item = String> {
    line.cells.iter().filter(move |(col_idx, ..)| *col_idx > stub).map(|(col_idx, ..)| line.text(*col_idx))
}

fn is_dash(text: &str) -> bool {
    matches!(text, "-" | "–" | "—")
}

/// A word that stands before units.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 9] =
        ["unit", "units", "einheit", "einheiten", "unité", "unités", "unidad", "unidades", "eenheid"];
    WORDS.contains(&text.trim_end_matches(':').to_lowercase().as_str())
}

fn is_bracketed(text: &str) -> bool {
    text.starts_with(['(', '[']) && text.ends_with([')', ']'])
}

/// `(anything)`, `kg`, `€ million`, `in %`, `USD/kg`, `°C`.
fn is_unit(text: &str) -> bool {
    const OTHERS: [&str; 9] = ["in", "per", "percent", "thousands", "000", "'000", "000s", "pieces", "pcs"];
    let is_part = |part: &str| {
        let is_scale = || units::scale(part, false).is_some_and(|(_, rest)| rest.is_empty());
        units::is_known(part)
            || units::is_currency(part)
            || OTHERS.contains(&part.to_lowercase().as_str())
            || is_scale()
    };
    let parts = || text.split([' ', '/']).filter(|part| !part.is_empty());
    is_bracketed(text) || (parts().next().is_some() && parts().all(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::{batch, lines};

    #[test]
    fn a_line_of_units_has_nothing_else() {
        let check = |text: &str, expect: bool| {
            let batch = batch(text);
            assert_eq!(lines(&batch).first().is_some_and(|line| are_units(line, 0)), expect, "{text}");
        };
        check("|(USD)|kg|%", true);
        check("-|€ million|[m]|in %", true);
        check("s|m/s|°C", true);
        check("Unit|USD/kg|-", true);
        check("North|(USD)|(EUR)", true);
        check("Ann|m|x", false);
        check("|kg|Total", false);
        check("s|-|-", false);
    }
}
