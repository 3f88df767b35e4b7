//! Dates and times as people write them.

use chrono::{Datelike, NaiveDate};

/// Which of two numbers is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    DayFirst,
    MonthFirst,
    /// No date leaves it open: the first one that does must be looked at.
    Unasked,
}

/// A date as written: known, or open until the order of day and month is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// Days since 1970-01-01.
    Known(i32),
    Open {
        first: u32,
        second: u32,
        year: i32,
        /// Points between the numbers, the European habit.
        dotted: bool,
    },
}

/// What a cell says of a point in time; at least a day or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) day: Option<Day>,
    /// Microseconds since midnight.
    pub(super) time: Option<i64>,
    /// Microseconds east of UTC.
    pub(super) offset: Option<i64>,
}

const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

impl Day {
    /// Days since 1970-01-01; none where the calendar has no such day.
    pub(super) fn resolve(self, order: Order) -> Option<i32> {
        match (self, order) {
            (Day::Known(days), _) => Some(days),
            (Day::Open { first, second, year, .. }, Order::DayFirst) => days(year, second, first),
            (Day::Open { first, second, year, .. }, Order::MonthFirst) => days(year, first, second),
            (Day::Open { .. }, Order::Unasked) => None,
        }
    }

    /// Whether it is another day by the other order.
    pub(super) fn is_ambiguous(self) -> bool {
        match (self.resolve(Order::DayFirst), self.resolve(Order::MonthFirst)) {
            (Some(one), Some(other)) => one != other,
            (None, _) | (_, None) => false,
        }
    }
}

/// Reads a cell without surrounding white space.
pub(super) fn moment(text: &[u8]) -> Option<Moment> {
    let first = *text.first()?;
    if !(first.is_ascii_digit() || first.is_ascii_alphabetic()) || text.len() < 4 {
        return None;
    }
    if let Some((time, offset, rest)) = clock(text) {
        return (rest.is_empty() && offset.is_none()).then_some(Moment { day: None, time: Some(time), offset: None });
    }
    let (day, rest) =
        if first.is_ascii_digit() { numeric_day(text).or_else(|| named_day(text))? } else { named_day(text)? };
    match rest {
        [] => Some(Moment { day: Some(day), time: None, offset: None }),
        [b'T' | b't' | b' ', rest @ ..] => {
            let (time, offset, rest) = clock(rest)?;
            rest.is_empty().then_some(Moment { day: Some(day), time: Some(time), offset })
        }
        _ => None,
    }
}

fn days(year: i32, month: u32, day: u32) -> Option<i32> {
    NaiveDate::from_ymd_opt(year, month, day).map(|date| date.num_days_from_ce() - 719_163)
}

/// `2024-03-01`, `2024/3/1`, `1/3/2024`, `1.3.2024`, `1-3-2024`, `20240301T…` is not one.
fn numeric_day(text: &[u8]) -> Option<(Day, &[u8])> {
    let (first, n_first, rest) = digits(text, 4)?;
    let (&separator, rest) = rest.split_first()?;
    if !matches!(separator, b'-' | b'/' | b'.') {
        return None;
    }
    let (second, n_second, rest) = digits(rest, 2)?;
    let (&again, rest) = rest.split_first()?;
    let (third, n_third, rest) = digits(rest, 4)?;
    if again != separator || n_second > 2 {
        return None;
    }
    match (n_first, n_third) {
        (4, 1 | 2) => Some((Day::Known(days(i32::try_from(first).ok()?, second, third)?), rest)),
        (1 | 2, 4) => {
            let year = i32::try_from(third).ok()?;
            let open = Day::Open { first, second, year, dotted: separator == b'.' };
            let known = open.resolve(Order::DayFirst).or_else(|| open.resolve(Order::MonthFirst));
            known.map(|_| (open, rest))
        }
        _ => None,
    }
}

/// `12 Jan 2020`, `12-Jan-2020`, `January 12, 2020`, `Jan 12 2020`.
fn named_day(text: &[u8]) -> Option<(Day, &[u8])> {
    let (day, month, rest) = if text.first()?.is_ascii_digit() {
        let (day, _, rest) = digits(text, 2)?;
        let (month, rest) = month(between(rest)?)?;
        (day, month, rest)
    } else {
        let (month, rest) = month(text)?;
        let (day, _, rest) = digits(between(rest)?, 2)?;
        (day, month, rest)
    };
    let ([b',', b' ', rest @ ..] | [b',' | b' ' | b'-', rest @ ..]) = rest else { return None };
    let (year, 4, rest) = digits(rest, 4)? else { return None };
    Some((Day::Known(days(i32::try_from(year).ok()?, month, day)?), rest))
}

fn between(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'.', b' ', rest @ ..] | [b' ' | b'-', rest @ ..] => Some(rest),
        _ => None,
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// An English month, whole, or its first three letters (four for `sept`), with or without a point.
fn month(text: &[u8]) -> Option<(u32, &[u8])> {
    let n_letters = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (word, rest) = text.split_at_checked(n_letters)?;
    let idx = MONTHS.iter().position(|month| {
        let whole = month.as_bytes();
        word.eq_ignore_ascii_case(whole)
            || whole.get(..3).is_some_and(|short| word.eq_ignore_ascii_case(short))
            || word.eq_ignore_ascii_case(b"sept") && whole.starts_with(b"sept")
    })?;
    let rest = match rest {
        [b'.', rest @ ..] if rest.first() == Some(&b' ') => rest,
        rest => rest,
    };
    Some((u32::try_from(idx).ok()? + 1, rest))
}

