//! Steps that change, add, name and leave out columns.

use serde_json::Value;

use super::{
    chain::{Chain, ROW, list, literal, new_name, quoted, text_literal},
    step::{Case, Method, Mode, OnError, Step},
};
use crate::{
    fault::{Code, Fault},
    value::Column,
};

/// What `trim` takes away: Unicode's spaces, and the marks that are none to the eye.
const BLANKS: &str = " \t\n\r\u{b}\u{c}\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{200b}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";

#[expect(clippy::wildcard_enum_match_arm, reason = "the other steps are another file's")]
pub(super) fn select(chain: &mut Chain<'_>, step: &Step) -> Result<String, Fault> {
    let last = chain.last();
    let sql = match step {
        Step::Select { columns } => {
            let chosen = chain.chosen(columns)?;
            some(&chosen)?;
            format!("SELECT {} FROM {last}", list(&chosen))
        }
        Step::Drop { columns } => {
            let dropped = chain.chosen(columns)?;
            let left: Vec<Column> = chain.columns.iter().filter(|it| !dropped.contains(it)).cloned().collect();
            some(&left)?;
            format!("SELECT {} FROM {last}", list(&left))
        }
        Step::Rename { column, to, columns } => rename(chain, column, to, columns)?,
        Step::Cast { columns, to, on_error } => cast(chain, columns, to, *on_error)?,
        Step::Derive { column, expr } => {
            let reorders = chain.engine.expression(expr)?.reorders;
            let known = chain.find(column).cloned();
            let sql = format!("({expr}\n)");
            let mut items = chain.with(|it| (Some(it) == known.as_ref()).then(|| sql.clone()));
            if known.is_none() {
                items = format!("{items}, {sql} AS {}", new_name(column)?);
            }
            if reorders {
                format!("SELECT {items} FROM {} ORDER BY {ROW}", chain.numbered())
            } else {
                format!("SELECT {items} FROM {last}")
            }
        }
        Step::Fill { columns, value, method, by } => fill(chain, columns, value.as_ref(), *method, by)?,
        Step::Replace { columns, from, to, values, mode } => {
            let chosen = chain.chosen(columns)?;
            let mut pairs: Vec<(Value, Value)> =
                values.iter().map(|(from, to)| (Value::String(from.clone()), to.clone())).collect();
            if let (Some(from), Some(to)) = (from, to) {
                pairs.push((from.clone(), to.clone()));
            }
            let written: Vec<String> =
                chosen.iter().map(|column| replaced(column, &pairs, *mode)).collect::<Result<_, _>>()?;
            format!("SELECT {} FROM {last}", items(chain, &chosen, &written))
        }
        Step::Trim { columns, collapse, case, empty_to_null } => {
            let mut chosen = chain.chosen(columns)?;
            if columns.is_empty() {
                chosen = chain.columns.iter().filter(|column| column.type_name == "VARCHAR").cloned().collect();
            }
            let trimmed = |column: &Column| {
                let mut sql = format!("trim({}, {})", as_text(column), text_literal(BLANKS));
                if *collapse {
                    sql = format!("regexp_replace({sql}, '[\\s\\p{{Z}}]+', ' ', 'g')");
                }
                sql = match case {
                    Case::Keep => sql,
                    Case::Lower => format!("lower({sql})"),
                    Case::Upper => format!("upper({sql})"),
                    Case::Title => format!(
                        "array_to_string(list_transform(regexp_split_to_array({sql}, ' '), \
                         lambda w: concat(upper(w[1]), lower(w[2:]))), ' ')"
                    ),
                };
                if *empty_to_null { format!("nullif({sql}, '')") } else { sql }
            };
            let written: Vec<String> = chosen.iter().map(trimmed).collect();
            format!("SELECT {} FROM {last}", items(chain, &chosen, &written))
        }
        Step::Split { column, by, into, keep } => split(chain, column, by, into, *keep)?,
        Step::Merge { columns, by, to, keep } => merge(chain, columns, by, to, *keep)?,
        _ => return Err(Fault::internal("not a step about columns")),
    };
    Ok(sql)
}

fn some(columns: &[Column]) -> Result<(), Fault> {
    if !columns.is_empty() {
        return Ok(());
    }
    Err(Fault::new(Code::InvalidArguments, "no column would be left").hint("keep at least one"))
}

