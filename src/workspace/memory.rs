//! What is remembered for later questions: answers, notes on sheets, rows of queries; and tokens spent.

use std::fmt::Write as _;

use chrono::DateTime;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Workspace;
use crate::{
    catalog::{NewAnswer, Note, StoredAnswer, now},
    context::Context,
    engine::{Page, PageRequest},
    fault::{Code, Fault},
    name::SheetName,
    stats::review::Review,
    worker::task::Task,
};

/// Tokens that were taken before they are spent.
#[derive(Debug, Clone)]
pub struct Reserved {
    day: String,
    granted: u64,
}

/// A version of a sheet that a query read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRead {
    pub sheet: SheetName,
    pub number: u64,
    file: String,
}

/// Of a query whose sheets change meanwhile.
const MAX_READINGS: usize = 3;
/// Characters of a note's parts.
const MAX_NOTE: usize = 500;
/// Bytes of a result that is kept.
const MAX_KEPT: usize = 256 << 10;

impl Workspace {
    /// Keeps an answer under an id of its own, which is answered.
    pub async fn keep_answer(&self, mut answer: NewAnswer) -> Result<String, Fault> {
        let id: String = Uuid::new_v4().simple().to_string().chars().take(12).collect();
        answer.id.clone_from(&id);
        self.blocking(move |inner| Ok(inner.house.catalog.put_answer(inner.user.id, &answer)?)).await?;
        Ok(id)
    }

    pub async fn cached_answer(&self, key: &str) -> Result<Option<StoredAnswer>, Fault> {
        let key = key.to_owned();
        self.blocking(move |inner| Ok(inner.house.catalog.cached_answer(inner.user.id, &key)?)).await
    }

    /// Answers, newest first.
    pub async fn answers(&self, only_verified: bool, limit: u32) -> Result<Vec<StoredAnswer>, Fault> {
        self.blocking(move |inner| Ok(inner.house.catalog.stored_answers(inner.user.id, only_verified, limit)?)).await
    }

    /// Marks an answer as right, so that it is an example for later questions; or takes the mark away.
    pub async fn verify_answer(&self, id: &str, is_right: bool) -> Result<(), Fault> {
        self.check_writable()?;
        let wanted = id.to_owned();
        let found =
            self.blocking(move |inner| Ok(inner.house.catalog.verify_answer(inner.user.id, &wanted, is_right)?));
        if found.await? { Ok(()) } else { Err(no_answer(id)) }
    }

    pub async fn delete_answer(&self, id: &str) -> Result<(), Fault> {
        self.check_writable()?;
        let wanted = id.to_owned();
        let found = self.blocking(move |inner| Ok(inner.house.catalog.delete_answer(inner.user.id, &wanted)?)).await?;
        if found { Ok(()) } else { Err(no_answer(id)) }
    }

    /// Notes on the sheets, by sheet and column.
    pub async fn notes(&self) -> Result<Vec<Note>, Fault> {
        self.blocking(move |inner| Ok(inner.house.catalog.notes(inner.user.id)?)).await
    }

    /// Writes a note on a sheet, or on its column, in the place of the one there was; an empty one takes it away.
    /// Answers it with the names as they are stored.
    pub async fn annotate(&self, mut note: Note) -> Result<Note, Fault> {
        self.check_writable()?;
        let texts = [&note.meaning, &note.unit].into_iter().chain(&note.synonyms);
        if let Some(long) = texts.into_iter().find(|text| text.chars().count() > MAX_NOTE) {
            let n_chars = long.chars().count();
            return Err(Fault::new(Code::InvalidArguments, format!("a note's text has {n_chars} characters"))
                .hint(format!("keep each within {MAX_NOTE}")));
        }
        self.blocking(move |inner| {
            let sheet = inner.house.catalog.sheet(inner.user.id, note.sheet.as_str())?;
            if !note.column.is_empty() {
                let found = super::read::chosen(&sheet, std::slice::from_ref(&note.column))?;
                note.column = found.into_iter().next().map(|column| column.name).unwrap_or_default();
            }
            note.sheet = sheet.name;
            inner.house.catalog.put_note(inner.user.id, &note)?;
            Ok(note)
        })
        .await
    }

