//! Values as a workbook's cells: numbers where a double of 15 digits holds them, dates as serial numbers, the rest text.

use super::formats::{Kind, MAX_SCALE, Style};
use crate::engine::rows::{Cell, Values};

/// What to write for a value.
pub(super) enum Put<'a> {
    Nothing,
    Boolean(bool),
    Number {
        number: f64,
        style: Style,
        /// About as wide as it is shown.
        n_chars: usize,
    },
    Text {
        text: &'a str,
        /// Whether it should have been a number.
        is_fallback: bool,
    },
    NotFinite(f64),
}

/// Numbers of more digits are rounded by spreadsheets.
const MAX_INTEGER: u128 = 999_999_999_999_999;
const MILLIS_PER_DAY: i64 = 86_400_000;
const NANOS_PER_MILLI: i64 = 1_000_000;
/// 1900-01-01, 1900-03-01 and 9999-12-31 as days since 1970.
const FIRST_DAY: i64 = -25_567;
const MARCH_1900: i64 = -25_508;
const LAST_DAY: i64 = 2_932_896;

/// `spare`: for texts that must be made.
pub(super) fn put<'a>(values: Values<'a>, row_idx: usize, kind: Kind, spare: &'a mut String) -> Put<'a> {
    let number = match values.cell(row_idx) {
        Cell::Null => return Put::Nothing,
        Cell::Boolean(boolean) => return Put::Boolean(boolean),
        Cell::Text(text) => return Put::Text { text, is_fallback: false },
        Cell::Double(double) if !double.is_finite() => return Put::NotFinite(double),
        Cell::Double(double) => Some((double, Style::General, 12)),
        Cell::Integer(integer) => exact(integer).map(|number| (number, Style::Integer, n_digits(integer))),
        Cell::Decimal { mantissa, scale } if scale <= MAX_SCALE => {
            exact(mantissa).map(|_| (decimal(mantissa, scale), Style::Decimal(scale), n_digits(mantissa) + 1))
        }
        Cell::Decimal { .. } => None,
        Cell::Date(days) => serial(i64::from(days), 0).map(|number| (number, Style::Date, 10)),
        Cell::Time(micros) => time(micros),
        Cell::Timestamp(nanos) => timestamp(nanos, kind),
        Cell::Interval { months, days, nanos } => duration(months, days, nanos),
        Cell::Other => {
            spare.clear();
            values.write_json(spare, row_idx);
            return Put::Text { text: made(spare), is_fallback: false };
        }
    };
    if let Some((number, style, n_chars)) = number {
        return Put::Number { number, style, n_chars };
    }
    spare.clear();
    values.write_json(spare, row_idx);
    Put::Text { text: made(spare), is_fallback: true }
}

/// A JSON string of digits or a date as the text in it; lists and objects as they are.
fn made(json: &str) -> &str {
    json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(json)
}

fn exact(integer: i128) -> Option<f64> {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "15 digits fit a double")]
    (integer.unsigned_abs() <= MAX_INTEGER).then_some(integer as f64)
}

fn n_digits(integer: i128) -> usize {
    let n_digits = integer.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
    usize::try_from(n_digits).unwrap_or(0) + usize::from(integer < 0)
}

/// The double nearest to `mantissa / 10^scale`: both are exact, so that their quotient is rounded once.
fn decimal(mantissa: i128, scale: u8) -> f64 {
    exact(mantissa).unwrap_or(0.0) / 10_f64.powi(scale.into())
}

/// Days since 1899-12-30, as spreadsheets count them.
fn serial(day: i64, millis: i64) -> Option<f64> {
    if !(FIRST_DAY..=LAST_DAY).contains(&day) {
        return None;
    }
    // Spreadsheets believe that there was a 29 February in 1900.
    let serial = if day < MARCH_1900 { day + 25_568 } else { day + 25_569 };
    Some(in_days(serial * MILLIS_PER_DAY + millis))
}

fn in_days(millis: i64) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "ten thousand years have fewer than 2^53")]
    let (millis, day) = (millis as f64, MILLIS_PER_DAY as f64);
    millis / day
}

fn time(micros: i64) -> Option<(f64, Style, usize)> {
    let millis = micros / 1_000;
    if micros % 1_000 != 0 || !(0..MILLIS_PER_DAY).contains(&millis) {
        return None;
    }
    Some((in_days(millis), Style::Time { millis: millis % 1_000 != 0 }, 12))
}

fn timestamp(nanos: i128, kind: Kind) -> Option<(f64, Style, usize)> {
    let nanos_per_milli = i128::from(NANOS_PER_MILLI);
    if nanos % nanos_per_milli != 0 {
        return None;
    }
    let millis = i64::try_from(nanos / nanos_per_milli).ok()?;
    let style = Style::Timestamp { zone: kind == Kind::TimestampTz, millis: millis % 1_000 != 0 };
    let number = serial(millis.div_euclid(MILLIS_PER_DAY), millis.rem_euclid(MILLIS_PER_DAY))?;
    Some((number, style, 20))
}

/// Spreadsheets show no negative durations, and know no months.
fn duration(months: i32, days: i32, nanos: i64) -> Option<(f64, Style, usize)> {
    if months != 0 || nanos % NANOS_PER_MILLI != 0 {
        return None;
    }
    let millis = i64::from(days) * MILLIS_PER_DAY + nanos / NANOS_PER_MILLI;
    if !(0..=LAST_DAY * MILLIS_PER_DAY).contains(&millis) {
        return None;
    }
    Some((in_days(millis), Style::Duration { millis: millis % 1_000 != 0 }, 12))
}

/// Whether a text that stands for a value of this type is read as that value again.
pub(super) fn comes_back(text: &str, type_name: &str) -> bool {
    match type_name {
        "TIME" => !text.starts_with("24:"),
        "DATE" | "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE" => {
            let (year, rest) = text.split_at_checked(4).unwrap_or_default();
            year.bytes().all(|byte| byte.is_ascii_digit()) && rest.starts_with('-')
        }
        _ if type_name.starts_with("DECIMAL") => text.bytes().filter(u8::is_ascii_digit).count() <= 18,
        _ => text.parse::<i64>().is_ok(),
    }
}
