//! What looks wrong in a sheet, in words, each with a query that shows it.

use super::{
    Correlation, Finding, Subject,
    columns::{Kind, Measured},
    scan::quoted,
};
use crate::stats::{
    real, shown,
    sql::{is_whole, text},
};

/// Findings with how much they matter: the larger, the earlier.
struct Report<'a> {
    subject: &'a Subject,
    found: Vec<(f64, Finding)>,
}

pub(super) fn of(
    subject: &Subject,
    measured: &[Measured],
    correlations: &[Correlation],
    n_duplicate_rows: Option<u64>,
) -> Vec<Finding> {
    let mut report = Report { subject, found: Vec::new() };
    if let Some(n) = n_duplicate_rows.filter(|n| *n > 0) {
        report.duplicates(n);
    }
    for column in measured {
        report.nulls(column);
        report.repeats(column);
        match column.kind {
            Kind::Number => report.numbers(column),
            Kind::Text => report.texts(column),
            Kind::Moment => report.moments(column),
            Kind::Plain | Kind::Opaque => {}
        }
    }
    let telling = correlations.iter().filter(|it| it.r.abs() >= 0.98 && it.n_pairs >= TELLING_PAIRS);
    for pair in telling.take(5) {
        let [a, b] = &pair.columns;
        let numbers =
            |name: &String| measured.iter().find(|it| it.name() == name).map_or_else(|| quoted(name), comparable);
        report.add(
            2.0,
            format!("`{a}` and `{b}` say almost the same: r = {}", shown(pair.r)),
            format!("SELECT corr({}, {}) AS r FROM {}", numbers(a), numbers(b), subject.sheet.quoted()),
        );
    }
    report.found.sort_by(|a, b| b.0.total_cmp(&a.0));
    report.found.into_iter().map(|(_, finding)| finding).collect()
}

/// Fewer pairs lie on a line by chance.
const TELLING_PAIRS: u64 = 10;

/// A column's numbers for a query: NaN is above everything in DuckDB's order, and very large numbers have no products.
fn comparable(column: &Measured) -> String {
    let numbers = if column.summary.n_not_finite.is_some() { column.finite() } else { column.quoted() };
    match column.scale() {
        Some(scale) => format!("{} / {}", column.finite(), literal(scale)),
        None => numbers,
    }
}

