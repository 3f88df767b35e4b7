//! Names of columns whose digits name something, and of those whose digits count the rows.

/// Whole words of a name that say: what stands below is a code, whatever it looks like.
const CODES: [&str; 35] = [
    "phone",
    "telephone",
    "tel",
    "telefon",
    "telefono",
    "teléfono",
    "téléphone",
    "telefone",
    "telefoon",
    "fax",
    "zip",
    "zipcode",
    "postcode",
    "postal",
    "plz",
    "postleitzahl",
    "cep",
    "iban",
    "bic",
    "ssn",
    "isbn",
    "issn",
    "ean",
    "gtin",
    "upc",
    "barcode",
    "imei",
    "sku",
    "npi",
    "cusip",
    "isin",
    "fips",
    "version",
    "uuid",
    "guid",
];

/// Names that head the numbers of the rows.
const COUNTERS: [&str; 14] =
    ["#", "no", "no.", "num", "nr", "nr.", "n°", "nº", "№", "rank", "place", "pos", "draw", "row"];

/// Words of a name that say: two numbers with a colon are minutes and seconds.
const LENGTHS: [&str; 22] = [
    "duration",
    "length",
    "runtime",
    "running",
    "lap",
    "laps",
    "split",
    "pace",
    "elapsed",
    "min",
    "mins",
    "minutes",
    "ss",
    "dauer",
    "länge",
    "laufzeit",
    "durée",
    "duración",
    "durata",
    "duração",
    "duur",
    "spieldauer",
];

/// Words of a name that say: they are hours and minutes.
const HOURS: [&str; 9] = ["hours", "hrs", "hh", "h", "stunden", "std", "heures", "horas", "ore"];

/// Words of a name that say: they are a time of day.
const TIMES: [&str; 16] = [
    "time",
    "departure",
    "arrival",
    "start",
    "end",
    "opens",
    "closes",
    "kickoff",
    "uhrzeit",
    "uhr",
    "zeit",
    "heure",
    "hora",
    "ora",
    "tijd",
    "depart",
];

/// Words of a name that say: two letters stand for a language or a country.
const LANGUAGES: [&str; 14] = [
    "lang",
    "language",
    "languages",
    "sprache",
    "langue",
    "idioma",
    "lingua",
    "taal",
    "country",
    "land",
    "code",
    "iso",
    "locale",
    "region",
];

/// Words of a name that say: eight digits are a date.
const DATES: [&str; 26] = [
    "date", "dates", "day", "dt", "datum", "tag", "dato", "fecha", "data", "jour", "dag", "yyyymmdd", "ymd", "birth",
    "birthday", "born", "dob", "start", "end", "since", "until", "from", "to", "valid", "due", "created",
];

/// What two numbers with a colon between them are, where a column's name says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Pair {
    /// As of a clock, or a number of them.
    #[default]
    HoursAndMinutes,
    MinutesAndSeconds,
}

/// What the pairs of a column of this name last, if it says that they last.
pub(super) fn names_a_duration(name: &str) -> Option<Pair> {
    if has_word(name, &HOURS) {
        return Some(Pair::HoursAndMinutes);
    }
    has_word(name, &LENGTHS).then_some(Pair::MinutesAndSeconds)
}

/// Whether a column of this name holds times of day.
pub(super) fn names_a_time(name: &str) -> bool {
    has_word(name, &TIMES)
}

/// Whether a column of this name may hold the short forms of languages or countries.
pub(super) fn names_languages(name: &str) -> bool {
    has_word(name, &LANGUAGES)
}

/// Whether a column of this name holds dates.
pub(super) fn names_a_date(name: &str) -> bool {
    has_word(name, &DATES) || name.to_lowercase().ends_with("date") || name.to_lowercase().ends_with("datum")
}

fn has_word(name: &str, words: &[&str]) -> bool {
    let lower = name.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

/// Whether a column of this name holds codes.
pub(super) fn names_codes(name: &str) -> bool {
    has_word(name, &CODES)
}

/// Whether a column of this name numbers the rows.
pub(super) fn names_a_counter(name: &str) -> bool {
    COUNTERS.contains(&name.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_by_the_words_of_their_names() {
        for name in ["Phone", "phone_number", "ZIP Code", "Tel.", "PLZ"] {
            assert!(names_codes(name), "{name}");
        }
        for name in ["zipped", "price", "telescope", "recap", "n", "cells"] {
            assert!(!names_codes(name), "{name}");
        }
        assert!(names_a_counter(" No. ") && names_a_counter("#") && !names_a_counter("number of items"));
    }
}
