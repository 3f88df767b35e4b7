//! What the cells of one column say about its type.

use super::{
    cell::Cell,
    clock::{Spans, duration, two_parts},
    grains::{Grains, is_season},
    guise::Guise,
    moment::{Day, Grain, Moment, Order, compact, moment},
    number::{self, Numeral, numeral},
    quantity::{Notation, Quantity, quantity},
    reading::{PRECISION, Reading},
    units,
    words::{is_null_word, truth},
};
/// Most digits behind the point of a decimal column; what has more is a double.
const MAX_SCALE: u8 = 6;

/// Different units that are remembered.
const N_UNITS: usize = 8;

/// Numbers as one notation reads them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbers {
    pub(super) n_integer: u64,
    pub(super) n_decimal: u64,
    pub(super) n_double: u64,
    pub(super) max_scale: u8,
    pub(super) max_whole_digits: u8,
}

/// Digits from which on whole numbers of one length name something: articles, cards, accounts.
const LONG: u8 = 12;

/// Counts over the cells of one column that were seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    pub(super) point: Numbers,
    pub(super) comma: Numbers,
    /// Numbers in one notation at least.
    pub(super) n_number: u64,
    /// Of these, what the notations read differently: `1,115` and `1.115`.
    pub(super) n_either: u64,
    /// Of these, those with a comma.
    pub(super) n_comma_groups: u64,
    /// Of these, those with a unit or a mark.
    pub(super) n_adorned: u64,
    pub(super) n_bracketed: u64,
    pub(super) n_phone_like: u64,
    pub(super) n_padded: u64,
    pub(super) guise: Guise,
    pub(super) spans: Spans,
    pub(super) n_compact: u64,
    pub(super) units: Vec<(String, u64)>,
    pub(super) n_rare_units: u64,
    pub(super) n_true: u64,
    pub(super) n_false: u64,
    /// Pairs of words that some truth value is none of.
    pub(super) other_pairs: u32,
    pub(super) n_date: u64,
    pub(super) n_time: u64,
    pub(super) n_timestamp: u64,
    pub(super) n_timestamp_tz: u64,
    pub(super) n_duration: u64,
    /// `3:45` and `72:10`, which are no plain times of day, and those that are none at all.
    pub(super) n_pair: u64,
    pub(super) n_long_pair: u64,
    pub(super) by_grain: Grains,
    pub(super) n_season: u64,
    pub(super) n_short_year: u64,
    /// Digits that name something.
    pub(super) n_code: u64,
    /// Of these, what is longer than two characters.
    pub(super) n_long_codes: u64,
    /// Whole numbers without a sign or a separator that are long, their digits, and whether all have as many.
    n_long: u64,
    long: (u8, bool),
    /// Of these, those that may be milliseconds since 1970.
    n_epoch: u64,
    pub(super) n_counted: u64,
    last_counted: u64,
    pub(super) n_text: u64,
    /// Of the text, what has no digit, and what is one word of letters and digits.
    pub(super) n_remark: u64,
    pub(super) n_token: u64,
    /// The first remark, and how many are the same.
    remark: Option<String>,
    pub(super) n_same_remark: u64,
    pub(super) n_null_word: u64,
    /// Of all the values, those that came as text.
    pub(super) n_as_text: u64,
    /// Of the dates, those that leave open which number is the day, and what they allow.
    pub(super) n_open: u64,
    pub(super) n_day_first: u64,
    pub(super) n_month_first: u64,
    pub(super) n_dotted: u64,
    /// Of the dates, those that could be versions or sections.
    pub(super) n_bare: u64,
    /// Whether there is any cell that is not blank, with a value or without.
    pub(super) is_filled: bool,
}

impl Numbers {
    pub(super) fn total(&self) -> u64 {
        self.n_integer + self.n_decimal + self.n_double
    }

    fn add(&mut self, numeral: Numeral) {
        match numeral {
            Numeral::Plain { mantissa, scale } => {
                *if scale == 0 { &mut self.n_integer } else { &mut self.n_decimal } += 1;
                let n_digits = mantissa.unsigned_abs().checked_ilog10().map_or(0, |log| log + 1);
                let whole = u8::try_from(n_digits).unwrap_or(u8::MAX).saturating_sub(scale);
                self.max_whole_digits = self.max_whole_digits.max(whole);
                self.max_scale = self.max_scale.max(scale);
            }
            Numeral::Float(_) | Numeral::Code => self.n_double += 1,
        }
    }

