//! Removing sheets so that nothing of them is left in the catalog.

use super::{Catalog, CatalogError, Purged, UserId, immediate, sheets};

impl Catalog {
    /// Removes sheets, live or deleted, with all versions and profiles, the results that queries left, and the words of
    /// the queries that read them. The files go with the next sweep, and what is left of the rows with `compact`.
    pub fn purge(&self, user: UserId, handles: &[String]) -> Result<Purged, CatalogError> {
        // What they said is removed as well.
        self.write_log()?;
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let found: Vec<_> =
            handles.iter().map(|handle| sheets::find(&tx, user, handle)).collect::<Result<_, CatalogError>>()?;
        for sheet in &found {
            tx.execute("DELETE FROM sheets WHERE id = ?1", [sheet.id])?;
            tx.execute(
                "UPDATE queries SET sql = NULL WHERE user_id = ?1 AND sql IS NOT NULL AND CASE
                     WHEN sheets IS NULL THEN instr(lower(sql), ?2) > 0
                     ELSE EXISTS (SELECT 1 FROM json_each(sheets) WHERE value = ?3) END",
                (user.0, sheet.name.as_str(), sheet.id),
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
        let mut kept = Vec::new();
        for sheet in &found {
            kept.extend(sheets::deleted_handle(&tx, user, sheet.name.as_str())?);
        }
        kept.sort_unstable();
        kept.dedup();
        tx.commit()?;
        Ok(Purged { names: found.into_iter().map(|sheet| sheet.name.into()).collect(), kept })
    }

    /// Writes the catalog's file anew, so that no page of it still holds what was removed, whoever removed it.
    pub fn compact(&self) -> Result<(), CatalogError> {
        let conn = self.durable();
        conn.execute_batch("VACUUM")?;
        // The log of changes holds old pages until it is written back.
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}
