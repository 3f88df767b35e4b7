//! Tests of hypotheses, as `SciPy` and statsmodels define them: two-sided, with their defaults.

mod association;
mod counts;
mod kolmogorov;
mod means;
mod normality;
mod ranks;
mod regression;
mod sample;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::sample::Sample;
use super::shown;
use crate::{engine::Engine, fault::Fault, name::SheetName, value::Column};

/// The test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    Pearson,
    Spearman,
    TWelch,
    TPaired,
    TOneSample,
    MannWhitney,
    Anova,
    KruskalWallis,
    ChiSquare,
    GoodnessOfFit,
    KolmogorovSmirnov,
    ShapiroWilk,
    DagostinoPearson,
    LinearRegression,
}

/// What is asked of a sheet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    pub test: Test,
    pub sheet: SheetName,
    pub columns: Vec<Column>,
    pub group_by: Option<Column>,
    /// Values of `group_by`, or of the one column of a goodness of fit.
    pub groups: Vec<String>,
    /// A condition of SQL; all rows where it is empty.
    pub condition: String,
    /// The mean that one sample is compared with.
    pub mean: f64,
    /// Shares, in the order of `groups`.
    pub expected: Vec<f64>,
}

/// What came out.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    pub test: Test,
    /// The variant, and what it assumes.
    pub method: String,
    /// Symbol of the statistic, such as t or F.
    pub statistic_name: String,
    pub statistic: f64,
    /// Two-sided, where the test has sides.
    pub p_value: f64,
    /// Degrees of freedom: between and within, for F.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub df: Vec<f64>,
    /// Rows (or values) used.
    pub n: u64,
    /// Rows (or values) left out: null, or not finite.
    pub n_dropped: u64,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub groups: Vec<Group>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub estimates: Vec<Estimate>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub effect_sizes: Vec<EffectSize>,
    /// Of a regression: the intercept, then each predictor.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub coefficients: Vec<Coefficient>,
    /// The result in words.
    pub conclusion: String,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

/// One group, or one column, and its values.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Group {
    pub name: String,
    pub n: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "f64")]
    pub mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "f64")]
    pub median: Option<f64>,
    /// Standard deviation, of a sample.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "f64")]
    pub sd: Option<f64>,
    /// Rows to be expected, in a test of counts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "f64")]
    pub expected: Option<f64>,
}

/// What the rows say of a quantity, with its 95% confidence interval.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    pub name: String,
    pub value: f64,
    pub ci_low: f64,
    pub ci_high: f64,
}

/// How large the effect is, whatever the number of rows.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct EffectSize {
    pub name: String,
    pub value: f64,
}

/// A regression's coefficient, with its 95% confidence interval.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Coefficient {
    pub name: String,
    pub value: f64,
    pub std_error: f64,
    pub t: f64,
    pub p_value: f64,
    pub ci_low: f64,
    pub ci_high: f64,
}

/// Runs a test.
///
/// Fails with `invalid_arguments` where the columns don't fit the test, or their values can't be tested.
pub fn run(engine: &mut Engine, question: &Question) -> Result<Outcome, Fault> {
    let mut sample = Sample::open(engine, question)?;
    let outcome = computed(&mut sample, question.test)?;
    if outcome.statistic.is_finite() {
        return Ok(outcome);
    }
    Err(sample::too_large("the numbers, or their differences,"))
}

fn computed(sample: &mut Sample<'_>, test: Test) -> Result<Outcome, Fault> {
    match test {
        Test::Pearson => association::pearson(sample),
        Test::Spearman => association::spearman(sample),
        Test::TWelch => means::welch(sample),
        Test::TPaired => means::paired(sample),
        Test::TOneSample => means::one_sample(sample),
        Test::MannWhitney => ranks::mann_whitney(sample),
        Test::Anova => means::anova(sample),
        Test::KruskalWallis => ranks::kruskal_wallis(sample),
        Test::ChiSquare => counts::independence(sample),
        Test::GoodnessOfFit => counts::goodness_of_fit(sample),
        Test::KolmogorovSmirnov => kolmogorov::two_sample(sample),
        Test::ShapiroWilk => normality::shapiro_wilk(sample),
        Test::DagostinoPearson => normality::dagostino_pearson(sample),
        Test::LinearRegression => regression::linear(sample),
    }
}

impl Outcome {
    fn new(sample: &Sample<'_>, method: &str, (name, statistic): (&str, f64), p_value: f64) -> Outcome {
        Outcome {
            test: sample.question.test,
            method: method.to_owned(),
            statistic_name: name.to_owned(),
            statistic,
            p_value: p_value.clamp(0.0, 1.0),
            df: Vec::new(),
            n: 0,
            n_dropped: 0,
            groups: Vec::new(),
            estimates: Vec::new(),
            effect_sizes: Vec::new(),
            coefficients: Vec::new(),
            conclusion: String::new(),
            notes: Vec::new(),
        }
    }

    fn effect(mut self, name: &str, value: f64) -> Outcome {
        self.effect_sizes.push(EffectSize { name: name.to_owned(), value });
        self
    }

    fn estimate(mut self, name: String, value: f64, margin: f64) -> Outcome {
        self.estimates.push(Estimate { name, value, ci_low: value - margin, ci_high: value + margin });
        self
    }

    /// One sentence, at the level of 5%.
    fn conclude(mut self, significant: &str, not: &str) -> Outcome {
        let p = if self.p_value < 1e-4 { "p < 0.0001".to_owned() } else { format!("p = {}", shown(self.p_value)) };
        self.conclusion = if self.p_value < 0.05 {
            format!("{significant} ({p}, significant at 5%)")
        } else {
            format!("{not} ({p}, not significant at 5%)")
        };
        self
    }
}
