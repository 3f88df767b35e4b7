//! Serial numbers of days, as spreadsheets store dates, and what number formats make of them.

use calamine::{ExcelDateTime, NumberFormat};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use crate::ingest::cell::Cell;

const MILLIS_PER_DAY: f64 = 86_400_000.0;
const MICROS_PER_DAY: i64 = 86_400_000_000;
/// 9999-12-31, the last day that a spreadsheet shows, counted from 1970-01-01.
const LAST_DAY: i64 = 2_932_896;

/// Above, what shows only the time of day is a date none the less.
const MAX_DAYS: i64 = 366;

/// What a number format shows of a serial number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Date,
    Time,
    DateAndTime,
    /// The format is not known: the value has to tell.
    Unknown,
}

impl Shown {
    /// Of a format that calamine took for one of dates.
    pub(super) fn by(format: &NumberFormat) -> Shown {
        match format.format_id {
            // East Asian built-in formats have no code in the file: ECMA-376, 18.8.30.
            Some(27..=31 | 36 | 50..=54 | 57 | 58) if format.format_code == "General" => Shown::Date,
            Some(32..=35 | 55 | 56) if format.format_code == "General" => Shown::Time,
            _ => Shown::by_code(&format.format_code),
        }
    }

    fn by_code(code: &str) -> Shown {
        let (mut date, mut time) = (false, false);
        // An `m` alone or doubled is of minutes beside hours or seconds, else of months.
        let mut after_hours = false;
        let mut pending_m = false;
        let mut chars = code.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' | '_' | '*' => drop(chars.next()),
                '"' => while chars.next().is_some_and(|c| c != '"') {},
                '[' => {
                    let inside: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    let unit = inside.trim_start_matches(['h', 'H', 'm', 'M', 's', 'S']);
                    if unit.is_empty() && !inside.is_empty() {
                        time = true;
                        after_hours = inside.starts_with(['h', 'H']);
                    }
                }
                ';' => break,
                'y' | 'Y' | 'd' | 'D' | 'g' | 'G' | 'e' | 'E' | 'b' | 'B' => {
                    date = true;
                    date |= std::mem::take(&mut pending_m);
                    after_hours = false;
                }
                'h' | 'H' => {
                    time = true;
                    date |= std::mem::take(&mut pending_m);
                    while chars.next_if(|c| c.eq_ignore_ascii_case(&'h')).is_some() {}
                    after_hours = true;
                }
                's' | 'S' => {
                    time = true;
                    pending_m = false;
                    after_hours = false;
                }
                'm' | 'M' => {
                    let mut n = 1;
                    while chars.next_if(|c| c.eq_ignore_ascii_case(&'m')).is_some() {
                        n += 1;
                    }
                    if n > 2 {
                        date = true;
                    } else if !after_hours {
                        date |= std::mem::replace(&mut pending_m, true);
                    }
                    after_hours = false;
                }
                'a' | 'A' => {
                    // AM/PM and A/P.
                    while chars.next_if(|c| matches!(c.to_ascii_lowercase(), 'm' | '/' | 'p')).is_some() {}
                    time = true;
                }
                _ => {}
            }
        }
        match (date || pending_m, time) {
            (true, true) => Shown::DateAndTime,
            (true, false) => Shown::Date,
            (false, true) => Shown::Time,
            (false, false) => Shown::Unknown,
        }
    }
}

