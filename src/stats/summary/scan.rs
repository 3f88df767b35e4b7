//! Statistics that come from scans over many columns at once.

use serde_json::Value;

use super::{
    Correlation, Detail, Subject,
    columns::{Kind, Measured, finite, start},
};
use crate::{
    engine::Engine,
    fault::Fault,
    name::ColumnName,
    stats::{number, real, sql::double, whole},
};

/// Columns per statement, so that a wide sheet does not make one huge plan.
const COLUMNS_AT_ONCE: usize = 40;
/// Quartiles hold every value of a column in memory.
const QUARTILES_AT_ONCE: usize = 4;
/// Numeric columns that are correlated with each other.
const MAX_CORRELATED: usize = 40;
/// Products of columns per statement.
const PAIRS_AT_ONCE: usize = 100;
const N_BINS: usize = 20;
const N_BINS_REAL: f64 = 20.0;

/// Counts, bounds and means.
pub(super) fn first(engine: &mut Engine, subject: &Subject) -> Result<Vec<Measured>, Fault> {
    let mut measured: Vec<Measured> = subject.columns.iter().map(start).collect();
    for columns in measured.chunks_mut(COLUMNS_AT_ONCE) {
        let mut list = Vec::new();
        for column in columns.iter() {
            let (name, usable, numbers) = (column.quoted(), column.usable(), column.finite());
            list.push(format!("count({name})"));
            match column.kind {
                Kind::Number => list.extend([
                    format!("min({usable})"),
                    format!("max({usable})"),
                    format!("count({usable})"),
                    format!("avg({numbers})"),
                ]),
                Kind::Moment => list.extend([
                    format!("min({usable})"),
                    format!("max({usable})"),
                    format!("count({usable})"),
                    "NULL".to_owned(),
                ]),
                // How much memory the counting of the values will take.
                Kind::Text => list.extend([
                    format!("min({name})"),
                    format!("max({name})"),
                    format!("approx_count_distinct({name})"),
                    format!("avg(strlen({name}))"),
                ]),
                Kind::Plain => {
                    list.extend([format!("min({name})"), format!("max({name})"), "NULL".to_owned(), "NULL".to_owned()]);
                }
                Kind::Opaque => list.extend(["NULL"; 4].map(str::to_owned)),
            }
        }
        let answers = engine.answers(&format!("SELECT {} FROM {}", list.join(", "), subject.sheet.quoted()))?;
        let mut cells = answers.into_iter().flatten();
        for column in columns {
            let mut next = || cells.next().unwrap_or(Value::Null);
            column.n_set = whole(number(Some(&next())));
            column.summary.n_null = subject.n_rows.saturating_sub(column.n_set);
            (column.summary.min, column.summary.max) = (next(), next());
            let (third, fourth) = (number(Some(&next())), number(Some(&next())));
            column.n_finite = column.n_set;
            match column.kind {
                Kind::Number => {
                    column.odd_beside(whole(third));
                    // A sum of many equal decimals is not exactly that many times one.
                    let mean = if column.is_constant() { number(Some(&column.summary.min)) } else { fourth };
                    column.summary.mean = mean.is_finite().then_some(mean);
                }
                Kind::Moment => column.odd_beside(whole(third)),
                Kind::Text => (column.n_different_texts, column.n_text_bytes) = (third, third * fourth),
                Kind::Plain | Kind::Opaque => {}
            }
        }
    }
    Ok(measured)
}

/// Exact quartiles, interpolated between values.
pub(super) fn quartiles(engine: &mut Engine, subject: &Subject, measured: &mut [Measured]) -> Result<(), Fault> {
    let mut numeric: Vec<&mut Measured> =
        measured.iter_mut().filter(|it| it.kind == Kind::Number && it.n_finite > 0).collect();
    for columns in numeric.chunks_mut(QUARTILES_AT_ONCE) {
        let list: Vec<String> =
            columns.iter().map(|column| format!("quantile_cont({}, [0.25, 0.5, 0.75])", column.finite())).collect();
        let answers = engine.answers(&format!("SELECT {} FROM {}", list.join(", "), subject.sheet.quoted()))?;
        for (column, cell) in columns.iter_mut().zip(answers.into_iter().flatten()) {
            let quartiles: Vec<f64> = cell.as_array().into_iter().flatten().map(|it| number(Some(it))).collect();
            if let [q1, median, q3] = quartiles.as_slice() {
                column.summary.q1 = Some(*q1);
                column.summary.median = Some(*median);
                column.summary.q3 = Some(*q3);
            }
        }
    }
    Ok(())
}

