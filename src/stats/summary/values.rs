//! Different values of a column with their counts: one hash aggregation answers them all.

use serde_json::Value;

use super::{
    Detail, Subject,
    columns::{Kind, Measured},
};
use crate::{
    engine::Engine,
    fault::{Code, Fault},
    stats::{number, real, whole},
};

/// Commonest values kept.
const N_TOP: usize = 10;
/// What a different text takes besides its bytes while it is counted: its place in a hash table, which grows by doubling.
const BYTES_PER_TEXT: f64 = 80.0;
/// Parts that values are counted in at most, each value in one of them.
const MAX_PARTS: u32 = 256;
/// An integer column whose values lie this densely is counted in a bitmap.
const MAX_BITS: f64 = 64e6;

/// Fills in distinct count, commonest values, and what texts look like.
pub(super) fn count(engine: &mut Engine, subject: &Subject, column: &mut Measured) -> Result<(), Fault> {
    if column.kind == Kind::Opaque {
        return Ok(());
    }
    if column.n_finite == 0 {
        column.summary.n_distinct = Some(0);
        return Ok(());
    }
    if let Some(n_distinct) = in_bitmap(engine, subject, column)? {
        column.summary.n_distinct = Some(n_distinct);
        return Ok(());
    }
    let mut n_parts = estimated_parts(engine.memory_bytes(), column);
    loop {
        match in_parts(engine, subject, column, n_parts) {
            Err(fault) if fault.code == Code::OutOfMemory && n_parts < MAX_PARTS => {
                n_parts = n_parts.saturating_mul(4).min(MAX_PARTS);
            }
            done => return done,
        }
    }
}

/// How many parts fit into memory one after the other: a pass that fails half-way costs more than one part too many.
fn estimated_parts(memory_bytes: u64, column: &Measured) -> u32 {
    let n_bytes = column.n_text_bytes + column.n_different_texts * BYTES_PER_TEXT;
    // Other things are in memory as well.
    let n_parts = whole((n_bytes / (0.5 * real(memory_bytes.max(1)))).ceil());
    u32::try_from(n_parts).unwrap_or(MAX_PARTS).clamp(1, MAX_PARTS)
}

/// The distinct count of a long column of dense integers, if it turns out to be a key: its values' counts are all 1
/// then, and a bitmap is several times faster than a hash table.
fn in_bitmap(engine: &mut Engine, subject: &Subject, column: &Measured) -> Result<Option<u64>, Fault> {
    let is_whole = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT"].contains(&column.summary.type_name.as_str());
    let (low, high) = (number(Some(&column.summary.min)), number(Some(&column.summary.max)));
    let n_bits = high - low + 1.0;
    let n_set = real(column.n_set);
    if !is_whole || n_set < 100_000.0 || n_bits < n_set || n_bits > MAX_BITS.min(4.0 * n_set) {
        return Ok(None);
    }
    let sql = format!(
        "SELECT bit_count(bitstring_agg({}, {low:.0}, {high:.0})) FROM {}",
        column.quoted(),
        subject.sheet.quoted()
    );
    let n_distinct = whole(number(engine.answers(&sql)?.first().and_then(|row| row.first())));
    Ok((n_distinct == column.n_set).then_some(n_distinct))
}

