//! Tests on ranks. Ranks are averages over ties, from counts of each different value: no row leaves DuckDB.

use super::{
    Outcome,
    means::{SEVERAL_SAMPLES, TWO_SAMPLES, with_df},
    sample::{Grouped, Sample, constant, unfit},
};
use crate::{
    fault::Fault,
    stats::{dist, number, real, shown, whole},
};

/// A CTE `_t` (no sheet can have such a name): each different value `v` of `source` with its count and average rank.
pub(super) fn ranked(source: &str) -> String {
    format!(
        "_t AS (SELECT v, n, sum(n) OVER (ORDER BY v ROWS UNBOUNDED PRECEDING) - (n - 1) / 2.0 AS rank \
         FROM (SELECT v, CAST(count(*) AS DOUBLE) AS n FROM {source} GROUP BY v))"
    )
}

/// Sums of ranks of each group, in the groups' order, and the sum of `n³ - n` over ties.
fn rank_sums(sample: &mut Sample<'_>, grouped: &Grouped) -> Result<(Vec<f64>, f64), Fault> {
    let sql = format!(
        "WITH _d AS {}, {} SELECT g, sum(rank), (SELECT sum(n * n * n - n) FROM _t) FROM _d JOIN _t USING (v) GROUP BY g",
        grouped.sql,
        ranked("_d")
    );
    let answers = sample.answers(&sql)?;
    let sum_of = |name: &str| {
        let row = answers.iter().find(|row| row.first().and_then(|it| it.as_str()) == Some(name));
        number(row.and_then(|row| row.get(1)))
    };
    let sums = grouped.groups.iter().map(|group| sum_of(&group.name)).collect();
    Ok((sums, number(answers.first().and_then(|row| row.get(2)))))
}

/// The smaller sample up to which, without ties, the exact distribution is used; as in `SciPy`.
const EXACT: f64 = 8.0;
/// Beyond this the exact distribution's table would be large.
const EXACT_OTHER: f64 = 1_000_000.0;

pub(super) fn mann_whitney(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let grouped = sample.grouped(2, 2, TWO_SAMPLES)?;
    let (sums, ties) = rank_sums(sample, &grouped)?;
    let ([a, b], [sum_a, _]) = (grouped.groups.as_slice(), sums.as_slice()) else {
        return Err(Fault::internal("not two groups"));
    };
    let (pairs, n) = (a.n * b.n, a.n + b.n);
    let u = sum_a - a.n * (a.n + 1.0) / 2.0;
    let larger = u.max(pairs - u);
    let is_exact = ties == 0.0 && a.n.min(b.n) <= EXACT && a.n.max(b.n) <= EXACT_OTHER;
    let (p_value, how) = if is_exact {
        (2.0 * exact_upper(whole(a.n), whole(b.n), whole(larger)), "exact")
    } else {
        let sd = (pairs / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)))).sqrt();
        if sd == 0.0 {
            return Err(constant(&format!("{} and {}", a.name, b.name)));
        }
        let score = (larger - pairs / 2.0 - 0.5) / sd;
        (2.0 * dist::normal_upper(score), "normal approximation with corrections for continuity and ties")
    };
    let method = format!("Mann-Whitney U test ({how}): independent samples; U is that of {}", a.name);
    let outcome = Outcome::new(sample, &method, ("U", u), p_value)
        .effect("rank-biserial correlation", 2.0 * u / pairs - 1.0)
        .effect("probability of superiority", u / pairs)
        .conclude(
            &format!("{} and {} differ: medians {} and {}", a.name, b.name, shown(a.median), shown(b.median)),
            &format!(
                "no difference is shown between {} and {} (medians {} and {})",
                a.name,
                b.name,
                shown(a.median),
                shown(b.median)
            ),
        );
    Ok(grouped.fill(outcome))
}

/// The probability that U is `u` or more, without ties: the share of the ways to order the two samples.
fn exact_upper(n_a: u64, n_b: u64, u: u64) -> f64 {
    let (small, large) = (n_a.min(n_b), n_a.max(n_b));
    // Gaussian binomial coefficient, as a polynomial: times (1 - q^(large + i)), divided by (1 - q^i). It reads the same
    // from both ends, and of its terms from the low end on each needs only those before it.
    let n_terms = usize::try_from((small * large).saturating_sub(u)).unwrap_or(usize::MAX).saturating_add(1);
    let mut ways = vec![0.0; n_terms];
    if let Some(first) = ways.first_mut() {
        *first = 1.0;
    }
    let mut total = 1.0;
    for i in 1..=small {
        total *= real(large + i) / real(i);
        let (up, down) = (usize::try_from(large + i).unwrap_or(usize::MAX), usize::try_from(i).unwrap_or(usize::MAX));
        for idx in (up..n_terms).rev() {
            let below = ways.get(idx - up).copied().unwrap_or_default();
            if let Some(way) = ways.get_mut(idx) {
                *way -= below;
            }
        }
        for idx in down..n_terms {
            let below = ways.get(idx - down).copied().unwrap_or_default();
            if let Some(way) = ways.get_mut(idx) {
                *way += below;
            }
        }
    }
    ways.iter().sum::<f64>() / total
}

pub(super) fn kruskal_wallis(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let grouped = sample.grouped(2, usize::MAX, SEVERAL_SAMPLES)?;
    let (sums, ties) = rank_sums(sample, &grouped)?;
    let n = grouped.n();
    let n_groups = real(u64::try_from(sums.len()).unwrap_or(u64::MAX));
    if n <= n_groups {
        return Err(
            unfit(format!("{n} values in {n_groups} groups are too few")).hint("group by a column with fewer values")
        );
    }
    let correction = 1.0 - ties / (n * n * n - n);
    if correction <= 0.0 {
        return Err(unfit("all values are equal, so there is nothing to test").hint("use a column that varies"));
    }
    let squares: f64 = sums.iter().zip(&grouped.groups).map(|(sum, group)| sum * sum / group.n).sum();
    let h = (12.0 / (n * (n + 1.0)) * squares - 3.0 * (n + 1.0)) / correction;
    let df = n_groups - 1.0;
    let method = "Kruskal-Wallis test, corrected for ties: independent groups; chi-square approximation";
    let outcome = Outcome::new(sample, method, ("H", h), dist::chi_square_upper(h, df))
        .effect("epsilon squared", h / (n - 1.0))
        .conclude(
            &format!("the {n_groups} groups do not all have the same distribution"),
            &format!("no difference is shown between the {n_groups} groups"),
        );
    let mut outcome = with_df(grouped.fill(outcome), &[df]);
    if grouped.groups.iter().any(|group| group.n < 5.0) {
        outcome.notes.push("a group has fewer than 5 values: the p-value is rough".to_owned());
    }
    Ok(outcome)
}