/// `09:30`, `09:30:15.123456`, `9:30 PM`, with `Z` or `+01:00` behind: microseconds and offset.
fn clock(text: &[u8]) -> Option<(i64, Option<i64>, &[u8])> {
    let (hour, n_hour, rest) = digits(text, 2)?;
    let (b':', rest) = rest.split_first()? else { return None };
    let (minute, 2, rest) = digits(rest, 2)? else { return None };
    let (second, micros, rest) = seconds(rest)?;
    let (hour, rest) = match half_day(rest) {
        Some((afternoon, rest)) if (1..=12).contains(&hour) => (hour % 12 + if afternoon { 12 } else { 0 }, rest),
        Some(_) => return None,
        // `3:45` alone is as likely a length or a score.
        None if n_hour == 2 => (hour, rest),
        None => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let time = (i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second)) * SECOND + micros;
    let (offset, rest) = offset(rest)?;
    Some((time, offset, rest))
}

/// `:15` and `:15.25`, or nothing: seconds, microseconds.
fn seconds(text: &[u8]) -> Option<(u32, i64, &[u8])> {
    let Some((b':', rest)) = text.split_first() else { return Some((0, 0, text)) };
    let (second, 2, rest) = digits(rest, 2)? else { return None };
    let Some((b'.', rest)) = rest.split_first() else { return Some((second, 0, rest)) };
    let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (fraction, rest) = rest.split_at_checked(n_digits)?;
    // Nanoseconds are kept only where they are zero: what is cut must not be lost silently.
    if n_digits == 0 || n_digits > 9 || fraction.iter().skip(6).any(|byte| *byte != b'0') {
        return None;
    }
    let micros = fraction.iter().chain([b'0'; 6].iter()).take(6).fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    Some((second, micros, rest))
}

fn half_day(text: &[u8]) -> Option<(bool, &[u8])> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    match text {
        [half @ (b'a' | b'A' | b'p' | b'P'), b'm' | b'M', rest @ ..] => Some((half.eq_ignore_ascii_case(&b'p'), rest)),
        _ => None,
    }
}

/// `Z`, `+01`, `+0100`, `+01:00`, with or without a blank before; none of them is no offset.
fn offset(text: &[u8]) -> Option<(Option<i64>, &[u8])> {
    let at = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, rest) = match at {
        [b'Z' | b'z', rest @ ..] => return Some((Some(0), rest)),
        [b'U', b'T', b'C', rest @ ..] => return Some((Some(0), rest)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Some((None, text)),
    };
    let (hours, rest) = rest.split_at_checked(2)?;
    let (hours, 2, []) = digits(hours, 2)? else { return None };
    let (minutes, rest) = match rest {
        [] => (0, rest),
        [b':', rest @ ..] | rest => {
            let (minutes, 2, rest) = digits(rest, 2)? else { return None };
            (minutes, rest)
        }
    };
    if hours > 15 || minutes > 59 {
        return None;
    }
    Some((Some(sign * (i64::from(hours) * 3_600 + i64::from(minutes) * 60) * SECOND), rest))
}

/// The number that the text starts with, of at most `most` digits, how many it has, and the rest.
fn digits(text: &[u8], most: usize) -> Option<(u32, usize, &[u8])> {
    let n_digits = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(n_digits)?;
    if n_digits == 0 || rest.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((number.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0')), n_digits, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, order: Order, expect: &str) {
        let found = moment(text.as_bytes()).map_or(String::from("none"), |moment| {
            let day =
                moment.day.map(|day| day.resolve(order).map_or(String::from("no such day"), super::super::show::date));
            let time = moment.time.map(super::super::show::time);
            let offset = moment.offset.map(|offset| format!("{:+}", offset / SECOND / 60));
            [day, time, offset].into_iter().flatten().collect::<Vec<_>>().join(" ")
        });
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn written_dates_are_read() {
        for text in ["2024-03-01", "2024/3/1", "1/3/2024", "01.03.2024", "1-3-2024", "1 March 2024", "01-Mar-2024"] {
            check(text, Order::DayFirst, "2024-03-01");
        }
        check("3/1/2024", Order::MonthFirst, "2024-03-01");
        check("January 12, 2020", Order::MonthFirst, "2020-01-12");
        check("Sept. 5, 2020", Order::MonthFirst, "2020-09-05");
        check("13/2/2020", Order::MonthFirst, "no such day");
    }

    #[test]
    fn written_times_are_read() {
        check("09:30", Order::DayFirst, "09:30:00");
        check("9:30 PM", Order::DayFirst, "21:30:00");
        check("12:00am", Order::DayFirst, "00:00:00");
        check("2024-03-01 09:30:15.25", Order::DayFirst, "2024-03-01 09:30:15.250000");
        check("2024-03-01T09:30:15Z", Order::DayFirst, "2024-03-01 09:30:15 +0");
        check("2024-03-01T09:30:15+05:30", Order::DayFirst, "2024-03-01 09:30:15 +330");
        check("2024-03-01 09:30:15 -0800", Order::DayFirst, "2024-03-01 09:30:15 -480");
    }

    #[test]
    fn what_is_not_plainly_a_moment_is_none() {
        for text in [
            "3:45",
            "2024",
            "2024-13-01",
            "2024-02-30",
            "1/2/20",
            "1/2-2020",
            "24:00",
            "March 2024",
            "mark 1 2024",
            "1.2.3",
        ] {
            check(text, Order::DayFirst, "none");
        }
    }
}
