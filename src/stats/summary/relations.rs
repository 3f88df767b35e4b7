//! Rows that repeat, and columns that tell rows apart.

use super::{Detail, Subject, columns::Measured, scan::quoted};
use crate::{
    engine::{Engine, types::is_comparable},
    fault::{Code, Fault},
    stats::{number, real, whole},
};

/// Cells up to which a brief summary counts duplicates.
const BRIEF_CELLS: u64 = 10_000_000;
/// Rows up to which pairs of columns are tried as keys, and how many pairs.
const PAIR_ROWS: u64 = 1_000_000;
const N_PAIRS: usize = 12;

/// Single columns without nulls or repeated values; pairs where there are none, in a full summary.
pub(super) fn keys(engine: &mut Engine, subject: &Subject, measured: &[Measured]) -> Result<Vec<Vec<String>>, Fault> {
    let n_rows = subject.n_rows;
    if n_rows < 2 {
        return Ok(Vec::new());
    }
    let single: Vec<Vec<String>> = measured
        .iter()
        .filter(|column| column.summary.n_distinct == Some(n_rows))
        .map(|column| vec![column.name().to_owned()])
        .collect();
    if !single.is_empty() || subject.detail == Detail::Brief || n_rows > PAIR_ROWS {
        return Ok(single);
    }
    let usable: Vec<(&str, f64)> = measured
        .iter()
        .filter(|column| column.summary.n_null == 0)
        .filter_map(|column| Some((column.name(), real(column.summary.n_distinct?))))
        .collect();
    let mut pairs = Vec::new();
    for (idx, a) in usable.iter().enumerate() {
        pairs.extend(usable.iter().skip(idx + 1).filter(|b| a.1 * b.1 >= real(n_rows)).map(|b| (a, b)));
    }
    // Fewer values in all: more likely meant as a key.
    pairs.sort_by(|x, y| (x.0.1 * x.1.1).total_cmp(&(y.0.1 * y.1.1)));
    let mut found = Vec::new();
    for (a, b) in pairs.into_iter().take(N_PAIRS) {
        let sql = format!(
            "SELECT count(*) FROM (SELECT DISTINCT {}, {} FROM {})",
            quoted(a.0),
            quoted(b.0),
            subject.sheet.quoted()
        );
        if whole(number(engine.answers(&sql)?.first().and_then(|row| row.first()))) == n_rows {
            found.push(vec![a.0.to_owned(), b.0.to_owned()]);
        }
    }
    Ok(found)
}

/// Rows beyond the first of each set of equal ones. Hashes tell which rows can be equal; only those are compared.
pub(super) fn duplicate_rows(engine: &mut Engine, subject: &Subject, has_key: bool) -> Result<Option<u64>, Fault> {
    if has_key || subject.n_rows < 2 {
        return Ok(Some(0));
    }
    let n_columns = u64::try_from(subject.columns.len()).unwrap_or(u64::MAX);
    if subject.detail == Detail::Brief && subject.n_rows.saturating_mul(n_columns) > BRIEF_CELLS {
        return Ok(None);
    }
    if subject.columns.iter().any(|column| !is_comparable(&column.type_name)) {
        return Ok(None);
    }
    let sheet = subject.sheet.quoted();
    let list = subject.list();
    let hash = format!("hash({list})");
    let sql = format!(
        "WITH _twice AS (SELECT {hash} AS h FROM {sheet} GROUP BY 1 HAVING count(*) > 1) \
         SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM {sheet} WHERE {hash} IN (SELECT h FROM _twice) GROUP BY {list})"
    );
    match engine.answers(&sql) {
        Ok(answers) => Ok(Some(whole(number(answers.first().and_then(|row| row.first()))))),
        Err(fault) if fault.code == Code::OutOfMemory => Ok(None),
        Err(fault) => Err(fault),
    }
}
