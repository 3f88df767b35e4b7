//! What a SELECT compares, joins and adds up, read from its syntax tree: for judging a query without running it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Engine, guard, query::opened};
use crate::{fault::Fault, name::SheetName, value::Column};

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
    /// Each SELECT in it that reads sheets.
    pub blocks: Vec<Block>,
}

/// One SELECT with what it reads directly.
#[derive(Debug, Default)]
pub struct Block {
    /// Sheets by the name that they have here, folded.
    pub tables: BTreeMap<String, SheetName>,
    pub filters: Vec<Filter>,
    /// Columns that are to be equal.
    pub equal: Vec<(ColumnRef, ColumnRef)>,
    /// Columns that joined tables share.
    pub using: Vec<String>,
    /// Columns that are added up or averaged.
    pub summed: Vec<ColumnRef>,
    /// Whether it has an aggregate that repeated rows change.
    pub counts: bool,
}

/// A column as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRef {
    /// Folded.
    pub table: Option<String>,
    pub column: String,
}

/// A column compared with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    pub column: ColumnRef,
    pub test: Test,
    pub literal: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    Equal,
    /// Under `lower` or `upper`.
    EqualFolded,
    Like,
    LikeFolded,
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
/// Aggregates that change when rows are repeated.
const COUNTING: &[&str] =
    &["sum", "avg", "mean", "count", "count_star", "fsum", "kahan_sum", "favg", "sum_no_overflow"];

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
        let tree = guard::parsed(&self.keeper, &allowed.sql)?;
        let mut outline = Outline { columns, sheets: allowed.sheets, ..Outline::default() };
        if let Some(node) = tree.pointer("/statements/0/node") {
            let modifiers = node.get("modifiers").and_then(Value::as_array);
            for modifier in modifiers.into_iter().flatten() {
                match text(modifier, "type") {
                    "LIMIT_MODIFIER" => outline.limit = modifier.pointer("/limit/value/value").and_then(Value::as_u64),
                    "ORDER_MODIFIER" => outline.is_ordered = true,
                    _ => {}
                }
            }
            outline.walk(node);
        }
        Ok(outline)
    }
}

impl Outline {
    fn walk(&mut self, node: &Value) {
        match node {
            Value::Array(nodes) => nodes.iter().for_each(|node| self.walk(node)),
            Value::Object(fields) => {
                self.is_volatile = self.is_volatile || is_volatile(fields);
                if text(node, "type") == "SELECT_NODE" {
                    let mut block = Block::default();
                    for (_, value) in fields.iter().filter(|(key, _)| *key != "cte_map") {
                        block.read(value, &self.sheets);
                    }
                    if !block.tables.is_empty() {
                        self.blocks.push(block);
                    }
                }
                fields.values().for_each(|value| self.walk(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

impl Block {
    /// Takes in what is of this SELECT itself; SELECTs inside are blocks of their own.
    fn read(&mut self, node: &Value, sheets: &BTreeSet<SheetName>) {
        let fields = match node {
            Value::Array(nodes) => return nodes.iter().for_each(|node| self.read(node, sheets)),
            Value::Object(fields) => fields,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
        };
        match (text(node, "class"), text(node, "type")) {
            (_, "SELECT_NODE" | "SET_OPERATION_NODE" | "RECURSIVE_CTE_NODE") => return,
            (_, "BASE_TABLE") => {
                let name = guard::folded(text(node, "table_name"));
                if let Some(sheet) = sheets.get(name.as_str()) {
                    let alias = guard::folded(text(node, "alias"));
                    self.tables.insert(if alias.is_empty() { name } else { alias }, sheet.clone());
                }
            }
            (_, "JOIN") => {
                let shared = fields.get("using_columns").and_then(Value::as_array).into_iter().flatten();
                self.using.extend(shared.filter_map(Value::as_str).map(str::to_owned));
            }
            ("COMPARISON", "COMPARE_EQUAL") => {
                let side = |key: &str| fields.get(key).unwrap_or(&Value::Null);
                self.compare(side("left"), side("right"));
            }
            ("OPERATOR", "COMPARE_IN") => {
                let mut parts = fields.get("children").and_then(Value::as_array).into_iter().flatten();
                if let Some(column) = parts.next() {
                    parts.for_each(|value| self.compare(column, value));
                }
            }
            ("FUNCTION", _) => self.function(node),
            _ => {}
        }
        fields.values().for_each(|value| self.read(value, sheets));
    }

    fn compare(&mut self, left: &Value, right: &Value) {
        if let (Some(left), Some(right)) = (column(left), column(right)) {
            self.equal.push((left, right));
        }
        for (column_side, literal_side) in [(left, right), (right, left)] {
            let Some(literal) = literal(literal_side) else { continue };
            let is_folded = matches!(text(column_side, "function_name"), "lower" | "upper" | "lcase" | "ucase");
            let inside = if is_folded { column_side.pointer("/children/0") } else { Some(column_side) };
            if let Some(column) = inside.and_then(column) {
                let test = if is_folded { Test::EqualFolded } else { Test::Equal };
                self.filters.push(Filter { column, test, literal });
            }
        }
    }

    fn function(&mut self, node: &Value) {
        let name = guard::folded(text(node, "function_name"));
        let child = |idx: usize| node.get("children").and_then(|it| it.get(idx)).unwrap_or(&Value::Null);
        let test = match name.as_str() {
            "~~" => Some(Test::Like),
            "~~*" => Some(Test::LikeFolded),
            _ => None,
        };
        if let (Some(test), Some(column), Some(literal)) = (test, column(child(0)), literal(child(1))) {
            self.filters.push(Filter { column, test, literal });
        }
        let is_distinct = node.get("distinct").and_then(Value::as_bool).unwrap_or_default();
        if COUNTING.contains(&name.as_str()) && !is_distinct {
            self.counts = true;
            if !name.starts_with("count") {
                columns(child(0), &mut self.summed);
            }
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

fn column(node: &Value) -> Option<ColumnRef> {
    if text(node, "class") != "COLUMN_REF" {
        return None;
    }
    let names: Vec<&str> = node.get("column_names")?.as_array()?.iter().filter_map(Value::as_str).collect();
    match names.as_slice() {
        [column] => Some(ColumnRef { table: None, column: (*column).to_owned() }),
        [table, column] => Some(ColumnRef { table: Some(guard::folded(table)), column: (*column).to_owned() }),
        _ => None,
    }
}

/// All columns that an expression names.
fn columns(node: &Value, found: &mut Vec<ColumnRef>) {
    match node {
        Value::Array(nodes) => nodes.iter().for_each(|node| columns(node, found)),
        Value::Object(fields) => match column(node) {
            Some(column) => found.push(column),
            None => fields.values().for_each(|value| columns(value, found)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn literal(node: &Value) -> Option<String> {
    let is_text = node.pointer("/value/type/id").and_then(Value::as_str) == Some("VARCHAR");
    let value = node.pointer("/value/value").and_then(Value::as_str).filter(|_| is_text)?;
    Some(value.to_owned())
}

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node.get(key).and_then(Value::as_str).unwrap_or_default()
}
