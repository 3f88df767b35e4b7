//! Numbers as people write them: what a cell's text is worth, if it is a number at all.

/// A number that was written out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Numeral {
    /// At most 18 digits: `mantissa / 10^scale`.
    Plain { mantissa: i64, scale: u8 },
    /// An exponent, or more digits than a decimal has.
    Float(f64),
    /// Digits that name something: leading zeros, a phone number, 19 digits and more.
    Code,
}

/// Most digits of a plain number.
const MAX_DIGITS: usize = 18;

const POWERS: [i64; 19] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
    10_000_000_000_000,
    100_000_000_000_000,
    1_000_000_000_000_000,
    10_000_000_000_000_000,
    100_000_000_000_000_000,
    1_000_000_000_000_000_000,
];

impl Numeral {
    /// The number as `value * 10^scale`, where that is a whole number of at most 18 digits.
    pub(super) fn scaled(self, to: u8) -> Option<i64> {
        let Numeral::Plain { mantissa, scale } = self else { return None };
        let power = POWERS.get(usize::from(to.checked_sub(scale)?))?;
        mantissa.checked_mul(*power).filter(|scaled| scaled.unsigned_abs() < 1_000_000_000_000_000_000)
    }

    /// Whether its whole part is above 2^53, from where on doubles skip whole numbers.
    pub(super) fn is_beyond_doubles(self) -> bool {
        let Numeral::Plain { mantissa, scale } = self else { return false };
        let whole = POWERS.get(usize::from(scale)).map_or(0, |power| mantissa / power);
        whole.unsigned_abs() > 1 << 53
    }

    pub(super) fn as_double(self) -> Option<f64> {
        match self {
            Numeral::Plain { mantissa, scale } => {
                // Both are exact below 2^53 and 10^22, so that their quotient is rounded once (Clinger's fast path).
                if mantissa.unsigned_abs() < 1 << 53 {
                    return Some(double(mantissa) / double(*POWERS.get(usize::from(scale))?));
                }
                format!("{mantissa}e-{scale}").parse().ok()
            }
            Numeral::Float(float) => Some(float),
            Numeral::Code => None,
        }
    }
}

/// The nearest double.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "there is no `From` for it")]
pub(super) fn double(integer: i64) -> f64 {
    integer as f64
}

/// The double as an integer, where it is one that a double holds exactly.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the range is checked first")]
pub(super) fn integer(double: f64) -> Option<i64> {
    (double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0).then_some(double as i64)
}

/// The double as `value * 10^scale`, where it is the one nearest to such a decimal of at most 15 digits.
pub(super) fn scaled(number: f64, scale: u8) -> Option<i64> {
    let scaled = integer((number * double(*POWERS.get(usize::from(scale))?)).round())?;
    let back = Numeral::Plain { mantissa: scaled, scale }.as_double()?;
    (scaled.unsigned_abs() < 1_000_000_000_000_000 && back.to_bits() == number.to_bits()).then_some(scaled)
}

/// Reads a cell without surrounding white space.
pub(super) fn numeral(text: &[u8]) -> Option<Numeral> {
    let (sign, digits) = match text {
        [sign @ (b'-' | b'+'), digits @ ..] => (*sign, digits),
        // U+2212, the minus sign.
        [0xE2, 0x88, 0x92, digits @ ..] => (b'-', digits),
        digits => (b' ', digits),
    };
    let mut mantissa = 0_u64;
    let mut n_digits = 0_usize;
    let mut n_whole = None;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            n_digits += 1;
        } else if *byte == b'.' && n_whole.is_none() {
            n_whole = Some(n_digits);
        } else {
            return unusual(sign, digits);
        }
    }
    let whole = n_whole.unwrap_or(n_digits);
    if n_digits == 0 || n_whole == Some(n_digits) {
        return None;
    }
    // Zeros pad `08.25` to a width; those of `0825` may be what tells one code from another.
    let is_padded = whole > 1 && digits.first() == Some(&b'0');
    if n_whole.is_none() && (is_padded || n_digits > MAX_DIGITS || (sign == b'+' && n_digits >= 7)) {
        return Some(Numeral::Code);
    }
    if n_digits > MAX_DIGITS {
        return float(sign, digits);
    }
    let mantissa = i64::try_from(mantissa).ok()?;
    let scale = u8::try_from(n_digits - whole).ok()?;
    Some(Numeral::Plain { mantissa: if sign == b'-' { -mantissa } else { mantissa }, scale })
}