fn in_parts(engine: &mut Engine, subject: &Subject, column: &mut Measured, n_parts: u32) -> Result<(), Fault> {
    let (name, sheet) = (column.quoted(), subject.sheet.quoted());
    let is_text = column.kind == Kind::Text;
    let is_usable = column.is_usable();
    let aggregates = if is_text { text_figures(column) } else { String::new() };
    let mut top: Vec<(Value, u64)> = Vec::new();
    let mut n_distinct = 0;
    let mut texts = Texts { shortest: f64::INFINITY, ..Texts::default() };
    for part in 0..n_parts {
        let this = if n_parts > 1 { format!(" AND hash({name}) % {n_parts} = {part}") } else { String::new() };
        // One pass over the counts, which are never kept: that halves the memory. A value that is there once only is not
        // common.
        let sql = format!(
            "SELECT t.v, -t.n, * EXCLUDE (top, t) FROM (SELECT *, unnest(coalesce(nullif(top, []), [NULL])) AS t FROM ( \
             SELECT min({{'n': -n, 'v': v}}, {N_TOP}) FILTER (n > 1) AS top, count(*){aggregates} FROM ( \
             SELECT {name} AS v, count(*) AS n FROM {sheet} WHERE {is_usable}{this} GROUP BY 1)))"
        );
        for (row_idx, row) in engine.answers(&sql)?.into_iter().enumerate() {
            if row_idx == 0 {
                n_distinct += whole(number(row.get(2)));
                texts.add(&row);
            }
            let mut cells = row.into_iter();
            let (value, n) = (cells.next().unwrap_or(Value::Null), cells.next());
            top.extend(n.map(|n| (value, whole(number(Some(&n))))).filter(|(_, n)| *n > 1));
        }
    }
    top.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    top.truncate(if subject.detail == Detail::Full { N_TOP } else { 3 });
    column.summary.top = top;
    column.summary.n_distinct = Some(n_distinct);
    if is_text {
        texts.tell(column, n_distinct, n_parts);
    }
    Ok(())
}

/// What the texts of a column look like: counts are of rows, but for `n_folded`.
#[derive(Default)]
struct Texts {
    shortest: f64,
    longest: f64,
    n_chars: f64,
    n_numeric: u64,
    n_blank: u64,
    n_placeholders: u64,
    n_untrimmed: u64,
    /// Different ones once case and blanks around are ignored.
    n_folded: u64,
}

impl Texts {
    /// Adds the figures of one part of the values.
    fn add(&mut self, row: &[Value]) {
        let figure = |idx: usize| number(row.get(idx));
        self.shortest = self.shortest.min(figure(3));
        self.longest = self.longest.max(figure(4));
        self.n_chars += figure(5);
        self.n_numeric += whole(figure(6));
        self.n_blank += whole(figure(7));
        self.n_placeholders += whole(figure(8));
        self.n_untrimmed += whole(figure(9));
        self.n_folded += whole(figure(10));
    }

    fn tell(self, column: &mut Measured, n_distinct: u64, n_parts: u32) {
        if self.longest >= self.shortest {
            column.summary.lengths = Some([self.shortest, self.n_chars / real(column.n_set), self.longest]);
        }
        column.n_numeric_texts = self.n_numeric;
        column.n_blank = self.n_blank;
        column.n_placeholders = self.n_placeholders;
        column.n_untrimmed = self.n_untrimmed;
        // Texts that differ in case may lie in different parts.
        let are_compared = n_parts == 1 && folds(column) && n_distinct <= MAX_FOLDED;
        column.n_folded = if are_compared { self.n_folded } else { n_distinct };
    }
}

/// Whether the column has few enough different texts to compare them without case and blanks: names and notes differ
/// anyway. By the estimate, which is off by a few percent.
fn folds(column: &Measured) -> bool {
    column.n_different_texts <= 1.2 * real(MAX_FOLDED)
}

/// Different texts up to which they are compared without case and blanks.
const MAX_FOLDED: u64 = 20_000;

/// Over each different text once. `trim` and `lower` are slow: only short texts, and those that begin with a blank, can
/// be blank or stand for nothing, and no number worth the name is longer than 24 bytes.
fn text_figures(column: &Measured) -> String {
    let folded = if folds(column) { "count(DISTINCT lower(trim(v)))" } else { "0" };
    format!(
        ", min(length(v)), max(length(v)), sum(CAST(length(v) * n AS DOUBLE)), \
         coalesce(sum(n) FILTER (CASE WHEN strlen(v) < 25 THEN TRY_CAST(v AS DOUBLE) END IS NOT NULL), 0), \
         coalesce(sum(n) FILTER (CASE WHEN strlen(v) < 10 OR v LIKE ' %' THEN trim(v) = '' ELSE false END), 0), \
         coalesce(sum(n) FILTER (CASE WHEN strlen(v) < 10 THEN lower(trim(v)) IN \
         ('n/a', 'na', '#n/a', 'null', 'none', 'nan', '-', '--', '?', 'tbd', 'missing') ELSE false END), 0), \
         coalesce(sum(n) FILTER (v LIKE ' %' OR v LIKE '% '), 0), {folded}"
    )
}
