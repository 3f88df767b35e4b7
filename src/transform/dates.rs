//! `parse_dates`: texts and numbers into dates, in a given form or in the one that reads most of the column's cells.

use serde_json::{Map, Value};

use super::{
    chain::{Chain, quoted, text_literal},
    columns::{items, settle},
    step::{Moment, OnError},
};
use crate::{
    engine::types::is_number,
    fault::{Code, Fault},
    value::Column,
};

/// Forms that begin with a year of four digits.
const BY_YEAR: &[&str] = &["%Y.%m.%d", "%Y%m%d", "%Y-%m"];

/// Other forms that can be read in one way only. Years of two digits first: `%Y` would take them for four.
const CLEAR: &[&str] = &[
    "%d %B %Y",
    "%d %b %Y",
    "%d-%b-%y",
    "%d-%b-%Y",
    "%d-%B-%Y",
    "%d. %B %Y",
    "%d. %b %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%B %d %Y",
    "%b %d %Y",
    "%B %Y",
    "%b %Y",
    "%b-%Y",
];
const TIMES: &[&str] = &["", " %H:%M:%S", " %H:%M", " %I:%M:%S %p", " %I:%M %p", " %I:%M%p", ", %H:%M:%S", ", %H:%M"];

/// A time with its distance from UTC behind it.
const ZONED: &str = ":\\d\\d(\\.\\d+)?\\s*([zZ]|[+-]\\d\\d(:?\\d\\d)?)$";

/// `format`s that name no form but the order of day and month, in whatever form.
const DAY_FIRST: &str = "day_first";
const MONTH_FIRST: &str = "month_first";

pub(super) fn dates(
    chain: &mut Chain<'_>,
    columns: &[String],
    format: &str,
    to: Option<Moment>,
    on_error: OnError,
    found: bool,
) -> Result<String, Fault> {
    let chosen = chain.chosen(columns)?;
    let mut written = Vec::new();
    for column in &chosen {
        let Reading { moment, order } = moment(chain, column, format)?;
        let cell = quoted(column);
        let is_timed = format!("{moment} <> date_trunc('day', {moment})");
        let kind = match to {
            Some(to) => to,
            None if chain.number(&format!("SELECT count(*) FROM {} WHERE {is_timed}", chain.last()))? == 0 => {
                Moment::Date
            }
            None => Moment::Timestamp,
        };
        let type_name = match kind {
            Moment::Date => "DATE",
            Moment::Timestamp => "TIMESTAMP",
        };
        // Only who asks for dates has the times cut off.
        let moment = if found && kind == Moment::Date {
            format!("CASE WHEN NOT ({is_timed}) THEN {moment} END")
        } else {
            moment
        };
        let fails = format!("nullif(trim(CAST({cell} AS VARCHAR)), '') IS NOT NULL AND {moment} IS NULL");
        settle(chain, column, type_name, fails, on_error)?;
        if to.is_none() || order.is_some() {
            let mut fields = Map::new();
            if let Some(order) = order {
                fields.insert("format".to_owned(), order.into());
            }
            if to.is_none() {
                fields.insert("to".to_owned(), type_name.to_lowercase().into());
                fields.insert("found".to_owned(), true.into());
            }
            chain.found(column, fields);
        }
        written.push(format!("CAST({moment} AS {type_name})"));
    }
    Ok(format!("SELECT {} FROM {}", items(chain, &chosen, &written), chain.last()))
}

struct Reading {
    /// SQL for a column's cells as timestamps, null where they are none.
    moment: String,
    /// The order that was found, where it makes a difference.
    order: Option<&'static str>,
}

