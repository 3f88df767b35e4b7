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
    clock::clock,
    moment::moment,
    number::numeral,
    split::Splitter,
    words::{is_null_word, truth},
};

/// How records are split into cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) delimiter: Delimiter,
    pub(super) quote: Option<u8>,
    /// What frees a quote inside quotes, besides doubling it.
    pub(super) escape: Option<u8>,
    /// Whether blanks beside delimiters are no part of the cells.
    pub(super) trims: bool,
    /// Cells that most records have; 0 where that says nothing.
    pub(super) usual_width: u32,
}

/// One to four bytes between two cells, or any number of blanks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delimiter {
    bytes: [u8; 4],
    len: u8,
    /// Whether any more blanks belong to it.
    pub(super) runs: bool,
}

/// Stands for "no delimiter": it occurs in no text.
const NONE: u8 = 0x1F;

/// In order of preference, should two do as well.
const DELIMITERS: [u8; 14] = [b',', b'\t', b';', b'|', b':', b' ', b'^', b'~', b'#', b'&', b'*', b'!', b'=', 0x01];

/// What commonly stands between cells; the others stand in prose as well, and must make an even table.
const STRONG: [u8; 5] = [b',', b'\t', b';', b'|', 0x01];

/// The pattern score of a row with a single cell, against 1/2 of one with two.
const SINGLE: f64 = 1e-3;

/// From so many quotes on, what stands beside them is more than chance.
const MANY_QUOTES: u32 = 8;

impl Delimiter {
    pub(super) const fn of(byte: u8) -> Delimiter {
        Delimiter { bytes: [byte, 0, 0, 0], len: 1, runs: false }
    }

    /// Blanks and tabs in any number.
    pub(super) fn blanks() -> Delimiter {
        Delimiter { runs: true, ..Delimiter::of(b' ') }
    }

    fn twice(byte: u8) -> Delimiter {
        Delimiter { bytes: [byte, byte, 0, 0], len: 2, runs: false }
    }

    fn parse(text: &str) -> Option<Delimiter> {
        let mut bytes = [0; 4];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Delimiter { bytes, len: u8::try_from(text.len()).ok()?, runs: false })
    }

    pub(super) fn first(self) -> u8 {
        let [first, ..] = self.bytes;
        first
    }

    pub(super) fn text(&self) -> &[u8] {
        self.bytes.get(..self.len.into()).unwrap_or_default()
    }

    /// Whether a block may break one off.
    pub(super) fn is_long(self) -> bool {
        self.runs || self.len > 1
    }

    /// Bytes of the delimiter that stands at `at`.
    pub(super) fn at(self, bytes: &[u8], at: usize) -> Option<usize> {
        if self.runs {
            let n = bytes.iter().skip(at).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            return (n > 0).then_some(n);
        }
        if self.len == 1 {
            return (bytes.get(at) == Some(&self.first())).then_some(1);
        }
        bytes.get(at..)?.starts_with(self.text()).then_some(self.text().len())
    }

    /// Where the next delimiter or line end is.
    pub(super) fn next(self, bytes: &[u8], from: usize) -> Option<usize> {
        let is_end = |byte: u8| byte == b'\n' || byte == b'\r';
        let mut from = from;
        loop {
            let is_hit = |byte: &u8| *byte == self.first() || is_end(*byte) || (self.runs && *byte == b'\t');
            let at = from + bytes.get(from..)?.iter().position(is_hit)?;
            if is_end(*bytes.get(at)?) || self.at(bytes, at).is_some() {
                return Some(at);
            }
            from = at + 1;
        }
    }
}

