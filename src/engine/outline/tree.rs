//! Reading and building DuckDB's syntax trees.

use duckdb::Connection;
use serde_json::{Value, json};

use crate::engine::guard;

/// A column as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColumnRef {
    /// Folded.
    pub(super) table: Option<String>,
    pub(super) column: String,
}

pub(super) fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list<'a>(node: &'a Value, key: &str) -> &'a [Value] {
    node.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The CTEs that a query defines itself.
pub(super) fn ctes(query: &Value) -> &[Value] {
    query.pointer("/cte_map/map").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn is_query(node: &Value) -> bool {
    matches!(text(node, "type"), "SELECT_NODE" | "SET_OPERATION_NODE" | "RECURSIVE_CTE_NODE")
}

/// Shows `look` all nodes that are of this query itself, until it answers false for one: what is inside that, and
/// queries inside, are left out.
pub(super) fn own<'a>(node: &'a Value, look: &mut dyn FnMut(&'a Value) -> bool) {
    match node {
        Value::Array(nodes) => nodes.iter().for_each(|node| own(node, look)),
        Value::Object(fields) => {
            if !is_query(node) && look(node) {
                fields.values().for_each(|value| own(value, look));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(super) fn column(node: &Value) -> Option<ColumnRef> {
    if text(node, "class") != "COLUMN_REF" {
        return None;
    }
    let names: Vec<&str> = list(node, "column_names").iter().filter_map(Value::as_str).collect();
    match names.as_slice() {
        [column] => Some(ColumnRef { table: None, column: (*column).to_owned() }),
        [.., table, column] => Some(ColumnRef { table: Some(guard::folded(table)), column: (*column).to_owned() }),
        [] => None,
    }
}

/// All columns that an expression names, those of queries inside left out.
pub(super) fn columns(node: &Value) -> Vec<ColumnRef> {
    let mut found = Vec::new();
    own(node, &mut |node| match column(node) {
        Some(column) => {
            found.push(column);
            false
        }
        None => true,
    });
    found
}

pub(super) fn has_query(node: &Value) -> bool {
    let mut found = false;
    own(node, &mut |node| {
        found = found || text(node, "class") == "SUBQUERY";
        !found
    });
    found
}

pub(super) fn is_aggregate(node: &Value) -> bool {
    text(node, "class") == "FUNCTION" && AGGREGATES.contains(&guard::folded(text(node, "function_name")).as_str())
}

pub(super) fn has_aggregate(node: &Value) -> bool {
    let mut found = false;
    own(node, &mut |node| {
        found = found || is_aggregate(node);
        !found
    });
    found
}

/// A constant text.
pub(super) fn literal(node: &Value) -> Option<&str> {
    let is_text = node.pointer("/value/type/id").and_then(Value::as_str) == Some("VARCHAR");
    node.pointer("/value/value").and_then(Value::as_str).filter(|_| is_text)
}

/// A reference to a column, with a name of its own.
pub(super) fn reference(names: &[&str], alias: &str) -> Value {
    json!({"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": alias, "query_location": 0, "column_names": names})
}

/// A query as the text of a statement; none where DuckDB can't write it.
pub(super) fn written(connection: &Connection, query: &Value) -> Option<String> {
    let tree = json!({"error": false, "statements": [{"node": query, "named_param_map": []}]}).to_string();
    connection.query_row("SELECT json_deserialize_sql(?::JSON)", [tree], |row| row.get(0)).ok()
}

/// Aggregates, which make one row of many.
const AGGREGATES: &[&str] = &[
    "any_value",
    "approx_count_distinct",
    "approx_quantile",
    "arbitrary",
    "arg_max",
    "arg_min",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "count_if",
    "count_star",
    "countif",
    "covar_pop",
    "covar_samp",
    "entropy",
    "favg",
    "first",
    "fsum",
    "geomean",
    "geometric_mean",
    "group_concat",
    "histogram",
    "kahan_sum",
    "kurtosis",
    "last",
    "list",
    "listagg",
    "mad",
    "max",
    "max_by",
    "mean",
    "median",
    "min",
    "min_by",
    "mode",
    "product",
    "quantile",
    "quantile_cont",
    "quantile_disc",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "sem",
    "skewness",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "sum_no_overflow",
    "var_pop",
    "var_samp",
    "variance",
];
