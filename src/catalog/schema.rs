//! The numbered migrations, and bringing a catalog file up to the last of them.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, TransactionBehavior, functions::FunctionFlags};

use super::{CatalogError, copy, private};

/// Never edited once landed: the n-th brings schema n-1 to schema n.
const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_catalog.sql"),
    include_str!("../../migrations/0002_accounts.sql"),
    include_str!("../../migrations/0003_query_sheets.sql"),
    include_str!("../../migrations/0004_answers.sql"),
];

/// How long a statement waits for another process's transaction.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Creates or upgrades the catalog file, and refuses one that is newer, or to create one where another was lost.
///
/// All starts pass here one after the other, held by a file lock: switching a fresh file to WAL mode fails at once
/// when another process reads it, whatever the busy timeout.
pub(super) fn prepare(folder: &Path, file: &Path) -> Result<Connection, CatalogError> {
    let lock = private::open_or_create(&folder.join("catalog.lock"))?;
    lock.lock()?;
    // Before SQLite looks at it: beside an empty file it takes the log away.
    if let Some(lost) = copy::lost(folder)? {
        return Err(CatalogError::Lost(lost));
    }
    // An empty file is a fresh database to SQLite, which gives its other files the mode of this one. Not when it is
    // there: closing it would release the locks that this process has on it.
    if !file.try_exists()? {
        drop(private::open_or_create(file)?);
    }
    let mut conn = connect(file)?;
    let found = at_most_known(&conn)?;
    if found == 0
        && let Some(traces) = copy::traces(folder)
    {
        return Err(CatalogError::Lost(format!("`{}` holds nothing, and there {traces}", file.display())));
    }
    if found < known() {
        upgrade(&mut conn, found)?;
    }
    Ok(conn)
}

/// A catalog in an empty file that no one else knows of.
pub(super) fn fresh(file: &Path) -> Result<Connection, CatalogError> {
    let mut conn = connect(file)?;
    upgrade(&mut conn, 0)?;
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

/// One that changes nothing.
pub(super) fn connect_to_read(file: &Path) -> Result<Connection, CatalogError> {
    let conn = connect(file)?;
    conn.execute_batch("PRAGMA query_only = ON")?;
    Ok(conn)
}

/// The number of the migration a catalog is at.
pub(super) fn version(conn: &Connection) -> Result<i64, CatalogError> {
    Ok(conn.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// The same, and refuses one of a later Quire.
pub(super) fn at_most_known(conn: &Connection) -> Result<i64, CatalogError> {
    let found = version(conn)?;
    if found > known() { Err(CatalogError::Newer { found, known: known() }) } else { Ok(found) }
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
