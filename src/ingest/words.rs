//! Words that stand for a truth value or for a missing one.

/// Pairs of words for true and false, by language; the first needs no partner to be believed.
const PAIRS: [(&str, &str); 22] = [
    ("true", "false"),
    ("yes", "no"),
    ("y", "n"),
    ("t", "f"),
    ("ja", "nein"),
    ("j", "n"),
    ("ja", "nee"),
    ("ja", "nej"),
    ("oui", "non"),
    ("sí", "no"),
    ("si", "no"),
    ("sim", "não"),
    ("wahr", "falsch"),
    ("vrai", "faux"),
    ("verdadero", "falso"),
    ("vero", "falso"),
    ("tak", "nie"),
    ("sì", "no"),
    ("да", "нет"),
    ("✓", "✗"),
    ("✔", "✘"),
    ("kyllä", "ei"),
];

const NULL_WORDS: [&str; 41] = [
    "NA",
    "N/A",
    "#N/A",
    "N.A.",
    "N.A",
    "N/D",
    "ND",
    "N.D.",
    "NULL",
    "(NULL)",
    "<NA>",
    "NONE",
    "NIL",
    "NAN",
    "-",
    "--",
    "---",
    "- -",
    "\\N",
    "?",
    "??",
    ".",
    "*",
    "TBA",
    "TBD",
    "TBC",
    "UNKNOWN",
    "NOT AVAILABLE",
    "UNAVAILABLE",
    "DATA UNAVAILABLE",
    "NO DATA",
    "NOT APPLICABLE",
    "MISSING",
    "K.A.",
    "K. A.",
    "KEINE ANGABE",
    "S/O",
    "S.O.",
    "N/K",
    "#VALUE!",
    "#DIV/0!",
];

/// A truth value that a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Truth {
    pub(super) value: bool,
    /// The pairs that it is one of, as bits.
    pub(super) pairs: u32,
}

/// The pairs that mean a truth value even where a column has only one of the two.
pub(super) const CERTAIN: u32 = 1;

/// The pairs whose words are no codes of languages or countries: `true`, `yes`, `y`, `t`, `ja` and `nein`, `oui`.
pub(super) const PLAIN: u32 = 0b1_0001_1111;

pub(super) fn truth(text: &str) -> Option<Truth> {
    if text.len() > 10 || text.is_empty() {
        return None;
    }
    let is = |word: &str| {
        text.eq_ignore_ascii_case(word) || (!text.is_ascii() && text.len() == word.len() && text.to_lowercase() == word)
    };
    let pairs = |of: fn(&(&'static str, &'static str)) -> &'static str| {
        (0..).zip(&PAIRS).filter(|(_, pair)| is(of(pair))).fold(0, |bits, (idx, _)| bits | (1 << idx))
    };
    match (pairs(|pair| pair.0), pairs(|pair| pair.1)) {
        (0, 0) => None,
        (0, pairs) => Some(Truth { value: false, pairs }),
        (pairs, _) => Some(Truth { value: true, pairs }),
    }
}

/// Words and signs that stand for a missing value, in columns that are not text.
pub(super) fn is_null_word(text: &str) -> bool {
    text.len() <= 20
        && (NULL_WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
            || matches!(text, "–" | "—" | "―" | "−" | "‒" | "──" | ".." | "..." | "…" | "†" | "‡" | "**" | "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_has_a_word_in_each_language() {
        let check =
            |text: &str, expect: Option<bool>| assert_eq!(truth(text).map(|truth| truth.value), expect, "{text}");
        for text in ["true", "TRUE", "yes", "Ja", "oui", "Sí", "SIM", "y"] {
            check(text, Some(true));
        }
        for text in ["false", "no", "NEIN", "non", "NÃO", "n"] {
            check(text, Some(false));
        }
        for text in ["1", "0", "", "yess", "x", "ok"] {
            check(text, None);
        }
        let pairs = |text| truth(text).map_or(0, |truth| truth.pairs);
        assert_ne!(pairs("yes") & pairs("no"), 0);
        assert_eq!(pairs("oui") & pairs("no"), 0);
    }
}
