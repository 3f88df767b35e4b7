//! Forgetting what is old, and telling the store which files are still needed.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use rusqlite::Connection;

use super::{Catalog, CatalogError, immediate};

/// Versions kept of a sheet, besides the pinned ones.
const KEPT_VERSIONS: u32 = 20;
/// Calls of each user that the log keeps.
const KEPT_QUERIES: u32 = 10_000;

/// How long a deleted sheet can be restored, in milliseconds.
const DELETED_LIFE: i64 = 30 * 24 * 60 * 60 * 1000;

/// The files that one user's part of the catalog names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Referenced {
    pub versions: HashSet<String>,
    pub originals: HashSet<String>,
    pub results: HashSet<String>,
}

impl Catalog {
    /// Drops old versions, sheets deleted 30 days before the time `at`, and expired results; then `unlink` gets, by the
    /// user's key, the files that are still needed, and may remove all others while no one can commit.
    ///
    /// These are two transactions: were the files unlinked before the first has committed, a crash in between would
    /// leave versions without their files.
    pub fn sweep(
        &self,
        at: i64,
        unlink: &mut dyn FnMut(&HashMap<String, Referenced>) -> io::Result<()>,
    ) -> Result<(), CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        drop_old(&tx, at)?;
        tx.commit()?;
        let tx = immediate(&mut conn)?;
        unlink(&referenced(&tx)?)?;
        tx.commit()?;
        Ok(())
    }
}

fn drop_old(conn: &Connection, at: i64) -> Result<(), CatalogError> {
    conn.execute("DELETE FROM sheets WHERE deleted_at <= ?1", [at - DELETED_LIFE])?;
    conn.execute("DELETE FROM sources WHERE id NOT IN (SELECT source_id FROM sheets)", [])?;
    conn.execute(
        // Besides the newest: what is current, the reading that it builds on, and the last one of the file.
        "DELETE FROM versions AS old WHERE pinned = 0 AND id NOT IN (SELECT version_id FROM sheets)
         AND NOT EXISTS (
             SELECT 1 FROM sheets s JOIN versions v ON v.id = s.version_id
             WHERE s.id = old.sheet_id AND v.reading = old.number)
         AND number <> (SELECT max(number) FROM versions v WHERE v.sheet_id = old.sheet_id AND v.reading = v.number)
         AND id IN (
             SELECT id FROM (
                 SELECT id, row_number() OVER (PARTITION BY sheet_id ORDER BY number DESC) AS age FROM versions)
             WHERE age > ?1)",
        [KEPT_VERSIONS],
    )?;
    conn.execute(
        "DELETE FROM queries WHERE id IN (
             SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY user_id ORDER BY id DESC) AS age FROM queries)
             WHERE age > ?1)",
        [KEPT_QUERIES],
    )?;
    for expiring in ["results", "sessions", "invitations"] {
        conn.execute(&format!("DELETE FROM {expiring} WHERE expires_at <= ?1"), [at])?;
    }
    Ok(())
}

pub(super) fn referenced(conn: &Connection) -> Result<HashMap<String, Referenced>, CatalogError> {
    let mut by_key: HashMap<String, Referenced> = conn
        .prepare("SELECT key FROM users")?
        .query_map([], |row| Ok((row.get(0)?, Referenced::default())))?
        .collect::<Result<_, _>>()?;
    let versions =
        "SELECT u.key, v.file FROM versions v JOIN sheets s ON s.id = v.sheet_id JOIN users u ON u.id = s.user_id";
    let originals = "SELECT u.key, o.sha256 FROM sources o JOIN users u ON u.id = o.user_id";
    let results = "SELECT u.key, r.id FROM results r JOIN users u ON u.id = r.user_id";
    collect(conn, versions, &mut by_key, |files| &mut files.versions)?;
    collect(conn, originals, &mut by_key, |files| &mut files.originals)?;
    collect(conn, results, &mut by_key, |files| &mut files.results)?;
    Ok(by_key)
}

fn collect(
    conn: &Connection,
    sql: &str,
    by_key: &mut HashMap<String, Referenced>,
    part: fn(&mut Referenced) -> &mut HashSet<String>,
) -> Result<(), CatalogError> {
    let mut statement = conn.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        part(by_key.entry(row.get(0)?).or_default()).insert(row.get(1)?);
    }
    Ok(())
}
