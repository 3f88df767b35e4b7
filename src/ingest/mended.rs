//! What was mended while text was split into records.

use super::{receipt::Issue, tally::Tally};

/// What was wrong with records and is not any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Mended {
    pub(super) stray_quotes: Tally,
    pub(super) open_quotes: Tally,
    pub(super) other_delimiters: Tally,
    pub(super) comments: Tally,
}

impl Mended {
    pub(super) fn issues(self) -> impl Iterator<Item = Issue> {
        [
            self.stray_quotes.issue(
                "stray_quotes",
                "quotes that open no cell were left out, so that their rows have the usual cells",
            ),
            self.open_quotes.issue(
                "open_quotes",
                "a quote that is not closed, or not where its cell ends, took following lines into one row; see to the quotes there and import again",
            ),
            self.other_delimiters
                .issue("other_delimiters", "rows were split at another delimiter than the rest of the file"),
            self.comments.issue("comment_lines", "lines that begin with `#` were left out"),
        ]
        .into_iter()
        .flatten()
    }
}
