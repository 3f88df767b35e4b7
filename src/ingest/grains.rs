//! How many dates of a column are days, weeks, months and quarters.

use super::moment::Grain;

/// Dates by what they stand for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Grains {
    day: u64,
    week: u64,
    month: u64,
    quarter: u64,
}

impl Grains {
    pub(super) fn of(&self, grain: Grain) -> u64 {
        match grain {
            Grain::Day => self.day,
            Grain::Week => self.week,
            Grain::Month => self.month,
            Grain::Quarter => self.quarter,
        }
    }

    pub(super) fn add(&mut self, grain: Grain, n: u64) {
        *match grain {
            Grain::Day => &mut self.day,
            Grain::Week => &mut self.week,
            Grain::Month => &mut self.month,
            Grain::Quarter => &mut self.quarter,
        } += n;
    }

    pub(super) fn most(&self) -> Grain {
        let grains = [Grain::Quarter, Grain::Month, Grain::Week, Grain::Day];
        grains.into_iter().max_by_key(|grain| self.of(*grain)).unwrap_or_default()
    }
}

/// `2003-04`: the year after.
pub(super) fn is_season(text: &str) -> bool {
    let (year, next) = text.split_once(['-', '/']).unwrap_or((text, ""));
    let (Ok(year), Ok(next)) = (year.parse::<u32>(), next.parse::<u32>()) else { return false };
    text.len() == 7 && (year + 1) % 100 == next
}
