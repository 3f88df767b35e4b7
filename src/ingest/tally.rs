//! Counts what a reading met, with the first few addresses, until it becomes issues.

use super::{columns::Doubt, receipt::Issue, show};

/// One kind of thing that was met.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    examples: Vec<String>,
}

/// Most examples of an issue, and characters of each.
const N_EXAMPLES: usize = 5;
const N_LOST: usize = 40;
const N_CHARS: usize = 60;

impl Tally {
    pub(super) fn add(&mut self, example: impl FnOnce() -> String) {
        self.add_up_to(N_EXAMPLES, example);
    }

    /// Keeps more examples: of what was lost, a person wants to see more than a few.
    pub(super) fn add_lost(&mut self, example: impl FnOnce() -> String) {
        self.add_up_to(N_LOST, example);
    }

    fn add_up_to(&mut self, n_most: usize, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < n_most {
            self.examples.push(shortened(example()));
        }
    }

    /// Columns that lie side by side, as one example.
    pub(super) fn of_columns(run: &[u32]) -> Tally {
        let (first, last) = (run.first().copied().unwrap_or(0), run.last().copied().unwrap_or(0));
        let example = format!("{} to {}", show::letters(first), show::letters(last));
        Tally { count: u64::try_from(run.len()).unwrap_or(u64::MAX), examples: vec![example] }
    }

    /// Adds what another met behind this.
    pub(super) fn append(&mut self, other: Tally) {
        self.count += other.count;
        self.examples.extend(other.examples);
        self.examples.truncate(N_EXAMPLES);
    }

    /// The first of what was met, and how many more there are.
    pub(super) fn told(&self) -> String {
        let n_told = u64::try_from(self.examples.len()).unwrap_or(u64::MAX);
        let more = self.count.saturating_sub(n_told);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", self.examples.join("; "))
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
    pub(super) strays: Tally,
    pub(super) marked: Tally,
    pub(super) padded: Tally,
    pub(super) errors: Tally,
    pub(super) unevaluated: Tally,
    pub(super) above_header: Tally,
    pub(super) notes_below: Tally,
    pub(super) repeated_rows: Tally,
    pub(super) totals: Tally,
    pub(super) groups: Tally,
    pub(super) totals_kept: Tally,
    pub(super) wrong_totals: Tally,
    pub(super) ambiguous_dates: Tally,
    pub(super) grouped_numbers: Tally,
    pub(super) mixed_percents: Tally,
    pub(super) rounded_numbers: Tally,
    pub(super) compact_dates: Tally,
    pub(super) empty_columns: Tally,
    pub(super) hidden_rows: Tally,
    pub(super) hidden_columns: Tally,
}

impl Tallies {
    /// Where cells in doubt are told.
    pub(super) fn of(&mut self, doubt: Doubt) -> &mut Tally {
        match doubt {
            Doubt::Order => &mut self.ambiguous_dates,
            Doubt::Compact => &mut self.compact_dates,
            Doubt::Comma | Doubt::Point => &mut self.grouped_numbers,
            Doubt::Bare | Doubt::Percent => &mut self.mixed_percents,
            Doubt::Rounded => &mut self.rounded_numbers,
        }
    }

    pub(super) fn issues(self) -> Vec<Issue> {
        [
            self.above_header.issue("rows_above_header", "rows above the header were left out"),
            self.notes_below.issue("notes_below", "rows below the data were taken for notes and left out"),
            self.repeated_rows.issue("repeated_headers", "drawn lines, repeated headers and what stands around them on a page were left out"),
            self.totals.issue("totals", "rows of totals were left out; import with `totals` as `keep` to have them"),
            self.groups.issue("group_rows", "rows that only name a group became values of the column `group`"),
            self.totals_kept.issue("totals_kept", "rows of totals stand among the data"),
            self.wrong_totals.issue("wrong_totals", "totals differ from what the rows come to"),
            self.blank_rows.issue("blank_rows", "blank rows were skipped"),
            self.short_rows
                .issue("short_rows", "rows with fewer cells than the table has columns were filled with null"),
            self.long_rows.issue("long_rows", "rows with more cells than the header made the table wider"),
            self.null_words.issue("null_words", "words for a missing value were read as null"),
            self.strays.issue("unconverted_values", "values that are not of their column's type were read as null; `raw_columns` of `import_file` keeps their text"),
            self.marked
                .issue("marked_numbers", "footnote marks, `about`, `<` and the like beside numbers were left out"),
            self.padded.issue("padded_numbers", "numbers were read without the zeros in front of them"),
            self.errors.issue("error_cells", "error cells were read as null"),
            self.unevaluated
                .issue("unevaluated_formulas", "formulas whose value the file does not hold were read as null"),
            self.ambiguous_dates.issue(
                "ambiguous_dates",
                "dates could be read with the day or with the month first, and nothing in their column tells",
            ),
            self.grouped_numbers
                .issue("grouped_numbers", "numbers such as `1,115` or `1.115` have a group of digits or three decimals, and nothing in their table tells"),
            self.mixed_percents.issue("mixed_percents", "percents were read as the number before `%`, beside numbers without it that may mean something else"),
            self.rounded_numbers.issue("rounded_numbers", "numbers of more digits than a DOUBLE holds were rounded, since fractions are beside them; `types` of `reimport_sheet` can make the column VARCHAR"),
            self.compact_dates.issue("compact_dates", "numbers of eight digits were read as dates, which the column's name does not say"),
            self.empty_columns.issue("empty_columns", "columns without name or cell were left out"),
            self.hidden_rows.issue("hidden_rows", "rows that the workbook hides were read as the others"),
            self.hidden_columns.issue("hidden_columns", "columns that the workbook hides were read as the others"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
