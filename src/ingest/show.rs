//! Cells and addresses as a person would see them.

use chrono::{DateTime, NaiveDate};

use super::cell::Cell;

/// The cell's text: `12` rather than `12.0`, dates ISO 8601; nothing where it is empty or has no value.
pub(super) fn cell(cell: Cell<'_>) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) | Cell::Error(text) | Cell::Unevaluated(text) => text.to_owned(),
        Cell::Number(number) => number_text(number),
        Cell::Boolean(boolean) => boolean.to_string(),
        Cell::Date(days) => date(days),
        Cell::Time(micros) => time(micros),
        Cell::Timestamp(micros) => timestamp(micros),
        Cell::Duration(millis) => duration(millis),
    }
}

fn number_text(number: f64) -> String {
    // `Display` writes all the digits of 1e300.
    if number != 0.0 && !(1e-7..1e21).contains(&number.abs()) { format!("{number:e}") } else { number.to_string() }
}

pub(super) fn date(days: i32) -> String {
    NaiveDate::from_num_days_from_ce_opt(days.saturating_add(719_163)).map_or_else(String::new, |date| date.to_string())
}

pub(super) fn time(micros: i64) -> String {
    let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
    let whole = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { whole } else { format!("{whole}.{fraction:06}") }
}

fn timestamp(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).map_or_else(String::new, |moment| moment.naive_utc().to_string())
}

/// Hours may exceed 24, as spreadsheets show durations.
fn duration(millis: i64) -> String {
    let (sign, millis) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
    let (seconds, fraction) = (millis / 1_000, millis % 1_000);
    let whole = format!("{sign}{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { whole } else { format!("{whole}.{fraction:03}") }
}

/// A number that was computed, without the noise of its last digits.
pub(super) fn rounded(number: f64) -> String {
    let text = format!("{number:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A column's letters: A, B, …, Z, AA.
pub(super) fn letters(col_idx: u32) -> String {
    let mut reversed = Vec::new();
    let mut left = u64::from(col_idx) + 1;
    while left > 0 {
        left -= 1;
        reversed.extend(u8::try_from(left % 26).ok().map(|letter| char::from(b'A' + letter)));
        left /= 26;
    }
    reversed.iter().rev().collect()
}

/// A cell's address, such as `C7`.
pub(super) fn address(col_idx: u32, row_number: u64) -> String {
    format!("{}{row_number}", letters(col_idx))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_look_as_in_a_spreadsheet() {
        let seen = [
            Cell::Number(12.0),
            Cell::Number(0.1),
            Cell::Number(1e300),
            Cell::Date(0),
            Cell::Timestamp(1_500_000),
            Cell::Time(3_600_000_000),
            Cell::Duration(90_061_000),
        ]
        .map(cell);
        let expect = ["12", "0.1", "1e300", "1970-01-01", "1970-01-01 00:00:01.500", "01:00:00", "25:01:01"];
        assert_eq!(seen, expect);
    }

    #[test]
    fn columns_are_lettered_as_in_a_spreadsheet() {
        let found = [0, 25, 26, 701, 702, 16_383].map(letters);
        assert_eq!(found, ["A", "Z", "AA", "ZZ", "AAA", "XFD"]);
    }
}
