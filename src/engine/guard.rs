//! Lets through one SELECT over the workspace's sheets, and nothing else, by asking DuckDB's own parser.
//!
//! `json_serialize_sql` answers the syntax tree, for SELECT statements only. The tree is walked, and what is not known
//! is refused: every table must be a sheet or a CTE in scope, every function on the reviewed lists beside this file,
//! every kind of node on the lists below.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::PathBuf,
    sync::LazyLock,
};

use duckdb::Connection;
use serde_json::{Map, Value};

use super::too_deep;
use crate::{
    fault::{Code, Fault},
    name::{SheetName, nearest},
};

/// A statement that may run, and the sheets it reads.
#[derive(Debug)]
pub(super) struct Allowed {
    pub(super) sql: String,
    pub(super) sheets: BTreeSet<SheetName>,
    /// Whether it is an `EXPLAIN`.
    pub(super) is_plan: bool,
}

/// Checks `sql` against the names of the workspace's `sheets`. `connection` parses only; nothing runs.
///
/// `EXPLAIN` before the SELECT is let through (the tree of what it explains is checked).
pub(super) fn check(
    connection: &Connection,
    sql: &str,
    sheets: &BTreeMap<SheetName, PathBuf>,
) -> Result<Allowed, Fault> {
    if sql.contains('\0') {
        return Err(Fault::new(Code::InvalidSql, "there is a NUL character in `sql`").hint("write it as chr(0)"));
    }
    let (explain, select) = split_explain(sql);
    let tree = parsed(connection, select)?;
    let statements = match tree.get("statements").and_then(Value::as_array) {
        Some(statements) if tree.get("error") == Some(&Value::Bool(false)) => statements,
        _ => return Err(not_a_select(&tree)),
    };
    if statements.is_empty() {
        return Err(Fault::new(Code::InvalidSql, "there is no statement in `sql`").hint("send one SELECT"));
    }
    let [statement] = statements.as_slice() else {
        return Err(Fault::new(Code::SqlRefused, format!("{} statements in one `sql`", statements.len()))
            .hint("send one SELECT per call"));
    };
    let mut walk = Walk { known: sheets, used: BTreeSet::new() };
    walk.node(statement, &Scope::default())?;
    let sql = without_tail(connection, select, statement);
    Ok(Allowed { sql: format!("{explain}{sql}"), sheets: walk.used, is_plan: !explain.is_empty() })
}

/// DuckDB's own syntax tree of the text.
pub(super) fn parsed(connection: &Connection, sql: &str) -> Result<Value, Fault> {
    let tree = serialized(connection, sql).map_err(|error| Fault::new(Code::InvalidSql, error.to_string()))?;
    read_tree(&tree)
}

/// The syntax tree as DuckDB writes it. Its own statement is planned once per connection.
fn serialized(connection: &Connection, sql: &str) -> duckdb::Result<String> {
    connection.prepare_cached("SELECT json_serialize_sql(?::VARCHAR)")?.query_row([sql], |row| row.get(0))
}

/// The statement without the semicolon that ends it and what is behind, so that it can stand in parentheses.
///
/// Where a semicolon is one, only the parser can tell: it is the first one before which the same tree stands.
fn without_tail<'a>(connection: &Connection, select: &'a str, statement: &Value) -> &'a str {
    let is_same = |head: &str| {
        let tree: Option<Value> = serialized(connection, head).ok().and_then(|tree| read_tree(&tree).ok());
        tree.and_then(|tree| tree.pointer("/statements/0").map(|it| it == statement)).unwrap_or(false)
    };
    let select = select.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    let heads = select.match_indices(';').filter_map(|(at, _)| select.get(..at));
    heads.take(MAX_SEMICOLONS).find(|head| is_same(head)).unwrap_or(select)
}

/// Semicolons, in texts and comments too, that are looked at.
const MAX_SEMICOLONS: usize = 20;

/// Splits `EXPLAIN [ANALYZE]` from the statement that it explains.
fn split_explain(sql: &str) -> (&'static str, &str) {
    let Some(rest) = strip_word(sql, "explain") else { return ("", sql) };
    match strip_word(rest, "analyze") {
        Some(rest) => ("EXPLAIN ANALYZE ", rest),
        None => ("EXPLAIN ", rest),
    }
}

fn strip_word<'a>(sql: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = sql.trim_start().split_at_checked(word.len())?;
    (head.eq_ignore_ascii_case(word) && rest.starts_with(char::is_whitespace)).then_some(rest)
}

