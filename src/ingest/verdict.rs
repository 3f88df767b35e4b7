//! The decision: how a column is read, by all its evidence.

use super::{
    evidence::Evidence,
    identifier::{Pair, names_a_counter, names_a_date, names_a_duration, names_a_time, names_codes, names_languages},
    moment::{Grain, Order},
    quantity::Notation,
    reading::Reading,
    words::{CERTAIN, PLAIN},
};

/// How the values of a column are written, as far as its reading depends on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) notation: Notation,
    /// The unit or currency of its numbers; empty where none has one.
    pub(super) unit: String,
    /// Whether zeros in front say nothing: the numbers count the rows, or are padded to a width.
    pub(super) is_padded: bool,
    /// Whether a plus is a sign before however many digits.
    pub(super) is_signed: bool,
    /// Whether dates are eight digits.
    pub(super) is_compact: bool,
    pub(super) grain: Grain,
    /// What two numbers with a colon last.
    pub(super) pair: Pair,
}

/// What stands beside a column and helps to decide it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Setting {
    /// Whether all cells come as text, so that this says nothing.
    pub(super) is_text_file: bool,
    /// Whether other columns of the table have a decimal comma, and none a decimal point.
    pub(super) has_commas: bool,
}

/// What was decided, and on what grounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) reading: Reading,
    pub(super) style: Style,
    pub(super) ground: Ground,
    /// Values that the reading does not suit, as far as they were seen.
    pub(super) n_misfits: u64,
    /// Whether years were written with two digits.
    pub(super) has_short_years: bool,
    /// Whether some value is two numbers with a colon, and some a number with a letter for a power of ten.
    pub(super) has_pairs: bool,
    pub(super) is_scaled: bool,
}

/// Why a column is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    NoValues,
    /// All values, or all but a small share.
    Values,
    /// The file says it.
    Declared,
    /// A caller says it: whatever does not suit it becomes null.
    Asked,
    /// Too many values are of another kind.
    Mixed,
    /// Digits that name something: leading zeros, phone numbers, long ones.
    Codes,
    /// Digits with a letter, word or sign that may be part of a name.
    Guise,
    /// Dates that could be versions or sections: `1.3.24`.
    Versions,
    /// The column's name says that it holds codes.
    Named,
    /// A workbook's text cells.
    AsTyped,
    /// All values are words.
    Words,
    /// Nothing that is known here.
    Other,
}

/// One in so many values may be a remark without a digit; one in twice as many something with digits; codes such as
/// `12a` among whole numbers, ten times rarer, for they say that the others are codes too.
const SHARE: u64 = 10;

/// So many eight-digit numbers that are dates all are dates, whatever the column is called.
const COMPACT: u64 = 12;

/// One in so many values may be the same word each time.
const SAME_SHARE: u64 = 3;

/// From so many values on, a single remark is tolerated in any case; twice as many for a single value with digits.
const FEW: u64 = 5;

/// Rows that must count up before two-digit zeros are believed to be padding.
const COUNTED: u64 = 10;

impl Verdict {
    /// What the file itself says.
    pub(super) fn declared(reading: Reading) -> Verdict {
        Verdict {
            reading,
            style: Style::default(),
            ground: Ground::Declared,
            n_misfits: 0,
            has_short_years: false,
            has_pairs: false,
            is_scaled: false,
        }
    }
}

impl Evidence {
    /// Whether later cells may still decide what these leave open.
    pub(super) fn is_open(&self) -> bool {
        let n_values = self.n_values();
        let only_null_words = n_values == 0 && self.n_null_word > 0;
        let only_one_truth = n_values > 0 && self.n_true.max(self.n_false) == n_values && !self.is_truth("");
        only_null_words || only_one_truth || self.is_ambiguous()
    }

    /// Whether every date that leaves the order open could be read with the day or with the month first.
    pub(super) fn is_ambiguous(&self) -> bool {
        let is_open = self.n_open > 0 && self.n_day_first == self.n_open && self.n_month_first == self.n_open;
        is_open && self.n_text == 0
    }

    /// Whether the column's numbers have a decimal comma (1) or a decimal point (-1); 0 where nothing tells.
    pub(super) fn leaning(&self) -> i8 {
        if self.n_number * 10 < self.n_values() * 9 { 0 } else { self.lean() }
    }

    /// Whether each number with a point could have a group of digits behind it as well as three decimals: `1.115`.
    pub(super) fn leaves_points_open(&self) -> bool {
        self.lean() == 0 && self.point.n_decimal > 0 && self.comma.n_decimal + self.comma.n_double == 0
    }

    /// Whether some number has a whole part of more digits than a double holds.
    pub(super) fn has_many_digits(&self) -> bool {
        self.point.max_whole_digits.max(self.comma.max_whole_digits) > 15
    }

    /// The day's place that suits most dates. Where both do, points put the day first and the rest the month.
    pub(super) fn order(&self) -> Order {
        if self.n_open == 0 {
            return Order::Unasked;
        }
        let is_tied = self.n_day_first == self.n_month_first;
        if self.n_day_first > self.n_month_first || (is_tied && self.n_dotted > 0) {
            Order::DayFirst
        } else {
            Order::MonthFirst
        }
    }

