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
    /// A subquery of the columns as `v0`, `v1`, …, each less its mean and divided by its spread.
    rows: String,
}

/// The share of the variance below which what is left is the rounding of the numbers.
const NOTHING_LEFT: f64 = 1e-26;

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
    let (mut betas, inverse) = fit(&moments, predictors)?;
    // Of nearly dependent predictors the products have lost digits, which what is left over has.
    for _ in 0..2 {
        let (_, off) = residuals(sample, &moments, &betas, &inverse)?;
        betas.iter_mut().zip(off).for_each(|(beta, off)| *beta += off);
    }
    let (unexplained, _) = residuals(sample, &moments, &betas, &inverse)?;
    let [spread, predictor_spreads @ ..] = moments.spreads.as_slice() else { return Err(no_outcome()) };
    let [mean, predictor_means @ ..] = moments.means.as_slice() else { return Err(no_outcome()) };
    let (df_model, df_rest) = (n_predictors, n - n_predictors - 1.0);
    let r2 = (1.0 - unexplained).clamp(0.0, 1.0);
    let variance = unexplained / df_rest * spread * spread;
    let f = (r2 / df_model) / (unexplained / df_rest);
    if unexplained <= NOTHING_LEFT {
        return Err(unfit(format!("`{}` is an exact linear function of the predictors", outcome_column.name))
            .hint("leave out the predictor that it is computed from"));
    }
    let slopes: Vec<f64> =
        betas.iter().zip(predictor_spreads).map(|(beta, predictor)| beta * spread / predictor).collect();
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

/// Standardised coefficients, and the inverse of the predictors' correlations.
fn fit(moments: &Moments, predictors: &[&Column]) -> Result<(Vec<f64>, Matrix), Fault> {
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
    Ok((betas, inverse))
}

fn moments(sample: &mut Sample<'_>, columns: &[&Column]) -> Result<Moments, Fault> {
    let rows = sample.complete(columns);
    let names: Vec<String> = (0..columns.len()).map(|idx| format!("v{idx}")).collect();
    let list = |each: &dyn Fn(&String) -> String| names.iter().map(each).collect::<Vec<_>>().join(", ");
    let first = sample.single(&format!(
        "SELECT count(*), {}, {}, {} FROM {rows}",
        list(&|name| format!("favg({name})")),
        list(&|name| format!("min({name})")),
        list(&|name| format!("max({name})"))
    ))?;
    let n = number(first.first());
    must_have(n, 3.0, "the regression")?;
    let figures = |which: usize| -> Vec<f64> {
        first.iter().skip(1 + which * columns.len()).take(columns.len()).map(|cell| number(Some(cell))).collect()
    };
    let (means, lows, highs) = (figures(0), figures(1), figures(2));
    let mut centred = Vec::new();
    let mut reaches = Vec::new();
    for ((column, name), (mean, (low, high))) in
        columns.iter().zip(&names).zip(means.iter().zip(lows.iter().zip(&highs)))
    {
        if low >= high {
            return Err(constant(&column.name));
        }
        centred.push(format!("{} AS {name}", sql::centred(name, *mean, *low, *high)));
        reaches.push((high - mean).max(mean - low));
    }
    let centred = format!("(SELECT {} FROM {rows})", centred.join(", "));
    let pairs: Vec<(usize, usize)> = (0..columns.len()).flat_map(|a| (a..columns.len()).map(move |b| (a, b))).collect();
    let products: Vec<String> = pairs.iter().map(|(a, b)| format!("fsum(v{a} * v{b})")).collect();
    let second: Vec<Value> = sample.single(&format!("SELECT {} FROM {centred}", products.join(", ")))?;
    let mut sums = Matrix::zero(columns.len());
    for ((a, b), cell) in pairs.iter().zip(&second) {
        sums.set(*a, *b, number(Some(cell)));
        sums.set(*b, *a, number(Some(cell)));
    }
    let roots: Vec<f64> = (0..columns.len()).map(|idx| sums.at(idx, idx).sqrt()).collect();
    for (row_idx, a) in roots.iter().enumerate() {
        for (col_idx, b) in roots.iter().enumerate() {
            let correlation = if row_idx == col_idx { 1.0 } else { sums.at(row_idx, col_idx) / (a * b) };
            sums.set(row_idx, col_idx, correlation);
        }
    }
    let standardised: Vec<String> =
        names.iter().zip(&roots).map(|(name, root)| format!("{name} / {} AS {name}", sql::double(*root))).collect();
    let rows = format!("(SELECT {} FROM {centred})", standardised.join(", "));
    let spreads = roots.iter().zip(&reaches).map(|(root, reach)| root * reach).collect();
    Ok(Moments { n, means, spreads, correlations: sums, rows })
}

/// What the coefficients leave: the share of the variance, and how much each coefficient is still off by.
fn residuals(
    sample: &mut Sample<'_>,
    moments: &Moments,
    betas: &[f64],
    inverse: &Matrix,
) -> Result<(f64, Vec<f64>), Fault> {
    let fitted: Vec<String> =
        (1..).zip(betas).map(|(idx, beta): (usize, _)| format!("v{idx} * {}", sql::double(*beta))).collect();
    let sums: Vec<String> = (1..=betas.len()).map(|idx| format!("fsum(e * v{idx})")).collect();
    let row = sample.single(&format!(
        "SELECT fsum(e), fsum(e * e), {} FROM (SELECT *, v0 - ({}) AS e FROM {})",
        sums.join(", "),
        fitted.join(" + "),
        moments.rows
    ))?;
    let figure = |idx: usize| number(row.get(idx));
    let off = (0..betas.len())
        .map(|row_idx| (0..betas.len()).map(|col_idx| inverse.at(row_idx, col_idx) * figure(2 + col_idx)).sum())
        .collect();
    Ok(((figure(1) - figure(0) * figure(0) / moments.n).max(0.0), off))
}

fn no_outcome() -> Fault {
    Fault::internal("a regression without an outcome")
}
