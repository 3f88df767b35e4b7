//! Columns one by one: which statistics each gets, by its type.

use serde_json::Value;

use super::{ColumnSummary, Detail, Subject, scan, values};
use crate::{
    engine::{Engine, types::is_comparable},
    fault::Fault,
    name::ColumnName,
    stats::{
        number, real,
        sql::{is_moment, is_number},
        whole,
    },
    value::{Column, shorten},
};

/// What was measured of a column, and what the findings need besides.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) summary: ColumnSummary,
    pub(super) kind: Kind,
    /// Values that are not null, and those of them that are finite: all but NaN and infinities.
    pub(super) n_set: u64,
    pub(super) n_finite: u64,
    /// Different texts, and their bytes together: estimates.
    pub(super) n_different_texts: f64,
    pub(super) n_text_bytes: f64,
    /// Texts that read as numbers, that are empty or blank, that stand for nothing (`n/a`), with blanks around them.
    pub(super) n_numeric_texts: u64,
    pub(super) n_blank: u64,
    pub(super) n_placeholders: u64,
    pub(super) n_untrimmed: u64,
    /// Different texts once case and blanks around are ignored.
    pub(super) n_folded: u64,
    /// The sum of squares about the mean, in units of `scale` squared.
    pub(super) squares: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    Number,
    Text,
    Moment,
    /// Comparable, such as booleans and times.
    Plain,
    /// Lists, structs and the like: only nulls are counted.
    #[default]
    Opaque,
}

impl Kind {
    pub(super) fn of(type_name: &str) -> Kind {
        if is_number(type_name) {
            Kind::Number
        } else if type_name == "VARCHAR" {
            Kind::Text
        } else if is_moment(type_name) {
            Kind::Moment
        } else if is_comparable(type_name) {
            Kind::Plain
        } else {
            Kind::Opaque
        }
    }
}

impl Measured {
    pub(super) fn name(&self) -> &str {
        &self.summary.name
    }

    pub(super) fn quoted(&self) -> String {
        ColumnName(&self.summary.name).quoted()
    }

    /// The column as numbers, null where there is none or it is not finite.
    pub(super) fn finite(&self) -> String {
        finite(&self.summary.name, &self.summary.type_name)
    }

    /// The column, null where it is not finite.
    pub(super) fn usable(&self) -> String {
        let name = self.quoted();
        let may_be_odd = self.kind == Kind::Moment || is_float(&self.summary.type_name);
        if may_be_odd { format!("CASE WHEN isfinite({name}) THEN {name} END") } else { name }
    }

    /// The condition that a row has a value which is finite.
    pub(super) fn is_usable(&self) -> String {
        let name = self.quoted();
        if self.summary.n_not_finite.is_some() {
            format!("{name} IS NOT NULL AND isfinite({name})")
        } else {
            format!("{name} IS NOT NULL")
        }
    }

    /// Takes note of how many values are finite.
    pub(super) fn odd_beside(&mut self, n_finite: u64) {
        let n_odd = self.n_set.saturating_sub(n_finite);
        self.n_finite = n_finite;
        self.summary.n_not_finite = (n_odd > 0).then_some(n_odd);
    }

    /// Whether all finite values are one and the same.
    pub(super) fn is_constant(&self) -> bool {
        self.summary.min == self.summary.max
    }

    /// What numbers are divided by before they are multiplied, where their products would leave the range of doubles.
    pub(super) fn scale(&self) -> Option<f64> {
        let reach = number(Some(&self.summary.min)).abs().max(number(Some(&self.summary.max)).abs());
        (reach > 0.0 && !(1e-90..1e90).contains(&reach)).then_some(reach)
    }

