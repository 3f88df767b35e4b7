//! Tail probabilities and quantiles of the distributions that tests refer to.

use statrs::{
    distribution::{Continuous, ContinuousCDF, Normal, StudentsT},
    function::{beta::beta_reg, erf::erfc, gamma::gamma_ur},
};

/// The upper tail of the normal distribution.
pub(super) fn normal_upper(z: f64) -> f64 {
    0.5 * erfc(z / std::f64::consts::SQRT_2)
}

/// The value below which the normal distribution has the share `p`.
pub(super) fn normal_quantile(p: f64) -> f64 {
    let normal = Normal::standard();
    let guess = normal.inverse_cdf(p);
    // One step of Newton's: the approximation alone is good to ten digits.
    if guess.is_finite() { guess - (normal.cdf(guess) - p) / normal.pdf(guess) } else { guess }
}

/// Both tails of Student's distribution beyond `t`.
pub(super) fn t_two_sided(t: f64, df: f64) -> f64 {
    if t.is_infinite() {
        return 0.0;
    }
    let square = t * t;
    beta_lower(df / 2.0, 0.5, df / (df + square), square / (df + square))
}

/// The `t` with 2.5% above it.
pub(super) fn t_quantile_975(df: f64) -> f64 {
    let Ok(student) = StudentsT::new(0.0, 1.0, df) else { return f64::NAN };
    let mut t = normal_quantile(0.975) * (1.0 + 1.0 / (df - 0.75).max(0.3));
    for _ in 0..50 {
        let step = (t_two_sided(t, df) - 0.05) / (2.0 * student.pdf(t));
        // A step too far down would leave the upper half.
        t = (t + step).max(t / 2.0);
        if step.abs() < 1e-13 * t {
            break;
        }
    }
    t
}

/// The upper tail of the F distribution.
pub(super) fn f_upper(f: f64, df1: f64, df2: f64) -> f64 {
    if f <= 0.0 {
        return 1.0;
    }
    if f.is_infinite() {
        return 0.0;
    }
    let whole = df1 * f + df2;
    beta_lower(df2 / 2.0, df1 / 2.0, df2 / whole, df1 * f / whole)
}

/// The upper tail of the chi-square distribution.
pub(super) fn chi_square_upper(x: f64, df: f64) -> f64 {
    if x <= 0.0 { 1.0 } else { gamma_ur(df / 2.0, x / 2.0) }
}

/// The regularised incomplete beta function at `x`; `y` is 1 - `x`, given so that neither loses digits.
fn beta_lower(a: f64, b: f64, x: f64, y: f64) -> f64 {
    if x <= 0.0 {
        0.0
    } else if y <= 0.0 {
        1.0
    } else if x < (a + 1.0) / (a + b + 2.0) {
        beta_reg(a, b, x)
    } else {
        1.0 - beta_reg(b, a, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-8 * expected.abs(), "{found} is not {expected}");
    }

    /// Expected: `SciPy` 1.17.
    #[test]
    fn tails_are_those_of_tables() {
        close(t_quantile_975(1.0), 12.706_204_736_174_694);
        close(t_quantile_975(2.5), 3.574_654_842_003_681_7);
        close(t_quantile_975(30.0), 2.042_272_456_301_237_8);
        close(t_quantile_975(5e6), 1.959_964_458_994_412_7);
        close(normal_quantile(0.975), 1.959_963_984_540_054);
        close(2.0 * normal_upper(10.0), 1.523_970_604_832_094e-23);
        close(t_two_sided(0.01, 5e6), 0.992_021_287_769_699);
        close(t_two_sided(10.0, 5e6), 1.524_747_947_166_187_8e-23);
        close(f_upper(3.3, 4.0, 1e6), 0.010_339_128_930_291_111);
    }
}
