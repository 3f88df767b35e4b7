//! What looks like numbers and may be names: sizes, classes, house numbers, bounds, codes with an `E`.

use super::units;

/// Counts over the numbers of one column.
#[derive(Debug, Clone, Default)]
pub(super) struct Guise {
    /// Digits with one letter for a power of ten right behind: `12M`.
    n_letter: u64,
    letter: Option<char>,
    /// Whether something says that the letters are powers of ten: another letter, decimals, a currency, other numbers.
    has_magnitude: bool,
    /// Numbers with a word or letter behind them that is no known unit, and those with a known one.
    n_unknown: u64,
    n_known: u64,
    /// Whether some number has decimals or grouped digits.
    has_marks: bool,
    /// `1E5`: a whole mantissa, and behind it one digit or two without a sign.
    n_exponent: u64,
    /// `18+`, `<5`.
    n_bound: u64,
    /// `+2500000`, and whether there are signed numbers that are no phone number's.
    n_plus: u64,
    is_signed: bool,
}

/// Most digits behind a plus that may be a number's.
const PLUS_DIGITS: usize = 12;

/// Letters that are units only where the column's name or decimals say so.
const LETTERS: [&str; 7] = ["A", "V", "W", "K", "C", "F", "L"];

/// Words of a name that say: its numbers measure or count something.
const MEASURES: [&str; 54] = [
    "weight",
    "mass",
    "length",
    "height",
    "width",
    "depth",
    "distance",
    "size",
    "area",
    "volume",
    "speed",
    "amount",
    "quantity",
    "qty",
    "count",
    "stock",
    "price",
    "cost",
    "total",
    "population",
    "capacity",
    "age",
    "duration",
    "time",
    "temperature",
    "temp",
    "power",
    "voltage",
    "current",
    "watt",
    "volt",
    "ampere",
    "rate",
    "density",
    "dose",
    "yield",
    "range",
    "gewicht",
    "länge",
    "höhe",
    "breite",
    "fläche",
    "menge",
    "anzahl",
    "preis",
    "dauer",
    "leistung",
    "spannung",
    "strom",
    "poids",
    "quantité",
    "cantidad",
    "units",
    "score",
];

impl Guise {
    /// Takes in a number. `unit`: what stands beside it, empty where nothing does.
    pub(super) fn add(&mut self, text: &str, unit: &str) {
        let n_digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let behind = text.get(n_digits..).unwrap_or_default();
        let mut letters = behind.trim_start().chars();
        let letter = letters.next().filter(|c| n_digits > 0 && matches!(c, 'k' | 'K' | 'M' | 'B'));
        if unit.is_empty() && letter.is_some() && letters.next().is_none() {
            self.has_magnitude |= self.letter.is_some() && self.letter != letter;
            self.letter = letter;
            self.n_letter += 1;
        } else {
            self.has_magnitude |= units::is_currency(unit) || n_digits >= 3;
        }
        let has_marks = text.contains(['.', ',']);
        self.has_marks |= has_marks;
        self.has_magnitude |= has_marks;
        if units::is_known(unit) && !LETTERS.contains(&unit) || units::is_currency(unit) {
            self.n_known += 1;
        } else if !unit.is_empty() {
            self.n_unknown += 1;
        }
        let power = behind.strip_prefix(['e', 'E']).filter(|_| n_digits > 0);
        self.n_exponent +=
            u64::from(power.is_some_and(|it| it.len() < 3 && it.bytes().all(|byte| byte.is_ascii_digit())));
        self.n_bound += u64::from(text.ends_with('+') || text.starts_with(['<', '>', '≤', '≥']));
        self.is_signed |= text.starts_with(['-', '+', '\u{2212}']);
    }

    /// Takes in digits that name something.
    pub(super) fn add_code(&mut self, text: &str) {
        let digits = text.strip_prefix('+').unwrap_or_default();
        self.n_plus += u64::from(!digits.is_empty() && digits.len() <= PLUS_DIGITS && !digits.starts_with('0'));
    }

    /// Of the codes, what is a number with its sign: others of the column have one, and are too short for phones.
    pub(super) fn n_signed(&self) -> u64 {
        if self.is_signed { self.n_plus } else { 0 }
    }

    /// Whether letters for powers of ten were believed.
    pub(super) fn is_scaled(&self) -> bool {
        self.n_letter > 0
    }

    /// Whether each number is like `1E5`.
    pub(super) fn is_of_exponents(&self, n_values: u64) -> bool {
        self.n_exponent == n_values && n_values > 1
    }

    /// Whether most values are bounds, whose sign is half of what they say.
    pub(super) fn is_of_bounds(&self, n_values: u64) -> bool {
        self.n_bound * 2 > n_values && n_values > 1
    }

    /// Whether what stands behind the digits is as likely a name's as a quantity's.
    pub(super) fn is_of_names(&self, name: &str, unit: &str, n_number: u64) -> bool {
        let is_of_letters = self.n_letter * 2 > n_number && !self.has_magnitude;
        is_of_letters || (self.n_unknown * 2 > n_number && !self.measures(name, unit))
    }

    fn measures(&self, name: &str, unit: &str) -> bool {
        let is_capital = unit.len() == 1 && unit.starts_with(|c: char| c.is_ascii_uppercase());
        let lower = name.to_lowercase();
        let mut words = lower.split(|c: char| !c.is_alphanumeric());
        let is_named = words.any(|word| MEASURES.contains(&word) || (word.len() > 1 && units::same(word, unit)));
        (self.has_marks || is_named || self.n_known > 0) && (!is_capital || LETTERS.contains(&unit))
    }
}
