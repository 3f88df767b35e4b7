//! Steps that choose, order and add rows.

use super::{
    chain::{Chain, list, quoted},
    step::Keep,
};
use crate::{
    fault::{Code, Fault},
    name::SheetName,
    value::Column,
};

pub(super) fn filter(chain: &mut Chain<'_>, expr: &str) -> Result<String, Fault> {
    let (all, row) = (list(&chain.columns), chain.row());
    let expression = chain.engine.expression(expr)?;
    let (table, order) = if expression.reorders {
        (chain.numbered(), format!(" ORDER BY {row}"))
    } else {
        (chain.last(), String::new())
    };
    Ok(format!("SELECT {all} FROM {table} WHERE ({expr}\n){order}"))
}

pub(super) fn dedupe(chain: &mut Chain<'_>, columns: &[String], keep: Keep) -> Result<String, Fault> {
    let (numbered, all, row) = (chain.numbered(), list(&chain.columns), chain.row());
    let chosen = chain.chosen(columns)?;
    let which = if keep == Keep::First { "min" } else { "max" };
    if chosen.is_empty() {
        return Ok(format!("SELECT {all} FROM {numbered} GROUP BY {all} ORDER BY {which}({row})"));
    }
    let by = list(&chosen);
    if chain.is_bare() {
        // A window would hold all rows; this reads them twice, which only a sheet itself is sure to answer alike.
        return Ok(format!(
            "SELECT {all} FROM {numbered} SEMI JOIN \
             (SELECT {which}({row}) AS {row} FROM {numbered} GROUP BY {by}) AS kept USING ({row}) ORDER BY {row}"
        ));
    }
    let order = if keep == Keep::First { "ASC" } else { "DESC" };
    Ok(format!(
        "SELECT {all} FROM {numbered} \
         QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY {row} {order}) = 1 ORDER BY {row}"
    ))
}

pub(super) fn sort(chain: &mut Chain<'_>, by: &[String], descending: bool) -> Result<String, Fault> {
    let order = order(chain, by, descending)?;
    Ok(format!("SELECT {} FROM {} ORDER BY {order}, {}", list(&chain.columns), chain.numbered(), chain.row()))
}

pub(super) fn limit(chain: &Chain<'_>, n: u64, offset: u64) -> String {
    format!("SELECT * FROM {} LIMIT {n} OFFSET {offset}", chain.last())
}

pub(super) fn sql(chain: &mut Chain<'_>, sql: &str) -> Result<String, Fault> {
    let sql = sql.trim_end().trim_end_matches(';');
    standing_alone(chain, sql)?;
    // A CTE named `this` lets the SQL have its own beside it.
    Ok(format!("SELECT * FROM (WITH this AS (SELECT * FROM {}) SELECT * FROM ({sql}\n))", chain.last()))
}

pub(super) fn union(chain: &mut Chain<'_>, sheets: &[String]) -> Result<String, Fault> {
    let mut parts = vec![format!("SELECT * FROM {}", chain.last())];
    for name in sheets {
        let other = other(chain, name)?;
        note_lone_columns(chain, name, &other);
        parts.push(format!("SELECT * FROM {}", SheetName::from_title(name).quoted()));
    }
    Ok(parts.join(" UNION ALL BY NAME "))
}

/// Fails when a text is not one SELECT by itself, with DuckDB's words for it.
fn standing_alone(chain: &mut Chain<'_>, sql: &str) -> Result<(), Fault> {
    // An expression that is a subquery: parsed between parentheses, looked up later.
    chain.engine.expression(&format!("EXISTS ({sql}\n)")).map(|_| ()).map_err(|fault| {
        let why = fault.message.rsplit("is no expression: ").next().unwrap_or_default();
        let why = if why == fault.message { "more than one statement" } else { why };
        Fault::new(Code::InvalidSql, format!("the SQL is no SELECT by itself: {why}"))
            .hint("write one SELECT over `this`, such as `select region, price from this`")
    })
}

/// An ORDER BY list of names, each perhaps with `-` before it or ` desc` after it. Nulls come last.
pub(super) fn order(chain: &Chain<'_>, by: &[String], descending: bool) -> Result<String, Fault> {
    if by.is_empty() {
        return Err(Fault::new(Code::InvalidArguments, "`by` is empty").hint("name the columns to sort by"));
    }
    let item = |name: &String| {
        let (name, down) = if chain.find(name).is_some() {
            (name.as_str(), false)
        } else if let Some(name) = name.strip_prefix('-') {
            (name, true)
        } else {
            match name.rsplit_once(' ') {
                Some((name, way)) if way.eq_ignore_ascii_case("desc") => (name, true),
                Some((name, way)) if way.eq_ignore_ascii_case("asc") => (name, false),
                _ => (name.as_str(), false),
            }
        };
        let way = if down || descending { "DESC" } else { "ASC" };
        Ok(format!("{} {way} NULLS LAST", quoted(&chain.column(name.trim())?)))
    };
    Ok(by.iter().map(item).collect::<Result<Vec<_>, Fault>>()?.join(", "))
}

/// The columns of another sheet.
pub(super) fn other(chain: &mut Chain<'_>, name: &str) -> Result<Vec<Column>, Fault> {
    // An unknown name is the guard's to refuse: it knows the nearest.
    let name = SheetName::try_from(name.to_owned())?;
    chain.engine.columns(&format!("SELECT * FROM {}", name.quoted()))
}

fn note_lone_columns(chain: &mut Chain<'_>, name: &str, other: &[Column]) {
    let missing = |of: &[Column], from: &[Column]| {
        let is_in = |column: &Column| from.iter().any(|it| it.name.eq_ignore_ascii_case(&column.name));
        of.iter().filter(|column| !is_in(column)).take(8).map(|it| format!("`{}`", it.name)).collect::<Vec<_>>()
    };
    let (here, there) = (missing(&chain.columns, other), missing(other, &chain.columns));
    if !here.is_empty() {
        chain.notes.push(format!("`{name}` has no {}: null in its rows", here.join(", ")));
    }
    if !there.is_empty() {
        chain.notes.push(format!("only `{name}` has {}: null in the other rows", there.join(", ")));
    }
}
