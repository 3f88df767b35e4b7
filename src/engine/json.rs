//! One cell of a DuckDB result as JSON text: the table of `docs/files.md`, tested there and here.
//!
//! Integers beyond 2^53, decimals that a double would change, NaN and the infinities become strings; dates and times
//! are ISO 8601 (with `Z` where the type has a zone), intervals ISO 8601 durations, blobs base64.

use std::fmt::Write as _;

use arrow_array::{
    Array, ArrayRef, StructArray,
    cast::AsArray,
    temporal_conversions as temporal,
    types::{
        Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{NaiveDateTime, Timelike};

/// Integers that a double holds exactly.
const EXACT: i128 = 1 << 53;

/// Appends row `row_idx` of `array`.
#[expect(clippy::wildcard_enum_match_arm, reason = "`types::is_plain` lets no other type come here")]
pub(super) fn write_cell(out: &mut String, array: &ArrayRef, row_idx: usize) {
    if array.is_null(row_idx) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Boolean => out.push_str(if array.as_boolean().value(row_idx) { "true" } else { "false" }),
        DataType::Int8 => write_integer(out, array.as_primitive::<Int8Type>().value(row_idx).into()),
        DataType::Int16 => write_integer(out, array.as_primitive::<Int16Type>().value(row_idx).into()),
        DataType::Int32 => write_integer(out, array.as_primitive::<Int32Type>().value(row_idx).into()),
        DataType::Int64 => write_integer(out, array.as_primitive::<Int64Type>().value(row_idx).into()),
        DataType::UInt8 => write_integer(out, array.as_primitive::<UInt8Type>().value(row_idx).into()),
        DataType::UInt16 => write_integer(out, array.as_primitive::<UInt16Type>().value(row_idx).into()),
        DataType::UInt32 => write_integer(out, array.as_primitive::<UInt32Type>().value(row_idx).into()),
        DataType::UInt64 => write_integer(out, array.as_primitive::<UInt64Type>().value(row_idx).into()),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row_idx);
            if value.is_finite() { display(out, value) } else { write_double(out, value.into()) }
        }
        DataType::Float64 => write_double(out, array.as_primitive::<Float64Type>().value(row_idx)),
        DataType::Decimal128(_, 0) => write_integer(out, array.as_primitive::<Decimal128Type>().value(row_idx)),
        DataType::Decimal128(..) => {
            write_decimal(out, &array.as_primitive::<Decimal128Type>().value_as_string(row_idx));
        }
        DataType::Utf8 => quote(out, array.as_string::<i32>().value(row_idx)),
        DataType::LargeUtf8 => quote(out, array.as_string::<i64>().value(row_idx)),
        DataType::Utf8View => quote(out, array.as_string_view().value(row_idx)),
        DataType::Binary => write_blob(out, array.as_binary::<i32>().value(row_idx)),
        DataType::LargeBinary => write_blob(out, array.as_binary::<i64>().value(row_idx)),
        DataType::Date32 => write_date(out, array.as_primitive::<Date32Type>().value(row_idx)),
        DataType::Time64(TimeUnit::Microsecond) => {
            write_time(out, array.as_primitive::<Time64MicrosecondType>().value(row_idx));
        }
        DataType::Timestamp(unit, zone) => write_timestamp(out, array, row_idx, *unit, zone.is_some()),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            let interval = array.as_primitive::<IntervalMonthDayNanoType>().value(row_idx);
            write_interval(out, interval.months, interval.days, interval.nanoseconds);
        }
        DataType::List(_) => write_list(out, &array.as_list::<i32>().value(row_idx)),
        DataType::LargeList(_) => write_list(out, &array.as_list::<i64>().value(row_idx)),
        DataType::FixedSizeList(..) => write_list(out, &array.as_fixed_size_list().value(row_idx)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let names = fields.iter().map(|field| field.name().as_str());
            write_object(out, names.zip(columns), row_idx);
        }
        DataType::Map(..) => write_map(out, &array.as_map().value(row_idx)),
        DataType::Null => out.push_str("null"),
        other => quote(out, &format!("({other})")),
    }
}

/// Appends `text` as a JSON string.
fn quote(out: &mut String, text: &str) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else if let Ok(quoted) = serde_json::to_string(text) {
        out.push_str(&quoted);
    }
}

fn display(out: &mut String, value: impl std::fmt::Display) {
    // Writing into a `String` can't fail.
    let _ = write!(out, "{value}");
}

fn write_integer(out: &mut String, value: i128) {
    if (-EXACT..=EXACT).contains(&value) {
        display(out, value);
    } else {
        let _ = write!(out, "\"{value}\"");
    }
}

fn write_double(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("\"NaN\"");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    } else if let Ok(text) = serde_json::to_string(&value) {
        out.push_str(text.strip_suffix(".0").unwrap_or(&text));
    }
}

/// Fifteen significant digits always survive a double; beyond them it is tried.
fn write_decimal(out: &mut String, text: &str) {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let survives = digits <= 15
        || text.parse::<f64>().is_ok_and(|double| {
            let back = double.to_string();
            let trimmed = text.trim_end_matches('0').trim_end_matches('.');
            back == trimmed || back == text
        });
    if survives {
        out.push_str(text);
    } else {
        let _ = write!(out, "\"{text}\"");
    }
}

fn write_blob(out: &mut String, bytes: &[u8]) {
    quote(out, &STANDARD.encode(bytes));
}

