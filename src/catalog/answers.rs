//! What `ask` remembers: answers, rows, notes on sheets, and tokens spent.

use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use super::{Catalog, CatalogError, UserId, from_json, immediate, now, sheets, to_json};
use crate::name::SheetName;

/// An answer to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAnswer {
    pub id: String,
    pub question: String,
    pub answer: String,
    pub sql: String,
    pub caveats: Vec<String>,
    /// None where it must not be given again.
    pub cache_key: Option<String>,
    /// Of the rows that the SQL gave.
    pub digest: String,
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredAnswer {
    pub id: String,
    pub question: String,
    pub answer: String,
    pub sql: String,
    pub caveats: Vec<String>,
    #[serde(skip)]
    pub digest: String,
    pub is_verified: bool,
    /// Unix milliseconds.
    pub created_at: i64,
}

/// What a user says of a sheet, or of one of its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub sheet: SheetName,
    /// Empty for the sheet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub column: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub meaning: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub synonyms: Vec<String>,
}

/// Answers of a user that are kept, unless they are verified.
const MAX_ANSWERS: u32 = 500;
/// Results of a user that are kept.
const MAX_KEPT: u32 = 200;

impl Catalog {
    /// Keeps an answer; the one that was cached under its key gives way, unless it is verified.
    pub fn put_answer(&self, user: UserId, new: &NewAnswer) -> Result<(), CatalogError> {
        let mut conn = self.casual();
        let tx = immediate(&mut conn)?;
        tx.execute(
            "UPDATE answers SET cache_key = NULL WHERE user_id = ?1 AND cache_key = ?2",
            (user.0, &new.cache_key),
        )?;
        tx.execute(
            "INSERT INTO answers (id, user_id, question, answer, sql, caveats, cache_key, digest, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            rusqlite::params![
                new.id,
                user.0,
                new.question,
                new.answer,
                new.sql,
                to_json(&new.caveats)?,
                new.cache_key,
                new.digest,
                now(),
            ],
        )?;
        tx.execute(
            "DELETE FROM answers WHERE user_id = ?1 AND verified_at IS NULL AND id NOT IN (
                 SELECT id FROM answers WHERE user_id = ?1 AND verified_at IS NULL
                 ORDER BY created_at DESC, rowid DESC LIMIT ?2)",
            (user.0, MAX_ANSWERS),
        )?;
        tx.commit()?;
        Ok(())
    }

    /// The answer that was cached under the key.
    pub fn cached_answer(&self, user: UserId, key: &str) -> Result<Option<StoredAnswer>, CatalogError> {
        Ok(self
            .reads()
            .prepare_cached("SELECT * FROM answers WHERE user_id = ?1 AND cache_key = ?2")?
            .query_row((user.0, key), answer_of)
            .optional()?)
    }

    /// Answers, newest first: all, or those that are verified.
    pub fn stored_answers(
        &self,
        user: UserId,
        only_verified: bool,
        limit: u32,
    ) -> Result<Vec<StoredAnswer>, CatalogError> {
        let conn = self.reads();
        let mut statement = conn.prepare_cached(
            "SELECT * FROM answers WHERE user_id = ?1 AND (NOT ?2 OR verified_at IS NOT NULL)
             ORDER BY created_at DESC, rowid DESC LIMIT ?3",
        )?;
        let answers = statement.query_map((user.0, only_verified, limit), answer_of)?.collect::<Result<_, _>>()?;
        Ok(answers)
    }

    /// Marks an answer as right, or takes the mark away, and it is not given again without being asked for anew; answers whether there is one.
    pub fn verify_answer(&self, user: UserId, id: &str, is_right: bool) -> Result<bool, CatalogError> {
        let at = is_right.then(now);
        let n = self.durable().execute(
            "UPDATE answers SET verified_at = ?3, cache_key = iif(?3 IS NULL, NULL, cache_key)
             WHERE user_id = ?1 AND id = ?2",
            (user.0, id, at),
        )?;
        Ok(n > 0)
    }

    /// Forgets an answer; answers whether there was one.
    pub fn delete_answer(&self, user: UserId, id: &str) -> Result<bool, CatalogError> {
        Ok(self.durable().execute("DELETE FROM answers WHERE user_id = ?1 AND id = ?2", (user.0, id))? > 0)
    }

    /// Notes on live sheets, by sheet and column.
    pub fn notes(&self, user: UserId) -> Result<Vec<Note>, CatalogError> {
        let conn = self.reads();
        let mut statement = conn.prepare_cached(
            "SELECT s.name, n.column_name, n.meaning, n.unit, n.synonyms FROM notes n JOIN sheets s ON s.id = n.sheet_id
             WHERE s.user_id = ?1 AND s.deleted_at IS NULL ORDER BY s.name, n.column_name",
        )?;
        let notes = statement.query_map([user.0], note_of)?.collect::<Result<_, _>>()?;
        Ok(notes)
    }

    /// Writes a note in the place of the one there was; an empty one takes it away.
    pub fn put_note(&self, user: UserId, note: &Note) -> Result<(), CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let sheet = sheets::by_name(&tx, user, note.sheet.as_str())?;
        tx.execute("DELETE FROM notes WHERE sheet_id = ?1 AND column_name = ?2", (sheet.id, &note.column))?;
        if !(note.meaning.is_empty() && note.unit.is_empty() && note.synonyms.is_empty()) {
            tx.execute(
                "INSERT INTO notes (sheet_id, column_name, meaning, unit, synonyms, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (sheet.id, &note.column, &note.meaning, &note.unit, to_json(&note.synonyms)?, now()),
            )?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Rows that were kept under the key.
    pub fn kept_rows(&self, user: UserId, key: &str) -> Result<Option<String>, CatalogError> {
        Ok(self
            .reads()
            .prepare_cached("SELECT body FROM kept_rows WHERE user_id = ?1 AND key = ?2")?
            .query_row((user.0, key), |row| row.get(0))
            .optional()?)
    }

    /// Keeps rows, and drops the oldest beyond a bound.
    pub fn keep_rows(&self, user: UserId, key: &str, body: &str) -> Result<(), CatalogError> {
        let mut conn = self.casual();
        let tx = immediate(&mut conn)?;
        tx.execute("INSERT OR REPLACE INTO kept_rows VALUES (?1, ?2, ?3, ?4)", (user.0, key, body, now()))?;
        tx.execute(
            "DELETE FROM kept_rows WHERE user_id = ?1 AND key NOT IN (
                 SELECT key FROM kept_rows WHERE user_id = ?1 ORDER BY created_at DESC, key LIMIT ?2)",
            (user.0, MAX_KEPT),
        )?;
        tx.commit()?;
        Ok(())
    }

    /// Tokens that the user has spent on a day.
    pub fn tokens_spent(&self, user: UserId, day: &str) -> Result<u64, CatalogError> {
        let found = self
            .reads()
            .prepare_cached("SELECT n_tokens FROM tokens_spent WHERE user_id = ?1 AND day = ?2")?
            .query_row((user.0, day), |row| row.get(0))
            .optional()?;
        Ok(found.unwrap_or_default())
    }

    /// Adds up to `wanted` to a day's tokens, no more than are left of `limit`; answers how many, and how many were spent
    /// before.
    pub fn reserve_tokens(&self, user: UserId, day: &str, wanted: u64, limit: u64) -> Result<(u64, u64), CatalogError> {
        let mut conn = self.casual();
        let tx = immediate(&mut conn)?;
        let spent: Option<u64> = tx
            .query_row("SELECT n_tokens FROM tokens_spent WHERE user_id = ?1 AND day = ?2", (user.0, day), |row| {
                row.get(0)
            })
            .optional()?;
        let spent = spent.unwrap_or_default();
        let granted = wanted.min(limit.saturating_sub(spent));
        tx.execute(
            "INSERT INTO tokens_spent VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET n_tokens = n_tokens + excluded.n_tokens",
            (user.0, day, granted),
        )?;
        tx.commit()?;
        Ok((granted, spent))
    }

    /// Puts what was spent in the place of what was reserved.
    pub fn settle_tokens(&self, user: UserId, day: &str, reserved: u64, spent: u64) -> Result<(), CatalogError> {
        self.casual().execute(
            "UPDATE tokens_spent SET n_tokens = max(0, n_tokens - ?3 + ?4) WHERE user_id = ?1 AND day = ?2",
            (user.0, day, reserved, spent),
        )?;
        Ok(())
    }
}

fn answer_of(row: &Row<'_>) -> rusqlite::Result<StoredAnswer> {
    Ok(StoredAnswer {
        id: row.get("id")?,
        question: row.get("question")?,
        answer: row.get("answer")?,
        sql: row.get("sql")?,
        caveats: from_json(row, "caveats")?,
        digest: row.get("digest")?,
        is_verified: row.get::<_, Option<i64>>("verified_at")?.is_some(),
        created_at: row.get("created_at")?,
    })
}

fn note_of(row: &Row<'_>) -> rusqlite::Result<Note> {
    Ok(Note {
        sheet: sheets::name_of(row, 0)?,
        column: row.get("column_name")?,
        meaning: row.get("meaning")?,
        unit: row.get("unit")?,
        synonyms: from_json(row, "synonyms")?,
    })
}
