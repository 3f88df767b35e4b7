//! `query`: one SELECT over any number of sheets.

use schemars::JsonSchema;
use serde::Deserialize;

use super::rows::RowsReply;
use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool},
};

pub(super) struct Query;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// One SELECT. Sheets are tables; quote column names such as "Unit price".
    sql: String,
    /// Rows to return.
    #[serde(default = "default_max_rows")]
    #[schemars(range(max = 10_000))]
    max_rows: u64,
}

fn default_max_rows() -> u64 {
    200
}

impl Tool for Query {
    type Args = Args;
    type Reply = RowsReply;

    const NAME: &'static str = "query";
    const TITLE: &'static str = "Query sheets with SQL";
    const ABOUT: &'static str = "Runs one read-only SELECT (DuckDB dialect) over any sheets, joined by name. \
        A cut reply has a `result` handle for `read_result`. Aggregate in SQL \
        rather than reading rows. Call `describe_sheet` first for exact names and values. For files use `import_file`.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<RowsReply, Fault> {
        let max_rows = args.max_rows.clamp(1, 10_000);
        let answer = call.workspace.query(&args.sql, max_rows, call.max_bytes, &call.context).await?;
        Ok(RowsReply::of_query(answer.page, answer.result, answer.notes))
    }
}