impl Dialect {
    /// The delimiter as a caller fixed it.
    pub(super) fn parse_delimiter(text: &str) -> Result<Delimiter, ReadError> {
        let text = text.replace("\\t", "\t");
        let is_fit = (1..=4).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | b'"'));
        Delimiter::parse(&text).filter(|_| is_fit).ok_or_else(|| ReadError::Option {
            message: format!("`{text}` can't be a delimiter"),
            hint: "use one to four ASCII characters such as `,`, `;`, `||` or `\\t`, or leave `delimiter` out to have it found"
                .to_owned(),
        })
    }

    /// None where each record is one cell.
    pub(super) fn delimiter_text(self) -> Option<String> {
        let text = String::from_utf8_lossy(self.delimiter.text()).into_owned();
        (self.delimiter.first() != NONE).then_some(text)
    }

    fn new(delimiter: Delimiter, quote: Option<u8>, escape: Option<u8>) -> Dialect {
        Dialect { delimiter, quote, escape, trims: false, usual_width: 0 }
    }

    /// The dialect of a text, of which `sample` is the start. `is_whole`: and the end, too.
    pub(super) fn detect(sample: &str, is_whole: bool, delimiter: Option<Delimiter>) -> Dialect {
        let mut best: Option<(f64, Dialect)> = None;
        let fixed = delimiter.map(|delimiter| vec![delimiter]);
        for delimiter in fixed.unwrap_or_else(|| candidates(sample)) {
            for (quote, escape) in quotings(sample, delimiter.first()) {
                let dialect = Dialect::new(delimiter, quote, escape);
                let (score, usual_width) = score(sample, is_whole, dialect);
                if best.is_none_or(|(best, _)| score > best * (1.0 + 1e-9)) {
                    best = Some((score, Dialect { usual_width, ..dialect }));
                }
            }
        }
        let found = best.map_or(Dialect::new(Delimiter::of(b','), Some(b'"'), None), |(_, dialect)| dialect);
        Dialect { trims: is_spaced(sample, found.delimiter), ..found }
    }
}

/// Single bytes that occur, two of them where they come in twos only, and blanks in any number where they align columns.
fn candidates(sample: &str) -> Vec<Delimiter> {
    let bytes = sample.as_bytes();
    let occurring = DELIMITERS.into_iter().filter(|delimiter| bytes.contains(delimiter)).map(|byte| {
        let n_single = memchr::memchr_iter(byte, bytes).count();
        let twice = [byte, byte];
        let n_twice = memchr::memmem::find_iter(bytes, &twice).count();
        match byte {
            b' ' if n_twice * 8 > n_single => Delimiter::blanks(),
            b' ' | b',' | b'\t' => Delimiter::of(byte),
            _ if n_twice * 2 == n_single => Delimiter::twice(byte),
            _ => Delimiter::of(byte),
        }
    });
    occurring.chain([Delimiter::of(NONE)]).collect()
}

/// Whether nearly every delimiter has a blank behind it.
fn is_spaced(sample: &str, delimiter: Delimiter) -> bool {
    let mut finds = memchr::memmem::find_iter(sample.as_bytes(), delimiter.text()).peekable();
    if delimiter.first() == b' ' || finds.peek().is_none() {
        return false;
    }
    let (n_all, n_spaced) = finds.fold((0_u32, 0_u32), |(n_all, n_spaced), at| {
        let behind = sample.as_bytes().get(at + delimiter.text().len());
        (n_all + 1, n_spaced + u32::from(matches!(behind, Some(b' ') | None)))
    });
    n_spaced * 20 >= n_all * 19
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
    // Of two that do as well, the one that there is.
    let quotes = if bytes.contains(&b'"') { [b'"', b'\''] } else { [b'\'', b'"'] };
    for quote in quotes {
        // Before the plain one, so that it wins where the escape makes no difference to the table.
        if opens(quote) && bytes.windows(2).any(|pair| pair == [b'\\', quote]) {
            quotings.push((Some(quote), Some(b'\\')));
        }
        if opens(quote) || quote == b'"' {
            quotings.push((Some(quote), None));
        }
    }
    if opens(b'"') && !pairs_at_borders(bytes, delimiter) {
        quotings.push((None, None));
    }
    quotings
}

/// Whether nearly every quote opens or closes a cell, about as many the one as the other: they are quotes then, whatever
/// table the text would make without them.
fn pairs_at_borders(bytes: &[u8], delimiter: u8) -> bool {
    let is_border = |byte: Option<&u8>| byte.is_none_or(|it| matches!(it, b'\n' | b'\r') || *it == delimiter);
    let (mut n_open, mut n_closed, mut n_stray) = (0_usize, 0_usize, 0_usize);
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let start = at + found;
        let n = bytes.iter().skip(start).take_while(|byte| **byte == b'"').count();
        at = start + n;
        let mut before = bytes.get(..start).unwrap_or_default().iter().rev().skip_while(|byte| **byte == b' ');
        let mut behind = bytes.iter().skip(at).skip_while(|byte| **byte == b' ');
        match (n % 2, is_border(before.next()), is_border(behind.next())) {
            // An empty cell, or one that is all quotes.
            (_, true, true) if n > 1 => (n_open, n_closed) = (n_open + 1, n_closed + 1),
            // Doubled ones, within a cell.
            (0, ..) => {}
            (_, true, false) => n_open += 1,
            (_, false, true) => n_closed += 1,
            _ => n_stray += 1,
        }
    }
    n_closed > 0 && n_open.abs_diff(n_closed) * 2 <= n_closed && n_stray * 10 <= n_open + n_closed
}

