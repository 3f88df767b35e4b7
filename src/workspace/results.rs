//! Results that were too long for one reply: kept for an hour, read page by page, from any process of the workspace.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Inner, Workspace, read::Part};
use crate::{
    catalog::{NewResult, StoredResult, now},
    engine::{Page, Spill},
    fault::{Code, Fault},
    value::shortened,
};

impl Workspace {
    /// Rows `offset` and after of the result `id`, up to `max_rows` and `max_bytes` of JSON.
    ///
    /// Fails with `result_not_found` when there is none, or no longer.
    pub async fn read_result(&self, id: &str, offset: u64, max_rows: u64, max_bytes: usize) -> Result<Part, Fault> {
        let id = id.to_owned();
        self.blocking(move |inner| {
            let stored = inner.house.catalog.result(inner.user.id, &id, now())?;
            inner.page_of(stored, offset, max_rows, max_bytes)
        })
        .await
    }

    /// A place for the rest of a result, should there be one. Off this thread only where its folder is to be made.
    pub(super) async fn new_spill(&self) -> Result<(String, Spill), Fault> {
        match self.inner.scratch.get() {
            Some(_) => self.inner.new_spill(),
            None => self.blocking(Inner::new_spill).await,
        }
    }
}

/// A spilled result; what is still there when this goes, after a failure or a kill, is removed.
pub(super) struct SpillFile(pub(super) PathBuf);

impl Drop for SpillFile {
    fn drop(&mut self) {
        // As a rule it was published, or never written.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Inner {
    fn new_spill(&self) -> Result<(String, Spill), Fault> {
        let id: String = Uuid::new_v4().simple().to_string().chars().take(12).collect();
        let file = self.scratch()?.path().join(format!("{id}.ndjson"));
        let (max_rows, max_bytes) = (self.house.limits.result_rows, self.house.limits.result_bytes);
        Ok((id, Spill { file, max_rows, max_bytes }))
    }

    /// Keeps the spilled rows of `page` under the handle `id`.
    pub(super) fn keep_result(&self, id: &str, sql: String, page: &Page, file: &Path) -> Result<(), Fault> {
        let Some(spilled) = &page.spilled else { return Ok(()) };
        let result = NewResult {
            id: id.to_owned(),
            sql,
            columns: page.columns.clone(),
            n_rows: spilled.n_rows,
            complete: page.n_total.is_some(),
            n_bytes: spilled.n_bytes,
        };
        let mut publish = || self.dir.publish_result(file, id);
        let quota = self.room_for_results()?;
        let dropped = self.house.catalog.put_result(self.user.id, &result, now(), quota, &mut publish)?;
        self.dir.remove_results(&dropped);
        Ok(())
    }

    fn page_of(&self, stored: StoredResult, offset: u64, max_rows: u64, max_bytes: usize) -> Result<Part, Fault> {
        let path = self.dir.result_path(&stored.id);
        let unreadable = |error: std::io::Error| {
            Fault::new(Code::ResultNotFound, format!("the result `{}` can't be read: {error}", stored.id))
                .hint("run the query again")
        };
        if offset > 0 && offset >= stored.n_rows {
            return Err(Fault::new(
                Code::InvalidArguments,
                format!("`offset` {offset} is past the result's {} rows", stored.n_rows),
            )
            .hint(if stored.complete {
                "offsets count from 0"
            } else {
                "only the first rows are kept: narrow the query"
            }));
        }
        let header = serde_json::to_string(&stored.columns).map_err(Fault::internal)?.len();
        let mut budget = super::read::page_budget(max_bytes, &[]).saturating_sub(header);
        let mut lines = BufReader::with_capacity(1 << 18, File::open(path).map_err(unreadable)?);
        for _ in 0..offset {
            lines.skip_until(b'\n').map_err(unreadable)?;
        }
        let mut page = Page {
            columns: stored.columns,
            rows: Vec::new(),
            n_total: None,
            truncated: false,
            shortened: false,
            spilled: None,
        };
        let (mut n_rows, mut line) = (0, String::new());
        while n_rows < max_rows {
            line.clear();
            if lines.read_line(&mut line).map_err(unreadable)? == 0 {
                break;
            }
            if n_rows == 0 && line.len() > budget {
                line = shortened(&line, budget).ok_or_else(|| {
                    Fault::new(Code::LimitExceeded, format!("one row is over the reply's limit of {max_bytes} bytes"))
                        .hint("set `max_bytes` higher, or query fewer columns")
                })?;
                page.shortened = true;
                budget = line.len();
            }
            if line.len() > budget {
                break;
            }
            budget -= line.len();
            page.rows.push(RawValue::from_string(line.trim_end().to_owned()).map_err(Fault::internal)?);
            n_rows += 1;
        }
        let is_last = offset + n_rows >= stored.n_rows;
        let mut notes = Vec::new();
        if is_last && !stored.complete {
            notes.push(format!(
                "only the first {} rows of the result are kept: narrow the query for others",
                stored.n_rows
            ));
        }
        Ok(Part { page, n_total: stored.complete.then_some(stored.n_rows), is_last, notes })
    }
}
