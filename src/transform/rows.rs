//! Steps that choose, order and add rows.

use super::{
    chain::{Chain, ROW, list, quoted},
    step::{Keep, Step},
};
use crate::{
    fault::{Code, Fault},
    name::SheetName,
    value::Column,
};

#[expect(clippy::wildcard_enum_match_arm, reason = "the other steps are another file's")]
pub(super) fn select(chain: &mut Chain<'_>, step: &Step) -> Result<String, Fault> {
    let (last, numbered, all) = (chain.last(), chain.numbered(), list(&chain.columns));
    Ok(match step {
        Step::Filter { expr } => {
            if chain.engine.expression(expr)?.reorders {
                format!("SELECT {all} FROM {numbered} WHERE ({expr}\n) ORDER BY {ROW}")
            } else {
                format!("SELECT {all} FROM {last} WHERE ({expr}\n)")
            }
        }
        Step::Dedupe { columns, keep } => {
            let chosen = chain.chosen(columns)?;
            if chosen.is_empty() {
                let which = if *keep == Keep::First { "min" } else { "max" };
                format!("SELECT {all} FROM {numbered} GROUP BY {all} ORDER BY {which}({ROW})")
            } else {
                let order = if *keep == Keep::First { "ASC" } else { "DESC" };
                let by = list(&chosen);
                format!(
                    "SELECT {all} FROM {numbered} \
                     QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY {ROW} {order}) = 1 ORDER BY {ROW}"
                )
            }
        }
        Step::Sort { by, descending } => {
            let order = order(chain, by, *descending)?;
            format!("SELECT {all} FROM {numbered} ORDER BY {order}, {ROW}")
        }
        Step::Limit { n, offset } => format!("SELECT * FROM {last} LIMIT {n} OFFSET {offset}"),
        Step::Sql { sql } => {
            let sql = sql.trim_end().trim_end_matches(';');
            // A CTE named `this` lets the SQL have its own beside it.
            let whole = format!("SELECT * FROM (WITH this AS (SELECT * FROM {last}) SELECT * FROM ({sql}\n))");
            standing_alone(chain, sql)?;
            whole
        }
        Step::Union { sheet } => {
            let mut parts = vec![format!("SELECT * FROM {last}")];
            for name in sheet {
                let other = other(chain, name)?;
                note_lone_columns(chain, name, &other);
                parts.push(format!("SELECT * FROM {}", SheetName::from_title(name).quoted()));
            }
            parts.join(" UNION ALL BY NAME ")
        }
        _ => return Err(Fault::internal("not a step about rows")),
    })
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
