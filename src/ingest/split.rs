//! Splits text into records and cells, without copying any but those with an escape in them.

use super::{cell::Batch, dialect::Dialect};

/// Splits block after block of one text.
#[derive(Debug)]
pub(super) struct Splitter {
    dialect: Dialect,
    pub(super) n_records: u64,
}

/// How far a block was split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// Bytes of whole records.
    pub(super) own: usize,
    /// Bytes of the block, before cells without their escapes were added behind it.
    pub(super) len: usize,
}

/// A cell's text and where the next byte to look at is.
struct Field {
    start: usize,
    len: usize,
    end: usize,
}

impl Splitter {
    pub(super) fn new(dialect: Dialect) -> Splitter {
        Splitter { dialect, n_records: 0 }
    }

    /// Adds the records of the batch's own text to it; the last one only if it is whole or the text ends here.
    pub(super) fn split(&mut self, batch: &mut Batch, at_end: bool) -> Taken {
        let mut unescaped = String::new();
        let text = batch.take_text();
        let mut cursor = 0;
        while cursor < text.len() {
            batch.start_row(self.n_records + 1);
            let Some(end) = self.record(&text, cursor, at_end, batch, &mut unescaped) else {
                batch.cancel_row();
                break;
            };
            batch.end_row();
            self.n_records += 1;
            cursor = end;
        }
        let len = text.len();
        batch.put_text(text, &unescaped);
        Taken { own: cursor, len }
    }

    /// Adds one record's cells; where the next one starts, or nothing where the block breaks the record off.
    fn record(
        &self,
        text: &str,
        start: usize,
        at_end: bool,
        batch: &mut Batch,
        unescaped: &mut String,
    ) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut cursor = start;
        let mut col_idx = 0_u32;
        let blank_end = line_end(bytes, cursor, at_end)?;
        if blank_end > cursor {
            return Some(blank_end);
        }
        loop {
            let field = self.field(text, cursor, at_end, unescaped)?;
            batch.push_span(col_idx, u32::try_from(field.start).ok()?, u32::try_from(field.len).ok()?);
            if bytes.get(field.end) != Some(&self.dialect.delimiter) {
                return line_end(bytes, field.end, at_end);
            }
            cursor = field.end + 1;
            col_idx += 1;
        }
    }

    fn field(&self, text: &str, start: usize, at_end: bool, unescaped: &mut String) -> Option<Field> {
        let delimiter = self.dialect.delimiter;
        let rest = text.as_bytes().get(start..)?;
        if let Some(quote) = self.dialect.quote {
            let n_blanks = if delimiter == b' ' { 0 } else { rest.iter().take_while(|byte| **byte == b' ').count() };
            if rest.get(n_blanks) == Some(&quote) {
                return self.quoted(text, start + n_blanks + 1, quote, at_end, unescaped);
            }
        }
        match rest.iter().position(|byte| *byte == delimiter || *byte == b'\n' || *byte == b'\r') {
            Some(len) => Some(Field { start, len, end: start + len }),
            None if at_end => Some(Field { start, len: rest.len(), end: start + rest.len() }),
            None => None,
        }
    }

    /// A cell in quotes, from behind the opening one.
    fn quoted(&self, text: &str, open: usize, quote: u8, at_end: bool, unescaped: &mut String) -> Option<Field> {
        let bytes = text.as_bytes();
        let escape = self.dialect.escape.unwrap_or(quote);
        let n_unescaped = unescaped.len();
        let mut piece = open;
        let mut at = open;
        let (closed, end) = loop {
            let Some(hit) = memchr::memchr2(quote, escape, bytes.get(at..)?).map(|offset| at + offset) else {
                // The quote is never closed: the rest is the cell.
                if at_end {
                    break (bytes.len(), bytes.len());
                }
                return None;
            };
            let next = bytes.get(hit + 1).copied();
            if next.is_none() && !at_end {
                return None;
            }
            if escape != quote && bytes.get(hit) == Some(&escape) {
                if next == Some(quote) || next == Some(escape) {
                    unescaped.push_str(text.get(piece..hit)?);
                    piece = hit + 1;
                    at = hit + 2;
                } else {
                    at = hit + 1;
                }
                continue;
            }
            if next == Some(quote) {
                unescaped.push_str(text.get(piece..=hit)?);
                piece = hit + 2;
                at = hit + 2;
                continue;
            }
            match self.behind_quote(bytes, hit + 1, quote, at_end)? {
                Behind::End(end) => break (hit, end),
                Behind::More => at = hit + 1,
                Behind::Tail(end) => {
                    unescaped.push_str(text.get(piece..hit)?);
                    piece = hit + 1;
                    break (end, end);
                }
            }
        };
        if unescaped.len() == n_unescaped && piece == open {
            return Some(Field { start: open, len: closed - open, end });
        }
        unescaped.push_str(text.get(piece..closed)?);
        Some(Field { start: text.len() + n_unescaped, len: unescaped.len() - n_unescaped, end })
    }

    /// What a quote inside a quoted cell means, by what follows on its line.
    fn behind_quote(&self, bytes: &[u8], at: usize, quote: u8, at_end: bool) -> Option<Behind> {
        let delimiter = self.dialect.delimiter;
        let rest = bytes.get(at..)?;
        let ends = |byte: &u8| *byte == delimiter || *byte == b'\n' || *byte == b'\r';
        let n_blanks = rest.iter().take_while(|byte| **byte == b' ' && delimiter != b' ').count();
        match rest.get(n_blanks) {
            Some(byte) if ends(byte) => return Some(Behind::End(at + n_blanks)),
            None if at_end => return Some(Behind::End(bytes.len())),
            None => return None,
            Some(_) => {}
        }
        // Only as far as the next quote or line end, or a line of stray quotes would be looked through for each of them.
        let n_seen = match memchr::memchr3(quote, b'\n', b'\r', rest) {
            Some(n_seen) => n_seen,
            None if at_end => rest.len(),
            None => return None,
        };
        let seen = rest.get(..n_seen)?;
        // `"say "yes" now"`: the next quote closes this one; `"5" disk,"x"`: it opens another cell.
        if rest.get(n_seen) == Some(&quote) && seen.last() != Some(&delimiter) {
            return Some(Behind::More);
        }
        Some(Behind::Tail(at + seen.iter().position(ends).unwrap_or(n_seen)))
    }
}