/// All columns, the chosen ones as `written`.
fn items(chain: &Chain<'_>, chosen: &[Column], written: &[String]) -> String {
    chain.with(|column| chosen.iter().zip(written).find(|(it, _)| *it == column).map(|(_, sql)| sql.clone()))
}

fn rename(
    chain: &Chain<'_>,
    column: &str,
    to: &str,
    columns: &serde_json::Map<String, Value>,
) -> Result<String, Fault> {
    let mut pairs = Vec::new();
    if !column.is_empty() {
        pairs.push((chain.column(column)?, new_name(to)?));
    }
    for (old, new) in columns {
        pairs.push((chain.column(old)?, new_name(new.as_str().unwrap_or_default())?));
    }
    let item = |column: &Column| match pairs.iter().find(|(old, _)| old == column) {
        Some((_, new)) => format!("{} AS {new}", quoted(column)),
        None => quoted(column),
    };
    let items: Vec<String> = chain.columns.iter().map(item).collect();
    Ok(format!("SELECT {} FROM {}", items.join(", "), chain.last()))
}

/// Types by the names that callers use; DuckDB's own stay as they are.
pub(super) fn type_name(name: &str) -> Result<String, Fault> {
    let upper = name.trim().to_uppercase();
    let known = match upper.as_str() {
        "TEXT" | "STRING" | "STR" => "VARCHAR",
        "INT" | "INTEGER" | "INT64" => "BIGINT",
        "NUMBER" | "FLOAT" | "FLOAT64" | "REAL" => "DOUBLE",
        "BOOL" => "BOOLEAN",
        "DATETIME" => "TIMESTAMP",
        "TIMESTAMPTZ" => "TIMESTAMP WITH TIME ZONE",
        _ => upper.as_str(),
    };
    let is_type = !known.is_empty() && known.chars().all(|c| c.is_ascii_alphanumeric() || "_(), []".contains(c));
    if !is_type {
        return Err(Fault::new(Code::InvalidArguments, format!("`{name}` is no type")).hint(
            "use BOOLEAN, BIGINT, DECIMAL(18,2), DOUBLE, DATE, TIME, TIMESTAMP, VARCHAR or another of DuckDB's types",
        ));
    }
    Ok(known.to_owned())
}

fn cast(chain: &mut Chain<'_>, columns: &[String], to: &str, on_error: OnError) -> Result<String, Fault> {
    let to = type_name(to)?;
    chain.engine.expression(&format!("CAST(NULL AS {to})")).map_err(|fault| {
        Fault::new(fault.code, format!("`{to}` is no type")).hint("such as BIGINT, DOUBLE, DATE or VARCHAR")
    })?;
    let chosen = chain.chosen(columns)?;
    let strict = on_error == OnError::Fail;
    let mut written = Vec::new();
    for column in &chosen {
        let name = quoted(column);
        // A blank cell holds no value: it becomes null rather than a failure.
        let is_text = column.type_name == "VARCHAR" && to != "VARCHAR";
        let cell = if is_text { format!("nullif(trim({name}), '')") } else { name };
        let lenient = format!("TRY_CAST({cell} AS {to})");
        chain.will_convert(column, &to, format!("{cell} IS NOT NULL AND {lenient} IS NULL"), strict);
        written.push(if strict && !chain.is_dry { format!("CAST({cell} AS {to})") } else { lenient });
    }
    Ok(format!("SELECT {} FROM {}", items(chain, &chosen, &written), chain.last()))
}

