//! Splits text into records and cells, without copying any but those with an escape in them.

use super::{
    cell::Batch,
    dialect::{Delimiter, Dialect},
    lines::{line_end, line_of},
    mended::Mended,
};

/// Splits block after block of one text.
#[derive(Debug)]
pub(super) struct Splitter {
    dialect: Dialect,
    /// Whether a record of the usual width was there.
    is_inside: bool,
    /// Whether a quote that opens no cell is a part of its cell.
    keeps_strays: bool,
    pub(super) n_records: u64,
    pub(super) mended: Mended,
}

/// Stray quotes that are tried on a record that does not fit.
const MAX_QUOTES: usize = 16;

/// Bytes of a cell in quotes from which on the quote is suspected to be a stray one.
const SUSPICIOUS: usize = 1 << 20;

/// One way to read a record.
#[derive(Debug, Clone, Copy)]
struct Way {
    dialect: Dialect,
    /// A quote that opens no cell.
    stray: Option<usize>,
    keeps_stray: bool,
    /// Whether a doubled quote at the end of a cell closes it.
    closes_doubled: bool,
}

/// A record as it was read.
#[derive(Debug, Clone, Copy)]
struct Record {
    /// Where the next one starts.
    end: usize,
    width: u32,
    /// Whether a quote was never closed, or stands where none should.
    is_odd: bool,
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
    /// Whether its quote was never closed, or had others behind it.
    is_odd: bool,
}

impl Splitter {
    pub(super) fn new(dialect: Dialect) -> Splitter {
        Splitter { dialect, is_inside: false, keeps_strays: false, n_records: 0, mended: Mended::default() }
    }

    /// Leaves no character out.
    pub(super) fn keeping_strays(dialect: Dialect) -> Splitter {
        Splitter { keeps_strays: true, ..Splitter::new(dialect) }
    }

    /// The plain way to read a record.
    fn own_way(&self) -> Way {
        Way { dialect: self.dialect, stray: None, keeps_stray: self.keeps_strays, closes_doubled: false }
    }

    /// Adds the records of the batch's own text to it; the last one only if it is whole or the text ends here.
    pub(super) fn split(&mut self, batch: &mut Batch, at_end: bool) -> Taken {
        let mut unescaped = String::new();
        let text = batch.take_text();
        let mut cursor = 0;
        while cursor < text.len() {
            let Some(end) = self.next(&text, cursor, at_end, batch, &mut unescaped) else { break };
            self.n_records += 1;
            cursor = end;
        }
        let len = text.len();
        batch.put_text(text, &unescaped);
        Taken { own: cursor, len }
    }

    /// Adds the next record; where the one behind it starts, or nothing where the block breaks it off.
    fn next(
        &mut self,
        text: &str,
        start: usize,
        at_end: bool,
        batch: &mut Batch,
        unescaped: &mut String,
    ) -> Option<usize> {
        let way = self.own_way();
        let usual = self.dialect.usual_width;
        batch.start_row(self.n_records + 1);
        let n_unescaped = unescaped.len();
        let record = way.record(text, start, at_end, batch, unescaped);
        let is_suspicious = match record {
            None => text.len() - start > SUSPICIOUS,
            Some(record) => {
                let spans = || text.get(start..record.end).is_some_and(|text| text.trim_end().contains(['\n', '\r']));
                (record.width != usual && record.width > 0) || (record.is_odd && spans())
            }
        };
        if usual < 2 || !is_suspicious {
            let Some(record) = record else {
                batch.cancel_row();
                return None;
            };
            self.is_inside |= record.width == usual;
            batch.end_row();
            return Some(record.end);
        }
        let line = line_of(text, start, at_end);
        if self.is_inside && line.is_some_and(|line| line.starts_with('#')) {
            batch.cancel_row();
            self.mended.comments.add(|| format!("row {}: {}", self.n_records + 1, line.unwrap_or_default().trim_end()));
            return line.map(|line| start + line.len());
        }
        let mended = line.and_then(|line| self.mend(line, record));
        let Some((way, line)) = mended.zip(line) else {
            let Some(record) = record else {
                batch.cancel_row();
                return None;
            };
            batch.end_row();
            return Some(record.end);
        };
        batch.cancel_row();
        unescaped.truncate(n_unescaped);
        batch.start_row(self.n_records + 1);
        // The line alone is the record: what stands behind it is not looked at.
        let alone = text.get(..start + line.len())?;
        let way = Way { stray: way.stray.map(|at| start + at), ..way };
        // Cells without their escapes come behind the whole text.
        let record = way.record_in(alone, text.len(), start, true, batch, unescaped)?;
        batch.end_row();
        let tally = if way.dialect.delimiter == self.dialect.delimiter {
            &mut self.mended.stray_quotes
        } else {
            &mut self.mended.other_delimiters
        };
        tally.add(|| format!("row {}: {}", self.n_records + 1, line.trim_end()));
        Some(record.end)
    }

