//! Reading sheets: query, preview, describe, list, delete.

use crate::{
    catalog::{CatalogError, Note, Sheet, Version},
    context::Context,
    engine::{Page, PageRequest, profile::ColumnProfile, sound::of_sheet},
    fault::{Code, Fault},
    name::{nearest, words},
    value::Column,
    worker::{pool::CallLimits, task::Task},
};

use super::{Workspace, results::SpillFile};

/// A query's first page.
pub struct QueryAnswer {
    pub page: Page,
    /// Handle for the rest; empty when there is none.
    pub result: String,
    pub notes: Vec<String>,
}

/// A page of something that is paged by offset.
pub struct Part {
    pub page: Page,
    pub n_total: Option<u64>,
    pub is_last: bool,
    pub notes: Vec<String>,
}

/// A sheet with what its columns hold.
pub struct Described {
    pub sheet: Sheet,
    pub columns: Vec<(Column, ColumnProfile)>,
    /// Newest first.
    pub versions: Vec<Version>,
    /// What users said of the sheet and its columns.
    pub annotations: Vec<Note>,
    pub notes: Vec<String>,
}

/// A page of sheets.
pub struct Listing {
    pub sheets: Vec<Sheet>,
    pub n_total: u64,
    pub is_last: bool,
    pub notes: Vec<String>,
}

impl Workspace {
    /// Runs one SELECT over the workspace's sheets.
    pub async fn query(
        &self,
        sql: &str,
        max_rows: u64,
        max_bytes: usize,
        context: &Context<'_>,
    ) -> Result<QueryAnswer, Fault> {
        let mentioned = words(sql);
        let mut notes = self.refresh(&|name| mentioned.contains(name), context).await;
        // Where nothing can be written, what fits a reply can still be read.
        let (id, spill) = match self.new_spill().await {
            Ok((id, spill)) => (id, Some(spill)),
            Err(fault) if fault.code == Code::StorageFailed => {
                notes
                    .push("rows beyond this reply can't be kept, since the data folder can't be written to".to_owned());
                (String::new(), None)
            }
            Err(fault) => return Err(fault),
        };
        let file = SpillFile(spill.as_ref().map(|spill| spill.file.clone()).unwrap_or_default());
        let request = PageRequest { max_rows, max_bytes: page_budget(max_bytes, &notes), spill };
        let page: Result<Page, Fault> = self.run(Task::Query { sql: sql.to_owned(), page: request }, context).await;
        // A file that has changed may be why the SQL no longer fits it.
        let page = match page {
            Ok(page) => page,
            Err(fault) => return Err(with_notes(self.or_deleted(fault).await, &notes)),
        };
        if page.spilled.is_none() {
            return Ok(QueryAnswer { page, result: String::new(), notes });
        }
        let sql = sql.to_owned();
        self.blocking(move |inner| {
            inner.keep_result(&id, sql, &page, &file.0)?;
            Ok(QueryAnswer { page, result: id, notes })
        })
        .await
    }

    /// A fault that a sheet is not there says so where it was deleted.
    async fn or_deleted(&self, fault: Fault) -> Fault {
        let Some(name) = fault.message.split('`').nth(1).filter(|_| fault.code == Code::SheetNotFound) else {
            return fault;
        };
        let name = name.to_owned();
        let found = self.blocking(move |inner| Ok(inner.house.catalog.sheet(inner.user.id, &name).err())).await;
        match found {
            Ok(Some(why @ CatalogError::SheetDeleted(_))) => why.into(),
            _ => fault,
        }
    }

    /// A page of a sheet's rows in the file's order; all columns where `columns` is empty.
    pub async fn preview(
        &self,
        name: &str,
        columns: &[String],
        offset: u64,
        n_rows: u64,
        max_bytes: usize,
        context: &Context<'_>,
    ) -> Result<Part, Fault> {
        let (sheet, notes) = self.fresh_sheet(name, context).await?;
        let columns = chosen(&sheet, columns)?.into_iter().map(|column| column.name).collect();
        let n_total = sheet.version.n_rows;
        if offset > 0 && offset >= n_total {
            return Err(Fault::new(
                Code::InvalidArguments,
                format!("`offset` {offset} is past the sheet's {n_total} rows"),
            )
            .hint("offsets count from 0"));
        }
        let request = PageRequest { max_rows: n_rows, max_bytes: page_budget(max_bytes, &notes), spill: None };
        let file = self.inner.dir.version_path(&sheet.version.file);
        let task = Task::Preview { file, columns, offset, page: request };
        let page: Page = self.run(task, context).await.map_err(|fault| of_sheet(fault, sheet.name.as_str()))?;
        let n_got = u64::try_from(page.rows.len()).unwrap_or(u64::MAX);
        Ok(Part { page, n_total: Some(n_total), is_last: offset.saturating_add(n_got) >= n_total, notes })
    }

    /// A sheet, and profiles of its columns: of those named, or of all.
    pub async fn describe(&self, name: &str, columns: &[String], context: &Context<'_>) -> Result<Described, Fault> {
        let (sheet, notes) = self.fresh_sheet(name, context).await?;
        let wanted = chosen(&sheet, columns)?;
        let profiles = self.profiles(&sheet, context).await?;
        let columns = sheet.version.columns.iter().cloned().zip(profiles).filter(|(column, _)| wanted.contains(column));
        let columns = columns.collect();
        let sheet_id = sheet.id;
        let versions = self.blocking(move |inner| Ok(inner.house.catalog.versions(inner.user.id, sheet_id)?)).await?;
        let mut annotations = self.notes().await?;
        annotations.retain(|it| it.sheet == sheet.name);
        Ok(Described { sheet, columns, versions, annotations, notes })
    }

