//! Tables that begin behind the rows that decide a long table's structure.

use std::mem;

use super::{
    grid::Line,
    regions::{Listed, N_COMPARED, Region, WHOLE, stacked},
};
use crate::ingest::cell::{Batch, Row};

/// Rows behind a gap that show whether a table starts there.
const N_SHOWING: usize = 60;
/// Gaps that are looked at: a long table with blank rows all over must not take many times as long.
const MAX_GAPS: usize = 2_000;

/// Looks on while rows stream by.
#[derive(Debug)]
pub(in crate::ingest) struct Watch {
    /// The first rows of the table that is under way.
    first: Batch,
    /// Those behind a gap, until they show what they are.
    behind: Batch,
    last: u64,
    n_gaps: usize,
    starts: Vec<Region>,
}

impl Watch {
    /// `rows`: the first ones, of one table.
    pub(in crate::ingest) fn over(rows: &[Row<'_>]) -> Watch {
        let mut first = Batch::default();
        let filled = || rows.iter().filter(|row| !row.is_blank());
        filled().take(N_COMPARED).for_each(|row| copy(&mut first, *row));
        let last = filled().next_back().map_or(0, |row| row.number);
        Watch { first, behind: Batch::default(), last, n_gaps: 0, starts: Vec::new() }
    }

    /// Takes the next row.
    pub(in crate::ingest) fn add(&mut self, row: Row<'_>) {
        if row.is_blank() {
            return;
        }
        let is_apart = row.number > self.last + 1;
        self.last = row.number;
        if self.behind.n_rows() > 0 || (is_apart && self.n_gaps < MAX_GAPS) {
            copy(&mut self.behind, row);
            if self.behind.n_rows() >= N_SHOWING {
                self.judge();
            }
        } else if self.first.n_rows() < N_COMPARED {
            copy(&mut self.first, row);
        }
    }

    /// The tables, where there are more than one.
    pub(in crate::ingest) fn end(mut self) -> Option<Vec<Listed>> {
        self.judge();
        let ends = self.starts.iter().skip(1).map(|next| next.rows.0 - 1).chain([u64::MAX]);
        let whole = Region { rows: (1, self.starts.first()?.rows.0 - 1), columns: (0, u32::MAX), title: None };
        let later =
            self.starts.iter().zip(ends).map(|(region, end)| Region { rows: (region.rows.0, end), ..region.clone() });
        let regions = [whole].into_iter().chain(later);
        Some(regions.map(|region| Listed { region, header_row: None, totals_row: None, notes: Vec::new() }).collect())
    }

    /// Whether tables start in the rows behind a gap.
    fn judge(&mut self) {
        let behind = mem::take(&mut self.behind);
        let Some(from) = behind.rows().next().map(|row| row.number) else { return };
        self.n_gaps += 1;
        let lines: Vec<Line<'_>> = self.first.rows().chain(behind.rows()).map(Line::new).collect();
        let starts = stacked(&lines, &WHOLE).into_iter().filter(|region| region.rows.0 >= from);
        let n_known = self.starts.len();
        self.starts.extend(starts);
        if let Some(start) = self.starts.get(n_known..).and_then(<[Region]>::last) {
            let mut first = Batch::default();
            behind.rows().filter(|row| row.number >= start.rows.0).for_each(|row| copy(&mut first, row));
            self.first = first;
        }
    }
}

fn copy(batch: &mut Batch, row: Row<'_>) {
    batch.start_row(row.number);
    row.looked().for_each(|(col_idx, look, cell)| batch.push_as(col_idx, look, cell));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::layout::grid::tests::batch;

    /// The first rows of the tables, and their titles; the watch begins behind the first four rows.
    fn check(text: &str, expect: &[(u64, &str)]) {
        let batch = batch(text);
        let rows: Vec<Row<'_>> = batch.rows().collect();
        let (known, rest) = rows.split_at(4);
        let mut watch = Watch::over(known);
        for row in rest {
            watch.add(*row);
        }
        let found = watch.end().unwrap_or_default();
        let starts: Vec<(u64, &str)> =
            found.iter().map(|it| (it.region.rows.0, it.region.title.as_deref().unwrap_or_default())).collect();
        assert_eq!(starts, expect, "{text}");
    }

    #[test]
    fn tables_that_come_late_are_found() {
        check("a|b\nx|1\ny|2\nz|3\nw|4\n\nRates\ncode|rate|on\nr|0.1|q\ns|0.2|q", &[(1, ""), (7, "Rates")]);
        check(
            "a|b\nx|1\ny|2\nz|3\n\ncode|rate|on\nr|0.1|q\ns|0.2|q\n\nwho|age\nAnn|3\nBob|4",
            &[(1, ""), (6, ""), (10, "")],
        );
    }

    #[test]
    fn a_gap_alone_parts_nothing() {
        check("a|b\nx|1\ny|2\nz|3\n\nw|4\n\na|b\nv|5\n\nNote: rounded", &[]);
    }
}