/// SQL for a column's cells as timestamps, null where they are none.
fn moment(chain: &mut Chain<'_>, column: &Column, format: &str) -> Result<Reading, Fault> {
    let as_given = |moment: String| Ok(Reading { moment, order: None });
    let cell = quoted(column);
    if ["DATE", "TIMESTAMP"].iter().any(|it| column.type_name.starts_with(it)) {
        return as_given(format!("CAST({cell} AS TIMESTAMP)"));
    }
    let order = [DAY_FIRST, MONTH_FIRST].into_iter().find(|it| *it == format);
    if is_number(&column.type_name) && (format.is_empty() || order.is_some()) {
        // 20240131, or the days that a spreadsheet counts. What looks like a year is neither.
        return as_given(format!(
            "CASE WHEN {cell} BETWEEN 19000101 AND 99991231 THEN try_strptime(CAST(CAST({cell} AS BIGINT) AS VARCHAR), '%Y%m%d') \
             WHEN {cell} BETWEEN 1900 AND 2100 AND {cell} = round({cell}) THEN NULL \
             WHEN {cell} BETWEEN 1 AND 2958465 THEN TIMESTAMP '1899-12-30' + to_milliseconds(CAST(round({cell} * 86400000) AS BIGINT)) END"
        ));
    }
    let text = format!("trim(CAST({cell} AS VARCHAR))");
    if !format.is_empty() && order.is_none() {
        return as_given(in_century(&format!("try_strptime({text}, {})", text_literal(&strptime_form(format)?))));
    }
    // Weekdays before a date and the endings of ordinals say nothing.
    let text = format!(
        "regexp_replace(regexp_replace({text}, '^(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*\\.?,?\\s+', ''), '(\\d)(?i:st|nd|rd|th)\\b', '\\1')"
    );
    // A cast to a TIMESTAMP would pass over the distance from UTC.
    let in_zone = format!(
        "CASE WHEN regexp_matches({text}, '{ZONED}') THEN timezone('UTC', TRY_CAST({text} AS TIMESTAMP WITH TIME ZONE)) END"
    );
    let by_year: Vec<String> =
        TIMES.iter().flat_map(|time| BY_YEAR.iter().map(move |form| text_literal(&format!("{form}{time}")))).collect();
    let by_year = format!(
        "CASE WHEN regexp_matches({text}, '^\\d{{4}}') THEN coalesce({in_zone}, TRY_CAST({text} AS TIMESTAMP), try_strptime({text}, [{}])) END",
        by_year.join(", ")
    );
    let reading = |day_first: bool| {
        let forms: Vec<String> = forms(day_first).iter().map(|form| text_literal(form)).collect();
        in_century(&format!("coalesce({by_year}, try_strptime({text}, [{}]))", forms.join(", ")))
    };
    let (day_first, month_first) = (reading(true), reading(false));
    if chain.number(&format!("SELECT count(*) FROM {} WHERE regexp_matches({text}, '{ZONED}')", chain.last()))? > 0 {
        chain.notes.push(format!("`{}` has times with a distance from UTC: all are in UTC now", column.name));
    }
    if let Some(order) = order {
        return as_given(if order == DAY_FIRST { day_first } else { month_first });
    }
    let answer = chain.look(&format!(
        "SELECT count({day_first}), count({month_first}), count(*) FILTER (WHERE {day_first} <> {month_first}), \
         min(CAST({cell} AS VARCHAR)) FILTER (WHERE {day_first} <> {month_first}) FROM {}",
        chain.last()
    ))?;
    let row = answer.first().cloned().unwrap_or_default();
    let count = |at: usize| row.get(at).and_then(Value::as_u64).unwrap_or_default();
    if count(0) == count(1) && count(2) > 0 {
        let example = row.get(3).and_then(Value::as_str).unwrap_or_default().to_owned();
        return Err(Fault::new(
            Code::InvalidArguments,
            format!("`{}` can be read day first or month first, as `{example}` shows", column.name),
        )
        .hint("say which in `format`: \"%d/%m/%Y\" or \"%m/%d/%Y\""));
    }
    let (moment, order) = if count(0) >= count(1) { (day_first, DAY_FIRST) } else { (month_first, MONTH_FIRST) };
    let matters = count(0) != count(1) || count(2) > 0;
    Ok(Reading { moment, order: matters.then_some(order) })
}

/// A two-digit year counts from 1969 on; DuckDB would take `24` for the year 24 where four digits are asked for.
fn in_century(moment: &str) -> String {
    format!("CASE WHEN year({moment}) >= 1000 THEN {moment} END")
}

fn forms(day_first: bool) -> Vec<String> {
    let mut forms: Vec<String> = Vec::new();
    for time in TIMES {
        forms.extend(CLEAR.iter().map(|form| format!("{form}{time}")));
        for mark in ['/', '.', '-', ' '] {
            for year in ["%y", "%Y"] {
                let date =
                    if day_first { format!("%d{mark}%m{mark}{year}") } else { format!("%m{mark}%d{mark}{year}") };
                forms.push(format!("{date}{time}"));
            }
        }
    }
    forms
}

/// The letters of such a form, and what they are.
const WORDS: &[(&str, &str)] = &[
    ("YYYY", "%Y"),
    ("yyyy", "%Y"),
    ("YY", "%y"),
    ("yy", "%y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("dd", "%d"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("SS", "%S"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("M", "%m"),
    ("D", "%d"),
    ("d", "%d"),
    ("H", "%H"),
    ("h", "%I"),
    ("a", "%p"),
];

/// `%d/%m/%Y`, also where it is written as `DD/MM/YYYY`.
fn strptime_form(format: &str) -> Result<String, Fault> {
    if format.contains('%') {
        return Ok(format.to_owned());
    }
    let (mut form, mut rest) = (String::new(), format);
    while let Some(c) = rest.chars().next() {
        if let Some((word, code)) = WORDS.iter().find(|(word, _)| rest.starts_with(word)) {
            form.push_str(code);
            rest = rest.strip_prefix(word).unwrap_or_default();
        } else if c.is_alphabetic() && c != 'T' {
            return Err(Fault::new(Code::InvalidArguments, format!("`{format}` is no form of dates"))
                .hint("write it as \"%d/%m/%Y\" or \"DD/MM/YYYY\""));
        } else {
            form.push(c);
            rest = rest.strip_prefix(c).unwrap_or_default();
        }
    }
    Ok(form)
}
