//! `describe_sheet`: what a sheet's columns hold, and where it comes from.

use std::collections::HashMap;

use chrono::DateTime;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::annotate_sheet::Annotated;
use crate::{
    catalog::Version,
    engine::profile::ColumnProfile,
    fault::Fault,
    ingest::receipt::{ColumnNote, Decision, Issue},
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct DescribeSheet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A sheet.
    sheet: String,
    /// All when empty.
    #[serde(default)]
    columns: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Description {
    name: String,
    n_rows: u64,
    n_columns: u64,
    columns: Vec<Column>,
    /// What the import met.
    issues: Vec<Issue>,
    /// File or upload that it was read from.
    source: String,
    /// The worksheet's name.
    title: String,
    /// Rows of the file that head the columns, counted from 1.
    header_rows: Vec<u64>,
    /// What the import decided, and why; `reimport_sheet` changes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    decisions: Vec<Decision>,
    /// Titles, notes and footnotes around the data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    sheet_notes: Vec<String>,
    /// Units and footnotes of columns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    column_notes: Vec<ColumnNote>,
    /// What users noted with `annotate_sheet`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    annotations: Vec<Annotated>,
    version: u64,
    /// Newest first.
    versions: Vec<Snapshot>,
    /// Whether columns were left out: name them in `columns`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Column {
    name: String,
    /// A DuckDB type.
    #[serde(rename = "type")]
    type_name: String,
    /// Why it has its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    because: Option<String>,
    n_null: u64,
    /// Different values; null where they can't be compared.
    #[schemars(schema_with = "anything")]
    n_distinct: Option<u64>,
    #[schemars(schema_with = "anything")]
    min: Value,
    #[schemars(schema_with = "anything")]
    max: Value,
    /// All values, where there are 20 or fewer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "list", default)]
    values: Option<Vec<Value>>,
    /// The first few values, where there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "list", default)]
    examples: Option<Vec<Value>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Snapshot {
    version: u64,
    n_rows: u64,
    /// Tool that made it.
    made_by: String,
    /// UTC.
    created_at: String,
}

/// Columns with no more different values have them all listed.
const FEW: usize = 20;
const N_EXAMPLES: usize = 3;

fn lists_all(profile: &ColumnProfile) -> bool {
    profile.is_complete && profile.values.len() <= FEW
}

/// Versions listed; the history has them all.
const N_VERSIONS: usize = 5;

impl Reply for Description {
    const CUTS: bool = true;

    fn n_items(&self) -> usize {
        self.columns.len()
    }

    fn keep(&mut self, n_items: usize) {
        self.columns.truncate(n_items);
        self.truncated = true;
    }
}

impl Tool for DescribeSheet {
    type Args = Args;
    type Reply = Description;

    const NAME: &'static str = "describe_sheet";
    const TITLE: &'static str = "Describe a sheet";
    const ABOUT: &'static str = "Returns columns with type, nulls, distinct, range and values (all if 20 or fewer) over all \
        rows; issues and decisions of the import; notes; versions. Call it before writing SQL.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<Description, Fault> {
        let described = call.workspace.describe(&args.sheet, &args.columns, &call.context).await?;
        let sheet = described.sheet;
        let layout = sheet.version.layout.unwrap_or_default();
        // They go with their columns, so that a wide sheet's reply can be cut.
        let (types, decisions): (Vec<_>, Vec<_>) = layout.decisions.into_iter().partition(|it| it.about == "type");
        let mut reasons: HashMap<String, String> = types.into_iter().map(|it| (it.decided, it.because)).collect();
        let columns = described.columns.into_iter().map(|(column, profile)| (lists_all(&profile), column, profile));
        let columns = columns.map(|(lists_all, column, profile)| Column {
            because: reasons.remove(&format!("{}: {}", column.name, column.type_name)),
            name: column.name,
            type_name: column.type_name,
            n_null: profile.n_null,
            n_distinct: profile.n_distinct,
            min: profile.min,
            max: profile.max,
            values: lists_all.then(|| profile.values.clone()),
            examples: (!lists_all).then(|| profile.values.into_iter().take(N_EXAMPLES).collect()),
        });
        let reading = described.versions.iter().find(|version| version.number == sheet.version.reading);
        let source = match reading.and_then(Version::saved_from) {
            Some((base, number)) => format!("made from version {number} of `{base}`"),
            None => sheet.source.shown(),
        };
        let versions = described.versions.into_iter().take(N_VERSIONS).map(|version| Snapshot {
            version: version.number,
            n_rows: version.n_rows,
            made_by: version.tool().to_owned(),
            created_at: utc(version.created_at),
        });
        Ok(Description {
            name: sheet.name.to_string(),
            n_rows: sheet.version.n_rows,
            n_columns: u64::try_from(sheet.version.columns.len()).unwrap_or(u64::MAX),
            columns: columns.collect(),
            header_rows: layout.header_rows,
            decisions,
            sheet_notes: layout.notes,
            column_notes: layout.column_notes,
            annotations: described.annotations.into_iter().map(Annotated::from).collect(),
            version: sheet.version.number,
            issues: sheet.version.issues,
            source,
            title: sheet.title,
            versions: versions.collect(),
            truncated: false,
            notes: described.notes,
        })
    }
}

/// Unix milliseconds as ISO 8601.
fn utc(at: i64) -> String {
    DateTime::from_timestamp_millis(at).map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

fn anything(_: &mut SchemaGenerator) -> Schema {
    json_schema!({})
}

fn list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {}})
}
