//! What a SELECT reads: sheets, and queries inside it, through which a column is followed to where it comes from.

use std::{cell::Cell, collections::BTreeMap};

use serde_json::Value;

use super::tree::{ColumnRef, column, columns, ctes, has_aggregate, list, text};
use crate::{engine::guard::folded, name::SheetName, value::Column};

/// Sheets that the query may read, with their columns.
pub(super) type Schemas = BTreeMap<SheetName, Vec<Column>>;

/// CTEs that a query sees: those defined beside it so far, and those outside.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) outer: Option<&'a Scope<'a>>,
    pub(super) defined: &'a [Value],
}

impl<'a> Scope<'a> {
    /// A CTE with what it sees itself, by its folded name.
    fn find(&self, name: &str) -> Option<(&'a Value, Scope<'a>)> {
        let idx = self.defined.iter().rposition(|cte| folded(text(cte, "key")) == name);
        match idx {
            Some(idx) => {
                let before = self.defined.get(..idx).unwrap_or_default();
                Some((self.defined.get(idx)?.get("value")?, Scope { outer: self.outer, defined: before }))
            }
            None => self.outer?.find(name),
        }
    }

    /// All that are in scope, as a `cte_map` has them: of two with one name the inner one.
    pub(super) fn all(&self) -> Vec<Value> {
        let mut all = self.outer.map(Scope::all).unwrap_or_default();
        for cte in self.defined {
            all.retain(|it| folded(text(it, "key")) != folded(text(cte, "key")));
            all.push(cte.clone());
        }
        all
    }
}

/// Something in FROM.
#[derive(Debug)]
pub(super) struct Relation {
    /// Folded.
    alias: String,
    /// For people.
    pub(super) shown: String,
    /// Its number among the block's parts whose rows are counted; none where it is taken apart.
    mark: Option<usize>,
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    /// The columns by the names that they have here.
    Sheet(SheetName, Vec<(String, Column)>),
    Select(Vec<Relation>, Vec<Item>),
    /// The queries of a set operation.
    Either(Vec<Relation>),
    Opaque,
}

/// What a SELECT gives.
#[derive(Debug)]
enum Item {
    Star(Option<String>),
    Named { name: String, columns: Vec<ColumnRef>, is_plain: bool },
}

/// How a part of FROM is looked into.
pub(super) enum Shape<'a> {
    Sheet(SheetName),
    /// A query, whose every row stands for one row of what it reads where `is_plain`.
    Query {
        node: &'a Value,
        scope: Scope<'a>,
        is_plain: bool,
    },
    Opaque,
}

/// Queries inside each other that are looked into.
const MAX_DEPTH: usize = 8;
/// Parts that are looked into in all.
const MAX_PARTS: usize = 300;

/// Builds relations.
pub(super) struct Reader<'a> {
    pub(super) schemas: &'a Schemas,
    n_parts: Cell<usize>,
}

