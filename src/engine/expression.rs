//! One expression of a user's, looked at alone, and made to follow the order of a table's rows.

use duckdb::Connection;
use serde_json::{Map, Value, json};

use super::{
    Engine,
    guard::{parsed, text},
};
use crate::fault::{Code, Fault};

/// An expression that stands alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    pub sql: String,
    /// Whether computing it may change the order of the rows: it has a window or a subquery.
    pub reorders: bool,
    /// Calls that go over a window.
    pub n_windows: usize,
    /// Whether `sql` names the column of row numbers.
    pub is_numbered: bool,
}

/// Aggregates whose answer follows the order of the rows, or picks among equals by it.
const POSITIONAL: &[&str] = &[
    "any_value",
    "arbitrary",
    "arg_max",
    "arg_max_null",
    "arg_max_nulls_last",
    "arg_min",
    "arg_min_null",
    "arg_min_nulls_last",
    "argmax",
    "argmin",
    "array_agg",
    "first",
    "group_concat",
    "json_group_array",
    "json_group_object",
    "last",
    "list",
    "listagg",
    "max_by",
    "min_by",
    "mode",
    "string_agg",
];

/// Functions that only go over a window, and follow the order of the rows too.
const POSITIONAL_WINDOWS: &[&str] = &["row_number", "lag", "lead", "ntile", "first_value", "last_value", "nth_value"];

/// Functions, some of them macros, that make several rows of one.
const MULTIPLYING: &[&str] = &["unnest", "generate_subscripts", "regexp_split_to_table"];

impl Engine {
    /// Checks that a text is one scalar expression and nothing beside it. Its names are not looked up.
    pub fn expression(&self, text: &str) -> Result<Expression, Fault> {
        look(&self.keeper, text).map(|(_, found)| found)
    }

    /// The same, with calls that depend on the order of the rows following `row`, the name of a column that counts them.
    pub fn ordered_expression(&self, text: &str, row: &str) -> Result<Expression, Fault> {
        let (mut tree, found) = look(&self.keeper, text)?;
        if !order(&mut tree, row) {
            return Ok(found);
        }
        let select: String = self
            .keeper
            .query_row("SELECT json_deserialize_sql(?::JSON)", [tree.to_string()], |row| row.get(0))
            .map_err(Fault::internal)?;
        let sql = select.strip_prefix("SELECT ").and_then(|rest| rest.strip_suffix(" FROM this"));
        let sql = sql.ok_or_else(|| Fault::internal("an expression that reads otherwise"))?.to_owned();
        Ok(Expression { sql, is_numbered: true, ..found })
    }
}

/// Put between parentheses it must be all that a SELECT selects, and change nothing around it. Answers that SELECT.
fn look(connection: &Connection, text: &str) -> Result<(Value, Expression), Fault> {
    let tree = parsed(connection, &format!("SELECT ({text}\n) FROM this"))?;
    if let Some(message) = tree.get("error_message").and_then(Value::as_str) {
        return Err(Fault::new(Code::InvalidSql, format!("`{text}` is no expression: {message}"))
            .hint("write one DuckDB expression, such as `price * 2`, or use the op `sql` for a whole SELECT"));
    }
    let Some(one) = only(&tree).filter(|one| !(has_star(one) || is_row(one) && is_list(connection, text))) else {
        return Err(Fault::new(Code::InvalidSql, format!("`{text}` is more than one expression"))
            .hint("write one DuckDB expression, such as `price * 2`, or use the op `sql` for a whole SELECT"));
    };
    if any(one, &|node| MULTIPLYING.contains(&function(node).as_str())) {
        return Err(Fault::new(Code::InvalidSql, format!("`{text}` makes several rows of one"))
            .hint("an expression gives one value per row; use the op `sql` for a SELECT that gives more"));
    }
    let mut n_windows = 0;
    count_windows(one, &mut n_windows);
    let reorders = n_windows > 0 || any_at_all(one, &|node| text_of(node, "class") == "SUBQUERY");
    let found = Expression { sql: text.to_owned(), reorders, n_windows, is_numbered: false };
    Ok((tree, found))
}

/// The one thing that the statement selects, if it does nothing else.
fn only(tree: &Value) -> Option<&Value> {
    let [statement] = tree.get("statements")?.as_array()?.as_slice() else { return None };
    let node = statement.get("node")?;
    let empty = |key: &str| node.get(key).is_none_or(|it| it.is_null() || it.as_array().is_some_and(Vec::is_empty));
    let keys = ["where_clause", "modifiers", "group_expressions", "having", "qualify", "sample"];
    let is_plain = text_of(node, "type") == "SELECT_NODE" && keys.iter().all(|key| empty(key));
    match node.get("select_list")?.as_array()?.as_slice() {
        [one] if is_plain => Some(one),
        _ => None,
    }
}

