//! Column types, shared by ingest, engine and replies.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A column as callers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Column {
    pub name: String,
    /// A DuckDB type, such as BIGINT, DECIMAL(18,2) or VARCHAR.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// The types that ingest gives to a column, each with its DuckDB name as `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ColumnType {
    Boolean,
    /// 64 bits, signed.
    Integer,
    /// At most 18 digits, `scale` of them behind the point.
    Decimal {
        precision: u8,
        scale: u8,
    },
    Double,
    Date,
    Time,
    /// Microseconds, without a zone.
    Timestamp,
    /// Microseconds, in UTC.
    TimestampTz,
    Interval,
    Text,
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnType::Boolean => f.write_str("BOOLEAN"),
            ColumnType::Integer => f.write_str("BIGINT"),
            ColumnType::Decimal { precision, scale } => write!(f, "DECIMAL({precision},{scale})"),
            ColumnType::Double => f.write_str("DOUBLE"),
            ColumnType::Date => f.write_str("DATE"),
            ColumnType::Time => f.write_str("TIME"),
            ColumnType::Timestamp => f.write_str("TIMESTAMP"),
            ColumnType::TimestampTz => f.write_str("TIMESTAMP WITH TIME ZONE"),
            ColumnType::Interval => f.write_str("INTERVAL"),
            ColumnType::Text => f.write_str("VARCHAR"),
        }
    }
}

/// Characters of a text and items of a list, tried one after another until a row fits.
const BOUNDS: [(usize, usize); 3] = [(300, 50), (60, 10), (12, 3)];

/// A row of JSON cut to `max_bytes`: long texts and lists inside its cells lose their ends, and say so. Nothing where the
/// row has too many cells to fit even so.
pub fn shortened(row: &str, max_bytes: usize) -> Option<String> {
    let mut cells: Vec<serde_json::Value> = serde_json::from_str(row).ok()?;
    BOUNDS.into_iter().find_map(|(max_chars, max_items)| {
        cut_cells(&mut cells, max_chars, max_items);
        serde_json::to_string(&cells).ok().filter(|row| row.len() <= max_bytes)
    })
}

/// Cuts long texts and long lists inside the cells, at any depth.
pub fn cut_cells(cells: &mut [serde_json::Value], max_chars: usize, max_items: usize) {
    for cell in cells {
        shorten(cell, max_chars);
        cut_lists(cell, max_items);
    }
}

/// Cuts lists longer than `max_items`, at any depth.
fn cut_lists(value: &mut serde_json::Value, max_items: usize) {
    if let serde_json::Value::Array(items) = value {
        let n_items = items.len();
        if n_items > max_items {
            items.truncate(max_items);
            items.push(format!("… ({n_items} items)").into());
        }
        for item in items {
            cut_lists(item, max_items);
        }
    } else if let serde_json::Value::Object(fields) = value {
        fields.values_mut().for_each(|field| cut_lists(field, max_items));
    }
}

/// Cuts texts longer than `max_chars`, at any depth.
pub fn shorten(value: &mut serde_json::Value, max_chars: usize) {
    match value {
        serde_json::Value::String(text) => {
            // A character has at least one byte: most texts need no count.
            if text.len() > max_chars
                && let Some((end, _)) = text.char_indices().nth(max_chars)
            {
                let n_chars = text.chars().count();
                text.truncate(end);
                text.extend(["… (", &n_chars.to_string(), " characters)"]);
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| shorten(item, max_chars)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|field| shorten(field, max_chars)),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}
