//! What a printed page repeats: the header, and titles and page numbers around it.

use std::collections::BTreeSet;

use super::grid::{Kind, Line};
use crate::ingest::{cell::Row, show};

/// Lines above a repeated header that may be of its page.
const MAX_ABOVE: usize = 6;

/// Filled cells of a row, by column.
type Cells = Vec<(u32, String)>;

/// The rows that come again on each page.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pages {
    /// The header's rows.
    headings: BTreeSet<Cells>,
    /// Titles and page numbers, as `key` has them.
    around: BTreeSet<String>,
}

impl Pages {
    /// What comes again of a header and of the lines above it, among lines of data.
    pub(super) fn find(above: &[Line<'_>], header: &[&Line<'_>], data: &[Line<'_>], values: &BTreeSet<u32>) -> Pages {
        let again_by_itself = header.iter().filter(|line| comes_again(line, data, values));
        let mut headings: BTreeSet<_> = again_by_itself.map(|line| cells(line.row)).collect();
        if headings.is_empty() {
            return Pages::default();
        }
        let places = |own: &Cells| -> Vec<usize> {
            (0..data.len()).filter(|idx| data.get(*idx).is_some_and(|line| is_row(line, own))).collect()
        };
        let mut breaks: Vec<usize> = headings.iter().flat_map(places).collect();
        // Years head columns as well, and are data where no other line of the header is beside them.
        for line in header.iter().filter(|line| line.cells.len() > 1) {
            let own = cells(line.row);
            let found = places(&own);
            let is_beside = |idx: &usize| breaks.iter().any(|other| idx.abs_diff(*other) < header.len());
            if !found.is_empty() && found.iter().all(is_beside) && headings.insert(own) {
                breaks.extend(found);
            }
        }
        let titles: BTreeSet<String> = above.iter().map(key).collect();
        let is_around = |line: &&Line<'_>| titles.contains(&key(line)) || has_page_number(line);
        let around = breaks.iter().flat_map(|idx| {
            let lines = data.get(idx.saturating_sub(MAX_ABOVE)..*idx).unwrap_or_default();
            lines.iter().rev().take_while(is_around).map(key)
        });
        Pages { around: around.collect(), headings }
    }

    /// Whether a row is one of those.
    pub(super) fn has(&self, row: Row<'_>) -> bool {
        if self.headings.is_empty() {
            return false;
        }
        let Some((col_idx, first)) = row.cells().find(|(_, cell)| !cell.is_blank()) else { return false };
        let first = show::cell(first);
        let is_like = |cells: &Cells| cells.first().is_some_and(|it| it.0 == col_idx && it.1 == first.trim());
        if self.headings.iter().any(is_like) && self.headings.contains(&cells(row)) {
            return true;
        }
        !self.around.is_empty() && self.around.contains(&key(&Line::new(row)))
    }
}

/// Whether a line of words comes again below: over columns of values, or where its words stand nowhere else.
fn comes_again(line: &Line<'_>, data: &[Line<'_>], values: &BTreeSet<u32>) -> bool {
    if line.n(Kind::Value) > 0 || line.cells.len() < 2 {
        return false;
    }
    let own = cells(line.row);
    if !data.iter().any(|other| is_row(other, &own)) {
        return false;
    }
    let shares = |other: &Line<'_>| own.iter().any(|(col_idx, text)| other.text(*col_idx) == *text);
    line.cells.iter().any(|(col_idx, ..)| values.contains(col_idx))
        || data.iter().filter(|other| !is_row(other, &own)).all(|other| !shares(other))
}

/// Whether a line has just these cells; most lines differ in the first.
fn is_row(line: &Line<'_>, own: &Cells) -> bool {
    line.cells.len() == own.len()
        && line
            .cells
            .iter()
            .zip(own)
            .all(|((col_idx, ..), (own_idx, text))| col_idx == own_idx && line.text(*col_idx) == *text)
}

fn cells(row: Row<'_>) -> Cells {
    let filled = row.cells().filter(|(_, cell)| !cell.is_blank());
    filled.map(|(col_idx, cell)| (col_idx, show::cell(cell).trim().to_owned())).collect()
}

