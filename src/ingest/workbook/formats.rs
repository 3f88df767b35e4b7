//! What number formats show of numbers: units, currencies, zeros in front. By ECMA-376, 18.8.31.

use std::collections::HashMap;

use calamine::Style;

use super::serial::Shown;
use crate::ingest::look::{Format, Look};

/// What a workbook's styles make of cells, by style.
#[derive(Debug, Default)]
pub(super) struct Formats {
    by_style: Vec<Styled>,
    /// The formats that looks point to.
    pub(super) all: Vec<Format>,
}

#[derive(Debug, Clone)]
pub(super) struct Styled {
    pub(super) look: Look,
    pub(super) shown: Shown,
    pub(super) code: Option<Code>,
}

/// A format of nothing but digits, zeros in front included, and what stands between them: `000-00-0000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Digit,
    Literal(char),
}

impl Formats {
    pub(super) fn new(styles: &[Style]) -> Formats {
        let mut all: Vec<Format> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let by_style = styles.iter().map(|style| Styled::new(style, &mut all, &mut known)).collect();
        Formats { by_style, all }
    }

    pub(super) fn get(&self, style_id: usize) -> Option<&Styled> {
        self.by_style.get(style_id)
    }
}

impl Styled {
    fn new<'a>(style: &'a Style, all: &mut Vec<Format>, known: &mut HashMap<&'a str, usize>) -> Styled {
        let number_format = style.number_format.as_ref();
        let code = number_format.map(|format| format.format_code.as_str()).filter(|code| is_told(code));
        let format_idx = code.map(|code| {
            *known.entry(code).or_insert_with(|| {
                all.push(Format { code: code.to_owned(), unit: unit(code) });
                all.len() - 1
            })
        });
        let is_bold = style.font.as_ref().is_some_and(calamine::Font::is_bold);
        let is_filled = style.fill.as_ref().is_some_and(calamine::Fill::is_visible);
        let indent = style.alignment.as_ref().and_then(|alignment| alignment.indent).unwrap_or(0);
        Styled {
            look: Look::new(is_bold, is_filled, indent, format_idx),
            shown: number_format.map_or(Shown::Unknown, Shown::by),
            code: code.and_then(Code::parse),
        }
    }
}

/// Whether a format says more than that a number is one.
fn is_told(code: &str) -> bool {
    !code.eq_ignore_ascii_case("general") && code != "@" && !code.is_empty()
}

/// The signs of a format's first section: those that stand for digits and those that are shown as they are.
enum Sign {
    Format(char),
    Literal(char),
    /// What stands in square brackets.
    Bracket(String),
}

fn signs(code: &str) -> Vec<Sign> {
    let mut signs = Vec::new();
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            ';' => break,
            '\\' => signs.extend(chars.next().map(Sign::Literal)),
            // The width of a sign, and a sign that fills the cell.
            '_' | '*' => drop(chars.next()),
            '"' => signs.extend(chars.by_ref().take_while(|c| *c != '"').map(Sign::Literal)),
            '[' => signs.push(Sign::Bracket(chars.by_ref().take_while(|c| *c != ']').collect())),
            c if is_of_format(c) => signs.push(Sign::Format(c)),
            c => signs.push(Sign::Literal(c)),
        }
    }
    signs
}

fn is_of_format(c: char) -> bool {
    matches!(c, '0' | '#' | '?' | '.' | ',' | '%' | '/' | '@') || c.is_ascii_alphabetic()
}

