//! A page of rows, as `query`, `preview_rows` and `read_result` answer it.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{engine::Page, tool::reply::Reply, value::Column, workspace::Part};

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RowsReply {
    columns: Vec<Column>,
    /// One array per row, values in the order of `columns`.
    #[schemars(schema_with = "arrays")]
    rows: Vec<Box<RawValue>>,
    /// Rows in this reply.
    n_rows: u64,
    /// Rows there are altogether; null where that is not known.
    #[schemars(schema_with = "number_or_null")]
    n_total: Option<u64>,
    /// Whether rows were left out, or texts cut.
    truncated: bool,
    /// Handle for `read_result`; absent when there is no more.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    result: String,
    /// `offset` of the next page; absent when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", default)]
    next_offset: Option<u64>,
    /// What to know about these rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
    #[serde(skip)]
    offset: u64,
    #[serde(skip)]
    pages_by_offset: bool,
    /// Of the result that this is a page of.
    #[serde(skip)]
    handle: String,
}

impl RowsReply {
    /// The first page of a query; the rest, if there is any, is behind `result`.
    pub(super) fn of_query(page: Page, result: String, mut notes: Vec<String>) -> RowsReply {
        if page.truncated && !page.shortened && result.is_empty() {
            notes.push("rows were cut: aggregate, filter, or raise `max_rows` or `max_bytes`".to_owned());
        }
        let n_total = page.n_total;
        let mut rows = RowsReply::new(page, n_total, 0, notes);
        rows.next_offset = (!result.is_empty()).then_some(rows.n_rows);
        rows.result.clone_from(&result);
        rows.handle = result;
        rows
    }

    /// A page at `offset` of a sheet.
    pub(super) fn of_sheet(part: Part, offset: u64) -> RowsReply {
        let mut rows = RowsReply::new(part.page, part.n_total, offset, part.notes);
        rows.pages_by_offset = true;
        rows.truncated = rows.truncated || !part.is_last;
        rows.next_offset = (!part.is_last).then_some(offset + rows.n_rows);
        rows
    }

    /// A page at `offset` of the result behind `handle`.
    pub(super) fn of_result(part: Part, offset: u64, handle: String) -> RowsReply {
        let mut rows = RowsReply::of_sheet(part, offset);
        if rows.next_offset.is_some() {
            rows.result.clone_from(&handle);
        }
        rows.handle = handle;
        rows
    }

    fn new(page: Page, n_total: Option<u64>, offset: u64, mut notes: Vec<String>) -> RowsReply {
        if page.shortened {
            notes.push("long texts were cut: name fewer columns, raise `max_bytes`, or read a part with `substr(column, 1, 1000)`".to_owned());
        }
        RowsReply {
            n_rows: u64::try_from(page.rows.len()).unwrap_or(u64::MAX),
            columns: page.columns,
            rows: page.rows,
            n_total,
            truncated: page.truncated,
            result: String::new(),
            next_offset: None,
            notes,
            offset,
            pages_by_offset: false,
            handle: String::new(),
        }
    }
}

impl Reply for RowsReply {
    const CUTS: bool = true;

    fn n_items(&self) -> usize {
        self.rows.len()
    }

    fn keep(&mut self, n_items: usize) {
        self.rows.truncate(n_items);
        self.n_rows = u64::try_from(n_items).unwrap_or(u64::MAX);
        self.truncated = true;
        self.result.clone_from(&self.handle);
        if self.pages_by_offset || !self.result.is_empty() {
            self.next_offset = Some(self.offset + self.n_rows);
        }
    }

    fn n_rows(&self) -> Option<u64> {
        Some(self.n_rows)
    }
}

fn arrays(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "array", "items": {}}})
}

fn number_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({})
}
