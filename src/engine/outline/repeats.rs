//! How often a join gives each row of what it joins: asked of DuckDB with the query's own FROM, WHERE and GROUP BY, in
//! which one part's rows are numbered.

use serde_json::{Value, json};

use super::{
    relation::{Reader, Relation, Scope, Shape, is_held, marks},
    tree::{column, columns, ctes, has_aggregate, is_aggregate, list, own, reference, text, written},
};
use crate::engine::guard;

/// A SELECT that adds up or counts what it joins.
#[derive(Debug)]
pub struct Joined {
    pub parts: Vec<Part>,
    pub sums: Vec<Sum>,
    /// Whether it counts rows.
    pub counts: bool,
}

/// Something that is joined.
#[derive(Debug)]
pub struct Part {
    /// For people.
    pub name: String,
    /// Answers how often the commonest of its rows is there within a group; none where that can't be asked.
    pub sql: Option<String>,
}

/// What one aggregate adds up.
#[derive(Debug)]
pub struct Sum {
    /// Columns as they are written.
    pub columns: Vec<String>,
    /// Of the parts, those that they are of.
    pub parts: Vec<usize>,
}

/// The column of numbers.
const MARK: &str = "_quire_row";
/// Rows of a join that are looked at.
const MAX_ROWS: u32 = 2_000_000;
/// Parts whose rows are numbered in turn.
const MAX_PARTS: usize = 5;
/// Aggregates that change when rows are repeated.
const SUMMING: &[&str] = &["sum", "avg", "mean", "fsum", "kahan_sum", "favg", "sum_no_overflow"];
const COUNTING: &[&str] = &["count", "count_star"];

