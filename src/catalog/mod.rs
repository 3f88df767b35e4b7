//! What Quire knows of users, sources, sheets, versions and results, in one file of rows: the only rusqlite.
//!
//! Plain synchronous functions; one [`Catalog`] is shared by threads, and any number of processes share the file.

mod accounts;
mod answers;
pub mod backup;
pub mod copy;
mod error;
mod imports;
mod log;
mod model;
mod private;
mod purge;
pub mod repair;
mod results;
pub mod salvage;
mod schema;
mod settle;
mod sheets;
mod sweep;
#[cfg(test)]
mod tests;
mod tokens;
mod usage;
mod versions;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError},
    time::{SystemTime, UNIX_EPOCH},
};

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

pub use accounts::{Account, Invitation};
pub use answers::{NewAnswer, Note, StoredAnswer};
pub(crate) use error::storage_fault;
pub use error::{CatalogError, REPAIR};
pub use log::Due;
pub use model::*;
pub(crate) use private::{create_folder, sync_folder};
pub use sweep::Referenced;
pub use tokens::{Credential, NewToken, Rotation, Scope, SecretHash, SessionTimes, Token};
pub use usage::Usage;

/// Puts an import's files into place; runs inside the transaction that commits them.
pub type Publish<'a> = &'a mut dyn FnMut() -> std::io::Result<()>;

/// The catalog of one data folder.
#[derive(Debug)]
pub struct Catalog {
    /// Commits are synced: for what must outlive a power failure.
    durable: Mutex<Connection>,
    /// Commits are not synced: for history, results and caches. One more fsync per query would cost more than the query.
    casual: Mutex<Connection>,
    /// Never waits for a writer.
    reads: Mutex<Connection>,
    /// More of these, opened when the others are in use: what one user reads holds up no one.
    more_reads: [OnceLock<Mutex<Connection>>; 3],
    file: PathBuf,
    log: log::Log,
    /// Tells `salvage` that the file is in use.
    _in_use: std::fs::File,
}

impl Catalog {
    /// Opens `catalog.db` in a folder, creating or upgrading it.
    pub fn open(folder: &Path) -> Result<Catalog, CatalogError> {
        private::create_folder(folder)?;
        // Before anything waits for the copy that may be under way.
        copy::lost(folder)?;
        let file = folder.join("catalog.db");
        // A folder of someone's own, at the first start on it, is left as it is: what comes into it is private.
        let is_ours = file.is_file();
        for path in [folder, &folder.join("workspaces"), &file, &folder.join("catalog.db-wal")] {
            if is_ours && private::keep_private(path)? {
                tracing::warn!(path = %path.display(), "others could look into it: it is its owner's alone now");
            }
        }
        let in_use = salvage::in_use(folder)?;
        let durable = schema::prepare(folder, &file)?;
        let casual = schema::connect(&file)?;
        casual.execute_batch("PRAGMA synchronous = NORMAL")?;
        let reads = schema::connect_to_read(&file)?;
        Ok(Catalog {
            durable: Mutex::new(durable),
            casual: Mutex::new(casual),
            reads: Mutex::new(reads),
            more_reads: Default::default(),
            file,
            log: log::Log::default(),
            _in_use: in_use,
        })
    }

    /// Whether it can be read at all.
    pub fn answers(&self) -> Result<(), CatalogError> {
        schema::version(&self.reads()).map(drop)
    }

    /// Lets go of the pages that are held in memory, up to 2 MB for each connection: they are read again when needed.
    pub fn shrink(&self) -> Result<(), CatalogError> {
        const SHRINK: &str = "PRAGMA shrink_memory";
        self.durable().execute_batch(SHRINK)?;
        self.casual().execute_batch(SHRINK)?;
        for conn in self.more_reads.iter().filter_map(OnceLock::get).chain([&self.reads]) {
            locked(conn).execute_batch(SHRINK)?;
        }
        Ok(())
    }

    /// The database's own check of its file.
    pub fn check(&self) -> Result<Health, CatalogError> {
        let conn = self.reads();
        let mut problems: Vec<String> =
            conn.prepare("PRAGMA quick_check")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        problems.retain(|problem| problem != "ok");
        Ok(Health { schema: schema::version(&conn)?, problems })
    }

    /// The implicit user of the local modes, created by the first to ask.
    pub fn local_user(&self) -> Result<User, CatalogError> {
        let find = "SELECT id, key FROM users WHERE is_local = 1";
        let user = |row: &rusqlite::Row<'_>| Ok(User { id: UserId(row.get(0)?), key: row.get(1)? });
        if let Some(found) = self.reads().query_row(find, [], user).optional()? {
            return Ok(found);
        }
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        tx.execute(
            "INSERT INTO users (key, is_local, created_at) VALUES (?1, 1, ?2) ON CONFLICT DO NOTHING",
            (Uuid::new_v4().simple().to_string(), now()),
        )?;
        let found = tx.query_row(find, [], user)?;
        tx.commit()?;
        Ok(found)
    }

    fn durable(&self) -> MutexGuard<'_, Connection> {
        locked(&self.durable)
    }

    fn casual(&self) -> MutexGuard<'_, Connection> {
        locked(&self.casual)
    }

    fn reads(&self) -> MutexGuard<'_, Connection> {
        if let Some(conn) = free(&self.reads) {
            return conn;
        }
        for place in &self.more_reads {
            if place.get().is_none()
                && let Ok(conn) = schema::connect_to_read(&self.file)
            {
                // Another thread may have been first.
                let _ = place.set(Mutex::new(conn));
            }
            if let Some(conn) = place.get().and_then(free) {
                return conn;
            }
        }
        locked(&self.reads)
    }
}

fn free(conn: &Mutex<Connection>) -> Option<MutexGuard<'_, Connection>> {
    match conn.try_lock() {
        Ok(conn) => Some(conn),
        Err(TryLockError::Poisoned(conn)) => Some(conn.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn locked(conn: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    conn.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unix milliseconds.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A transaction that holds the write lock from its start, so that it never fails half-way for another's.
fn immediate(conn: &mut Connection) -> Result<Transaction<'_>, CatalogError> {
    Ok(conn.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

fn to_json(value: &impl Serialize) -> Result<String, CatalogError> {
    Ok(serde_json::to_string(value)?)
}

/// For a column that holds JSON.
fn from_json<T: DeserializeOwned>(row: &rusqlite::Row<'_>, column: &str) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}
