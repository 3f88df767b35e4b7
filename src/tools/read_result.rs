//! `read_result`: the next page of a query's result.

use schemars::JsonSchema;
use serde::Deserialize;

use super::rows::RowsReply;
use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool},
};

pub(super) struct ReadResult;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// From `query`; good for an hour.
    result: String,
    /// The last page's `next_offset`.
    #[serde(default)]
    offset: u64,
    /// Rows to return.
    #[serde(default = "default_max_rows")]
    #[schemars(range(max = 10_000))]
    max_rows: u64,
}

fn default_max_rows() -> u64 {
    200
}

impl Tool for ReadResult {
    type Args = Args;
    type Reply = RowsReply;

    const NAME: &'static str = "read_result";
    const TITLE: &'static str = "Read more of a result";
    const ABOUT: &'static str = "Returns the next rows of a cut `query` result, without running it again.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<RowsReply, Fault> {
        let max_rows = args.max_rows.clamp(1, 10_000);
        let part = call.workspace.read_result(&args.result, args.offset, max_rows, call.max_bytes).await?;
        Ok(RowsReply::of_result(part, args.offset, args.result))
    }
}