    pub(super) fn reading(&self) -> Reading {
        if self.n_double == 0 && self.n_decimal == 0 {
            return Reading::Integer;
        }
        let fits = self.max_scale <= MAX_SCALE && self.max_scale + self.max_whole_digits <= PRECISION;
        if self.n_double == 0 && fits { Reading::Decimal { scale: self.max_scale } } else { Reading::Double }
    }
}

impl Evidence {
    pub(super) fn add(&mut self, cell: Cell<'_>) {
        self.is_filled = self.is_filled || !cell.is_blank();
        match cell {
            Cell::Empty | Cell::Error(_) | Cell::Unevaluated(_) => {}
            Cell::Text(text) => self.add_text(text),
            Cell::Number(number) => {
                let whole = number::integer(number).map(|mantissa| Numeral::Plain { mantissa, scale: 0 });
                self.add_in_both(whole.unwrap_or(Numeral::Float(number)));
            }
            Cell::Boolean(value) => *if value { &mut self.n_true } else { &mut self.n_false } += 1,
            Cell::Date(_) => {
                self.n_date += 1;
                self.by_grain.add(Grain::Day, 1);
            }
            Cell::Time(_) => self.n_time += 1,
            Cell::Timestamp(_) => {
                self.n_timestamp += 1;
                self.by_grain.add(Grain::Day, 1);
            }
            Cell::Duration(_) => self.n_duration += 1,
        }
    }

    fn add_text(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let numeral = numeral(text.as_bytes());
        if numeral.is_none() && is_null_word(text) {
            self.n_null_word += 1;
            return;
        }
        self.count(text);
        self.n_as_text += 1;
        if let Some(numeral) = numeral {
            self.add_numeral(text, numeral);
        } else if let Some(moment) = moment(text.as_bytes()) {
            self.add_moment(text, moment);
        } else if !self.add_quantity(text) {
            self.add_word(text);
        }
    }

    /// Follows numbers that count up from 1, one or two at a time.
    fn count(&mut self, text: &str) {
        if self.n_counted == self.n_as_text
            && text.len() <= 4
            && let Ok(number) = text.parse::<u64>()
            && (self.last_counted + 1..=self.last_counted + 2).contains(&number)
        {
            self.n_counted += 1;
            self.last_counted = number;
        }
    }

    fn add_in_both(&mut self, numeral: Numeral) {
        self.n_number += 1;
        self.point.add(numeral);
        self.comma.add(numeral);
    }

    fn add_numeral(&mut self, text: &str, numeral: Numeral) {
        if numeral != Numeral::Code {
            self.guise.add(text, "");
        }
        match numeral {
            Numeral::Code => {
                self.n_code += 1;
                self.guise.add_code(text);
                self.n_long_codes += u64::from(text.len() > 2);
            }
            Numeral::Plain { mantissa, scale: 0 } if !text.contains(',') => {
                self.n_compact += u64::from(text.len() == 8 && compact(mantissa).is_some());
                self.add_long(text);
                self.add_in_both(numeral);
            }
            Numeral::Plain { .. } | Numeral::Float(_) => {
                self.n_number += 1;
                self.point.add(numeral);
                self.n_padded += u64::from(number::is_padded(text));
                if let Some(other) = quantity(text, Notation::Comma) {
                    self.comma.add(other.numeral);
                    self.n_either += 1;
                    self.n_comma_groups += u64::from(text.contains(','));
                }
            }
        }
    }

    fn add_long(&mut self, text: &str) {
        let n_digits = u8::try_from(text.len()).unwrap_or(u8::MAX);
        if n_digits < LONG || !text.starts_with(|c: char| c.is_ascii_digit()) {
            return;
        }
        self.long = (n_digits, self.n_long == 0 || self.long == (n_digits, true));
        self.n_long += 1;
        self.n_epoch += u64::from(n_digits == 13 && text.starts_with('1'));
    }

    /// Whether all values are long, and either as long as each other or longer than a spreadsheet's numbers are exact.
    pub(super) fn is_of_long_digits(&self) -> bool {
        let (n_digits, is_even) = self.long;
        self.n_long == self.n_values() && self.n_long > 1 && (is_even || n_digits > 15) && self.n_epoch < self.n_long
    }

