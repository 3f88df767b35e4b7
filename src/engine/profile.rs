//! What `describe_sheet` tells of each column: counts, bounds and example values, exact over all rows.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Engine, convert::UNBOUNDED, types, version};
use crate::{
    fault::Fault,
    name::ColumnName,
    value::{Column, cut_cells},
};

/// One column over all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub n_null: u64,
    /// Null where the type can't be compared, as with structs.
    pub n_distinct: Option<u64>,
    pub min: Value,
    pub max: Value,
    /// Every value, sorted, where there are 50 or fewer; else the first three different ones.
    pub values: Vec<Value>,
    pub is_complete: bool,
}

/// Columns with no more different values than this have all of them listed.
const FEW: u64 = 50;
/// Columns per statement, so that a wide sheet does not make one huge plan.
const COLUMNS_AT_ONCE: usize = 40;
/// Characters of a text value.
const MAX_CHARS: usize = 80;
/// Different values shown where not all are, and items of one that is a list.
const N_EXAMPLES: usize = 3;
/// Rows looked at for examples.
const N_EXAMPLE_ROWS: usize = 200;

impl Engine {
    /// Profiles `columns` of a version file, in their order.
    pub fn profile(&self, file: &Path, columns: &[Column]) -> Result<Vec<ColumnProfile>, Fault> {
        self.sound.check(file)?;
        let table = version(file);
        let mut profiles = Vec::new();
        for columns in columns.chunks(COLUMNS_AT_ONCE) {
            profiles.extend(self.counts(&table, columns)?);
        }
        let mut columns: Vec<(&Column, &mut ColumnProfile)> = columns.iter().zip(&mut profiles).collect();
        for columns in columns.chunks_mut(COLUMNS_AT_ONCE) {
            self.fill_values(&table, columns)?;
        }
        Ok(profiles)
    }

    fn counts(&self, table: &str, columns: &[Column]) -> Result<Vec<ColumnProfile>, Fault> {
        let mut list = vec!["count(*)".to_owned()];
        for column in columns {
            let name = ColumnName(&column.name).quoted();
            list.push(format!("count({name})"));
            if types::is_comparable(&column.type_name) {
                list.extend([format!("count(DISTINCT {name})"), format!("min({name})"), format!("max({name})")]);
            } else {
                list.extend(["NULL".to_owned(), "NULL".to_owned(), "NULL".to_owned()]);
            }
        }
        let mut answers = self.single_row(&format!("SELECT {} FROM {table}", list.join(", ")))?.into_iter();
        let n_rows = answers.next().and_then(|it| it.as_u64()).unwrap_or_default();
        let mut profiles = Vec::new();
        for _ in columns {
            let n_set = answers.next().and_then(|it| it.as_u64()).unwrap_or_default();
            let n_distinct = answers.next().and_then(|it| it.as_u64());
            let mut bound = || short(answers.next().unwrap_or(Value::Null));
            let (min, max) = (bound(), bound());
            profiles.push(ColumnProfile {
                n_null: n_rows.saturating_sub(n_set),
                n_distinct,
                min,
                max,
                values: Vec::new(),
                is_complete: n_distinct.is_some_and(|n| n <= FEW),
            });
        }
        Ok(profiles)
    }

    /// All values of the columns that have few; of the others the first different ones, which the first rows have as a
    /// rule, and are looked for beyond them only where those hold none.
    fn fill_values(&self, table: &str, columns: &mut [(&Column, &mut ColumnProfile)]) -> Result<(), Fault> {
        let lists: Vec<String> = columns
            .iter()
            .map(|(column, profile)| {
                let name = ColumnName(&column.name).quoted();
                let set = format!("FILTER (WHERE {name} IS NOT NULL)");
                if profile.is_complete {
                    format!("list_sort(list(DISTINCT {name}) {set})")
                } else {
                    format!("(SELECT list({name}) {set} FROM (SELECT {name} FROM {table} LIMIT {N_EXAMPLE_ROWS}))")
                }
            })
            .collect();
        let answers = self.single_row(&format!("SELECT {} FROM {table}", lists.join(", ")))?;
        for ((column, profile), answer) in columns.iter_mut().zip(answers) {
            profile.add(answer);
            if profile.values.is_empty() && profile.min != Value::Null {
                let name = ColumnName(&column.name).quoted();
                let rows = format!("SELECT {name} FROM {table} WHERE {name} IS NOT NULL LIMIT {N_EXAMPLE_ROWS}");
                let answer = self.single_row(&format!("SELECT list({name}) FROM ({rows})"))?;
                for values in answer {
                    profile.add(values);
                }
            }
        }
        Ok(())
    }

    fn single_row(&self, sql: &str) -> Result<Vec<Value>, Fault> {
        match self.run(sql, &UNBOUNDED)?.rows.first() {
            Some(row) => serde_json::from_str(row.get()).map_err(Fault::internal),
            None => Err(Fault::internal("an aggregate without a row")),
        }
    }
}

impl ColumnProfile {
    /// Adds the values of a list: all, or the first different ones.
    fn add(&mut self, list: Value) {
        let Value::Array(values) = list else { return };
        let n_wanted = if self.is_complete { usize::MAX } else { N_EXAMPLES };
        for value in values.into_iter().map(short) {
            if self.values.len() < n_wanted && !self.values.contains(&value) {
                self.values.push(value);
            }
        }
    }
}

/// A value as a description shows it.
fn short(value: Value) -> Value {
    let mut cell = vec![value];
    cut_cells(&mut cell, MAX_CHARS, N_EXAMPLES);
    cell.pop().unwrap_or(Value::Null)
}
