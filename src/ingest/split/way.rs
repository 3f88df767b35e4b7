//! One record read in one way: where its cells and it end.

use super::super::{cell::Batch, dialect::Dialect, lines::line_end};

/// One way to read a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) dialect: Dialect,
    /// A quote that opens no cell.
    pub(super) stray: Option<usize>,
    pub(super) keeps_stray: bool,
    /// Whether a doubled quote at the end of a cell closes it.
    pub(super) closes_doubled: bool,
}

/// A record as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// Where the next one starts.
    pub(super) end: usize,
    pub(super) width: u32,
    /// Whether a quote was never closed, or stands where none should.
    pub(super) is_odd: bool,
}

/// A cell's text and where the next byte to look at is.
struct Field {
    start: usize,
    len: usize,
    end: usize,
    /// Whether its quote was never closed, or had others behind it.
    is_odd: bool,
}

impl Way {
    /// How many cells a line has; nothing where a quote stands where none should.
    pub(super) fn width(&self, line: &str) -> Option<u32> {
        let record = self.record(line, 0, true, &mut Batch::default(), &mut String::new())?;
        (!record.is_odd).then_some(record.width)
    }

    pub(super) fn record(
        &self,
        text: &str,
        start: usize,
        at_end: bool,
        batch: &mut Batch,
        unescaped: &mut String,
    ) -> Option<Record> {
        self.record_in(text, text.len(), start, at_end, batch, unescaped)
    }

    /// Adds one record's cells; those without their escapes lie behind `n_text` bytes. Nothing where the block breaks it off.
    pub(super) fn record_in(
        &self,
        text: &str,
        n_text: usize,
        start: usize,
        at_end: bool,
        batch: &mut Batch,
        unescaped: &mut String,
    ) -> Option<Record> {
        let bytes = text.as_bytes();
        let mut cursor = start;
        let mut col_idx = 0_u32;
        let mut is_odd = false;
        let blank_end = line_end(bytes, cursor, at_end)?;
        if blank_end > cursor {
            return Some(Record { end: blank_end, width: 0, is_odd });
        }
        if self.dialect.delimiter.runs {
            cursor += self.dialect.delimiter.at(bytes, cursor).unwrap_or(0);
        }
        loop {
            let field = self.field(text, n_text, cursor, at_end, unescaped)?;
            is_odd |= field.is_odd;
            batch.push_span(col_idx, u32::try_from(field.start).ok()?, u32::try_from(field.len).ok()?);
            let behind = self.dialect.delimiter.at(bytes, field.end);
            // More blanks may follow in the next block, and a longer delimiter may be broken off.
            if !at_end && self.dialect.delimiter.is_long() && bytes.len() - field.end < 4 + behind.unwrap_or(0) {
                return None;
            }
            let n_behind = behind.filter(|n| !self.ends_line(bytes, field.end + n));
            let Some(n_behind) = n_behind else {
                let end = line_end(bytes, field.end + behind.unwrap_or(0), at_end)?;
                return Some(Record { end, width: col_idx + 1, is_odd });
            };
            cursor = field.end + n_behind;
            col_idx += 1;
        }
    }

    /// Whether blanks that separate cells are the last of their line.
    fn ends_line(&self, bytes: &[u8], at: usize) -> bool {
        self.dialect.delimiter.runs && matches!(bytes.get(at), Some(b'\n' | b'\r') | None)
    }

    fn field(&self, text: &str, n_text: usize, start: usize, at_end: bool, unescaped: &mut String) -> Option<Field> {
        let delimiter = self.dialect.delimiter;
        let bytes = text.as_bytes();
        let mut start = start;
        if let Some(quote) = self.dialect.quote {
            let rest = bytes.get(start..)?;
            let n_blanks =
                if delimiter.first() == b' ' { 0 } else { rest.iter().take_while(|byte| **byte == b' ').count() };
            if rest.get(n_blanks) == Some(&quote) {
                if self.stray != Some(start + n_blanks) {
                    return self.quoted(text, n_text, start + n_blanks + 1, quote, at_end, unescaped);
                }
                start += n_blanks + usize::from(!self.keeps_stray);
            }
        }
        let mut end = match delimiter.next(bytes, start) {
            Some(end) => end,
            None if at_end => bytes.len(),
            None => return None,
        };
        let behind = end;
        if self.dialect.trims {
            let is_blank = |at: usize| bytes.get(at) == Some(&b' ');
            while start < end && is_blank(start) {
                start += 1;
            }
            while start < end && is_blank(end - 1) {
                end -= 1;
            }
        }
        Some(Field { start, len: end - start, end: behind, is_odd: false })
    }

    /// A cell in quotes, from behind the opening one.
    fn quoted(
        &self,
        text: &str,
        n_text: usize,
        open: usize,
        quote: u8,
        at_end: bool,
        unescaped: &mut String,
    ) -> Option<Field> {
        let bytes = text.as_bytes();
        let escape = self.dialect.escape.unwrap_or(quote);
        let n_unescaped = unescaped.len();
        let mut piece = open;
        let mut at = open;
        let mut is_odd = false;
        let (closed, end) = loop {
            let Some(hit) = memchr::memchr2(quote, escape, bytes.get(at..)?).map(|offset| at + offset) else {
                // The quote is never closed: the rest is the cell.
                if at_end {
                    is_odd = true;
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
            let is_last = || self.closes_doubled && self.ends_cell(bytes, hit + 2);
            if next == Some(quote) && !is_last() {
                unescaped.push_str(text.get(piece..=hit)?);
                piece = hit + 2;
                at = hit + 2;
                continue;
            }
            let closing = if next == Some(quote) { hit + 1 } else { hit };
            match self.behind_quote(bytes, closing + 1, quote, at_end)? {
                Behind::End(end) => break (closing, end),
                Behind::More => {
                    is_odd = true;
                    at = hit + 1;
                }
                Behind::Tail(end) => {
                    is_odd = true;
                    unescaped.push_str(text.get(piece..hit)?);
                    piece = hit + 1;
                    break (end, end);
                }
            }
        };
        if unescaped.len() == n_unescaped && piece == open {
            return Some(Field { start: open, len: closed - open, end, is_odd });
        }
        unescaped.push_str(text.get(piece..closed)?);
        Some(Field { start: n_text + n_unescaped, len: unescaped.len() - n_unescaped, end, is_odd })
    }

    fn ends_cell(&self, bytes: &[u8], at: usize) -> bool {
        matches!(bytes.get(at), Some(b'\n' | b'\r') | None) || self.dialect.delimiter.at(bytes, at).is_some()
    }

    /// What a quote inside a quoted cell means, by what follows on its line.
    fn behind_quote(&self, bytes: &[u8], at: usize, quote: u8, at_end: bool) -> Option<Behind> {
        let delimiter = self.dialect.delimiter;
        let rest = bytes.get(at..)?;
        let is_end = |offset: usize| {
            matches!(rest.get(offset), Some(b'\n' | b'\r')) || delimiter.at(bytes, at + offset).is_some()
        };
        let n_blanks = rest.iter().take_while(|byte| **byte == b' ' && delimiter.first() != b' ').count();
        match rest.get(n_blanks) {
            Some(_) if is_end(n_blanks) => return Some(Behind::End(at + n_blanks)),
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
        if rest.get(n_seen) == Some(&quote) && !seen.ends_with(delimiter.text()) {
            return Some(Behind::More);
        }
        Some(Behind::Tail(delimiter.next(bytes, at).map_or(at + n_seen, |end| end.min(at + n_seen))))
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