impl Joined {
    /// None where the SELECT joins nothing, or nothing that repeated rows would change.
    pub(super) fn of(
        connection: &duckdb::Connection,
        reader: &Reader<'_>,
        node: &Value,
        scope: &Scope<'_>,
        relations: &[Relation],
    ) -> Option<Joined> {
        let mut names = Vec::new();
        for relation in relations {
            relation.name(&mut names);
        }
        if names.len() < 2 || names.len() > MAX_PARTS {
            return None;
        }
        let mut joined = Joined { parts: Vec::new(), sums: Vec::new(), counts: false };
        for part in ["select_list", "having", "modifiers"].into_iter().filter_map(|key| node.get(key)) {
            own(part, &mut |node| {
                joined.take(node, relations);
                true
            });
        }
        if joined.sums.is_empty() && !joined.counts {
            return None;
        }
        let groups = groups(node, relations);
        joined.parts = names
            .into_iter()
            .enumerate()
            .map(|(wanted, name)| {
                let marked = reader.marked(node.get("from_table")?, scope, 0, wanted, &mut 0);
                let sql = marked.and_then(|(from, alias)| {
                    let mut probe = node.clone();
                    let mut items = vec![reference(&[&alias, MARK], "_quire_0")];
                    for (idx, group) in groups.iter().enumerate() {
                        let mut item = group.clone();
                        item.as_object_mut()?.insert("alias".to_owned(), json!(format!("_quire_{}", idx + 1)));
                        items.push(item);
                    }
                    let keys = (0..items.len()).map(|idx| format!("_quire_{idx}")).collect::<Vec<_>>().join(", ");
                    let fields = probe.as_object_mut()?;
                    for (key, value) in [
                        ("from_table", from),
                        ("select_list", Value::from(items)),
                        ("cte_map", json!({"map": scope.all()})),
                        ("modifiers", json!([])),
                        ("group_expressions", json!([])),
                        ("group_sets", json!([])),
                        ("aggregate_handling", json!("STANDARD_HANDLING")),
                        ("having", Value::Null),
                        ("qualify", Value::Null),
                    ] {
                        fields.insert(key.to_owned(), value);
                    }
                    let rows = written(connection, &probe)?;
                    Some(format!(
                        "SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM (SELECT * FROM ({rows}) LIMIT {MAX_ROWS}) \
                         WHERE _quire_0 IS NOT NULL GROUP BY {keys})"
                    ))
                });
                Some(Part { name, sql })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(joined)
    }

    fn take(&mut self, node: &Value, relations: &[Relation]) {
        let is_distinct = node.get("distinct").and_then(Value::as_bool).unwrap_or_default();
        if !is_aggregate(node) || is_distinct {
            return;
        }
        let name = guard::folded(text(node, "function_name"));
        self.counts = self.counts || COUNTING.contains(&name.as_str());
        if !SUMMING.contains(&name.as_str()) {
            return;
        }
        let named = columns(node.get("children").unwrap_or(&Value::Null));
        let mut parts: Vec<usize> = named.iter().flat_map(|it| marks(relations, it)).collect();
        parts.sort_unstable();
        parts.dedup();
        if named.is_empty() {
            self.counts = true;
        } else if !parts.is_empty() {
            self.sums.push(Sum { columns: named.into_iter().map(|it| it.column).collect(), parts });
        }
    }
}

/// What a SELECT groups by, as expressions over what it reads.
fn groups(node: &Value, relations: &[Relation]) -> Vec<Value> {
    let items = list(node, "select_list");
    if text(node, "aggregate_handling") == "FORCE_AGGREGATES" {
        let plain = items.iter().filter(|it| !has_aggregate(it) && text(it, "class") != "STAR");
        return plain.cloned().collect();
    }
    let meant = |group: &Value| {
        if let Some(place) = group.pointer("/value/value").and_then(Value::as_u64) {
            let idx = usize::try_from(place).ok()?.checked_sub(1)?;
            return items.get(idx).cloned();
        }
        match column(group) {
            Some(named) if !is_held(relations, &named) => {
                let is_it =
                    |it: &&Value| named.table.is_none() && text(it, "alias").eq_ignore_ascii_case(&named.column);
                Some(items.iter().find(is_it).unwrap_or(group).clone())
            }
            _ => Some(group.clone()),
        }
    };
    list(node, "group_expressions").iter().filter_map(meant).collect()
}

impl Reader<'_> {
    /// FROM with the rows of its part `wanted` numbered, and the alias that has the numbers.
    fn marked(
        &self,
        from: &Value,
        scope: &Scope<'_>,
        depth: usize,
        wanted: usize,
        n: &mut usize,
    ) -> Option<(Value, String)> {
        let alias = [text(from, "alias"), text(from, "table_name"), "_quire_part"];
        let alias = alias.into_iter().find(|it| !it.is_empty()).unwrap_or_default().to_owned();
        match text(from, "type") {
            "JOIN" => {
                for side in ["left", "right"] {
                    if let Some((marked, alias)) = self.marked(from.get(side)?, scope, depth, wanted, n) {
                        let mut from = from.clone();
                        from.as_object_mut()?.insert(side.to_owned(), marked);
                        return Some((from, alias));
                    }
                }
                return None;
            }
            "BASE_TABLE" | "SUBQUERY" => {}
            _ => return None,
        }
        if let Shape::Query { node, scope, is_plain: true } = self.shape(from, scope, depth)
            && list(from, "column_name_alias").is_empty()
        {
            let scope = Scope { outer: Some(&scope), defined: ctes(node) };
            let (inside, inner) = self.marked(node.get("from_table")?, &scope, depth + 1, wanted, n)?;
            let mut query = node.clone();
            let fields = query.as_object_mut()?;
            fields.insert("from_table".to_owned(), inside);
            fields.get_mut("select_list")?.as_array_mut()?.push(reference(&[&inner, MARK], MARK));
            return Some((subquery(&query, &alias), alias));
        }
        *n += 1;
        if *n - 1 != wanted {
            return None;
        }
        let mut query = json!({
            "type": "SELECT_NODE", "modifiers": [], "cte_map": {"map": []}, "where_clause": null, "group_expressions": [],
            "group_sets": [], "aggregate_handling": "STANDARD_HANDLING", "having": null, "sample": null, "qualify": null,
        });
        let fields = query.as_object_mut()?;
        fields.insert("select_list".to_owned(), json!([row_number(), star()]));
        fields.insert("from_table".to_owned(), from.clone());
        Some((subquery(&query, &alias), alias))
    }
}

fn subquery(query: &Value, alias: &str) -> Value {
    json!({
        "type": "SUBQUERY", "alias": alias, "sample": null, "query_location": 0,
        "subquery": {"node": query, "named_param_map": []}, "column_name_alias": [],
    })
}

fn row_number() -> Value {
    json!({
        "class": "WINDOW", "type": "WINDOW_ROW_NUMBER", "alias": MARK, "query_location": 0, "function_name": "row_number",
        "schema": "", "catalog": "", "children": [], "partitions": [], "orders": [], "start": "UNBOUNDED_PRECEDING",
        "end": "CURRENT_ROW_RANGE", "start_expr": null, "end_expr": null, "offset_expr": null, "default_expr": null,
        "ignore_nulls": false, "filter_expr": null, "exclude_clause": "NO_OTHER", "distinct": false, "arg_orders": [],
    })
}

fn star() -> Value {
    json!({
        "class": "STAR", "type": "STAR", "alias": "", "query_location": 0, "relation_name": "", "exclude_list": [],
        "replace_list": [], "columns": false, "expr": null, "qualified_exclude_list": [], "rename_list": [],
    })
}
