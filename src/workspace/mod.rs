//! `Workspace`: the one handle that tools are given. It reaches one user's sheets, and no other's.

mod convert;
mod export;
mod file;
mod history;
pub mod import;
mod place;
mod read;
mod refresh;
pub mod reimport;
mod replay;
mod results;
pub mod roots;
mod stats;
mod titles;
mod transform;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use self::{refresh::Failures, roots::Roots};
use crate::{
    catalog::{Catalog, NewQuery, User, now},
    fault::{Code, Fault},
    ingest,
    store::{Scratch, Store, WorkspaceDir},
    worker::pool::{CallLimits, Home, Pool, PoolLimits},
};

pub use self::{
    export::{Delivered, Delivery, Wanted},
    history::Purge,
    import::Imported,
    read::{Described, Listing, Part, QueryAnswer},
    stats::{HypothesisRequest, Summarized},
    transform::{TransformCall, TransformDone},
};

/// How long old files lie at most while a server runs.
pub const SWEPT_EVERY: Duration = Duration::from_hours(1);

/// What a Quire process may use; `cli::config` fills it.
#[derive(Debug, Clone)]
pub struct Limits {
    pub ingest: ingest::Limits,
    pub pool: PoolLimits,
    pub query_timeout: Duration,
    pub import_timeout: Duration,
    /// Rows and bytes that one result handle may keep.
    pub result_rows: u64,
    pub result_bytes: u64,
    /// Bytes of all a user's results; the oldest give way.
    pub results_bytes: u64,
}

/// What every workspace of a process shares: one data folder and its workers.
pub struct House {
    catalog: Catalog,
    store: Store,
    pool: Pool,
    roots: Roots,
    limits: Limits,
}

impl House {
    /// Opens the data folder, creating or upgrading it. Workers are started as `program worker`.
    pub fn open(data_dir: &Path, program: PathBuf, roots: Roots, limits: Limits) -> Result<Arc<House>, Fault> {
        let catalog = Catalog::open(data_dir)?;
        let store = Store::open(data_dir)?;
        let pool = Pool::new(program, limits.pool.clone());
        Ok(Arc::new(House { catalog, store, pool, roots, limits }))
    }

    /// The workspace of the one implicit user of the local modes.
    pub fn local(self: &Arc<House>) -> Result<Workspace, Fault> {
        self.workspace(self.catalog.local_user()?)
    }

    /// The workspace of a user whom the caller has authenticated.
    pub fn workspace(self: &Arc<House>, user: User) -> Result<Workspace, Fault> {
        let dir = self.store.workspace(&user.key)?;
        let (scratch, failures) = (OnceLock::new(), Failures::default());
        Ok(Workspace { inner: Arc::new(Inner { house: Arc::clone(self), user, dir, scratch, failures }) })
    }

    /// Drops what is too old, and files that nothing names any more.
    pub async fn sweep(self: &Arc<House>) -> Result<(), Fault> {
        let house = Arc::clone(self);
        blocking(move || house.store.sweep(&house.catalog, now())).await
    }

    /// The same for a command that ends soon: only where no process has done it for an hour.
    pub async fn sweep_if_due(self: &Arc<House>) -> Result<(), Fault> {
        if self.store.was_swept_within(SWEPT_EVERY) { Ok(()) } else { self.sweep().await }
    }

    /// Checks the catalog; answers in words.
    pub fn health(&self) -> Result<String, Fault> {
        let health = self.catalog.check()?;
        match health.problems.first() {
            None => Ok(format!("schema {}", health.schema)),
            Some(problem) => Err(Fault::new(
                Code::CatalogUnusable,
                format!("{} problems, such as: {problem}", health.problems.len()),
            )
            .hint("restore `catalog.db` from a backup, or start afresh with another `--data-dir`")),
        }
    }
}

/// One user's sheets; cheap to clone.
#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Inner>,
}

struct Inner {
    house: Arc<House>,
    user: User,
    dir: WorkspaceDir,
    /// For the results of this process's queries until they are kept.
    scratch: OnceLock<Scratch>,
    failures: Failures,
}

impl Workspace {
    /// Starts a worker ahead of the first call.
    pub async fn warm(&self) -> Result<(), Fault> {
        self.inner.house.pool.warm(&self.home()).await
    }

    /// Adds a call to the history. A history that can't be written does not fail the call.
    pub async fn record(
        &self,
        tool: &str,
        sql: Option<String>,
        outcome: &'static str,
        n_rows: Option<u64>,
        took: Duration,
    ) {
        let tool = tool.to_owned();
        let written = self
            .blocking(move |inner| {
                let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let query = NewQuery { tool: &tool, sql: sql.as_deref(), outcome, n_rows, milliseconds };
                Ok(inner.house.catalog.log_query(inner.user.id, &query)?)
            })
            .await;
        if let Err(fault) = written {
            tracing::warn!(code = fault.code.name(), "the history could not be written");
        }
    }

    fn home(&self) -> Home {
        Home { key: self.inner.user.key.clone(), folders: vec![self.inner.dir.versions()] }
    }

    fn limits(&self) -> &Limits {
        &self.inner.house.limits
    }

    fn query_limits(&self, cancel: &CancellationToken) -> CallLimits {
        CallLimits {
            deadline: self.limits().query_timeout,
            too_slow: "filter or aggregate earlier, avoid joins that multiply rows, or start Quire with a higher `--query-timeout`",
            cancel: cancel.clone(),
        }
    }

    /// Runs catalog and file work off the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&inner)).await
    }
}

impl Inner {
    fn scratch(&self) -> Result<&Scratch, Fault> {
        if let Some(scratch) = self.scratch.get() {
            return Ok(scratch);
        }
        let fresh = self.dir.new_scratch()?;
        Ok(self.scratch.get_or_init(|| fresh))
    }
}

/// Runs `work` on a thread that may wait for disks and locks.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    #[expect(clippy::disallowed_methods, reason = "this is the wrapper")]
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(Fault::internal)?
}
