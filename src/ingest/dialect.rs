//! What separates the cells of a text file: candidates are compared by how even and how meaningful a table they make.
//!
//! The measure is that of `CleverCSV` (van den Burg, Nazábal, Sutton: Wrangling messy CSV files by detecting row and type
//! patterns, 2019): a pattern score, high where many rows have the same, large number of cells, times the share of cells
//! that are of a recognisable type. A reading as a single column has a pattern score near nothing, and one that swallows
//! rows in a quote loses their share, so that neither wins but where nothing else makes sense.

use std::collections::HashMap;

use super::{
    ReadError,
    cell::Batch,
    moment::moment,
    number::numeral,
    split::Splitter,
    words::{is_null_word, truth},
};

/// How records are split into cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    /// What frees a quote inside quotes, besides doubling it.
    pub(super) escape: Option<u8>,
}

/// Stands for "no delimiter": it occurs in no text.
const NONE: u8 = 0x1F;

/// In order of preference, should two do as well.
const DELIMITERS: [u8; 14] = [b',', b'\t', b';', b'|', b':', b' ', b'^', b'~', b'#', b'&', b'*', b'!', b'=', 0x01];

/// The pattern score of a row with a single cell, against 1/2 of one with two.
const SINGLE: f64 = 1e-3;

impl Dialect {
    /// The delimiter as a caller fixed it.
    pub(super) fn parse_delimiter(text: &str) -> Result<u8, ReadError> {
        let byte = match text.as_bytes() {
            b"\\t" => Some(b'\t'),
            [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | b'"') => Some(*byte),
            _ => None,
        };
        byte.ok_or_else(|| ReadError::Option {
            message: format!("`{text}` can't be a delimiter"),
            hint: "use one ASCII character such as `,`, `;`, `|` or `\\t`, or leave `delimiter` out to have it found"
                .to_owned(),
        })
    }

    /// None where each record is one cell.
    pub(super) fn delimiter_text(self) -> Option<String> {
        (self.delimiter != NONE).then(|| char::from(self.delimiter).to_string())
    }

    /// The dialect of a text, of which `sample` is the start. `is_whole`: and the end, too.
    pub(super) fn detect(sample: &str, is_whole: bool, delimiter: Option<u8>) -> Dialect {
        let mut best: Option<(f64, Dialect)> = None;
        let fixed = delimiter.map(|delimiter| vec![delimiter]);
        for delimiter in fixed.unwrap_or_else(|| candidates(sample)) {
            for (quote, escape) in quotings(sample, delimiter) {
                let dialect = Dialect { delimiter, quote, escape };
                let score = score(sample, is_whole, dialect);
                if best.is_none_or(|(best, _)| score > best * (1.0 + 1e-9)) {
                    best = Some((score, dialect));
                }
            }
        }
        best.map_or(Dialect { delimiter: b',', quote: Some(b'"'), escape: None }, |(_, dialect)| dialect)
    }
}

fn candidates(sample: &str) -> Vec<u8> {
    let occurring = DELIMITERS.into_iter().filter(|delimiter| sample.as_bytes().contains(delimiter));
    occurring.chain([NONE]).collect()
}

/// Quote and escape characters that the text could be using: a quote counts where a cell may start.
fn quotings(sample: &str, delimiter: u8) -> Vec<(Option<u8>, Option<u8>)> {
    let bytes = sample.as_bytes();
    let opens = |quote: u8| {
        bytes.first() == Some(&quote)
            || bytes.windows(2).any(|pair| {
                matches!(pair, [before, at] if *at == quote && (*before == delimiter || matches!(before, b'\n' | b'\r' | b' ')))
            })
    };
    let mut quotings = Vec::new();
    for quote in [b'"', b'\''] {
        // Before the plain one, so that it wins where the escape makes no difference to the table.
        if opens(quote) && bytes.windows(2).any(|pair| pair == [b'\\', quote]) {
            quotings.push((Some(quote), Some(b'\\')));
        }
        if opens(quote) || quote == b'"' {
            quotings.push((Some(quote), None));
        }
    }
    if opens(b'"') {
        quotings.push((None, None));
    }
    quotings
}

