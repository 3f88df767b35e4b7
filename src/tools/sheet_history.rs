//! `sheet_history`: how a sheet came to be what it is.

use std::collections::HashMap;

use chrono::DateTime;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    catalog::Version,
    fault::Fault,
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct SheetHistory;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Empty: lists deleted ones.
    #[serde(default)]
    sheet: String,
    /// Adds the SQL of each.
    #[serde(default)]
    sql: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct History {
    /// Newest first.
    versions: Vec<Entry>,
    /// Sheets that `restore_version` can bring back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    deleted: Vec<Deleted>,
    /// Older ones were left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    version: u64,
    current: bool,
    n_rows: u64,
    n_columns: usize,
    /// Tool that made it.
    made_by: String,
    /// Version that it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", default)]
    based_on: Option<u64>,
    /// Sheet that it was saved from, with that one's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Base", default)]
    from: Option<Base>,
    /// Version that it brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", default)]
    restored: Option<u64>,
    /// Steps on the rows of `based_on`, for `transform_sheet`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "objects", default)]
    steps: Vec<Value>,
    reading: u64,
    /// Cells that the steps lost, and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
    /// What was run, over the version before.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    sql: String,
    by: String,
    /// UTC.
    created_at: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Base {
    sheet: String,
    version: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the words of the reply")]
struct Deleted {
    sheet: String,
    n_rows: u64,
    /// UTC.
    deleted_at: String,
}

impl Reply for History {
    const CUTS: bool = true;

    fn n_items(&self) -> usize {
        self.versions.len()
    }

    fn keep(&mut self, n_items: usize) {
        self.versions.truncate(n_items);
        self.truncated = true;
    }
}

impl Tool for SheetHistory {
    type Args = Args;
    type Reply = History;

    const NAME: &'static str = "sheet_history";
    const TITLE: &'static str = "History of a sheet";
    const ABOUT: &'static str = "Lists a sheet's versions: how each was made, by whom, when. Also lists deleted \
        sheets.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<History, Fault> {
        if args.sheet.is_empty() {
            let deleted = call.workspace.deleted().await?.into_iter().map(|it| Deleted {
                sheet: it.handle,
                n_rows: it.n_rows,
                deleted_at: utc(it.deleted_at),
            });
            let deleted: Vec<Deleted> = deleted.take(200).collect();
            let notes = if deleted.is_empty() { vec!["no sheet is deleted".to_owned()] } else { Vec::new() };
            return Ok(History { versions: Vec::new(), deleted, truncated: false, notes });
        }
        let found = call.workspace.history(&args.sheet).await?;
        let (sheet, versions) = (found.sheet, found.versions);
        let mut notes = Vec::new();
        if let Some(at) = sheet.deleted_at {
            notes.push(format!("`{}` was deleted at {}: `restore_version` brings it back", sheet.name, utc(at)));
        }
        notes.extend(found.base_notes);
        let current = sheet.version.number;
        let steps_of: HashMap<u64, Vec<Value>> =
            versions.iter().map(|version| (version.number, version.steps.clone())).collect();
        let versions = versions.into_iter().map(|version| {
            let before = version.based_on.and_then(|number| steps_of.get(&number)).map_or(&[][..], Vec::as_slice);
            Entry { steps: own_steps(&version, before), ..entry(version, current, args.sql) }
        });
        let versions = versions.collect();
        Ok(History { versions, deleted: Vec::new(), truncated: false, notes })
    }
}

/// The steps that a version adds to those of the version that it builds on.
fn own_steps(version: &Version, before: &[Value]) -> Vec<Value> {
    if version.tool() == "restore_version" {
        return Vec::new();
    }
    version.steps.strip_prefix(before).unwrap_or(&version.steps).to_vec()
}

fn entry(version: Version, current: u64, with_sql: bool) -> Entry {
    Entry {
        current: version.number == current,
        made_by: version.tool().to_owned(),
        from: version.saved_from().map(|(sheet, version)| Base { sheet: sheet.to_owned(), version }),
        restored: version.made_by.get("version").and_then(Value::as_u64),
        sql: version.made_by.get("sql").and_then(Value::as_str).filter(|_| with_sql).unwrap_or_default().to_owned(),
        notes: version.notes(),
        version: version.number,
        n_rows: version.n_rows,
        n_columns: version.columns.len(),
        based_on: version.based_on,
        steps: Vec::new(),
        reading: version.reading,
        by: version.author,
        created_at: utc(version.created_at),
    }
}

/// Unix milliseconds as ISO 8601.
fn utc(at: i64) -> String {
    DateTime::from_timestamp_millis(at).map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

fn objects(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "object"}})
}