fn not_a_select(tree: &Value) -> Fault {
    let message = tree.get("error_message").and_then(Value::as_str).unwrap_or("the SQL can't be parsed");
    if tree.get("error_type").and_then(Value::as_str) == Some("not implemented") {
        return Fault::new(Code::SqlRefused, "only SELECT may run here").hint(
            "sheets are read with one SELECT (or FROM, WITH, VALUES, DESCRIBE, SUMMARIZE); nothing is changed by SQL; \
             write a PIVOT with its values: `from t pivot (sum(x) for y in ('a', 'b'))`",
        );
    }
    too_deep(message).unwrap_or_else(|| Fault::new(Code::InvalidSql, message).hint("the dialect is DuckDB's"))
}

/// Trees are as deep as DuckDB lets expressions be, which is deeper than `serde_json`'s own limit; `worker::child` runs
/// tasks on a stack that holds them.
fn read_tree(tree: &str) -> Result<Value, Fault> {
    let mut reader = serde_json::Deserializer::from_str(tree);
    reader.disable_recursion_limit();
    // A literal beyond a double's range is the one thing that DuckDB writes and JSON has not.
    serde::Deserialize::deserialize(&mut reader)
        .map_err(|_| Fault::new(Code::InvalidSql, "a number in the SQL is out of range").hint("doubles end at 1.8e308"))
}

/// Names of the CTEs that a part of the tree can see, folded.
#[derive(Default)]
struct Scope<'a> {
    outer: Option<&'a Scope<'a>>,
    names: HashSet<String>,
}

impl Scope<'_> {
    fn sees(&self, name: &str) -> bool {
        self.names.contains(name) || self.outer.is_some_and(|outer| outer.sees(name))
    }
}

struct Walk<'a> {
    known: &'a BTreeMap<SheetName, PathBuf>,
    used: BTreeSet<SheetName>,
}

