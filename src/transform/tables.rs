//! Steps that give a table another shape, or bring in another sheet.

use serde_json::{Map, Value};

use super::{
    chain::{Chain, ROW, list, new_name, quoted, text_literal},
    rows::{order, other},
    step::{How, Step},
};
use crate::{
    fault::{Code, Fault},
    name::{ColumnName, SheetName, nearest},
    value::Column,
};

/// Most columns that a pivot makes.
const MAX_PIVOT: usize = 1_000;

/// Functions of a window that depend on the order of rows that are equal in it: those follow the sheet's order.
const POSITIONAL: &[&str] =
    &["row_number", "lag", "lead", "ntile", "first_value", "last_value", "first", "last", "nth_value"];

#[expect(clippy::wildcard_enum_match_arm, reason = "the other steps are another file's")]
pub(super) fn select(chain: &mut Chain<'_>, step: &Step) -> Result<String, Fault> {
    match step {
        Step::Group { by, aggregates } => group(chain, by, aggregates),
        Step::Pivot { by, column, values, aggregate, into } => pivot(chain, by, column, values, aggregate, into),
        Step::Unpivot { columns, name, value } => unpivot(chain, columns, name, value),
        Step::Join { sheet, on, how, columns } => join(chain, sheet, on, *how, columns),
        Step::Window { column, expr, by, order, rows } => window(chain, column, expr, by, order, *rows),
        _ => Err(Fault::internal("not a step about tables")),
    }
}

fn group(chain: &mut Chain<'_>, by: &[String], aggregates: &Map<String, Value>) -> Result<String, Fault> {
    let keys = chain.chosen(by)?;
    let mut items: Vec<String> = keys.iter().map(quoted).collect();
    for (name, expr) in aggregates {
        let expr = expr.as_str().unwrap_or_default();
        chain.engine.expression(expr)?;
        items.push(format!("({expr}\n) AS {}", new_name(name)?));
    }
    if items.is_empty() {
        return Err(Fault::new(Code::InvalidArguments, "neither `by` nor `aggregates` names anything")
            .hint("such as \"aggregates\": {\"n\": \"count(*)\"}"));
    }
    let select = format!("SELECT {} FROM {}", items.join(", "), chain.last());
    if keys.is_empty() {
        return Ok(select);
    }
    Ok(format!("{select} GROUP BY {} ORDER BY {}", list(&keys), ascending(&keys)))
}

/// Keys as an ORDER BY list, nulls last.
fn ascending(keys: &[Column]) -> String {
    // By position, since an aggregate may be named like a key's expression.
    (1..=keys.len()).map(|position| format!("{position} NULLS LAST")).collect::<Vec<_>>().join(", ")
}

fn pivot(
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
    for name in found {
        let (is_it, name) = match name {
            Some(name) if name.is_empty() => (format!("{cell} = ''"), "empty".to_owned()),
            Some(name) => (format!("CAST({cell} AS VARCHAR) = {}", text_literal(&name)), name),
            None => (format!("{cell} IS NULL"), "null".to_owned()),
        };
        items.push(format!("{aggregate}({value}) FILTER (WHERE {is_it}) AS {}", ColumnName(&name).quoted()));
    }
    let select = format!("SELECT {} FROM {}", items.join(", "), chain.last());
    if keys.is_empty() {
        return Ok(select);
    }
    Ok(format!("{select} GROUP BY {} ORDER BY {}", list(&keys), ascending(&keys)))
}

