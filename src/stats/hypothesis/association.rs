//! Correlation of two columns: Pearson's of the values, Spearman's of their ranks.

use super::{
    Estimate, Outcome,
    means::with_df,
    ranks::ranked,
    sample::{Sample, constant, must_have},
};
use crate::{
    fault::Fault,
    stats::{dist, number, shown, sql},
};

const TWO: &str = "two numeric `columns`";

pub(super) fn pearson(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let [a, b] = sample.numeric::<2>(TWO)?;
    let pairs = sample.complete(&[a, b]);
    let (n, r) = correlation(sample, &pairs, [&a.name, &b.name])?;
    let method = "Pearson's correlation: a straight-line relation; about normal values, or many rows";
    let mut outcome = test(sample, method, "r", r, n).effect("r squared", r * r);
    if n > 3.0 && r.abs() < 1.0 {
        // Fisher's transformation.
        let (turned, margin) = (r.atanh(), dist::normal_quantile(0.975) / (n - 3.0).sqrt());
        outcome.estimates.push(Estimate {
            name: "r".to_owned(),
            value: r,
            ci_low: (turned - margin).tanh(),
            ci_high: (turned + margin).tanh(),
        });
    }
    let kind = if r > 0.0 { "rise and fall together" } else { "go in opposite directions" };
    let outcome = outcome.conclude(
        &format!("`{}` and `{}` {kind}: r = {}", a.name, b.name, shown(r)),
        &format!("no linear relation is shown between `{}` and `{}`: r = {}", a.name, b.name, shown(r)),
    );
    Ok(sample.fill(outcome, n))
}

pub(super) fn spearman(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let [a, b] = sample.numeric::<2>(TWO)?;
    let pairs = sample.complete(&[a, b]);
    let ranked_pairs = format!(
        "(WITH _d AS {pairs}, _a AS (WITH {} SELECT v, rank FROM _t), _b AS (WITH {} SELECT v, rank FROM _t) \
         SELECT _a.rank AS v0, _b.rank AS v1 FROM _d JOIN _a ON _d.v0 = _a.v JOIN _b ON _d.v1 = _b.v)",
        ranked("(SELECT v0 AS v FROM _d)"),
        ranked("(SELECT v1 AS v FROM _d)"),
    );
    let (n, rho) = correlation(sample, &ranked_pairs, [&a.name, &b.name])?;
    let method = "Spearman's rank correlation: a rising or falling relation of any shape; p by Student's distribution";
    let mut outcome = test(sample, method, "rho", rho, n).effect("rho", rho);
    if n < 20.0 {
        outcome.notes.push("with fewer than 20 rows the p-value is rough".to_owned());
    }
    let kind = if rho > 0.0 { "rise and fall together" } else { "go in opposite directions" };
    let outcome = outcome.conclude(
        &format!("`{}` and `{}` {kind}: rho = {}", a.name, b.name, shown(rho)),
        &format!("no relation is shown between the ranks of `{}` and `{}`: rho = {}", a.name, b.name, shown(rho)),
    );
    Ok(sample.fill(outcome, n))
}

fn test(sample: &Sample<'_>, method: &str, name: &str, r: f64, n: f64) -> Outcome {
    let df = n - 2.0;
    // Two rows always lie on a line.
    let p = if df > 0.0 { dist::t_two_sided(r * (df / ((1.0 - r) * (1.0 + r))).sqrt(), df) } else { 1.0 };
    with_df(Outcome::new(sample, method, (name, r), p), &[df])
}

/// Rows, and the correlation of `v0` and `v1`.
fn correlation(sample: &mut Sample<'_>, pairs: &str, names: [&str; 2]) -> Result<(f64, f64), Fault> {
    let row = sample
        .single(&format!("SELECT count(*), favg(v0), favg(v1), min(v0), max(v0), min(v1), max(v1) FROM {pairs}"))?;
    let figure = |idx: usize| number(row.get(idx));
    let n = figure(0);
    must_have(n, 3.0, &format!("`{}` with `{}`", names[0], names[1]))?;
    let (means, bounds) = ([figure(1), figure(2)], [(figure(3), figure(4)), (figure(5), figure(6))]);
    let mut centred = Vec::new();
    for (idx, ((name, mean), (low, high))) in (0..).zip(names.iter().zip(means).zip(bounds)) {
        if low >= high {
            return Err(constant(name));
        }
        centred.push(sql::centred(&format!("v{idx}"), mean, low, high));
    }
    let sums = "count(*), fsum(d0), fsum(d1), fsum(d0 * d0), fsum(d1 * d1), fsum(d0 * d1)";
    let row = sample.single(&format!(
        "SELECT {sums} FROM (SELECT {} FROM {pairs})",
        (0..).zip(&centred).map(|(idx, it): (usize, _)| format!("{it} AS d{idx}")).collect::<Vec<_>>().join(", ")
    ))?;
    let figure = |idx: usize| number(row.get(idx));
    let (a, b) = (figure(1), figure(2));
    let (of_a, of_b, of_both) = (figure(3) - a * a / n, figure(4) - b * b / n, figure(5) - a * b / n);
    Ok((n, (of_both / (of_a.sqrt() * of_b.sqrt())).clamp(-1.0, 1.0)))
}
