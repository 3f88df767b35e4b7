//! All rows of a sheet, of a query or of a version file, batch by batch: what is made of them never holds them all.

use std::path::{Path, PathBuf};

use arrow_array::{
    Array, ArrayRef, StructArray,
    cast::AsArray,
    types::{
        Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, TimestampMillisecondType,
        TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};

use super::{Engine, fault, guard, json, literal, query::opened, version};
use crate::{
    fault::Fault,
    name::{ColumnName, SheetName},
    value::Column,
};

/// Where rows come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Source {
    /// A sheet of the manifest.
    Sheet(SheetName),
    /// A user's SQL over the manifest's sheets, not yet checked.
    Sql(String),
    /// A version file.
    File(PathBuf),
}

/// Takes rows in their order.
pub trait Sink {
    /// Told first, and once.
    fn begin(&mut self, columns: &[Column]) -> Result<(), Fault>;

    fn rows(&mut self, batch: &Batch) -> Result<(), Fault>;
}

/// Some rows.
pub struct Batch(StructArray);

/// One value, as far as a spreadsheet has values of its kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell<'a> {
    Null,
    Boolean(bool),
    Integer(i128),
    /// `mantissa / 10^scale`.
    Decimal {
        mantissa: i128,
        scale: u8,
    },
    Double(f64),
    Text(&'a str),
    /// Days since 1970-01-01.
    Date(i32),
    /// Microseconds since midnight.
    Time(i64),
    /// Nanoseconds since 1970-01-01T00:00:00; in UTC where the column has a zone.
    Timestamp(i128),
    Interval {
        months: i32,
        days: i32,
        nanos: i64,
    },
    /// Anything else: as replies write it.
    Other,
}

impl Engine {
    /// Hands all rows of `source` to `sink`, reading them once.
    pub fn stream(&mut self, source: &Source, sink: &mut dyn Sink) -> Result<(), Fault> {
        let sql = self.select(source)?;
        let connection = self.connection()?;
        let _armed = self.interrupts.arm(&connection);
        connection.execute_batch("BEGIN TRANSACTION READ ONLY").map_err(fault)?;
        let (statement, columns) = opened(&connection, &sql)?;
        sink.begin(&columns)?;
        while let Some(batch) = statement.step().map_err(fault)? {
            sink.rows(&Batch(batch))?;
        }
        Ok(())
    }

    /// Writes all rows of `source` to a Parquet file that any reader takes, columns called `names`. Answers the columns
    /// as they were, and the number of rows.
    pub fn write_parquet(
        &mut self,
        source: &Source,
        names: &dyn Fn(&[Column]) -> Vec<String>,
        target: &Path,
    ) -> Result<(Vec<Column>, u64), Fault> {
        let sql = self.select(source)?;
        let connection = self.connection()?;
        let _armed = self.interrupts.arm(&connection);
        let columns = {
            // Binding needs no rows.
            let (_, columns) = opened(&connection, &format!("SELECT * FROM ({sql}\n) LIMIT 0"))?;
            columns
        };
        let list: Vec<String> = (1_usize..)
            .zip(&columns)
            .zip(names(&columns))
            .map(|((position, column), name)| {
                format!("{} AS {}", kept(position, &column.type_name), ColumnName(&name).quoted())
            })
            .collect();
        let copy = format!(
            "COPY (SELECT {} FROM ({sql}\n)) TO {} (FORMAT parquet, COMPRESSION snappy)",
            list.join(", "),
            literal(target)
        );
        let n_rows = connection.execute(&copy, []).map_err(fault)?;
        Ok((columns, u64::try_from(n_rows).unwrap_or(u64::MAX)))
    }

    /// The SQL that reads `source`, checked where it is a user's.
    fn select(&mut self, source: &Source) -> Result<String, Fault> {
        match source {
            Source::Sheet(sheet) => {
                self.view(sheet)?;
                Ok(format!("SELECT * FROM {}", sheet.quoted()))
            }
            Source::Sql(sql) => {
                let allowed = guard::check(&self.keeper, sql, &self.manifest)?;
                for sheet in &allowed.sheets {
                    self.view(sheet)?;
                }
                Ok(allowed.sql)
            }
            Source::File(file) => {
                self.sound.check(file)?;
                Ok(format!("SELECT * FROM {}", version(file)))
            }
        }
    }
}

