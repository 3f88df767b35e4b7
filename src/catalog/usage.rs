//! How much there is: for quotas and metrics, and the log of calls by page.

use super::{Catalog, CatalogError, UserId};

/// What one user, or all together, keep here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Live sheets.
    pub n_sheets: u64,
    /// Bytes of all versions that are kept, of deleted sheets too, and of the uploads that they came from.
    pub n_bytes: u64,
    /// Bytes of the results that can be paged on.
    pub n_result_bytes: u64,
}

impl Usage {
    /// Bytes of all that is kept.
    pub fn n_all_bytes(&self) -> u64 {
        self.n_bytes.saturating_add(self.n_result_bytes)
    }
}

const USAGE: &str = "SELECT
    (SELECT count(*) FROM sheets WHERE deleted_at IS NULL AND (?1 IS NULL OR user_id = ?1)) AS n_sheets,
    (SELECT coalesce(sum(n_bytes), 0) FROM (
         SELECT DISTINCT s.user_id, v.file, v.n_bytes FROM versions v JOIN sheets s ON s.id = v.sheet_id
         WHERE ?1 IS NULL OR s.user_id = ?1))
    + (SELECT coalesce(sum(n_bytes), 0) FROM (
         SELECT DISTINCT user_id, sha256, n_bytes FROM sources
         WHERE linked = 0 AND kind = 'name' AND (?1 IS NULL OR user_id = ?1))) AS n_bytes,
    (SELECT coalesce(sum(n_bytes), 0) FROM results WHERE ?1 IS NULL OR user_id = ?1) AS n_result_bytes";

impl Catalog {
    /// Of one user, or of all.
    pub fn usage(&self, user: Option<UserId>) -> Result<Usage, CatalogError> {
        let conn = self.reads();
        let mut statement = conn.prepare_cached(USAGE)?;
        Ok(statement.query_row([user.map(|user| user.0)], |row| {
            let [n_sheets, n_bytes, n_result_bytes] =
                ["n_sheets", "n_bytes", "n_result_bytes"].map(|name| row.get(name));
            Ok(Usage { n_sheets: n_sheets?, n_bytes: n_bytes?, n_result_bytes: n_result_bytes? })
        })?)
    }

    pub fn n_users(&self) -> Result<u64, CatalogError> {
        Ok(self.reads().query_row("SELECT count(*) FROM users", [], |row| row.get(0))?)
    }
}
