//! Dates and times in a text: their digits are no numbers that an answer can rest on.

/// Characters of the longest.
const MAX_CHARS: usize = 40;

/// Beginnings of the names of months, in some languages.
const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", "mär", "mai", "okt", "dez",
    "fév", "avr", "jui", "aoû", "déc", "ene", "abr", "ago", "dic",
];
/// Words that stand before the number of a day or an hour.
const BEFORE: &[&str] = &["day", "hour", "tag", "stunde", "jour", "día", "hora"];

/// The date or time that begins at `start`, such as `2024-03-05T14:30:00`, `05/03/2024` or `14:30`: its parts, and where it
/// ends.
pub(super) fn at(chars: &[char], start: usize) -> Option<(Vec<f64>, usize)> {
    let text: String = chars.get(start..)?.iter().take(MAX_CHARS).collect();
    let (mut parts, rest) = match date(&text) {
        Some((parts, rest)) => {
            let behind = rest.strip_prefix(['T', 't', ' ']).and_then(time);
            match behind {
                Some((more, rest)) => ([parts, more].concat(), rest),
                None => (parts, rest),
            }
        }
        None => time(&text)?,
    };
    let rest = rest.strip_prefix(['+', '-']).and_then(time).map_or(rest, |(_, rest)| rest);
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let n_rest = rest.chars().count();
    parts.dedup();
    Some((parts.into_iter().map(f64::from).collect(), start + text.chars().count() - n_rest))
}

/// Whether a number in prose may be a part of a date, by what stands around it: `March 5`, `5. März`, `in 2024`.
pub(super) fn may_be_part(head: &str, digits: &str, rest: &str) -> bool {
    if digits.parse().is_ok_and(is_year) {
        return true;
    }
    let is_day = digits.parse().is_ok_and(|day: u32| day <= 31);
    let words = |text: &str| {
        text.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase).filter(|it| !it.is_empty()).collect::<Vec<_>>()
    };
    let is_month = |word: &String| MONTHS.iter().any(|month| word.starts_with(month));
    let (before, behind) = (words(head), words(rest));
    // "The 5th of March", "el 5 de marzo"; "March 5 and 6".
    let near = before.iter().rev().take(2).chain(behind.iter().take(2)).any(is_month);
    let is_ordinal = ["st", "nd", "rd", "th"].iter().any(|ending| behind.first().is_some_and(|it| it == ending));
    is_day && (near || is_ordinal || before.last().is_some_and(|word| BEFORE.contains(&word.as_str())))
}

fn is_year(year: u32) -> bool {
    (1_000..3_000).contains(&year)
}

/// Year, month and day, whichever comes first.
fn date(text: &str) -> Option<(Vec<u32>, &str)> {
    let (first, rest) = number(text, 1, 4)?;
    let sign = rest.chars().next().filter(|c| matches!(c, '-' | '/'))?;
    let (second, rest) = number(rest.strip_prefix(sign)?, 1, 2)?;
    let (third, rest) = number(rest.strip_prefix(sign)?, 1, 4)?;
    let (year, day) = if first > 31 { (first, third) } else { (third, first) };
    let are_days = (1..=31).contains(&second) && (1..=31).contains(&day) && second.min(day) <= 12;
    (is_year(year) && are_days).then_some((vec![year, second, day], rest))
}

/// Hours, minutes, and seconds where they are given.
fn time(text: &str) -> Option<(Vec<u32>, &str)> {
    let (hours, rest) = number(text, 1, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
    if hours > 24 || minutes > 59 {
        return None;
    }
    let Some((seconds, rest)) = rest.strip_prefix(':').and_then(|rest| number(rest, 2, 2)) else {
        return Some((vec![hours, minutes], rest));
    };
    let parts = rest.strip_prefix('.').map_or(rest, |it| it.trim_start_matches(|c: char| c.is_ascii_digit()));
    Some((vec![hours, minutes, seconds], parts))
}

fn number(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(n_digits).filter(|_| (least..=most).contains(&n_digits))?;
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::at;

    #[test]
    fn dates_and_times_are_told_from_numbers() {
        let parts = |text: &str| {
            let chars: Vec<char> = text.chars().collect();
            at(&chars, 0).map(|(parts, end)| (parts, chars.len() - end))
        };
        assert_eq!(parts("2024-03-05"), Some((vec![2024.0, 3.0, 5.0], 0)));
        assert_eq!(parts("2024-03-05 14:30:07.25, 3"), Some((vec![2024.0, 3.0, 5.0, 14.0, 30.0, 7.0], 3)));
        assert_eq!(parts("2024-03-05T14:30:00+02:00"), Some((vec![2024.0, 3.0, 5.0, 14.0, 30.0, 0.0], 0)));
        assert_eq!(parts("5/31/2024"), Some((vec![2024.0, 31.0, 5.0], 0)));
        assert_eq!(parts("14:30 h"), Some((vec![14.0, 30.0], 2)));
        for none in ["2024", "12-34", "3:2", "2024-13-32", "5/6/7", "99:00", "555-12-3456", "2024-03-051"] {
            assert_eq!(parts(none), None, "{none}");
        }
    }
}