    /// Bounds beyond which a number is an outlier, where the quartiles differ.
    pub(super) fn fences(&self) -> Option<(f64, f64)> {
        let (q1, q3) = (self.summary.q1?, self.summary.q3?);
        (q3 > q1).then_some((q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)))
    }

    /// As the reply shows it.
    pub(super) fn shown(mut self, detail: Detail) -> ColumnSummary {
        const MAX_CHARS: usize = 60;
        let n_set = self.n_set;
        let summary = &mut self.summary;
        shorten(&mut summary.min, MAX_CHARS);
        shorten(&mut summary.max, MAX_CHARS);
        summary.top.iter_mut().for_each(|(value, _)| shorten(value, MAX_CHARS));
        summary.top.retain(|(_, n)| *n > 1);
        if detail == Detail::Brief {
            let is_telling =
                self.kind != Kind::Number || summary.top.first().is_some_and(|(_, n)| real(*n) >= 0.05 * real(n_set));
            summary.top.truncate(if is_telling { 3 } else { 0 });
            for figure in [
                &mut summary.mean,
                &mut summary.sd,
                &mut summary.q1,
                &mut summary.median,
                &mut summary.q3,
                &mut summary.skew,
                &mut summary.span_days,
            ] {
                *figure = figure.map(|it| rounded(it, 8));
            }
            summary.lengths = summary.lengths.map(|lengths| lengths.map(|it| rounded(it, 4)));
        }
        self.summary
    }
}

/// To so many significant digits.
pub(super) fn rounded(x: f64, n_digits: usize) -> f64 {
    let n_decimals = n_digits.saturating_sub(1);
    format!("{x:.n_decimals$e}").parse().unwrap_or(x)
}

pub(super) fn finite(name: &str, type_name: &str) -> String {
    let name = ColumnName(name).quoted();
    if is_float(type_name) {
        format!("CASE WHEN isfinite({name}) THEN CAST({name} AS DOUBLE) END")
    } else {
        format!("CAST({name} AS DOUBLE)")
    }
}

fn is_float(type_name: &str) -> bool {
    ["FLOAT", "DOUBLE"].contains(&type_name)
}

/// Everything about columns that does not need two of them.
pub(super) fn measure(engine: &mut Engine, subject: &Subject) -> Result<Vec<Measured>, Fault> {
    let mut measured = scan::first(engine, subject)?;
    for column in &mut measured {
        values::count(engine, subject, column)?;
        if column.kind == Kind::Moment {
            span(engine, subject, column)?;
        }
    }
    scan::quartiles(engine, subject, &mut measured)?;
    Ok(measured)
}

/// Moments with more different values have their gaps searched only in full.
const MANY: u64 = 200_000;

fn span(engine: &mut Engine, subject: &Subject, column: &mut Measured) -> Result<(), Fault> {
    if column.n_finite == 0 {
        return Ok(());
    }
    let (name, sheet) = (column.quoted(), subject.sheet.quoted());
    let is_date = column.summary.type_name == "DATE";
    // Infinite dates have no distance.
    let finite = format!("(SELECT {name} AS v FROM {sheet} WHERE isfinite({name}))");
    let days = |from: &str, to: &str| {
        if is_date {
            format!("CAST({to} - {from} AS DOUBLE)")
        } else {
            format!("CAST(epoch_us({to}) - epoch_us({from}) AS DOUBLE) / 86400000000")
        }
    };
    let n_distinct = column.summary.n_distinct.unwrap_or_default();
    let span = days("min(v)", "max(v)");
    let row = engine.answers(&format!("SELECT {span} FROM {finite}"))?;
    let span = number(row.first().and_then(|row| row.first()));
    if !span.is_finite() {
        return Ok(());
    }
    column.summary.span_days = Some(span);
    if is_date {
        column.summary.n_days_missing = Some(whole(span + 1.0).saturating_sub(n_distinct));
    }
    let is_dense = is_date && column.summary.n_days_missing == Some(0);
    if n_distinct < 2 || is_dense || (subject.detail == Detail::Brief && n_distinct > MANY) {
        return Ok(());
    }
    let gap = days("before", "v");
    let rows = engine.answers(&format!(
        "SELECT before, v, {gap} AS days FROM (SELECT v, lag(v) OVER (ORDER BY v) AS before FROM (SELECT DISTINCT v FROM {finite})) \
         WHERE before IS NOT NULL ORDER BY days DESC, v LIMIT 1"
    ))?;
    if let Some([before, after, days]) = rows.into_iter().next().and_then(|row| <[Value; 3]>::try_from(row).ok()) {
        column.summary.longest_gap = Some((before, after, number(Some(&days))));
    }
    Ok(())
}

pub(super) fn start(column: &Column) -> Measured {
    Measured {
        kind: Kind::of(&column.type_name),
        summary: ColumnSummary {
            name: column.name.clone(),
            type_name: column.type_name.clone(),
            ..ColumnSummary::default()
        },
        ..Measured::default()
    }
}