impl Walk<'_> {
    fn node(&mut self, node: &Value, scope: &Scope<'_>) -> Result<(), Fault> {
        match node {
            Value::Array(nodes) => nodes.iter().try_for_each(|node| self.node(node, scope)),
            Value::Object(fields) => self.object(fields, scope),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn object(&mut self, fields: &Map<String, Value>, scope: &Scope<'_>) -> Result<(), Fault> {
        let class = text(fields, "class");
        let kind = text(fields, "type");
        if class == "PARAMETER" {
            return Err(Fault::new(Code::InvalidSql, "parameters such as `?` or `$1` have no values here")
                .hint("write the values into the SQL"));
        }
        if !kind.is_empty() && !is_known(class, kind) {
            return Err(refused(format!("`{}` is not allowed in a query", kind.to_lowercase())));
        }
        match kind {
            "BASE_TABLE" => self.table(fields, scope)?,
            "SHOW_REF" if fields.get("query").is_none_or(Value::is_null) => {
                return Err(refused("SHOW is not allowed in a query".to_owned())
                    .hint("call `list_sheets` for the sheets, `describe_sheet` for one of them"));
            }
            "TABLE_FUNCTION" => return self.table_function(fields, scope),
            _ => {}
        }
        if fields.contains_key("function_name") {
            check_function(fields, &FUNCTIONS, "function")?;
        }
        self.body(fields, scope)
    }

    /// Walks the fields with the node's own CTEs in scope.
    fn body(&mut self, fields: &Map<String, Value>, scope: &Scope<'_>) -> Result<(), Fault> {
        let inner = self.ctes(fields, scope)?;
        fields.iter().filter(|(key, _)| *key != "cte_map").try_for_each(|(_, value)| self.node(value, &inner))
    }

    /// Walks a node's own CTEs, each visible to those after it; answers the scope with them all.
    fn ctes<'s>(&mut self, fields: &Map<String, Value>, scope: &'s Scope<'s>) -> Result<Scope<'s>, Fault> {
        let mut inner = Scope { outer: Some(scope), names: HashSet::new() };
        let ctes = fields.get("cte_map").and_then(|it| it.get("map")).and_then(Value::as_array);
        for cte in ctes.into_iter().flatten() {
            let name = folded(cte.get("key").and_then(Value::as_str).unwrap_or_default());
            let value = cte.get("value").unwrap_or(&Value::Null);
            let query = value.get("query").and_then(|it| it.get("node")).and_then(Value::as_object);
            match query {
                Some(query) if text(query, "type") == "RECURSIVE_CTE_NODE" => {
                    self.recursive(query, &name, &inner)?;
                }
                _ => self.node(value, &inner)?,
            }
            inner.names.insert(name);
        }
        Ok(inner)
    }

    /// Only the right side of a recursive CTE sees the CTE itself; on its left the name would be a table, or a file.
    fn recursive(&mut self, query: &Map<String, Value>, name: &str, scope: &Scope<'_>) -> Result<(), Fault> {
        let inner = self.ctes(query, scope)?;
        let itself = Scope { outer: Some(&inner), names: HashSet::from([name.to_owned()]) };
        let mut parts = query.iter().filter(|(key, _)| *key != "cte_map");
        parts.try_for_each(|(key, value)| self.node(value, if key == "right" { &itself } else { &inner }))
    }

    fn table(&mut self, fields: &Map<String, Value>, scope: &Scope<'_>) -> Result<(), Fault> {
        let name = text(fields, "table_name");
        let schema = text(fields, "schema_name");
        let in_catalog = text(fields, "catalog_name").is_empty();
        let lower = folded(name);
        if in_catalog && schema.is_empty() && scope.sees(&lower) {
            // Were we and DuckDB ever to disagree about what a name stands for, it must not be a file's.
            if name.contains(['/', '\\', ':', '*', '?', '[', '.']) {
                return Err(refused(format!("`{name}` can't name a part of a query")).hint("use a plain word"));
            }
            return Ok(());
        }
        // Sheets are views of the schema `main`.
        if in_catalog
            && (schema.is_empty() || schema.eq_ignore_ascii_case("main"))
            && let Some((sheet, _)) = self.known.get_key_value(lower.as_str())
        {
            self.used.insert(sheet.clone());
            return Ok(());
        }
        let shown = if schema.is_empty() { name.to_owned() } else { format!("{schema}.{name}") };
        let fault = Fault::new(Code::SheetNotFound, format!("no sheet is named `{shown}`"));
        let near = nearest(name, self.known.keys().map(SheetName::as_str));
        Err(if name.contains(['/', '\\', ':', '*']) {
            fault.hint("files are read with `import_file`; then query the sheet by its name")
        } else if let Some(near) = near.first() {
            fault.hint(format!("did you mean `{near}`? `list_sheets` has all the names"))
        } else {
            fault.hint("call `list_sheets` for the names, or `import_file` to add a file; SQL reads sheets only")
        })
    }

    fn table_function(&mut self, fields: &Map<String, Value>, scope: &Scope<'_>) -> Result<(), Fault> {
        let Some(function) = fields.get("function").and_then(Value::as_object) else {
            return Err(refused("this table function is not allowed".to_owned()));
        };
        check_function(function, &TABLE_FUNCTIONS, "table function")?;
        self.body(function, scope)?;
        fields.iter().filter(|(key, _)| *key != "function").try_for_each(|(_, value)| self.node(value, scope))
    }
}

fn check_function(fields: &Map<String, Value>, list: &HashSet<String>, what: &str) -> Result<(), Fault> {
    let name = folded(text(fields, "function_name"));
    let plain = matches!(text(fields, "schema"), "" | "main") && matches!(text(fields, "catalog"), "" | "system");
    if plain && list.contains(name.as_str()) {
        return Ok(());
    }
    let fault = refused(format!("the {what} `{name}` is not allowed"));
    Err(match nearest(&name, list.iter().map(String::as_str)).first() {
        _ if name.starts_with("read_") || name.contains("scan") || name == "glob" => {
            fault.hint("files are read with `import_file`; then query the sheet by its name")
        }
        _ if name.starts_with("duckdb_") || name.starts_with("pragma_") => {
            fault.hint("call `list_sheets` and `describe_sheet` to see what there is")
        }
        _ if REFUSED.contains(name.as_str()) => fault.hint("SQL reads sheets, and nothing of this server or machine"),
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    })
}

/// As DuckDB compares identifiers: it folds the case of ASCII letters and of no others.
pub(super) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn refused(message: String) -> Fault {
    Fault::new(Code::SqlRefused, message)
}

pub(super) fn text<'a>(fields: &'a Map<String, Value>, key: &str) -> &'a str {
    fields.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_known(class: &str, kind: &str) -> bool {
    if class.is_empty() { NODES.contains(&kind) } else { CLASSES.contains(&class) && !kind.starts_with("BOUND") }
}

