//! Dates and times as people write them.

use chrono::{Datelike, NaiveDate};

use super::{
    clock::{clock, military},
    named::{named_day, period},
    quantity::without_marks,
};

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

/// What a date stands for: itself, or all the days of a period that begins with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub(super) enum Grain {
    #[default]
    Day,
    Week,
    Month,
    Quarter,
}

/// What a cell says of a point in time; at least a day or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) day: Option<Day>,
    /// Microseconds since midnight.
    pub(super) time: Option<i64>,
    /// Microseconds east of UTC.
    pub(super) offset: Option<i64>,
    pub(super) grain: Grain,
    /// Whether the year was written with two digits.
    pub(super) is_short_year: bool,
    /// Whether it could as well be a version or a section: short numbers between points, none of them padded.
    pub(super) is_bare: bool,
}

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// The first two-digit year of the last century; those below are of this one, as in Excel.
pub(super) const PIVOT: u32 = 30;

/// The longest cell that may be a moment.
const MAX_BYTES: usize = 64;

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
    if !(4..=MAX_BYTES).contains(&text.len()) || !(first.is_ascii_alphanumeric() || first >= 0x80) {
        return None;
    }
    if let Some((time, offset, rest)) = clock(text, false) {
        let is_time = rest.is_empty() && offset.is_none();
        return is_time.then_some(Moment { time: Some(time), ..Moment::of(None) });
    }
    // What has no digit, or begins with many, is passed over at little cost.
    if !text.iter().any(u8::is_ascii_digit) {
        return None;
    }
    written(text).or_else(|| {
        let unmarked = without_marks(str::from_utf8(text).ok()?);
        if unmarked.len() == text.len() { None } else { written(unmarked.as_bytes()) }
    })
}

fn written(text: &[u8]) -> Option<Moment> {
    let (moment, rest) = if text.first().is_some_and(u8::is_ascii_digit) {
        compact_day(text).or_else(|| numeric_day(text)).or_else(|| named_day(text)).or_else(|| period(text))?
    } else {
        named_day(text).or_else(|| period(text))?
    };
    if rest.is_empty() {
        return Some(moment);
    }
    if moment.grain != Grain::Day {
        return None;
    }
    let rest = match rest {
        [b'T' | b't' | b' ', rest @ ..] => rest,
        [b',' | b';', b' ', rest @ ..] => rest,
        _ => return None,
    };
    let (time, offset, rest) = clock(rest, true).or_else(|| military(rest))?;
    rest.is_empty().then_some(Moment { time: Some(time), offset, ..moment })
}

impl Moment {
    pub(super) fn of(day: Option<Day>) -> Moment {
        Moment { day, time: None, offset: None, grain: Grain::Day, is_short_year: false, is_bare: false }
    }
}

pub(super) fn days(year: i32, month: u32, day: u32) -> Option<i32> {
    NaiveDate::from_ymd_opt(year, month, day).map(since_1970)
}

pub(super) fn since_1970(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// The year that two digits stand for.
pub(super) fn century(short: u32) -> u32 {
    if short < PIVOT { 2_000 + short } else { 1_900 + short }
}
/// Days since 1970-01-01 of a date in eight digits, of the last century or this one.
pub(super) fn compact(number: i64) -> Option<i32> {
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    if !(1_900..2_100).contains(&year) {
        return None;
    }
    days(i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?)
}

/// `20240301T…`; without a time it is a number like any other.
fn compact_day(text: &[u8]) -> Option<(Moment, &[u8])> {
    let (day, rest) = text.split_at_checked(8)?;
    if !matches!(rest, [b'T' | b't', b'0'..=b'9', ..]) || !day.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = day.iter().fold(0, |sum, byte| sum * 10 + u32::from(byte - b'0'));
    let day = days(i32::try_from(number / 10_000).ok()?, number / 100 % 100, number % 100)?;
    Some((Moment::of(Some(Day::Known(day))), rest))
}

/// `2024-03-01`, `2024/3/1`, `1/3/2024`, `01.03.24`, `2024年3月1日`.
fn numeric_day(text: &[u8]) -> Option<(Moment, &[u8])> {
    let (first, n_first, rest) = digits(text, 4)?;
    let (separator, rest) = separator(rest)?;
    let (second, n_second, rest) = digits(rest, 2)?;
    let (again, rest) = self::separator(rest)?;
    let (third, n_third, rest) = digits(rest, 4)?;
    let known = |year: u32, month, day| days(i32::try_from(year).ok()?, month, day).map(Day::Known);
    let open = |third: u32| {
        let open = Day::Open { first, second, year: i32::try_from(third).ok()?, dotted: separator == "." };
        open.resolve(Order::DayFirst).or_else(|| open.resolve(Order::MonthFirst)).map(|_| open)
    };
    if separator == "年" && again == "月" && n_first == 4 {
        let rest = rest.strip_prefix("日".as_bytes())?;
        return Some((Moment::of(Some(known(first, second, third)?)), rest));
    }
    if again != separator || n_second > 2 {
        return None;
    }
    // A version has points between short numbers, too, and the column may tell; a score or a part has hyphens.
    let is_bare = separator == "." && n_first < 2 && n_second < 2;
    let is_padded = separator != "-" || (n_first == 2 && n_second == 2);
    match (n_first, n_third) {
        (4, 1 | 2) => Some((Moment::of(Some(known(first, second, third)?)), rest)),
        (1 | 2, 4) => Some((Moment::of(Some(open(third)?)), rest)),
        (1 | 2, 2) if is_padded => {
            let moment = Moment::of(Some(open(century(third))?));
            Some((Moment { is_short_year: true, is_bare, ..moment }, rest))
        }
        _ => None,
    }
}

fn separator(text: &[u8]) -> Option<(&'static str, &[u8])> {
    let signs = ["-", "/", ".", "年", "月"];
    signs.into_iter().find_map(|sign| Some((sign, text.strip_prefix(sign.as_bytes())?)))
}

/// The number that the text starts with, of at most `most` digits, how many it has, and the rest.
pub(super) fn digits(text: &[u8], most: usize) -> Option<(u32, usize, &[u8])> {
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
        for text in ["3:45", "2024", "2024-13-01", "2024-02-30", "1/2-2020", "24:00", "mark 1 2024", "1.2.3"] {
            check(text, Order::DayFirst, "none");
        }
    }
}
