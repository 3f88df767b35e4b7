//! Times of day, offsets and durations as people write them.

use super::moment::{SECOND, digits};

/// Offsets of zones by the names that mail has for them, and the commonest of Europe, in hours.
const ZONES: [(&[u8], i64); 13] = [
    (b"UTC", 0),
    (b"GMT", 0),
    (b"CEST", 2),
    (b"CET", 1),
    (b"EEST", 3),
    (b"EST", -5),
    (b"EDT", -4),
    (b"CST", -6),
    (b"CDT", -5),
    (b"MST", -7),
    (b"MDT", -6),
    (b"PST", -8),
    (b"PDT", -7),
];

/// `09:30`, `09:30:15.123456`, `9:30 PM`, `9 am`, `09h30`, with `Z` or `+01:00` behind: microseconds, offset, rest.
/// `behind_day`: a date stands before it, so that `3:45` can be nothing else.
pub(super) fn clock(text: &[u8], behind_day: bool) -> Option<(i64, Option<i64>, &[u8])> {
    let (hour, n_hour, rest) = digits(text, 2)?;
    if let Some((afternoon, rest)) = half_day(rest) {
        let time = (1..=12).contains(&hour).then(|| i64::from(hour % 12 + if afternoon { 12 } else { 0 }))?;
        return Some((time * 3_600 * SECOND, None, rest));
    }
    let (b':' | b'h', rest) = rest.split_first()? else { return None };
    let (minute, 2, rest) = digits(rest, 2)? else { return None };
    let (second, micros, rest) = seconds(rest)?;
    let (hour, rest) = match half_day(rest) {
        Some((afternoon, rest)) if (1..=12).contains(&hour) => (hour % 12 + if afternoon { 12 } else { 0 }, rest),
        Some(_) => return None,
        // `3:45` alone is as likely a length or a score.
        None if n_hour == 2 || behind_day => (hour, rest),
        None => return None,
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let time = (i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second)) * SECOND + micros;
    let (offset, rest) = offset(rest)?;
    let rest = [&b" Uhr"[..], b" hrs", b" h"].iter().find_map(|word| rest.strip_prefix(*word)).unwrap_or(rest);
    Some((time, offset, rest))
}

/// `1100 hours`, `@ 0800 hours`, `circa 1615 hrs`, behind a date.
pub(super) fn military(text: &[u8]) -> Option<(i64, Option<i64>, &[u8])> {
    let before = [&b"@ "[..], b"at ", b"circa ", b"ca. ", b"c. "];
    let at = before.iter().find_map(|word| text.strip_prefix(*word)).unwrap_or(text);
    let (number, 4, rest) = digits(at, 4)? else { return clock(at, true).filter(|_| at.len() < text.len()) };
    let rest = [&b" hours"[..], b" hrs", b"h"].iter().find_map(|word| rest.strip_prefix(*word))?;
    let (hour, minute) = (number / 100, number % 100);
    let time = (hour < 24 && minute < 60).then(|| i64::from(hour * 60 + minute) * 60 * SECOND)?;
    Some((time, None, rest))
}

/// `1:02:33`, `36:15:00`, `3:45.2`, `1h 30m`, `2 days 04:00:00`, `PT1H30M`: milliseconds.
pub(super) fn duration(text: &str) -> Option<i64> {
    if text.len() > 40 || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (is_below, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let millis = colons(rest).or_else(|| minutes(rest)).or_else(|| parts(rest, 2).map(|(millis, _)| millis))?;
    Some(if is_below { -millis } else { millis })
}

/// Values of one column such as `45m` and `1h`, which may also be numbers with a unit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spans {
    pub(super) n: u64,
    /// The milliseconds of the first one's word, and whether another's are others.
    size: i64,
    pub(super) is_mixed: bool,
}

impl Spans {
    pub(super) fn add(&mut self, text: &str) {
        let Some((_, size)) = parts(text, 1) else { return };
        self.is_mixed |= self.n > 0 && self.size != size;
        self.size = size;
        self.n += 1;
    }
}

/// `45m`, `1h`: milliseconds, where the column says that they are durations.
pub(super) fn span(text: &str) -> Option<i64> {
    parts(text, 1).map(|(millis, _)| millis)
}

/// `3:45` and `72:10`: what they are, the column must say.
pub(super) fn two_parts(text: &str) -> Option<(u32, u32)> {
    let (first, 1..=3, [b':', rest @ ..]) = digits(text.as_bytes(), 3)? else { return None };
    let (second, 2, []) = digits(rest, 2)? else { return None };
    (second < 60).then_some((first, second))
}

/// `3:45.2`: minutes, and seconds with a fraction.
fn minutes(text: &str) -> Option<i64> {
    let (pair, fraction) = text.split_once('.')?;
    let (minutes, seconds) = two_parts(pair)?;
    let is_plain = (1..=3).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let millis: i64 = is_plain.then(|| format!("{fraction:0<3}").parse().ok()).flatten()?;
    Some((i64::from(minutes) * 60 + i64::from(seconds)) * 1_000 + millis)
}

