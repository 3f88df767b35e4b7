//! Typed Arrow columns, built strictly: a cell is what its column's reading says, null, or a misfit.

use std::{mem, sync::Arc};

use arrow_array::{
    ArrayRef,
    builder::{
        BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, IntervalDayTimeBuilder, PrimitiveBuilder,
        StringBuilder, Time64MicrosecondBuilder, TimestampMicrosecondBuilder,
    },
    types::{Decimal64Type, IntervalDayTime},
};
use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};

use super::{
    cell::Cell,
    clock::{duration, span, two_parts},
    identifier::Pair,
    moment::{DAY, Day, Moment, SECOND, compact, moment},
    number::{self, Numeral, numeral},
    quantity::{Notation, quantity},
    reading::Reading,
    show, units,
    verdict::Style,
    words::{is_null_word, truth},
};

/// What became of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Value,
    /// A decimal that lost the zeros in front of it, as in `08.25`: worth reporting.
    Padded,
    /// A number without the footnote mark or the like that stood beside it: worth reporting.
    Marked,
    /// A value that could be another: a date by the other order, a number by a decimal comma.
    Doubtful,
    Empty,
    /// A word for a missing value, an error cell, a formula without value: null, and worth reporting.
    NullWord,
    Error,
    Unevaluated,
    /// The cell is not what the column's reading says; nothing was appended.
    Misfit,
    /// A misfit that is known and tolerated: null, and worth reporting.
    Stray,
}

/// One column of the rows since the last `take`.
#[derive(Debug)]
pub(super) struct ColumnBuilder {
    reading: Reading,
    style: Style,
    doubt: Option<Doubt>,
    /// Whether the file itself says the reading: what else would be taken for a code or a double is one of its values.
    is_declared: bool,
    values: Values,
}

/// What a column's values may leave in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The day and the month of its dates, which nothing in the column tells apart.
    Order,
    /// Whether its eight digits are dates, which its name does not say.
    Compact,
    /// Whether a comma groups digits or comes before decimals.
    Comma,
    /// Whether a point does.
    Point,
    /// Whether numbers without `%` among percents are percents too.
    Bare,
    /// Whether percents as text among a workbook's numbers are written as those are.
    Percent,
    /// Whether numbers of many digits beside fractions, which are rounded, are numbers at all.
    Rounded,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Decimal(PrimitiveBuilder<Decimal64Type>),
    Double(Float64Builder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Interval(IntervalDayTimeBuilder),
    Text(StringBuilder),
}

impl ColumnBuilder {
    pub(super) fn new(reading: Reading, style: Style, doubt: Option<Doubt>, is_declared: bool) -> ColumnBuilder {
        ColumnBuilder { reading, style, doubt, is_declared, values: Values::new(reading) }
    }

    pub(super) fn append(&mut self, cell: Cell<'_>) -> Outcome {
        let outcome = match (cell, cell.text()) {
            (_, Some(text)) => self.append_text(text),
            (Cell::Error(_), None) => Outcome::Error,
            (Cell::Unevaluated(_), None) => Outcome::Unevaluated,
            (_, None) if self.append_native(cell).is_some() => Outcome::Value,
            (_, None) => Outcome::Misfit,
        };
        match outcome {
            Outcome::Value | Outcome::Padded | Outcome::Marked | Outcome::Doubtful | Outcome::Misfit => {}
            Outcome::Empty | Outcome::NullWord | Outcome::Error | Outcome::Unevaluated | Outcome::Stray => {
                self.values.append_null();
            }
        }
        outcome
    }

    pub(super) fn append_null(&mut self) {
        self.values.append_null();
    }

    /// The rows so far, as a column of its own.
    pub(super) fn take(&mut self) -> ArrayRef {
        mem::replace(&mut self.values, Values::new(self.reading)).finish()
    }

