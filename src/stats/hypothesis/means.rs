//! Tests of means: Student's in three forms, and the analysis of variance.

use super::{
    Outcome,
    sample::{Sample, Values, constant, must_have, unfit},
};
use crate::{
    fault::Fault,
    stats::{dist, real, shown},
};

pub(super) fn welch(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let grouped = sample.grouped(2, 2, TWO_SAMPLES)?;
    let [a, b] = grouped.groups.as_slice() else { return Err(Fault::internal("not two groups")) };
    for group in [a, b] {
        must_have(group.n, 2.0, &format!("`{}`", group.name))?;
    }
    let (part_a, part_b) = (a.variance / a.n, b.variance / b.n);
    let error = (part_a + part_b).sqrt();
    if error == 0.0 {
        return Err(constant(&a.name));
    }
    let difference = a.over(b);
    let df = (part_a + part_b).powi(2) / (part_a.powi(2) / (a.n - 1.0) + part_b.powi(2) / (b.n - 1.0));
    let t = difference / error;
    let pooled = ((a.variance * (a.n - 1.0) + b.variance * (b.n - 1.0)) / (a.n + b.n - 2.0)).sqrt();
    let method = "Welch's t-test of two independent samples: unequal variances allowed; means of about normal samples, or large ones";
    let outcome = Outcome::new(sample, method, ("t", t), dist::t_two_sided(t, df))
        .estimate(format!("mean of {} - mean of {}", a.name, b.name), difference, dist::t_quantile_975(df) * error)
        .effect("Cohen's d", difference / pooled)
        .conclude(
            &format!("the means of {} and {} differ: {} and {}", a.name, b.name, shown(a.mean), shown(b.mean)),
            &format!(
                "no difference is shown between the means of {} and {}: {} and {}",
                a.name,
                b.name,
                shown(a.mean),
                shown(b.mean)
            ),
        );
    Ok(with_df(grouped.fill(outcome), &[df]))
}

pub(super) fn paired(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let [a, b] = sample.numeric::<2>("two numeric `columns` measured on the same rows")?;
    let pairs = sample.complete(&[a, b]);
    let name = format!("{} - {}", a.name, b.name);
    let difference = sample.one(&format!("(SELECT v0 - v1 AS v FROM {pairs})"), &name)?;
    let method = "paired t-test: differences within rows; about normal differences, or many rows";
    let outcome = of_one(sample, &difference, 0.0, method)?;
    let outcome = outcome.conclude(
        &format!("`{}` and `{}` differ by {} on average", a.name, b.name, shown(difference.mean)),
        &format!("no difference is shown between `{}` and `{}` on the same rows", a.name, b.name),
    );
    Ok(sample.fill(outcome, difference.n))
}

pub(super) fn one_sample(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let [column] = sample.numeric::<1>("one numeric column, and `mean` to compare with")?;
    let rows = sample.complete(&[column]);
    let values = sample.one(&format!("(SELECT v0 AS v FROM {rows})"), &column.name)?;
    let mean = sample.question.mean;
    let method = "one-sample t-test of a mean; about normal values, or many rows";
    let outcome = of_one(sample, &values, mean, method)?;
    let outcome = outcome.conclude(
        &format!("the mean of `{}`, {}, differs from {}", column.name, shown(values.mean), shown(mean)),
        &format!("the mean of `{}`, {}, is not shown to differ from {}", column.name, shown(values.mean), shown(mean)),
    );
    Ok(sample.fill(outcome, values.n))
}

/// One sample's mean against `mean`.
fn of_one(sample: &Sample<'_>, values: &Values, mean: f64, method: &str) -> Result<Outcome, Fault> {
    must_have(values.n, 2.0, &format!("`{}`", values.name))?;
    if values.is_constant() {
        return Err(constant(&values.name));
    }
    let (df, error) = (values.n - 1.0, (values.variance / values.n).sqrt());
    let difference = values.over_number(mean);
    let t = difference / error;
    let mut outcome = Outcome::new(sample, method, ("t", t), dist::t_two_sided(t, df))
        .estimate(format!("mean of {}", values.name), values.mean, dist::t_quantile_975(df) * error)
        .effect("Cohen's d", difference / values.variance.sqrt());
    outcome.groups = vec![values.group()];
    Ok(with_df(outcome, &[df]))
}

pub(super) fn anova(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let grouped = sample.grouped(2, usize::MAX, SEVERAL_SAMPLES)?;
    let groups = &grouped.groups;
    let n_groups = real(u64::try_from(groups.len()).unwrap_or(u64::MAX));
    let n = grouped.n();
    if n <= n_groups {
        return Err(unfit(format!("{n} values in {n_groups} groups are too few"))
            .hint("at least one group needs two values: group by a column with fewer values"));
    }
    // From the first group's mean on, or large values would take the digits.
    let Some(first) = groups.first() else { return Err(Fault::internal("no group")) };
    let grand = groups.iter().map(|group| group.n * group.over(first)).sum::<f64>() / n;
    let between: f64 = groups.iter().map(|group| group.n * (group.over(first) - grand).powi(2)).sum();
    let within: f64 = groups.iter().filter(|group| group.n > 1.0).map(|group| group.variance * (group.n - 1.0)).sum();
    if within == 0.0 {
        return Err(unfit("within every group all values are equal, so F has no value")
            .hint("compare the groups with `query`: they need no test"));
    }
    let (df_between, df_within) = (n_groups - 1.0, n - n_groups);
    let f = (between / df_between) / (within / df_within);
    let omega = (between - df_between * within / df_within) / (between + within + within / df_within);
    let method = "one-way analysis of variance: independent groups, about normal with equal variances";
    let outcome = Outcome::new(sample, method, ("F", f), dist::f_upper(f, df_between, df_within))
        .effect("eta squared", between / (between + within))
        .effect("omega squared", omega.max(0.0))
        .conclude(
            &format!("the means of the {n_groups} groups are not all equal"),
            &format!("no difference is shown between the means of the {n_groups} groups"),
        );
    let mut outcome = with_df(grouped.fill(outcome), &[df_between, df_within]);
    let sds = || groups.iter().map(|group| group.variance.sqrt()).filter(|sd| sd.is_finite());
    let (least, most) = (sds().fold(f64::INFINITY, f64::min), sds().fold(0.0, f64::max));
    if most > 2.0 * least {
        outcome.notes.push(
            "the groups' standard deviations differ more than twofold: `kruskal_wallis` does not assume them equal"
                .to_owned(),
        );
    }
    Ok(outcome)
}

pub(super) const TWO_SAMPLES: &str =
    "one numeric column with `group_by` (and `groups` to pick two of its values), or two numeric `columns`";
pub(super) const SEVERAL_SAMPLES: &str = "one numeric column with `group_by`, or several numeric `columns`";

pub(super) fn with_df(mut outcome: Outcome, df: &[f64]) -> Outcome {
    outcome.df = df.to_vec();
    outcome
}