/// A line's words; where it has a page's number, without its digits.
fn key(line: &Line<'_>) -> String {
    let text = line.texts().collect::<Vec<_>>().join("\u{1f}");
    if has_page_number(line) { text.split(|c: char| c.is_ascii_digit()).collect::<Vec<_>>().join("") } else { text }
}

pub(super) fn has_page_number(line: &Line<'_>) -> bool {
    line.cells.len() < 4 && line.n(Kind::Value) < 2 && line.texts().any(|text| is_page_number(&text))
}

/// `Page 2`, `Seite 2 von 7`, `Stock list - Page 2/7`.
fn is_page_number(text: &str) -> bool {
    const WORDS: [&str; 16] = [
        "page",
        "pg.",
        "seite",
        "página",
        "pagina",
        "pág.",
        "sida",
        "side",
        "strona",
        "str.",
        "strana",
        "sivu",
        "oldal",
        "страница",
        "стр.",
        "sayfa",
    ];
    const BETWEEN: [&str; 10] = ["of", "von", "de", "sur", "di", "van", "af", "av", "z", "из"];
    let text = text.to_lowercase();
    // The number ends the text; a title may stand before it.
    let starts =
        text.char_indices().filter(|(at, _)| text.get(..*at).is_some_and(|it| !it.ends_with(char::is_alphanumeric)));
    starts
        .filter_map(|(at, _)| text.get(at..))
        .any(|end| WORDS.iter().filter_map(|word| end.strip_prefix(word)).any(|rest| is_number_of_page(rest, &BETWEEN)))
}

/// What stands behind the word: ` 2 of 7`.
fn is_number_of_page(rest: &str, between: &[&str]) -> bool {
    let spaced = rest.replace(['/', ':', '.', '#'], " ");
    let mut words = spaced.split_whitespace();
    let is_count = |word: &str| word.len() < 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    rest.starts_with([' ', ':', '.', '#', '\u{a0}'])
        && words.next().is_some_and(is_count)
        && words.all(|word| is_count(word) || between.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::{batch, lines};

    /// The rows, from 1, that a page repeats; the first `n_above` rows are titles, and the next heads the table.
    fn check(text: &str, n_above: usize, expect: &[u64]) {
        let batch = batch(text);
        let lines = lines(&batch);
        let (above, rest) = lines.split_at(n_above);
        let (header, data) = rest.split_at(1);
        let pages = Pages::find(above, &header.iter().collect::<Vec<_>>(), data, &[1].into());
        let found: Vec<u64> = data.iter().filter(|line| pages.has(line.row)).map(|line| line.number).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn headers_come_again_with_their_titles_and_page_numbers() {
        check("a|b\nx|1\na|b\ny|2", 0, &[3]);
        check("Stock|\nPage 1 of 2|\na|b\nx|1\n\nStock|\nPage 2 of 2|\na|b\ny|2", 2, &[6, 7, 8]);
        check("a|b\nx|1\n|Page 1\na|b\ny|2\n|Page 2", 0, &[3, 4, 6]);
        check("Stock, page 1 of 2|\na|b\nx|1\nStock, page 2 of 2|\na|b\ny|2", 1, &[4, 5]);
    }

    #[test]
    fn a_row_that_only_looks_so_is_data() {
        check("a|b\nx|1\nStock|\na|c\ny|2", 0, &[]);
        check("a|b\nx|1\nPage 2|5\ny|2", 0, &[]);
    }

    #[test]
    fn words_over_words_come_again_where_they_stand_nowhere_else() {
        let check_words = |text: &str, expect: &[u64]| {
            let batch = batch(text);
            let lines = lines(&batch);
            let (header, data) = lines.split_at(1);
            let pages = Pages::find(&[], &header.iter().collect::<Vec<_>>(), data, &BTreeSet::new());
            let found: Vec<u64> = data.iter().filter(|line| pages.has(line.row)).map(|line| line.number).collect();
            assert_eq!(found, expect, "{text}");
        };
        check_words("Name|City\nAnn|Ulm\nName|City\nBob|Kiel", &[3]);
        check_words("Ann|Ulm\nBob|Ulm\nAnn|Ulm\nBob|Kiel", &[]);
    }
}