/// Classes of expressions.
const CLASSES: &[&str] = &[
    "BETWEEN",
    "CASE",
    "CAST",
    "COLLATE",
    "COLUMN_REF",
    "COMPARISON",
    "CONJUNCTION",
    "CONSTANT",
    "DEFAULT",
    "FUNCTION",
    "LAMBDA",
    "LAMBDA_REF",
    "OPERATOR",
    "POSITIONAL_REFERENCE",
    "STAR",
    "SUBQUERY",
    "TYPE",
    "WINDOW",
];

/// Query nodes, tables, modifiers, orders and type descriptions.
const NODES: &[&str] = &[
    "SELECT_NODE",
    "SET_OPERATION_NODE",
    "RECURSIVE_CTE_NODE",
    "BASE_TABLE",
    "EMPTY",
    "EXPRESSION_LIST",
    "JOIN",
    "PIVOT",
    "SHOW_REF",
    "SUBQUERY",
    "TABLE_FUNCTION",
    "DISTINCT_MODIFIER",
    "LIMIT_MODIFIER",
    "LIMIT_PERCENT_MODIFIER",
    "ORDER_MODIFIER",
    "ORDER_DEFAULT",
    "ASCENDING",
    "DESCENDING",
    "ARRAY_TYPE_INFO",
    "DECIMAL_TYPE_INFO",
    "GENERIC_TYPE_INFO",
    "LIST_TYPE_INFO",
    "STRING_TYPE_INFO",
    "STRUCT_TYPE_INFO",
    "UNBOUND_TYPE_INFO",
];

static FUNCTIONS: LazyLock<HashSet<String>> = LazyLock::new(|| list(include_str!("functions.txt")));
static TABLE_FUNCTIONS: LazyLock<HashSet<String>> = LazyLock::new(|| list(include_str!("table_functions.txt")));
/// Functions that there are, and that look at more than sheets or change something.
static REFUSED: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut refused = list(include_str!("refused_functions.txt"));
    refused.extend(list(include_str!("refused_table_functions.txt")));
    refused
});

fn list(text: &str) -> HashSet<String> {
    text.lines().filter(|line| !line.starts_with("# ")).map(folded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Budget, open_locked};

    fn duckdb() -> Connection {
        open_locked(&Budget { memory_bytes: 1 << 28, threads: 1 }, &[], None).unwrap()
    }

    fn texts(connection: &Connection, sql: &str) -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    fn of_kinds(connection: &Connection, kinds: &str) -> HashSet<String> {
        let sql =
            format!("SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE function_type IN ({kinds})");
        texts(connection, &sql).into_iter().collect()
    }

    #[test]
    fn every_function_of_this_duckdb_was_looked_at() {
        let connection = duckdb();
        for (kinds, allowed, refused, file) in [
            ("'scalar', 'aggregate', 'macro'", &*FUNCTIONS, include_str!("refused_functions.txt"), "functions.txt"),
            (
                "'table', 'table_macro'",
                &*TABLE_FUNCTIONS,
                include_str!("refused_table_functions.txt"),
                "table_functions.txt",
            ),
        ] {
            let refused = list(refused);
            let both: Vec<_> = allowed.intersection(&refused).collect();
            assert!(both.is_empty(), "both allowed and refused: {both:?}");
            let there = of_kinds(&connection, kinds);
            assert!(there.len() > 50, "{there:?}");
            let new: BTreeSet<_> = there.iter().filter(|it| !allowed.contains(*it) && !refused.contains(*it)).collect();
            assert!(
                new.is_empty(),
                "new in this DuckDB: read what each does, then add it to {file} or refused_{file}: {new:?}"
            );
        }
        // `list_aggregate` calls them by a text, which no tree shows.
        let aggregates = of_kinds(&connection, "'aggregate'");
        assert!(aggregates.is_subset(&FUNCTIONS), "{:?}", aggregates.difference(&FUNCTIONS));
    }

    #[test]
    fn what_an_allowed_macro_stands_for_is_allowed() {
        let connection = duckdb();
        let mut n_macros = 0;
        for name in of_kinds(&connection, "'macro'").intersection(&FUNCTIONS) {
            let definitions = format!(
                "SELECT macro_definition FROM duckdb_functions() WHERE function_name = '{name}' AND function_type = 'macro'"
            );
            for definition in texts(&connection, &definitions) {
                let allowed = check(&connection, &format!("SELECT {definition}"), &BTreeMap::new());
                assert!(allowed.is_ok(), "{name}: {definition}: {allowed:?}");
                n_macros += 1;
            }
        }
        assert!(n_macros > 50, "{n_macros}");
    }
}