/// What comes behind a quote that is not doubled.
enum Behind {
    /// The cell's end, and where it is.
    End(usize),
    /// More of the cell: the quote was a part of it.
    More,
    /// The cell's end, after some text without quotes.
    Tail(usize),
}

/// Behind the line end at `at`, or `at` where there is none; nothing where only the next block can tell.
fn line_end(bytes: &[u8], at: usize, at_end: bool) -> Option<usize> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\n'), _) => Some(at + 1),
        (Some(b'\r'), Some(b'\n')) => Some(at + 2),
        (Some(b'\r'), None) if !at_end => None,
        (Some(b'\r'), _) => Some(at + 1),
        _ => Some(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::cell::{Batch, Cell};

    /// Splits the text at once, and again in blocks of every small size, which must not change anything.
    fn check(dialect: Dialect, text: &str, expect: &[(u64, &[&str])]) {
        for size in (1..8).chain([text.len() + 1]) {
            let mut found = Vec::new();
            let mut splitter = Splitter::new(dialect);
            let mut rest = String::new();
            let mut left = text;
            loop {
                let n = (size..left.len()).find(|n| left.is_char_boundary(*n)).unwrap_or(left.len());
                let (block, more) = left.split_at(n);
                let mut batch = Batch::over(rest + block);
                let taken = splitter.split(&mut batch, block.is_empty());
                for row in batch.rows() {
                    let cells = row
                        .cells()
                        .map(|(_, cell)| if let Cell::Text(text) = cell { text.to_owned() } else { String::new() });
                    found.push((row.number, cells.collect::<Vec<_>>()));
                }
                rest = batch.text().get(taken.own..taken.len).unwrap().to_owned();
                if block.is_empty() {
                    break;
                }
                left = more;
            }
            let expect: Vec<(u64, Vec<String>)> = expect
                .iter()
                .map(|(number, cells)| (*number, cells.iter().map(|cell| (*cell).to_owned()).collect()))
                .collect();
            assert_eq!(found, expect, "{text:?} in blocks of {size}");
        }
    }

    const PLAIN: Dialect = Dialect { delimiter: b',', quote: Some(b'"'), escape: None };

    #[test]
    fn records_are_numbered_blank_ones_included() {
        check(
            PLAIN,
            "a,b\n\n1,2\r\n\r3,\n",
            &[(1, &["a", "b"]), (2, &[]), (3, &["1", "2"]), (4, &[]), (5, &["3", ""])],
        );
        check(PLAIN, "a,", &[(1, &["a", ""])]);
        check(PLAIN, "é,ü", &[(1, &["é", "ü"])]);
    }

    #[test]
    fn quotes_hold_delimiters_and_lines() {
        check(PLAIN, "\"a,b\",\"c\nd\"\n\"e\"\"f\"", &[(1, &["a,b", "c\nd"]), (2, &["e\"f"])]);
        check(PLAIN, "a, \"b,c\" ,d", &[(1, &["a", "b,c", "d"])]);
        check(PLAIN, "\"\",x", &[(1, &["", "x"])]);
    }

    #[test]
    fn stray_quotes_stay_in_their_cell() {
        check(PLAIN, "a\"b,c", &[(1, &["a\"b", "c"])]);
        check(PLAIN, "\"say \"yes\" now\",2\n", &[(1, &["say \"yes\" now", "2"])]);
        check(PLAIN, "\"5\" disk,foo\n6,bar", &[(1, &["5 disk", "foo"]), (2, &["6", "bar"])]);
        check(PLAIN, "\"5\" disk,\"foo\"\n", &[(1, &["5 disk", "foo"])]);
        check(PLAIN, "\"open,1\n2,3", &[(1, &["open,1\n2,3"])]);
    }

    #[test]
    fn a_long_line_of_stray_quotes_takes_seconds_and_not_hours() {
        for line in ["\"a".repeat(1 << 20), "\"a\"b,".repeat(1 << 18), "\"a\"".repeat(1 << 19)] {
            let mut batch = Batch::over(line);
            let taken = Splitter::new(PLAIN).split(&mut batch, true);
            assert_eq!(taken.own, taken.len);
        }
    }

    #[test]
    fn an_escape_frees_the_quote_behind_it() {
        let escaped = Dialect { delimiter: b';', quote: Some(b'\''), escape: Some(b'\\') };
        check(escaped, r"'it\'s';'a\\b';'c\d'", &[(1, &["it's", r"a\b", r"c\d"])]);
    }
}
