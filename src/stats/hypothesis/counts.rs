//! Chi-square tests of counts: independence of two columns, and fit of one to expected shares.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Group, Outcome,
    means::with_df,
    sample::{Sample, unfit},
};
use crate::{
    fault::Fault,
    stats::{dist, number, real, shown, whole},
    value::Column,
};

/// Different values of a column in a table of counts.
const MAX_VALUES: usize = 200;
/// One more than a table of so many values can have: enough to see that it is too large.
const MAX_CELLS: usize = MAX_VALUES * MAX_VALUES + 1;

pub(super) fn independence(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let question = sample.question;
    let columns: Vec<&Column> = question.columns.iter().chain(&question.group_by).collect();
    let [a, b] = columns.as_slice() else {
        return Err(unfit(format!("{} columns do not fit this test", columns.len())).hint(
            "`chi_square` takes two `columns` of categories; for one and its expected shares use `goodness_of_fit`",
        ));
    };
    let sql = format!("SELECT a, b, count(*) FROM {} GROUP BY a, b LIMIT {MAX_CELLS}", sample.categories(&[a, b]));
    let cells = sample.answers(&sql)?;
    let (mut row_sums, mut column_sums) = (BTreeMap::new(), BTreeMap::new());
    let mut observed = BTreeMap::new();
    for cell in &cells {
        let (row, column, n) = (text(cell.first()), text(cell.get(1)), number(cell.get(2)));
        *row_sums.entry(row).or_insert(0.0) += n;
        *column_sums.entry(column).or_insert(0.0) += n;
        observed.insert((row, column), n);
    }
    for (column, sums) in [(a, &row_sums), (b, &column_sums)] {
        few_enough(column, sums.len())?;
    }
    let n: f64 = row_sums.values().sum();
    let count = |sums: &BTreeMap<&str, f64>| real(u64::try_from(sums.len()).unwrap_or(u64::MAX));
    let (n_rows, n_columns) = (count(&row_sums), count(&column_sums));
    let df = (n_rows - 1.0) * (n_columns - 1.0);
    let is_two_by_two = row_sums.len() == 2 && column_sums.len() == 2;
    let (mut chi, mut plain, mut n_small) = (0.0, 0.0, 0_u64);
    for (row, row_sum) in &row_sums {
        for (column, column_sum) in &column_sums {
            let expected = row_sum * column_sum / n;
            let off = (observed.get(&(*row, *column)).copied().unwrap_or(0.0) - expected).abs();
            // Yates: each count moves towards the expected one by a half, not past it.
            let corrected = if is_two_by_two { off - off.min(0.5) } else { off };
            chi += corrected * corrected / expected;
            plain += off * off / expected;
            n_small += u64::from(expected < 5.0);
        }
    }
    let correction = if is_two_by_two { ", with Yates' correction" } else { "" };
    let method = format!(
        "Pearson's chi-square test of independence{correction}: {n_rows} x {n_columns} counts of independent rows"
    );
    let cramer = (plain / n / (n_rows.min(n_columns) - 1.0)).sqrt();
    let outcome = Outcome::new(sample, &method, ("chi-square", chi), dist::chi_square_upper(chi, df))
        .effect("Cramér's V", cramer)
        .conclude(
            &format!("`{}` and `{}` are related (Cramér's V {})", a.name, b.name, shown(cramer)),
            &format!("no relation is shown between `{}` and `{}`", a.name, b.name),
        );
    let mut outcome = with_df(sample.fill(outcome, n), &[df]);
    warn(&mut outcome, n_small, n_rows * n_columns);
    Ok(outcome)
}

