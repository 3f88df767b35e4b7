//! `list_sheets`: what there is to query.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct ListSheets;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Text in name, title, file or column.
    #[serde(default)]
    search: String,
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: String,
    /// Sheets to return.
    #[serde(default = "default_limit")]
    #[schemars(range(max = 500))]
    limit: u64,
}

fn default_limit() -> u64 {
    50
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listing {
    sheets: Vec<Item>,
    /// Sheets that match, on all pages.
    n_total: u64,
    /// `cursor` of the next page; absent when this is the last.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schemars(default)]
    next_cursor: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Item {
    /// The table's name in `query`.
    name: String,
    n_rows: u64,
    n_columns: u64,
    /// Names of the first columns.
    columns: Vec<String>,
    /// File or upload that it was read from.
    source: String,
    /// The worksheet's name.
    title: String,
    /// Hidden in its workbook.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    hidden: bool,
    /// Findings of the import; `describe_sheet` has them.
    n_issues: u64,
}

/// Column names per sheet.
const N_COLUMNS: usize = 12;

impl Reply for Listing {
    const CUTS: bool = true;

    fn n_items(&self) -> usize {
        self.sheets.len()
    }

    fn keep(&mut self, n_items: usize) {
        self.sheets.truncate(n_items);
        self.next_cursor = self.sheets.last().map(|sheet| sheet.name.clone()).unwrap_or_default();
    }

    fn n_rows(&self) -> Option<u64> {
        u64::try_from(self.sheets.len()).ok()
    }
}

impl Tool for ListSheets {
    type Args = Args;
    type Reply = Listing;

    const NAME: &'static str = "list_sheets";
    const TITLE: &'static str = "List sheets";
    const ABOUT: &'static str = "Lists the sheets: names, sizes, first columns, sources. Start here; then \
        `describe_sheet`. `import_file` adds files.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<Listing, Fault> {
        let limit = args.limit.clamp(1, 500);
        let listing = call.workspace.list(&args.search, &args.cursor, limit, &call.context).await?;
        let next_cursor = if listing.is_last {
            String::new()
        } else {
            listing.sheets.last().map(|sheet| sheet.name.to_string()).unwrap_or_default()
        };
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let mut notes = listing.notes;
        if listing.n_total == 0 && args.search.is_empty() {
            notes.push("there are no sheets yet: call `import_file`".to_owned());
        }
        let sheets = listing
            .sheets
            .into_iter()
            .map(|sheet| Item {
                name: sheet.name.to_string(),
                n_rows: sheet.version.n_rows,
                n_columns: count(sheet.version.columns.len()),
                columns: sheet.version.columns.iter().take(N_COLUMNS).map(|column| column.name.clone()).collect(),
                source: sheet.source.shown(),
                title: sheet.title,
                hidden: sheet.hidden,
                n_issues: count(sheet.version.issues.len()),
            })
            .collect();
        Ok(Listing { sheets, n_total: listing.n_total, next_cursor, notes })
    }
}