impl<'s> Reader<'s> {
    pub(super) fn new(schemas: &'s Schemas) -> Reader<'s> {
        Reader { schemas, n_parts: Cell::new(0) }
    }

    /// How far a part of FROM that is no join can be looked into.
    pub(super) fn shape<'a>(&self, from: &'a Value, scope: &Scope<'a>, depth: usize) -> Shape<'a> {
        let query = match text(from, "type") {
            "BASE_TABLE" => {
                let name = folded(text(from, "table_name"));
                if let Some((cte, scope)) = scope.find(&name).filter(|_| text(from, "schema_name").is_empty()) {
                    if !list(cte, "aliases").is_empty() {
                        return Shape::Opaque;
                    }
                    cte.pointer("/query/node").map(|node| (node, scope))
                } else {
                    return self
                        .schemas
                        .get_key_value(name.as_str())
                        .map_or(Shape::Opaque, |it| Shape::Sheet(it.0.clone()));
                }
            }
            "SUBQUERY" => from.pointer("/subquery/node").map(|node| (node, *scope)),
            _ => None,
        };
        match query {
            Some((node, scope)) if depth < MAX_DEPTH => Shape::Query { node, scope, is_plain: is_plain(node) },
            _ => Shape::Opaque,
        }
    }

    /// What a part of FROM is, joins taken apart; `n_marks` counts on.
    pub(super) fn read(
        &self,
        from: &Value,
        scope: &Scope<'_>,
        depth: usize,
        n_marks: &mut usize,
        all: &mut Vec<Relation>,
    ) {
        self.n_parts.set(self.n_parts.get() + 1);
        if self.n_parts.get() > MAX_PARTS {
            return;
        }
        match text(from, "type") {
            "JOIN" => {
                for side in ["left", "right"] {
                    self.read(from.get(side).unwrap_or(&Value::Null), scope, depth, n_marks, all);
                }
                return;
            }
            "BASE_TABLE" | "SUBQUERY" => {}
            _ => return,
        }
        let renamed: Vec<&str> = list(from, "column_name_alias").iter().filter_map(Value::as_str).collect();
        let mut take = || {
            *n_marks += 1;
            Some(*n_marks - 1)
        };
        let (mark, inner) = match self.shape(from, scope, depth) {
            Shape::Sheet(sheet) => {
                let columns = self.schemas.get(&sheet).cloned().unwrap_or_default().into_iter().enumerate();
                let named =
                    |(idx, it): (usize, Column)| (renamed.get(idx).map_or(it.name.clone(), |it| (*it).to_owned()), it);
                (take(), Inner::Sheet(sheet, columns.map(named).collect()))
            }
            Shape::Query { node, scope, is_plain: true } if renamed.is_empty() => {
                (None, self.query(node, &scope, depth + 1, n_marks))
            }
            Shape::Query { node, scope, .. } => {
                let mark = take();
                let inner = self.query(node, &scope, depth + 1, &mut 0);
                (mark, if renamed.is_empty() { inner } else { Inner::Opaque })
            }
            Shape::Opaque => (take(), Inner::Opaque),
        };
        let (alias, name) = (text(from, "alias"), text(from, "table_name"));
        let shown = match (&inner, alias, name) {
            (Inner::Sheet(sheet, _), ..) => sheet.to_string(),
            (_, "", "") => "a subquery".to_owned(),
            (_, "", name) => name.to_owned(),
            (_, alias, _) => alias.to_owned(),
        };
        let alias = folded(if alias.is_empty() { name } else { alias });
        all.push(Relation { alias, shown, mark, inner });
    }

    fn query(&self, node: &Value, scope: &Scope<'_>, depth: usize, n_marks: &mut usize) -> Inner {
        let scope = Scope { outer: Some(scope), defined: ctes(node) };
        match text(node, "type") {
            "SELECT_NODE" => {
                let mut relations = Vec::new();
                let from = node.get("from_table").unwrap_or(&Value::Null);
                self.read(from, &scope, depth, n_marks, &mut relations);
                Inner::Select(relations, list(node, "select_list").iter().map(Item::of).collect())
            }
            "SET_OPERATION_NODE" => {
                let sides = ["left", "right"].into_iter().filter_map(|side| node.get(side)).map(|side| Relation {
                    alias: String::new(),
                    shown: String::new(),
                    mark: None,
                    inner: self.query(side, &scope, depth, n_marks),
                });
                Inner::Either(sides.collect())
            }
            _ => Inner::Opaque,
        }
    }
}

/// Whether each row of a query is a row of what it joins, and none is left out but by WHERE.
fn is_plain(node: &Value) -> bool {
    let is_join =
        matches!(node.pointer("/from_table/type").and_then(Value::as_str), Some("BASE_TABLE" | "SUBQUERY" | "JOIN"));
    let is_empty = |key: &str| node.get(key).is_none_or(Value::is_null);
    text(node, "type") == "SELECT_NODE"
        && is_join
        && list(node, "group_expressions").is_empty()
        && text(node, "aggregate_handling") == "STANDARD_HANDLING"
        && list(node, "modifiers").iter().all(|it| text(it, "type") == "ORDER_MODIFIER")
        && ["having", "qualify", "sample"].into_iter().all(is_empty)
        && !list(node, "select_list").iter().any(has_aggregate)
}

impl Item {
    fn of(node: &Value) -> Item {
        if text(node, "class") == "STAR" {
            let relation = text(node, "relation_name");
            return Item::Star((!relation.is_empty()).then(|| folded(relation)));
        }
        let plain = column(node);
        let alias = text(node, "alias");
        let name = if alias.is_empty() { plain.as_ref().map_or("", |it| it.column.as_str()) } else { alias };
        Item::Named { name: name.to_owned(), is_plain: plain.is_some(), columns: columns(node) }
    }
}

impl Relation {
    fn has(&self, column: &str) -> bool {
        match &self.inner {
            Inner::Sheet(_, columns) => columns.iter().any(|(name, _)| name.eq_ignore_ascii_case(column)),
            Inner::Select(relations, items) => items.iter().any(|item| match item {
                Item::Star(of) => relations.iter().filter(|it| it.is(of.as_ref())).any(|it| it.has(column)),
                Item::Named { name, .. } => name.eq_ignore_ascii_case(column),
            }),
            Inner::Either(sides) => sides.first().is_some_and(|it| it.has(column)),
            Inner::Opaque => false,
        }
    }