pub(super) fn goodness_of_fit(sample: &mut Sample<'_>) -> Result<Outcome, Fault> {
    let question = sample.question;
    let [column] = question.columns.as_slice() else {
        return Err(unfit(format!("{} columns do not fit this test", question.columns.len()))
            .hint("`goodness_of_fit` takes one column of categories; for two columns use `chi_square`"));
    };
    let sql =
        format!("SELECT a, count(*) FROM {} GROUP BY a ORDER BY a LIMIT {MAX_CELLS}", sample.categories(&[column]));
    let answers = sample.answers(&sql)?;
    let found: BTreeMap<&str, f64> = answers.iter().map(|row| (text(row.first()), number(row.get(1)))).collect();
    few_enough(column, found.len())?;
    let names: Vec<&str> = if question.groups.is_empty() {
        found.keys().copied().collect()
    } else {
        question.groups.iter().map(String::as_str).collect()
    };
    if let Some(other) = found.keys().find(|name| !names.contains(*name)) {
        return Err(unfit(format!("`{}` also has the value `{other}`", column.name))
            .hint("name all its values in `groups`, or leave rows out with `where`"));
    }
    let shares = shares(&question.expected, &names)?;
    let n: f64 = found.values().sum();
    let mut groups = Vec::new();
    let (mut chi, mut n_small) = (0.0, 0_u64);
    for (name, share) in names.iter().zip(&shares) {
        let (observed, expected) = (found.get(name).copied().unwrap_or(0.0), share * n);
        chi += (observed - expected).powi(2) / expected;
        n_small += u64::from(expected < 5.0);
        groups.push(Group {
            name: (*name).to_owned(),
            n: whole(observed),
            mean: None,
            median: None,
            sd: None,
            expected: Some(expected),
        });
    }
    let n_values = real(u64::try_from(names.len()).unwrap_or(u64::MAX));
    let df = n_values - 1.0;
    let what = if question.expected.is_empty() { "equal shares" } else { "the expected shares" };
    let method = format!("chi-square test of fit to {what}: counts of independent rows");
    let mut outcome = Outcome::new(sample, &method, ("chi-square", chi), dist::chi_square_upper(chi, df))
        .effect("Cohen's w", (chi / n).sqrt())
        .conclude(
            &format!("`{}` does not have {what}", column.name),
            &format!("`{}` is not shown to differ from {what}", column.name),
        );
    outcome.groups = groups;
    let mut outcome = with_df(sample.fill(outcome, n), &[df]);
    warn(&mut outcome, n_small, n_values);
    Ok(outcome)
}

/// Expected shares that sum to 1; equal ones where none are given.
fn shares(expected: &[f64], names: &[&str]) -> Result<Vec<f64>, Fault> {
    let n = real(u64::try_from(names.len()).unwrap_or(u64::MAX));
    if expected.is_empty() {
        return Ok(names.iter().map(|_| 1.0 / n).collect());
    }
    if expected.len() != names.len() || expected.iter().any(|share| *share <= 0.0) {
        return Err(unfit(format!("{} shares in `expected` for {} values", expected.len(), names.len())).hint(
            format!(
                "give one share above 0 for each of `groups`: {}",
                names.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ),
        ));
    }
    let sum: f64 = expected.iter().sum();
    Ok(expected.iter().map(|share| share / sum).collect())
}

fn few_enough(column: &Column, n_values: usize) -> Result<(), Fault> {
    if n_values < 2 {
        return Err(unfit(format!("`{}` has {n_values} different values here", column.name))
            .hint("a table of counts needs at least two: use another column, or more rows"));
    }
    if n_values > MAX_VALUES {
        return Err(unfit(format!(
            "`{}` has {n_values} different values, too many for a table of counts",
            column.name
        ))
        .hint("use a column of categories; for numbers use `pearson` or `anova`"));
    }
    Ok(())
}

fn warn(outcome: &mut Outcome, n_small: u64, n_cells: f64) {
    if n_small > 0 {
        outcome.notes.push(format!("{n_small} of {n_cells} expected counts are below 5: the p-value is rough"));
    }
}

fn text(cell: Option<&Value>) -> &str {
    cell.and_then(Value::as_str).unwrap_or_default()
}
