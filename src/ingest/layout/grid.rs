//! A table's filled cells by what they look like: what every rule about its structure is asked of.
//!
//! The kinds are coarser than column types: only whether a cell is a value, a word, a mark for a missing value or a
//! drawn line matters to where a table starts and ends.

use std::collections::BTreeMap;

use crate::ingest::{
    cell::{Cell, Row},
    show,
    words::is_null_word,
};

/// What a filled cell looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Kind {
    /// A number, a date, a time or a truth value.
    Value,
    /// A mark for a value that is missing, such as `(NA)`, `-` or an error.
    Missing,
    /// Part of a drawn line, such as `-----`.
    Rule,
    Text,
}

/// A row that is not blank; blank cells are left out.
#[derive(Debug, Clone)]
pub(in crate::ingest) struct Line<'a> {
    /// Counted from 1 over all the file's records.
    pub(super) number: u64,
    pub(super) row: Row<'a>,
    pub(super) cells: Vec<(u32, Kind, Cell<'a>)>,
    /// Whether all of them are bold; whether all have a colour behind them.
    pub(super) is_bold: bool,
    pub(super) is_filled: bool,
}

impl<'a> Line<'a> {
    pub(in crate::ingest) fn new(row: Row<'a>) -> Line<'a> {
        let (mut is_bold, mut is_filled) = (true, true);
        let filled = row.looked().filter(|(.., cell)| !cell.is_blank());
        let cells = filled.map(|(col_idx, look, cell)| {
            is_bold &= look.is_bold();
            is_filled &= look.is_filled();
            (col_idx, kind(cell), cell)
        });
        Line { number: row.number, row, cells: cells.collect(), is_bold, is_filled }
    }

    pub(super) fn first(&self) -> Option<u32> {
        self.cells.first().map(|(col_idx, ..)| *col_idx)
    }

    pub(super) fn last(&self) -> Option<u32> {
        self.cells.last().map(|(col_idx, ..)| *col_idx)
    }

    pub(super) fn get(&self, col_idx: u32) -> Option<(Kind, Cell<'a>)> {
        let at = self.cells.binary_search_by_key(&col_idx, |(col_idx, ..)| *col_idx).ok()?;
        self.cells.get(at).map(|(_, kind, cell)| (*kind, *cell))
    }

    pub(super) fn has(&self, col_idx: u32) -> bool {
        self.get(col_idx).is_some()
    }

    pub(super) fn kind(&self, col_idx: u32) -> Option<Kind> {
        self.get(col_idx).map(|(kind, _)| kind)
    }

    pub(super) fn text(&self, col_idx: u32) -> String {
        self.get(col_idx).map_or_else(String::new, |(_, cell)| show::cell(cell).trim().to_owned())
    }

    /// The cells' texts, from left to right.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> {
        self.cells.iter().map(|(_, _, cell)| show::cell(*cell).trim().to_owned())
    }

    /// Whether nothing but this column is filled.
    pub(super) fn is_only(&self, col_idx: u32) -> bool {
        matches!(self.cells.as_slice(), [(only, ..)] if *only == col_idx)
    }

    pub(super) fn n(&self, kind: Kind) -> usize {
        self.cells.iter().filter(|(_, it, _)| *it == kind).count()
    }

    /// Whether it is a line drawn with signs.
    pub(super) fn is_rule(&self) -> bool {
        let is_drawn = |cell: Cell<'_>| cell.text().is_some_and(|text| is_rule(text.trim(), 1));
        self.n(Kind::Value) == 0
            && (self.n(Kind::Rule) > 0 || self.cells.len() > 2)
            && self.cells.iter().all(|(_, _, cell)| is_drawn(*cell))
    }
}

/// What a cell looks like; blank ones are text.
fn kind(cell: Cell<'_>) -> Kind {
    match cell {
        Cell::Number(_) | Cell::Boolean(_) | Cell::Date(_) | Cell::Time(_) | Cell::Timestamp(_) | Cell::Duration(_) => {
            Kind::Value
        }
        Cell::Error(_) | Cell::Unevaluated(_) => Kind::Missing,
        Cell::Empty => Kind::Text,
        Cell::Text(text) => kind_of_text(text.trim()),
    }
}

fn kind_of_text(text: &str) -> Kind {
    if is_scale(text) {
        Kind::Text
    } else if is_rule(text, 3) {
        Kind::Rule
    } else if is_number(text) || is_date(text) || is_number(in_front(text)) {
        Kind::Value
    } else if is_missing(text) {
        Kind::Missing
    } else {
        Kind::Text
    }
}

/// `(1,000)` and the like: what the numbers are to be multiplied by, not a negative number.
fn is_scale(text: &str) -> bool {
    let Some(inside) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else { return false };
    let digits: String = inside.chars().filter(|c| !matches!(c, ',' | ' ' | '.' | '\'' | '\u{a0}')).collect();
    digits.len() > 3 && digits.starts_with('1') && digits.chars().skip(1).all(|c| c == '0')
}