/// Whether a number is written with zeros in front that say nothing of its value.
pub(super) fn is_padded(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']).as_bytes();
    matches!(digits, [b'0', b'0'..=b'9', ..])
}

/// Whether a number could have one group of digits or three decimals behind this sign: `1,115`, but not `1,115.5` or
/// `1,115,000`.
pub(super) fn has_one_group(text: &str, sign: char) -> bool {
    text.split_once(sign).is_some_and(|(_, group)| group.len() == 3 && !group.contains([',', '.']))
}

/// Exponents and thousands separators.
fn unusual(sign: u8, digits: &[u8]) -> Option<Numeral> {
    if !digits.first()?.is_ascii_digit() && digits.first() != Some(&b'.') {
        return None;
    }
    if digits.contains(&b',') { grouped(sign, digits) } else { exponent(sign, digits) }
}

/// `1,115` and `12,345,678.90`: groups of three digits throughout.
fn grouped(sign: u8, digits: &[u8]) -> Option<Numeral> {
    let n_whole = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
    let (whole, fraction) = digits.split_at_checked(n_whole)?;
    if sign == b'+' || fraction.contains(&b',') {
        return None;
    }
    let mut joined = Vec::with_capacity(digits.len() + 1);
    joined.push(if sign == b'-' { b'-' } else { b'+' });
    for (group_idx, group) in whole.split(|byte| *byte == b',').enumerate() {
        let fits = if group_idx == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 };
        if !fits || !group.iter().all(u8::is_ascii_digit) || (group_idx == 0 && group.first() == Some(&b'0')) {
            return None;
        }
        joined.extend_from_slice(group);
    }
    joined.extend_from_slice(fraction);
    // A plus would be taken for that of a phone number.
    numeral(if sign == b'-' { &joined } else { joined.get(1..)? })
}

/// `1e5`, `6.02E+23`.
fn exponent(sign: u8, digits: &[u8]) -> Option<Numeral> {
    let at = digits.iter().position(|byte| matches!(byte, b'e' | b'E'))?;
    let (mantissa, power) = (digits.get(..at)?, digits.get(at + 1..)?);
    let power = match power {
        [b'-' | b'+', power @ ..] => power,
        power => power,
    };
    let plain = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let leading_zero = mantissa.len() > 1 && mantissa.first() == Some(&b'0') && mantissa.get(1) != Some(&b'.');
    if !plain(power) || power.len() > 4 || leading_zero || mantissa.last() == Some(&b'.') {
        return None;
    }
    if mantissa.iter().any(|byte| !byte.is_ascii_digit() && *byte != b'.') {
        return None;
    }
    // `1e999` is no number that a double holds.
    float(sign, digits).filter(|numeral| numeral.as_double().is_some_and(f64::is_finite))
}

fn float(sign: u8, digits: &[u8]) -> Option<Numeral> {
    let float: f64 = str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Numeral::Float(if sign == b'-' { -float } else { float }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: impl Into<Option<Numeral>>) {
        assert_eq!(numeral(text.as_bytes()), expect.into(), "{text}");
    }

    fn plain(mantissa: i64, scale: u8) -> Numeral {
        Numeral::Plain { mantissa, scale }
    }

    #[test]
    fn numbers_are_read_exactly() {
        check("0", plain(0, 0));
        check("-12", plain(-12, 0));
        check("\u{2212}12.50", plain(-1250, 2));
        check("+3.5", plain(35, 1));
        check(".5", plain(5, 1));
        check("0.5", plain(5, 1));
        check("08.25", plain(825, 2));
        check("1,115", plain(1115, 0));
        check("-12,345,678.90", plain(-1_234_567_890, 2));
        check("1,234,567", plain(1_234_567, 0));
        check("999999999999999999", plain(999_999_999_999_999_999, 0));
        check("1e5", Some(Numeral::Float(1e5)));
        check("-2.5E-3", Some(Numeral::Float(-2.5e-3)));
        check("0.1234567890123456789", Some(Numeral::Float(0.123_456_789_012_345_68)));
    }

    #[test]
    fn codes_are_not_numbers() {
        check("007", Some(Numeral::Code));
        check("+4915112345678", Some(Numeral::Code));
        check("1234567890123456789", Some(Numeral::Code));
    }

    #[test]
    fn what_is_not_plainly_a_number_is_none() {
        for text in [
            "", "-", ".", "1.", "1,11", "1,1115", ",115", "0,115", "115.5,3", "1.2.3", "12a", "e5", "1e", "nan",
            "1e999",
        ] {
            check(text, None);
        }
    }
}