/// What needs the means and quartiles: spread, skew, outliers; and correlations, strongest first.
pub(super) fn second(
    engine: &mut Engine,
    subject: &Subject,
    measured: &mut [Measured],
) -> Result<Vec<Correlation>, Fault> {
    let is_full = subject.detail == Detail::Full;
    let mut numeric: Vec<&mut Measured> =
        measured.iter_mut().filter(|it| it.kind == Kind::Number && it.summary.mean.is_some()).collect();
    for columns in numeric.chunks_mut(COLUMNS_AT_ONCE) {
        spreads(engine, subject, columns)?;
    }
    if is_full {
        for column in &mut numeric {
            robust_outliers(engine, subject, column)?;
            histogram(engine, subject, column)?;
        }
    }
    numeric.retain(|column| column.squares > 0.0);
    numeric.truncate(MAX_CORRELATED);
    correlations(engine, subject, &numeric)
}

/// Deviations from the mean of column `idx` are `d{idx}`, its values `x{idx}`.
fn deviations(subject: &Subject, columns: &[&mut Measured]) -> String {
    let list: Vec<String> = (0..)
        .zip(columns)
        .map(|(idx, column)| {
            let (numbers, mean) = (column.finite(), column.summary.mean.unwrap_or_default());
            match column.scale() {
                Some(scale) => {
                    let (mean, scale) = (double(mean / scale), double(scale));
                    format!("{numbers} AS x{idx}, {numbers} / {scale} - {mean} AS d{idx}")
                }
                None => format!("{numbers} AS x{idx}, {numbers} - {mean} AS d{idx}", mean = double(mean)),
            }
        })
        .collect();
    format!("(SELECT {} FROM {})", list.join(", "), subject.sheet.quoted())
}

fn spreads(engine: &mut Engine, subject: &Subject, columns: &mut [&mut Measured]) -> Result<(), Fault> {
    let mut list = Vec::new();
    for (idx, column) in (0..).zip(columns.iter()) {
        list.extend([format!("sum(d{idx} * d{idx})"), format!("sum(d{idx} * d{idx} * d{idx})")]);
        list.push(match column.fences() {
            Some((low, high)) => format!("count(*) FILTER (x{idx} < {} OR x{idx} > {})", double(low), double(high)),
            None => "NULL".to_owned(),
        });
        let is_mixed = number(Some(&column.summary.min)) < 0.0 && number(Some(&column.summary.max)) > 0.0;
        list.push(if is_mixed { format!("count(*) FILTER (x{idx} < 0)") } else { "NULL".to_owned() });
    }
    let answers = engine.answers(&format!("SELECT {} FROM {}", list.join(", "), deviations(subject, columns)))?;
    let mut cells = answers.into_iter().flatten();
    for column in columns {
        let mut next = || number(Some(&cells.next().unwrap_or(Value::Null)));
        let n = real(column.n_finite);
        let (squares, cubes) = (next(), next());
        // Deviations that are nothing but the rounding of the mean are none.
        let squares = if column.is_constant() { 0.0 } else { squares };
        column.squares = squares;
        if n >= 2.0 {
            column.summary.sd = Some((squares / (n - 1.0)).sqrt() * column.scale().unwrap_or(1.0));
        }
        if n >= 3.0 && squares > 0.0 {
            let of_population = (cubes / n) / (squares / n).powf(1.5);
            column.summary.skew = Some(of_population * (n * (n - 1.0)).sqrt() / (n - 2.0));
        }
        let (n_outliers, n_negative) = (next(), next());
        column.summary.n_outliers = n_outliers.is_finite().then(|| whole(n_outliers));
        column.summary.n_negative = n_negative.is_finite().then(|| whole(n_negative));
    }
    Ok(())
}

