//! What a question gets: an answer with its evidence, or a question back.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{engine::Page, value::Column};

/// An answer, and what it rests on.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Answer {
    /// answered, partial (a budget ran out or the model failed), or clarify.
    pub status: Status,
    /// In words; empty where a question comes back.
    pub answer: String,
    /// To ask the user, where the status is clarify.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub question: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    pub options: Vec<String>,
    /// A SELECT that gives `table`; empty where the answer rests on none.
    pub sql: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Table", default)]
    pub table: Option<Table>,
    /// Sheets that the SQL reads.
    pub sheets: Vec<SheetVersion>,
    /// Assumptions, and what limits the answer.
    pub caveats: Vec<String>,
    /// Tool calls that were made.
    pub steps: Vec<Step>,
    pub model: String,
    /// Of the instructions to the model.
    pub prompt_version: u32,
    pub tokens: Tokens,
    /// For the tokens, in the currency of the prices that are configured, or that the server told.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64", default)]
    pub cost: Option<f64>,
    pub milliseconds: u64,
    /// Whether answer and SQL are those of the same question before, and the SQL was run again.
    pub cached: bool,
    /// To mark the answer as right with.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    pub id: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    #[default]
    Answered,
    Partial,
    Clarify,
}

/// Rows of the answer's SQL.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Table {
    pub columns: Vec<Column>,
    /// One array per row, values in the order of `columns`.
    #[schemars(schema_with = "arrays")]
    pub rows: Vec<Box<RawValue>>,
    /// Rows in this reply.
    pub n_rows: u64,
    /// Whether there are more, or texts were cut: run the SQL with `query`.
    pub truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SheetVersion {
    pub name: String,
    pub version: u64,
}

/// A tool call of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Step {
    pub tool: String,
    /// The SQL, or the arguments as JSON.
    pub call: String,
    /// `ok`, or a fault's code.
    pub outcome: String,
    pub milliseconds: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tokens {
    pub prompt: u64,
    pub completion: u64,
}

impl Table {
    pub(super) fn of(page: Page) -> Table {
        let n_rows = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
        Table { columns: page.columns, rows: page.rows, n_rows, truncated: page.truncated }
    }
}

impl Answer {
    /// Drops rows of the table from its end until the answer has no more than `max_bytes` as JSON, or none is left.
    pub(crate) fn fit(&mut self, max_bytes: usize) {
        while let Some(n_rows) = self.table.as_ref().map(|table| table.rows.len()).filter(|n_rows| *n_rows > 0) {
            if serde_json::to_string(self).is_ok_and(|text| text.len() <= max_bytes) {
                return;
            }
            if let Some(table) = &mut self.table {
                table.rows.truncate(n_rows * 3 / 4);
                table.n_rows = u64::try_from(table.rows.len()).unwrap_or(u64::MAX);
                table.truncated = true;
            }
        }
    }
}

fn arrays(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "array", "items": {}}})
}