    fn is_truth(&self, name: &str) -> bool {
        let pairs = !self.other_pairs & if names_languages(name) { PLAIN } else { u32::MAX };
        pairs & CERTAIN != 0 || (pairs != 0 && self.n_true > 0 && self.n_false > 0)
    }

    /// The reading by the cells alone.
    pub(super) fn decide(&self, is_text_file: bool) -> Reading {
        self.verdict("", Setting { is_text_file, ..Setting::default() }).reading
    }

    /// The reading that suits all values but for a small share.
    pub(super) fn verdict(&self, name: &str, setting: Setting) -> Verdict {
        let n_values = self.n_values();
        let (best, n_suited) = self.best(name, setting);
        let is_number = matches!(best, Reading::Integer | Reading::Decimal { .. } | Reading::Double);
        let is_padded = is_number && self.is_padded(name);
        let n_misfits = n_values.saturating_sub(n_suited);
        let (reading, ground) = self.judge(name, setting, (best, n_misfits), is_padded);
        // What a column is not read by is still there for a caller who wants it read so.
        let style = Style {
            notation: self.notation(setting),
            unit: if is_number { self.unit().0.to_owned() } else { String::new() },
            is_padded,
            is_signed: is_number && self.guise.n_signed() > 0,
            is_compact: matches!(best, Reading::Date(_)) && self.n_compact == n_suited,
            grain: self.by_grain.most(),
            pair: self.pair(name),
        };
        let is_read = ground == Ground::Values;
        Verdict {
            reading,
            style,
            ground,
            n_misfits: if is_read { n_misfits } else { 0 },
            has_short_years: is_read && self.n_short_year > 0,
            has_pairs: self.n_pair > 0,
            is_scaled: is_read && is_number && self.guise.is_scaled(),
        }
    }

    /// The reading, and why: the best one, or text. `best`: the commonest kind, and values that are of another.
    fn judge(&self, name: &str, setting: Setting, best: (Reading, u64), is_padded: bool) -> (Reading, Ground) {
        let (reading, n_misfits) = best;
        let n_values = self.n_values();
        let is_all_text = self.n_as_text == n_values;
        let is_number = matches!(reading, Reading::Integer | Reading::Decimal { .. } | Reading::Double);
        if n_values == 0 {
            return (if self.n_null_word > 0 { Reading::Text } else { Reading::Nothing }, Ground::NoValues);
        }
        if is_all_text && names_codes(name) {
            return (Reading::Text, Ground::Named);
        }
        if n_misfits == n_values {
            let is_words = self.n_remark + self.n_true + self.n_false == n_values;
            let ground = if is_words { Ground::Words } else { Ground::Other };
            return (Reading::Text, if self.n_code > 0 { Ground::Codes } else { ground });
        }
        if is_number
            && (self.is_of_codes()
                || (is_all_text && self.is_of_long_digits())
                || (self.n_code > self.guise.n_signed() && !is_padded))
        {
            return (Reading::Text, Ground::Codes);
        }
        if is_number && self.guise.is_of_exponents(n_values) {
            return (Reading::Text, Ground::Codes);
        }
        let is_guise = self.guise.is_of_bounds(n_values) || self.guise.is_of_names(name, self.unit().0, self.n_number);
        if is_number && is_guise {
            return (Reading::Text, Ground::Guise);
        }
        if !self.tolerates(reading, n_misfits) {
            return (Reading::Text, Ground::Mixed);
        }
        if !self.has_sure_dates(name) {
            return (Reading::Text, Ground::Versions);
        }
        if is_all_text && !setting.is_text_file && self.n_adorned * 2 <= n_values {
            return (Reading::TextAsTyped, Ground::AsTyped);
        }
        (reading, Ground::Values)
    }

    /// Whether dates such as `1.3.24` are no versions or sections: the column's name says so, a date beside them has all
    /// four digits of its year, or one of them has a day beyond 12 and none a month.
    fn has_sure_dates(&self, name: &str) -> bool {
        let n_dates = self.n_date + self.n_timestamp + self.n_timestamp_tz;
        self.n_bare == 0
            || names_a_date(name)
            || n_dates > self.n_short_year
            || (self.n_day_first == self.n_open && self.n_month_first < self.n_open)
    }

