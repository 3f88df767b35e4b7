//! The log of calls. One is noted in memory and written soon after, so that no call waits for what others write.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Catalog, CatalogError, LoggedQuery, NewQuery, UserId, immediate, now, to_json};
use crate::name::words;

/// Characters of a logged query.
const MAX_LOGGED: usize = 10_000;
/// Calls that may wait to be written.
const MOST_WAITING: usize = 1_000;

/// Calls that are not written yet.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<Noted>>);

#[derive(Debug)]
struct Noted {
    user: UserId,
    at: i64,
    query: NewQuery,
}

/// What has to be done now that a call is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing: whoever noted the call before has the log written.
    Nothing,
    /// To call `write_log`.
    Writing,
    /// To call it and wait for it: too many calls are noted.
    WritingNow,
}

impl Log {
    fn waiting(&self) -> MutexGuard<'_, Vec<Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Catalog {
    /// Notes a call, its SQL cut to what a person reads.
    pub fn note_query(&self, user: UserId, mut query: NewQuery) -> Due {
        if let Some(sql) = &mut query.sql
            && let Some((end, _)) = sql.char_indices().nth(MAX_LOGGED)
        {
            sql.truncate(end);
        }
        let mut waiting = self.log.waiting();
        waiting.push(Noted { user, at: now(), query });
        match waiting.len() {
            1 => Due::Writing,
            MOST_WAITING.. => Due::WritingNow,
            _ => Due::Nothing,
        }
    }

    /// Writes the calls that are noted, each with the live sheets that its SQL names.
    pub fn write_log(&self) -> Result<(), CatalogError> {
        // In this order, so that calls are written in theirs.
        let mut conn = self.casual();
        let noted = std::mem::take(&mut *self.log.waiting());
        if noted.is_empty() {
            return Ok(());
        }
        let tx = immediate(&mut conn)?;
        for Noted { user, at, query } in noted {
            let words: Vec<String> = query.sql.as_deref().map(words).unwrap_or_default().into_iter().collect();
            tx.prepare_cached(
                "INSERT INTO queries (user_id, at, tool, sql, outcome, n_rows, milliseconds, sheets)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, json_group_array(id) FROM sheets
                 WHERE user_id = ?1 AND deleted_at IS NULL AND name IN (SELECT value FROM json_each(?8))",
            )?
            .execute((
                user.0,
                at,
                query.tool,
                query.sql,
                query.outcome,
                query.n_rows,
                query.milliseconds,
                to_json(&words)?,
            ))?;
        }
        Ok(tx.commit()?)
    }

    /// The calls before the one with the id `before`, newest first, with their ids.
    pub fn queries_before(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<(i64, LoggedQuery)>, CatalogError> {
        self.write_log()?;
        let conn = self.reads();
        let mut statement = conn.prepare_cached(
            "SELECT * FROM queries WHERE user_id = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
        )?;
        let queries = statement
            .query_map((user.0, before, limit), |row| {
                let query = LoggedQuery {
                    at: row.get("at")?,
                    tool: row.get("tool")?,
                    sql: row.get("sql")?,
                    outcome: row.get("outcome")?,
                    n_rows: row.get("n_rows")?,
                    milliseconds: row.get("milliseconds")?,
                };
                Ok((row.get("id")?, query))
            })?
            .collect::<Result<_, _>>()?;
        Ok(queries)
    }
}
