//! How a workbook shows a cell: what people see at a glance and a value alone doesn't say.

/// Bold, filled, how far it is indented, and which number format it has, packed because every cell carries one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look(u16);

const BOLD: u16 = 1;
const FILLED: u16 = 1 << 1;
const INDENT_SHIFT: u32 = 2;
const INDENT_MAX: u16 = 0xF;
const FORMAT_SHIFT: u32 = 6;
const FORMAT_MAX: usize = 0x3FF;

impl Look {
    /// `format_idx`: its place in `Source::formats`; those behind the first thousand are not told apart.
    pub(super) fn new(is_bold: bool, is_filled: bool, indent: u8, format_idx: Option<usize>) -> Look {
        let format = format_idx.map(|idx| idx + 1).filter(|number| *number <= FORMAT_MAX);
        let format = format.and_then(|number| u16::try_from(number).ok()).unwrap_or(0);
        let flags = if is_bold { BOLD } else { 0 } | if is_filled { FILLED } else { 0 };
        Look(flags | u16::from(indent).min(INDENT_MAX) << INDENT_SHIFT | format << FORMAT_SHIFT)
    }

    pub(super) fn is_bold(self) -> bool {
        self.0 & BOLD != 0
    }

    pub(super) fn is_filled(self) -> bool {
        self.0 & FILLED != 0
    }

    pub(super) fn indent(self) -> usize {
        usize::from(self.0 >> INDENT_SHIFT & INDENT_MAX)
    }

    /// Its number format's place in `Source::formats`, where it has another than the general one.
    pub(super) fn format_idx(self) -> Option<usize> {
        usize::from(self.0 >> FORMAT_SHIFT).checked_sub(1)
    }
}

/// A number format that cells of the workbook have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Format {
    /// As the workbook has it, such as `#,##0.00 "km"`.
    pub(super) code: String,
    /// What it shows beside the number: a currency, a unit, `%`.
    pub(super) unit: Option<String>,
}

impl Format {
    /// What it says of a column's numbers, as a note. A percentage is stored as the hundredth of what is shown.
    pub(super) fn note(&self) -> Option<String> {
        match self.unit.as_deref()? {
            "%" => Some("unit: % as a fraction (0.25 is shown as 25%)".to_owned()),
            "‰" => Some("unit: ‰ as it is stored".to_owned()),
            unit => Some(format!("unit: {unit}")),
        }
    }
}

/// What a worksheet says of its cells besides what they hold. Rows count from 1, columns from 0, both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Markup {
    /// By their first row.
    pub(super) merges: Vec<Area>,
    pub(super) hidden_rows: Vec<(u64, u64)>,
    pub(super) hidden_columns: Vec<(u32, u32)>,
    /// What its filter covers, header included.
    pub(super) filter: Option<Area>,
    /// What is printed of it, where that is one rectangle.
    pub(super) printed: Option<Area>,
    /// The last row that is repeated on every printed page.
    pub(super) repeated_to: Option<u64>,
    /// The last row that stays in view.
    pub(super) frozen_to: Option<u64>,
}

/// A rectangle of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) rows: (u64, u64),
    pub(super) columns: (u32, u32),
}

impl Area {
    pub(super) fn has_row(&self, row: u64) -> bool {
        (self.rows.0..=self.rows.1).contains(&row)
    }

    pub(super) fn has_column(&self, col_idx: u32) -> bool {
        (self.columns.0..=self.columns.1).contains(&col_idx)
    }

    pub(super) fn is_wide(&self) -> bool {
        self.columns.1 > self.columns.0
    }

    pub(super) fn is_high(&self) -> bool {
        self.rows.1 > self.rows.0
    }
}

impl Markup {
    pub(super) fn hides_row(&self, row: u64) -> bool {
        let at = self.hidden_rows.partition_point(|(_, last)| *last < row);
        self.hidden_rows.get(at).is_some_and(|(first, _)| *first <= row)
    }

    pub(super) fn hides_column(&self, col_idx: u32) -> bool {
        self.hidden_columns.iter().any(|(first, last)| (*first..=*last).contains(&col_idx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_holds_what_it_was_made_of() {
        let all = |look: Look| (look.is_bold(), look.is_filled(), look.indent(), look.format_idx());
        assert_eq!(all(Look::default()), (false, false, 0, None));
        assert_eq!(all(Look::new(true, false, 3, Some(0))), (true, false, 3, Some(0)));
        assert_eq!(all(Look::new(false, true, 200, Some(1_022))), (false, true, 15, Some(1_022)));
        assert_eq!(all(Look::new(true, true, 0, Some(1_023))), (true, true, 0, None));
    }

    #[test]
    fn hidden_rows_are_found_by_their_runs() {
        let markup = Markup { hidden_rows: vec![(2, 3), (7, 7)], ..Markup::default() };
        assert_eq!((1..=8).filter(|row| markup.hides_row(*row)).collect::<Vec<_>>(), [2, 3, 7]);
    }
}