/// A number whose format is one of dates, times or durations. What no date can show stays a number.
pub(super) fn cell(value: ExcelDateTime, shown: Shown, is_1904: bool) -> Cell<'static> {
    let serial = value.as_f64();
    // Spreadsheets keep milliseconds; what a double holds beyond them is noise.
    let Some(millis) = whole(serial * MILLIS_PER_DAY) else { return Cell::Number(serial) };
    if value.is_duration() {
        return Cell::Duration(millis);
    }
    let micros = millis.saturating_mul(1_000);
    let (day, time) = (micros.div_euclid(MICROS_PER_DAY), micros.rem_euclid(MICROS_PER_DAY));
    match shown {
        Shown::Time if day == 0 => return Cell::Time(time),
        // Hours that were added up, under a format that shows what is left of them beyond whole days.
        Shown::Time if (-MAX_DAYS..MAX_DAYS).contains(&day) => return Cell::Duration(millis),
        Shown::Unknown if day == 0 && !is_1904 => return Cell::Time(time),
        Shown::DateAndTime if day == 0 && time != 0 && !is_1904 => return Cell::Time(time),
        // A formula over blank cells: no day, and shown as one that never was.
        Shown::Date | Shown::DateAndTime if day == 0 && time == 0 && !is_1904 => return Cell::Error("1900-01-00"),
        Shown::Date | Shown::Time | Shown::DateAndTime | Shown::Unknown => {}
    }
    let Some(day) = since_1970(day, is_1904) else { return Cell::Number(serial) };
    match shown {
        Shown::Date | Shown::Unknown if time == 0 => i32::try_from(day).map_or(Cell::Number(serial), Cell::Date),
        Shown::Date | Shown::Unknown | Shown::Time | Shown::DateAndTime => Cell::Timestamp(day * MICROS_PER_DAY + time),
    }
}

/// Days since 1970-01-01 of a serial day.
fn since_1970(day: i64, is_1904: bool) -> Option<i64> {
    let day = match day {
        _ if is_1904 => (day >= 0).then_some(day - 24_107)?,
        1..=59 => day - 25_568,
        // Serial 60 is 1900-02-29, which never was; Lotus 1-2-3 counted it, and Excel after it.
        61.. => day - 25_569,
        _ => return None,
    };
    (day <= LAST_DAY).then_some(day)
}

fn whole(number: f64) -> Option<i64> {
    // Beyond what 9,999 years take, a number is no date, and its milliseconds no whole number.
    if !number.is_finite() || number.abs() > 4.0e14 {
        return None;
    }
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "there is no other way, and it fits")]
    Some(number.round() as i64)
}

/// A date, time or both in ISO 8601; text if it is none.
pub(super) fn iso_cell(text: &str) -> Cell<'_> {
    let trimmed = text.trim().trim_end_matches('Z');
    if let Ok(date) = NaiveDate::parse_from_str(trimmed, "%Y-%m-%d") {
        return i32::try_from((date - NaiveDate::default()).num_days()).map_or(Cell::Text(text), Cell::Date);
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(timestamp) = NaiveDateTime::parse_from_str(trimmed, format) {
            return Cell::Timestamp(timestamp.and_utc().timestamp_micros());
        }
    }
    if let Ok(timestamp) = DateTime::parse_from_rfc3339(text.trim()) {
        return Cell::Timestamp(timestamp.timestamp_micros());
    }
    for format in ["T%H:%M:%S%.f", "%H:%M:%S%.f", "%H:%M"] {
        if let Ok(time) = NaiveTime::parse_from_str(trimmed, format) {
            let seconds = i64::from(time.num_seconds_from_midnight());
            return Cell::Time(seconds * 1_000_000 + i64::from(time.nanosecond() / 1_000));
        }
    }
    Cell::Text(text)
}

/// A duration in ISO 8601 (`PT10H30M0S`, as ODS has it); text if it is none.
pub(super) fn iso_duration_cell(text: &str) -> Cell<'_> {
    millis_of(text.trim()).map_or(Cell::Text(text), Cell::Duration)
}

fn millis_of(text: &str) -> Option<i64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut in_time = false;
    let mut millis = 0.0;
    let mut number = String::new();
    for c in rest.strip_prefix('P')?.chars() {
        let unit = match c {
            'T' if number.is_empty() => {
                in_time = true;
                continue;
            }
            '0'..='9' | '.' => {
                number.push(c);
                continue;
            }
            'D' if !in_time => MILLIS_PER_DAY,
            'H' if in_time => 3_600_000.0,
            'M' if in_time => 60_000.0,
            'S' if in_time => 1_000.0,
            _ => return None,
        };
        millis += std::mem::take(&mut number).parse::<f64>().ok()? * unit;
    }
    number.is_empty().then(|| whole(millis)).flatten().map(|millis| sign * millis)
}
