//! What `describe_sheet` tells of each column: counts, bounds and example values, exact over all rows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Engine, convert::UNBOUNDED, types};
use crate::{
    fault::Fault,
    name::{ColumnName, SheetName},
    value::{Column, shorten},
};

/// One column over all rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub n_null: u64,
    /// Null where the type can't be compared, as with structs.
    pub n_distinct: Option<u64>,
    pub min: Value,
    pub max: Value,
    /// Every value, sorted, where there are 20 or fewer; else the first three different ones.
    pub values: Vec<Value>,
    pub is_complete: bool,
}

/// Columns with no more different values than this have all of them listed.
const FEW: u64 = 20;
/// Columns per statement, so that a wide sheet does not make one huge plan.
const COLUMNS_AT_ONCE: usize = 40;
/// Characters of a text value.
const MAX_CHARS: usize = 80;
/// Rows looked at for examples.
const N_EXAMPLE_ROWS: usize = 200;

impl Engine {
    /// Profiles `columns` of `sheet`, in their order.
    pub fn profile(&mut self, sheet: &SheetName, columns: &[Column]) -> Result<Vec<ColumnProfile>, Fault> {
        self.view(sheet)?;
        let mut profiles = Vec::new();
        for columns in columns.chunks(COLUMNS_AT_ONCE) {
            profiles.extend(self.counts(sheet, columns)?);
        }
        for (column, profile) in columns.iter().zip(&mut profiles) {
            self.fill_values(sheet, column, profile)?;
        }
        Ok(profiles)
    }

    fn counts(&self, sheet: &SheetName, columns: &[Column]) -> Result<Vec<ColumnProfile>, Fault> {
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
        let mut answers = self.single_row(&format!("SELECT {} FROM {}", list.join(", "), sheet.quoted()))?.into_iter();
        let n_rows = answers.next().and_then(|it| it.as_u64()).unwrap_or_default();
        let mut profiles = Vec::new();
        for _ in columns {
            let n_set = answers.next().and_then(|it| it.as_u64()).unwrap_or_default();
            let n_distinct = answers.next().and_then(|it| it.as_u64());
            let mut bound = || {
                let mut value = answers.next().unwrap_or(Value::Null);
                shorten(&mut value, MAX_CHARS);
                value
            };
            let (min, max) = (bound(), bound());
            let is_complete = n_distinct.is_some_and(|n| n <= FEW);
            profiles.push(ColumnProfile {
                n_null: n_rows.saturating_sub(n_set),
                n_distinct,
                min,
                max,
                values: Vec::new(),
                is_complete,
            });
        }
        Ok(profiles)
    }

    fn fill_values(&self, sheet: &SheetName, column: &Column, profile: &mut ColumnProfile) -> Result<(), Fault> {
        let (name, sheet) = (ColumnName(&column.name).quoted(), sheet.quoted());
        let sql = if profile.is_complete {
            format!("SELECT DISTINCT {name} FROM {sheet} WHERE {name} IS NOT NULL ORDER BY 1")
        } else {
            format!("SELECT {name} FROM {sheet} WHERE {name} IS NOT NULL LIMIT {N_EXAMPLE_ROWS}")
        };
        let n_wanted = if profile.is_complete { usize::MAX } else { 3 };
        for row in self.run(&sql, &UNBOUNDED)?.rows {
            let cells: Vec<Value> = serde_json::from_str(row.get()).map_err(Fault::internal)?;
            for mut value in cells {
                shorten(&mut value, MAX_CHARS);
                if profile.values.len() < n_wanted && !profile.values.contains(&value) {
                    profile.values.push(value);
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
