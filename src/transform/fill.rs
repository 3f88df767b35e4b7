//! Steps that put values into cells.

use serde_json::{Map, Value};

use super::{
    chain::{Chain, list, literal, quoted, text_literal},
    columns::{as_text, items},
    step::{Method, Mode},
};
use crate::{
    engine::types::{is_number, is_whole},
    fault::{Code, Fault},
    value::Column,
};

pub(super) fn fill(
    chain: &mut Chain<'_>,
    columns: &[String],
    value: Option<&Value>,
    method: Option<Method>,
    by: &[String],
) -> Result<String, Fault> {
    let chosen = chain.chosen(columns)?;
    let groups = chain.chosen(by)?;
    let partition = if groups.is_empty() { String::new() } else { format!("PARTITION BY {} ", list(&groups)) };
    let row = chain.row();
    if let ([column], Some(Method::Forward), true) = (chosen.as_slice(), method, groups.is_empty()) {
        return Ok(forward(chain, column));
    }
    let mut written = Vec::new();
    for column in &chosen {
        let name = quoted(column);
        let over = |call: &str| format!("coalesce({name}, {call}({name}) OVER ({partition}))");
        written.push(match method {
            None => {
                let value = value.unwrap_or(&Value::Null);
                match fitting(chain, column, value)? {
                    Some(value) => format!("coalesce({name}, {value})"),
                    None => format!("coalesce({}, {})", as_text(column), text_literal(&text_of(value)?)),
                }
            }
            Some(Method::Forward) => format!(
                "coalesce({name}, last_value({name} IGNORE NULLS) OVER ({partition}ORDER BY {row} \
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))"
            ),
            Some(Method::Backward) => format!(
                "coalesce({name}, first_value({name} IGNORE NULLS) OVER ({partition}ORDER BY {row} \
                 ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING))"
            ),
            Some(Method::Mean) => {
                must_stand_beside_a_double(chain, column)?;
                over("avg")
            }
            Some(Method::Median) => {
                must_stand_beside_a_double(chain, column)?;
                over("median")
            }
            // Of values that are as frequent, the first.
            Some(Method::Mode) => {
                format!(
                    "coalesce({name}, mode({name}) OVER ({partition}ORDER BY {row} \
                     ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING))"
                )
            }
            Some(Method::Min) => over("min"),
            Some(Method::Max) => over("max"),
        });
    }
    let items = items(chain, &chosen, &written);
    Ok(match method {
        None => format!("SELECT {items} FROM {}", chain.last()),
        Some(_) => format!("SELECT {items} FROM {} ORDER BY {row}", chain.numbered()),
    })
}

/// Of one column over the whole sheet: each run of blanks is a small partition with the value before it, where one window over
/// all rows would be held whole.
fn forward(chain: &Chain<'_>, column: &Column) -> String {
    let (row, run, name) = (chain.row(), chain.beside("#run"), quoted(column));
    let filled = format!("coalesce({name}, first_value({name}) OVER (PARTITION BY {run} ORDER BY {row}))");
    format!(
        "SELECT {} FROM (SELECT *, count({name}) OVER (ROWS UNBOUNDED PRECEDING) AS {run} FROM {}) ORDER BY {row}",
        items(chain, std::slice::from_ref(column), &[filled]),
        chain.numbered(),
    )
}

/// A mean makes doubles of whole numbers, which hold them to 2^53.
fn must_stand_beside_a_double(chain: &mut Chain<'_>, column: &Column) -> Result<(), Fault> {
    if !is_whole(&column.type_name) {
        return Ok(());
    }
    let cell = quoted(column);
    let is_beyond = format!("{cell} NOT BETWEEN -9007199254740992 AND 9007199254740992");
    let examples = chain.some_cells(&cell, &is_beyond)?;
    let Some(example) = examples.first() else { return Ok(()) };
    Err(Fault::new(
        Code::InvalidArguments,
        format!("`{}` holds numbers such as {example}, which would change beside a mean", column.name),
    )
    .hint("fill with `value`, or `cast` the column to DOUBLE first"))
}

