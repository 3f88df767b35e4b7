//! Dates with the month in words, and periods: months, quarters, ISO weeks.

use chrono::{NaiveDate, Weekday};

use super::{
    moment::{Day, Grain, Moment, century, days, digits, since_1970},
    months::{month, weekday},
};

/// Words inside a date that say nothing.
const FILLERS: [&str; 11] = ["de", "del", "of", "the", "le", "den", "der", "do", "di", "am", "el"];

/// `1 March 2024`, `March 1st, 2024`, `Mon, 01-Mar-24`, `1er janvier 2024`, `5 de mayo de 2020`, `March 2024`; what stands
/// behind it is left.
pub(super) fn named_day(text: &[u8]) -> Option<(Moment, &[u8])> {
    let text = str::from_utf8(text).ok()?;
    let mut parts = Parts::default();
    let mut rest = text;
    while !parts.is_whole() {
        let (before, at) = split_while(rest, |c| matches!(c, ' ' | ',' | '.' | '-' | '/' | '\'' | '\u{A0}'));
        let first = at.chars().next();
        match first {
            Some(c) if c.is_ascii_digit() => {
                let (number, behind) = split_while(at, |c| c.is_ascii_digit());
                // A time of day may stand where a year could.
                if behind.starts_with(':') {
                    break;
                }
                parts.number(number.parse().ok()?, number.len(), before)?;
                rest = ordinal(behind);
            }
            Some(c) if c.is_alphabetic() && before.len() <= 2 => {
                let (word, behind) = split_while(at, char::is_alphabetic);
                parts.word(word)?;
                rest = behind;
            }
            _ => break,
        }
    }
    Some((parts.moment()?, rest.as_bytes()))
}

#[derive(Debug, Default)]
struct Parts {
    day: Option<u32>,
    month: Option<u32>,
    year: Option<u32>,
    is_short_year: bool,
    n_words: u32,
}

impl Parts {
    fn is_whole(&self) -> bool {
        self.month.is_some() && self.year.is_some() && (self.day.is_some() || self.n_words > 8)
    }

    fn number(&mut self, number: u32, n_digits: usize, before: &str) -> Option<()> {
        match (n_digits, self.day, self.year) {
            (4, _, None) => self.year = Some(number),
            (1 | 2, None, _) if self.year.is_none() || self.month.is_some() => self.day = Some(number),
            // `30-Mar-68` and `March 5, '68`; `5 May 10` may be anything.
            (2, Some(_), None) if self.month.is_some() && before.contains(['-', '/', '\'', ' ']) => {
                self.year = Some(century(number));
                self.is_short_year = true;
            }
            _ => return None,
        }
        Some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.n_words += 1;
        if self.month.is_none()
            && let Some(found) = month(word)
        {
            self.month = Some(found);
            return Some(());
        }
        let is_first = self.day.is_none() && self.month.is_none() && self.year.is_none();
        let is_idle =
            FILLERS.iter().any(|filler| word.eq_ignore_ascii_case(filler)) || (is_first && weekday(word).is_some());
        (is_idle && self.n_words <= 5).then_some(())
    }

    fn moment(&self) -> Option<Moment> {
        let (year, month) = (i32::try_from(self.year?).ok()?, self.month?);
        let known = days(year, month, self.day.unwrap_or(1))?;
        let grain = if self.day.is_some() { Grain::Day } else { Grain::Month };
        Some(Moment { grain, is_short_year: self.is_short_year, ..Moment::of(Some(Day::Known(known))) })
    }
}

/// Behind `st`, `th`, `er` and the like.
fn ordinal(text: &str) -> &str {
    let endings = ["st", "nd", "rd", "th", "er", "º", "ª", "°"];
    let behind = endings.iter().find_map(|ending| text.strip_prefix(ending));
    behind.filter(|rest| !rest.starts_with(char::is_alphabetic)).unwrap_or(text)
}

