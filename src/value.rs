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