fn score(sample: &str, is_whole: bool, dialect: Dialect) -> f64 {
    let mut batch = Batch::over(sample.to_owned());
    Splitter::new(dialect).split(&mut batch, is_whole);
    let mut n_by_width: HashMap<u32, u32> = HashMap::new();
    let (mut n_cells, mut n_typed) = (0_u32, 0_u32);
    // What stands in quotes may be anything, and lies behind one, or behind the sample where it had an escape in it.
    let start = batch.text().as_ptr().addr();
    let is_quoted = |text: &str| {
        let offset = text.as_ptr().addr().saturating_sub(start);
        let before = offset.checked_sub(1).and_then(|idx| sample.as_bytes().get(idx));
        offset >= sample.len() || (dialect.quote.is_some() && before == dialect.quote.as_ref())
    };
    for row in batch.rows().filter(|row| !row.is_blank()) {
        *n_by_width.entry(row.width()).or_default() += 1;
        for (_, cell) in row.cells() {
            n_cells += 1;
            let text = cell.text().unwrap_or_default();
            n_typed += u32::from(text.is_empty() || is_quoted(text) || is_typed(text.trim(), dialect));
        }
    }
    if n_cells == 0 {
        return 0.0;
    }
    let pattern: f64 = n_by_width
        .iter()
        .map(|(width, n_rows)| {
            let width = f64::from(*width);
            f64::from(*n_rows) * f64::max(SINGLE, width - 1.0) / width
        })
        .sum();
    let n_patterns = u32::try_from(n_by_width.len()).map_or(f64::INFINITY, f64::from);
    let share = f64::max(f64::from(n_typed) / f64::from(n_cells), 1e-10);
    pattern / n_patterns * share
}

/// Whether a cell is something by itself, and not the debris of a wrong split.
fn is_typed(text: &str, dialect: Dialect) -> bool {
    let bytes = text.as_bytes();
    if text.is_empty()
        || numeral(bytes).is_some()
        || moment(bytes).is_some()
        || truth(text).is_some()
        || is_null_word(text)
    {
        return true;
    }
    let number = text
        .trim_end_matches(['%', '€', '$', '£'])
        .trim_start_matches(['$', '€', '£', '#', '<', '>', '('])
        .trim_end_matches(')');
    if number.len() < text.len() && numeral(number.trim().as_bytes()).is_some() {
        return true;
    }
    is_clock_or_short_date(bytes) || is_address(text) || is_words(text, dialect)
}

/// `3:45`, `1/2/20`, `2020-01`: digits in two or three groups, with one separator.
fn is_clock_or_short_date(bytes: &[u8]) -> bool {
    let Some(separator) = bytes.iter().find(|byte| !byte.is_ascii_digit()) else { return false };
    if !matches!(separator, b':' | b'/' | b'-' | b'.') {
        return false;
    }
    let groups: Vec<&[u8]> = bytes.split(|byte| byte == separator).collect();
    (2..=4).contains(&groups.len())
        && groups.iter().all(|group| (1..=4).contains(&group.len()) && group.iter().all(u8::is_ascii_digit))
}

/// A web or mail address, a path.
fn is_address(text: &str) -> bool {
    !text.contains(char::is_whitespace)
        && (text.starts_with("http://")
            || text.starts_with("https://")
            || text.starts_with("www.")
            || text
                .split_once('@')
                .is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains(',')))
}

/// Prose: letters, without a quote that the dialect left over, or a delimiter that is not followed by a blank.
fn is_words(text: &str, dialect: Dialect) -> bool {
    if !text.contains(char::is_alphabetic) || text.contains(['\t', '"', '\u{1}']) {
        return false;
    }
    if dialect.quote.is_none() && text.starts_with(['"', '\'']) {
        return false;
    }
    let bytes = text.as_bytes();
    !bytes.windows(2).any(|pair| matches!(pair, [b',' | b';', next] if *next != b' ' && *next != b'\n'))
        && !matches!(bytes.first(), Some(b',' | b';' | b':'))
        && !matches!(bytes.last(), Some(b',' | b';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, delimiter: u8, quote: Option<u8>) {
        let found = Dialect::detect(text, true, None);
        assert_eq!((char::from(found.delimiter), found.quote), (char::from(delimiter), quote), "{text:?}");
    }

    #[test]
    fn the_delimiter_makes_an_even_table_of_typed_cells() {
        check("a,b\n1,2\n3,4\n", b',', Some(b'"'));
        check("a;b\n1,5;2\n3,5;4\n", b';', Some(b'"'));
        check("a\tb c\n1\tx, y\n3\tz\n", b'\t', Some(b'"'));
        check("a|b|c\n2020-01-01 10:00|x|1\n2020-01-02 11:00|y|2\n", b'|', Some(b'"'));
        check("x y z\n1 2 3\n4 5 6\n", b' ', Some(b'"'));
        check("'a','b,c'\n'1','2,3'\n", b',', Some(b'\''));
    }

    #[test]
    fn a_single_column_is_read_as_one() {
        check("name\nanna\nbob\n", NONE, Some(b'"'));
    }
}