/// A column by its position, as a type that Parquet keeps. DuckDB writes a `HUGEINT` as a double and cuts intervals to
/// milliseconds, without a word.
fn kept(position: usize, type_name: &str) -> String {
    match type_name {
        "HUGEINT" | "UHUGEINT" => format!("CAST(#{position} AS DECIMAL(38,0))"),
        "INTERVAL" => format!(
            "CASE WHEN date_part('microseconds', #{position}) % 1000 <> 0 \
             THEN error('Conversion Error: Parquet keeps milliseconds of an INTERVAL, and ' || #{position} || \
             ' has more: cast it to VARCHAR') ELSE #{position} END"
        ),
        "TIME WITH TIME ZONE" | "TIME_NS" | "BIT" | "BIGNUM" | "GEOMETRY" | "VARIANT" => {
            format!("CAST(#{position} AS VARCHAR)")
        }
        _ if type_name.starts_with("UNION") => format!("CAST(#{position} AS VARCHAR)"),
        _ => format!("#{position}"),
    }
}

impl Batch {
    pub fn n_rows(&self) -> usize {
        self.0.len()
    }

    /// A column of the batch; they count from 0.
    pub fn column(&self, col_idx: usize) -> Option<Values<'_>> {
        self.0.columns().get(col_idx).map(Values)
    }
}

/// A column's values in one batch.
#[derive(Clone, Copy)]
pub struct Values<'a>(&'a ArrayRef);

impl<'a> Values<'a> {
    /// Appends the value as JSON, as replies have it.
    pub fn write_json(self, out: &mut String, row_idx: usize) {
        json::write_cell(out, self.0, row_idx);
    }

    /// The value of a text column; nothing where it is null or no text.
    pub fn text(self, row_idx: usize) -> Option<&'a str> {
        if let Cell::Text(text) = self.cell(row_idx) { Some(text) } else { None }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what has no arm is written as replies write it")]
    pub fn cell(self, row_idx: usize) -> Cell<'a> {
        let array = self.0;
        if array.is_null(row_idx) {
            return Cell::Null;
        }
        match array.data_type() {
            DataType::Boolean => Cell::Boolean(array.as_boolean().value(row_idx)),
            DataType::Int8 => Cell::Integer(array.as_primitive::<Int8Type>().value(row_idx).into()),
            DataType::Int16 => Cell::Integer(array.as_primitive::<Int16Type>().value(row_idx).into()),
            DataType::Int32 => Cell::Integer(array.as_primitive::<Int32Type>().value(row_idx).into()),
            DataType::Int64 => Cell::Integer(array.as_primitive::<Int64Type>().value(row_idx).into()),
            DataType::UInt8 => Cell::Integer(array.as_primitive::<UInt8Type>().value(row_idx).into()),
            DataType::UInt16 => Cell::Integer(array.as_primitive::<UInt16Type>().value(row_idx).into()),
            DataType::UInt32 => Cell::Integer(array.as_primitive::<UInt32Type>().value(row_idx).into()),
            DataType::UInt64 => Cell::Integer(array.as_primitive::<UInt64Type>().value(row_idx).into()),
            DataType::Decimal128(_, 0) => Cell::Integer(array.as_primitive::<Decimal128Type>().value(row_idx)),
            DataType::Decimal128(_, scale) => Cell::Decimal {
                mantissa: array.as_primitive::<Decimal128Type>().value(row_idx),
                scale: u8::try_from(*scale).unwrap_or(0),
            },
            // The double that reads like it: 0.1, not 0.10000000149011612.
            DataType::Float32 => {
                let single = array.as_primitive::<Float32Type>().value(row_idx);
                Cell::Double(single.to_string().parse().unwrap_or_else(|_| single.into()))
            }
            DataType::Float64 => Cell::Double(array.as_primitive::<Float64Type>().value(row_idx)),
            DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row_idx)),
            DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row_idx)),
            DataType::Utf8View => Cell::Text(array.as_string_view().value(row_idx)),
            DataType::Date32 => Cell::Date(array.as_primitive::<Date32Type>().value(row_idx)),
            DataType::Time64(TimeUnit::Microsecond) => {
                Cell::Time(array.as_primitive::<Time64MicrosecondType>().value(row_idx))
            }
            DataType::Timestamp(unit, _) => Cell::Timestamp(nanos(array, *unit, row_idx)),
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                let interval = array.as_primitive::<IntervalMonthDayNanoType>().value(row_idx);
                Cell::Interval { months: interval.months, days: interval.days, nanos: interval.nanoseconds }
            }
            _ => Cell::Other,
        }
    }
}

fn nanos(array: &ArrayRef, unit: TimeUnit, row_idx: usize) -> i128 {
    match unit {
        TimeUnit::Second => i128::from(array.as_primitive::<TimestampSecondType>().value(row_idx)) * 1_000_000_000,
        TimeUnit::Millisecond => {
            i128::from(array.as_primitive::<TimestampMillisecondType>().value(row_idx)) * 1_000_000
        }
        TimeUnit::Microsecond => i128::from(array.as_primitive::<TimestampMicrosecondType>().value(row_idx)) * 1_000,
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row_idx).into(),
    }
}