pub(super) fn replace(
    chain: &mut Chain<'_>,
    columns: &[String],
    pair: Option<(&Value, &Value)>,
    values: &Map<String, Value>,
    mode: Mode,
) -> Result<String, Fault> {
    let chosen = chain.chosen(columns)?;
    let mut pairs: Vec<(Value, Value)> =
        values.iter().map(|(from, to)| (Value::String(from.clone()), to.clone())).collect();
    pairs.extend(pair.map(|(from, to)| (from.clone(), to.clone())));
    let mut written = Vec::new();
    for column in &chosen {
        written.push(match mode {
            Mode::Cell => cells(chain, column, &pairs)?,
            Mode::Part | Mode::Regex => parts(chain, column, &pairs, mode)?,
        });
    }
    Ok(format!("SELECT {} FROM {}", items(chain, &chosen, &written), chain.last()))
}

/// Whole cells. A new value that does not fit the column's type makes it a column of texts.
fn cells(chain: &mut Chain<'_>, column: &Column, pairs: &[(Value, Value)]) -> Result<String, Fault> {
    let name = quoted(column);
    let mut news = Vec::new();
    for (_, to) in pairs {
        news.push(fitting(chain, column, to)?);
    }
    let is_text = news.contains(&None);
    let mut cases = Vec::new();
    for ((from, to), new) in pairs.iter().zip(news) {
        let mut conditions = Vec::new();
        for old in from.as_array().map_or_else(|| vec![from], |olds| olds.iter().collect()) {
            conditions.push(match fitting(chain, column, old)? {
                Some(old) => format!("{name} = {old}"),
                None => format!("{} = {}", as_text(column), text_literal(&text_of(old)?)),
            });
        }
        let new = match new {
            Some(new) if !is_text => new,
            _ if to.is_null() => "NULL".to_owned(),
            _ => text_literal(&text_of(to)?),
        };
        if !conditions.is_empty() {
            cases.push(format!("WHEN {} THEN {new}", conditions.join(" OR ")));
        }
    }
    let rest = if is_text { as_text(column) } else { name };
    Ok(if cases.is_empty() { rest } else { format!("CASE {} ELSE {rest} END", cases.join(" ")) })
}

fn parts(chain: &mut Chain<'_>, column: &Column, pairs: &[(Value, Value)], mode: Mode) -> Result<String, Fault> {
    let mut sql = as_text(column);
    for (from, to) in pairs {
        let text = |value: &Value| match value {
            Value::String(text) => text_literal(text),
            Value::Null => "''".to_owned(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => text_literal(&value.to_string()),
        };
        sql = if mode == Mode::Regex {
            let pattern = text(from);
            // One that is malformed is to be told of here, not when the rows are written.
            chain.engine.rows(&format!("SELECT regexp_replace('', {pattern}, {})", text(to))).map_err(|fault| {
                let why = fault.message.lines().next().unwrap_or_default();
                let why = why.strip_prefix("Invalid Input Error: ").unwrap_or(why);
                Fault::new(Code::InvalidArguments, format!("{from} is no regular expression: {why}"))
                    .hint("the syntax is RE2's; `\\` before a sign takes it as it is")
            })?;
            format!("regexp_replace({sql}, {pattern}, {}, 'g')", text(to))
        } else {
            format!("replace({sql}, {}, {})", text(from), text(to))
        };
    }
    Ok(sql)
}

/// A value as a literal that a column's cells can be compared with and stand beside; none where it is of another kind.
fn fitting(chain: &mut Chain<'_>, column: &Column, value: &Value) -> Result<Option<String>, Fault> {
    let kind = &column.type_name;
    if value.is_null() {
        return Ok(Some("NULL".to_owned()));
    }
    let text = text_of(value)?;
    if kind == "VARCHAR" {
        return Ok(Some(text_literal(&text)));
    }
    if is_number(kind) {
        // As it is written: a cast to the column's type might round it.
        let is_number = text.parse::<serde_json::Number>().is_ok();
        return Ok(is_number.then_some(text));
    }
    let value = literal(value)?;
    let fits = chain.engine.rows(&format!("SELECT TRY_CAST({value} AS {kind}) IS NOT NULL"));
    let fits = fits.is_ok_and(|rows| rows.first().and_then(|row| row.first()) == Some(&Value::Bool(true)));
    Ok(fits.then(|| format!("CAST({value} AS {kind})")))
}

/// What a cell of text would hold.
fn text_of(value: &Value) -> Result<String, Fault> {
    if let Value::String(text) = value { Ok(text.clone()) } else { literal(value) }
}