    /// Leaves out appending the null of a cell without a value.
    fn append_text(&mut self, text: &str) -> Outcome {
        if let (Values::Text(values), Reading::Text | Reading::TextAsTyped) = (&mut self.values, self.reading) {
            let blank =
                text.as_bytes().first().is_none_or(|byte| *byte <= b' ' || *byte >= 0x80) && text.trim().is_empty();
            if blank {
                return Outcome::Empty;
            }
            values.append_value(text);
            return Outcome::Value;
        }
        let trimmed = trim(text);
        if trimmed.is_empty() {
            return Outcome::Empty;
        }
        if let Some(is_marked) = self.append_parsed(trimmed) {
            if self.doubt.is_some_and(|doubt| doubt.concerns(trimmed)) {
                return Outcome::Doubtful;
            }
            if is_marked {
                return Outcome::Marked;
            }
            let is_number = matches!(self.reading, Reading::Integer | Reading::Decimal { .. } | Reading::Double);
            return if is_number && number::is_padded(trimmed) { Outcome::Padded } else { Outcome::Value };
        }
        if self.reading != Reading::Nothing && is_null_word(trimmed) { Outcome::NullWord } else { Outcome::Misfit }
    }

    /// Whether the value lost a mark; nothing where the text is none.
    fn append_parsed(&mut self, text: &str) -> Option<bool> {
        let bytes = text.as_bytes();
        match (&mut self.values, self.reading) {
            (Values::Integer(values), _) => {
                let (number, is_marked) = written(text, &self.style, self.is_declared)?;
                match number {
                    Numeral::Plain { mantissa, scale: 0 } => values.append_value(mantissa),
                    Numeral::Code if self.is_declared || self.style.is_padded => {
                        values.append_value(text.parse().ok()?);
                    }
                    Numeral::Plain { .. } | Numeral::Float(_) | Numeral::Code => return None,
                }
                return Some(is_marked);
            }
            (Values::Decimal(values), Reading::Decimal { scale }) => {
                let (number, is_marked) = written(text, &self.style, self.is_declared)?;
                values.append_value(unpadded(number, text, &self.style)?.scaled(scale)?);
                return Some(is_marked);
            }
            (Values::Double(values), _) => {
                let (number, is_marked) = written(text, &self.style, self.is_declared)?;
                values.append_value(unpadded(number, text, &self.style)?.as_double()?);
                return Some(is_marked);
            }
            (Values::Boolean(values), _) => values.append_value(truth(text)?.value),
            (Values::Date(values), Reading::Date(order)) => {
                if self.style.is_compact {
                    values.append_value(text.parse().ok().and_then(compact)?);
                } else {
                    let moment = day(text, &self.style).filter(|moment| moment.time.is_none())?;
                    values.append_value(moment.day?.resolve(order)?);
                }
            }
            (Values::Time(values), _) => {
                let clock = || two_parts(text).filter(|(hours, _)| *hours < 24);
                let plain = moment(bytes).filter(|moment| moment.day.is_none()).and_then(|moment| moment.time);
                let short = || clock().map(|(hours, minutes)| i64::from(hours * 60 + minutes) * 60 * SECOND);
                values.append_value(plain.or_else(short)?);
            }
            (Values::Interval(values), _) => {
                let time = || moment(bytes).filter(|moment| moment.day.is_none()).and_then(|moment| moment.time);
                let pair = two_parts(text).map(|pair| lasting(pair, self.style.pair));
                let millis = pair
                    .or_else(|| time().map(|micros| micros / 1_000))
                    .or_else(|| duration(text))
                    .or_else(|| span(text))?;
                values.append_value(interval(millis)?);
            }
            (Values::Timestamp(values), Reading::Timestamp(order)) => {
                let moment = day(text, &self.style).filter(|moment| moment.offset.is_none())?;
                let day = moment.day?.resolve(order)?;
                values.append_value(i64::from(day) * DAY + moment.time.unwrap_or(0));
            }
            (Values::Timestamp(values), Reading::TimestampTz(order)) => {
                let moment = day(text, &self.style)?;
                let day = moment.day?.resolve(order)?;
                values.append_value(i64::from(day) * DAY + moment.time? - moment.offset?);
            }
            _ => return None,
        }
        Some(false)
    }

