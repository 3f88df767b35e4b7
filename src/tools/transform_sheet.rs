//! `transform_sheet`: steps of cleaning and reshaping, as a new version or a new sheet.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, value::RawValue};

use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool, reply::Reply},
    value::Column,
    workspace::{TransformCall, TransformDone},
};

pub(super) struct TransformSheet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A sheet.
    sheet: String,
    #[serde(default, deserialize_with = "list")]
    #[schemars(schema_with = "steps")]
    steps: Vec<Value>,
    /// Another sheet; its steps come first.
    #[serde(default)]
    steps_of: String,
    /// New sheet; empty: a new version.
    #[serde(default)]
    save_as: String,
    /// Version they are for, else `conflict`; 0: current.
    #[serde(default)]
    based_on: u64,
    /// Only tell what would happen.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Outcome {
    sheet: String,
    /// Absent after a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", default)]
    version: Option<u64>,
    based_on: u64,
    n_rows_before: u64,
    n_rows: u64,
    /// The first 50.
    columns: Vec<Column>,
    n_columns: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    added: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    removed: Vec<String>,
    /// Such as "price: VARCHAR -> DOUBLE".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    retyped: Vec<String>,
    /// Cells that became null, or with `dry_run` would not convert.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    unconverted: Vec<Cells>,
    /// The first rows.
    #[schemars(schema_with = "arrays")]
    rows: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "counts are `n_rows`, `n_cells`")]
struct Cells {
    /// From 1.
    step: usize,
    column: String,
    to: String,
    n_cells: u64,
    examples: Vec<String>,
}

/// The fields of every op, as a model reads them.
const STEPS: &str = "In order; each sees what the one before leaves. Fields by op: filter {expr}; select, \
    drop {columns}; rename {columns: {\"old\": \"new\"}}; cast {columns, to: \"DATE\"}; derive {column, expr}; fill \
    {columns, value} or {columns, method: forward|backward|mean|median|mode|min|max, by}; replace {columns, \
    from, to, mode: cell|part|regex} or {columns, values: {\"old\": \"new\"}}; trim {columns, collapse, case: \
    lower|upper|title, empty_to_null}; split {column, by: \",\", into: [\"a\", \"b\"]}; merge {columns, by: \" \", to}; \
    parse_dates {columns, format: \"%d/%m/%Y\"}; parse_numbers {columns, decimal: \",\"} (found out where absent); dedupe {columns, keep: first|last}; sort {by: [\"a\", \"-b\"]}; limit {n, offset}; \
    group {by, aggregates: {\"total\": \"sum(price)\"}}; pivot {by, column, values, aggregate: sum}; unpivot \
    {columns, name, value}; join {sheet, on: [\"id\"] or {\"own\": \"other\"}, how: left|inner|right|full|semi|anti, \
    columns}; union {sheet}; window {column, expr: \"rank()\", by, order: [\"-price\"], rows: 7}; sql {sql: \"select \
    … from this\"}. cast and parse_* take on_error: fail|null.";

/// Columns named in each list of a reply.
const N_COLUMNS: usize = 50;

impl Reply for Outcome {
    fn n_rows(&self) -> Option<u64> {
        Some(self.n_rows)
    }
}

impl Tool for TransformSheet {
    type Args = Args;
    type Reply = Outcome;

    const NAME: &'static str = "transform_sheet";
    const TITLE: &'static str = "Transform a sheet";
    const ABOUT: &'static str = "Cleans or reshapes a sheet by steps, as a new version (`restore_version` undoes it) or, \
        with `save_as`, a new sheet. Expressions are DuckDB's. Try \
        `dry_run` first.";
    const EFFECT: Effect = Effect::Changes;

    async fn run(call: &Call<'_>, args: Args) -> Result<Outcome, Fault> {
        let Args { sheet, steps, steps_of, save_as, based_on, dry_run } = args;
        let wanted = TransformCall { sheet, steps, steps_of, save_as, based_on, dry_run };
        Ok(outcome(call.workspace.transform(wanted, &call.context).await?))
    }
}

fn outcome(done: TransformDone) -> Outcome {
    let TransformDone { before, after, transformed, notes } = done;
    let (old, new) = (&before.version.columns, &transformed.columns);
    let find = |columns: &[Column], name: &str| columns.iter().find(|it| it.name == name).cloned();
    let lone = |of: &[Column], other: &[Column]| -> Vec<String> {
        let names = of.iter().filter(|it| find(other, &it.name).is_none()).map(|it| it.name.clone());
        names.take(N_COLUMNS).collect()
    };
    let retyped = new.iter().filter_map(|column| {
        let was = find(old, &column.name)?.type_name;
        (was != column.type_name).then(|| format!("{}: {was} -> {}", column.name, column.type_name))
    });
    let target = after.as_ref().unwrap_or(&before);
    Outcome {
        sheet: target.name.to_string(),
        version: after.as_ref().map(|sheet| sheet.version.number),
        based_on: before.version.number,
        n_rows_before: before.version.n_rows,
        n_rows: transformed.n_rows,
        added: lone(new, old),
        removed: lone(old, new),
        retyped: retyped.take(N_COLUMNS).collect(),
        n_columns: u64::try_from(new.len()).unwrap_or(u64::MAX),
        columns: new.iter().take(N_COLUMNS).cloned().collect(),
        unconverted: transformed
            .unconverted
            .into_iter()
            .map(|it| Cells { step: it.step, column: it.column, to: it.to, n_cells: it.n_cells, examples: it.examples })
            .collect(),
        rows: transformed.sample.rows,
        notes,
    }
}

/// A list; also one step by itself, or either as a text of JSON, as some hosts send them.
fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    let mut value = Value::deserialize(deserializer)?;
    if let Value::String(text) = &value {
        value =
            serde_json::from_str(text).map_err(|error| de::Error::custom(format!("`steps` is no JSON: {error}")))?;
    }
    match value {
        Value::Array(steps) => Ok(steps),
        Value::Object(step) => Ok(vec![Value::Object(step)]),
        Value::Null => Ok(Vec::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            Err(de::Error::custom(format!("`steps` must be a list of steps, not {value}")))
        }
    }
}

fn steps(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "description": STEPS,
        "items": {
            "type": "object",
            "properties": {"op": {"type": "string"}},
            "required": ["op"],
            "additionalProperties": true
        }
    })
}

fn arrays(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "array", "items": {}}})
}
