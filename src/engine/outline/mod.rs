//! What a SELECT compares, joins and adds up, read from its syntax tree: for judging a query without running it.

mod filters;
mod relation;
mod repeats;
mod tree;

use std::collections::BTreeSet;

use duckdb::Connection;
use serde_json::{Map, Value};

use self::{
    relation::{Reader, Schemas, Scope},
    tree::{ctes, has_aggregate, is_query, list, text},
};
use super::{Engine, guard, query::opened};
use crate::{fault::Fault, name::SheetName, value::Column};

pub use self::{
    filters::{Filter, Held},
    repeats::{Joined, Part, Sum},
};

/// A checked SELECT, as far as judging it needs.
#[derive(Debug, Default)]
pub struct Outline {
    /// Of its result.
    pub columns: Vec<Column>,
    pub sheets: BTreeSet<SheetName>,
    /// Whether its rows depend on the time or on chance.
    pub is_volatile: bool,
    /// Of the outermost SELECT, where it is a number.
    pub limit: Option<u64>,
    pub is_ordered: bool,
    /// Whether the outermost SELECT gives one row for all that it reads.
    pub is_total: bool,
    /// Of all SELECTs in it, as `joined` is.
    pub filters: Vec<Filter>,
    pub joined: Vec<Joined>,
}

/// Functions, and names without parentheses, whose value differs from call to call.
const VOLATILE: &[&str] = &[
    "age",
    "current_date",
    "current_localtime",
    "current_localtimestamp",
    "current_time",
    "current_timestamp",
    "gen_random_uuid",
    "get_current_time",
    "get_current_timestamp",
    "localtime",
    "localtimestamp",
    "now",
    "random",
    "reservoir_quantile",
    "setseed",
    "today",
    "transaction_timestamp",
    "uuid",
    "uuidv4",
    "uuidv7",
];
impl Engine {
    /// Checks and binds a user's SQL, and reads its outline. Nothing runs. An explanation of a SELECT has none.
    pub fn outline(&mut self, sql: &str) -> Result<Outline, Fault> {
        let allowed = guard::check(&self.keeper, sql, &self.manifest)?;
        if allowed.sql.starts_with("EXPLAIN ") {
            return Ok(Outline { is_volatile: true, ..Outline::default() });
        }
        for sheet in &allowed.sheets {
            self.view(sheet)?;
        }
        let columns = {
            let connection = self.connection()?;
            let (_, columns) = opened(&connection, &format!("SELECT * FROM ({}\n) LIMIT 0", allowed.sql))?;
            columns
        };
        let mut schemas = Schemas::new();
        for sheet in &allowed.sheets {
            let columns = self.columns(&format!("SELECT * FROM {}", sheet.quoted()))?;
            schemas.insert(sheet.clone(), columns);
        }
        let tree = guard::parsed(&self.keeper, &allowed.sql)?;
        let mut outline = Outline { columns, sheets: allowed.sheets, ..Outline::default() };
        if let Some(node) = tree.pointer("/statements/0/node") {
            for modifier in list(node, "modifiers") {
                match text(modifier, "type") {
                    "LIMIT_MODIFIER" => outline.limit = modifier.pointer("/limit/value/value").and_then(Value::as_u64),
                    "ORDER_MODIFIER" => outline.is_ordered = true,
                    _ => {}
                }
            }
            outline.is_total = list(node, "group_expressions").is_empty()
                && text(node, "aggregate_handling") == "STANDARD_HANDLING"
                && list(node, "select_list").iter().any(has_aggregate);
            let connection = self.connection()?;
            let walk = Walk { connection: &connection, reader: Reader::new(&schemas) };
            walk.node(node, &Scope { outer: None, defined: &[] }, &mut outline);
        }
        Ok(outline)
    }
}

struct Walk<'a> {
    connection: &'a Connection,
    reader: Reader<'a>,
}

impl Walk<'_> {
    fn node(&self, node: &Value, scope: &Scope<'_>, outline: &mut Outline) {
        match node {
            Value::Array(nodes) => nodes.iter().for_each(|node| self.node(node, scope, outline)),
            Value::Object(fields) => {
                outline.is_volatile = outline.is_volatile || is_volatile(fields);
                if is_query(node) {
                    self.query(node, fields, scope, outline);
                } else {
                    fields.values().for_each(|value| self.node(value, scope, outline));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn query(&self, node: &Value, fields: &Map<String, Value>, scope: &Scope<'_>, outline: &mut Outline) {
        let defined = ctes(node);
        for (idx, cte) in defined.iter().enumerate() {
            // A CTE sees those before it; the name that it has itself is a sheet's inside.
            let before = Scope { outer: Some(scope), defined: defined.get(..idx).unwrap_or_default() };
            self.node(cte.get("value").unwrap_or(&Value::Null), &before, outline);
        }
        let scope = Scope { outer: Some(scope), defined };
        if text(node, "type") == "SELECT_NODE" {
            let mut relations = Vec::new();
            let from = node.get("from_table").unwrap_or(&Value::Null);
            self.reader.read(from, &scope, 0, &mut 0, &mut relations);
            outline.filters.extend(filters::of(self.connection, node, &relations));
            outline.joined.extend(Joined::of(self.connection, &self.reader, node, &scope, &relations));
        }
        for (_, value) in fields.iter().filter(|(key, _)| *key != "cte_map") {
            self.node(value, &scope, outline);
        }
    }
}

fn is_volatile(fields: &Map<String, Value>) -> bool {
    if fields.get("sample").is_some_and(|it| !it.is_null()) {
        return true;
    }
    let function = fields.get("function_name").and_then(Value::as_str);
    let names = fields.get("column_names").and_then(Value::as_array).map(Vec::as_slice);
    // `current_date` and its like are column references in the tree.
    let alone = if let Some([name]) = names { name.as_str() } else { None };
    function.into_iter().chain(alone).any(|name| VOLATILE.contains(&guard::folded(name).as_str()))
}
