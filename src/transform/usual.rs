//! Forms of steps that callers know from other tools (pandas, polars, SQL builders), written as ours.

use serde_json::{Map, Value, json};

use crate::name::ColumnName;

/// Functions that may stand for a call over the column that they are given for, each with the call's parts.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("sum", "sum(", ")"),
    ("mean", "avg(", ")"),
    ("avg", "avg(", ")"),
    ("average", "avg(", ")"),
    ("min", "min(", ")"),
    ("max", "max(", ")"),
    ("median", "median(", ")"),
    ("mode", "mode(", ")"),
    ("count", "count(", ")"),
    ("nunique", "count(DISTINCT ", ")"),
    ("count_distinct", "count(DISTINCT ", ")"),
    ("std", "stddev_samp(", ")"),
    ("stddev", "stddev_samp(", ")"),
    ("var", "var_samp(", ")"),
    ("first", "first(", ")"),
    ("last", "last(", ")"),
];

/// Rewrites the fields of a step of this op. What is in no known form stays, for the parser to refuse.
pub(super) fn rewrite(op: &str, fields: &mut Map<String, Value>) {
    match op {
        "trim" if fields.get("columns").is_some_and(|it| *it == json!("*") || *it == json!(["*"])) => {
            fields.remove("columns");
        }
        "pivot" => {
            if let Some([value]) = fields.get("values").and_then(Value::as_array).map(Vec::as_slice) {
                let value = value.clone();
                fields.insert("values".to_owned(), value);
            }
        }
        "join" => join(fields),
        "group" => group(fields),
        _ => {}
    }
}

/// `left_on` and `right_on`, each a name or a list of them.
fn join(fields: &mut Map<String, Value>) {
    if fields.contains_key("on") {
        return;
    }
    let (Some(own), Some(others)) = (fields.get("left_on"), fields.get("right_on")) else { return };
    let list = |names: &Value| names.as_array().cloned().unwrap_or_else(|| vec![names.clone()]);
    let (own, others) = (list(own), list(others));
    let names: Option<Vec<String>> = own.iter().map(|name| name.as_str().map(str::to_owned)).collect();
    let Some(names) = names else { return };
    if names.len() == others.len() {
        let on: Map<String, Value> = names.into_iter().zip(others).collect();
        fields.retain(|key, _| key != "left_on" && key != "right_on");
        fields.insert("on".to_owned(), Value::Object(on));
    }
}

/// `{"sales": "sum"}`, `{"sales": ["sum", "mean"]}` and `[{"column": "sales", "function": "sum", "as": "total"}]`.
fn group(fields: &mut Map<String, Value>) {
    let key = if fields.contains_key("aggregate") { "aggregate" } else { "aggregates" };
    let found = match fields.get(key) {
        Some(Value::Object(aggregates)) => by_column(aggregates),
        Some(Value::Array(aggregates)) => aggregates.iter().map(by_object).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => None,
    };
    if let Some(found) = found {
        fields.insert(key.to_owned(), Value::Object(found));
    }
}

fn by_column(aggregates: &Map<String, Value>) -> Option<Map<String, Value>> {
    let mut found = Map::new();
    for (name, wanted) in aggregates {
        match wanted {
            Value::Array(functions) => {
                for function in functions {
                    let function = function.as_str()?;
                    found.insert(format!("{name}_{function}"), Value::String(call(function, name)?));
                }
            }
            Value::String(text) => {
                let call = call(text, name).unwrap_or_else(|| text.clone());
                found.insert(name.clone(), Value::String(call));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return None,
        }
    }
    Some(found)
}

fn by_object(aggregate: &Value) -> Option<(String, Value)> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| aggregate.get(key)?.as_str());
    let column = text(&["column", "field"])?;
    let function = text(&["function", "func", "agg", "aggregate", "op"])?;
    let name = text(&["as", "alias", "name", "to"]).map_or_else(|| format!("{column}_{function}"), str::to_owned);
    let sql = if column == "*" && function == "count" { "count(*)".to_owned() } else { call(function, column)? };
    Some((name, Value::String(sql)))
}

fn call(function: &str, column: &str) -> Option<String> {
    let (_, before, after) = FUNCTIONS.iter().find(|(name, ..)| name.eq_ignore_ascii_case(function))?;
    Some(format!("{before}{}{after}", ColumnName(column).quoted()))
}
