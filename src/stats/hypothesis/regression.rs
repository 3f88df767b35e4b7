//! Linear regression by least squares, from means and products that DuckDB sums: no row leaves it.

use serde_json::Value;

use super::{
    Coefficient, Estimate, Outcome,
    means::with_df,
    sample::{Sample, constant, must_have, unfit},
};
use crate::{
    fault::Fault,
    stats::{dist, matrix::Matrix, number, real, shown, sql},
    value::Column,
};

/// Predictors of one regression.
const MAX_PREDICTORS: usize = 50;

/// Means, spreads and correlations of the columns: the outcome first, then the predictors.
struct Moments {
    n: f64,
    means: Vec<f64>,
    /// Roots of the sums of squares about the mean.
    spreads: Vec<f64>,
    correlations: Matrix,
}

pub(super) fn linear(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let columns: Vec<&Column> = sample.question.columns.iter().collect();
    let (Some((outcome_column, predictors)), true) = (columns.split_first(), columns.len() >= 2) else {
        return Err(unfit(format!("{} columns do not fit a regression", columns.len()))
            .hint("`columns` takes the outcome first, then one predictor or more"));
    };
    if predictors.len() > MAX_PREDICTORS {
        return Err(unfit(format!("{} predictors in one regression", predictors.len()))
            .hint(format!("name at most {MAX_PREDICTORS}")));
    }
    sample.must_all_be_numeric()?;
    let moments = moments(sample, &columns)?;
    let n_predictors = real(u64::try_from(predictors.len()).unwrap_or(u64::MAX));
    let n = moments.n;
    must_have(n, n_predictors + 2.0, "the regression")?;
    let (intercept_free, inverse, explained) = fit(&moments, predictors)?;
    let [spread, predictor_spreads @ ..] = moments.spreads.as_slice() else { return Err(no_outcome()) };
    let [mean, predictor_means @ ..] = moments.means.as_slice() else { return Err(no_outcome()) };
    let (df_model, df_rest) = (n_predictors, n - n_predictors - 1.0);
    let r2 = explained.clamp(0.0, 1.0);
    let rest = (1.0 - explained).max(0.0) * spread * spread;
    let variance = rest / df_rest;
    let f = (r2 / df_model) / ((1.0 - explained).max(0.0) / df_rest);
    if !f.is_finite() {
        return Err(unfit(format!("`{}` is an exact linear function of the predictors", outcome_column.name))
            .hint("leave out the predictor that it is computed from"));
    }
    let slopes: Vec<f64> =
        intercept_free.iter().zip(predictor_spreads).map(|(beta, predictor)| beta * spread / predictor).collect();
    // The intercept's variance: of the mean, and of the slopes at the predictors' means.
    let at_means: Vec<f64> =
        predictor_means.iter().zip(predictor_spreads).map(|(mean, spread)| mean / spread).collect();
    let mut quadratic = 0.0;
    for (row_idx, a) in at_means.iter().enumerate() {
        for (col_idx, b) in at_means.iter().enumerate() {
            quadratic += a * b * inverse.at(row_idx, col_idx);
        }
    }
    let intercept = mean - slopes.iter().zip(predictor_means).map(|(slope, mean)| slope * mean).sum::<f64>();
    let margin = dist::t_quantile_975(df_rest);
    let coefficient = |name: &str, value: f64, std_error: f64| Coefficient {
        name: name.to_owned(),
        value,
        std_error,
        t: value / std_error,
        p_value: dist::t_two_sided(value / std_error, df_rest),
        ci_low: value - margin * std_error,
        ci_high: value + margin * std_error,
    };
    let mut coefficients = vec![coefficient("(intercept)", intercept, (variance * (1.0 / n + quadratic)).sqrt())];
    for (idx, ((column, slope), spread)) in predictors.iter().zip(&slopes).zip(predictor_spreads).enumerate() {
        coefficients.push(coefficient(&column.name, *slope, (variance * inverse.at(idx, idx)).sqrt() / spread));
    }
    let method =
        "linear regression by ordinary least squares, with an intercept: independent rows, errors of equal variance";
    let mut outcome = Outcome::new(sample, method, ("F", f), dist::f_upper(f, df_model, df_rest))
        .effect("r squared", r2)
        .effect("adjusted r squared", 1.0 - (1.0 - r2) * (n - 1.0) / df_rest)
        .effect("residual standard error", variance.sqrt())
        .conclude(
            &format!("the predictors explain {}% of the variance of `{}`", shown(100.0 * r2), outcome_column.name),
            &format!("the predictors are not shown to explain `{}`", outcome_column.name),
        );
    if let ([_, only], [column]) = (coefficients.as_slice(), predictors) {
        outcome.estimates.push(Estimate {
            name: format!("change of {} per unit of {}", outcome_column.name, column.name),
            value: only.value,
            ci_low: only.ci_low,
            ci_high: only.ci_high,
        });
    }
    outcome.coefficients = coefficients;
    Ok(with_df(sample.fill(outcome, n), &[df_model, df_rest]))
}

