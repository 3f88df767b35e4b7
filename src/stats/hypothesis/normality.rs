//! Tests of normality: Shapiro and Wilk's, and D'Agostino and Pearson's.

use super::{
    Outcome,
    means::with_df,
    sample::{Sample, constant, must_have, unfit},
};
use crate::{
    fault::Fault,
    stats::{dist, number, real, shown, whole},
};

const ONE: &str = "one numeric column";

pub(super) fn dagostino_pearson(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let [column] = sample.numeric::<1>(ONE)?;
    let rows = sample.complete(&[column]);
    let values = sample.one(&format!("(SELECT v0 AS v FROM {rows})"), &column.name)?;
    must_have(values.n, 8.0, &format!("`{}`", column.name))?;
    if values.is_constant() {
        return Err(constant(&column.name));
    }
    let centred = format!("(SELECT v0 - {} AS d FROM {rows})", crate::stats::sql::double(values.mean));
    let row = sample.single(&format!("SELECT avg(d * d), avg(d * d * d), avg(d * d * d * d) FROM {centred}"))?;
    let (second, third, fourth) = (number(row.first()), number(row.get(1)), number(row.get(2)));
    let (skew, kurtosis) = (third / second.powf(1.5), fourth / (second * second));
    let (by_skew, by_kurtosis) = (skew_z(skew, values.n), kurtosis_z(kurtosis, values.n));
    let k = by_skew * by_skew + by_kurtosis * by_kurtosis;
    let method = "D'Agostino and Pearson's test of normality, from skew and kurtosis";
    let outcome = Outcome::new(sample, method, ("K squared", k), dist::chi_square_upper(k, 2.0))
        .effect("skew", skew)
        .effect("excess kurtosis", kurtosis - 3.0);
    let mut outcome = with_df(concluded(outcome, &column.name), &[2.0]);
    outcome.groups = vec![values.group()];
    if values.n < 20.0 {
        outcome.notes.push("with fewer than 20 values the p-value is rough: `shapiro_wilk` is exacter".to_owned());
    }
    warn_of_power(&mut outcome, values.n);
    Ok(sample.fill(outcome, values.n))
}

/// The sample's skew as a standard normal value.
fn skew_z(skew: f64, n: f64) -> f64 {
    let y = skew * ((n + 1.0) * (n + 3.0) / (6.0 * (n - 2.0))).sqrt();
    let beta =
        3.0 * (n * n + 27.0 * n - 70.0) * (n + 1.0) * (n + 3.0) / ((n - 2.0) * (n + 5.0) * (n + 7.0) * (n + 9.0));
    let w = (2.0 * (beta - 1.0)).sqrt() - 1.0;
    let y = y / (2.0 / (w - 1.0)).sqrt();
    y.asinh() / (0.5 * w.ln()).sqrt()
}

/// The sample's kurtosis as a standard normal value.
fn kurtosis_z(kurtosis: f64, n: f64) -> f64 {
    let expected = 3.0 * (n - 1.0) / (n + 1.0);
    let variance = 24.0 * n * (n - 2.0) * (n - 3.0) / ((n + 1.0) * (n + 1.0) * (n + 3.0) * (n + 5.0));
    let x = (kurtosis - expected) / variance.sqrt();
    let root_beta = 6.0 * (n * n - 5.0 * n + 2.0) / ((n + 7.0) * (n + 9.0))
        * (6.0 * (n + 3.0) * (n + 5.0) / (n * (n - 2.0) * (n - 3.0))).sqrt();
    let a = 6.0 + 8.0 / root_beta * (2.0 / root_beta + (1.0 + 4.0 / (root_beta * root_beta)).sqrt());
    let below = 1.0 + x * (2.0 / (a - 4.0)).sqrt();
    let term = below.signum() * ((1.0 - 2.0 / a) / below.abs()).cbrt();
    (1.0 - 2.0 / (9.0 * a) - term) / (2.0 / (9.0 * a)).sqrt()
}

/// Up to so many values the p-value of Shapiro and Wilk's test is known to be good.
const MOST: f64 = 5_000.0;

pub(super) fn shapiro_wilk(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let [column] = sample.numeric::<1>(ONE)?;
    let rows = sample.complete(&[column]);
    let values = sample.one(&format!("(SELECT v0 AS v FROM {rows})"), &column.name)?;
    must_have(values.n, 3.0, &format!("`{}`", column.name))?;
    if values.n > MOST {
        return Err(unfit(format!(
            "`{}` has {} values, and `shapiro_wilk` takes at most {MOST}",
            column.name, values.n
        ))
        .hint("use `dagostino_pearson`, which takes any number"));
    }
    if values.is_constant() {
        return Err(constant(&column.name));
    }
    let answers = sample.answers(&format!("SELECT v0 FROM {rows} ORDER BY v0"))?;
    let sorted: Vec<f64> = answers.iter().map(|row| number(row.first())).collect();
    let (w, p) = royston(&sorted);
    let method = "Shapiro-Wilk test of normality (Royston's algorithm AS R94)";
    let mut outcome = concluded(Outcome::new(sample, method, ("W", w), p), &column.name);
    outcome.groups = vec![values.group()];
    warn_of_power(&mut outcome, values.n);
    Ok(sample.fill(outcome, values.n))
}

