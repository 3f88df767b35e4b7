//! Whether the numbers of an answer appear in the results it is drawn from.

use std::collections::BTreeSet;

use serde_json::Value;

use super::dates;

/// All numbers of some results.
#[derive(Debug, Default, Clone)]
pub(super) struct Known {
    numbers: Vec<f64>,
    /// Years, months, days, hours, minutes and seconds: what an answer says otherwise than as a date rests on none of them.
    dates: Vec<f64>,
}

/// Characters before a number that are looked at.
const MAX_HEAD: usize = 64;
/// Characters of a number with blanks between its thousands.
const MAX_GAPS: usize = 40;

/// A number in prose.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    text: String,
    /// What it may mean: `1.234` is one and a bit, or over a thousand.
    readings: Vec<Reading>,
    /// What it may be instead, such as a date: all of these, each in one of its readings.
    parts: Vec<Vec<Reading>>,
    /// Whether it may be a date or a part of one.
    is_dated: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    value: f64,
    /// How much smaller than that the number can be that it stands for: half of the last digit's place, mostly.
    less: f64,
    /// How much greater.
    more: f64,
}

impl Known {
    /// Takes in every number of a JSON value, those inside its texts as well.
    pub(super) fn add(&mut self, value: &Value) {
        match value {
            Value::Number(number) => self.numbers.extend(number.as_f64()),
            Value::String(text) => self.add_text(text),
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.add_text(key);
                    self.add(value);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Takes in every number of a text.
    pub(super) fn add_text(&mut self, text: &str) {
        if text.contains(|c: char| c.is_numeric()) {
            for written in scan(text, false) {
                let values = |readings: Vec<Reading>| readings.into_iter().map(|reading| reading.value);
                self.numbers.extend(values(written.readings));
                let parts = written.parts.into_iter().flat_map(values);
                if written.is_dated { self.dates.extend(parts) } else { self.numbers.extend(parts) }
            }
        }
    }

    /// The numbers in an answer that are none of these, rounded or not, as they are written.
    pub(super) fn missing(&self, answer: &str) -> Vec<String> {
        // A sign may be in words: "fell by 5".
        let sorted = |known: &[f64]| {
            let mut sizes: Vec<f64> = known.iter().map(|known| known.abs()).collect();
            sizes.sort_by(f64::total_cmp);
            sizes
        };
        let (sizes, dates) = (sorted(&self.numbers), sorted(&self.dates));
        let (mut missing, mut seen) = (Vec::new(), BTreeSet::new());
        for written in scan(answer, true) {
            let is_known = |reading: &Reading| reading.is_among(&sizes) || written.is_dated && reading.is_among(&dates);
            let is_any = |readings: &[Reading]| readings.iter().any(is_known);
            let are_parts = !written.parts.is_empty() && written.parts.iter().all(|part| is_any(part));
            if !is_any(&written.readings) && !are_parts && seen.insert(written.text.clone()) {
                missing.push(written.text);
            }
        }
        missing
    }
}

impl Reading {
    /// Whether one of some sizes, the smallest first, can be this.
    fn is_among(self, sizes: &[f64]) -> bool {
        let value = self.value.abs();
        // A double's own error is not the answer's.
        let (less, more) = (self.less + value * 1e-9, self.more + value * 1e-9);
        let first = sizes.partition_point(|known| *known < value - less);
        sizes.get(first).is_some_and(|known| *known <= value + more)
    }
}

/// The numbers of a text. In prose, the marks of a list count for nothing, nor do digits in names.
fn scan(text: &str, is_prose: bool) -> Vec<Written> {
    let chars: Vec<char> = text.chars().map(plain).collect();
    let at = |idx: usize| chars.get(idx).copied().unwrap_or(' ');
    let mut found = Vec::new();
    let mut n_marks = 0_u64;
    let mut idx = 0;
    while idx < chars.len() {
        if !at(idx).is_ascii_digit() {
            idx += 1;
            continue;
        }
        let start = idx;
        if let Some((parts, end)) = dates::at(&chars, start) {
            idx = end;
            let text = chars.get(start..end).unwrap_or_default().iter().collect();
            let parts = parts.into_iter().map(|value| vec![Reading { value, less: 0.0, more: 0.0 }]).collect();
            found.push(Written { text, readings: Vec::new(), parts, is_dated: true });
            continue;
        }
        while at(idx).is_ascii_digit()
            || (is_separator(at(idx)) && at(idx + 1).is_ascii_digit())
            || is_gap(&chars, start, idx)
        {
            idx += 1;
        }
        let head: String = chars.get(start.saturating_sub(MAX_HEAD)..start).unwrap_or_default().iter().collect();
        let digits: String = chars.get(start..idx).unwrap_or_default().iter().collect();
        let rest: String = chars.get(idx..(idx + 16).min(chars.len())).unwrap_or_default().iter().collect();
        if is_prose {
            if is_list_mark(&head, &digits, &rest, n_marks + 1) {
                n_marks += 1;
                continue;
            }
            // Few are counted out to a tenth place without a result that has them.
            let is_ordinal = ["st", "nd", "rd", "th"].iter().any(|ending| is_word(&rest, ending));
            if is_in_name(&head) || (is_ordinal && digits.len() == 1) {
                continue;
            }
        }
        let rounding = if is_prose { rounding(&head) } else { None };
        let (scale, is_percent) = unit(&rest);
        let exponent = exponent(&rest);
        let factors = [Some(scale), (scale > 1.0).then_some(1.0), is_percent.then_some(0.01)];
        let readings = readings_of(&digits).into_iter().flat_map(|(value, tolerance)| {
            let (less, more) = rounding.map_or((tolerance, tolerance), |it| it.slack(value, &digits, tolerance));
            let factors = factors.into_iter().flatten();
            factors.map(move |factor| Reading {
                value: value * factor * exponent,
                less: less * factor * exponent,
                more: more * factor * exponent,
            })
        });
        let readings: Vec<Reading> = readings.collect();
        // Lists without blanks, dates with dots, two numbers side by side.
        let parts: Vec<&str> = digits.split(|c: char| !c.is_ascii_digit()).collect();
        let is_one = parts.len() < 2 || !(readings.is_empty() || digits.contains(' '));
        let parts = parts.into_iter().filter(|_| !is_one).filter_map(|part| part.parse::<f64>().ok());
        let parts: Vec<_> = parts.map(|value| vec![Reading { value, less: 0.0, more: 0.0 }]).collect();
        let is_dotted = parts.len() == 3 && digits.chars().filter(|c| *c == '.').count() == 2;
        let is_dated = is_dotted || is_prose && dates::may_be_part(&head, &digits, &rest);
        found.push(Written { text: digits, readings, parts, is_dated });
    }
    found
}

/// A digit or sign of another width or script as ASCII has it.
fn plain(c: char) -> char {
    const ZEROS: &[u32] = &[0xff10, 0x0660, 0x06f0, 0x0966, 0x09e6, 0x0e50];
    let digit = ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(*zero).filter(|digit| *digit < 10));
    match (digit.and_then(|digit| char::from_digit(digit, 10)), c) {
        (Some(digit), _) => digit,
        (None, '，' | '٬') => ',',
        (None, '．' | '٫') => '.',
        (None, '％' | '٪') => '%',
        (None, c) => c,
    }
}

fn is_separator(c: char) -> bool {
    matches!(c, '.' | ',' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’' | '_')
}

/// Whether the blank at `idx` is between groups of thousands.
fn is_gap(chars: &[char], start: usize, idx: usize) -> bool {
    let at = |idx: usize| chars.get(idx).copied().unwrap_or(' ');
    let is_group = (1..=3).all(|n| at(idx + n).is_ascii_digit()) && !at(idx + 4).is_ascii_digit();
    if at(idx) != ' ' || !is_group || idx - start > MAX_GAPS {
        return false;
    }
    let before = chars.get(start..idx).unwrap_or_default();
    let first = before.iter().take_while(|c| c.is_ascii_digit()).count();
    first <= 3 && before.iter().all(|c| c.is_ascii_digit() || *c == ' ')
}

/// Whether a number is the mark of a list's next item: they count from 1, and words follow.
fn is_list_mark(head: &str, digits: &str, rest: &str, next: u64) -> bool {
    let begins_line = head.chars().rev().take_while(|c| *c != '\n').all(char::is_whitespace);
    let text = rest.strip_prefix(['.', ')']).filter(|text| text.starts_with(' ') && !text.trim().is_empty());
    begins_line && text.is_some() && digits.parse() == Ok(next)
}

/// Whether what stands before a number makes it a part of a name, such as `Q4`. A currency does not, nor does a script
/// without blanks between words.
fn is_in_name(head: &str) -> bool {
    const CURRENCIES: &[&str] = &[
        "US", "USD", "EUR", "GBP", "CHF", "JPY", "CNY", "RMB", "INR", "RS", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK",
        "KR", "PLN", "CZK", "HUF", "BRL", "MXN", "ZAR", "RUB", "TRY", "KRW", "SGD", "HKD",
    ];
    let is_joined = |c: &char| c.is_alphanumeric() || *c == '_';
    let mut word: Vec<char> = head.chars().rev().take_while(is_joined).collect();
    word.reverse();
    let word: String = word.into_iter().collect();
    let is_spaced = |c: char| u32::from(c) < 0x0e00;
    head.ends_with(['_', '#'])
        || word.ends_with(|c: char| c.is_alphabetic() && is_spaced(c))
            && !CURRENCIES.contains(&word.to_uppercase().as_str())
}

/// How a number is said to be rounded.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Rounding {
    /// To either side.
    About,
    /// "over 10,000": the number is greater.
    Over,
    /// "under 10,000": it is smaller.
    Under,
}

impl Rounding {
    /// How much smaller and greater than `value` the number may be.
    fn slack(self, value: f64, digits: &str, tolerance: f64) -> (f64, f64) {
        // A tenth at most: who says "over 10,000" of 15,000 misleads.
        let wide = (2.0 * tolerance).max(slack(digits).min(value / 10.0));
        match self {
            Rounding::About => (wide, wide),
            Rounding::Over => (0.0, wide),
            Rounding::Under => (wide, 0.0),
        }
    }
}

/// What the word before a number says of it.
fn rounding(head: &str) -> Option<Rounding> {
    const ABOUT: &[&str] = &[
        "about",
        "around",
        "roughly",
        "approximately",
        "approx",
        "some",
        "circa",
        "ca",
        "rund",
        "etwa",
        "ungefähr",
        "environ",
        "unos",
        "unas",
        "aproximadamente",
    ];
    const OVER: &[&str] = &["over", "above", "gut", "über"];
    const UNDER: &[&str] = &["under", "below", "nearly", "almost", "fast", "knapp", "unter", "presque", "casi"];
    const MORE: &[&str] = &["more", "greater", "higher", "larger"];
    const LESS: &[&str] = &["less", "fewer", "lower", "smaller"];
    let head = head.trim_end_matches(|c: char| c.is_whitespace() || !(c.is_alphanumeric() || matches!(c, '~' | '≈')));
    if head.ends_with(['~', '≈']) {
        return Some(Rounding::About);
    }
    let mut words = head.rsplit(|c: char| !c.is_alphanumeric()).map(str::to_lowercase).filter(|it| !it.is_empty());
    let word = words.next()?;
    let word = if word == "than" { words.next()? } else { word };
    let says = |list: &[&str]| list.contains(&word.as_str());
    if says(ABOUT) {
        Some(Rounding::About)
    } else if says(OVER) || says(MORE) {
        Some(Rounding::Over)
    } else if says(UNDER) || says(LESS) {
        Some(Rounding::Under)
    } else {
        None
    }
}

/// Half of the place of the last digit that is not 0, of a whole number.
fn slack(digits: &str) -> f64 {
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let n_zeros = digits.len() - digits.trim_end_matches('0').len();
    if n_zeros == 0 { 0.5 } else { 0.5 * 10_f64.powi(i32::try_from(n_zeros).unwrap_or_default()) }
}

/// A number's meanings: separators of thousands and of decimals differ between countries.
fn readings_of(digits: &str) -> Vec<(f64, f64)> {
    let plain: String = digits.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let mut readings = Vec::new();
    for (thousands, decimal) in [(',', '.'), ('.', ',')] {
        let (whole, decimals) = plain.split_once(decimal).unwrap_or((plain.as_str(), ""));
        let groups: Vec<&str> = whole.split(thousands).collect();
        // Groups have three digits; in India all but the last have two.
        let is_grouped = match groups.as_slice() {
            [_] => true,
            [first, middle @ .., last] => {
                let n_digits = if middle.iter().all(|it| it.len() == 3) { 3 } else { 2 };
                last.len() == 3 && (1..=n_digits).contains(&first.len()) && middle.iter().all(|it| it.len() == n_digits)
            }
            [] => false,
        };
        if !is_grouped || decimals.contains([thousands, decimal]) {
            continue;
        }
        let text = format!("{}.{decimals}", whole.replace(thousands, ""));
        if let Ok(value) = text.parse::<f64>() {
            let places = i32::try_from(decimals.len()).unwrap_or(i32::MAX);
            readings.push((value, 0.5 * 10_f64.powi(-places)));
        }
    }
    readings
}

/// What stands behind a number and changes its size.
fn unit(rest: &str) -> (f64, bool) {
    let rest = rest.trim_start_matches([' ', '\u{a0}', '\u{202f}', '-']).to_lowercase();
    if rest.starts_with('%') || is_word(&rest, "percent") || is_word(&rest, "per cent") {
        return (1.0, true);
    }
    for (words, scale) in [
        (["k", "thousand", "tsd"].as_slice(), 1e3),
        (["m", "mn", "mm", "mio", "million", "millions"].as_slice(), 1e6),
        (["b", "bn", "billion", "billions", "mrd"].as_slice(), 1e9),
        (["tn", "trillion", "trillions"].as_slice(), 1e12),
    ] {
        if words.iter().any(|word| is_word(&rest, word)) {
            return (scale, false);
        }
    }
    (1.0, false)
}

/// The power of ten of `1.5e10`.
fn exponent(rest: &str) -> f64 {
    let Some(power) = rest.strip_prefix(['e', 'E']) else { return 1.0 };
    let digits: String = power
        .chars()
        .enumerate()
        .take_while(|(i, c)| c.is_ascii_digit() || (*i == 0 && matches!(c, '+' | '-')))
        .map(|(_, c)| c)
        .collect();
    digits.parse::<i32>().map_or(1.0, |power| 10_f64.powi(power.clamp(-300, 300)))
}

fn is_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_of_an_answer_are_found_in_results_however_they_are_written() {
        let mut known = Known::default();
        known.add(
            &json!({"rows": [["North", 1_234_567.891, "2024-03-05 14:30:00"], [0.4567, -12, "9007199254740993"], [17, 1e12]]}),
        );
        for answer in [
            "1,234,567.89",
            "1234568",
            "1.234.567,891",
            "1.23 million",
            "$1.2M",
            "45.7%",
            "46 percent",
            "fell by 12",
            "on 2024-03-05",
            "March 5, 2024",
            "am 5. März 2024",
            "on the 5th, at 14:30",
            "in 2024",
            "17 rows",
            "1\u{a0}234\u{a0}568",
            "1. North\n2. South",
            "the 3rd quarter",
            "Q4 and sheet_9",
            "1 trillion",
            "9007199254740993",
            "0.46",
            "#5",
            "none at all",
            "1.2346e6",
            "1 234 568 rows",
            "12,34,568 in all",
            "about 1,200,000",
            "over 1.2 million",
            "more than 1,200,000",
            "under 1.3 million",
            "nearly 18",
            "45.7 %",
            "東京は17人、合計1,234,568円",
            "１７ rows",
            "05.03.2024",
            "1. North, 17\n2. South\n3. East",
            "USD17",
        ] {
            assert_eq!(known.missing(answer), Vec::<String>::new(), "{answer}");
        }
        for (answer, expect) in [
            ("18 rows", "18"),
            ("1.24 million", "1.24"),
            ("46.5%", "46.5"),
            ("on 2023-03-05", "2023-03-05"),
            ("5 rows", "5"),
            ("3 of 17 regions", "3"),
            ("there are 30", "30"),
            ("1,234,560", "1,234,560"),
            ("99.", "99"),
            ("North:\n7. South", "7"),
            ("共42人", "42"),
            ("４２ rows", "42"),
            ("US$42", "42"),
            ("USD42", "42"),
            ("06.07.2024", "06.07.2024"),
            ("1 234 999", "1 234 999"),
            ("12,34,999", "12,34,999"),
            ("the 57th", "57"),
            ("about 1,100,000", "1,100,000"),
            ("over 2,000,000", "2,000,000"),
            ("more than 1,240,000", "1,240,000"),
            ("under 1,200,000", "1,200,000"),
            ("less than 1,234,000", "1,234,000"),
            ("over 20", "20"),
            ("about 20", "20"),
        ] {
            assert_eq!(known.missing(answer), [expect], "{answer}");
        }
    }

    #[test]
    fn many_numbers_in_a_long_text_are_looked_at_in_one_pass() {
        let known = Known { numbers: (0..50_000_u32).map(f64::from).collect(), dates: Vec::new() };
        let n = 20_000;
        assert_eq!(known.missing(&"1 ".repeat(n)), Vec::<String>::new());
        assert_eq!(known.missing(&"77777, ".repeat(n)), ["77777"]);
        let _ends = known.missing(&("1".to_owned() + &" 234".repeat(n)));
    }
}
