//! The Kolmogorov-Smirnov test of two samples. The distance is an aggregate; p is exact up to 10,000 values each.

use statrs::function::gamma::ln_gamma;

use super::{Outcome, means::TWO_SAMPLES, sample::Sample};
use crate::{
    fault::Fault,
    stats::{matrix::Matrix, number, real, shown, whole},
};

/// The larger sample up to which p is exact; as in `SciPy`.
const EXACT: f64 = 10_000.0;

pub(super) fn two_sample(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let grouped = sample.grouped(2, 2, TWO_SAMPLES)?;
    let [a, b] = grouped.groups.as_slice() else { return Err(Fault::internal("not two groups")) };
    // Steps of the two distribution functions at each different value, in units of 1 / (n_a * n_b): exact integers.
    let sql = format!(
        "SELECT max(abs(sum_a * {n_b} - sum_b * {n_a})) FROM (SELECT sum(a) OVER w AS sum_a, sum(b) OVER w AS sum_b FROM \
         (SELECT v, count(*) FILTER (g = {name}) AS a, count(*) FILTER (g <> {name}) AS b FROM {source} GROUP BY v) \
         WINDOW w AS (ORDER BY v ROWS UNBOUNDED PRECEDING))",
        n_a = whole(a.n),
        n_b = whole(b.n),
        name = crate::stats::sql::text(&a.name),
        source = grouped.sql,
    );
    let steps = number(sample.single(&sql)?.first());
    let d = steps / (a.n * b.n);
    let (p, how) = if a.n.max(b.n) <= EXACT {
        (outside(whole(a.n), whole(b.n), steps), "exact")
    } else {
        (one_sample_upper((a.n * b.n / (a.n + b.n)).round_ties_even(), d), "asymptotic")
    };
    let method = format!("Kolmogorov-Smirnov test of two independent samples ({how}): whole distributions");
    let outcome = Outcome::new(sample, &method, ("D", d), p).effect("D", d).conclude(
        &format!("{} and {} do not have the same distribution: D = {}", a.name, b.name, shown(d)),
        &format!("no difference is shown between the distributions of {} and {}: D = {}", a.name, b.name, shown(d)),
    );
    Ok(grouped.fill(outcome))
}

/// The probability that a random path from (0, 0) to (`n_a`, `n_b`) somewhere has `|x n_b - y n_a|` of `steps` or more.
fn outside(n_a: u64, n_b: u64, steps: f64) -> f64 {
    let (n_x, n_y) = (real(n_a), real(n_b));
    // Probability of having been outside on the way to (x, y), for each y of one x.
    let mut column: Vec<f64> = Vec::new();
    for x in (0..=n_a).map(real) {
        let mut before = 0.0;
        for y in 0..=n_b {
            let (y_idx, y) = (usize::try_from(y).unwrap_or(usize::MAX), real(y));
            let left = column.get(y_idx).copied().unwrap_or(0.0);
            let here = if (x * n_y - y * n_x).abs() >= steps {
                1.0
            } else if x + y == 0.0 {
                0.0
            } else {
                left * (x / (x + y)) + before * (y / (x + y))
            };
            before = here;
            match column.get_mut(y_idx) {
                Some(cell) => *cell = here,
                None => column.push(here),
            }
        }
    }
    column.last().copied().unwrap_or(1.0)
}

/// The upper tail of the one-sample distance of `n` values at `d`.
///
/// The cuts between methods are those of R. Simard and P. L'Ecuyer, Journal of Statistical Software 39 (2011).
fn one_sample_upper(n: f64, d: f64) -> f64 {
    let (nd, ndd) = (n * d, n * d * d);
    let p = if d >= 1.0 {
        0.0
    } else if nd <= 0.5 {
        1.0
    } else if nd <= 1.0 {
        let log_of_product = ln_gamma(n + 1.0) - n * n.ln() + n * (2.0 * nd - 1.0).ln();
        1.0 - log_of_product.exp()
    } else if d >= 0.5 || ndd >= if n <= 140.0 { 4.0 } else { 2.2 } {
        if ndd >= 370.0 { 0.0 } else { 2.0 * one_sided_upper(n, d) }
    } else if n <= 140.0 || (n <= 100_000.0 && n * d.powf(1.5) <= 1.4) {
        1.0 - durbin(n, d)
    } else {
        1.0 - pelz_good(n, d)
    };
    p.clamp(0.0, 1.0)
}

/// Smirnov's sum for the one-sided distance.
fn one_sided_upper(n: f64, d: f64) -> f64 {
    /// Beyond this the sum is long, and its limit exact enough.
    const MOST: f64 = 3e6;
    if n > MOST {
        return (-2.0 * n * d * d - 4.0 / 9.0 * d * d * d * d * n - 2.0 / 3.0 * d).exp();
    }
    let all = ln_gamma(n + 1.0);
    let term = |j: f64| {
        let (rise, rest) = (d + j / n, 1.0 - d - j / n);
        let ways = all - ln_gamma(j + 1.0) - ln_gamma(n - j + 1.0);
        if rest <= 0.0 { 0.0 } else { (ways + (j - 1.0) * rise.ln() + (n - j) * rest.ln()).exp() }
    };
    d * (0..=whole((n * (1.0 - d)).floor())).map(|j| term(real(j))).sum::<f64>()
}