fn fill(
    chain: &Chain<'_>,
    columns: &[String],
    value: Option<&Value>,
    method: Option<Method>,
    by: &[String],
) -> Result<String, Fault> {
    let chosen = chain.chosen(columns)?;
    let groups = chain.chosen(by)?;
    let partition = if groups.is_empty() { String::new() } else { format!("PARTITION BY {} ", list(&groups)) };
    let written = |column: &Column| -> Result<String, Fault> {
        let name = quoted(column);
        let over = |call: &str| format!("coalesce({name}, {call}({name}) OVER ({partition}))");
        Ok(match method {
            None => format!("coalesce({name}, {})", literal(value.unwrap_or(&Value::Null))?),
            Some(Method::Forward) => format!(
                "coalesce({name}, last_value({name} IGNORE NULLS) OVER ({partition}ORDER BY {ROW} \
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))"
            ),
            Some(Method::Backward) => format!(
                "coalesce({name}, first_value({name} IGNORE NULLS) OVER ({partition}ORDER BY {ROW} \
                 ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING))"
            ),
            Some(Method::Mean) => over("avg"),
            Some(Method::Median) => over("median"),
            Some(Method::Mode) => over("mode"),
            Some(Method::Min) => over("min"),
            Some(Method::Max) => over("max"),
        })
    };
    let written: Vec<String> = chosen.iter().map(written).collect::<Result<_, _>>()?;
    let items = items(chain, &chosen, &written);
    Ok(match method {
        None => format!("SELECT {items} FROM {}", chain.last()),
        Some(_) => format!("SELECT {items} FROM {} ORDER BY {ROW}", chain.numbered()),
    })
}

fn replaced(column: &Column, pairs: &[(Value, Value)], mode: Mode) -> Result<String, Fault> {
    let name = quoted(column);
    if mode == Mode::Cell {
        let mut cases = Vec::new();
        for (from, to) in pairs {
            let olds: Vec<&Value> = from.as_array().map_or_else(|| vec![from], |items| items.iter().collect());
            let olds: Vec<String> = olds.into_iter().map(literal).collect::<Result<_, _>>()?;
            cases.push(format!("WHEN {name} IN ({}) THEN {}", olds.join(", "), literal(to)?));
        }
        return Ok(format!("CASE {} ELSE {name} END", cases.join(" ")));
    }
    let mut sql = as_text(column);
    for (from, to) in pairs {
        let text = |value: &Value| match value {
            Value::String(text) => text_literal(text),
            Value::Null => "''".to_owned(),
            Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => text_literal(&value.to_string()),
        };
        sql = match mode {
            Mode::Regex => format!("regexp_replace({sql}, {}, {}, 'g')", text(from), text(to)),
            Mode::Cell | Mode::Part => format!("replace({sql}, {}, {})", text(from), text(to)),
        };
    }
    Ok(sql)
}

fn split(chain: &Chain<'_>, column: &str, by: &str, into: &[String], keep: bool) -> Result<String, Fault> {
    let source = chain.column(column)?;
    let parts = format!("string_split({}, {})", as_text(&source), text_literal(by));
    let mut made = Vec::new();
    for (name, position) in into.iter().zip(1..) {
        let name = new_name(name)?;
        // The last one takes the rest: nothing is lost.
        made.push(if position == into.len() {
            let rest = format!("array_to_string({parts}[{position}:], {})", text_literal(by));
            format!("CASE WHEN len({parts}) >= {position} THEN {rest} END AS {name}")
        } else {
            format!("{parts}[{position}] AS {name}")
        });
    }
    Ok(in_place_of(chain, &[source], &made, keep))
}

fn merge(chain: &Chain<'_>, columns: &[String], by: &str, to: &str, keep: bool) -> Result<String, Fault> {
    let chosen = chain.chosen(columns)?;
    some(&chosen)?;
    let texts: Vec<String> = chosen.iter().map(as_text).collect();
    let texts = texts.join(", ");
    let made = format!(
        "CASE WHEN coalesce({texts}) IS NOT NULL THEN concat_ws({}, {texts}) END AS {}",
        text_literal(by),
        new_name(to)?
    );
    Ok(in_place_of(chain, &chosen, &[made], keep))
}

/// New columns where the first of the old ones is, or behind it if they are kept.
fn in_place_of(chain: &Chain<'_>, old: &[Column], made: &[String], keep: bool) -> String {
    let first = chain.columns.iter().position(|column| old.contains(column));
    let mut items = Vec::new();
    for (col_idx, column) in chain.columns.iter().enumerate() {
        if keep || !old.contains(column) {
            items.push(quoted(column));
        }
        if Some(col_idx) == first {
            items.extend_from_slice(made);
        }
    }
    format!("SELECT {} FROM {}", items.join(", "), chain.last())
}

fn as_text(column: &Column) -> String {
    let name = quoted(column);
    if column.type_name == "VARCHAR" { name } else { format!("CAST({name} AS VARCHAR)") }
}