fn is_rule(text: &str, at_least: usize) -> bool {
    let is_sign = |c: char| matches!(c, '-' | '–' | '—' | '=' | '_' | '*' | '─' | '═');
    text.chars().count() >= at_least && text.chars().all(is_sign)
}

/// Whether the text is a number as people write it: signs, currencies, groups, per cent, footnote marks.
fn is_number(text: &str) -> bool {
    let text = without_mark(text);
    let is_before = |c: char| matches!(c, '$' | '€' | '£' | '¥' | '₹' | '(' | '+' | '-' | '−' | '–' | '.' | ' ');
    let rest = text.trim_start_matches(is_before);
    if !rest.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let is_within =
        |c: char| c.is_ascii_digit() || matches!(c, ',' | '.' | '\'' | '’' | ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}');
    let behind = rest.trim_start_matches(is_within);
    matches!(behind, "" | "%" | " %" | ")" | "%)" | "-" | "€" | "$" | "£" | "*" | "**") || is_exponent(behind)
}

fn is_exponent(text: &str) -> bool {
    let Some(rest) = text.strip_prefix(['e', 'E']) else { return false };
    let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A date or a time written with digits alone: `2024-01-31`, `31.1.24`, `12:30`.
fn is_date(text: &str) -> bool {
    let day = text.split([' ', 'T']).next().unwrap_or(text);
    let by = |sign: char| {
        let parts: Vec<&str> = day.split(sign).collect();
        let is_digits = |part: &&str| !part.is_empty() && part.len() <= 4 && part.bytes().all(|it| it.is_ascii_digit());
        (2..=3).contains(&parts.len()) && (sign == ':' || parts.len() == 3) && parts.iter().all(is_digits)
    };
    ['-', '/', '.', ':'].into_iter().any(by)
}

fn is_missing(text: &str) -> bool {
    if is_null_word(text) {
        return true;
    }
    let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let is_short = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_marks =
        |text: &str| !text.is_empty() && text.chars().all(|c| matches!(c, '-' | '–' | '—' | '.' | '…' | '*'));
    inside.is_some_and(|text| is_short(text) || is_marks(text))
        || is_marks(text)
        || matches!(text, "x" | "X" | ":" | "n.a." | "n. a." | "N.A.")
        || (text.starts_with('\\') && without_mark(text).is_empty())
}

/// Without a footnote mark behind it: `12 \1`, `Total \a`, `Name*`, `Name¹`, `Name [2]`.
pub(super) fn without_mark(text: &str) -> &str {
    let mut text = text.trim_end();
    loop {
        let shorter = if is_power(text) { text } else { text.trim_end_matches(MARKS) };
        let shorter = without_bracket(shorter).or_else(|| without_backslash(shorter)).unwrap_or(shorter).trim_end();
        if shorter.len() == text.len() || shorter.is_empty() {
            return if shorter.is_empty() && text.starts_with('\\') { "" } else { text };
        }
        text = shorter;
    }
}

const MARKS: [char; 14] = ['*', '†', '‡', '§', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹', '⁰'];

/// `km²` is a unit, not a name with a mark.
fn is_power(text: &str) -> bool {
    let Some(front) = text.strip_suffix(['²', '³']) else { return false };
    let unit = front.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or(front);
    matches!(unit, "m" | "km" | "cm" | "mm" | "dm" | "ft" | "mi" | "in" | "yd" | "s")
}

/// `Name [2]`, `Name[note 1]`.
fn without_bracket(text: &str) -> Option<&str> {
    let (name, mark) = text.strip_suffix(']')?.rsplit_once('[')?;
    let is_number = (1..=2).contains(&mark.len()) && mark.bytes().all(|byte| byte.is_ascii_digit());
    let is_letter = mark.len() == 1 && mark.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_number || is_letter || mark.to_lowercase().starts_with("note ")).then_some(name)
}

/// `Name \1`, as printed tables of statistics are keyed.
fn without_backslash(text: &str) -> Option<&str> {
    let (name, mark) = text.rsplit_once('\\')?;
    (!mark.is_empty() && mark.len() <= 2 && mark.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(name)
}

/// A cell's number, by the shape of its text alone: `1,234.5`, `1.234,5`, `(12)`, `45 %`, `43,671 (31%)`.
pub(super) fn number(cell: Cell<'_>) -> Option<f64> {
    if let Cell::Number(number) = cell {
        return Some(number);
    }
    let text = cell.text()?.trim();
    let front = without_mark(in_front(text));
    if !is_number(front) {
        return None;
    }
    let is_negative = front.contains(['-', '−']) && !front.contains(['e', 'E'])
        || (front.starts_with('(') && front.ends_with(')'))
        || front.starts_with('-');
    let kept: String = front.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | 'e' | 'E')).collect();
    let plain = match (kept.rfind(','), kept.rfind('.')) {
        (Some(comma), Some(point)) if comma > point => kept.replace('.', "").replace(',', "."),
        (Some(_), Some(_)) => kept.replace(',', ""),
        (Some(comma), None) if kept.len() - comma == 4 || kept.matches(',').count() > 1 => kept.replace(',', ""),
        (Some(_), None) => kept.replace(',', "."),
        (None, Some(_)) if kept.matches('.').count() > 1 => kept.replace('.', ""),
        (None, _) => kept,
    };
    let number: f64 = plain.parse().ok()?;
    Some(if is_negative { -number } else { number })
}

