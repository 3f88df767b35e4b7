//! How a sheet came to be what it is, and the way back.

use super::{Inner, Workspace};
use crate::{
    catalog::{CatalogError, DeletedSheet, Purged, Restored, Sheet, Version, now},
    fault::Fault,
    store::FileState,
};

impl Workspace {
    /// A sheet, live or deleted, and how it came to be what it is.
    pub async fn history(&self, handle: &str) -> Result<History, Fault> {
        let handle = handle.to_owned();
        self.blocking(move |inner| {
            let sheet = inner.house.catalog.sheet_or_deleted(inner.user.id, &handle)?;
            let versions = inner.house.catalog.versions(inner.user.id, sheet.id)?;
            let reading = versions.iter().find(|version| version.number == sheet.version.reading);
            let base_notes = match reading.and_then(Version::saved_from) {
                Some((base, made_from)) => base_note(inner, base, made_from)?.into_iter().collect(),
                None => Vec::new(),
            };
            Ok(History { sheet, versions, base_notes })
        })
        .await
    }

    /// The sheets that can be restored.
    pub async fn deleted(&self) -> Result<Vec<DeletedSheet>, Fault> {
        self.blocking(move |inner| Ok(inner.house.catalog.deleted_sheets(inner.user.id)?)).await
    }

    /// Makes an old version the current one again; a deleted sheet lives again.
    pub async fn restore(&self, handle: &str, number: Option<u64>) -> Result<Restored, Fault> {
        let handle = handle.to_owned();
        self.blocking(move |inner| {
            let is_sound = |file: &str| inner.dir.state(file).is_ok_and(|state| state == FileState::Sound);
            Ok(inner.house.catalog.restore(inner.user.id, &handle, number, &is_sound)?)
        })
        .await
    }

    /// Removes sheets for good: their rows, versions, files, and what is kept of queries.
    pub async fn purge(&self, what: Purge) -> Result<Purged, Fault> {
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
            catalog.compact()?;
            // The one before still holds what was removed.
            catalog.keep_copy(&inner.house.data_dir)?;
            Ok(purged)
        })
        .await
    }
}

/// What to say of the sheet that another was saved from, where it has changed since.
fn base_note(inner: &Inner, base: &str, made_from: u64) -> Result<Option<String>, Fault> {
    match inner.house.catalog.sheet(inner.user.id, base) {
        Ok(sheet) if sheet.version.number == made_from => Ok(None),
        Ok(sheet) => {
            let now = sheet.version.number;
            Ok(Some(format!("it was saved from version {made_from} of `{base}`, which is at version {now} now")))
        }
        Err(CatalogError::SheetNotFound { .. } | CatalogError::SheetDeleted(_)) => {
            Ok(Some(format!("it was saved from version {made_from} of `{base}`, which is deleted")))
        }
        Err(error) => Err(error.into()),
    }
}

/// A sheet with its versions.
pub struct History {
    pub sheet: Sheet,
    /// Newest first.
    pub versions: Vec<Version>,
    /// About the sheet that this one was saved from.
    pub base_notes: Vec<String>,
}

/// What to remove for good.
pub enum Purge {
    /// By name; a deleted one as `name` or `name#id`.
    Sheets(Vec<String>),
    /// All that are deleted.
    Deleted,
}