/// How good a table a dialect makes, and how wide most of its rows are.
fn score(sample: &str, is_whole: bool, dialect: Dialect) -> (f64, u32) {
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
        return (0.0, 0);
    }
    let n_rows: u32 = n_by_width.values().sum();
    let usual = n_by_width.iter().max_by_key(|(width, n)| (**n, **width)).filter(|(_, n)| **n * 2 > n_rows);
    let n_alike = n_by_width.iter().filter(|(width, _)| **width > 1).map(|(_, n)| *n).max();
    let is_single = usual.is_some_and(|(width, _)| *width == 1);
    // A line of prose that happens to have a comma makes no table.
    let is_common = !dialect.delimiter.is_long() && STRONG.contains(&dialect.delimiter.first());
    let is_strong = is_common || stands_beside_quotes(sample, dialect);
    let is_uneven = !is_strong && usual.is_none_or(|(_, n)| *n * 4 <= n_rows * 3);
    if is_uneven || (is_single && n_alike == Some(1)) {
        return (0.0, 0);
    }
    let usual_width = usual.map_or(0, |(width, _)| *width);
    let pattern: f64 = n_by_width
        .iter()
        .map(|(width, n_rows)| {
            let width = f64::from(*width);
            f64::from(*n_rows) * f64::max(SINGLE, width - 1.0) / width
        })
        .sum();
    let n_patterns = u32::try_from(n_by_width.len()).map_or(f64::INFINITY, f64::from);
    let share = f64::max(f64::from(n_typed) / f64::from(n_cells), 1e-10);
    (pattern / n_patterns * share, usual_width)
}

/// Whether there are quotes, and nearly each of them has the delimiter or a line end beside it.
fn stands_beside_quotes(sample: &str, dialect: Dialect) -> bool {
    let Some(quote) = dialect.quote else { return false };
    let bytes = sample.as_bytes();
    let is_border =
        |byte: Option<&u8>| byte.is_none_or(|it| matches!(it, b'\n' | b'\r') || *it == dialect.delimiter.first());
    let (mut n_quotes, mut n_beside) = (0_u32, 0_u32);
    for at in memchr::memchr_iter(quote, bytes) {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        n_quotes += 1;
        n_beside += u32::from(is_border(before) || is_border(bytes.get(at + 1)));
    }
    n_quotes >= MANY_QUOTES && n_beside * 20 >= n_quotes * 19
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
    let is_zoned_clock = clock(bytes, true).is_some_and(|(_, _, rest)| rest.is_empty());
    is_zoned_clock || is_clock_or_short_date(bytes) || is_address(text) || is_words(text, dialect)
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
        assert_eq!((char::from(found.delimiter.first()), found.quote), (char::from(delimiter), quote), "{text:?}");
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
    fn delimiters_of_several_characters_are_found() {
        let found = |text: &str| Dialect::detect(text, true, None);
        assert_eq!(found("a||b||c\n1||2||3\n4||5||6\n").delimiter_text().as_deref(), Some("||"));
        assert!(found("a, b, c\n1, 2, 3\n").trims);
        assert!(!found("a,b,c\n1,2, x\n").trims);
        let aligned = found("name    n     m\nanna    1     2\nbob     13    4\n");
        assert!(aligned.delimiter.runs && aligned.usual_width == 3);
    }

    #[test]
    fn quotes_around_whole_cells_are_quotes() {
        check("name\n\"Smith, John\"\n\"Lee, Ann\"\n\"Ray, Bob\"\n", b',', Some(b'"'));
        check("price\n\"1,234.50\"\n\"2,000.00\"\n", b',', Some(b'"'));
        check("Region,Product,Units\nN,a,1\nN,b,2\nS,a,3\n\"Source: ERP, April\"\n", b',', Some(b'"'));
        check("\"Sales report, 2024\"\nRegion,Product,Units\nN,a,1\nN,b,2\n", b',', Some(b'"'));
        let unclosed = "id,name,qty\n1,\"Smith, J\",5\n2,\"Lee, K\",6\n3,\"Odd,7\n4,Kim,8\n5,Bo,9\n";
        check(unclosed, b',', Some(b'"'));
        assert_eq!(Dialect::detect(unclosed, true, None).usual_width, 3);
    }

    #[test]
    fn a_single_column_is_read_as_one() {
        check("name\nanna\nbob\n", NONE, Some(b'"'));
        check("What is this (a list)?\nOne column of prose\nwith some words, or more: few\nend\n", NONE, Some(b'"'));
    }
}
