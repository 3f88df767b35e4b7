//! `join`: the rows of another sheet beside those that match.

use serde_json::Value;

use super::{
    chain::{Chain, ROW, name_beside, quoted},
    rows::other,
    step::How,
};
use crate::{
    fault::{Code, Fault},
    name::{ColumnName, SheetName, nearest},
    value::Column,
};

pub(super) fn join(
    chain: &mut Chain<'_>,
    sheet: &str,
    on: &Value,
    how: How,
    columns: &[String],
) -> Result<String, Fault> {
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
    let mut equal = Vec::new();
    for (own, key) in &keys {
        equal.push(equality(chain, sheet, own, key));
    }
    let join = match how {
        How::Left => "LEFT JOIN",
        How::Inner => "JOIN",
        How::Right => "RIGHT JOIN",
        How::Full => "FULL JOIN",
        How::Semi => "SEMI JOIN",
        How::Anti => "ANTI JOIN",
    };
    let both: Vec<Column> = chain.columns.iter().chain(&there).cloned().collect();
    let row = ColumnName(&name_beside(ROW, &both)).quoted();
    let order = if matches!(how, How::Semi | How::Anti) {
        format!("this.{row}")
    } else {
        format!("this.{row} NULLS LAST, other.{row}")
    };
    Ok(format!(
        "SELECT {} FROM (SELECT *, row_number() OVER () AS {row} FROM {}) AS this \
         {join} (SELECT *, row_number() OVER () AS {row} FROM {}) AS other ON {} ORDER BY {order}",
        items.join(", "),
        chain.last(),
        SheetName::from_title(sheet).quoted(),
        equal.join(" AND ")
    ))
}

/// A text and what is none are compared as texts: as numbers, `007` would be `7`, and `x` would end the step.
fn equality(chain: &mut Chain<'_>, sheet: &str, own: &Column, key: &Column) -> String {
    let (this, other) = (format!("this.{}", quoted(own)), format!("other.{}", quoted(key)));
    let is_text = |column: &Column| column.type_name == "VARCHAR";
    if is_text(own) == is_text(key) {
        return format!("{this} = {other}");
    }
    chain.notes.push(format!(
        "`{}` is {} and `{}` of `{sheet}` {}: compared as texts; `cast` one of them where that is not meant",
        own.name, own.type_name, key.name, key.type_name
    ));
    format!("CAST({this} AS VARCHAR) = CAST({other} AS VARCHAR)")
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
