//! `summarize_sheet`: statistics of a sheet's columns, and what looks wrong.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    engine::types::is_comparable,
    fault::Fault,
    stats::summary::{ColumnSummary, Correlation, Detail, Finding},
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct SummarizeSheet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A sheet.
    sheet: String,
    /// All when empty.
    #[serde(default)]
    columns: Vec<String>,
    /// full adds histograms.
    #[serde(default)]
    detail: Detail,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct SummaryReply {
    name: String,
    version: u64,
    n_rows: u64,
    n_columns: u64,
    /// What looks wrong or odd, worst first.
    findings: Vec<Finding>,
    /// Columns, or pairs of them, that tell every row apart and have no nulls.
    candidate_keys: Vec<Vec<String>>,
    /// Rows equal to an earlier one; absent where only `full` counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64", default)]
    n_duplicate_rows: Option<u64>,
    /// Pearson's r of pairs of numeric columns, strongest first.
    correlations: Vec<Correlation>,
    columns: Vec<ColumnSummary>,
    /// Whether columns were left out: name them in `columns`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    truncated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
}

impl Reply for SummaryReply {
    const CUTS: bool = true;

    fn n_items(&self) -> usize {
        self.columns.len()
    }

    fn keep(&mut self, n_items: usize) {
        self.columns.truncate(n_items);
        self.truncated = true;
    }
}

impl Tool for SummarizeSheet {
    type Args = Args;
    type Reply = SummaryReply;

    const NAME: &'static str = "summarize_sheet";
    const TITLE: &'static str = "Summarize a sheet";
    const ABOUT: &'static str = "Exact statistics over all rows: nulls, distinct, range, mean, sd, quartiles, outliers, top \
        values, gaps; correlations, duplicates, keys; findings on quality with SQL that shows them.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<SummaryReply, Fault> {
        let found = call.workspace.summarize(&args.sheet, &args.columns, args.detail, &call.context).await?;
        let (version, summary) = (found.sheet.version, found.summary);
        let mut notes = found.notes;
        let odd = summary.columns.iter().find(|column| !is_comparable(&column.type_name));
        match (summary.n_duplicate_rows, odd) {
            (Some(_), _) => {}
            (None, Some(odd)) => {
                notes
                    .push(format!("duplicate rows are not counted: `{}` is {}, not compared", odd.name, odd.type_name));
            }
            (None, None) if args.detail == Detail::Brief => {
                notes.push("duplicate rows of a sheet this large are counted with `detail` full".to_owned());
            }
            (None, None) => {
                notes.push("duplicate rows are not counted: that takes more memory than there is".to_owned());
            }
        }
        Ok(SummaryReply {
            name: found.sheet.name.to_string(),
            version: version.number,
            n_rows: version.n_rows,
            n_columns: u64::try_from(version.columns.len()).unwrap_or(u64::MAX),
            findings: summary.findings,
            candidate_keys: summary.candidate_keys,
            n_duplicate_rows: summary.n_duplicate_rows,
            correlations: summary.correlations,
            columns: summary.columns,
            truncated: false,
            notes,
        })
    }
}
