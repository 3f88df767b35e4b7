//! Conditions that compare one column with constants, each as a question to the sheet that the column is of.

use serde_json::{Value, json};

use super::{
    relation::{Relation, origins},
    tree::{columns, has_aggregate, has_query, list, literal, own, reference, text, written},
};
use crate::{engine::guard, name::SheetName, value::Column};

/// A condition on one column.
#[derive(Debug)]
pub struct Filter {
    /// The columns of sheets that it is on: several behind a set operation or a shared column.
    pub on: Vec<Held>,
    /// The text that the column is compared with, where it is one.
    pub literal: Option<String>,
}

/// A column that a condition is on.
#[derive(Debug)]
pub struct Held {
    pub sheet: SheetName,
    pub column: Column,
    /// As SQL over the sheet.
    pub condition: String,
}

/// Functions that compare a text with a pattern.
const MATCHING: &[&str] =
    &["~~", "~~*", "contains", "ends_with", "prefix", "regexp_full_match", "regexp_matches", "starts_with", "suffix"];

/// The conditions of a SELECT itself, but those under a NOT.
pub(super) fn of(connection: &duckdb::Connection, node: &Value, relations: &[Relation]) -> Vec<Filter> {
    let mut conditions: Vec<Value> = Vec::new();
    for (_, part) in node.as_object().into_iter().flatten().filter(|(key, _)| *key != "cte_map") {
        own(part, &mut |node| match (text(node, "class"), text(node, "type")) {
            (_, "OPERATOR_NOT" | "COMPARE_NOT_IN") => false,
            (
                "COMPARISON",
                "COMPARE_EQUAL"
                | "COMPARE_LESSTHAN"
                | "COMPARE_GREATERTHAN"
                | "COMPARE_LESSTHANOREQUALTO"
                | "COMPARE_GREATERTHANOREQUALTO",
            )
            | ("BETWEEN", _) => {
                conditions.push(node.clone());
                true
            }
            ("OPERATOR", "COMPARE_IN") => {
                if let [left, values @ ..] = list(node, "children") {
                    conditions.extend(values.iter().map(|right| {
                        json!({"class": "COMPARISON", "type": "COMPARE_EQUAL", "alias": "", "query_location": 0, "left": left, "right": right})
                    }));
                }
                true
            }
            ("FUNCTION", _) if MATCHING.contains(&guard::folded(text(node, "function_name")).as_str()) => {
                conditions.push(node.clone());
                true
            }
            _ => true,
        });
    }
    conditions.iter().filter_map(|it| filter(connection, it, relations)).collect()
}

fn filter(connection: &duckdb::Connection, condition: &Value, relations: &[Relation]) -> Option<Filter> {
    let named = columns(condition);
    let [column] = named.as_slice() else { return None };
    if has_query(condition) || has_aggregate(condition) {
        return None;
    }
    let mut literals = Vec::new();
    own(condition, &mut |node| {
        literals.extend(literal(node).map(str::to_owned));
        true
    });
    let on: Vec<Held> = origins(relations, column)
        .into_iter()
        .filter_map(|(sheet, column)| {
            let mut condition = condition.clone();
            rename(&mut condition, &column.name);
            let condition = expression(connection, &condition)?;
            Some(Held { sheet, column, condition })
        })
        .collect();
    let literal = if let [literal] = literals.as_slice() { Some(literal.clone()) } else { None };
    (!on.is_empty()).then_some(Filter { on, literal })
}

/// Gives the column of a condition the name that it has in the sheet.
fn rename(node: &mut Value, name: &str) {
    if text(node, "class") == "COLUMN_REF" {
        *node = reference(&[name], "");
        return;
    }
    match node {
        Value::Array(nodes) => nodes.iter_mut().for_each(|node| rename(node, name)),
        Value::Object(fields) => fields.values_mut().for_each(|value| rename(value, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// An expression as text.
fn expression(connection: &duckdb::Connection, expression: &Value) -> Option<String> {
    let query = json!({
        "type": "SELECT_NODE", "modifiers": [], "cte_map": {"map": []}, "select_list": [expression],
        "from_table": {"type": "EMPTY", "alias": "", "sample": null, "query_location": 0}, "where_clause": null,
        "group_expressions": [], "group_sets": [], "aggregate_handling": "STANDARD_HANDLING", "having": null,
        "sample": null, "qualify": null,
    });
    let statement = written(connection, &query)?;
    Some(statement.trim_end_matches(';').strip_prefix("SELECT ")?.to_owned())
}
