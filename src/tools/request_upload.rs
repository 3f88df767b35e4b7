//! `request_upload`: an address for a file that the caller can't send through its model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool, reply::Reply},
    workspace::LIFE,
};

pub(super) struct RequestUpload;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The file's name, e.g. sales.csv.
    name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Address {
    /// Where to PUT the file; for one file, once.
    url: String,
    /// A command that does it; `FILE` is the file's path.
    command: String,
    expires_in_seconds: u64,
}

impl Reply for Address {}

impl Tool for RequestUpload {
    type Args = Args;
    type Reply = Address;

    const NAME: &'static str = "request_upload";
    const TITLE: &'static str = "Request an upload address";
    const ABOUT: &'static str = "Gives a one-time address for a local file that this server can't read: run its `command`, or \
        have the user run it; then `list_sheets`.";
    const EFFECT: Effect = Effect::Writes;

    async fn run(call: &Call<'_>, args: Args) -> Result<Address, Fault> {
        let url = call.workspace.upload_address(&args.name)?;
        let command = format!("curl -T FILE '{url}'");
        Ok(Address { url, command, expires_in_seconds: LIFE.as_secs() })
    }
}
