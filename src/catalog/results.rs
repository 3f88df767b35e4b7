//! Results that can be paged on, and cached profiles.

use rusqlite::{OptionalExtension, Row};

use super::{Catalog, CatalogError, NewResult, Publish, StoredResult, UserId, from_json, immediate, now, to_json};

/// How long a result can be read, in milliseconds.
const RESULT_LIFE: i64 = 60 * 60 * 1000;

impl Catalog {
    /// Commits a result whose file `publish` puts into place, and drops the user's oldest results beyond `quota` bytes.
    ///
    /// `at` is the time in Unix milliseconds. Returns the ids of the dropped results, whose files may be unlinked: no id
    /// is used twice.
    pub fn put_result(
        &self,
        user: UserId,
        new: &NewResult,
        at: i64,
        quota: u64,
        publish: Publish<'_>,
    ) -> Result<Vec<String>, CatalogError> {
        let mut conn = self.casual();
        let tx = immediate(&mut conn)?;
        publish()?;
        tx.execute(
            "INSERT INTO results (id, user_id, sql, columns, n_rows, complete, n_bytes, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            rusqlite::params![
                new.id,
                user.0,
                new.sql,
                to_json(&new.columns)?,
                new.n_rows,
                new.complete,
                new.n_bytes,
                at,
                at + RESULT_LIFE,
            ],
        )?;
        // The newest stays even when it alone is over the quota: its handle is about to be given out.
        let dropped = tx
            .prepare_cached(
                "DELETE FROM results WHERE user_id = ?1 AND id <> ?2 AND (expires_at <= ?3 OR id IN (
                     SELECT id FROM (
                         SELECT id, sum(n_bytes) OVER (ORDER BY created_at DESC, rowid DESC) AS n_bytes_so_far
                         FROM results WHERE user_id = ?1 AND expires_at > ?3)
                     WHERE n_bytes_so_far > ?4)) RETURNING id",
            )?
            .query_map((user.0, &new.id, at, i64::try_from(quota).unwrap_or(i64::MAX)), |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        tx.commit()?;
        Ok(dropped)
    }

    /// Drops the user's oldest results until `n_bytes` are free; none, where all of them together are not enough. Answers
    /// as `put_result` does.
    pub fn drop_results(&self, user: UserId, n_bytes: u64) -> Result<Vec<String>, CatalogError> {
        let conn = self.casual();
        let mut statement = conn.prepare_cached(
            "DELETE FROM results WHERE (SELECT sum(n_bytes) FROM results WHERE user_id = ?1) >= ?2 AND id IN (
                 SELECT id FROM (
                     SELECT id, n_bytes, sum(n_bytes) OVER (ORDER BY created_at, rowid) AS n_bytes_so_far
                     FROM results WHERE user_id = ?1)
                 WHERE n_bytes_so_far - n_bytes < ?2) RETURNING id",
        )?;
        let dropped = statement.query_map((user.0, i64::try_from(n_bytes).unwrap_or(i64::MAX)), |row| row.get(0))?;
        Ok(dropped.collect::<Result<_, _>>()?)
    }

    /// A result that has not expired at the time `at`.
    pub fn result(&self, user: UserId, id: &str, at: i64) -> Result<StoredResult, CatalogError> {
        let found = self
            .reads()
            .prepare_cached("SELECT * FROM results WHERE user_id = ?1 AND id = ?2 AND expires_at > ?3")?
            .query_row((user.0, id, at), result_of)
            .optional()?;
        found.ok_or_else(|| CatalogError::ResultNotFound(id.to_owned()))
    }

    /// What was computed before about a version, as JSON text.
    pub fn profile(&self, version_id: i64, kind: &str) -> Result<Option<String>, CatalogError> {
        Ok(self
            .reads()
            .prepare_cached("SELECT body FROM profiles WHERE version_id = ?1 AND kind = ?2")?
            .query_row((version_id, kind), |row| row.get(0))
            .optional()?)
    }

    /// Keeps what was computed about a version, unless the version is gone.
    pub fn put_profile(&self, version_id: i64, kind: &str, body: &str) -> Result<(), CatalogError> {
        self.casual().execute(
            "INSERT OR REPLACE INTO profiles (version_id, kind, body, created_at)
             SELECT id, ?2, ?3, ?4 FROM versions WHERE id = ?1",
            (version_id, kind, body, now()),
        )?;
        Ok(())
    }
}

fn result_of(row: &Row<'_>) -> rusqlite::Result<StoredResult> {
    Ok(StoredResult {
        id: row.get("id")?,
        sql: row.get("sql")?,
        columns: from_json(row, "columns")?,
        n_rows: row.get("n_rows")?,
        complete: row.get("complete")?,
        n_bytes: row.get("n_bytes")?,
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
    })
}
