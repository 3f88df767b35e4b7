//! The steps of a transform as callers write them: flat objects with an `op`.

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{
    ops::{OPS, example},
    usual,
};
use crate::{
    fault::{Code, Fault},
    name::nearest,
};

/// One step. Columns are named as they are after the steps before it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Step {
    Filter {
        #[serde(alias = "where", alias = "condition")]
        expr: String,
    },
    Select {
        #[serde(alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
    },
    Drop {
        #[serde(alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
    },
    Rename {
        #[serde(default)]
        column: String,
        #[serde(default)]
        to: String,
        /// Old names to new ones.
        #[serde(default, alias = "names")]
        columns: Map<String, Value>,
    },
    Cast {
        #[serde(alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(alias = "type")]
        to: String,
        #[serde(default)]
        on_error: OnError,
    },
    Derive {
        #[serde(alias = "to", alias = "name")]
        column: String,
        expr: String,
    },
    Fill {
        #[serde(alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(default)]
        value: Option<Value>,
        #[serde(default)]
        method: Option<Method>,
        #[serde(default, deserialize_with = "names")]
        by: Vec<String>,
    },
    Replace {
        #[serde(alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(default, alias = "find")]
        from: Option<Value>,
        #[serde(default, alias = "with", deserialize_with = "given")]
        to: Option<Value>,
        /// Whole cells, old values to new ones.
        #[serde(default, alias = "map")]
        values: Map<String, Value>,
        #[serde(default)]
        mode: Mode,
    },
    Trim {
        #[serde(default, alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(default)]
        collapse: bool,
        #[serde(default)]
        case: Case,
        #[serde(default)]
        empty_to_null: bool,
    },
    Split {
        column: String,
        #[serde(alias = "separator")]
        by: String,
        #[serde(alias = "to", alias = "columns", deserialize_with = "names")]
        into: Vec<String>,
        #[serde(default)]
        keep: bool,
    },
    Merge {
        #[serde(deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(default, alias = "separator")]
        by: String,
        #[serde(alias = "into", alias = "column")]
        to: String,
        #[serde(default)]
        keep: bool,
    },
    ParseDates {
        #[serde(alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(default)]
        format: String,
        #[serde(default)]
        to: Option<Moment>,
        #[serde(default)]
        on_error: OnError,
        /// Whether `format` and `to` are what was found, so that what they would change does not convert.
        #[serde(default)]
        found: bool,
    },
    ParseNumbers {
        #[serde(alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(default)]
        decimal: Option<Mark>,
        #[serde(default, alias = "type")]
        to: String,
        #[serde(default)]
        on_error: OnError,
        /// Whether `decimal` and `to` are what was found, so that what they would change does not convert.
        #[serde(default)]
        found: bool,
    },
    Dedupe {
        #[serde(default, alias = "column", alias = "by", deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(default)]
        keep: Keep,
    },
    Sort {
        #[serde(alias = "columns", alias = "column", deserialize_with = "names")]
        by: Vec<String>,
        #[serde(default, alias = "desc")]
        descending: bool,
    },
    Limit {
        #[serde(alias = "n_rows", alias = "limit")]
        n: u64,
        #[serde(default)]
        offset: u64,
    },
    Group {
        #[serde(default, alias = "columns", alias = "column", deserialize_with = "names")]
        by: Vec<String>,
        /// Names of new columns, each with an expression such as `sum(price)`.
        #[serde(alias = "aggregate")]
        aggregates: Map<String, Value>,
    },
    Pivot {
        #[serde(deserialize_with = "names")]
        by: Vec<String>,
        column: String,
        #[serde(alias = "value")]
        values: String,
        #[serde(default = "sum")]
        aggregate: String,
        /// The columns to make, where not all values are wanted.
        #[serde(default, deserialize_with = "names")]
        into: Vec<String>,
    },
    Unpivot {
        #[serde(alias = "column", deserialize_with = "names")]
        columns: Vec<String>,
        #[serde(default = "name")]
        name: String,
        #[serde(default = "value")]
        value: String,
    },
    Join {
        sheet: String,
        /// A name, names, or own names to the other sheet's.
        on: Value,
        #[serde(default)]
        how: How,
        #[serde(default, deserialize_with = "names")]
        columns: Vec<String>,
    },
    Union {
        #[serde(alias = "sheets", deserialize_with = "names")]
        sheet: Vec<String>,
    },
    Window {
        #[serde(alias = "to", alias = "name")]
        column: String,
        expr: String,
        #[serde(default, alias = "partition_by", deserialize_with = "names")]
        by: Vec<String>,
        #[serde(default, alias = "order_by", alias = "sort", deserialize_with = "names")]
        order: Vec<String>,
        /// Only this row and those before it, so many altogether.
        #[serde(default)]
        rows: Option<u64>,
    },
    Sql {
        sql: String,
    },
}

