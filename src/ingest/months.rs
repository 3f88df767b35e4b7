//! Names of months and weekdays in the languages that sheets come in.

use chrono::Weekday;

/// Whole names, month by month: English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish and Danish, Polish
/// (as written in a date). Short forms are what begins like the names of one month only.
const MONTHS: [&[&str]; 12] = [
    &["january", "januar", "jänner", "janvier", "enero", "gennaio", "janeiro", "januari", "stycznia"],
    &["february", "februar", "februari", "février", "fevrier", "febrero", "febbraio", "fevereiro", "lutego"],
    &["march", "märz", "maerz", "mars", "marzo", "março", "marco", "maart", "mrt", "marts", "marca"],
    &["april", "avril", "abril", "aprile", "kwietnia"],
    &["may", "mai", "mayo", "maggio", "maio", "mei", "maj", "maja"],
    &["june", "juni", "juin", "junio", "giugno", "junho", "czerwca"],
    &["july", "juli", "juillet", "julio", "luglio", "julho", "lipca"],
    &["august", "août", "aout", "agosto", "augustus", "augusti", "sierpnia"],
    &["september", "septembre", "septiembre", "setiembre", "settembre", "setembro", "września"],
    &["october", "oktober", "octobre", "octubre", "ottobre", "outubro", "października"],
    &["november", "novembre", "noviembre", "novembro", "listopada"],
    &["december", "dezember", "décembre", "decembre", "diciembre", "dicembre", "dezembro", "grudnia"],
];

const WEEKDAYS: [&[&str]; 7] = [
    &[
        "monday",
        "montag",
        "lundi",
        "lunes",
        "lunedì",
        "lunedi",
        "segunda",
        "segunda-feira",
        "maandag",
        "måndag",
        "mandag",
    ],
    &[
        "tuesday",
        "dienstag",
        "mardi",
        "martes",
        "martedì",
        "martedi",
        "terça",
        "terça-feira",
        "dinsdag",
        "tisdag",
        "tirsdag",
    ],
    &[
        "wednesday",
        "mittwoch",
        "mercredi",
        "miércoles",
        "mercoledì",
        "mercoledi",
        "quarta",
        "quarta-feira",
        "woensdag",
        "onsdag",
    ],
    &[
        "thursday",
        "donnerstag",
        "jeudi",
        "jueves",
        "giovedì",
        "giovedi",
        "quinta",
        "quinta-feira",
        "donderdag",
        "torsdag",
    ],
    &["friday", "freitag", "vendredi", "viernes", "venerdì", "venerdi", "sexta", "sexta-feira", "vrijdag", "fredag"],
    &["saturday", "samstag", "sonnabend", "samedi", "sábado", "sabado", "sabato", "zaterdag", "lördag", "lørdag"],
    &["sunday", "sonntag", "dimanche", "domingo", "domenica", "zondag", "söndag", "søndag"],
];

const DAYS: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];

/// The month that a word names, 1 to 12: whole, or by three letters and more that begin no other.
pub(super) fn month(word: &str) -> Option<u32> {
    let idx = named(word, &MONTHS, 3)?;
    u32::try_from(idx).ok().map(|idx| idx + 1)
}

/// The day that a word names: whole, or by two letters and more that begin no other.
pub(super) fn weekday(word: &str) -> Option<Weekday> {
    DAYS.get(named(word, &WEEKDAYS, 2)?).copied()
}

fn named(word: &str, names: &[&[&str]], n_least: usize) -> Option<usize> {
    let word = word.strip_suffix('.').unwrap_or(word);
    if !(n_least..=14).contains(&word.len()) || !word.starts_with(char::is_alphabetic) {
        return None;
    }
    let lower = word.to_lowercase();
    let whole = names.iter().position(|names| names.contains(&lower.as_str()));
    let begins = |names: &&[&str]| names.iter().any(|name| name.starts_with(&lower));
    let short = || {
        let mut matching = names.iter().enumerate().filter(|(_, names)| begins(names)).map(|(idx, _)| idx);
        let only = matching.next().filter(|_| lower.chars().count() >= n_least)?;
        matching.next().is_none().then_some(only)
    };
    // `sept` has four letters in every language that has it.
    whole.or_else(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_by_name_and_by_short_form() {
        let check = |words: &[&str], expect: Option<u32>| {
            for word in words {
                assert_eq!(month(word), expect, "{word}");
            }
        };
        check(&["January", "JAN", "Jan.", "jänner", "janvier", "ene", "gennaio", "januari"], Some(1));
        check(&["März", "mar", "Mrt", "março", "maart", "MARS"], Some(3));
        check(&["mai", "May", "mei", "maj"], Some(5));
        check(&["juin", "Jun", "giu", "Juni"], Some(6));
        check(&["juil", "juillet", "lug", "JUL"], Some(7));
        check(&["août", "ago", "Aug"], Some(8));
        check(&["sept", "Sep", "set", "settembre"], Some(9));
        check(&["okt", "oct", "ott", "out"], Some(10));
        check(&["déc", "dez", "dic", "Dec"], Some(12));
        check(&["jui", "ju", "ma", "marks", "", "total", "j"], None);
    }

    #[test]
    fn weekdays_are_known_too() {
        assert_eq!(
            ["Mon", "Mo", "lundi", "Sat.", "zondag"].map(weekday),
            [Some(Weekday::Mon), Some(Weekday::Mon), Some(Weekday::Mon), Some(Weekday::Sat), Some(Weekday::Sun)]
        );
        assert_eq!(["m", "man5", "total"].map(weekday), [None, None, None]);
    }
}
