//! One column while it is built: its values, what is doubtful about them, and what blank cells repeat.

use arrow_array::ArrayRef;

use super::{
    build::PlannedColumn,
    cell::Cell,
    columns::{ColumnBuilder, Outcome},
    evidence::Reading,
    moment::Order,
    show,
    sums::Sum,
    tally::Tally,
};

/// A column being built.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) col_idx: u32,
    pub(super) builder: ColumnBuilder,
    pub(super) doubtful: Tally,
    /// How doubtful values are read.
    pub(super) how: &'static str,
    /// Whether some value takes the doubt from all the others.
    pub(super) settled: bool,
    pub(super) is_wanted: bool,
    pub(super) sum: Sum,
    /// Whether a blank cell repeats the one above, which is kept.
    pub(super) fills: bool,
    kept: Kept,
}

/// A cell to repeat.
#[derive(Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    Text(String),
    Number(f64),
}

impl Column {
    /// Remembers a cell that blank ones below repeat; nothing where it is blank itself.
    pub(super) fn keep(&mut self, cell: Cell<'_>) -> Option<()> {
        if cell.is_blank() {
            return None;
        }
        self.kept = if let Cell::Number(number) = cell { Kept::Number(number) } else { Kept::Text(show::cell(cell)) };
        Some(())
    }

    /// A blank cell: null, or what it repeats.
    pub(super) fn append_blank(&mut self) {
        let outcome = match &self.kept {
            Kept::Text(text) if self.fills => self.builder.append(Cell::Text(text)),
            Kept::Number(number) if self.fills => self.builder.append(Cell::Number(*number)),
            Kept::Nothing | Kept::Text(_) | Kept::Number(_) => Outcome::Misfit,
        };
        if outcome == Outcome::Misfit {
            self.builder.append_null();
        }
    }

    /// The rows since the last time.
    pub(super) fn take(&mut self) -> ArrayRef {
        let array = self.builder.take();
        self.sum.add(array.as_ref());
        array
    }

    pub(super) fn new(planned: &PlannedColumn, fills: bool) -> Column {
        let builder = ColumnBuilder::new(planned.reading, planned.doubt, planned.is_declared);
        let how = match planned.reading {
            Reading::Date(order) | Reading::Timestamp(order) | Reading::TimestampTz(order) => match order {
                Order::DayFirst => ", day first",
                Order::MonthFirst => ", month first",
                Order::Unasked => "",
            },
            Reading::Nothing
            | Reading::Boolean
            | Reading::Integer
            | Reading::Decimal { .. }
            | Reading::Double
            | Reading::Time
            | Reading::Interval
            | Reading::Text
            | Reading::TextAsTyped => "",
        };
        Column {
            col_idx: planned.col_idx,
            builder,
            doubtful: Tally::default(),
            how,
            settled: false,
            is_wanted: planned.is_wanted,
            sum: Sum::default(),
            fills,
            kept: Kept::default(),
        }
    }
}