/// What becomes of a cell that can't be converted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnError {
    /// Nothing is changed, and the fault says which cells.
    #[default]
    Fail,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    #[serde(alias = "ffill")]
    Forward,
    #[serde(alias = "bfill")]
    Backward,
    Mean,
    Median,
    Mode,
    Min,
    Max,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// Cells that are `from` and nothing else.
    #[default]
    Cell,
    /// Every place inside a text.
    Part,
    Regex,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Case {
    #[default]
    Keep,
    Lower,
    Upper,
    Title,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Moment {
    Date,
    #[serde(alias = "datetime")]
    Timestamp,
}

/// The decimal mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Mark {
    #[serde(rename = ".")]
    Point,
    #[serde(rename = ",")]
    Comma,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Keep {
    #[default]
    First,
    Last,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    #[default]
    Left,
    Inner,
    Right,
    #[serde(alias = "outer")]
    Full,
    Semi,
    Anti,
}

/// Most steps at once.
const MAX_STEPS: usize = 200;
/// As they are sent; each version keeps those of all before it.
const MAX_STEPS_BYTES: usize = 256 << 10;

/// Reads the steps. A malformed one is a fault with an example of its op.
pub(super) fn parse_all(steps: &[Value]) -> Result<Vec<Step>, Fault> {
    if steps.len() > MAX_STEPS {
        return Err(Fault::new(
            Code::InvalidArguments,
            format!("{} steps, over the limit of {MAX_STEPS}", steps.len()),
        )
        .hint("apply the first ones, then the others"));
    }
    let n_bytes: usize = steps.iter().map(|step| step.to_string().len()).sum();
    if n_bytes > MAX_STEPS_BYTES {
        return Err(Fault::new(
            Code::InvalidArguments,
            format!("{n_bytes} bytes of steps, over the limit of {MAX_STEPS_BYTES}"),
        )
        .hint("import long lists of values as a sheet and `join` it"));
    }
    steps.iter().zip(1..).map(|(step, position)| parse(step, position)).collect()
}

fn parse(step: &Value, position: usize) -> Result<Step, Fault> {
    let names = || OPS.iter().map(|(name, _)| *name);
    let Some(op) = step.get("op").and_then(Value::as_str) else {
        return Err(Fault::new(Code::InvalidArguments, format!("step {position} has no `op`")).hint(format!(
            "such as {}; the ops are {}",
            example("filter"),
            names().collect::<Vec<_>>().join(", ")
        )));
    };
    if !names().any(|name| name == op) {
        let hint = match nearest(op, names()).first() {
            Some(near) => format!("did you mean `{near}`? Such as {}", example(near)),
            None => format!("the ops are {}", names().collect::<Vec<_>>().join(", ")),
        };
        return Err(Fault::new(Code::InvalidArguments, format!("step {position}: no op is named `{op}`")).hint(hint));
    }
    // A null is as good as an absent field, but for the new value of `replace`.
    let mut step = step.clone();
    if let Some(fields) = step.as_object_mut() {
        fields.retain(|key, value| !value.is_null() || (op == "replace" && ["to", "with"].contains(&key.as_str())));
        usual::rewrite(op, fields);
    }
    serde_json::from_value(step)
        .map_err(|error| malformed(position, op, &error.to_string()))
        .and_then(|step| complete(step, position, op))
}

/// What the types can't say: which fields go together.
#[expect(clippy::wildcard_enum_match_arm, reason = "the fields of most steps are all needed")]
fn complete(step: Step, position: usize, op: &str) -> Result<Step, Fault> {
    let problem = match &step {
        Step::Rename { column, to, columns } if columns.is_empty() && (column.is_empty() || to.is_empty()) => {
            "`columns` is missing"
        }
        Step::Rename { columns, .. } if columns.values().any(|to| !to.is_string()) => "a new name must be a text",
        Step::Fill { value, method, .. } if value.is_some() == method.is_some() => "give either `value` or `method`",
        Step::Replace { from, to, values, .. } if values.is_empty() && (from.is_none() || to.is_none()) => {
            "`from` and `to` are missing"
        }
        Step::Group { aggregates, .. } if aggregates.values().any(|it| !it.is_string()) => {
            "each aggregate must be a text such as \"sum(price)\""
        }
        Step::Split { by, into, .. } if by.is_empty() || into.is_empty() => "`by` and `into` can't be empty",
        Step::Window { rows: Some(0), .. } => "`rows` counts this row too: 1 or more",
        _ => return Ok(step),
    };
    Err(malformed(position, op, problem))
}

fn malformed(position: usize, op: &str, problem: &str) -> Fault {
    Fault::new(Code::InvalidArguments, format!("step {position} (`{op}`): {problem}"))
        .hint(format!("such as {}", example(op)))
}

/// One name or a list of them.
fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = |value: Value| match value {
        Value::String(ref text) => Ok(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(de::Error::custom(format!("a name must be a text, not {value}")))
        }
    };
    let value = Value::deserialize(deserializer)?;
    if let Value::Array(items) = value { items.into_iter().map(text).collect() } else { Ok(vec![text(value)?]) }
}

/// A value that is there, be it null.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn sum() -> String {
    "sum".to_owned()
}

fn name() -> String {
    "name".to_owned()
}

fn value() -> String {
    "value".to_owned()
}
