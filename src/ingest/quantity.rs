//! Numbers with what people write around them: separators, signs, currencies, units, scale words, footnote marks.
//!
//! The slow way for what `number::numeral` does not read. Nothing is guessed from one cell: the notation, and whether its
//! unit and marks are welcome, is for the whole column to decide.

use super::{
    number::{Numeral, numeral},
    units,
};

/// What stands before the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Notation {
    #[default]
    Point,
    Comma,
}

/// A number and what stood around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantity<'a> {
    pub(super) numeral: Numeral,
    /// A currency, `%` or unit, as written; empty where there is none.
    pub(super) unit: &'a str,
    pub(super) manner: Manner,
}

/// How a number is written, apart from its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Manner {
    /// A footnote mark, a word like `about` or a sign like `<`, which the number loses.
    pub(super) is_marked: bool,
    /// Nothing but digits in parentheses: below zero, or a numbering.
    pub(super) is_bracketed: bool,
    /// Three groups of three digits apart by blanks: a number, or that of a phone.
    pub(super) is_phone_like: bool,
}

/// The longest cell that may be a number.
const MAX_BYTES: usize = 64;

/// Reads a cell without surrounding white space.
pub(super) fn quantity(text: &str, notation: Notation) -> Option<Quantity<'_>> {
    if text.len() > MAX_BYTES || !text.bytes().any(|byte| byte.is_ascii_digit() || byte == 0xC2 || byte == 0xE2) {
        return None;
    }
    let mut manner = Manner::default();
    let unmarked = without_marks(text);
    manner.is_marked = unmarked.len() < text.len();
    let mut front = Front::default();
    let rest = front.take(unmarked)?;
    manner.is_marked |= front.is_qualified;
    let n_core = core_len(rest);
    let (core, behind) = rest.split_at_checked(n_core)?;
    let mut back = Back::default();
    back.take(behind.trim_start_matches(is_blank), &front, core)?;
    manner.is_marked |= back.is_marked;
    let (numeral, is_phone_like) = number(core, back.fraction, front.sign, notation)?;
    manner.is_phone_like = is_phone_like;
    let is_bare = front.currency.is_empty() && back.unit.is_empty() && core.bytes().all(|byte| byte.is_ascii_digit());
    manner.is_bracketed = front.is_open && is_bare;
    let is_below = front.is_open || front.sign == Some('-') || back.is_minus;
    let numeral = if is_below { negative(numeral) } else { numeral };
    let unit = if front.currency.is_empty() { back.unit } else { front.currency };
    Some(Quantity { numeral: shifted(numeral, back.power)?, unit, manner })
}

/// Without footnote marks at both ends: `12*`, `4[a]`, `5†`, `*7*`, `1990(?)`, `3²` is not one.
pub(super) fn without_marks(text: &str) -> &str {
    let is_mark = |c: char| matches!(c, '*' | '†' | '‡' | '§' | '¶' | '※' | '↑' | '↓' | '▲' | '▼' | '=' | '?');
    let mut rest = text.trim_start_matches(|c| matches!(c, '*' | '†' | '‡' | '=') || is_blank(c));
    loop {
        let before = rest.len();
        for (open, close) in [('[', ']'), ('(', ')'), ('{', '}')] {
            let Some(inside) = rest.strip_suffix(close) else { continue };
            let Some((head, note)) = inside.rsplit_once(open) else { continue };
            // A number in parentheses behind another is a value of its own; in brackets it is a note's.
            let is_note = note.chars().count() <= 12
                && (open == '[' || note.chars().all(|c| c.is_alphabetic() || matches!(c, '?' | '.' | ' ' | '*')));
            if is_note && head.contains(|c: char| c.is_ascii_digit()) {
                rest = head;
            }
        }
        let raised = |c: char| matches!(c, '¹' | '⁴'..='⁹' | '⁰' | 'ᵃ' | 'ᵇ' | 'ᶜ' | 'ᵈ' | 'ᵉ' | 'ᶠ');
        let plain = rest.trim_end_matches(|c| is_mark(c) || is_blank(c) || raised(c));
        // A superscript two or three may belong to a unit; right behind a digit it is a note.
        rest = match plain.strip_suffix(['²', '³']) {
            Some(head) if head.ends_with(|c: char| c.is_ascii_digit()) => head,
            _ => plain,
        };
        if rest.len() == before {
            return rest;
        }
    }
}

/// What stands before the digits.
#[derive(Debug, Default)]
struct Front<'a> {
    sign: Option<char>,
    is_open: bool,
    currency: &'a str,
    is_qualified: bool,
}

