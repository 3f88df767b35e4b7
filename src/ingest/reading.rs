//! How the cells of a column are read.

use super::moment::Order;
use crate::value::ColumnType;

/// Most digits of a decimal column.
pub(super) const PRECISION: u8 = 18;

/// How a column's cells are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// No cell has a value so far.
    Nothing,
    Boolean,
    Integer,
    Decimal {
        scale: u8,
    },
    Double,
    Date(Order),
    Time,
    Timestamp(Order),
    TimestampTz(Order),
    Interval,
    Text,
    /// Text in a workbook although it could be read as something else: its author wanted text.
    TextAsTyped,
}

impl Reading {
    pub(super) fn column_type(self) -> ColumnType {
        match self {
            Reading::Boolean => ColumnType::Boolean,
            Reading::Integer => ColumnType::Integer,
            Reading::Decimal { scale } => ColumnType::Decimal { precision: PRECISION, scale },
            Reading::Double => ColumnType::Double,
            Reading::Date(_) => ColumnType::Date,
            Reading::Time => ColumnType::Time,
            Reading::Timestamp(_) => ColumnType::Timestamp,
            Reading::TimestampTz(_) => ColumnType::TimestampTz,
            Reading::Interval => ColumnType::Interval,
            Reading::Nothing | Reading::Text | Reading::TextAsTyped => ColumnType::Text,
        }
    }

    /// The order of day and month in its dates, where it has any.
    pub(super) fn date_order(self) -> Option<Order> {
        match self {
            Reading::Date(order) | Reading::Timestamp(order) | Reading::TimestampTz(order) => Some(order),
            Reading::Nothing
            | Reading::Boolean
            | Reading::Integer
            | Reading::Decimal { .. }
            | Reading::Double
            | Reading::Time
            | Reading::Interval
            | Reading::Text
            | Reading::TextAsTyped => None,
        }
    }

    /// The same with another order in its dates, if it has any.
    pub(super) fn in_order(self, order: Order) -> Reading {
        match self {
            Reading::Date(_) => Reading::Date(order),
            Reading::Timestamp(_) => Reading::Timestamp(order),
            Reading::TimestampTz(_) => Reading::TimestampTz(order),
            Reading::Nothing
            | Reading::Boolean
            | Reading::Integer
            | Reading::Decimal { .. }
            | Reading::Double
            | Reading::Time
            | Reading::Interval
            | Reading::Text
            | Reading::TextAsTyped => self,
        }
    }
}
