//! The numbered migrations, and bringing a catalog file up to the last of them.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, TransactionBehavior, functions::FunctionFlags};

use super::{CatalogError, private};

/// Never edited once landed: the n-th brings schema n-1 to schema n.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_catalog.sql"),
    include_str!("../../migrations/0002_accounts.sql"),
    include_str!("../../migrations/0003_query_sheets.sql"),
    include_str!("../../migrations/0004_answers.sql"),
];

/// How long a statement waits for another process's transaction.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Creates or upgrades the catalog file, and refuses one that is newer.
///
/// All starts pass here one after the other, held by a file lock: switching a fresh file to WAL mode fails at once
/// when another process reads it, whatever the busy timeout.
pub(super) fn prepare(folder: &Path, file: &Path) -> Result<Connection, CatalogError> {
    let lock = private::open_or_create(&folder.join("catalog.lock"))?;
    lock.lock()?;
    // An empty file is a fresh database to SQLite, which gives its other files the mode of this one. Not when it is
    // there: closing it would release the locks that this process has on it.
    if !file.try_exists()? {
        drop(private::open_or_create(file)?);
    }
    let mut conn = connect(file)?;
    let found = version(&conn)?;
    if found > known() {
        return Err(CatalogError::Newer { found, known: known() });
    }
    if found < known() {
        upgrade(&mut conn, found)?;
    }
    Ok(conn)
}

/// A connection to a catalog. Every commit is synced.
///
/// In WAL mode, `synchronous = NORMAL` may lose the last commits in a power failure: an import already answered would
/// be gone, and files that the sweep unlinked would be named again by the versions it had dropped.
pub(super) fn connect(file: &Path) -> Result<Connection, CatalogError> {
    let conn = Connection::open(file)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;")?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    conn.create_scalar_function("lower_case", 1, flags, |call| Ok(call.get::<String>(0)?.to_lowercase()))?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// The number of the migration a catalog is at.
pub(super) fn version(conn: &Connection) -> Result<i64, CatalogError> {
    Ok(conn.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

fn upgrade(conn: &mut Connection, found: i64) -> Result<(), CatalogError> {
    conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))?;
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "user_version", known())?;
    tx.commit()?;
    Ok(())
}
