//! Small answers to SELECTs that other modules build: as JSON values, for computing on.

use serde_json::Value;

use super::{Engine, convert::UNBOUNDED, guard};
use crate::fault::Fault;

impl Engine {
    /// All rows of a SELECT over the manifest's sheets. It may hold a user's expression: it is checked as a query is.
    pub fn answers(&mut self, sql: &str) -> Result<Vec<Vec<Value>>, Fault> {
        let allowed = guard::check(&self.keeper, sql, &self.manifest)?;
        for sheet in &allowed.sheets {
            self.view(sheet)?;
        }
        let page = self.run(&allowed.sql, &UNBOUNDED)?;
        page.rows.iter().map(|row| serde_json::from_str(row.get()).map_err(Fault::internal)).collect()
    }
}