fn unpivot(chain: &Chain<'_>, columns: &[String], name: &str, value: &str) -> Result<String, Fault> {
    let chosen = chain.chosen(columns)?;
    let Some(first) = chosen.first() else {
        return Err(Fault::new(Code::InvalidArguments, "`columns` is empty").hint("name the columns to turn into rows"));
    };
    let is_number = |column: &Column| {
        ["BIGINT", "INTEGER", "DOUBLE", "DECIMAL", "HUGEINT"].iter().any(|it| column.type_name.starts_with(it))
    };
    let is_same = chosen.iter().all(|column| column.type_name == first.type_name);
    let as_is = is_same || chosen.iter().all(is_number);
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

fn join(chain: &mut Chain<'_>, sheet: &str, on: &Value, how: How, columns: &[String]) -> Result<String, Fault> {
    let there = other(chain, sheet)?;
    let keys = keys(chain, sheet, on, &there)?;
    let wanted: Vec<Column> = if columns.is_empty() {
        there.iter().filter(|column| !keys.iter().any(|(_, key)| key == *column)).cloned().collect()
    } else {
        columns.iter().map(|name| of_other(&there, sheet, name)).collect::<Result<_, _>>()?
    };
    let is_outer = matches!(how, How::Right | How::Full);
    let mut items: Vec<String> = Vec::new();
    for column in &chain.columns {
        let name = quoted(column);
        match keys.iter().find(|(own, _)| own == column) {
            Some((_, key)) if is_outer => {
                items.push(format!("coalesce(this.{name}, other.{}) AS {name}", quoted(key)));
            }
            _ => items.push(format!("this.{name}")),
        }
    }
    if !matches!(how, How::Semi | How::Anti) {
        for column in &wanted {
            let name = if chain.find(&column.name).is_some() {
                format!("{}_{sheet}", column.name)
            } else {
                column.name.clone()
            };
            items.push(format!("other.{} AS {}", quoted(column), ColumnName(&name).quoted()));
        }
    }
    let equal: Vec<String> =
        keys.iter().map(|(own, key)| format!("this.{} = other.{}", quoted(own), quoted(key))).collect();
    let join = match how {
        How::Left => "LEFT JOIN",
        How::Inner => "JOIN",
        How::Right => "RIGHT JOIN",
        How::Full => "FULL JOIN",
        How::Semi => "SEMI JOIN",
        How::Anti => "ANTI JOIN",
    };
    let order = if matches!(how, How::Semi | How::Anti) {
        format!("this.{ROW}")
    } else {
        format!("this.{ROW} NULLS LAST, other.{ROW}")
    };
    Ok(format!(
        "SELECT {} FROM {} {join} (SELECT *, row_number() OVER () AS {ROW} FROM {}) AS other ON {} ORDER BY {order}",
        items.join(", "),
        chain.numbered(),
        SheetName::from_title(sheet).quoted(),
        equal.join(" AND ")
    ))
}

/// Pairs of own columns and the other sheet's that must be equal.
fn keys(chain: &Chain<'_>, sheet: &str, on: &Value, there: &[Column]) -> Result<Vec<(Column, Column)>, Fault> {
    let malformed = || {
        Fault::new(Code::InvalidArguments, format!("`on` can't be {on}"))
            .hint("give names that both sheets have, or own names to the other sheet's: {\"customer_id\": \"id\"}")
    };
    let pairs: Vec<(&str, &str)> = match on {
        Value::String(name) => vec![(name, name)],
        Value::Array(names) => names
            .iter()
            .map(|name| name.as_str().map(|name| (name, name)).ok_or_else(malformed))
            .collect::<Result<_, _>>()?,
        Value::Object(fields) => fields
            .iter()
            .map(|(own, other)| other.as_str().map(|other| (own.as_str(), other)).ok_or_else(malformed))
            .collect::<Result<_, _>>()?,
        Value::Null | Value::Bool(_) | Value::Number(_) => return Err(malformed()),
    };
    if pairs.is_empty() {
        return Err(malformed());
    }
    pairs.into_iter().map(|(own, key)| Ok((chain.column(own)?, of_other(there, sheet, key)?))).collect()
}

fn of_other(there: &[Column], sheet: &str, name: &str) -> Result<Column, Fault> {
    let exact = there.iter().find(|column| column.name == name);
    let found = exact.or_else(|| there.iter().find(|column| column.name.to_lowercase() == name.to_lowercase()));
    found.cloned().ok_or_else(|| {
        let fault = Fault::new(Code::ColumnNotFound, format!("`{sheet}` has no column `{name}`"));
        match nearest(name, there.iter().map(|column| column.name.as_str())).first() {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint("`describe_sheet` lists its columns"),
        }
    })
}

fn window(
    chain: &mut Chain<'_>,
    column: &str,
    expr: &str,
    by: &[String],
    sort: &[String],
    rows: Option<u64>,
) -> Result<String, Fault> {
    let groups = chain.chosen(by)?;
    let partition = if groups.is_empty() { String::new() } else { format!("PARTITION BY {} ", list(&groups)) };
    let call = expr.split('(').next().unwrap_or_default().trim().to_lowercase();
    let is_positional = POSITIONAL.contains(&call.as_str());
    let mut orders = if sort.is_empty() { Vec::new() } else { vec![order(chain, sort, false)?] };
    if is_positional || rows.is_some() {
        orders.push(ROW.to_owned());
    }
    let orders = if orders.is_empty() { String::new() } else { format!("ORDER BY {} ", orders.join(", ")) };
    let frame = rows.map_or_else(String::new, |n| format!("ROWS {} PRECEDING", n.saturating_sub(1)));
    let sql = format!("{expr} OVER ({partition}{orders}{frame})");
    // The call alone first, so that it can't bring a clause of its own.
    chain.engine.expression(expr)?;
    chain.engine.expression(&sql).map_err(|fault| {
        Fault { message: format!("`{expr}` is no call that goes over a window"), ..fault }
            .hint("give one call, such as `sum(price)` or `rank()`; anything else goes into `derive`")
    })?;
    let known = chain.find(column).cloned();
    let mut items = chain.with(|it| (Some(it) == known.as_ref()).then(|| sql.clone()));
    if known.is_none() {
        items = format!("{items}, {sql} AS {}", new_name(column)?);
    }
    Ok(format!("SELECT {items} FROM {} ORDER BY {ROW}", chain.numbered()))
}