/// What a format shows beside a number: `€`, `km`, `%`.
fn unit(code: &str) -> Option<String> {
    let signs = signs(code);
    let formats: String =
        signs.iter().filter_map(|sign| if let Sign::Format(c) = sign { Some(*c) } else { None }).collect();
    if formats.contains('%') {
        return Some("%".to_owned());
    }
    let lower = formats.to_ascii_lowercase();
    let without_words = lower.replace("general", "0").replace(['e'], "");
    let is_number =
        without_words.contains(['0', '#', '?']) && !without_words.contains(|c: char| c.is_ascii_alphabetic());
    // Behind the last digit, commas are thousands that are not shown: a unit beside them is not that of the number.
    let is_scaled = formats.trim_end_matches('.').ends_with(',');
    if !is_number || is_scaled || formats.contains('/') {
        return None;
    }
    let mut text = String::new();
    for sign in &signs {
        match sign {
            Sign::Literal(c) => text.push(*c),
            // A currency, and behind a hyphen a language: `[$€-407]`, `[$USD]`.
            Sign::Bracket(inside) => {
                text.push_str(inside.strip_prefix('$').map_or("", |it| it.split('-').next().unwrap_or(it)));
            }
            Sign::Format(_) => text.push(' '),
        }
    }
    let text = text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '+' | '(' | ')' | ':'));
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_unit = text.chars().any(|c| c.is_alphabetic() || is_currency(c) || matches!(c, '°' | '‰' | '㎡'));
    (is_unit && text.chars().count() <= 20).then_some(text)
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '£' | '¥' | '¢' | '¤' | '\u{20a0}'..='\u{20cf}' | '﷼' | '￥' | '￡')
}

impl Code {
    fn parse(code: &str) -> Option<Code> {
        let pieces: Option<Vec<Piece>> = signs(code)
            .into_iter()
            .map(|sign| match sign {
                Sign::Format('0') => Some(Piece::Digit),
                Sign::Format('/') => Some(Piece::Literal('/')),
                Sign::Literal(c) => Some(Piece::Literal(c)),
                Sign::Format(_) | Sign::Bracket(_) => None,
            })
            .collect();
        let pieces = pieces?;
        (pieces.iter().filter(|piece| **piece == Piece::Digit).count() > 1).then_some(Code(pieces))
    }

    /// The number as it is shown, where that is more than its digits. Nothing for what is no whole number.
    pub(super) fn show(&self, number: f64) -> Option<String> {
        if !(0.0..1e15).contains(&number) || number.fract() != 0.0 {
            return None;
        }
        let plain = number.to_string();
        let n_places = self.0.iter().filter(|piece| **piece == Piece::Digit).count();
        let padded = format!("{plain:0>n_places$}");
        let mut digits = padded.chars();
        // The first place takes whatever there is more of.
        let mut n_first = padded.chars().count() - n_places + 1;
        let mut shown = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(c) => shown.push(*c),
                Piece::Digit => {
                    shown.extend(digits.by_ref().take(n_first));
                    n_first = 1;
                }
            }
        }
        (shown != plain).then_some(shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_stands_beside_the_digits() {
        let check = |code: &str, expect: Option<&str>| assert_eq!(unit(code).as_deref(), expect, "{code}");
        check("0.00%", Some("%"));
        check("#,##0.00\\ [$€-407]", Some("€"));
        check("[$USD] #,##0", Some("USD"));
        check("_($* #,##0.00_);_($* (#,##0.00);_($* \"-\"??_);_(@_)", Some("$"));
        check("$#,##0;[Red]-$#,##0", Some("$"));
        check("0.0\" km\"", Some("km"));
        check("General\" kg\"", Some("kg"));
        check("\"CHF\" #,##0.00", Some("CHF"));
        check("[Red]#,##0", None);
        check("0.0,,\"M\"", None);
        check("0.00E+00", None);
        check("# ?/?", None);
        check("yyyy-mm-dd", None);
        check("[h]:mm", None);
        check("00000", None);
        check("_(* #,##0_);_(* (#,##0);_(* \"-\"_);_(@_)", None);
    }

    #[test]
    fn codes_keep_their_zeros() {
        let check = |code: &str, number: f64, expect: Option<&str>| {
            let found = Code::parse(code).and_then(|code| code.show(number));
            assert_eq!(found.as_deref(), expect, "{code} {number}");
        };
        check("00000", 501.0, Some("00501"));
        check("00000", 12345.0, None);
        check("000\\-00\\-0000", 12_345_678.0, Some("012-34-5678"));
        check("00000-0000", 1_234_512_345.0, Some("123451-2345"));
        check("\"A\"000", 7.0, Some("A007"));
        check("00000", 1.5, None);
        check("00000", -1.0, None);
        check("0", 7.0, None);
        check("0.00", 7.0, None);
        check("#,##0", 7.0, None);
        check("yyyy", 7.0, None);
    }
}