    fn append_native(&mut self, cell: Cell<'_>) -> Option<()> {
        match (&mut self.values, cell) {
            (Values::Text(values), cell) if self.reading == Reading::Text => values.append_value(show::cell(cell)),
            (Values::Integer(values), Cell::Number(number)) => values.append_value(number::integer(number)?),
            (Values::Decimal(values), Cell::Number(number)) => {
                let Reading::Decimal { scale } = self.reading else { return None };
                let scaled = match number::integer(number) {
                    Some(whole) => Numeral::Plain { mantissa: whole, scale: 0 }.scaled(scale),
                    None if self.is_declared => number::scaled(number, scale),
                    None => None,
                };
                values.append_value(scaled?);
            }
            (Values::Double(values), Cell::Number(number)) => values.append_value(number),
            (Values::Boolean(values), Cell::Boolean(boolean)) => values.append_value(boolean),
            (Values::Date(values), Cell::Date(days)) => values.append_value(days),
            (Values::Time(values), Cell::Time(micros)) => values.append_value(micros),
            (Values::Timestamp(values), Cell::Timestamp(micros)) => values.append_value(micros),
            (Values::Timestamp(values), Cell::Date(days)) => values.append_value(i64::from(days) * DAY),
            (Values::Interval(values), Cell::Duration(millis)) => {
                values.append_value(interval(millis)?);
            }
            (Values::Interval(values), Cell::Time(micros)) => values.append_value(interval(micros / 1_000)?),
            _ => return None,
        }
        Some(())
    }
}

impl Doubt {
    /// Whether it concerns a value that was read from `text`.
    fn concerns(self, text: &str) -> bool {
        match self {
            Doubt::Order => moment(text.as_bytes()).and_then(|moment| moment.day).is_some_and(Day::is_ambiguous),
            Doubt::Compact => true,
            Doubt::Comma => number::has_one_group(text, ','),
            Doubt::Point => number::has_one_group(text, '.'),
            Doubt::Bare => !text.contains('%') && text.contains(|c| ('1'..='9').contains(&c)),
            Doubt::Percent => text.contains('%'),
            Doubt::Rounded => numeral(text.as_bytes()).is_some_and(Numeral::is_beyond_doubles),
        }
    }
}

/// A date of the column's own grain: a month among days is not its first day.
fn day(text: &str, style: &Style) -> Option<Moment> {
    moment(text.as_bytes()).filter(|moment| moment.grain == style.grain)
}

/// The number, zeros in front of it taken off where they only pad.
fn unpadded(number: Numeral, text: &str, style: &Style) -> Option<Numeral> {
    match number {
        Numeral::Code if style.is_padded => numeral(text.trim_start_matches('0').as_bytes()),
        Numeral::Plain { .. } | Numeral::Float(_) | Numeral::Code => Some(number),
    }
}

/// The number that a text is by the column's style, and whether it lost a mark.
fn written(text: &str, style: &Style, is_declared: bool) -> Option<(Numeral, bool)> {
    let text = if style.is_signed { text.strip_prefix('+').unwrap_or(text) } else { text };
    let is_plain = style.notation == Notation::Point || !text.contains([',', '.']);
    if is_plain && let Some(numeral) = numeral(text.as_bytes()) {
        return Some((numeral, false));
    }
    if is_declared {
        return None;
    }
    let found = quantity(text, style.notation)?;
    (found.unit.is_empty() || units::same(found.unit, &style.unit)).then_some((found.numeral, found.manner.is_marked))
}