impl<'a> Front<'a> {
    /// The rest of the text behind it.
    fn take(&mut self, text: &'a str) -> Option<&'a str> {
        let mut rest = text;
        loop {
            let first = rest.chars().next()?;
            if first.is_ascii_digit() || matches!(first, '.' | ',') || units::glyph(first).is_some() {
                return Some(rest);
            }
            let behind = rest.strip_prefix(first)?;
            rest = match first {
                c if is_blank(c) => behind,
                '+' if self.sign.is_none() => {
                    self.sign = Some('+');
                    behind
                }
                c if is_minus(c) && self.sign.is_none() => {
                    self.sign = Some('-');
                    behind
                }
                '(' if !self.is_open && rest.ends_with(')') => {
                    self.is_open = true;
                    behind.strip_suffix(')')?
                }
                '<' | '>' | '≤' | '≥' | '~' | '≈' | '±' | '∼' => {
                    self.is_qualified = true;
                    behind
                }
                _ => self.take_word(rest)?,
            };
        }
    }

    fn take_word(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(n_bytes) = units::currency_before(text).filter(|_| self.currency.is_empty()) {
            let (currency, rest) = text.split_at_checked(n_bytes)?;
            self.currency = currency;
            return Some(rest);
        }
        let n_word = text.find(is_blank)?;
        let (word, rest) = text.split_at_checked(n_word)?;
        self.is_qualified = true;
        (units::is_qualifier(word) && self.sign.is_none()).then_some(rest)
    }
}

/// What stands behind the digits.
#[derive(Debug, Default)]
struct Back<'a> {
    unit: &'a str,
    /// Of ten, by a scale word.
    power: u8,
    is_minus: bool,
    is_marked: bool,
    fraction: Option<&'static str>,
}

impl<'a> Back<'a> {
    fn take(&mut self, text: &'a str, front: &Front<'_>, core: &str) -> Option<()> {
        let mut rest = text;
        if let Some((fraction, behind)) =
            rest.chars().next().and_then(|c| Some((units::glyph(c)?, rest.strip_prefix(c)?)))
        {
            self.fraction = Some(fraction);
            rest = behind.trim_start_matches(is_blank);
        }
        if core.is_empty() && self.fraction.is_none() {
            return None;
        }
        // `12,-` and `12.–` are prices without cents; `1.` is a number in order, `1950,` one of a list.
        if let Some(behind) = rest.strip_prefix([',', '.']) {
            let is_price = behind.strip_prefix(is_minus);
            self.is_marked = is_price.is_none();
            rest = is_price.unwrap_or(behind).trim_start_matches(is_blank);
        } else if let Some(behind) = rest.strip_prefix(is_minus).filter(|_| front.sign.is_none() && !front.is_open) {
            self.is_minus = true;
            rest = behind.trim_start_matches(is_blank);
        } else if let Some(behind) = rest.strip_prefix('+') {
            self.is_marked = true;
            rest = behind.trim_start_matches(is_blank);
        }
        if rest.is_empty() {
            return Some(());
        }
        if let Some((power, behind)) = units::scale(rest, !front.currency.is_empty()) {
            self.power = power;
            rest = behind.trim_start_matches(is_blank);
        }
        if rest.is_empty() {
            return Some(());
        }
        // `19.8A`: no code has decimals, so that a letter right behind them is a note.
        let has_decimals = core.contains(['.', ',']);
        if has_decimals && self.power == 0 && text.len() == rest.len() && rest.len() == 1 && !units::is_known(rest) {
            self.is_marked = true;
            return rest.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(());
        }
        let is_behind_word = self.power > 0 || (rest.len() < text.len() && text.contains(is_blank));
        let is_apart = is_behind_word || core_is_apart(core, text);
        self.unit = rest;
        let is_unit = units::is_currency(rest) || units::is_known(rest) || (is_apart && units::is_plausible(rest));
        (is_unit && (front.currency.is_empty() || units::is_rate(rest))).then_some(())
    }
}

/// White space was trimmed between the digits and what follows: where it was, they lie apart in memory.
fn core_is_apart(core: &str, behind: &str) -> bool {
    core.as_ptr().addr() + core.len() < behind.as_ptr().addr()
}

/// Bytes of digits and separators, each of which has a digit behind it.
fn core_len(text: &str) -> usize {
    let mut end = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c.is_ascii_digit() {
            end = at + 1;
            continue;
        }
        let is_separator = matches!(c, '.' | ',') || is_group_mark(c);
        if !is_separator || !chars.peek().is_some_and(|(_, next)| next.is_ascii_digit()) {
            break;
        }
    }
    let bytes = text.as_bytes();
    if matches!(bytes.get(end), Some(b'e' | b'E')) && end > 0 {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        let rest = bytes.get(end + 1 + sign..).unwrap_or_default();
        let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if (1..=4).contains(&n_digits) && n_digits == rest.len() {
            return bytes.len();
        }
    }
    end
}

