//! Steps that change, add, name and leave out columns.

use serde_json::Value;

use super::{
    cells,
    chain::{Chain, list, new_name, quoted, text_literal},
    numbers::whole,
    step::{Case, OnError},
};
use crate::{
    engine::types::is_whole,
    fault::{Code, Fault},
    value::Column,
};

/// What `trim` takes away: Unicode's spaces, and the marks that are none to the eye.
const BLANKS: &str = " \t\n\r\u{b}\u{c}\u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{200b}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}\u{feff}";

pub(super) fn select(chain: &Chain<'_>, columns: &[String]) -> Result<String, Fault> {
    let chosen = chain.chosen(columns)?;
    some(&chosen)?;
    Ok(format!("SELECT {} FROM {}", list(&chosen), chain.last()))
}

pub(super) fn drop(chain: &Chain<'_>, columns: &[String]) -> Result<String, Fault> {
    let dropped = chain.chosen(columns)?;
    let left: Vec<Column> = chain.columns.iter().filter(|it| !dropped.contains(it)).cloned().collect();
    some(&left)?;
    Ok(format!("SELECT {} FROM {}", list(&left), chain.last()))
}

pub(super) fn derive(chain: &mut Chain<'_>, column: &str, expr: &str) -> Result<String, Fault> {
    let found = chain.ordered(expr)?;
    let sql = format!("({}\n)", found.sql);
    let table = chain.table(found.reorders || found.is_numbered);
    // With a column beside it: alone, an aggregate would make one row of all.
    if let Some(first) = chain.columns.first() {
        let beside = chain.over(&format!("SELECT {}, {sql} FROM {table}", quoted(first)));
        chain.engine.columns(&beside).map_err(|fault| {
            if !fault.message.contains("GROUP BY") {
                return fault;
            }
            Fault::new(Code::InvalidSql, format!("`{expr}` is one value for many rows"))
                .hint("use the op `window` to have it beside each row, or `group`")
        })?;
    }
    let known = chain.find(column).cloned();
    let mut items = chain.with(|it| (Some(it) == known.as_ref()).then(|| sql.clone()));
    if known.is_none() {
        items = format!("{items}, {sql} AS {}", new_name(column)?);
    }
    let order = if found.reorders { format!(" ORDER BY {}", chain.row()) } else { String::new() };
    Ok(format!("SELECT {items} FROM {table}{order}"))
}

pub(super) fn trim(
    chain: &mut Chain<'_>,
    columns: &[String],
    collapse: bool,
    case: Case,
    empty_to_null: bool,
) -> Result<String, Fault> {
    let named = if columns.is_empty() { Vec::new() } else { chain.chosen(columns)? };
    let (mut chosen, others): (Vec<Column>, Vec<Column>) =
        named.into_iter().partition(|column| column.type_name == "VARCHAR");
    if columns.is_empty() {
        chosen = chain.columns.iter().filter(|column| column.type_name == "VARCHAR").cloned().collect();
    }
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().take(8).map(|column| column.name.as_str()).collect();
        chain.notes.push(format!("only text is trimmed: `{}` stay as they are", names.join("`, `")));
    }
    let trimmed = |column: &Column| {
        let mut sql = format!("trim({}, {})", quoted(column), text_literal(BLANKS));
        if collapse {
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
        if empty_to_null { format!("nullif({sql}, '')") } else { sql }
    };
    let written: Vec<String> = chosen.iter().map(trimmed).collect();
    Ok(format!("SELECT {} FROM {}", items(chain, &chosen, &written), chain.last()))
}

fn some(columns: &[Column]) -> Result<(), Fault> {
    if !columns.is_empty() {
        return Ok(());
    }
    Err(Fault::new(Code::InvalidArguments, "no column would be left").hint("keep at least one"))
}

/// All columns, the chosen ones as `written`.
pub(super) fn items(chain: &Chain<'_>, chosen: &[Column], written: &[String]) -> String {
    chain.with(|column| chosen.iter().zip(written).find(|(it, _)| *it == column).map(|(_, sql)| sql.clone()))
}

pub(super) fn rename(
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

pub(super) fn cast(chain: &mut Chain<'_>, columns: &[String], to: &str, on_error: OnError) -> Result<String, Fault> {
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
        let may_round = is_whole(&to) && !is_whole(&column.type_name) && column.type_name != "BOOLEAN";
        let lenient = if may_round { whole(&cell, &to) } else { format!("TRY_CAST({cell} AS {to})") };
        let fails = format!("{cell} IS NOT NULL AND {lenient} IS NULL");
        if may_round {
            // DuckDB would round where nothing fails.
            settle(chain, column, &to, fails, on_error)?;
            written.push(lenient);
            continue;
        }
        chain.will_convert(column, &to, fails, strict);
        written.push(if strict && !chain.is_dry { format!("CAST({cell} AS {to})") } else { lenient });
    }
    Ok(format!("SELECT {} FROM {}", items(chain, &chosen, &written), chain.last()))
}

pub(super) fn split(chain: &Chain<'_>, column: &str, by: &str, into: &[String], keep: bool) -> Result<String, Fault> {
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

pub(super) fn merge(chain: &Chain<'_>, columns: &[String], by: &str, to: &str, keep: bool) -> Result<String, Fault> {
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

pub(super) fn as_text(column: &Column) -> String {
    let name = quoted(column);
    if column.type_name == "VARCHAR" { name } else { format!("CAST({name} AS VARCHAR)") }
}

/// Ends the transform where cells fail and may not, and remembers the conversion.
pub(super) fn settle(
    chain: &mut Chain<'_>,
    column: &Column,
    to: &str,
    fails: String,
    on_error: OnError,
) -> Result<(), Fault> {
    let strict = on_error == OnError::Fail;
    if !strict || chain.is_dry {
        chain.will_convert(column, to, fails, strict);
        return Ok(());
    }
    let last = chain.last();
    let n_cells = chain.number(&format!("SELECT count(*) FROM {last} WHERE {fails}"))?;
    if n_cells == 0 {
        return Ok(());
    }
    let examples = chain.some_cells(&quoted(column), &fails)?;
    let examples: Vec<String> = examples.iter().map(|it| format!("`{it}`")).collect();
    Err(Fault::new(
        Code::InvalidArguments,
        format!("{} can't become {to}, such as {}", cells(n_cells, &column.name), examples.join(", ")),
    )
    .hint("mend them with a step before (`replace`, `derive` with round()), or add `\"on_error\": \"null\"` to make them null"))
}