    fn is(&self, alias: Option<&String>) -> bool {
        alias.is_none_or(|alias| self.alias == *alias)
    }

    /// The columns of sheets that a column's values are, as they are.
    fn origins(&self, wanted: &str) -> Vec<(SheetName, Column)> {
        match &self.inner {
            Inner::Sheet(sheet, columns) => {
                let found = columns.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
                found.map(|(_, column)| (sheet.clone(), column.clone())).collect()
            }
            Inner::Select(relations, items) => {
                let found = items.iter().flat_map(|item| match item {
                    Item::Star(of) => origins(relations, &ColumnRef { table: of.clone(), column: wanted.to_owned() }),
                    Item::Named { name, columns, is_plain: true } if name.eq_ignore_ascii_case(wanted) => {
                        columns.iter().flat_map(|it| origins(relations, it)).collect()
                    }
                    Item::Named { .. } => Vec::new(),
                });
                found.collect()
            }
            Inner::Either(sides) => sides.iter().flat_map(|it| it.origins(wanted)).collect(),
            Inner::Opaque => Vec::new(),
        }
    }

    /// The parts whose rows a column is of.
    fn marks(&self, wanted: &str) -> Vec<usize> {
        match (&self.inner, self.mark) {
            (_, Some(mark)) => vec![mark],
            (Inner::Select(relations, items), None) => {
                let found = items.iter().flat_map(|item| match item {
                    Item::Star(of) => marks(relations, &ColumnRef { table: of.clone(), column: wanted.to_owned() }),
                    Item::Named { name, columns, .. } if name.eq_ignore_ascii_case(wanted) => {
                        columns.iter().flat_map(|it| marks(relations, it)).collect()
                    }
                    Item::Named { .. } => Vec::new(),
                });
                found.collect()
            }
            (Inner::Sheet(..) | Inner::Either(_) | Inner::Opaque, None) => Vec::new(),
        }
    }

    /// The parts' names for people, by their numbers.
    pub(super) fn name(&self, names: &mut Vec<String>) {
        match (&self.inner, self.mark) {
            (_, Some(_)) => names.push(self.shown.clone()),
            (Inner::Select(relations, _), None) => relations.iter().for_each(|it| it.name(names)),
            (Inner::Sheet(..) | Inner::Either(_) | Inner::Opaque, None) => {}
        }
    }
}

/// The relations that a column can be of: several where it is shared.
fn holders<'a>(relations: &'a [Relation], wanted: &'a ColumnRef) -> impl Iterator<Item = &'a Relation> {
    relations.iter().filter(|it| it.is(wanted.table.as_ref()) && (it.has(&wanted.column) || wanted.table.is_some()))
}

pub(super) fn origins(relations: &[Relation], wanted: &ColumnRef) -> Vec<(SheetName, Column)> {
    holders(relations, wanted).flat_map(|it| it.origins(&wanted.column)).collect()
}

pub(super) fn marks(relations: &[Relation], wanted: &ColumnRef) -> Vec<usize> {
    holders(relations, wanted).flat_map(|it| it.marks(&wanted.column)).collect()
}

pub(super) fn is_held(relations: &[Relation], wanted: &ColumnRef) -> bool {
    holders(relations, wanted).next().is_some()
}