    /// Sheets by name, from the one after `after` on.
    pub async fn list(&self, search: &str, after: &str, limit: u64, context: &Context<'_>) -> Result<Listing, Fault> {
        let notes = self.refresh(&|_| true, context).await;
        let (search, after) = (search.to_owned(), after.to_owned());
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let page = self
            .blocking(move |inner| {
                let given = |text: &String| (!text.is_empty()).then(|| text.clone());
                let (search, after) = (given(&search), given(&after));
                Ok(inner.house.catalog.sheets(inner.user.id, search.as_deref(), after.as_deref(), limit)?)
            })
            .await?;
        Ok(Listing { sheets: page.sheets, n_total: page.n_total, is_last: !page.more, notes })
    }

    /// Takes a sheet out of the workspace.
    pub async fn delete(&self, name: &str) -> Result<Sheet, Fault> {
        let name = name.to_owned();
        self.blocking(move |inner| Ok(inner.house.catalog.delete_sheet(inner.user.id, &name)?)).await
    }

    /// The sheet as it is now, its file read again if it has changed.
    pub(super) async fn fresh_sheet(&self, name: &str, context: &Context<'_>) -> Result<(Sheet, Vec<String>), Fault> {
        let wanted = name.to_lowercase();
        let notes = self.refresh(&|name| name == wanted, context).await;
        let name = name.to_owned();
        let sheet = self.blocking(move |inner| Ok(inner.house.catalog.sheet(inner.user.id, &name)?)).await?;
        Ok((sheet, notes))
    }

    /// Profiles of all columns, cached by version.
    pub(super) async fn profiles(&self, sheet: &Sheet, context: &Context<'_>) -> Result<Vec<ColumnProfile>, Fault> {
        const KIND: &str = "columns-50";
        let version_id = sheet.version.id;
        let cached = self.blocking(move |inner| Ok(inner.house.catalog.profile(version_id, KIND)?)).await?;
        if let Some(profiles) = cached.and_then(|body| serde_json::from_str(&body).ok()) {
            return Ok(profiles);
        }
        let task = Task::Profile {
            file: self.inner.dir.version_path(&sheet.version.file),
            columns: sheet.version.columns.clone(),
        };
        let profiles: Vec<ColumnProfile> =
            self.run(task, context).await.map_err(|fault| of_sheet(fault, sheet.name.as_str()))?;
        let body = serde_json::to_string(&profiles).map_err(Fault::internal)?;
        self.blocking(move |inner| Ok(inner.house.catalog.put_profile(version_id, KIND, &body)?)).await?;
        Ok(profiles)
    }

    /// Runs a task over the sheets in one of the workspace's workers.
    pub(super) async fn run<T: serde::de::DeserializeOwned>(
        &self,
        task: Task,
        context: &Context<'_>,
    ) -> Result<T, Fault> {
        self.run_within(task, &self.query_limits(&context.cancel)).await
    }

    /// The same for as long as `call` allows.
    pub(super) async fn run_within<T: serde::de::DeserializeOwned>(
        &self,
        task: Task,
        call: &CallLimits,
    ) -> Result<T, Fault> {
        let generation = self.blocking(|inner| Ok(inner.house.catalog.generation(inner.user.id)?)).await?;
        self.inner.house.pool.query(&self.home(), generation, self, task, call).await
    }
}

/// The sheet's columns that are named, in the caller's order; all where none is.
pub(super) fn chosen(sheet: &Sheet, names: &[String]) -> Result<Vec<Column>, Fault> {
    let columns = &sheet.version.columns;
    if names.is_empty() {
        return Ok(columns.clone());
    }
    let find = |name: &String| {
        let exact = columns.iter().find(|column| column.name == *name);
        let found = exact.or_else(|| columns.iter().find(|column| column.name.to_lowercase() == name.to_lowercase()));
        found.cloned().ok_or_else(|| {
            let fault = Fault::new(Code::ColumnNotFound, format!("`{}` has no column `{name}`", sheet.name));
            match nearest(name, columns.iter().map(|column| column.name.as_str())).first() {
                Some(near) => fault.hint(format!("did you mean `{near}`?")),
                None => fault.hint("`describe_sheet` without `columns` lists them all"),
            }
        })
    };
    names.iter().map(find).collect()
}

/// What is left for columns and rows of a reply of `max_bytes` that has these notes.
pub(super) fn page_budget(max_bytes: usize, notes: &[String]) -> usize {
    let noted: usize = notes.iter().map(|note| note.len() + 16).sum();
    max_bytes.saturating_sub((max_bytes / 4).min(800)).saturating_sub(noted)
}

fn with_notes(fault: Fault, notes: &[String]) -> Fault {
    if notes.is_empty() {
        return fault;
    }
    let hint = [fault.hint.clone(), notes.join("; ")].into_iter().filter(|it| !it.is_empty());
    Fault { hint: hint.collect::<Vec<_>>().join("; "), ..fault }
}
