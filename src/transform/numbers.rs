//! `parse_numbers`: texts into numbers, with a given decimal mark or the one that reads most of the column's cells.

use serde_json::{Map, Value};

use super::{
    chain::{Chain, quoted},
    columns::{items, settle, type_name},
    step::{Mark, OnError},
};
use crate::{engine::types::is_whole, fault::Fault, value::Column};

pub(super) fn numbers(
    chain: &mut Chain<'_>,
    columns: &[String],
    decimal: Option<Mark>,
    to: &str,
    on_error: OnError,
    found: bool,
) -> Result<String, Fault> {
    let to = if to.is_empty() { None } else { Some(type_name(to)?) };
    let chosen = chain.chosen(columns)?;
    let mut written = Vec::new();
    for column in &chosen {
        let cell = format!("CAST({} AS VARCHAR)", quoted(column));
        let text = bare_number(&cell);
        let (mark, matters) = match decimal {
            Some(mark) => (mark, true),
            None => likely_mark(chain, column, &text)?,
        };
        let percent = format!("ends_with(trim({cell}), '%')");
        let plain = plain_number(&text, mark);
        let type_name = match &to {
            Some(to) => to.clone(),
            None => number_type(chain, &plain, &percent)?,
        };
        let plain = format!("({plain} || CASE WHEN {percent} THEN 'e-2' ELSE '' END)");
        let mut value =
            if is_whole(&type_name) { whole(&plain, &type_name) } else { format!("TRY_CAST({plain} AS {type_name})") };
        if found && type_name.starts_with("DECIMAL") {
            // Only who asks for so many digits has the others rounded off.
            value = format!("CASE WHEN TRY_CAST({plain} AS DOUBLE) = CAST({value} AS DOUBLE) THEN {value} END");
        }
        let fails = format!("nullif(trim({cell}), '') IS NOT NULL AND {value} IS NULL");
        settle(chain, column, &type_name, fails, on_error)?;
        let mut fields = Map::new();
        if decimal.is_none() && matters {
            fields.insert("decimal".to_owned(), if mark == Mark::Comma { "," } else { "." }.into());
        }
        if to.is_none() {
            fields.insert("to".to_owned(), type_name.into());
            fields.insert("found".to_owned(), true.into());
        }
        if !fields.is_empty() {
            chain.found(column, fields);
        }
        written.push(value);
    }
    Ok(format!("SELECT {} FROM {}", items(chain, &chosen, &written), chain.last()))
}

/// SQL for a text or a number as a whole one, null where it has a fraction: a cast alone would round it.
pub(super) fn whole(cell: &str, to: &str) -> String {
    let text = format!("CAST({cell} AS VARCHAR)");
    let exact = format!("TRY_CAST({cell} AS DECIMAL(38,10))");
    format!(
        "CASE WHEN NOT regexp_matches({text}, '\\.\\d*[1-9]\\d*\\s*$') AND coalesce({exact} = trunc({exact}) \
         AND ({exact} <> 0 OR TRY_CAST({cell} AS DOUBLE) = 0), true) THEN TRY_CAST({cell} AS {to}) END"
    )
}

/// The text of a number without what is around it: currency, spaces, percent; a minus in front, however it was marked.
/// Blanks and apostrophes between its digits become single blanks.
fn bare_number(cell: &str) -> String {
    let bare = format!("regexp_replace({cell}, '[\\p{{Sc}}%]|^\\s*[A-Z]{{3}}\\b|\\b[A-Z]{{3}}\\s*$|^\\s*US', '', 'g')");
    let bare = format!("regexp_replace(replace({bare}, '−', '-'), '[\\s\\p{{Z}}''’]+', ' ', 'g')");
    let bare = format!("regexp_replace(regexp_replace({bare}, ' ?([-+().,]) ?', '\\1', 'g'), '^ | $', '', 'g')");
    let bare = format!("regexp_replace({bare}, '^\\((.*)\\)$', '-\\1')");
    format!("regexp_replace({bare}, '^(.*\\d)-$', '-\\1')")
}

/// The number as SQL reads it, null where it is none.
fn plain_number(text: &str, mark: Mark) -> String {
    let (group, point) = match mark {
        Mark::Point => (",", "\\."),
        Mark::Comma => ("\\.", ","),
    };
    let whole = format!("\\d{{1,3}}({group}\\d{{3}})+|\\d{{1,3}}( \\d{{3}})+|\\d+");
    let form = format!("[+-]?({whole})?({point}\\d*)?([eE][+-]?\\d+)?");
    let plain = match mark {
        Mark::Point => format!("replace({text}, ',', '')"),
        Mark::Comma => format!("replace(replace({text}, '.', ''), ',', '.')"),
    };
    format!("CASE WHEN regexp_full_match({text}, '{form}') THEN replace({plain}, ' ', '') END")
}

/// The decimal mark with which more cells are numbers, and whether it makes a difference; a point where both do, which is
/// said.
fn likely_mark(chain: &mut Chain<'_>, column: &Column, text: &str) -> Result<(Mark, bool), Fault> {
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
        return Ok((Mark::Comma, true));
    }
    let differs = row.get(2).and_then(Value::as_str);
    if let Some(example) = differs.filter(|_| count(0) == count(1)) {
        chain.notes.push(format!(
            "`{}` is read with a decimal point; `{example}` could be meant otherwise: then give `\"decimal\": \",\"`",
            column.name
        ));
    }
    Ok((Mark::Point, count(0) > count(1) || differs.is_some()))
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
