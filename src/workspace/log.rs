//! The log of calls, for audit: each is noted at once, and written without holding up its answer.

use std::{sync::Arc, time::Duration};

use super::{House, Workspace, blocking};
use crate::{
    catalog::{Due, LoggedQuery, NewQuery},
    fault::Fault,
};

impl House {
    /// Writes the calls that are noted; before the process ends, those that would be lost with it.
    pub async fn write_log(self: &Arc<House>) {
        let house = Arc::clone(self);
        let written = blocking(move || Ok(house.catalog.write_log()?)).await;
        if let Err(fault) = written {
            tracing::warn!(code = fault.code.name(), "the log of calls could not be written");
        }
    }
}

impl Workspace {
    /// Adds a call to the log. One that can't be written does not fail the call.
    pub async fn record(
        &self,
        tool: &str,
        sql: Option<String>,
        outcome: &'static str,
        n_rows: Option<u64>,
        took: Duration,
    ) {
        let house = Arc::clone(&self.inner.house);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let query = NewQuery { tool: tool.to_owned(), sql, outcome, n_rows, milliseconds };
        match house.catalog.note_query(self.inner.user.id, query) {
            Due::Nothing => {}
            Due::Writing => drop(tokio::spawn(async move { house.write_log().await })),
            Due::WritingNow => house.write_log().await,
        }
    }

    /// Calls before the one with the id `before`, newest first, with their ids.
    pub async fn calls(&self, before: Option<i64>, limit: u32) -> Result<Vec<(i64, LoggedQuery)>, Fault> {
        self.blocking(move |inner| Ok(inner.house.catalog.queries_before(inner.user.id, before, limit)?)).await
    }
}
