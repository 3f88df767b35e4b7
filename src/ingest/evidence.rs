//! What the cells of one column say about its type, and the decision.

use super::{
    cell::Cell,
    moment::{Day, Moment, Order, moment},
    number::{self, Numeral, numeral},
};
use crate::value::ColumnType;

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

/// Most digits behind the point of a decimal column; what has more is a double.
const MAX_SCALE: u8 = 6;
const PRECISION: u8 = 18;

/// Counts over the cells of one column that were seen. The share rule of a later step needs nothing else.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// Cells by what they could be.
    pub(super) n_boolean: u64,
    pub(super) n_integer: u64,
    pub(super) n_decimal: u64,
    pub(super) n_double: u64,
    pub(super) n_date: u64,
    pub(super) n_time: u64,
    pub(super) n_timestamp: u64,
    pub(super) n_timestamp_tz: u64,
    pub(super) n_duration: u64,
    pub(super) n_text: u64,
    pub(super) n_null_word: u64,
    /// Of all the above, those that came as text.
    n_as_text: u64,
    max_scale: u8,
    max_whole_digits: u8,
    /// Of the dates, those that leave open which number is the day, and what they allow.
    n_open: u64,
    n_day_first: u64,
    n_month_first: u64,
    n_dotted: u64,
    /// Whether there is any cell that is not blank, with a value or without.
    pub(super) is_filled: bool,
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
}

impl Evidence {
    pub(super) fn add(&mut self, cell: Cell<'_>) {
        self.is_filled = self.is_filled || !cell.is_blank();
        match cell {
            Cell::Empty | Cell::Error(_) | Cell::Unevaluated => {}
            Cell::Text(text) => self.add_text(text),
            Cell::Number(number) => match number::integer(number) {
                Some(integer) => {
                    self.n_integer += 1;
                    self.note_digits(integer, 0);
                }
                None => self.n_double += 1,
            },
            Cell::Boolean(_) => self.n_boolean += 1,
            Cell::Date(_) => self.n_date += 1,
            Cell::Time(_) => self.n_time += 1,
            Cell::Timestamp(_) => self.n_timestamp += 1,
            Cell::Duration(_) => self.n_duration += 1,
        }
    }

    fn add_text(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if is_null_word(text) {
            self.n_null_word += 1;
            return;
        }
        self.n_as_text += 1;
        if let Some(numeral) = numeral(text.as_bytes()) {
            self.add_numeral(numeral);
        } else if let Some(moment) = moment(text.as_bytes()) {
            self.add_moment(moment);
        } else if boolean(text).is_some() {
            self.n_boolean += 1;
        } else {
            self.n_text += 1;
        }
    }

    fn add_numeral(&mut self, numeral: Numeral) {
        match numeral {
            Numeral::Plain { mantissa, scale } => {
                *if scale == 0 { &mut self.n_integer } else { &mut self.n_decimal } += 1;
                self.note_digits(mantissa, scale);
            }
            Numeral::Float(_) => self.n_double += 1,
            Numeral::Code => self.n_text += 1,
        }
    }

    fn note_digits(&mut self, mantissa: i64, scale: u8) {
        let n_digits = mantissa.unsigned_abs().checked_ilog10().map_or(0, |log| log + 1);
        let whole = u8::try_from(n_digits).unwrap_or(u8::MAX).saturating_sub(scale);
        self.max_whole_digits = self.max_whole_digits.max(whole);
        self.max_scale = self.max_scale.max(scale);
    }

    fn add_moment(&mut self, moment: Moment) {
        match moment {
            Moment { day: None, .. } => self.n_time += 1,
            Moment { time: None, .. } => self.n_date += 1,
            Moment { offset: None, .. } => self.n_timestamp += 1,
            Moment { .. } => self.n_timestamp_tz += 1,
        }
        if let Some(day @ Day::Open { dotted, .. }) = moment.day {
            self.n_open += 1;
            self.n_day_first += u64::from(day.resolve(Order::DayFirst).is_some());
            self.n_month_first += u64::from(day.resolve(Order::MonthFirst).is_some());
            self.n_dotted += u64::from(dotted);
        }
    }

    /// Cells with a value.
    fn n_values(&self) -> u64 {
        self.n_boolean
            + self.n_integer
            + self.n_decimal
            + self.n_double
            + self.n_date
            + self.n_time
            + self.n_timestamp
            + self.n_timestamp_tz
            + self.n_duration
            + self.n_text
    }

    /// Whether later cells may still decide what these leave open.
    pub(super) fn is_open(&self) -> bool {
        let only_null_words = self.n_values() == 0 && self.n_null_word > 0;
        only_null_words || self.is_ambiguous()
    }

