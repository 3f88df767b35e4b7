//! Whether the numbers of an answer appear in the results it is drawn from.

use serde_json::Value;

/// All numbers of some results.
#[derive(Debug, Default, Clone)]
pub(super) struct Known(Vec<f64>);

/// A number in prose.
#[derive(Debug, Clone, PartialEq)]
struct Written {
    text: String,
    /// What it may mean: `1.234` is one and a bit, or over a thousand.
    readings: Vec<Reading>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    value: f64,
    /// Half of the last digit's place.
    tolerance: f64,
}

impl Known {
    /// Takes in every number of a JSON value, those inside its texts as well.
    pub(super) fn add(&mut self, value: &Value) {
        match value {
            Value::Number(number) => self.0.extend(number.as_f64()),
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
        if text.contains(|c: char| c.is_ascii_digit()) {
            let readings = scan(text, false).into_iter().flat_map(|written| written.readings);
            self.0.extend(readings.map(|reading| reading.value));
        }
    }

    /// The numbers in an answer that are none of these, rounded or not, as they are written.
    pub(super) fn missing(&self, answer: &str) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        for written in scan(answer, true) {
            if !written.readings.iter().any(|reading| self.holds(*reading)) && !missing.contains(&written.text) {
                missing.push(written.text);
            }
        }
        missing
    }

    fn holds(&self, reading: Reading) -> bool {
        // A sign may be in words: "fell by 5". A double's own error is not the answer's.
        let slack = reading.tolerance + reading.value.abs() * 1e-9;
        self.0.iter().any(|known| (known.abs() - reading.value.abs()).abs() <= slack)
    }
}

/// The numbers of a text. In prose, the numbers of a list and ordinals count for nothing.
fn scan(text: &str, is_prose: bool) -> Vec<Written> {
    let chars: Vec<char> = text.chars().collect();
    let at = |idx: usize| chars.get(idx).copied().unwrap_or(' ');
    let mut found = Vec::new();
    let mut idx = 0;
    while idx < chars.len() {
        if !at(idx).is_ascii_digit() {
            idx += 1;
            continue;
        }
        let start = idx;
        while at(idx).is_ascii_digit()
            || (matches!(at(idx), '.' | ',' | '\u{a0}' | '\u{202f}' | '\'' | '’' | '_') && at(idx + 1).is_ascii_digit())
        {
            idx += 1;
        }
        let before = if start == 0 { ' ' } else { at(start - 1) };
        let is_part_of_a_name = before.is_alphabetic() || before == '_' || before == '#';
        let digits: String = chars.get(start..idx).unwrap_or_default().iter().collect();
        let rest: String = chars.get(idx..(idx + 16).min(chars.len())).unwrap_or_default().iter().collect();
        let begins_line =
            chars.get(..start).unwrap_or_default().iter().rev().take_while(|c| **c != '\n').all(|c| c.is_whitespace());
        let is_list_mark =
            begins_line && rest.starts_with(['.', ')']) && rest.chars().nth(1).is_none_or(char::is_whitespace);
        let is_ordinal = ["st", "nd", "rd", "th"].iter().any(|ending| is_word(&rest, ending));
        if is_prose && (is_part_of_a_name || is_list_mark || is_ordinal) {
            continue;
        }
        let (scale, is_percent) = unit(&rest);
        let exponent = exponent(&rest);
        let mut readings = Vec::new();
        for (value, tolerance) in readings_of(&digits) {
            for factor in [Some(scale), (scale > 1.0).then_some(1.0), is_percent.then_some(0.01)].into_iter().flatten()
            {
                let factor = factor * exponent;
                readings.push(Reading { value: value * factor, tolerance: tolerance * factor });
            }
        }
        found.push(Written { text: digits, readings });
    }
    found
}

/// A number's meanings: separators of thousands and of decimals differ between countries.
fn readings_of(digits: &str) -> Vec<(f64, f64)> {
    let plain: String = digits.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let mut readings = Vec::new();
    for (thousands, decimal) in [(',', '.'), ('.', ',')] {
        let text: String = plain.chars().filter(|c| *c != thousands).collect();
        let groups: Vec<&str> = plain.split([thousands, decimal]).skip(1).collect();
        let n_thousands = plain.matches(thousands).count();
        // Groups of thousands have three digits.
        let is_grouped = groups.iter().take(n_thousands).all(|group| group.len() == 3);
        if text.matches(decimal).count() > 1 || (n_thousands > 0 && !is_grouped) {
            continue;
        }
        let text = text.replace(decimal, ".");
        let n_decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        if let Ok(value) = text.parse::<f64>() {
            let places = i32::try_from(n_decimals).unwrap_or(i32::MAX);
            readings.push((value, 0.5 * 10_f64.powi(-places)));
        }
    }
    if readings.is_empty() {
        // A list without blanks, a date with dots: each part by itself.
        readings.extend(plain.split(['.', ',']).filter_map(|part| Some((part.parse::<f64>().ok()?, 0.0))));
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
            &json!({"rows": [["North", 1_234_567.891, "2024-03-05"], [0.4567, -12, "9007199254740993"], [17, 1e12]]}),
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
        ] {
            assert_eq!(known.missing(answer), Vec::<String>::new(), "{answer}");
        }
        for (answer, expect) in [
            ("18 rows", "18"),
            ("1.24 million", "1.24"),
            ("46.5%", "46.5"),
            ("on 2023-03-05", "2023"),
            ("1,234,560", "1,234,560"),
        ] {
            assert_eq!(known.missing(answer), [expect], "{answer}");
        }
    }
}
