//! `import_file`: a file's tables become sheets.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    fault::{Code, Fault},
    ingest::{Options, Totals, fixes::Fixes, receipt::Issue},
    tool::{
        Call, Effect, Tool,
        reply::{self, Reply},
    },
    value::Column,
    workspace,
};

pub(super) struct ImportFile;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Local file, linked: its changes are read; or absent
    #[serde(default)]
    #[schemars(with = "String")]
    path: Option<String>,
    /// Of content, e.g. sales.csv; again: a new version; or absent
    #[serde(default)]
    #[schemars(with = "String")]
    name: Option<String>,
    /// Its text, or absent
    #[serde(default)]
    #[schemars(with = "String")]
    content: Option<String>,
    /// Its bytes, or absent
    #[serde(default)]
    #[schemars(with = "String")]
    content_base64: Option<String>,
    /// Of text, e.g. ";"; found if absent
    #[serde(default)]
    #[schemars(with = "String")]
    delimiter: Option<String>,
    /// Of text; found if absent
    #[serde(default)]
    #[schemars(with = "String")]
    encoding: Option<String>,
    /// Of the names, from 1; 0: none; found if absent
    #[serde(default)]
    #[schemars(with = "u64")]
    header_row: Option<u64>,
    /// Only this worksheet; all if absent
    #[serde(default)]
    #[schemars(with = "String")]
    sheet: Option<String>,
    /// keep: rows of totals are data; left out if absent
    #[serde(default)]
    #[schemars(with = "String")]
    totals: Option<Totals>,
    /// Also kept as text, `X__raw`.
    #[serde(default)]
    raw_columns: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Imported {
    sheets: Vec<Sheet>,
    /// Format that was found, and of text files encoding and delimiter.
    format: String,
    /// Whether sheets or columns were left out of this reply.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    truncated: bool,
    /// Findings that concern the whole file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    issues: Vec<Issue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Sheet {
    /// The table's name in `query`.
    name: String,
    /// The worksheet's name.
    title: String,
    /// `new`, `changed` (a new version), `unchanged`, or `held`: a step failed on the new rows, see `notes`.
    state: String,
    version: u64,
    n_rows: u64,
    n_columns: u64,
    columns: Vec<Column>,
    /// What the reading met: nothing is dropped silently.
    issues: Vec<Issue>,
    /// Hidden in its workbook.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    hidden: bool,
}

impl Reply for Imported {
    const CUTS: bool = true;

    /// Sheets and columns count alike.
    fn n_items(&self) -> usize {
        self.sheets.iter().map(|sheet| 1 + sheet.columns.len()).sum()
    }

    fn keep(&mut self, n_items: usize) {
        let mut left = n_items.max(1);
        let n_all = self.sheets.len();
        self.sheets.retain_mut(|sheet| {
            if left == 0 {
                return false;
            }
            left -= 1;
            sheet.columns.truncate(left);
            left -= sheet.columns.len();
            true
        });
        if !self.truncated {
            self.truncated = true;
            self.notes.push(format!(
                "{n_all} sheets were imported; what is left out here is in `list_sheets` and `describe_sheet`"
            ));
        }
    }

    fn n_rows(&self) -> Option<u64> {
        Some(self.sheets.iter().map(|sheet| sheet.n_rows).sum())
    }
}

impl Tool for ImportFile {
    type Args = Args;
    type Reply = Imported;

    const NAME: &'static str = "import_file";
    const TITLE: &'static str = "Import a file";
    const ABOUT: &'static str = "Reads a file (csv, tsv, xlsx, xlsm, xlsb, xls, ods, parquet, json) into sheets for \
        `query`, one for each table. Give `path`, or `name` with `content` or `content_base64`. The \
        same file again gives the same sheets.";
    const EFFECT: Effect = Effect::Writes;

    async fn run(call: &Call<'_>, args: Args) -> Result<Imported, Fault> {
        let options = Options {
            delimiter: args.delimiter.and_then(given),
            encoding: args.encoding.and_then(given),
            header_row: args.header_row,
            sheet: args.sheet.and_then(given),
            totals: args.totals.unwrap_or_default(),
            raw_columns: args.raw_columns,
            fixes: Fixes::default(),
        };
        let outcome = match (
            args.path.and_then(given),
            args.name.and_then(given),
            args.content.and_then(given),
            args.content_base64.and_then(given),
        ) {
            (Some(path), None, None, None) => call.workspace.import_path(&path, options, &call.context).await?,
            (None, Some(name), Some(text), None) => {
                call.workspace.import_bytes(&name, text.into_bytes(), options, &call.context).await?
            }
            (None, Some(name), None, Some(base64)) => {
                let bytes = STANDARD.decode(base64.trim().as_bytes()).map_err(|error| {
                    Fault::new(Code::InvalidArguments, format!("`content_base64` is not base64: {error}"))
                        .hint("use standard base64 with padding, or `content` for text")
                })?;
                call.workspace.import_bytes(&name, bytes, options, &call.context).await?
            }
            _ => {
                return Err(Fault::new(Code::InvalidArguments, "it is not clear which file to import")
                    .hint("give `path` alone, or `name` with one of `content` and `content_base64`"));
            }
        };
        Ok(Imported::of(outcome))
    }
}

impl Imported {
    pub(super) fn of(outcome: workspace::Imported) -> Imported {
        let sheets = outcome.sheets.into_iter().map(|(sheet, state)| Sheet {
            name: sheet.name.to_string(),
            title: sheet.title,
            state: state.to_owned(),
            version: sheet.version.number,
            n_rows: sheet.version.n_rows,
            n_columns: u64::try_from(sheet.version.columns.len()).unwrap_or(u64::MAX),
            columns: sheet.version.columns,
            issues: sheet.version.issues.into_iter().map(Issue::short).collect(),
            hidden: sheet.hidden,
        });
        Imported {
            sheets: sheets.collect(),
            format: outcome.format,
            truncated: false,
            issues: outcome.issues,
            notes: outcome.notes,
        }
    }
}

/// What the tool would answer, whichever way the file came.
pub(super) fn reply_of(outcome: workspace::Imported) -> Result<Value, Fault> {
    reply::fitted(Imported::of(outcome), reply::DEFAULT_BYTES)
}

pub(super) fn given(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