    /// All rows of a query that was reviewed, and the versions of its sheets that it read: what is kept where these are the
    /// same, unless the query is volatile; read again where one changed meanwhile.
    pub async fn rows_of(
        &self,
        sql: &str,
        review: &Review,
        max_rows: u64,
        max_bytes: usize,
        context: &Context<'_>,
    ) -> Result<(Page, Vec<VersionRead>), Fault> {
        for _ in 0..MAX_READINGS {
            let versions = self.versions_of(&review.sheets).await?;
            let files: Vec<_> = versions.iter().map(|it| (&it.sheet, &it.file)).collect();
            let key = digest(&[&serde_json::json!([sql, files, max_rows, max_bytes]).to_string()]);
            let wanted = key.clone();
            let kept = self.blocking(move |inner| Ok(inner.house.catalog.kept_rows(inner.user.id, &wanted)?));
            if !review.is_volatile
                && let Some(page) = kept.await?.and_then(|body| serde_json::from_str(&body).ok())
            {
                return Ok((page, versions));
            }
            let page = if review.is_volatile {
                self.query(sql, max_rows, max_bytes, context).await?.page
            } else {
                let request = PageRequest { max_rows, max_bytes, spill: None };
                self.run(Task::Query { sql: sql.to_owned(), page: request }, context).await?
            };
            if self.versions_of(&review.sheets).await? != versions {
                continue;
            }
            // What was cut is not the whole.
            if !review.is_volatile && !page.truncated {
                let body = serde_json::to_string(&page).map_err(Fault::internal)?;
                if body.len() <= MAX_KEPT {
                    self.blocking(move |inner| Ok(inner.house.catalog.keep_rows(inner.user.id, &key, &body)?)).await?;
                }
            }
            return Ok((page, versions));
        }
        Err(Fault::new(Code::Conflict, "the sheets change faster than they are read").hint("ask again"))
    }

    /// What the sheets are at now, in the same order.
    async fn versions_of(&self, sheets: &[SheetName]) -> Result<Vec<VersionRead>, Fault> {
        let names = sheets.to_vec();
        self.blocking(move |inner| {
            let read = |name: &SheetName| {
                let sheet = inner.house.catalog.sheet(inner.user.id, name.as_str())?;
                Ok(VersionRead { sheet: sheet.name, number: sheet.version.number, file: sheet.version.file })
            };
            names.iter().map(read).collect()
        })
        .await
    }

    /// Tokens spent today, in UTC.
    pub async fn tokens_spent(&self) -> Result<u64, Fault> {
        self.blocking(move |inner| Ok(inner.house.catalog.tokens_spent(inner.user.id, &today())?)).await
    }

    /// Takes up to `wanted` tokens of the day before they are spent, so that questions beside this one can't spend them
    /// too; no more than are left of `daily`, and fails where none are.
    pub async fn reserve_tokens(&self, wanted: u64, daily: Option<u64>) -> Result<Reserved, Fault> {
        let day = today();
        let of = day.clone();
        let limit = daily.unwrap_or(u64::MAX);
        let (granted, spent) = self
            .blocking(move |inner| Ok(inner.house.catalog.reserve_tokens(inner.user.id, &of, wanted, limit)?))
            .await?;
        if granted == 0 && wanted > 0 {
            return Err(no_tokens(spent, limit));
        }
        Ok(Reserved { day, granted })
    }

    /// Puts what was spent in the place of what was reserved for it. What is never settled stays spent.
    pub async fn settle_tokens(&self, reserved: Reserved, n_tokens: u64) -> Result<(), Fault> {
        let Reserved { day, granted } = reserved;
        self.blocking(move |inner| Ok(inner.house.catalog.settle_tokens(inner.user.id, &day, granted, n_tokens)?)).await
    }
}

/// A digest that tells lists of texts apart.
pub fn digest(parts: &[&str]) -> String {
    let whole = Value::from(parts.to_vec()).to_string();
    Sha256::digest(whole.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a text does not fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The fault where a user's tokens of the day are spent.
pub fn no_tokens(spent: u64, daily: u64) -> Fault {
    Fault::new(Code::QuotaExceeded, format!("{spent} tokens are spent of the day's {daily}"))
        .hint("ask again tomorrow (UTC), or use `query`, which needs no model")
}

fn today() -> String {
    DateTime::from_timestamp_millis(now()).map(|at| at.format("%Y-%m-%d").to_string()).unwrap_or_default()
}

fn no_answer(id: &str) -> Fault {
    Fault::new(Code::NotFound, format!("there is no answer `{id}`"))
        .hint("`ask` gives an answer's `id`; `quire memory` lists those that are kept")
}