/// The lower tail by Durbin's matrix; G. Marsaglia, W. Tsang and J. Wang, Journal of Statistical Software 8 (2003).
fn durbin(n: f64, d: f64) -> f64 {
    const LARGE: f64 = 1e140;
    let k = (n * d).ceil();
    let h = k - n * d;
    let size = usize::try_from(whole(2.0 * k - 1.0)).unwrap_or(1);
    let middle = usize::try_from(whole(k - 1.0)).unwrap_or_default();
    let mut factorials = vec![1.0];
    for i in (1..=u64::try_from(size).unwrap_or(u64::MAX)).map(real) {
        factorials.push(factorials.last().copied().unwrap_or(1.0) * i);
    }
    let factorial = |i: usize| factorials.get(i).copied().unwrap_or(f64::INFINITY);
    let power = |i: usize| h.powi(i32::try_from(i).unwrap_or(i32::MAX));
    let mut step = Matrix::zero(size);
    for row_idx in 0..size {
        for col_idx in 0..size.min(row_idx + 2) {
            let order = row_idx + 1 - col_idx;
            let cell = if col_idx == 0 {
                (1.0 - power(order)) / factorial(order)
            } else if row_idx == size - 1 {
                (1.0 - power(size - col_idx)) / factorial(size - col_idx)
            } else {
                1.0 / factorial(order)
            };
            step.set(row_idx, col_idx, cell);
        }
    }
    let corner = (1.0 - 2.0 * power(size) + (2.0 * h - 1.0).max(0.0).powi(i32::try_from(size).unwrap_or(i32::MAX)))
        / factorial(size);
    step.set(size - 1, 0, corner);
    // The n-th power, kept within range; `log_scale` is what was taken out.
    let (mut result, mut left) = (Matrix::identity(size), whole(n));
    let (mut log_result, mut log_step) = (0.0, 0.0);
    while left > 0 {
        if left % 2 == 1 {
            result = result.times(&step);
            log_result += log_step;
            shrink(&mut result, middle, LARGE, &mut log_result);
        }
        step = step.times(&step);
        log_step *= 2.0;
        shrink(&mut step, middle, LARGE, &mut log_step);
        left /= 2;
    }
    (result.at(middle, middle).ln() + log_result + ln_gamma(n + 1.0) - n * n.ln()).exp()
}

fn shrink(matrix: &mut Matrix, middle: usize, large: f64, log_scale: &mut f64) {
    if matrix.at(middle, middle) > large {
        matrix.scale(1.0 / large);
        *log_scale += large.ln();
    }
}

/// The lower tail by W. Pelz and I. Good, Journal of the Royal Statistical Society B 38 (1976).
fn pelz_good(n: f64, d: f64) -> f64 {
    let pi2 = std::f64::consts::PI.powi(2);
    let root_2pi = (2.0 * std::f64::consts::PI).sqrt();
    let z = n.sqrt() * d;
    let z2 = z * z;
    let mut sums = [0.0; 4];
    let n_terms = whole((16.0 * z / std::f64::consts::PI).ceil());
    for k in (1..=n_terms).map(real) {
        let odd = (2.0 * k - 1.0).powi(2);
        let weight = (-pi2 / 8.0 / z2 * odd).exp();
        let terms = [
            1.0,
            -z2 + pi2 / 4.0 * odd,
            6.0 * z2.powi(3)
                + 2.0 * z2.powi(2)
                + (2.0 * z2.powi(2) - 5.0 * z2) * pi2 / 4.0 * odd
                + pi2.powi(2) * (1.0 - 2.0 * z2) / 16.0 * odd.powi(2),
            -30.0 * z2.powi(3) - 90.0 * z2.powi(4)
                + pi2 * (135.0 * z2.powi(2) - 96.0 * z2.powi(3)) / 4.0 * odd
                + pi2.powi(2) * (-60.0 * z2 + 212.0 * z2.powi(2)) / 16.0 * odd.powi(2)
                + pi2.powi(3) * (5.0 - 30.0 * z2) / 64.0 * odd.powi(3),
        ];
        sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += weight * term);
    }
    let divisors = [z, 6.0 * z2.powi(2), 72.0 * z.powi(7), 6480.0 * z.powi(10)];
    sums.iter_mut().zip(divisors).for_each(|(sum, divisor)| *sum *= root_2pi / divisor);
    let [zeroth, first, mut second, mut third] = sums;
    for k in (1..=n_terms).map(real) {
        let weight = (-pi2 / 2.0 / z2 * k * k).exp() * k * k;
        second -= weight * pi2 * root_2pi / (36.0 * z2 * z);
        third += weight * (3.0 * z2 - pi2 * k * k) * pi2 * root_2pi / (216.0 * z2.powi(3));
    }
    zeroth + first / n.sqrt() + second / n + third / n.powf(1.5)
}