/// The digits by their notation; whether they look like a phone number's.
fn number(core: &str, glyph: Option<&str>, sign: Option<char>, notation: Notation) -> Option<(Numeral, bool)> {
    let (decimal, grouping) = match notation {
        Notation::Point => ('.', ','),
        Notation::Comma => (',', '.'),
    };
    let (core, exponent) = core.find(['e', 'E']).and_then(|at| core.split_at_checked(at)).unwrap_or((core, ""));
    let (whole, fraction) = core.split_once(decimal).unwrap_or((core, ""));
    let mut mark = None;
    let mut ascii = String::with_capacity(core.len() + 8);
    // A plus may be a phone number's; a sign that stands apart or before a grouped number is not.
    let n_digits = whole.bytes().filter(u8::is_ascii_digit).count();
    if sign == Some('+') && fraction.is_empty() && n_digits >= 7 {
        return None;
    }
    let mut groups = whole.split(|c| {
        let splits = c == grouping || is_group_mark(c);
        if splits && mark.is_none() {
            mark = Some(c);
        }
        splits && mark == Some(c)
    });
    let lead = groups.next()?;
    let groups: Vec<&str> = groups.collect();
    if !groups.is_empty() {
        let is_indian =
            mark == Some(',') && groups.iter().rev().skip(1).all(|group| group.len() == 2) && lead.len() <= 2;
        let is_thousands = groups.iter().all(|group| group.len() == 3);
        let ends_right = groups.last().is_some_and(|group| group.len() == 3);
        if !ends_right || !(is_thousands || is_indian) || !(1..=3).contains(&lead.len()) || lead.starts_with('0') {
            return None;
        }
    }
    ascii.push_str(lead);
    for group in &groups {
        ascii.push_str(group);
    }
    let fraction = match (fraction.is_empty(), glyph) {
        (true, Some(glyph)) => glyph,
        (false, Some(_)) => return None,
        (_, None) => fraction,
    };
    if ascii.is_empty() {
        ascii.push('0');
    }
    if !fraction.is_empty() {
        ascii.push('.');
        ascii.push_str(fraction);
    }
    ascii.push_str(exponent);
    let is_phone_like =
        mark.is_some_and(|c| c == ' ' || c == '\u{A0}') && groups.len() == 2 && lead.len() == 3 && fraction.is_empty();
    match numeral(ascii.as_bytes())? {
        Numeral::Code => None,
        numeral @ (Numeral::Plain { .. } | Numeral::Float(_)) => Some((numeral, is_phone_like)),
    }
}

fn negative(numeral: Numeral) -> Numeral {
    match numeral {
        Numeral::Plain { mantissa, scale } => Numeral::Plain { mantissa: -mantissa, scale },
        Numeral::Float(float) => Numeral::Float(-float),
        Numeral::Code => Numeral::Code,
    }
}

/// Times ten to a power.
fn shifted(numeral: Numeral, power: u8) -> Option<Numeral> {
    match numeral {
        _ if power == 0 => Some(numeral),
        Numeral::Plain { mantissa, scale } => {
            if let Some(scale) = scale.checked_sub(power) {
                return Some(Numeral::Plain { mantissa, scale });
            }
            let mantissa = Numeral::Plain { mantissa, scale: 0 }.scaled(power.checked_sub(scale)?)?;
            Some(Numeral::Plain { mantissa, scale: 0 })
        }
        Numeral::Float(float) => Some(Numeral::Float(float * 10_f64.powi(power.into()))),
        Numeral::Code => None,
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}' | '\u{2060}' | '\u{FEFF}')
}

/// What stands between groups of three digits, in any notation: blanks of any width, and apostrophes.
fn is_group_mark(c: char) -> bool {
    matches!(c, ' ' | '\u{A0}' | '\u{2009}' | '\u{202F}' | '\u{2007}' | '\'' | '\u{2019}' | '\u{2BC}')
}

