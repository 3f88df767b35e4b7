//! `delete_sheet`: a sheet and all its versions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct DeleteSheet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A sheet.
    sheet: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deleted {
    /// Name of the deleted sheet.
    deleted: String,
    /// Rows that it had.
    n_rows: u64,
}

impl Reply for Deleted {}

impl Tool for DeleteSheet {
    type Args = Args;
    type Reply = Deleted;

    const NAME: &'static str = "delete_sheet";
    const TITLE: &'static str = "Delete a sheet";
    const ABOUT: &'static str = "Deletes a sheet with all its versions; `restore_version` brings it back for 30 days.";
    const EFFECT: Effect = Effect::Destroys;

    async fn run(call: &Call<'_>, args: Args) -> Result<Deleted, Fault> {
        let sheet = call.workspace.delete(&args.sheet).await?;
        Ok(Deleted { deleted: sheet.name.to_string(), n_rows: sheet.version.n_rows })
    }
}
