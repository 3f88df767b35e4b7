//! What the writers met that the file can't say, or says in another way: counted, with a first example.

use crate::value::Column;

/// Something that happened to a number of cells.
#[derive(Debug, Default)]
struct Tally {
    count: u64,
    example: String,
}

impl Tally {
    fn add(&mut self, example: impl FnOnce() -> String) {
        if self.count == 0 {
            self.example = example();
        }
        self.count += 1;
    }
}

/// Where a cell is, for an example.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) column: &'a str,
    /// Of the data, counted from 1.
    pub(super) row_number: u64,
}

impl Place<'_> {
    fn with(&self, value: &str) -> String {
        let value: String = value.chars().take(40).collect();
        format!("such as `{value}` in {}", self.shown())
    }

    fn shown(&self) -> String {
        match self.row_number {
            0 => format!("the name of `{}`", self.column),
            row_number => format!("row {row_number} of `{}`", self.column),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    neutralised: Tally,
    kept_formulas: Tally,
    empty_texts: Tally,
    blank_rows: Tally,
    not_finite: Tally,
    as_text: Tally,
    renamed: Vec<String>,
    retyped: Vec<String>,
    cut_titles: Vec<String>,
}

impl Findings {
    pub(super) fn neutralised(&mut self, place: Place<'_>, text: &str) {
        self.neutralised.add(|| place.with(text));
    }

    pub(super) fn kept_formula(&mut self, place: Place<'_>, text: &str) {
        self.kept_formulas.add(|| place.with(text));
    }

    pub(super) fn empty_text(&mut self, place: Place<'_>) {
        self.empty_texts.add(|| format!("such as {}", place.shown()));
    }

    /// A row without any value.
    pub(super) fn blank_row(&mut self, row_number: u64) {
        self.blank_rows.add(|| format!("such as row {row_number}"));
    }

    /// NaN or an infinity.
    pub(super) fn not_finite(&mut self, place: Place<'_>, value: f64) {
        self.not_finite.add(|| place.with(&value.to_string()));
    }

    /// A number, date or time that a workbook can't hold as one.
    pub(super) fn as_text(&mut self, place: Place<'_>, text: &str) {
        self.as_text.add(|| place.with(text));
    }

    pub(super) fn renamed(&mut self, columns: &[Column], names: &[String]) {
        let changed = columns.iter().zip(names).filter(|(column, name)| column.name != **name);
        self.renamed.extend(changed.map(|(column, name)| format!("`{}` to `{name}`", column.name)));
    }

    /// A column that comes back with another type when the file is read again.
    pub(super) fn retyped(&mut self, column: &str, from: &str, to: &str) {
        self.retyped.push(format!("`{column}` ({from}) as {to}"));
    }

    pub(super) fn retitled(&mut self, title: &str, short: &str) {
        self.cut_titles.push(format!("`{title}` to `{short}`"));
    }

    pub(super) fn n_neutralised(&self) -> u64 {
        self.neutralised.count
    }

    /// In words, for the reply.
    pub(super) fn notes(&self) -> Vec<String> {
        let counted = |tally: &Tally, what: &str| {
            (tally.count > 0).then(|| format!("{what}: {}, {}", tally.count, tally.example))
        };
        let listed = |items: &[String], words: &str| {
            let shown: Vec<&str> = items.iter().take(10).map(String::as_str).collect();
            let more = items.len().saturating_sub(shown.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            (!items.is_empty()).then(|| format!("{words}: {}{more}", shown.join(", ")))
        };
        let notes = [
            counted(
                &self.neutralised,
                "cells that start like a formula (=, +, -, @) have an apostrophe before them, so that no spreadsheet runs \
                 them; `keep_formulas` writes them as they are",
            ),
            counted(
                &self.kept_formulas,
                "cells that start like a formula (=, +, -, @), which a spreadsheet that opens the file may run",
            ),
            counted(
                &self.as_text,
                "values that are in the workbook as text, since it has no such number, date or time (beyond 15 digits, \
                 before 1900, finer than milliseconds, durations with months)",
            ),
            counted(
                &self.not_finite,
                "cells that are NaN or infinite, written as text; read again, they have no value",
            ),
            counted(&self.empty_texts, "empty texts, which most readers take for cells without a value"),
            counted(&self.blank_rows, "rows without any value, which most readers skip"),
            listed(&self.retyped, "the file can't tell these columns' types; read again, they come"),
            listed(&self.renamed, "columns of the same name were renamed"),
            listed(&self.cut_titles, "worksheets have other names, which Excel takes"),
        ];
        notes.into_iter().flatten().collect()
    }
}

/// The types that a workbook's columns can have when it is read again.
pub(super) fn is_carried(type_name: &str) -> bool {
    let simple = ["BOOLEAN", "BIGINT", "DOUBLE", "DATE", "TIME", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR"];
    let whole = ["TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "FLOAT", "INTERVAL"];
    simple.contains(&type_name) || whole.contains(&type_name) || type_name.starts_with("DECIMAL")
}