fn is_row(node: &Value) -> bool {
    function(node) == "row"
}

/// Whether a text that makes a row between parentheses is a list without them.
fn is_list(connection: &Connection, text: &str) -> bool {
    let tree = parsed(connection, &format!("SELECT {text}\n FROM this")).unwrap_or_default();
    let list = tree.pointer("/statements/0/node/select_list").and_then(Value::as_array);
    list.is_some_and(|list| list.len() > 1)
}

/// Whether it stands for several columns.
fn has_star(node: &Value) -> bool {
    any(node, &|node| text_of(node, "class") == "STAR")
}

/// Whether a part of it is so, leaving out subqueries: they have rows and columns of their own.
fn any(node: &Value, is_so: &dyn Fn(&Value) -> bool) -> bool {
    text_of(node, "class") != "SUBQUERY" && (is_so(node) || parts(node).any(|part| any(part, is_so)))
}

fn any_at_all(node: &Value, is_so: &dyn Fn(&Value) -> bool) -> bool {
    is_so(node) || parts(node).any(|part| any_at_all(part, is_so))
}

fn count_windows(node: &Value, n_windows: &mut usize) {
    if text_of(node, "class") == "WINDOW" {
        *n_windows += 1;
    }
    if text_of(node, "class") != "SUBQUERY" {
        parts(node).for_each(|part| count_windows(part, n_windows));
    }
}

fn parts(node: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match node {
        Value::Array(nodes) => Box::new(nodes.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Box::new(std::iter::empty()),
    }
}

fn text_of<'a>(node: &'a Value, key: &str) -> &'a str {
    node.as_object().map(|fields| text(fields, key)).unwrap_or_default()
}

fn function(node: &Value) -> String {
    text_of(node, "function_name").to_ascii_lowercase()
}

/// Adds the row number to what orders each positional call, of all parts. Answers whether there was one.
fn order(node: &mut Value, row: &str) -> bool {
    let name = function(node);
    match node {
        Value::Array(nodes) => nodes.iter_mut().filter_map(|node| order(node, row).then_some(())).count() > 0,
        Value::Object(fields) => {
            let class = text(fields, "class").to_owned();
            if class == "SUBQUERY" {
                return false;
            }
            let mut done = fields.values_mut().filter_map(|node| order(node, row).then_some(())).count() > 0;
            if class == "FUNCTION" && POSITIONAL.contains(&name.as_str()) {
                order_aggregate(fields, row);
                done = true;
            } else if class == "WINDOW" && [POSITIONAL, POSITIONAL_WINDOWS].iter().any(|it| it.contains(&name.as_str()))
            {
                order_window(fields, row);
                done = true;
            }
            done
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn order_aggregate(fields: &mut Map<String, Value>, row: &str) {
    // DuckDB orders distinct values by themselves only.
    let is_distinct = fields.get("distinct") == Some(&Value::Bool(true));
    let own = fields.get("children").and_then(|it| it.get(0)).cloned().filter(|_| is_distinct);
    let orders = fields.get_mut("order_bys").and_then(|it| it.get_mut("orders")).and_then(Value::as_array_mut);
    if let Some(orders) = orders.filter(|orders| orders.is_empty() || !is_distinct) {
        orders.push(ascending(&own.unwrap_or_else(|| column(row))));
    }
}

fn order_window(fields: &mut Map<String, Value>, row: &str) {
    let has_frame = !["row_number", "lag", "lead", "ntile"].contains(&text(fields, "function_name"));
    let Some(orders) = fields.get_mut("orders").and_then(Value::as_array_mut) else { return };
    let was_empty = orders.is_empty();
    orders.push(ascending(&column(row)));
    // Without an order of its own its frame is the whole partition, and stays so.
    if was_empty && has_frame && fields.get("end").and_then(Value::as_str) == Some("CURRENT_ROW_RANGE") {
        fields.insert("end".to_owned(), "UNBOUNDED_FOLLOWING".into());
    }
}

fn ascending(expression: &Value) -> Value {
    json!({"type": "ASCENDING", "null_order": "ORDER_DEFAULT", "expression": expression})
}

fn column(name: &str) -> Value {
    json!({"class": "COLUMN_REF", "type": "COLUMN_REF", "alias": "", "query_location": 0, "column_names": [name]})
}