impl Report<'_> {
    fn add(&mut self, weight: f64, finding: String, query: String) {
        self.found.push((weight, Finding { finding, query }));
    }

    /// Adds a finding that the rows meeting `condition` show.
    fn rows(&mut self, weight: f64, finding: String, condition: &str) {
        let query = format!("SELECT * FROM {} WHERE {condition} LIMIT 20", self.subject.sheet.quoted());
        self.add(weight, finding, query);
    }

    /// Adds a finding that the counts of a column's values show.
    fn counts(&mut self, weight: f64, finding: String, column: &Measured, condition: &str) {
        let query = format!(
            "SELECT {name}, count(*) AS n FROM {} WHERE {condition} GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
            self.subject.sheet.quoted(),
            name = column.quoted()
        );
        self.add(weight, finding, query);
    }

    fn duplicates(&mut self, n: u64) {
        let query = format!(
            "SELECT {list}, count(*) AS n_times FROM {} GROUP BY ALL HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 20",
            self.subject.sheet.quoted(),
            list = if self.subject.is_whole { "*".to_owned() } else { self.subject.list() },
        );
        self.add(
            9.0,
            format!("{} an earlier row", if n == 1 { "1 row repeats".to_owned() } else { format!("{n} rows repeat") }),
            query,
        );
    }

    fn nulls(&mut self, column: &Measured) {
        let (name, n_null) = (column.name(), column.summary.n_null);
        if self.subject.n_rows > 0 && column.n_set == 0 {
            self.rows(7.0, format!("`{name}` has no values at all"), &format!("{} IS NULL", column.quoted()));
            return;
        }
        let share = real(n_null) / real(self.subject.n_rows.max(1));
        let is_almost_full = n_null > 0 && column.summary.n_distinct == Some(column.n_set);
        if share >= 0.05 || is_almost_full {
            let percent = shown((1000.0 * share).round() / 10.0);
            self.rows(
                3.0 + 3.0 * share,
                format!("`{name}` is null in {} ({percent}%)", n_of(n_null, "row")),
                &format!("{} IS NULL", column.quoted()),
            );
        }
    }

    fn repeats(&mut self, column: &Measured) {
        let (name, n_set) = (column.name(), column.n_set);
        let Some(n_distinct) = column.summary.n_distinct else { return };
        if n_distinct == 1 && n_set > 1 && column.summary.n_not_finite.is_none() {
            self.counts(
                2.5,
                format!("`{name}` has one value only"),
                column,
                &format!("{} IS NOT NULL", column.quoted()),
            );
        }
        let n_repeated = column.n_finite.saturating_sub(n_distinct);
        let looks_like_key = column.kind == Kind::Text || is_whole(&column.summary.type_name);
        if looks_like_key && n_set >= 50 && n_repeated > 0 && real(n_repeated) <= 0.01 * real(n_set) {
            let query = format!(
                "SELECT {quoted}, count(*) AS n FROM {} WHERE {quoted} IS NOT NULL GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 20",
                self.subject.sheet.quoted(),
                quoted = column.quoted()
            );
            self.add(6.0, format!("`{name}` is unique but for {}", n_of(n_repeated, "row")), query);
        }
    }

    fn numbers(&mut self, column: &Measured) {
        // NaN is above everything in DuckDB's order: such columns are compared without it.
        let numbers = if column.summary.n_not_finite.is_some() { column.finite() } else { column.quoted() };
        let name = column.name();
        if let Some(n) = column.summary.n_not_finite {
            self.rows(
                5.0,
                format!("`{name}` is NaN or infinite in {}", n_of(n, "row")),
                &format!("NOT isfinite({})", column.quoted()),
            );
        }
        if let (Some(n), Some((low, high))) = (column.summary.n_outliers.filter(|n| *n > 0), column.fences()) {
            let share = real(n) / real(column.n_finite.max(1));
            let query = format!(
                "SELECT * FROM {} WHERE {numbers} < {low_sql} OR {numbers} > {high_sql} ORDER BY abs({numbers} - {middle}) DESC LIMIT 20",
                self.subject.sheet.quoted(),
                low_sql = literal(low),
                high_sql = literal(high),
                middle = literal(column.summary.median.unwrap_or_default()),
            );
            let percent =
                if share >= 0.001 { format!(" ({}%)", shown((1000.0 * share).round() / 10.0)) } else { String::new() };
            self.add(
                if share < 0.02 { 3.5 } else { 2.2 },
                format!("`{name}` has {}{percent}, below {} or above {}", n_of(n, "outlier"), shown(low), shown(high)),
                query,
            );
        }
        if let Some((value, n)) = column.summary.top.first()
            && real(*n) >= 0.9 * real(column.n_set)
            && *n < column.n_set
        {
            let percent = shown((1000.0 * real(*n) / real(column.n_set)).round() / 10.0);
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // Beyond 2^53 a number comes as text; and a `FLOAT` is not the double of the same digits.
            let type_name = &column.summary.type_name;
            let value = if value.is_string() || type_name == "FLOAT" {
                format!("CAST({} AS {type_name})", text(&shown))
            } else {
                shown.clone()
            };
            self.rows(
                2.1,
                format!("`{name}` is {shown} in {percent}% of its rows"),
                &format!("{} <> {value}", column.quoted()),
            );
        }
        if let Some(n) = column.summary.n_negative.filter(|n| *n > 0)
            && real(n) <= 0.02 * real(column.n_finite)
        {
            self.rows(4.0, format!("`{name}` is negative in {} only", n_of(n, "row")), &format!("{numbers} < 0"));
        }
    }

    fn texts(&mut self, column: &Measured) {
        let (name, quoted) = (column.name(), column.quoted());
        let n_set = real(column.n_set);
        let share = real(column.n_numeric_texts) / n_set.max(1.0);
        if share >= 0.8 {
            let n_other = column.n_set.saturating_sub(column.n_numeric_texts);
            let finding = match n_other {
                0 => format!("`{name}` is text, and every value reads as a number"),
                1 => format!("`{name}` is text because 1 value is not a number"),
                n => format!("`{name}` is text because {n} values are not numbers"),
            };
            let condition = if n_other == 0 {
                format!("{quoted} IS NOT NULL")
            } else {
                format!("{quoted} IS NOT NULL AND TRY_CAST({quoted} AS DOUBLE) IS NULL")
            };
            self.counts(if n_other == 0 { 1.5 } else { 6.5 }, finding, column, &condition);
        }
        if column.n_blank > 0 {
            let finding = format!("`{name}` is empty or blank text, not null, in {}", n_of(column.n_blank, "row"));
            self.rows(4.5, finding, &format!("trim({quoted}) = ''"));
        }
        if column.n_placeholders > 0 {
            let finding = format!("`{name}` may mean \"no value\" in {}", n_of(column.n_placeholders, "row"));
            self.counts(
                4.8,
                finding,
                column,
                &format!("lower(trim({quoted})) IN ('n/a', 'na', '#n/a', 'null', 'none', 'nan', '-', '--', '?', 'tbd', 'missing')"),
            );
        }
        if column.n_untrimmed > 0 {
            let finding = format!("`{name}` has blanks around the text in {}", n_of(column.n_untrimmed, "row"));
            self.counts(4.2, finding, column, &format!("{quoted} <> trim({quoted})"));
        }
        let n_distinct = column.summary.n_distinct.unwrap_or_default();
        if column.n_folded < n_distinct {
            let query = format!(
                "SELECT lower(trim({quoted})) AS value, list(DISTINCT {quoted}) AS spellings, count(*) AS n FROM {} \
                 GROUP BY 1 HAVING count(DISTINCT {quoted}) > 1 ORDER BY 3 DESC LIMIT 20",
                self.subject.sheet.quoted()
            );
            let n = n_distinct - column.n_folded;
            self.add(
                6.2,
                format!("`{name}` has {} spelt like another but for case or blanks", n_of(n, "value")),
                query,
            );
        }
    }

    fn moments(&mut self, column: &Measured) {
        let (name, quoted) = (column.name(), column.quoted());
        if let Some(n) = column.summary.n_not_finite {
            self.rows(5.0, format!("`{name}` is infinite in {}", n_of(n, "row")), &format!("NOT isfinite({quoted})"));
        }
        let year =
            |text: &serde_json::Value| text.as_str().and_then(|it| it.get(..4)).and_then(|it| it.parse::<u32>().ok());
        let is_odd = |year: Option<u32>| year.is_some_and(|it| !(1900..=2100).contains(&it));
        if is_odd(year(&column.summary.min)) || is_odd(year(&column.summary.max)) {
            self.rows(
                5.5,
                format!("`{name}` has dates before 1900 or after 2100"),
                &format!("year({quoted}) NOT BETWEEN 1900 AND 2100"),
            );
        }
        let (Some(missing), Some(span)) = (column.summary.n_days_missing, column.summary.span_days) else { return };
        if missing > 0 && real(missing) <= 0.2 * span {
            let sheet = self.subject.sheet.quoted();
            let query = format!(
                "SELECT day FROM (SELECT unnest(generate_series(min({usable}), max({usable}), INTERVAL 1 DAY)) AS day FROM {sheet}) \
                 WHERE CAST(day AS DATE) NOT IN (SELECT {quoted} FROM {sheet} WHERE {quoted} IS NOT NULL) ORDER BY day LIMIT 20",
                usable = if column.summary.n_not_finite.is_some() { column.usable() } else { quoted.clone() },
            );
            self.add(3.2, format!("`{name}` has no row for {missing} of its {} days", span + 1.0), query);
        }
    }
}

/// `1 row`, `2 rows`.
fn n_of(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A number in SQL for people: as short as it can be and still the same double.
fn literal(x: f64) -> String {
    if x == 0.0 || (1e-10..1e15).contains(&x.abs()) { x.to_string() } else { format!("{x:e}") }
}
