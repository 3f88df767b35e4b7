//! Splits text into records and cells, without copying any but those with an escape in them.

mod way;

use self::way::{Record, Way};
use super::{
    cell::Batch,
    dialect::{Delimiter, Dialect},
    lines::line_of,
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
    /// Whether a record below the first one began with a `#`: it opens no remarks then.
    has_hashes: bool,
    pub(super) n_records: u64,
    pub(super) mended: Mended,
}

/// Stray quotes that are tried on a record that does not fit.
const MAX_QUOTES: usize = 16;

/// Bytes of a cell in quotes from which on the quote is suspected to be a stray one.
const SUSPICIOUS: usize = 1 << 20;

/// How far a block was split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// Bytes of whole records.
    pub(super) own: usize,
    /// Bytes of the block, before cells without their escapes were added behind it.
    pub(super) len: usize,
}

impl Splitter {
    pub(super) fn new(dialect: Dialect) -> Splitter {
        Splitter {
            dialect,
            is_inside: false,
            keeps_strays: false,
            has_hashes: false,
            n_records: 0,
            mended: Mended::default(),
        }
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
            if record.width == usual {
                self.has_hashes |= self.is_inside && text.get(start..).is_some_and(|text| text.starts_with('#'));
                self.is_inside = true;
            }
            self.note_open(record, text.get(start..record.end).unwrap_or_default());
            batch.end_row();
            return Some(record.end);
        }
        let line = line_of(text, start, at_end);
        if self.is_inside && !self.has_hashes && line.is_some_and(|line| line.starts_with('#')) {
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
            self.note_open(record, text.get(start..record.end).unwrap_or_default());
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

    /// Tells of a record of several lines that has a quote where none should be: it may be several records.
    fn note_open(&mut self, record: Record, text: &str) {
        if record.is_odd && text.trim_end().contains(['\n', '\r']) {
            self.mended.open_quotes.add(|| format!("row {}: {}", self.n_records + 1, text.trim_end()));
        }
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
        let tagged: &[(u64, &[&str])] = &[(1, &["a", "b", "c"]), (2, &["#1", "x", "y"]), (3, &["#2", "z"])];
        check(usual, "a,b,c\n#1,x,y\n#2,z\n", tagged);
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
