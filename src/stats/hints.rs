//! Where the words of a question occur among the values of text columns.

use serde::{Deserialize, Serialize};

use super::sql;
use crate::{
    engine::Engine,
    fault::Fault,
    name::{ColumnName, SheetName},
};

/// What to look for, and where.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Search {
    /// Runs of the question's words, folded, longest first.
    pub phrases: Vec<String>,
    pub columns: Vec<Place>,
}

/// A text column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Place {
    pub sheet: SheetName,
    pub column: String,
    /// Different values; over a bound only the same text is looked for, not a similar one.
    pub n_distinct: u64,
}

/// A stored value that the question may mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    pub words: String,
    pub sheet: SheetName,
    pub column: String,
    /// As it is stored.
    pub value: String,
    /// Letters to change; 0 where only the case differs.
    pub n_edits: u64,
}

/// Values that phrases are compared with letter by letter.
const MAX_COMPARED: u64 = 5_000;
/// Hints of one column.
const MAX_HINTS: u32 = 6;
/// Words that are looked for.
const MAX_PHRASES: usize = 80;
/// Characters of a phrase and of a value that is compared.
const MAX_CHARS: usize = 60;

/// The runs of up to `n_words` words in a question that are worth looking for.
pub fn phrases(question: &str, n_words: usize) -> Vec<String> {
    let words: Vec<String> = question
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '?' | '!' | '"' | '“' | '”' | '(' | ')'))
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '+' && c != '#').to_lowercase())
        .map(|word| word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).map(str::to_owned).unwrap_or(word))
        .filter(|word| !word.is_empty())
        .collect();
    let mut phrases = Vec::new();
    for n_run in (1..=n_words).rev() {
        for run in words.windows(n_run) {
            let phrase = run.join(" ");
            let n_chars = phrase.chars().count();
            let is_filler = n_run == 1 && (is_filler(&phrase) || n_chars < 2);
            if !is_filler && n_chars <= MAX_CHARS && !phrases.contains(&phrase) {
                phrases.push(phrase);
            }
        }
    }
    phrases.truncate(MAX_PHRASES);
    phrases
}

/// Whether a folded word is in questions of any kind.
pub fn is_filler(word: &str) -> bool {
    FILLER.contains(&word)
}

/// Words of questions that name no value.
const FILLER: &[&str] = &[
    "a", "about", "all", "an", "and", "any", "are", "as", "at", "average", "between", "by", "can", "count", "did",
    "do", "does", "each", "every", "find", "for", "from", "get", "give", "had", "has", "have", "highest", "how", "in",
    "is", "it", "list", "lowest", "many", "me", "more", "most", "much", "number", "of", "on", "or", "over", "per",
    "least", "less", "show", "some", "sum", "than", "that", "the", "their", "there", "these", "this", "to", "top",
    "total", "was", "were", "what", "when", "where", "which", "who", "with", "auf", "das", "dem", "den", "der", "des",
    "die", "ein", "eine", "für", "gibt", "hat", "ist", "mit", "und", "viel", "viele", "von", "war", "was", "welche",
    "welcher", "welches", "wie", "wieviel", "wurde", "zu", "combien", "dans", "des", "est", "les", "par", "pour",
    "que", "quel", "quelle", "sont", "une", "con", "cuál", "cuántas", "cuántos", "del", "las", "los", "por", "qué",
    "una",
];

/// Looks the phrases up. Values that are the same but for case come first.
pub fn run(engine: &mut Engine, search: &Search) -> Result<Vec<Hint>, Fault> {
    let mut hints = Vec::new();
    if search.phrases.is_empty() {
        return Ok(hints);
    }
    let list: Vec<String> = search.phrases.iter().map(|phrase| sql::text(phrase)).collect();
    let list = list.join(", ");
    for place in &search.columns {
        let (column, sheet) = (ColumnName(&place.column).quoted(), place.sheet.quoted());
        let values = format!(
            "SELECT DISTINCT {column} AS v, lower(trim({column})) AS f FROM {sheet} WHERE strlen({column}) <= {}",
            MAX_CHARS * 4
        );
        let matches = if place.n_distinct <= MAX_COMPARED {
            // One letter in four to seven, two in eight or more; shorter words are too like each other.
            format!(
                "WITH _v AS MATERIALIZED ({values}), _p AS (SELECT unnest([{list}]) AS p) \
                 SELECT p, v, CASE WHEN f = p THEN 0 ELSE damerau_levenshtein(f, p) END AS n FROM _v, _p \
                 WHERE f = p OR (length(p) >= 4 AND abs(length(f) - length(p)) <= 2 \
                 AND damerau_levenshtein(f, p) <= CASE WHEN length(p) >= 8 THEN 2 ELSE 1 END)"
            )
        } else {
            format!("SELECT f AS p, v, 0 AS n FROM ({values}) WHERE f IN ({list})")
        };
        let rows = engine
            .answers(&format!("SELECT p, v, n FROM ({matches}) ORDER BY n, length(p) DESC, p, v LIMIT {MAX_HINTS}"))?;
        for row in rows {
            if let [words, value, n_edits] = row.as_slice() {
                hints.push(Hint {
                    words: words.as_str().unwrap_or_default().to_owned(),
                    sheet: place.sheet.clone(),
                    column: place.column.clone(),
                    value: value.as_str().unwrap_or_default().to_owned(),
                    n_edits: n_edits.as_u64().unwrap_or_default(),
                });
            }
        }
    }
    // Similar values are noise for words that are values themselves.
    let exact: Vec<String> = hints.iter().filter(|hint| hint.n_edits == 0).map(|hint| hint.words.clone()).collect();
    hints.retain(|hint| hint.n_edits == 0 || !exact.contains(&hint.words));
    hints.sort_by(|a, b| (a.n_edits, &a.words, &a.sheet, &a.column).cmp(&(b.n_edits, &b.words, &b.sheet, &b.column)));
    Ok(hints)
}