    /// Another way to read a line by which it has the usual width: with a quote that opens nothing or a doubled one that
    /// closes, with the other quote, or with another delimiter.
    fn mend(&self, line: &str, record: Option<Record>) -> Option<Way> {
        let own = self.own_way();
        let usual = self.dialect.usual_width;
        let fits = |way: &Way| way.width(line) == Some(usual);
        if let Some(quote) = self.dialect.quote {
            let is_odd = record.is_none_or(|record| record.is_odd);
            let strays = line.bytes().enumerate().filter(|(_, byte)| is_odd && *byte == quote).take(MAX_QUOTES);
            let strays = strays.map(|(at, _)| Way { stray: Some(at), ..own });
            let doubled = Way { closes_doubled: true, ..own };
            let other = Dialect { quote: Some(if quote == b'"' { b'\'' } else { b'"' }), ..self.dialect };
            let none = Dialect { quote: None, ..self.dialect };
            let ways = [own, doubled].into_iter().filter(|_| is_odd).chain(strays);
            let has_other = other.quote.is_some_and(|quote| line.as_bytes().contains(&quote));
            let others = [(other, has_other), (none, is_odd)].into_iter().filter(|(_, is_fit)| *is_fit);
            if let Some(way) = ways.chain(others.map(|(dialect, _)| Way { dialect, ..own })).find(fits) {
                return Some(way);
            }
        }
        // A note below the table is one cell, too, and may have such signs.
        let n_least = if record.is_some_and(|record| record.width == 1) { 3 } else { 5 };
        // Above the table, a title in so many words is no header; one with cells in quotes is.
        let is_header =
            || self.dialect.quote.is_some_and(|quote| line.bytes().filter(|byte| *byte == quote).count() > 1);
        if usual < n_least || !(self.is_inside || is_header()) {
            return None;
        }
        let has_values = || line.split(' ').filter(|word| word.contains(|c: char| c.is_ascii_digit())).count() > 2;
        [b',', b';', b'\t', b'|', b' ']
            .into_iter()
            .filter(|byte| *byte != b' ' || (usual > 5 && (!self.is_inside || has_values())))
            .map(|byte| Way { dialect: Dialect { delimiter: Delimiter::of(byte), ..self.dialect }, ..own })
            .find(|way| way.dialect.delimiter != self.dialect.delimiter && fits(way))
    }
}

impl Way {
    /// How many cells a line has; nothing where a quote stands where none should.
    fn width(&self, line: &str) -> Option<u32> {
        let record = self.record(line, 0, true, &mut Batch::default(), &mut String::new())?;
        (!record.is_odd).then_some(record.width)
    }

    fn record(
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
    fn record_in(
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

    const PLAIN: Dialect =
        Dialect { delimiter: Delimiter::of(b','), quote: Some(b'"'), escape: None, trims: false, usual_width: 0 };

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
    fn records_that_do_not_fit_are_read_in_the_way_that_does() {
        let usual = Dialect { usual_width: 3, ..PLAIN };
        let rows: &[(u64, &[&str])] = &[(1, &["a", "b", "c"]), (2, &["1", "2", "3"]), (3, &["4", "5", "6"])];
        check(usual, "a,b,c\n1,\"2,3\n4,5,6\n", rows);
        check(usual, "a,b,c\n1,2,\"3\n4,5,6\n", rows);
        check(usual, "a,b,c\n\"1,2,\"3\"\n4,5,\"6\"\n", rows);
        check(usual, "a,b,c\n1;2;3\n4,5,6\n", rows);
        let inches: &[(u64, &[&str])] = &[(1, &["a", "12\"", "c"]), (2, &["1", "2", "3"])];
        check(usual, "a,\"12\"\",c\n1,2,3\n", inches);
        check(usual, "a,b,c\n# note, more\n4,5,6\n", &[(1, &["a", "b", "c"]), (3, &["4", "5", "6"])]);
        let kept: &[(u64, &[&str])] = &[(1, &["a, b, c"]), (2, &["x", "y\nz", "1"]), (3, &["2", "3"])];
        check(usual, "\"a, b, c\"\nx,\"y\nz\",1\n2,3\n", kept);
    }

    #[test]
    fn delimiters_may_be_long_or_blanks() {
        let of = |delimiter| Dialect { delimiter, ..PLAIN };
        let double = Dialect::parse_delimiter("||").unwrap();
        check(of(double), "a||b|c||\n", &[(1, &["a", "b|c", ""])]);
        check(of(Delimiter::blanks()), "  a   b \n1\t 2\n", &[(1, &["a", "b"]), (2, &["1", "2"])]);
        let spaced = Dialect { trims: true, ..PLAIN };
        check(spaced, "a, b , \"c, d\"\n", &[(1, &["a", "b", "c, d"])]);
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
        let escaped = Dialect { delimiter: Delimiter::of(b';'), quote: Some(b'\''), escape: Some(b'\\'), ..PLAIN };
        check(escaped, r"'it\'s';'a\\b';'c\d'", &[(1, &["it's", r"a\b", r"c\d"])]);
    }
}
