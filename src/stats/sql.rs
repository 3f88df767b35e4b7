//! Pieces of SQL.

use crate::engine::types;

/// A text as a literal.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A number as a literal that DuckDB reads as the same double.
pub(super) fn double(value: f64) -> String {
    format!("CAST({value:e} AS DOUBLE)")
}

/// The column as its distance from the mean, in units of its reach: neither do large values take its digits, nor do its
/// products leave the range of doubles.
pub(super) fn centred(column: &str, mean: f64, min: f64, max: f64) -> String {
    let reach = (max - mean).max(mean - min);
    format!("({column} - {}) / {}", double(mean), double(reach))
}

/// Whether a column of this type can be computed with; booleans count as 0 and 1.
pub(super) fn is_numeric(type_name: &str) -> bool {
    is_number(type_name) || type_name == "BOOLEAN"
}

/// Whether a column of this type holds numbers.
pub(super) fn is_number(type_name: &str) -> bool {
    types::is_number(type_name)
}

/// Whether it holds whole numbers.
pub(super) fn is_whole(type_name: &str) -> bool {
    ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"].contains(&type_name.trim_start_matches('U'))
}

/// Whether it holds dates or points in time.
pub(super) fn is_moment(type_name: &str) -> bool {
    type_name == "DATE" || type_name.starts_with("TIMESTAMP")
}
