//! Words and signs that stand beside a number: currencies, scale words, units, qualifiers.

use super::months::{month, weekday};

/// Signs and short forms of currencies, longer ones first where one begins like another.
const SIGNS: [&str; 45] = [
    "US$", "AU$", "NZ$", "HK$", "NT$", "R$", "A$", "C$", "S$", "Rs.", "Rs", "kr.", "kr", "Kr", "zł", "Kč", "Ft", "Fr.",
    "лв", "руб.", "руб", "р.", "元", "円", "원", "$", "€", "£", "¥", "￥", "₹", "₽", "₩", "₺", "₴", "₫", "₪", "₱", "₦",
    "฿", "¢", "₡", "₲", "₸", "₵",
];

/// ISO 4217 codes of what is traded most.
const CODES: [&str; 40] = [
    "USD", "EUR", "GBP", "JPY", "CNY", "CHF", "CAD", "AUD", "NZD", "SEK", "NOK", "DKK", "ISK", "PLN", "CZK", "HUF",
    "RON", "BGN", "TRY", "RUB", "UAH", "INR", "PKR", "BRL", "MXN", "ARS", "CLP", "COP", "ZAR", "NGN", "KES", "EGP",
    "ILS", "AED", "SAR", "SGD", "HKD", "KRW", "THB", "IDR",
];

/// Units that may stand right behind the digits.
const UNITS: [&str; 83] = [
    "%", "٪", "‰", "°", "°C", "°F", "º", "′", "″", "\"", "pp", "pct", "bps", "km", "m", "cm", "mm", "µm", "nm", "mi",
    "ft", "in", "yd", "nmi", "km²", "km2", "m²", "m2", "m³", "m3", "cm²", "cm³", "sqm", "sqft", "ha", "ac", "kg", "g",
    "mg", "µg", "t", "lb", "lbs", "oz", "l", "ml", "cl", "hl", "L", "mL", "km/h", "kmh", "kph", "mph", "m/s", "kn",
    "s", "ms", "sec", "min", "mins", "h", "hr", "hrs", "V", "kV", "mA", "W", "kW", "MW", "GW", "kWh", "MWh", "GWh",
    "TWh", "Hz", "kHz", "MHz", "GHz", "GB", "MB", "TB", "x",
];

/// Words before a number that make it less certain.
const QUALIFIERS: [&str; 18] = [
    "about",
    "around",
    "approx",
    "approx.",
    "approximately",
    "ca",
    "ca.",
    "c.",
    "circa",
    "est.",
    "over",
    "under",
    "nearly",
    "almost",
    "env.",
    "environ",
    "etwa",
    "rund",
];

/// Powers of ten by word, and by letters whose case matters. A lone `m` is metres, or million behind a currency.
const SCALES: [(&str, u8); 32] = [
    ("thousand", 3),
    ("tausend", 3),
    ("tsd", 3),
    ("mille", 3),
    ("mil", 3),
    ("million", 6),
    ("millions", 6),
    ("millionen", 6),
    ("mio", 6),
    ("mln", 6),
    ("mn", 6),
    ("mill", 6),
    ("millón", 6),
    ("millones", 6),
    ("milhão", 6),
    ("milhões", 6),
    ("milione", 6),
    ("milioni", 6),
    ("miljoen", 6),
    ("milliard", 9),
    ("milliards", 9),
    ("milliarden", 9),
    ("miljard", 9),
    ("miliardi", 9),
    ("mrd", 9),
    ("mld", 9),
    ("billion", 9),
    ("billions", 9),
    ("bn", 9),
    ("trillion", 12),
    ("lakh", 5),
    ("crore", 7),
];

pub(super) fn is_currency(text: &str) -> bool {
    SIGNS.contains(&text) || CODES.contains(&text)
}

/// Bytes of the currency that the text starts with.
pub(super) fn currency_before(text: &str) -> Option<usize> {
    let letters = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    if text.get(..letters).is_some_and(|word| CODES.contains(&word)) {
        return Some(letters);
    }
    let sign = SIGNS.iter().find(|sign| text.starts_with(**sign))?;
    // `krone 5` and `Rsx` begin like a sign, and are none.
    let behind = text.get(sign.len()..)?;
    let is_whole = !sign.ends_with(char::is_alphabetic) || !behind.starts_with(char::is_alphabetic);
    is_whole.then_some(sign.len())
}

pub(super) fn is_qualifier(word: &str) -> bool {
    QUALIFIERS.iter().any(|qualifier| word.eq_ignore_ascii_case(qualifier))
}

/// A unit that is known, or so much for each of one.
pub(super) fn is_known(text: &str) -> bool {
    UNITS.contains(&text) || is_rate(text)
}

/// `/kg`, `per month`: what a price is for.
pub(super) fn is_rate(text: &str) -> bool {
    let per = text.strip_prefix('/').or_else(|| text.strip_prefix("per ")).or_else(|| text.strip_prefix("p."));
    per.is_some_and(|unit| is_plausible(unit.trim_start()))
}

/// A word that may be a unit where they stand apart from the digits: `boxes`, `sq mi`, `people/km²`.
pub(super) fn is_plausible(text: &str) -> bool {
    const FRONTS: [&str; 8] = ["sq ", "sq. ", "square ", "cubic ", "cu ", "US ", "fl ", "per "];
    const NOT: [&str; 11] = ["am", "pm", "a.m.", "p.m.", "to", "of", "bc", "ad", "bce", "ce", "de"];
    let is_letter = |c: char| c.is_alphabetic() || matches!(c, '°' | '²' | '³' | 'µ' | '/' | '.' | '%' | '-' | '·');
    let front = FRONTS.iter().find_map(|front| text.strip_prefix(front)).unwrap_or(text).trim_start();
    let is_plain = front.chars().all(is_letter)
        || front.strip_suffix(['2', '3']).is_some_and(|front| front.chars().all(is_letter));
    let is_other = NOT.iter().any(|not| text.eq_ignore_ascii_case(not));
    is_plain
        && !is_other
        && front.chars().count() <= 24
        && text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '°' | '%' | 'µ' | '/'))
        && month(text).is_none()
        && weekday(text).is_none()
}

/// Whether both stand for the same: `km`, `Km.`; `year`, `years`.
pub(super) fn same(one: &str, other: &str) -> bool {
    let bare = |unit: &str| -> String {
        let unit = unit.trim_end_matches('.').to_lowercase();
        match unit.strip_suffix('s') {
            Some(singular) if singular.len() >= 3 => singular.to_owned(),
            _ => unit,
        }
    };
    one == other || bare(one) == bare(other)
}

/// The power of ten that the text starts with, and the rest behind it.
pub(super) fn scale(text: &str, is_money: bool) -> Option<(u8, &str)> {
    let n_word = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(n_word)?;
    let power = match word {
        "k" | "K" => 3,
        "M" => 6,
        "m" if is_money => 6,
        "B" | "b" if is_money || word == "B" => 9,
        "MM" if is_money => 6,
        _ => {
            let lower = word.to_lowercase();
            SCALES.iter().find(|(name, _)| *name == lower).map(|(_, power)| *power)?
        }
    };
    Some((power, rest.strip_prefix('.').unwrap_or(rest)))
}

/// The decimals of a fraction that is one character.
pub(super) fn glyph(c: char) -> Option<&'static str> {
    match c {
        '½' => Some("5"),
        '¼' => Some("25"),
        '¾' => Some("75"),
        '⅛' => Some("125"),
        '⅜' => Some("375"),
        '⅝' => Some("625"),
        '⅞' => Some("875"),
        _ => None,
    }
}
