//! Steps that give a table another shape.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::chain::{Chain, list, new_name, quoted, text_literal};
use crate::{
    engine::types::is_number,
    fault::{Code, Fault},
    name::ColumnName,
    value::Column,
};

/// Most columns that a pivot makes.
const MAX_PIVOT: usize = 1_000;

pub(super) fn group(chain: &mut Chain<'_>, by: &[String], aggregates: &Map<String, Value>) -> Result<String, Fault> {
    let keys = chain.chosen(by)?;
    let mut items: Vec<String> = keys.iter().map(quoted).collect();
    let mut is_numbered = false;
    for (name, expr) in aggregates {
        let found = chain.ordered(expr.as_str().unwrap_or_default())?;
        is_numbered |= found.is_numbered;
        items.push(format!("({}\n) AS {}", found.sql, new_name(name)?));
    }
    if items.is_empty() {
        return Err(Fault::new(Code::InvalidArguments, "neither `by` nor `aggregates` names anything")
            .hint("such as \"aggregates\": {\"n\": \"count(*)\"}"));
    }
    Ok(grouped(&items, &chain.table(is_numbered), &keys))
}

/// One row for each combination of the keys, in their order; one row of all where there are none.
fn grouped(items: &[String], table: &str, keys: &[Column]) -> String {
    let select = format!("SELECT {} FROM {table}", items.join(", "));
    if keys.is_empty() {
        return format!("{select} GROUP BY ()");
    }
    format!("{select} GROUP BY {} ORDER BY {}", list(keys), ascending(keys))
}

/// Keys as an ORDER BY list, nulls last.
fn ascending(keys: &[Column]) -> String {
    // By position, since an aggregate may be named like a key's expression.
    (1..=keys.len()).map(|position| format!("{position} NULLS LAST")).collect::<Vec<_>>().join(", ")
}

pub(super) fn pivot(
    chain: &mut Chain<'_>,
    by: &[String],
    column: &str,
    values: &str,
    aggregate: &str,
    into: &[String],
) -> Result<String, Fault> {
    let keys = chain.chosen(by)?;
    let (column, values) = (chain.column(column)?, chain.column(values)?);
    if !aggregate.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || aggregate.is_empty() {
        return Err(Fault::new(Code::InvalidArguments, format!("`{aggregate}` names no aggregate"))
            .hint("use sum, avg, min, max, count, first or median"));
    }
    let (cell, value) = (quoted(&column), quoted(&values));
    let mut items: Vec<String> = keys.iter().map(quoted).collect();
    let found: Vec<Option<String>> = if into.is_empty() {
        let rows = chain.look(&format!(
            "SELECT CAST({cell} AS VARCHAR) FROM (SELECT DISTINCT {cell} FROM {}) ORDER BY {cell} NULLS LAST LIMIT {}",
            chain.last(),
            MAX_PIVOT + 1
        ))?;
        rows.into_iter().flatten().map(|name| name.as_str().map(str::to_owned)).collect()
    } else {
        into.iter().cloned().map(Some).collect()
    };
    if found.len() > MAX_PIVOT {
        return Err(Fault::new(
            Code::LimitExceeded,
            format!("`{}` has more than {MAX_PIVOT} different values", column.name),
        )
        .hint("name the ones to make columns of in `into`, or pivot a column with fewer values"));
    }
    let call = chain.ordered(&format!("{aggregate}({value})"))?;
    let mut taken: HashSet<String> = keys.iter().map(|key| key.name.to_lowercase()).collect();
    let mut renamed = Vec::new();
    for name in found {
        let (is_it, name) = match name {
            Some(name) if name.is_empty() => (format!("{cell} = ''"), "empty".to_owned()),
            Some(name) => (format!("CAST({cell} AS VARCHAR) = {}", text_literal(&name)), name),
            None => (format!("{cell} IS NULL"), "null".to_owned()),
        };
        let numbers = (2_u64..).map(|number| format!("{name}_{number}"));
        let free = [name.clone()].into_iter().chain(numbers).find(|it| taken.insert(it.to_lowercase()));
        let free = free.unwrap_or_default();
        if free != name {
            renamed.push(format!("`{name}` to `{free}`"));
        }
        items.push(format!("{} FILTER (WHERE {is_it}) AS {}", call.sql, ColumnName(&free).quoted()));
    }
    if !renamed.is_empty() {
        renamed.truncate(8);
        chain
            .notes
            .push(format!("columns whose names were taken, but for case, were numbered: {}", renamed.join(", ")));
    }
    Ok(grouped(&items, &chain.table(call.is_numbered), &keys))
}

pub(super) fn unpivot(chain: &Chain<'_>, columns: &[String], name: &str, value: &str) -> Result<String, Fault> {
    let chosen = chain.chosen(columns)?;
    let Some(first) = chosen.first() else {
        return Err(Fault::new(Code::InvalidArguments, "`columns` is empty").hint("name the columns to turn into rows"));
    };
    let is_same = chosen.iter().all(|column| column.type_name == first.type_name);
    let as_is = is_same || chosen.iter().all(|column| is_number(&column.type_name));
    let cells: Vec<String> = chosen
        .iter()
        .map(|column| if as_is { quoted(column) } else { format!("CAST({} AS VARCHAR)", quoted(column)) })
        .collect();
    let names: Vec<String> = chosen.iter().map(|column| text_literal(&column.name)).collect();
    let mut items: Vec<String> = chain.columns.iter().filter(|it| !chosen.contains(it)).map(quoted).collect();
    items.push(format!("unnest([{}]) AS {}", names.join(", "), new_name(name)?));
    items.push(format!("unnest([{}]) AS {}", cells.join(", "), new_name(value)?));
    Ok(format!("SELECT {} FROM {}", items.join(", "), chain.last()))
}
