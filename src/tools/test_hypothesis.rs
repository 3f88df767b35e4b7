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
    /// A sheet's name.
    sheet: String,
    /// Numeric; two categories for chi_square, one for goodness_of_fit; outcome, then predictors for linear_regression.
    columns: Vec<String>,
    /// Column whose values split one of `columns` into independent groups.
    #[serde(default)]
    group_by: String,
    /// Only these values, in this order, e.g. ["north","south"].
    #[serde(default)]
    groups: Vec<String>,
    /// SQL condition on rows, e.g. amount > 0.
    #[serde(default, rename = "where")]
    condition: String,
    /// For t_one_sample.
    #[serde(default)]
    mean: f64,
    /// For goodness_of_fit: shares, in the order of `groups`; equal when empty.
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
    const ABOUT: &'static str = "Runs a statistical test or regression over a sheet's rows: statistic, two-sided \
        p-value, degrees of freedom, groups, 95% intervals, effect size, and the result in words. t_welch, \
        mann_whitney, kolmogorov_smirnov compare two groups, anova and kruskal_wallis several: one column with \
        `group_by`, or several columns. Rows with nulls are left out and counted.";
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