fn write_date(out: &mut String, days: i32) {
    match temporal::date32_to_datetime(days) {
        Some(date) => {
            let _ = write!(out, "\"{}\"", date.date());
        }
        None if days.unsigned_abs() == i32::MAX.unsigned_abs() => write_infinity(out, days > 0),
        None => {
            let _ = write!(out, "\"{}\"", far_date(days.into()));
        }
    }
}

fn write_infinity(out: &mut String, is_positive: bool) {
    out.push_str(if is_positive { "\"infinity\"" } else { "\"-infinity\"" });
}

/// A date beyond chrono's years, in ISO 8601's expanded form. Howard Hinnant's `civil_from_days`.
fn far_date(days: i64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:+}-{month:02}-{day:02}")
}

fn write_time(out: &mut String, micros: i64) {
    // DuckDB has a time 24:00:00, which chrono has not.
    match temporal::time64us_to_time(micros) {
        Some(time) => {
            let _ = write!(out, "\"{}\"", time.format("%H:%M:%S%.f"));
        }
        None => out.push_str("\"24:00:00\""),
    }
}

fn write_timestamp(out: &mut String, array: &ArrayRef, row_idx: usize, unit: TimeUnit, zone: bool) {
    let (raw, moment): (i64, Option<NaiveDateTime>) = match unit {
        TimeUnit::Second => {
            let raw = array.as_primitive::<TimestampSecondType>().value(row_idx);
            (raw, temporal::timestamp_s_to_datetime(raw))
        }
        TimeUnit::Millisecond => {
            let raw = array.as_primitive::<TimestampMillisecondType>().value(row_idx);
            (raw, temporal::timestamp_ms_to_datetime(raw))
        }
        TimeUnit::Microsecond => {
            let raw = array.as_primitive::<TimestampMicrosecondType>().value(row_idx);
            (raw, temporal::timestamp_us_to_datetime(raw))
        }
        TimeUnit::Nanosecond => {
            let raw = array.as_primitive::<TimestampNanosecondType>().value(row_idx);
            (raw, temporal::timestamp_ns_to_datetime(raw))
        }
    };
    let zone = if zone { "Z" } else { "" };
    match moment {
        Some(moment) if moment.nanosecond() == 0 => {
            let _ = write!(out, "\"{}{zone}\"", moment.format("%Y-%m-%dT%H:%M:%S"));
        }
        Some(moment) => {
            let _ = write!(out, "\"{}{zone}\"", moment.format("%Y-%m-%dT%H:%M:%S%.f"));
        }
        None if raw.unsigned_abs() == i64::MAX.unsigned_abs() || unit == TimeUnit::Nanosecond => {
            write_infinity(out, raw > 0);
        }
        None => {
            let per_second = match unit {
                TimeUnit::Second => 1,
                TimeUnit::Millisecond => 1_000,
                TimeUnit::Microsecond => 1_000_000,
                TimeUnit::Nanosecond => 1_000_000_000,
            };
            let seconds = raw.div_euclid(per_second);
            let (days, seconds) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
            let _ = write!(
                out,
                "\"{}T{:02}:{:02}:{:02}{zone}\"",
                far_date(days),
                seconds / 3_600,
                seconds / 60 % 60,
                seconds % 60
            );
        }
    }
}

fn write_interval(out: &mut String, months: i32, days: i32, nanos: i64) {
    if (months, days, nanos) == (0, 0, 0) {
        out.push_str("\"PT0S\"");
        return;
    }
    out.push_str("\"P");
    for (amount, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
        if amount != 0 {
            let _ = write!(out, "{amount}{unit}");
        }
    }
    if nanos != 0 {
        out.push('T');
        let micros = nanos / 1_000;
        let (hours, minutes) = (micros / 3_600_000_000, micros / 60_000_000 % 60);
        let seconds = micros % 60_000_000;
        for (amount, unit) in [(hours, 'H'), (minutes, 'M')] {
            if amount != 0 {
                let _ = write!(out, "{amount}{unit}");
            }
        }
        if seconds != 0 {
            let sign = if seconds < 0 { "-" } else { "" };
            let fraction = format!(".{:06}", seconds.abs() % 1_000_000);
            let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
            let _ = write!(out, "{sign}{}{fraction}S", seconds.abs() / 1_000_000);
        }
    }
    out.push('"');
}

fn write_list(out: &mut String, items: &ArrayRef) {
    out.push('[');
    for item_idx in 0..items.len() {
        if item_idx > 0 {
            out.push(',');
        }
        write_cell(out, items, item_idx);
    }
    out.push(']');
}

fn write_object<'a>(out: &mut String, fields: impl Iterator<Item = (&'a str, &'a ArrayRef)>, row_idx: usize) {
    out.push('{');
    for (field_idx, (name, column)) in fields.enumerate() {
        if field_idx > 0 {
            out.push(',');
        }
        quote(out, name);
        out.push(':');
        write_cell(out, column, row_idx);
    }
    out.push('}');
}

/// A map's keys need not be text: each is written as JSON first, and quoted unless it is a string already.
fn write_map(out: &mut String, entries: &StructArray) {
    let [keys, values] = entries.columns() else { return out.push_str("{}") };
    out.push('{');
    for entry_idx in 0..entries.len() {
        if entry_idx > 0 {
            out.push(',');
        }
        let mut key = String::new();
        write_cell(&mut key, keys, entry_idx);
        if key.starts_with('"') {
            out.push_str(&key);
        } else {
            quote(out, &key);
        }
        out.push(':');
        write_cell(out, values, entry_idx);
    }
    out.push('}');
}