/// Hyphens and dashes that stand for a minus, and the sign itself.
fn is_minus(c: char) -> bool {
    matches!(c, '-' | '\u{2212}' | '\u{2010}' | '\u{2011}' | '\u{2012}' | '\u{2013}' | '\u{FE63}' | '\u{FF0D}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value, its unit, and `*` where it is marked.
    fn check(text: &str, notation: Notation, expect: &str) {
        let found = quantity(text, notation).map_or_else(
            || "none".to_owned(),
            |found| {
                let value = found.numeral.as_double().unwrap();
                let mark = if found.manner.is_marked { "*" } else { "" };
                format!("{value}{mark} {}", found.unit).trim_end().to_owned()
            },
        );
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn separators_are_those_of_the_notation() {
        for text in
            ["1,234,567", "1 234 567", "1'234'567", "1’234’567", "1\u{A0}234\u{202F}567", "1\u{202F}234\u{202F}567"]
        {
            let expect = if text.contains('\u{A0}') { "none" } else { "1234567" };
            check(text, Notation::Point, expect);
        }
        check("12,34,567.50", Notation::Point, "1234567.5");
        check("1.234.567,89", Notation::Comma, "1234567.89");
        check("1 234,5", Notation::Comma, "1234.5");
        check("1'234.50", Notation::Point, "1234.5");
        check("0,5", Notation::Comma, "0.5");
        check(",5", Notation::Comma, "0.5");
        check("1,115", Notation::Comma, "1.115");
        check("1.5e3", Notation::Point, "1500");
        for text in ["1,23", "0,115", "1.234,5", "2008 1", "1 2345", "12 34 567"] {
            check(text, Notation::Point, "none");
        }
        for text in ["1.23", "1,234.5", "1,234,567"] {
            check(text, Notation::Comma, "none");
        }
    }

    #[test]
    fn signs_stand_before_behind_and_around() {
        for text in [
            "-1,200",
            "−1,200",
            "–1,200",
            "- 1,200",
            "(1,200)",
            "1,200-",
            "1,200 −",
            "($1,200)",
            "-$1,200",
            "$-1,200",
            "$(1,200)",
        ] {
            let unit = if text.contains('$') { " $" } else { "" };
            check(text, Notation::Point, &format!("-1200{unit}"));
        }
        check("+ 3.13", Notation::Point, "3.13");
        check("+2.5%", Notation::Point, "2.5 %");
    }

    #[test]
    fn units_and_currencies_are_told_from_the_number() {
        check("€1.50", Notation::Point, "1.5 €");
        check("1.234,50 €", Notation::Comma, "1234.5 €");
        check("USD 12", Notation::Point, "12 USD");
        check("12 EUR", Notation::Point, "12 EUR");
        check("R$ 5", Notation::Point, "5 R$");
        check("12,-", Notation::Point, "12");
        check("45.5%", Notation::Point, "45.5 %");
        check("45,5 %", Notation::Comma, "45.5 %");
        check("12 km", Notation::Point, "12 km");
        check("12km", Notation::Point, "12 km");
        check("20 °C", Notation::Point, "20 °C");
        check("3 km²", Notation::Point, "3 km²");
        check("7 boxes", Notation::Point, "7 boxes");
        check("14½", Notation::Point, "14.5");
        check("$3.2/kg", Notation::Point, "3.2 $");
    }

    #[test]
    fn scale_words_multiply_exactly() {
        check("3.2M", Notation::Point, "3200000");
        check("$3.2m", Notation::Point, "3200000 $");
        check("3.2 m", Notation::Point, "3.2 m");
        check("74K", Notation::Point, "74000");
        check("1.25 billion", Notation::Point, "1250000000");
        check("1,5 Mio. €", Notation::Comma, "1500000 €");
        check("2 Mrd", Notation::Comma, "2000000000");
        check("3 lakh", Notation::Point, "300000");
    }

    #[test]
    fn marks_are_taken_off() {
        for text in
            ["12*", "12†", "12 *", "*12*", "12[a]", "12 [1]", "12(?)", "12?", "12¹", "12 (est.)", "=12", "12=", "12."]
        {
            check(text, Notation::Point, "12*");
        }
        for text in ["<12", "> 12", "~12", "±12", "about 12", "ca. 12", "12+"] {
            check(text, Notation::Point, "12*");
        }
        check("19.8A", Notation::Point, "19.8*");
    }

    #[test]
    fn what_names_something_is_no_number() {
        for text in [
            "A1",
            "12A",
            "4b",
            "1-2",
            "1.2.3",
            "192.168.1.1",
            "5a",
            "7/8",
            "12 (45)",
            "007 km",
            "+49 151 1234567",
            "555-1234",
            "12 March",
            "10 am",
            "3:45",
            "1st",
            "B-12",
            "12-34",
            "1,2,3",
            "v2",
            "#5",
            "12 345 A7",
            "",
            "-",
            "km",
            "½a",
            "0x1F",
            "12,",
            "1..2",
            "1--",
        ] {
            let expect = if text == "12," { "12*" } else { "none" };
            check(text, Notation::Point, expect);
        }
    }
}
