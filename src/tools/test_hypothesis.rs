//! `test_hypothesis`: statistical tests over a sheet's rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    stats::hypothesis::{Outcome, Test},
    tool::{Call, Effect, Tool, reply::Reply},
    workspace::HypothesisRequest,
};

pub(super) struct TestHypothesis;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    test: Test,
    /// A sheet.
    sheet: String,
    /// Numeric; categories for `chi_square` (2), `goodness_of_fit` (1); `linear_regression`: outcome, predictors.
    columns: Vec<String>,
    /// Its values are the groups.
    #[serde(default)]
    group_by: String,
    /// Which of them, in order.
    #[serde(default)]
    groups: Vec<String>,
    /// SQL condition, e.g. amount > 0.
    #[serde(default, rename = "where")]
    condition: String,
    /// For `t_one_sample`.
    #[serde(default)]
    mean: f64,
    /// Shares of `groups`, for `goodness_of_fit`.
    #[serde(default)]
    expected: Vec<f64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TestReply {
    #[serde(flatten)]
    outcome: Outcome,
}

impl Reply for TestReply {}

impl Tool for TestHypothesis {
    type Args = Args;
    type Reply = TestReply;

    const NAME: &'static str = "test_hypothesis";
    const TITLE: &'static str = "Test a hypothesis";
    const ABOUT: &'static str = "Runs a statistical test or regression: statistic, two-sided p-value, 95% interval, \
        effect size. Groups are one column split by `group_by`, or several columns. Nulls are left out.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<TestReply, Fault> {
        let request = HypothesisRequest {
            test: args.test,
            sheet: args.sheet,
            columns: args.columns,
            group_by: args.group_by,
            groups: args.groups,
            condition: args.condition,
            mean: args.mean,
            expected: args.expected,
        };
        let (mut outcome, notes) = call.workspace.test_hypothesis(request, &call.context).await?;
        outcome.notes.extend(notes);
        Ok(TestReply { outcome })
    }
}