/// W and its p-value; P. Royston, Applied Statistics 44 (1995), algorithm AS R94.
fn royston(sorted: &[f64]) -> (f64, f64) {
    let n = real(u64::try_from(sorted.len()).unwrap_or(u64::MAX));
    let half = upper_weights(n);
    let mean = sorted.iter().sum::<f64>() / n;
    let total: f64 = sorted.iter().map(|x| (x - mean).powi(2)).sum();
    // The weights are antisymmetric: pairs from both ends inwards.
    let contrast: f64 =
        half.iter().zip(sorted.iter().rev().zip(sorted)).map(|(weight, (high, low))| weight * (high - low)).sum();
    let squares: f64 = 2.0 * half.iter().map(|weight| weight * weight).sum::<f64>();
    let (root, spread) = ((squares * total).sqrt(), contrast);
    let below_one = ((root - spread) * (root + spread) / (squares * total)).max(f64::MIN_POSITIVE);
    let w = 1.0 - below_one;
    (w, royston_p(w, below_one, n))
}

/// Weights of the largest value, the one before it, …
fn upper_weights(n: f64) -> Vec<f64> {
    const C1: &[f64] = &[0.0, 0.221_157, -0.147_981, -2.071_19, 4.434_685, -2.706_056];
    const C2: &[f64] = &[0.0, 0.042_981, -0.293_762, -1.752_461, 5.682_633, -3.582_633];
    if n <= 3.0 {
        return vec![0.5_f64.sqrt()];
    }
    let scores: Vec<f64> =
        (1..=whole((n / 2.0).floor())).map(|i| -dist::normal_quantile((real(i) - 0.375) / (n + 0.25))).collect();
    let squares = 2.0 * scores.iter().map(|score| score * score).sum::<f64>();
    let root = 1.0 / n.sqrt();
    let score = |idx: usize| scores.get(idx).copied().unwrap_or_default();
    let first = polynomial(C1, root) + score(0) / squares.sqrt();
    let second = polynomial(C2, root) + score(1) / squares.sqrt();
    let mut weights = vec![first];
    let rest = if n > 5.0 {
        weights.push(second);
        (squares - 2.0 * score(0).powi(2) - 2.0 * score(1).powi(2))
            / (1.0 - 2.0 * first * first - 2.0 * second * second)
    } else {
        (squares - 2.0 * score(0).powi(2)) / (1.0 - 2.0 * first * first)
    };
    weights.extend(scores.iter().skip(weights.len()).map(|score| score / rest.sqrt()));
    weights
}

fn royston_p(w: f64, below_one: f64, n: f64) -> f64 {
    const C3: &[f64] = &[0.544, -0.399_78, 0.025_054, -6.714e-4];
    const C4: &[f64] = &[1.3822, -0.778_57, 0.062_767, -0.002_032_2];
    const C5: &[f64] = &[-1.5861, -0.310_82, -0.083_751, 0.003_891_5];
    const C6: &[f64] = &[-0.4803, -0.082_676, 0.003_030_2];
    const G: &[f64] = &[-2.273, 0.459];
    if n <= 3.0 {
        return (6.0 / std::f64::consts::PI * (w.sqrt().asin() - std::f64::consts::FRAC_PI_3)).max(0.0);
    }
    let y = below_one.ln();
    if n <= 11.0 {
        let gamma = polynomial(G, n);
        if y >= gamma {
            return 1e-99;
        }
        return dist::normal_upper((-(gamma - y).ln() - polynomial(C3, n)) / polynomial(C4, n).exp());
    }
    dist::normal_upper((y - polynomial(C5, n.ln())) / polynomial(C6, n.ln()).exp())
}

/// Coefficients from the constant on.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

fn concluded(outcome: Outcome, name: &str) -> Outcome {
    let statistic = format!("{} = {}", outcome.statistic_name, shown(outcome.statistic));
    outcome.conclude(
        &format!("`{name}` is not normally distributed: {statistic}"),
        &format!("`{name}` is not shown to depart from a normal distribution: {statistic}"),
    )
}

fn warn_of_power(outcome: &mut Outcome, n: f64) {
    if n >= 1_000.0 && outcome.p_value < 0.05 {
        outcome
            .notes
            .push("with so many values even a small departure is significant: look at the histogram too".to_owned());
    }
}
