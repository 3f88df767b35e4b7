//! Texts into dates and numbers: in a given form, or in the one that reads most of the column's cells.

use serde_json::Value;

use super::{
    chain::{Chain, quoted, text_literal},
    columns::type_name,
    step::{Mark, Moment, OnError},
};
use crate::{
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

pub(super) fn dates(
    chain: &mut Chain<'_>,
    columns: &[String],
    format: &str,
    to: Option<Moment>,
    on_error: OnError,
) -> Result<String, Fault> {
    let mut written = Vec::new();
    for column in chain.chosen(columns)? {
        let moment = moment(chain, &column, format)?;
        let cell = quoted(&column);
        let to = if let Some(to) = to {
            to
        } else {
            let n_timed =
                format!("SELECT count(*) FROM {} WHERE {moment} <> date_trunc('day', {moment})", chain.last());
            if chain.number(&n_timed)? == 0 { Moment::Date } else { Moment::Timestamp }
        };
        let type_name = match to {
            Moment::Date => "DATE",
            Moment::Timestamp => "TIMESTAMP",
        };
        let fails = format!("nullif(trim(CAST({cell} AS VARCHAR)), '') IS NOT NULL AND {moment} IS NULL");
        settle(chain, &column, type_name, fails, on_error)?;
        written.push((column, format!("CAST({moment} AS {type_name})")));
    }
    Ok(rewritten(chain, &written))
}

pub(super) fn numbers(
    chain: &mut Chain<'_>,
    columns: &[String],
    decimal: Option<Mark>,
    to: &str,
    on_error: OnError,
) -> Result<String, Fault> {
    let to = if to.is_empty() { None } else { Some(type_name(to)?) };
    let mut written = Vec::new();
    for column in chain.chosen(columns)? {
        let cell = quoted(&column);
        let text = bare_number(&column);
        let mark = match decimal {
            Some(mark) => mark,
            None => likely_mark(chain, &column, &text)?,
        };
        let plain = plain_number(&text, mark);
        let is_percent = format!("ends_with(trim(CAST({cell} AS VARCHAR)), '%')");
        let type_name = match &to {
            Some(to) => to.clone(),
            None => number_type(chain, &plain, &is_percent)?,
        };
        let value = if type_name == "DOUBLE" {
            format!("(TRY_CAST({plain} AS DOUBLE) / CASE WHEN {is_percent} THEN 100 ELSE 1 END)")
        } else {
            format!("TRY_CAST({plain} AS {type_name})")
        };
        let fails = format!("nullif(trim(CAST({cell} AS VARCHAR)), '') IS NOT NULL AND {value} IS NULL");
        settle(chain, &column, &type_name, fails, on_error)?;
        written.push((column, value));
    }
    Ok(rewritten(chain, &written))
}

fn rewritten(chain: &Chain<'_>, written: &[(Column, String)]) -> String {
    let items = chain.with(|column| written.iter().find(|(it, _)| it == column).map(|(_, sql)| sql.clone()));
    format!("SELECT {items} FROM {}", chain.last())
}

/// Ends the transform where cells fail and may not, and remembers the conversion.
fn settle(chain: &mut Chain<'_>, column: &Column, to: &str, fails: String, on_error: OnError) -> Result<(), Fault> {
    let strict = on_error == OnError::Fail;
    if strict && !chain.is_dry {
        let cell = quoted(column);
        let rows =
            chain.look(&format!("SELECT count(*), count(DISTINCT {cell}) FROM {} WHERE {fails}", chain.last()))?;
        let n_cells = rows.first().and_then(|row| row.first()).and_then(Value::as_u64).unwrap_or_default();
        if n_cells > 0 {
            let examples = chain.look(&format!(
                "SELECT DISTINCT left(CAST({cell} AS VARCHAR), 60) FROM {} WHERE {fails} ORDER BY 1 LIMIT 3",
                chain.last()
            ))?;
            let examples: Vec<String> =
                examples.iter().flatten().filter_map(Value::as_str).map(|it| format!("`{it}`")).collect();
            return Err(Fault::new(
                Code::InvalidArguments,
                format!("{n_cells} cells of `{}` can't become {to}, such as {}", column.name, examples.join(", ")),
            )
            .hint("mend them with a `replace` before, or add `\"on_error\": \"null\"` to make them null"));
        }
        return Ok(());
    }
    chain.will_convert(column, to, fails, strict);
    Ok(())
}

/// SQL for a column's cells as timestamps, null where they are none.
fn moment(chain: &mut Chain<'_>, column: &Column, format: &str) -> Result<String, Fault> {
    let cell = quoted(column);
    if ["DATE", "TIMESTAMP"].iter().any(|it| column.type_name.starts_with(it)) {
        return Ok(format!("CAST({cell} AS TIMESTAMP)"));
    }
    if column.type_name != "VARCHAR" && format.is_empty() {
        // 20240131, or the days that a spreadsheet counts.
        return Ok(format!(
            "CASE WHEN {cell} BETWEEN 19000101 AND 99991231 THEN try_strptime(CAST(CAST({cell} AS BIGINT) AS VARCHAR), '%Y%m%d') \
             WHEN {cell} BETWEEN 1 AND 2958465 THEN TIMESTAMP '1899-12-30' + to_milliseconds(CAST(round({cell} * 86400000) AS BIGINT)) END"
        ));
    }
    let text = format!("trim(CAST({cell} AS VARCHAR))");
    if !format.is_empty() {
        return Ok(in_century(&format!("try_strptime({text}, {})", text_literal(&strptime_form(format)?))));
    }
    // Weekdays before a date and the endings of ordinals say nothing.
    let text = format!(
        "regexp_replace(regexp_replace({text}, '^(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*\\.?,?\\s+', ''), '(\\d)(?i:st|nd|rd|th)\\b', '\\1')"
    );
    let by_year: Vec<String> =
        TIMES.iter().flat_map(|time| BY_YEAR.iter().map(move |form| text_literal(&format!("{form}{time}")))).collect();
    let by_year = format!(
        "CASE WHEN regexp_matches({text}, '^\\d{{4}}') THEN coalesce(TRY_CAST({text} AS TIMESTAMP), try_strptime({text}, [{}])) END",
        by_year.join(", ")
    );
    let reading = |day_first: bool| {
        let forms: Vec<String> = forms(day_first).iter().map(|form| text_literal(form)).collect();
        in_century(&format!("coalesce({by_year}, try_strptime({text}, [{}]))", forms.join(", ")))
    };
    let (day_first, month_first) = (reading(true), reading(false));
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
    Ok(if count(0) >= count(1) { day_first } else { month_first })
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

/// The text of a number without what is around it: currency, spaces, percent; a minus in front, however it was marked.
fn bare_number(column: &Column) -> String {
    let cell = format!("CAST({} AS VARCHAR)", quoted(column));
    let bare =
        format!("regexp_replace({cell}, '[\\s\\p{{Z}}\\p{{Sc}}''’%]|^[A-Z]{{3}}\\s?|\\s?[A-Z]{{3}}$|^US', '', 'g')");
    let bare = format!("regexp_replace(replace({bare}, '−', '-'), '^\\((.*)\\)$', '-\\1')");
    format!("regexp_replace({bare}, '^(.*\\d)-$', '-\\1')")
}

/// The number as SQL reads it, null where it is none.
fn plain_number(text: &str, mark: Mark) -> String {
    let (group, point) = match mark {
        Mark::Point => (",", "\\."),
        Mark::Comma => ("\\.", ","),
    };
    let form = format!("[+-]?(\\d{{1,3}}({group}\\d{{3}})+|\\d+)?({point}\\d*)?([eE][+-]?\\d+)?");
    let plain = match mark {
        Mark::Point => format!("replace({text}, ',', '')"),
        Mark::Comma => format!("replace(replace({text}, '.', ''), ',', '.')"),
    };
    format!("CASE WHEN regexp_full_match({text}, '{form}') THEN {plain} END")
}

/// The decimal mark with which more cells are numbers; a point where both do, which is said.
fn likely_mark(chain: &mut Chain<'_>, column: &Column, text: &str) -> Result<Mark, Fault> {
    let (point, comma) = (plain_number(text, Mark::Point), plain_number(text, Mark::Comma));
    let (as_point, as_comma) = (format!("TRY_CAST({point} AS DOUBLE)"), format!("TRY_CAST({comma} AS DOUBLE)"));
    let rows = chain.look(&format!(
        "SELECT count({as_point}), count({as_comma}), min(CAST({} AS VARCHAR)) FILTER (WHERE {as_point} <> {as_comma}) FROM {}",
        quoted(column),
        chain.last()
    ))?;
    let row = rows.first().cloned().unwrap_or_default();
    let count = |at: usize| row.get(at).and_then(Value::as_u64).unwrap_or_default();
    if count(1) > count(0) {
        return Ok(Mark::Comma);
    }
    if let Some(example) = row.get(2).and_then(Value::as_str).filter(|_| count(0) == count(1)) {
        chain.notes.push(format!(
            "`{}` is read with a decimal point; `{example}` could be meant otherwise: then give `\"decimal\": \",\"`",
            column.name
        ));
    }
    Ok(Mark::Point)
}

/// The narrowest type that holds all the numbers as they are.
fn number_type(chain: &mut Chain<'_>, plain: &str, is_percent: &str) -> Result<String, Fault> {
    let rows = chain.look(&format!(
        "SELECT count(*) FILTER (WHERE contains(lower(n), 'e')), count(*) FILTER (WHERE p), \
         coalesce(max(len(regexp_extract(n, '\\.(\\d+)$', 1))), 0), \
         coalesce(max(len(regexp_extract(n, '^[+-]?0*(\\d*)', 1))), 0) \
         FROM (SELECT {plain} AS n, {is_percent} AS p FROM {}) WHERE n IS NOT NULL",
        chain.last()
    ))?;
    let row = rows.first().cloned().unwrap_or_default();
    let count = |at: usize| row.get(at).and_then(Value::as_u64).unwrap_or_default();
    let (n_exponents, n_percents, scale, n_digits) = (count(0), count(1), count(2), count(3));
    Ok(if n_exponents > 0 || n_percents > 0 || scale + n_digits > 38 {
        "DOUBLE".to_owned()
    } else if scale + n_digits > 18 {
        format!("DECIMAL(38,{scale})")
    } else if scale > 0 {
        format!("DECIMAL(18,{scale})")
    } else {
        "BIGINT".to_owned()
    })
}
