//! Removing sheets so that nothing of them is left in the catalog.

use super::{Catalog, CatalogError, UserId, immediate, sheets};

impl Catalog {
    /// Removes sheets, live or deleted, with all versions and profiles, the results that queries left, and the words of
    /// the queries that name them. Answers their names. The files go with the next sweep.
    pub fn purge(&self, user: UserId, handles: &[String]) -> Result<Vec<String>, CatalogError> {
        let mut conn = self.durable();
        // Freed pages are overwritten.
        conn.execute_batch("PRAGMA secure_delete = ON")?;
        let tx = immediate(&mut conn)?;
        let found: Vec<_> =
            handles.iter().map(|handle| sheets::find(&tx, user, handle)).collect::<Result<_, CatalogError>>()?;
        for sheet in &found {
            tx.execute("DELETE FROM sheets WHERE id = ?1", [sheet.id])?;
            tx.execute(
                "UPDATE queries SET sql = NULL WHERE user_id = ?1 AND instr(lower(sql), ?2) > 0",
                (user.0, sheet.name.as_str()),
            )?;
            tx.execute(
                "DELETE FROM answers WHERE user_id = ?1 AND (sql = '' OR instr(lower(sql), ?2) > 0)",
                (user.0, sheet.name.as_str()),
            )?;
        }
        if !found.is_empty() {
            // Which of them hold rows of the sheets is not known.
            tx.execute("DELETE FROM results WHERE user_id = ?1", [user.0])?;
            tx.execute("DELETE FROM kept_rows WHERE user_id = ?1", [user.0])?;
            tx.execute("DELETE FROM answers WHERE user_id = ?1 AND verified_at IS NULL", [user.0])?;
            tx.execute(
                "DELETE FROM sources WHERE user_id = ?1 AND id NOT IN (SELECT source_id FROM sheets)",
                [user.0],
            )?;
            sheets::bump_generation(&tx, user)?;
        }
        tx.commit()?;
        // The log of changes holds old pages until it is written back.
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(found.into_iter().map(|sheet| sheet.name.into()).collect())
    }
}
