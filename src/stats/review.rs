//! What is suspicious about a query: filters on values that a column does not hold, and joins that multiply rows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{number, sql, whole};
use crate::{
    engine::{
        Engine,
        outline::{Filter, Held, Joined, Outline},
    },
    fault::Fault,
    name::{ColumnName, SheetName},
    value::Column,
};

/// A query that was looked at and not run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Review {
    /// Of its result.
    pub columns: Vec<Column>,
    pub sheets: Vec<SheetName>,
    /// Whether its rows depend on the time or on chance.
    pub is_volatile: bool,
    /// Of the outermost SELECT.
    pub limit: Option<u64>,
    pub is_ordered: bool,
    /// Whether it gives one row of aggregates over all that it reads.
    pub is_total: bool,
    /// In words, each with what to do.
    pub findings: Vec<String>,
}

/// Filters and joins that are looked into.
const MAX_LOOKED_INTO: usize = 12;
/// Different values that a misspelt one is compared with.
const MAX_COMPARED: u32 = 20_000;

/// Checks and binds `sql`, and looks into what it filters and joins. Fails as the query itself would before its first row.
pub fn run(engine: &mut Engine, sql: &str) -> Result<Review, Fault> {
    let outline = engine.outline(sql)?;
    let mut findings = Vec::new();
    for filter in outline.filters.iter().take(MAX_LOOKED_INTO) {
        findings.extend(unheld(engine, filter));
    }
    for joined in outline.joined.iter().take(MAX_LOOKED_INTO) {
        findings.extend(multiplied(engine, joined));
    }
    let mut seen = std::collections::BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.clone()));
    let Outline { columns, sheets, is_volatile, limit, is_ordered, is_total, .. } = outline;
    Ok(Review { columns, sheets: sheets.into_iter().collect(), is_volatile, limit, is_ordered, is_total, findings })
}

/// A filter that no row of its sheet can pass, and what may be meant. What can't be asked is no finding: the query says
/// itself what is wrong with it.
fn unheld(engine: &mut Engine, filter: &Filter) -> Option<String> {
    for Held { sheet, condition, .. } in &filter.on {
        let sql = format!("SELECT 1 FROM {} WHERE {condition} LIMIT 1", sheet.quoted());
        if !engine.answers(&sql).ok()?.is_empty() {
            return None;
        }
    }
    let Held { sheet, column, condition } = filter.on.first()?;
    let (name, quoted, from) = (&column.name, ColumnName(&column.name).quoted(), sheet.quoted());
    let Some(literal) = filter.literal.as_ref().filter(|_| column.type_name == "VARCHAR") else {
        let bounds = engine.answers(&format!("SELECT min({quoted}), max({quoted}) FROM {from}")).ok()?;
        let shown = |cell: &Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
        return match bounds.first()?.as_slice() {
            [Value::Null, _] => Some(format!("no row passes {condition}: `{sheet}`.`{name}` holds no values")),
            [min, max] => Some(format!(
                "no row of `{sheet}` passes {condition}: `{name}` runs from {} to {}",
                shown(min),
                shown(max)
            )),
            _ => None,
        };
    };
    let wanted = sql::text(&literal.trim_matches('%').to_lowercase());
    let near = engine.answers(&format!(
        "SELECT v FROM (SELECT DISTINCT {quoted} AS v FROM {from} WHERE {quoted} IS NOT NULL LIMIT {MAX_COMPARED}) \
         ORDER BY lower(trim(v)) = {wanted} DESC, contains(lower(v), {wanted}) DESC, \
         jaro_winkler_similarity(lower(v), {wanted}) DESC, v LIMIT 3"
    ));
    let near: Vec<String> =
        near.ok()?.into_iter().flatten().filter_map(|it| it.as_str().map(|it| format!("{it:?}"))).collect();
    let held =
        if near.is_empty() { "it holds no values".to_owned() } else { format!("the nearest are {}", near.join(", ")) };
    Some(format!("`{sheet}`.`{name}` holds no value like {literal:?}; {held}"))
}

/// A join that gives rows more than once, where that changes what is counted or added up.
fn multiplied(engine: &mut Engine, joined: &Joined) -> Vec<String> {
    let n_times: Vec<Option<u64>> =
        joined.parts.iter().map(|part| part.sql.as_ref().and_then(|sql| asked(engine, sql))).collect();
    let times = |idx: &usize| n_times.get(*idx).copied().flatten().unwrap_or_default();
    let mut findings = Vec::new();
    for sum in &joined.sums {
        // Where one of several factors is of a row that is there once, the others are meant to be there again.
        if let Some((idx, n)) = sum.parts.iter().map(|idx| (idx, times(idx))).min_by_key(|(_, n)| *n)
            && n > 1
            && let Some(part) = joined.parts.get(*idx)
        {
            findings.push(format!(
                "the join multiplies rows: it repeats each row of `{}` up to {n} times, so a sum or average of its `{}` counts \
                 values more than once; aggregate before joining, or join on more columns",
                part.name,
                sum.columns.join("`, `")
            ));
        }
    }
    if findings.is_empty() && joined.counts && (0..joined.parts.len()).all(|idx| times(&idx) > 1) {
        let each = joined.parts.iter().enumerate();
        let each: Vec<String> =
            each.map(|(idx, part)| format!("`{}` up to {} times", part.name, times(&idx))).collect();
        findings.push(format!(
            "the join multiplies rows: it gives a row of {}, so a count counts rows more than once; aggregate one side first, \
             join on more columns, or count distinct keys",
            each.join(", of ")
        ));
    }
    findings
}

fn asked(engine: &mut Engine, sql: &str) -> Option<u64> {
    let answers = engine.answers(sql).ok()?;
    Some(whole(number(answers.first().and_then(|row| row.first()))))
}