/// Milliseconds of `3:45`.
fn lasting((first, second): (u32, u32), pair: Pair) -> i64 {
    let units = i64::from(first) * 60 + i64::from(second);
    match pair {
        Pair::HoursAndMinutes => units * 60_000,
        Pair::MinutesAndSeconds => units * 1_000,
    }
}

fn interval(millis: i64) -> Option<IntervalDayTime> {
    // Parquet's milliseconds have no sign, so that a negative duration is less than its days.
    let days = i32::try_from(millis.div_euclid(86_400_000)).ok()?;
    let rest = i32::try_from(millis.rem_euclid(86_400_000)).ok()?;
    Some(IntervalDayTime::new(days, rest))
}

/// Without the white space around it; most cells have none.
fn trim(text: &str) -> &str {
    let bare = |byte: Option<&u8>| byte.is_none_or(|byte| (b'!'..0x80).contains(byte));
    let bytes = text.as_bytes();
    if bare(bytes.first()) && bare(bytes.last()) { text } else { text.trim() }
}

impl Values {
    fn new(reading: Reading) -> Values {
        match reading {
            Reading::Boolean => Values::Boolean(BooleanBuilder::new()),
            Reading::Integer => Values::Integer(Int64Builder::new()),
            Reading::Decimal { .. } => {
                Values::Decimal(PrimitiveBuilder::new().with_data_type(field("", reading).data_type().clone()))
            }
            Reading::Double => Values::Double(Float64Builder::new()),
            Reading::Date(_) => Values::Date(Date32Builder::new()),
            Reading::Time => Values::Time(Time64MicrosecondBuilder::new()),
            Reading::Timestamp(_) => Values::Timestamp(TimestampMicrosecondBuilder::new()),
            Reading::TimestampTz(_) => Values::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Reading::Interval => Values::Interval(IntervalDayTimeBuilder::new()),
            Reading::Nothing | Reading::Text | Reading::TextAsTyped => Values::Text(StringBuilder::new()),
        }
    }

    fn append_null(&mut self) {
        match self {
            Values::Boolean(values) => values.append_null(),
            Values::Integer(values) => values.append_null(),
            Values::Decimal(values) => values.append_null(),
            Values::Double(values) => values.append_null(),
            Values::Date(values) => values.append_null(),
            Values::Time(values) => values.append_null(),
            Values::Timestamp(values) => values.append_null(),
            Values::Interval(values) => values.append_null(),
            Values::Text(values) => values.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Values::Boolean(mut values) => Arc::new(values.finish()),
            Values::Integer(mut values) => Arc::new(values.finish()),
            Values::Decimal(mut values) => Arc::new(values.finish()),
            Values::Double(mut values) => Arc::new(values.finish()),
            Values::Date(mut values) => Arc::new(values.finish()),
            Values::Time(mut values) => Arc::new(values.finish()),
            Values::Timestamp(mut values) => Arc::new(values.finish()),
            Values::Interval(mut values) => Arc::new(values.finish()),
            Values::Text(mut values) => Arc::new(values.finish()),
        }
    }
}

/// The Arrow field of a column; Parquet keeps it so that `DuckDB` sees `ColumnType`'s name.
pub(super) fn field(name: &str, reading: Reading) -> Field {
    let data_type = match reading {
        Reading::Boolean => DataType::Boolean,
        Reading::Integer => DataType::Int64,
        Reading::Decimal { scale } => DataType::Decimal64(18, i8::try_from(scale).unwrap_or(0)),
        Reading::Double => DataType::Float64,
        Reading::Date(_) => DataType::Date32,
        Reading::Time => DataType::Time64(TimeUnit::Microsecond),
        Reading::Timestamp(_) => DataType::Timestamp(TimeUnit::Microsecond, None),
        Reading::TimestampTz(_) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Reading::Interval => DataType::Interval(IntervalUnit::DayTime),
        Reading::Nothing | Reading::Text | Reading::TextAsTyped => DataType::Utf8,
    };
    Field::new(name, data_type, true)
}
