//! Decisions of a reading that a caller changed; they hold whenever the file is read again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ReadError, Totals, declared, layout::Region};

/// What was changed, for a whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fixes {
    /// Text files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// By a table's title.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sheets: BTreeMap<String, SheetFix>,
}

/// What was changed for one table; what is absent is decided by the reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetFix {
    /// Counted from 1; none heads the columns where it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_rows: Option<Vec<u64>>,
    /// Such as `A5:H20`, header included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// `DuckDB` types by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub types: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_first: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

impl Fixes {
    pub fn is_empty(&self) -> bool {
        *self == Fixes::default()
    }

    pub(super) fn of(&self, title: &str) -> Option<&SheetFix> {
        self.sheets.get(title)
    }
}

impl SheetFix {
    /// Whether a column can be read as a type of `DuckDB`'s.
    pub fn can_be(type_name: &str) -> bool {
        declared::reading(&canonical(type_name)).is_some()
    }

    /// Adds what was changed later.
    pub fn change(&mut self, later: SheetFix) {
        self.header_rows = later.header_rows.or(self.header_rows.take());
        self.region = later.region.or(self.region.take());
        self.types.extend(later.types);
        self.day_first = later.day_first.or(self.day_first);
        self.totals = later.totals.or(self.totals);
    }
}

/// The name that a type goes by here.
pub(super) fn canonical(type_name: &str) -> String {
    let name = type_name.trim().to_ascii_uppercase();
    let known = match name.as_str() {
        "TEXT" | "STRING" | "VARCHAR" | "CHAR" => "VARCHAR",
        "INT" | "INTEGER" | "BIGINT" | "SMALLINT" | "TINYINT" | "HUGEINT" => "BIGINT",
        "FLOAT" | "REAL" | "DOUBLE" | "NUMBER" => "DOUBLE",
        "BOOL" | "BOOLEAN" => "BOOLEAN",
        "DATETIME" | "TIMESTAMP" => "TIMESTAMP",
        "TIMESTAMPTZ" => "TIMESTAMP WITH TIME ZONE",
        "DECIMAL" | "NUMERIC" => "DECIMAL(18,3)",
        other => other,
    };
    known.to_owned()
}

impl Region {
    /// From `A5:H20`, or columns alone as in `A:H`.
    pub(super) fn parse(text: &str) -> Result<Region, ReadError> {
        let bad = || ReadError::Option {
            message: format!("`{text}` is not a region"),
            hint: "write it as `A5:H20`, header included, or as `A:H` for all rows of some columns".to_owned(),
        };
        let (from, to) = text.trim().split_once(':').ok_or_else(bad)?;
        let (left, top) = corner(from).ok_or_else(bad)?;
        let (right, bottom) = corner(to).ok_or_else(bad)?;
        let region =
            Region { rows: (top.unwrap_or(1), bottom.unwrap_or(u64::MAX)), columns: (left, right), title: None };
        if region.rows.0 > region.rows.1 || left > right || region.rows.0 == 0 { Err(bad()) } else { Ok(region) }
    }
}

/// A column from 0, and a row from 1.
fn corner(text: &str) -> Option<(u32, Option<u64>)> {
    let text = text.trim().replace('$', "").to_ascii_uppercase();
    let digits = text.trim_start_matches(|c: char| c.is_ascii_uppercase());
    let letters = text.strip_suffix(digits).filter(|letters| (1..=3).contains(&letters.len()))?;
    let column = letters.bytes().fold(0_u32, |n, letter| n * 26 + u32::from(letter - b'A') + 1);
    let row = if digits.is_empty() { None } else { Some(digits.parse().ok()?) };
    Some((column - 1, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_read_as_in_a_spreadsheet() {
        let found = ["A5:H20", "$b$2:AA3", "C:D", "H20:A5", "A0:B1", "A", "5:6"]
            .map(|text| Region::parse(text).ok().map(|region| (region.rows, region.columns)));
        let expect =
            [Some(((5, 20), (0, 7))), Some(((2, 3), (1, 26))), Some(((1, u64::MAX), (2, 3))), None, None, None, None];
        assert_eq!(found, expect);
    }
}
