//! How a sheet came to be what it is, and the way back.

use super::Workspace;
use crate::{
    catalog::{DeletedSheet, LoggedQuery, Sheet, Version, now},
    fault::Fault,
};

impl Workspace {
    /// A sheet, live or deleted, with all its versions, newest first.
    pub async fn history(&self, handle: &str) -> Result<(Sheet, Vec<Version>), Fault> {
        let handle = handle.to_owned();
        self.blocking(move |inner| {
            let sheet = inner.house.catalog.sheet_or_deleted(inner.user.id, &handle)?;
            let versions = inner.house.catalog.versions(inner.user.id, sheet.id)?;
            Ok((sheet, versions))
        })
        .await
    }

    /// Calls before the one with the id `before`, newest first, with their ids.
    pub async fn calls(&self, before: Option<i64>, limit: u32) -> Result<Vec<(i64, LoggedQuery)>, Fault> {
        self.blocking(move |inner| Ok(inner.house.catalog.queries_before(inner.user.id, before, limit)?)).await
    }

    /// The sheets that can be restored.
    pub async fn deleted(&self) -> Result<Vec<DeletedSheet>, Fault> {
        self.blocking(move |inner| Ok(inner.house.catalog.deleted_sheets(inner.user.id)?)).await
    }

    /// Makes an old version the current one again; a deleted sheet lives again. Answers the number of the version whose
    /// rows are back.
    pub async fn restore(&self, handle: &str, number: Option<u64>) -> Result<(Sheet, u64), Fault> {
        let handle = handle.to_owned();
        self.blocking(move |inner| Ok(inner.house.catalog.restore(inner.user.id, &handle, number)?)).await
    }

    /// Removes sheets for good: their rows, versions, files, and what is kept of queries. Answers their names.
    pub async fn purge(&self, what: Purge) -> Result<Vec<String>, Fault> {
        self.blocking(move |inner| {
            let catalog = &inner.house.catalog;
            let handles = match what {
                Purge::Sheets(handles) => handles,
                Purge::Deleted => {
                    catalog.deleted_sheets(inner.user.id)?.into_iter().map(|sheet| sheet.handle).collect()
                }
            };
            let purged = catalog.purge(inner.user.id, &handles)?;
            inner.house.store.sweep(catalog, now())?;
            Ok(purged)
        })
        .await
    }
}

/// What to remove for good.
pub enum Purge {
    /// By name; a deleted one as `name` or `name#id`.
    Sheets(Vec<String>),
    /// All that are deleted.
    Deleted,
}
