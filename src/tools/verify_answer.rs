//! `verify_answer`: an answer of `ask` that a user found right.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct VerifyAnswer;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Its `id`.
    answer: String,
    /// Whether it is right.
    #[serde(default = "yes")]
    verified: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Verified {
    answer: String,
    verified: bool,
}

impl Reply for Verified {}

impl Tool for VerifyAnswer {
    type Args = Args;
    type Reply = Verified;

    const NAME: &'static str = "verify_answer";
    const TITLE: &'static str = "Mark an answer as right";
    const ABOUT: &'static str = "Marks an answer of `ask` as right, once the user says so: an example for later \
        questions.";
    const EFFECT: Effect = Effect::Writes;

    async fn run(call: &Call<'_>, args: Args) -> Result<Verified, Fault> {
        let Args { answer, verified } = args;
        call.workspace.verify_answer(&answer, verified).await?;
        Ok(Verified { answer, verified })
    }
}