fn split_while(text: &str, holds: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !holds(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `2024-03`, `03/2024`, `Mar-24`, `2024-Q1`, `Q1 2024`, `2024-W05`, `2024-W05-3`, `KW 5 2024`: the first day.
pub(super) fn period(text: &[u8]) -> Option<(Moment, &[u8])> {
    if let Some(date) = short_month(text) {
        let moment =
            Moment { grain: Grain::Month, is_short_year: true, ..Moment::of(Some(Day::Known(since_1970(date)))) };
        return Some((moment, &[]));
    }
    let (grain, date) = month_of_year(text).or_else(|| year_first(text)).or_else(|| year_last(text))?;
    Some((Moment { grain, ..Moment::of(Some(Day::Known(since_1970(date)))) }, &[]))
}

/// `Mar-24` and `Mar '98`: spreadsheets write months so, and days as `24-Mar`, which has no year.
fn short_month(text: &[u8]) -> Option<NaiveDate> {
    let (word, rest) = split_while(str::from_utf8(text).ok()?, char::is_alphabetic);
    let rest = [". '", " '", "-'", "'", " ’", "’", "-"].iter().find_map(|sign| rest.strip_prefix(sign))?;
    let (year, 2, []) = digits(rest.as_bytes(), 2)? else { return None };
    NaiveDate::from_ymd_opt(i32::try_from(century(year)).ok()?, month(word)?, 1)
}

fn month_of_year(text: &[u8]) -> Option<(Grain, NaiveDate)> {
    let (first, n_first, rest) = digits(text, 4)?;
    let (sign, rest) = rest.split_first()?;
    let (second, n_second, []) = digits(rest, 4)? else { return None };
    let (year, month) = match (n_first, sign, n_second) {
        (4, b'-' | b'/', 2) => (first, second),
        (2, b'/' | b'-' | b'.', 4) | (1, b'/', 4) => (second, first),
        _ => return None,
    };
    if !(1_800..2_200).contains(&year) {
        return None;
    }
    Some((Grain::Month, NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, 1)?))
}

/// `2024-Q1`, `2024 Q1`, `2024W05`, `2024-W05-3`.
fn year_first(text: &[u8]) -> Option<(Grain, NaiveDate)> {
    let (year, 4, rest) = digits(text, 4)? else { return None };
    let rest = without_sign(rest);
    let (letter, rest) = rest.split_first()?;
    let (number, n_digits, rest) = digits(rest, 2)?;
    match (letter, rest) {
        (b'Q' | b'q', []) if n_digits == 1 => quarter(year, number),
        (b'W' | b'w', []) if n_digits == 2 => week(year, number, Weekday::Mon).map(|date| (Grain::Week, date)),
        (b'W' | b'w', [b'-', day]) if n_digits == 2 => {
            let weekday = Weekday::try_from(day.checked_sub(b'1')?).ok()?;
            week(year, number, weekday).map(|date| (Grain::Day, date))
        }
        _ => None,
    }
}

/// `Q1 2024`, `Q1-2024`, `1Q2024`, `1Q24`, `W5 2024`, `KW 05/2024`.
fn year_last(text: &[u8]) -> Option<(Grain, NaiveDate)> {
    if let [number @ b'1'..=b'4', b'Q' | b'q', rest @ ..] = text {
        let (year, n_digits, []) = digits(without_sign(rest), 4)? else { return None };
        let year = match n_digits {
            4 => year,
            2 => century(year),
            _ => return None,
        };
        return quarter(year, u32::from(number - b'0'));
    }
    let is_quarter = matches!(text.first(), Some(b'Q' | b'q' | b'T'));
    let rest = match text {
        [b'Q' | b'q' | b'T', rest @ ..] => rest,
        [b'K', b'W', rest @ ..] | [b'W' | b'w', rest @ ..] => without_sign(rest),
        _ => return None,
    };
    let (number, _, rest) = digits(rest, 2)?;
    let (year, 4, []) = digits(without_sign(rest), 4)? else { return None };
    if rest.first().is_some_and(u8::is_ascii_digit) {
        return None;
    }
    if is_quarter { quarter(year, number) } else { week(year, number, Weekday::Mon).map(|date| (Grain::Week, date)) }
}

fn without_sign(text: &[u8]) -> &[u8] {
    match text {
        [b'-' | b' ' | b'/', rest @ ..] => rest,
        rest => rest,
    }
}

fn quarter(year: u32, number: u32) -> Option<(Grain, NaiveDate)> {
    let month = (1..=4).contains(&number).then(|| number * 3 - 2)?;
    Some((Grain::Quarter, NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, 1)?))
}

fn week(year: u32, number: u32, weekday: Weekday) -> Option<NaiveDate> {
    NaiveDate::from_isoywd_opt(i32::try_from(year).ok()?, number, weekday)
}