    /// The kind that most values are of, and how many.
    fn best(&self, name: &str, setting: Setting) -> (Reading, u64) {
        let order = self.order();
        let lost = self.n_open - self.n_day_first.max(self.n_month_first);
        let n_grain = self.by_grain.of(self.by_grain.most());
        // Dates of both orders in one column can't be told apart, unless one order is the rare slip.
        let is_torn = lost > 0 && lost * SHARE > self.n_open;
        let in_grain = |n: u64| if self.is_of_seasons() || is_torn { 0 } else { n.min(n_grain).saturating_sub(lost) };
        let numbers = match self.notation(setting) {
            Notation::Point => &self.point,
            Notation::Comma => &self.comma,
        };
        let (_, n_other_units) = self.unit();
        let n_padded_codes = if self.is_padded(name) { self.n_code } else { self.guise.n_signed() };
        let n_number = numbers.total().saturating_sub(n_other_units) + n_padded_codes;
        let n_least = if names_a_date(name) { 3 } else { COMPACT };
        if self.n_compact == self.n_number && self.n_compact >= n_least && self.n_compact == self.n_values() {
            return (Reading::Date(Order::Unasked), self.n_compact);
        }
        let is_lasting = self.n_duration > 0 || self.spans.is_mixed || names_a_duration(name).is_some();
        let n_span = if is_lasting { self.spans.n } else { 0 };
        let lasts = self.n_duration > 0 || self.spans.is_mixed || (self.n_pair > 0 && names_a_duration(name).is_some());
        // `3:45` alone may be a score; beside `12:10`, or below `Departure`, it is a time.
        let is_clock = self.n_long_pair == 0 && (self.n_time > 0 || names_a_time(name));
        let n_clock = if is_clock { self.n_pair } else { 0 };
        let n_truth = if self.is_truth(name) { self.n_true + self.n_false } else { 0 };
        let kinds = [
            (numbers.reading(), n_number),
            (Reading::Boolean, n_truth),
            (Reading::Time, if lasts { 0 } else { self.n_time + n_clock }),
            (Reading::Date(order), in_grain(self.n_date)),
            (
                Reading::Timestamp(order),
                if self.n_timestamp > 0 { in_grain(self.n_date + self.n_timestamp) } else { 0 },
            ),
            (Reading::TimestampTz(order), in_grain(self.n_timestamp_tz)),
            // A time of day beside durations is one under 24 hours.
            (Reading::Interval, if lasts { self.n_duration + self.n_time + self.n_pair + n_span } else { 0 }),
        ];
        kinds.into_iter().fold((Reading::Text, 0), |best, next| if next.1 > best.1 { next } else { best })
    }

    /// Whether so many values of another kind may become null.
    fn tolerates(&self, reading: Reading, n_misfits: u64) -> bool {
        if n_misfits == 0 {
            return true;
        }
        if matches!(reading, Reading::Boolean) {
            return false;
        }
        let n_remarks = self.n_remark.min(n_misfits);
        let n_same = self.n_same_remark.min(n_remarks);
        let n_values = self.n_values();
        // One word over and over (`DNF`, `Test driver`) is a mark for no value.
        if n_same == n_misfits && n_same * SAME_SHARE <= n_values && n_same > 1 {
            return true;
        }
        let n_tokens = if reading == Reading::Integer { self.n_token.min(n_misfits - n_remarks) } else { 0 };
        let cost = n_remarks + 2 * (n_misfits - n_remarks - n_tokens) + 10 * n_tokens;
        cost * SHARE <= n_values || (cost <= 2 && n_misfits == 1 && n_values >= FEW * cost)
    }

    /// Hours are written with two digits, or there is none above 23: what is shorter beside longer durations has no hours.
    fn pair(&self, name: &str) -> Pair {
        let found = if self.n_pair > 0 { Pair::MinutesAndSeconds } else { Pair::HoursAndMinutes };
        names_a_duration(name).unwrap_or(found)
    }

    fn notation(&self, setting: Setting) -> Notation {
        let leaning = self.lean();
        let is_undecided = leaning == 0 && self.n_either > 0;
        if leaning > 0 || (is_undecided && setting.has_commas) { Notation::Comma } else { Notation::Point }
    }

    /// By which notation more values are numbers. A few slips among many values like `1,115` are no decimal commas.
    fn lean(&self) -> i8 {
        let (point, comma) = (self.point.total(), self.comma.total());
        let is_slip = comma > point && (comma - point) * SHARE <= self.n_comma_groups;
        if is_slip { -1 } else { i8::from(comma > point) - i8::from(point > comma) }
    }

    /// The commonest unit, and how many numbers have another.
    fn unit(&self) -> (&str, u64) {
        let n_all: u64 = self.units.iter().map(|(_, n)| n).sum::<u64>() + self.n_rare_units;
        let most = self.units.iter().max_by_key(|(_, n)| *n);
        most.map_or(("", 0), |(unit, n)| (unit.as_str(), n_all - n))
    }

    /// `2003-04`, `2004-05`: seasons rather than months, where all of them could be.
    fn is_of_seasons(&self) -> bool {
        self.n_season > 0 && self.n_season == self.by_grain.of(Grain::Month) && self.by_grain.most() == Grain::Month
    }

    /// Numberings in parentheses and phone numbers, where no number is otherwise.
    fn is_of_codes(&self) -> bool {
        self.n_bracketed == self.n_number || (self.n_phone_like == self.n_number && self.n_number > 1)
    }

    /// Whether zeros in front only pad: they count the rows, or decimals have them too.
    fn is_padded(&self, name: &str) -> bool {
        let is_counting = self.n_counted == self.n_values() && self.n_values() >= COUNTED;
        let is_short = self.n_long_codes == 0;
        self.n_code > 0 && (self.n_padded > 0 || (is_counting && (is_short || names_a_counter(name))))
    }
}