/// By the median absolute deviation; nothing where that is zero.
fn robust_outliers(engine: &mut Engine, subject: &Subject, column: &mut Measured) -> Result<(), Fault> {
    let Some(median) = column.summary.median else { return Ok(()) };
    let off = format!("abs({} - {})", column.finite(), double(median));
    let sheet = subject.sheet.quoted();
    let answers = engine.answers(&format!("SELECT median({off}) FROM {sheet}"))?;
    let mad = number(answers.first().and_then(|row| row.first()));
    if mad > 0.0 {
        let sql = format!("SELECT count(*) FROM {sheet} WHERE 0.6745 * {off} > {}", double(3.5 * mad));
        let n = whole(number(engine.answers(&sql)?.first().and_then(|row| row.first())));
        column.summary.n_robust_outliers = Some(n);
    }
    Ok(())
}

fn histogram(engine: &mut Engine, subject: &Subject, column: &mut Measured) -> Result<(), Fault> {
    let numbers = finite(column.name(), &column.summary.type_name);
    let sheet = subject.sheet.quoted();
    let (low, high) = (number(Some(&column.summary.min)), number(Some(&column.summary.max)));
    // Bounds that are not finite belong to no bin.
    if !(high - low).is_finite() || high <= low {
        return Ok(());
    }
    let sql = format!(
        "SELECT least(floor(({numbers} - {low}) / {width}), {N_BINS} - 1) AS bin, count(*) FROM {sheet} \
         WHERE {numbers} IS NOT NULL GROUP BY 1",
        low = double(low),
        width = double((high - low) / N_BINS_REAL),
    );
    let mut bins = vec![0; N_BINS];
    for row in engine.answers(&sql)? {
        let (bin, n) = (number(row.first()), whole(number(row.get(1))));
        if bin.is_finite()
            && let Some(count) = usize::try_from(whole(bin)).ok().and_then(|idx| bins.get_mut(idx))
        {
            *count = n;
        }
    }
    if bins.iter().any(|n| *n > 0) {
        column.summary.histogram = bins;
    }
    Ok(())
}

fn correlations(engine: &mut Engine, subject: &Subject, columns: &[&mut Measured]) -> Result<Vec<Correlation>, Fault> {
    let pairs: Vec<(usize, usize)> =
        (0..columns.len()).flat_map(|a| (a + 1..columns.len()).map(move |b| (a, b))).collect();
    let source = deviations(subject, columns);
    let mut found = Vec::new();
    for pairs in pairs.chunks(PAIRS_AT_ONCE) {
        let list: Vec<String> = pairs.iter().map(|(a, b)| pair_of(subject, columns, *a, *b)).collect();
        let answers = engine.answers(&format!("SELECT {} FROM {source}", list.join(", ")))?;
        let mut cells = answers.into_iter().flatten();
        for (a, b) in pairs {
            let (raw, n_pairs) = (number(cells.next().as_ref()), number(cells.next().as_ref()));
            let (Some(a), Some(b)) = (columns.get(*a), columns.get(*b)) else { continue };
            let is_whole = a.n_finite == subject.n_rows && b.n_finite == subject.n_rows;
            let r = if is_whole { raw / (a.squares.sqrt() * b.squares.sqrt()) } else { raw };
            if r.is_finite() {
                let columns = [a.name().to_owned(), b.name().to_owned()];
                found.push(Correlation { columns, r: r.clamp(-1.0, 1.0), n_pairs: whole(n_pairs) });
            }
        }
    }
    found.sort_by(|a, b| b.r.abs().total_cmp(&a.r.abs()));
    Ok(found)
}

/// What `r` of two columns comes from, and the number of rows where both are set.
fn pair_of(subject: &Subject, columns: &[&mut Measured], a: usize, b: usize) -> String {
    // Without nulls the deviations are already from the right means, and their products say it all.
    if [a, b].iter().all(|idx| columns.get(*idx).is_some_and(|it| it.n_finite == subject.n_rows)) {
        return format!("sum(d{a} * d{b}), count(*)");
    }
    let varies = |x: usize, y: usize| {
        let both = format!("FILTER (d{y} IS NOT NULL)");
        format!("min(d{x}) {both} < max(d{x}) {both}")
    };
    format!(
        "CASE WHEN {} AND {} THEN corr(d{a}, d{b}) END, count(*) FILTER (d{a} IS NOT NULL AND d{b} IS NOT NULL)",
        varies(a, b),
        varies(b, a)
    )
}

/// A column as SQL names it.
pub(super) fn quoted(name: &str) -> String {
    ColumnName(name).quoted()
}
