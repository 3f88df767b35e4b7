//! The receipt of one column: why it is what it is, in words.

use super::{
    build::PlannedColumn,
    columns::Doubt,
    identifier::Pair,
    moment::{Grain, Order, PIVOT},
    quantity::Notation,
    reading::Reading,
    receipt::Decision,
    verdict::Ground,
};

impl PlannedColumn {
    /// `n_values`: cells that converted; `n_strays`: those that did not; `is_doubtful`: whether some could be another.
    pub(super) fn decision(&self, n_values: u64, n_strays: u64, is_doubtful: bool) -> Decision {
        let n_all = n_values + n_strays;
        let percent = (n_values * 100).checked_div(n_all).and_then(|percent| u8::try_from(percent).ok()).unwrap_or(100);
        Decision {
            about: "type".to_owned(),
            decided: format!("{}: {}", self.name, self.verdict.reading.column_type()),
            because: self.reason(n_values, n_all),
            confidence: if is_doubtful { percent / 2 } else { percent },
            alternatives: self.alternatives(is_doubtful),
        }
    }

    /// The unit, currency or period that its values were written with.
    pub(super) fn unit(&self) -> Option<&str> {
        let unit = match self.verdict.style.grain {
            Grain::Day => self.verdict.style.unit.as_str(),
            Grain::Week => "week",
            Grain::Month => "month",
            Grain::Quarter => "quarter",
        };
        (!unit.is_empty()).then_some(unit)
    }

    fn reason(&self, n_values: u64, n_all: u64) -> String {
        match self.verdict.ground {
            Ground::NoValues => "no cell has a value".to_owned(),
            Ground::Declared => "the workbook says it".to_owned(),
            Ground::Asked => "it was asked for".to_owned(),
            Ground::Words => "its values are words".to_owned(),
            Ground::Other => "no number, date, time or truth value is among them".to_owned(),
            Ground::Mixed => "its values are of several kinds, none of them nine tenths of all".to_owned(),
            Ground::Codes => {
                "digits that name something: zeros in front, phone numbers, twelve digits each and more".to_owned()
            }
            Ground::Guise => {
                "a letter, word or sign beside most numbers may be part of a name, and nothing says a unit or a scale"
                    .to_owned()
            }
            Ground::Versions => "they could be versions or sections as well as dates, and nothing tells".to_owned(),
            Ground::Named => "its name says that it holds codes".to_owned(),
            Ground::AsTyped => "the workbook has them as text".to_owned(),
            Ground::Values => {
                let share = if n_values == n_all {
                    format!("all {n_all} values")
                } else {
                    format!("{n_values} of {n_all} values")
                };
                [format!("{share} are {}", self.kind())].into_iter().chain(self.manner()).collect::<Vec<_>>().join("; ")
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self.verdict.reading {
            Reading::Boolean => "words for true and false",
            Reading::Integer => "whole numbers",
            Reading::Decimal { .. } | Reading::Double => "numbers",
            Reading::Date(_) => match self.verdict.style.grain {
                Grain::Day => "dates",
                Grain::Week => "weeks, as their first day",
                Grain::Month => "months, as their first day",
                Grain::Quarter => "quarters, as their first day",
            },
            Reading::Time => "times of day",
            Reading::Timestamp(_) => "dates, some with a time",
            Reading::TimestampTz(_) => "points in time with an offset",
            Reading::Interval => "durations",
            Reading::Nothing | Reading::Text | Reading::TextAsTyped => "text",
        }
    }

    /// How they were written, where that was a decision.
    fn manner(&self) -> Vec<String> {
        let style = &self.verdict.style;
        let mut manner = Vec::new();
        if style.notation == Notation::Comma {
            manner.push("decimal comma, as this column or the others show".to_owned());
        }
        if self.verdict.is_scaled {
            manner.push("letters behind digits scale them: k a thousand, M a million, B a billion times".to_owned());
        }
        if !style.unit.is_empty() {
            manner.push(format!("`{}` is taken for their unit", style.unit));
        }
        if style.is_padded {
            manner.push("zeros in front only pad".to_owned());
        }
        match self.verdict.reading.date_order() {
            Some(Order::DayFirst) => manner.push("day before month".to_owned()),
            Some(Order::MonthFirst) => manner.push("month before day".to_owned()),
            Some(Order::Unasked) | None => {}
        }
        if self.verdict.reading == Reading::Interval && self.verdict.has_pairs {
            manner.push(match style.pair {
                Pair::HoursAndMinutes => "two numbers are hours and minutes".to_owned(),
                Pair::MinutesAndSeconds => "two numbers are minutes and seconds".to_owned(),
            });
        }
        if self.verdict.has_short_years {
            manner.push(format!("years of two digits from {PIVOT} on are of the last century"));
        }
        manner
    }

    fn alternatives(&self, is_doubtful: bool) -> Vec<String> {
        let other = match (self.doubt.filter(|_| is_doubtful), self.verdict.reading) {
            (Some(Doubt::Compact), _) => "BIGINT",
            (Some(Doubt::Comma), _) => "decimal comma",
            (Some(Doubt::Point), _) => "BIGINT",
            (Some(Doubt::Bare | Doubt::Percent | Doubt::Rounded), _) => "VARCHAR",
            (Some(Doubt::Order), Reading::Date(Order::DayFirst) | Reading::Timestamp(Order::DayFirst)) => {
                "month before day"
            }
            (Some(Doubt::Order), _) => "day before month",
            (None, _) if self.verdict.n_misfits > 0 && self.verdict.ground != Ground::Asked => "VARCHAR",
            (None, _) => return Vec::new(),
        };
        vec![other.to_owned()]
    }
}