/// What stands before a number in brackets: `43,671 (31%)`.
fn in_front(text: &str) -> &str {
    let Some((front, behind)) = text.split_once('(') else { return text };
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '−' | '+' | '.'));
    let is_apart = front.ends_with(char::is_whitespace);
    let is_scale = text.get(front.len()..).is_some_and(is_scale);
    if is_apart && !is_scale && is_number(behind) && behind.ends_with(')') { front.trim_end() } else { text }
}

/// Digits behind the point of a number as it is written.
pub(super) fn decimals(cell: Cell<'_>) -> usize {
    let text = show::cell(cell);
    let front = in_front(&text);
    let digits: String = front.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
    digits.rsplit_once('.').map_or(0, |(_, behind)| behind.len())
}

/// The year that a cell is, footnote mark and all.
pub(super) fn year(cell: Cell<'_>) -> Option<i32> {
    let text = show::cell(cell);
    let text = without_mark(text.trim());
    let text = text.strip_suffix(".0").unwrap_or(text);
    let year: i32 = (text.len() == 4).then(|| text.parse().ok())??;
    (1_700..2_200).contains(&year).then_some(year)
}

/// For each column, how many of these lines hold what there.
pub(super) fn counts<'g>(lines: impl Iterator<Item = &'g Line<'g>>) -> BTreeMap<u32, Counts> {
    let mut columns: BTreeMap<u32, Counts> = BTreeMap::new();
    for line in lines {
        for (col_idx, kind, _) in &line.cells {
            let counts = columns.entry(*col_idx).or_default();
            match kind {
                Kind::Value => counts.values += 1,
                Kind::Missing | Kind::Rule => counts.missing += 1,
                Kind::Text => counts.texts += 1,
            }
        }
    }
    columns
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) values: usize,
    pub(super) missing: usize,
    pub(super) texts: usize,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::ingest::cell::Batch;

    /// A batch from lines of cells between bars; a line that is empty is a blank row.
    pub(in crate::ingest::layout) fn batch(text: &str) -> Batch {
        let mut batch = Batch::default();
        for (number, line) in (1..).zip(text.trim_matches('\n').lines()) {
            batch.start_row(number);
            for (col_idx, cell) in (0..).zip(line.trim().split('|')) {
                batch.push(col_idx, Cell::Text(cell.trim()));
            }
        }
        batch
    }

    pub(in crate::ingest::layout) fn lines(batch: &Batch) -> Vec<Line<'_>> {
        batch.rows().map(Line::new).filter(|line| !line.cells.is_empty()).collect()
    }

    #[test]
    fn cells_look_like_what_people_mean() {
        let cases = [
            (Kind::Value, "12 1,234.5 1.234,50 (12.5) -3 −3 $4 45% 1e6 \\1 12*"),
            (Kind::Value, "2024-01-31 31/1/24 31.01.2024 12:30"),
            (Kind::Missing, "(NA) (X) - – ... n/a #N/A \\2"),
            (Kind::Rule, "--- ===== ___"),
            (Kind::Text, "(1,000) (1000000) Name 1st 12km Q1 A12 2024/25x (percent)"),
        ];
        for (expect, texts) in cases {
            for text in texts.split(' ').filter(|text| *text != "\\1") {
                assert_eq!(kind_of_text(text), expect, "{text}");
            }
        }
        assert_eq!(kind_of_text("1 234 567"), Kind::Value);
        assert_eq!(kind_of_text("95.3 \\1"), Kind::Value);
        assert_eq!(kind_of_text("43,671 (31%)"), Kind::Value);
        assert_eq!(kind_of_text("2002 (1,000)"), Kind::Text);
    }

    #[test]
    fn numbers_are_read_by_their_shape() {
        let found = ["1,234.5", "1.234,5", "(12)", "−3", "45 %", "43,671 (31%)", "2,5", "1 931 867", "1e3", "x"]
            .map(|text| number(Cell::Text(text)));
        let expect = [1234.5, 1234.5, -12.0, -3.0, 45.0, 43671.0, 2.5, 1_931_867.0, 1000.0].map(Some);
        assert_eq!(found.to_vec(), [expect.to_vec(), vec![None]].concat());
    }

    #[test]
    fn footnote_marks_come_off() {
        let found = ["Total \\1", "Name*", "Name [2]", "Water¹", "f(x)", "A [km]", "Area m²"].map(without_mark);
        assert_eq!(found, ["Total", "Name", "Name", "Water", "f(x)", "A [km]", "Area m²"]);
    }
}
