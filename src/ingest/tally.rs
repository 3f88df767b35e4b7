//! Counts what a reading met, with the first few addresses, until it becomes issues.

use super::receipt::Issue;

/// One kind of thing that was met.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    examples: Vec<String>,
}

/// Most examples of an issue, and characters of each.
const N_EXAMPLES: usize = 5;
const N_CHARS: usize = 60;

impl Tally {
    pub(super) fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < N_EXAMPLES {
            self.examples.push(shortened(example()));
        }
    }

    /// Nothing where nothing was met.
    pub(super) fn issue(self, code: &str, message: &str) -> Option<Issue> {
        (self.count > 0).then(|| Issue {
            code: code.to_owned(),
            message: message.to_owned(),
            count: self.count,
            examples: self.examples,
        })
    }
}

fn shortened(text: String) -> String {
    if text.chars().nth(N_CHARS).is_none() {
        return text;
    }
    text.chars().take(N_CHARS).chain(['…']).collect()
}

/// What one table's rows gave rise to.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    pub(super) blank_rows: Tally,
    pub(super) short_rows: Tally,
    pub(super) long_rows: Tally,
    pub(super) null_words: Tally,
    pub(super) padded: Tally,
    pub(super) errors: Tally,
    pub(super) unevaluated: Tally,
    pub(super) above_header: Tally,
}

impl Tallies {
    pub(super) fn issues(self) -> Vec<Issue> {
        [
            self.above_header.issue("rows_above_header", "rows above the header were left out"),
            self.blank_rows.issue("blank_rows", "blank rows were skipped"),
            self.short_rows
                .issue("short_rows", "rows with fewer cells than the table has columns were filled with null"),
            self.long_rows.issue("long_rows", "rows with more cells than the header made the table wider"),
            self.null_words.issue("null_words", "words for a missing value were read as null"),
            self.padded.issue("padded_numbers", "decimals were read without the zeros in front of them"),
            self.errors.issue("error_cells", "error cells were read as null"),
            self.unevaluated
                .issue("unevaluated_formulas", "formulas whose value the file does not hold were read as null"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
