//! Whether a question means the time when it is asked.

/// Words that say so by themselves, in some languages.
const ALONE: &[&str] = &[
    "ago",
    "current",
    "currently",
    "now",
    "overdue",
    "recent",
    "recently",
    "today",
    "tomorrow",
    "upcoming",
    "yesterday",
    "ytd",
    "aktuell",
    "aktuelle",
    "aktuellen",
    "bisher",
    "gestern",
    "heute",
    "jetzt",
    "morgen",
    "actuel",
    "actuellement",
    "aujourd",
    "demain",
    "hier",
    "actual",
    "actualmente",
    "ayer",
    "hoy",
    "mañana",
];
/// Words that say so near a stretch of time.
const NEAR: &[&str] = &[
    "last",
    "next",
    "past",
    "previous",
    "this",
    "coming",
    "dieser",
    "dieses",
    "diesem",
    "diesen",
    "letzte",
    "letzten",
    "letzter",
    "letztes",
    "letztem",
    "nächste",
    "nächsten",
    "nächstes",
    "vergangenen",
    "vorigen",
    "ce",
    "cette",
    "dernier",
    "dernière",
    "derniers",
    "dernières",
    "prochain",
    "prochaine",
    "este",
    "esta",
    "pasado",
    "pasada",
    "último",
    "última",
    "últimos",
    "últimas",
    "próximo",
    "próxima",
];
/// What the names of stretches of time begin with.
const STRETCHES: &[&str] = &[
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "hour",
    "fortnight",
    "decade",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "tag",
    "woche",
    "monat",
    "quartal",
    "jahr",
    "jour",
    "semaine",
    "mois",
    "trimestre",
    "année",
    "día",
    "semana",
    "mes",
    "año",
];

/// Such a question gets the date, and its answer holds for the day only.
pub(super) fn is_of_today(question: &str) -> bool {
    let folded = question.to_lowercase();
    let words: Vec<&str> = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_stretch = |word: &&str| STRETCHES.iter().any(|it| word.starts_with(it));
    // "Last three months", "le mois dernier".
    let near = words.windows(3).chain((words.len() == 2).then_some(words.as_slice()));
    words.iter().any(|word| ALONE.contains(word))
        || near.into_iter().any(|run| run.iter().any(|word| NEAR.contains(word)) && run.iter().any(is_stretch))
}

#[cfg(test)]
mod tests {
    use super::is_of_today;

    #[test]
    fn only_questions_about_the_time_they_are_asked_at_are_of_today() {
        for question in [
            "What did we sell last month?",
            "orders of the last three weeks",
            "Last year",
            "Which invoices are overdue?",
            "Wie viel Umsatz im letzten Quartal?",
            "Ventes du mois dernier",
            "How many days ago was the latest order?",
            "sales this Friday",
        ] {
            assert!(is_of_today(question), "{question}");
        }
        for question in [
            "What is the last name of the oldest player?",
            "Which month had most sales in 2024?",
            "How much pasta was sold?",
            "What did each region sell per year?",
            "How many rows does this sheet have?",
            "Who came in last place in the 1998 season?",
        ] {
            assert!(!is_of_today(question), "{question}");
        }
    }
}
