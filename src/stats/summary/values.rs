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
/// When memory does not suffice, values are counted in so many parts, each value in one of them.
const N_PARTS: u32 = 16;
/// An integer column whose values lie this densely is counted in a bitmap.
const MAX_BITS: f64 = 64e6;

/// Fills in distinct count, commonest values, and what texts look like.
pub(super) fn count(engine: &mut Engine, subject: &Subject, column: &mut Measured) -> Result<(), Fault> {
    if column.kind == Kind::Opaque {
        return Ok(());
    }
    if column.n_set == 0 {
        column.summary.n_distinct = Some(0);
        return Ok(());
    }
    if let Some(n_distinct) = in_bitmap(engine, subject, column)? {
        column.summary.n_distinct = Some(n_distinct);
        return Ok(());
    }
    match in_parts(engine, subject, column, 1) {
        Err(fault) if fault.code == Code::OutOfMemory => in_parts(engine, subject, column, N_PARTS),
        done => done,
    }
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
    let figures = if is_text { TEXT_FIGURES } else { "" };
    let mut top: Vec<(Value, u64)> = Vec::new();
    let mut n_distinct = 0;
    let (mut shortest, mut longest, mut n_chars) = (f64::INFINITY, 0.0_f64, 0.0);
    for part in 0..n_parts {
        let this = if n_parts > 1 { format!(" AND hash({name}) % {n_parts} = {part}") } else { String::new() };
        let sql = format!(
            "WITH _f AS MATERIALIZED (SELECT {name} AS v, count(*) AS n FROM {sheet} WHERE {name} IS NOT NULL{this} GROUP BY 1), \
             _s AS (SELECT count(*){figures} FROM _f) SELECT * FROM (SELECT v, n FROM _f ORDER BY n DESC, v LIMIT {N_TOP}), _s ORDER BY n DESC, v"
        );
        for (row_idx, row) in engine.answers(&sql)?.into_iter().enumerate() {
            if row_idx == 0 {
                n_distinct += whole(number(row.get(2)));
            }
            if row_idx == 0 && is_text {
                let figure = |idx: usize| number(row.get(idx));
                shortest = shortest.min(figure(3));
                longest = longest.max(figure(4));
                n_chars += figure(5);
                column.n_numeric_texts += whole(figure(6));
                column.n_blank += whole(figure(7));
                column.n_placeholders += whole(figure(8));
                column.n_untrimmed += whole(figure(9));
                column.n_folded += whole(figure(10));
            }
            let mut cells = row.into_iter();
            let (value, n) = (cells.next().unwrap_or(Value::Null), cells.next());
            top.push((value, whole(number(n.as_ref()))));
        }
    }
    top.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    top.truncate(if subject.detail == Detail::Full { N_TOP } else { 3 });
    column.summary.top = top;
    column.summary.n_distinct = Some(n_distinct);
    if is_text && longest >= shortest {
        column.summary.lengths = Some([shortest, n_chars / real(column.n_set), longest]);
    }
    if n_parts > 1 || n_distinct > MAX_FOLDED {
        // Not all were compared; and texts that differ in case may lie in different parts.
        column.n_folded = n_distinct;
    }
    Ok(())
}

/// Over each different text once. `trim` and `lower` are slow: only short texts, and those that begin with a blank, can
/// be blank or stand for nothing, and no number worth the name is longer than 24 bytes.
const TEXT_FIGURES: &str = ", min(length(v)), max(length(v)), sum(CAST(length(v) * n AS DOUBLE)), \
    coalesce(sum(n) FILTER (CASE WHEN strlen(v) < 25 THEN TRY_CAST(v AS DOUBLE) END IS NOT NULL), 0), \
    (SELECT coalesce(sum(n), 0) FROM _f WHERE (strlen(v) < 10 OR v LIKE ' %') AND trim(v) = ''), \
    (SELECT coalesce(sum(n), 0) FROM _f WHERE strlen(v) < 10 AND lower(trim(v)) IN \
    ('n/a', 'na', '#n/a', 'null', 'none', 'nan', '-', '--', '?', 'tbd', 'missing')), \
    coalesce(sum(n) FILTER (v LIKE ' %' OR v LIKE '% '), 0), \
    (SELECT count(DISTINCT lower(trim(v))) FROM (SELECT v FROM _f LIMIT 20001))";

/// Different texts up to which they are compared without case and blanks: names and notes differ anyway.
const MAX_FOLDED: u64 = 20_000;