    /// Whether the text is a number with something around it.
    fn add_quantity(&mut self, text: &str) -> bool {
        let (point, comma) = (quantity(text, Notation::Point), quantity(text, Notation::Comma));
        let Some(Quantity { unit, manner, .. }) = point.or(comma) else { return false };
        self.n_number += 1;
        self.guise.add(text, unit);
        self.spans.add(text);
        if let Some(point) = point {
            self.point.add(point.numeral);
        }
        if let Some(comma) = comma {
            self.comma.add(comma.numeral);
        }
        if point.zip(comma).is_some_and(|(point, comma)| point.numeral != comma.numeral) {
            self.n_either += 1;
            self.n_comma_groups += u64::from(text.contains(','));
        }
        self.n_bracketed += u64::from(manner.is_bracketed);
        self.n_phone_like += u64::from(manner.is_phone_like);
        self.n_adorned += u64::from(manner.is_marked || !unit.is_empty());
        if unit.is_empty() {
            return true;
        }
        if let Some((_, n)) = self.units.iter_mut().find(|(known, _)| units::same(known, unit)) {
            *n += 1;
        } else if self.units.len() < N_UNITS {
            self.units.push((unit.to_owned(), 1));
        } else {
            self.n_rare_units += 1;
        }
        true
    }

    fn add_word(&mut self, text: &str) {
        if let Some(truth) = truth(text) {
            *if truth.value { &mut self.n_true } else { &mut self.n_false } += 1;
            self.other_pairs |= !truth.pairs;
        } else if duration(text).is_some() {
            self.n_duration += 1;
        } else if let Some((first, _)) = two_parts(text) {
            self.n_pair += 1;
            self.n_long_pair += u64::from(first > 23);
        } else {
            self.n_text += 1;
            let has_digits = text.contains(|c: char| c.is_ascii_digit());
            let has_letters = text.contains(char::is_alphabetic);
            if !has_digits {
                self.n_remark += 1;
                self.remark.get_or_insert_with(|| text.chars().take(40).collect());
                self.n_same_remark += u64::from(self.remark.as_deref() == Some(text));
            }
            self.n_token += u64::from(has_digits && has_letters && !text.contains(char::is_whitespace));
        }
    }

    fn add_moment(&mut self, text: &str, moment: Moment) {
        match moment {
            Moment { day: None, .. } => self.n_time += 1,
            Moment { time: None, .. } => self.n_date += 1,
            Moment { offset: None, .. } => self.n_timestamp += 1,
            Moment { .. } => self.n_timestamp_tz += 1,
        }
        self.n_short_year += u64::from(moment.is_short_year);
        self.n_bare += u64::from(moment.is_bare);
        if moment.day.is_some() {
            self.by_grain.add(moment.grain, 1);
            self.n_season += u64::from(moment.grain == Grain::Month && is_season(text));
        }
        if let Some(day @ Day::Open { dotted, .. }) = moment.day {
            self.n_open += 1;
            self.n_day_first += u64::from(day.resolve(Order::DayFirst).is_some());
            self.n_month_first += u64::from(day.resolve(Order::MonthFirst).is_some());
            self.n_dotted += u64::from(dotted);
        }
    }

    /// Takes in `n` values that were seen to suit a reading, so that what does not is weighed against them.
    pub(super) fn add_suited(&mut self, reading: Reading, notation: Notation, n: u64) {
        let numbers = match notation {
            Notation::Point => &mut self.point,
            Notation::Comma => &mut self.comma,
        };
        match reading {
            Reading::Integer => {
                self.point.n_integer += n;
                self.comma.n_integer += n;
            }
            Reading::Decimal { .. } => numbers.n_decimal += n,
            Reading::Double => numbers.n_double += n,
            Reading::Date(_) => self.n_date += n,
            Reading::Time => self.n_time += n,
            Reading::Timestamp(_) => self.n_timestamp += n,
            Reading::TimestampTz(_) => self.n_timestamp_tz += n,
            Reading::Interval => self.n_duration += n,
            Reading::Boolean | Reading::Nothing | Reading::Text | Reading::TextAsTyped => {}
        }
        match reading {
            Reading::Integer | Reading::Decimal { .. } | Reading::Double => self.n_number += n,
            Reading::Date(_) | Reading::Timestamp(_) | Reading::TimestampTz(_) => {
                let most = self.by_grain.most();
                self.by_grain.add(most, n);
            }
            Reading::Boolean => self.n_true += n,
            Reading::Time | Reading::Interval | Reading::Nothing | Reading::Text | Reading::TextAsTyped => {}
        }
        self.n_as_text += n;
    }

    /// Cells with a value.
    pub(super) fn n_values(&self) -> u64 {
        self.n_true
            + self.n_false
            + self.n_number
            + self.n_date
            + self.n_time
            + self.n_timestamp
            + self.n_timestamp_tz
            + self.n_duration
            + self.n_pair
            + self.n_code
            + self.n_text
    }
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