/// Standardised coefficients, the inverse of the predictors' correlations, and the share of variance explained.
fn fit(moments: &Moments, predictors: &[&Column]) -> Result<(Vec<f64>, Matrix, f64), Fault> {
    let n_predictors = predictors.len();
    let mut between = Matrix::zero(n_predictors);
    for row_idx in 0..n_predictors {
        for col_idx in 0..n_predictors {
            between.set(row_idx, col_idx, moments.correlations.at(row_idx + 1, col_idx + 1));
        }
    }
    let inverse = between.inverse().map_err(|col_idx| {
        let name = predictors.get(col_idx).map_or("", |column| column.name.as_str());
        unfit(format!("`{name}` is a linear combination of the predictors before it")).hint("leave it out")
    })?;
    let with_outcome: Vec<f64> = (1..=n_predictors).map(|idx| moments.correlations.at(0, idx)).collect();
    let betas: Vec<f64> = (0..n_predictors)
        .map(|row_idx| (0..).zip(&with_outcome).map(|(col_idx, r)| inverse.at(row_idx, col_idx) * r).sum())
        .collect();
    let explained = betas.iter().zip(&with_outcome).map(|(beta, r)| beta * r).sum();
    Ok((betas, inverse, explained))
}

fn moments(sample: &mut Sample<'_>, columns: &[&Column]) -> Result<Moments, Fault> {
    let rows = sample.complete(columns);
    let names: Vec<String> = (0..columns.len()).map(|idx| format!("v{idx}")).collect();
    let list = |each: &dyn Fn(&String) -> String| names.iter().map(each).collect::<Vec<_>>().join(", ");
    let first = sample.single(&format!(
        "SELECT count(*), {}, {} FROM {rows}",
        list(&|name| format!("avg({name})")),
        list(&|name| format!("min({name}) = max({name})"))
    ))?;
    let n = number(first.first());
    must_have(n, 3.0, "the regression")?;
    let means: Vec<f64> = first.iter().skip(1).take(columns.len()).map(|cell| number(Some(cell))).collect();
    let constants = first.iter().skip(1 + columns.len());
    if let Some((column, _)) = columns.iter().zip(constants).find(|(_, cell)| cell.as_bool() == Some(true)) {
        return Err(constant(&column.name));
    }
    // About the means, or large values would take the digits.
    let centred: Vec<String> =
        names.iter().zip(&means).map(|(name, mean)| format!("{name} - {} AS {name}", sql::double(*mean))).collect();
    let pairs: Vec<(usize, usize)> = (0..columns.len()).flat_map(|a| (a..columns.len()).map(move |b| (a, b))).collect();
    let products: Vec<String> = pairs.iter().map(|(a, b)| format!("sum(v{a} * v{b})")).collect();
    let second: Vec<Value> =
        sample.single(&format!("SELECT {} FROM (SELECT {} FROM {rows})", products.join(", "), centred.join(", ")))?;
    let mut sums = Matrix::zero(columns.len());
    for ((a, b), cell) in pairs.iter().zip(&second) {
        sums.set(*a, *b, number(Some(cell)));
        sums.set(*b, *a, number(Some(cell)));
    }
    let spreads: Vec<f64> = (0..columns.len()).map(|idx| sums.at(idx, idx).sqrt()).collect();
    for (row_idx, a) in spreads.iter().enumerate() {
        for (col_idx, b) in spreads.iter().enumerate() {
            let correlation = if row_idx == col_idx { 1.0 } else { sums.at(row_idx, col_idx) / (a * b) };
            sums.set(row_idx, col_idx, correlation);
        }
    }
    Ok(Moments { n, means, spreads, correlations: sums })
}

fn no_outcome() -> Fault {
    Fault::internal("a regression without an outcome")
}
