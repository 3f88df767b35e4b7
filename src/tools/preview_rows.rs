//! `preview_rows`: a page of a sheet's rows, as they are.

use schemars::JsonSchema;
use serde::Deserialize;

use super::rows::RowsReply;
use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool},
};

pub(super) struct PreviewRows;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A sheet.
    sheet: String,
    /// Rows to return.
    #[serde(default = "default_n_rows")]
    #[schemars(range(max = 1_000))]
    n_rows: u64,
    /// Rows to skip.
    #[serde(default)]
    offset: u64,
    /// All when empty.
    #[serde(default)]
    columns: Vec<String>,
}

fn default_n_rows() -> u64 {
    20
}

impl Tool for PreviewRows {
    type Args = Args;
    type Reply = RowsReply;

    const NAME: &'static str = "preview_rows";
    const TITLE: &'static str = "Preview rows";
    const ABOUT: &'static str = "A page of a sheet's rows in the file's order. To filter, sort or aggregate use \
        `query`.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<RowsReply, Fault> {
        let n_rows = args.n_rows.clamp(1, 1_000);
        let part = call
            .workspace
            .preview(&args.sheet, &args.columns, args.offset, n_rows, call.max_bytes, &call.context)
            .await?;
        Ok(RowsReply::of_sheet(part, args.offset))
    }
}