    /// Whether every date that leaves the order open could be read with the day or with the month first.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.n_open > 0 && self.n_day_first == self.n_open && self.n_month_first == self.n_open && self.n_text == 0
    }

    /// The day's place, if one suits all the dates. Where both do, points put the day first and the rest the month.
    fn order(&self) -> Option<Order> {
        if self.n_open == 0 {
            return Some(Order::Unasked);
        }
        match (self.n_day_first == self.n_open, self.n_month_first == self.n_open) {
            (true, true) if self.n_dotted > 0 => Some(Order::DayFirst),
            (_, true) => Some(Order::MonthFirst),
            (true, false) => Some(Order::DayFirst),
            (false, false) => None,
        }
    }

    /// The reading that suits all the cells seen. `is_text_file`: all cells come as text, so that this says nothing.
    pub(super) fn decide(&self, is_text_file: bool) -> Reading {
        let n_values = self.n_values();
        if n_values == 0 {
            return if self.n_null_word > 0 { Reading::Text } else { Reading::Nothing };
        }
        let suits_all = self.suits_all(n_values);
        if suits_all != Reading::Text && !is_text_file && self.n_as_text == n_values {
            return Reading::TextAsTyped;
        }
        suits_all
    }

    fn suits_all(&self, n_values: u64) -> Reading {
        let n_days = self.n_date + self.n_timestamp;
        if self.n_integer + self.n_decimal + self.n_double == n_values {
            if self.n_double == 0 && self.n_decimal == 0 {
                return Reading::Integer;
            }
            let fits = self.max_scale <= MAX_SCALE && self.max_scale + self.max_whole_digits <= PRECISION;
            return if self.n_double == 0 && fits {
                Reading::Decimal { scale: self.max_scale }
            } else {
                Reading::Double
            };
        }
        if self.n_boolean == n_values {
            return Reading::Boolean;
        }
        if self.n_time == n_values {
            return Reading::Time;
        }
        // A time of day beside durations is one under 24 hours.
        if self.n_duration + self.n_time == n_values {
            return Reading::Interval;
        }
        match self.order() {
            Some(order) if self.n_date == n_values => Reading::Date(order),
            Some(order) if n_days == n_values => Reading::Timestamp(order),
            Some(order) if self.n_timestamp_tz == n_values => Reading::TimestampTz(order),
            _ => Reading::Text,
        }
    }
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Words and signs that stand for a missing value.
pub(super) fn is_null_word(text: &str) -> bool {
    const WORDS: [&str; 12] = ["NA", "N/A", "#N/A", "n.a.", "null", "none", "nil", "nan", "-", "--", "\\N", "?"];
    text.len() <= 5
        && (WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) || matches!(text, "–" | "—" | "―" | ".." | "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cells: &[&str], expect: &str) {
        let mut evidence = Evidence::default();
        for cell in cells {
            evidence.add(Cell::Text(cell));
        }
        let open = if evidence.is_open() { " open" } else { "" };
        assert_eq!(format!("{}{open}", evidence.decide(true).column_type()), expect, "{cells:?}");
    }

    #[test]
    fn the_type_suits_every_cell() {
        check(&["1", "-2", "", "1,000"], "BIGINT");
        check(&["1", "2.50"], "DECIMAL(18,2)");
        check(&["1", "2.1234567"], "DOUBLE");
        check(&["1", "1e3"], "DOUBLE");
        check(&["12345678901234567", "0.25"], "DOUBLE");
        check(&["true", "FALSE"], "BOOLEAN");
        check(&["2024-01-31", "n/a"], "DATE");
        check(&["2024-01-31", "2024-01-31 10:00"], "TIMESTAMP");
        check(&["2024-01-31T10:00:00Z"], "TIMESTAMP WITH TIME ZONE");
        check(&["10:00", "23:59:59"], "TIME");
        check(&["1", "a"], "VARCHAR");
        check(&["1", "007"], "VARCHAR");
        check(&["1", "true"], "VARCHAR");
        check(&["", " "], "VARCHAR");
    }

    #[test]
    fn the_whole_column_decides_the_order_of_day_and_month() {
        check(&["1/2/2020", "13/2/2020"], "DATE");
        check(&["1/2/2020", "2/13/2020"], "DATE");
        check(&["13/2/2020", "2/13/2020"], "VARCHAR");
        check(&["1/2/2020", "2/3/2020"], "DATE open");
    }

    #[test]
    fn null_words_alone_leave_a_column_open() {
        check(&["-", "NA"], "VARCHAR open");
        check(&["-", "NA", "3"], "BIGINT");
    }

    #[test]
    fn text_in_a_workbook_stays_text_unless_numbers_are_beside_it() {
        let mut evidence = Evidence::default();
        evidence.add(Cell::Text("12"));
        assert_eq!(evidence.decide(false), Reading::TextAsTyped);
        evidence.add(Cell::Number(12.5));
        assert_eq!(evidence.decide(false), Reading::Double);
    }
}