/// `1:02:33` and `36:15:00.5`: hours, minutes and seconds. Two numbers may be anything.
fn colons(text: &str) -> Option<i64> {
    let mut fields = text.splitn(3, ':');
    let (hours, minutes, seconds) = (fields.next()?, fields.next()?, fields.next()?);
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let plain = |field: &str, n_most| -> Option<i64> {
        let fits = (1..=n_most).contains(&field.len()) && field.bytes().all(|byte| byte.is_ascii_digit());
        if fits { field.parse().ok() } else { None }
    };
    if minutes.len() != 2 || seconds.len() != 2 || fraction.len() > 3 {
        return None;
    }
    let (hours, minutes, seconds) = (plain(hours, 5)?, plain(minutes, 2)?, plain(seconds, 2)?);
    let millis: i64 = if fraction.is_empty() { 0 } else { plain(&format!("{fraction:0<3}"), 3)? };
    (minutes < 60 && seconds < 60).then(|| (hours * 3_600 + minutes * 60 + seconds) * 1_000 + millis)
}

/// Numbers with a letter or word each, largest first, and the milliseconds of the last word. `n_least`: two, for one alone
/// is a number with a unit.
fn parts(text: &str, n_least: usize) -> Option<(i64, i64)> {
    let iso = text.strip_prefix('P');
    let mut rest = iso.unwrap_or(text).trim_start_matches('T');
    let (mut millis, mut least, mut n_parts) = (0_i64, i64::MAX, 0);
    while !rest.is_empty() {
        if n_parts > 0
            && let Some(clock) = colons(rest)
        {
            return (least >= 86_400_000).then(|| (millis + clock, 1_000));
        }
        let n_digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(n_digits)?;
        let behind = behind.trim_start();
        let n_word = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (word, behind) = behind.split_at_checked(n_word)?;
        // `T` in front of hours is ISO 8601's.
        let word = if iso.is_some() { word.trim_end_matches('T') } else { word };
        let size = match word.to_ascii_lowercase().as_str() {
            "w" | "week" | "weeks" => 7 * 86_400_000,
            "d" | "day" | "days" | "dt" => 86_400_000,
            "h" | "hr" | "hrs" | "hour" | "hours" | "std" => 3_600_000,
            "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
            "s" | "sec" | "secs" | "second" | "seconds" => 1_000,
            _ => return None,
        };
        if size >= least {
            return None;
        }
        millis = millis.checked_add(number.parse::<i64>().ok().filter(|number| *number < 1_000_000)? * size)?;
        (least, n_parts) = (size, n_parts + 1);
        rest = behind.trim_start_matches([' ', ',', '.', 'T']);
    }
    (n_parts >= n_least || (iso.is_some() && n_parts == 1)).then_some((millis, least))
}

/// `:15` and `:15.25`, or nothing: seconds, microseconds.
fn seconds(text: &[u8]) -> Option<(u32, i64, &[u8])> {
    let Some((b':', rest)) = text.split_first() else { return Some((0, 0, text)) };
    let (second, 2, rest) = digits(rest, 2)? else { return None };
    let Some((b'.' | b',', rest)) = rest.split_first() else { return Some((second, 0, rest)) };
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
        [half @ (b'a' | b'A' | b'p' | b'P'), b'.', b'm' | b'M', b'.', rest @ ..] => {
            Some((half.eq_ignore_ascii_case(&b'p'), rest))
        }
        _ => None,
    }
}

/// `Z`, `+01`, `+0100`, `+01:00`, with or without a blank before; none of them is no offset.
fn offset(text: &[u8]) -> Option<(Option<i64>, &[u8])> {
    let at = text.strip_prefix(b" ").unwrap_or(text);
    let signed = at.strip_prefix(b"UTC").or_else(|| at.strip_prefix(b"GMT"));
    let at = signed.filter(|rest| matches!(rest, [b'+' | b'-', ..])).unwrap_or(at);
    let (sign, rest) = match at {
        [b'Z' | b'z', rest @ ..] => return Some((Some(0), rest)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => {
            let named = ZONES.iter().find_map(|(name, hours)| Some((hours * 3_600 * SECOND, at.strip_prefix(*name)?)));
            return Some(named.map_or((None, text), |(offset, rest)| (Some(offset), rest)));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let check =
            |text: &str, expect: Option<i64>| assert_eq!(duration(text).map(|millis| millis / 1_000), expect, "{text}");
        check("1:02:33", Some(3_753));
        check("36:15:00", Some(130_500));
        check("1h 30m", Some(5_400));
        check("1h30min", Some(5_400));
        check("2 days 04:00:00", Some(187_200));
        check("PT1H30M", Some(5_400));
        check("P1DT2H", Some(93_600));
        check("-0:00:05", Some(-5));
        for text in ["3:45", "5 min", "30m 1h", "1h 90", "1:2:3", "1:60:00", "h", "1:00:00 x"] {
            check(text, None);
        }
    }
}
