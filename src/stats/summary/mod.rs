//! What is in a sheet: exact statistics of each column over all rows, how columns relate, and what looks wrong.

mod columns;
mod findings;
mod relations;
mod scan;
mod values;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::schema::{anything, pairs};
use crate::{
    engine::Engine,
    fault::Fault,
    name::{ColumnName, SheetName},
    value::Column,
};

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    #[default]
    Brief,
    Full,
}

/// What is to be summarised.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subject {
    pub sheet: SheetName,
    pub columns: Vec<Column>,
    /// Whether those are all the sheet's columns.
    pub is_whole: bool,
    pub n_rows: u64,
    pub detail: Detail,
}

impl Subject {
    /// The columns, for a SELECT.
    fn list(&self) -> String {
        let quoted: Vec<String> = self.columns.iter().map(|column| ColumnName(&column.name).quoted()).collect();
        quoted.join(", ")
    }
}

/// Statistics of a sheet's columns, or of some of them.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// What looks wrong or odd, worst first.
    pub findings: Vec<Finding>,
    pub columns: Vec<ColumnSummary>,
    /// Pearson's r of pairs of numeric columns, strongest first: from 0.3 on when brief.
    pub correlations: Vec<Correlation>,
    /// Columns, or pairs of them, that tell every row apart and have no nulls.
    pub candidate_keys: Vec<Vec<String>>,
    /// Rows equal to an earlier one in these columns; null where only `full` counts them.
    #[schemars(schema_with = "anything")]
    pub n_duplicate_rows: Option<u64>,
}

/// Something to look at, and the SQL that shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    pub finding: String,
    /// For `query`.
    pub query: String,
}

/// Two columns that vary together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Correlation {
    pub columns: [String; 2],
    pub r: f64,
    /// Rows where both are set.
    #[serde(skip)]
    n_pairs: u64,
}

/// One column over all rows; what its type has no use for is absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ColumnSummary {
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
    pub n_null: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub n_distinct: Option<u64>,
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "anything")]
    pub min: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "anything")]
    pub max: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub mean: Option<f64>,
    /// Standard deviation, of a sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub sd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub q1: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub median: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub q3: Option<f64>,
    /// Adjusted for the sample's size.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub skew: Option<f64>,
    /// Beyond the quartiles by more than 1.5 times their distance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub n_outliers: Option<u64>,
    /// With a robust z (0.6745 |x - median| / MAD) over 3.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub n_robust_outliers: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub n_negative: Option<u64>,
    /// NaN and infinities, also of dates: in no other statistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub n_not_finite: Option<u64>,
    /// Shortest, mean and longest text, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "[f64; 3]")]
    pub lengths: Option<[f64; 3]>,
    /// From the first to the last, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "f64")]
    pub span_days: Option<f64>,
    /// Days within the span without any row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub n_days_missing: Option<u64>,
    /// The longest stretch without a row: its last value before, first after, and days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>")]
    pub longest_gap: Option<(Value, Value, f64)>,
    /// The commonest values, each with its rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "pairs")]
    pub top: Vec<(Value, u64)>,
    /// Equal bins from `min` to `max`, rows in each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub histogram: Vec<u64>,
}

/// Computes a summary.
pub fn run(engine: &mut Engine, subject: &Subject) -> Result<Summary, Fault> {
    let mut measured = columns::measure(engine, subject)?;
    let correlations = scan::second(engine, subject, &mut measured)?;
    let keys = relations::keys(engine, subject, &measured)?;
    let n_duplicate_rows = relations::duplicate_rows(engine, subject, !keys.is_empty())?;
    let findings = findings::of(subject, &measured, &correlations, n_duplicate_rows);
    let is_full = subject.detail == Detail::Full;
    let strong = correlations.into_iter().filter(|it| is_full || it.r.abs() >= 0.3);
    Ok(Summary {
        findings: findings.into_iter().take(if is_full { 60 } else { 10 }).collect(),
        correlations: strong
            .map(|it| Correlation { r: if is_full { it.r } else { columns::rounded(it.r, 8) }, ..it })
            .take(if is_full { 200 } else { 8 })
            .collect(),
        candidate_keys: keys,
        n_duplicate_rows,
        columns: measured.into_iter().map(|it| it.shown(subject.detail)).collect(),
    })
}
