//! `Workspace`: the one handle that tools are given. It reaches one user's sheets, and no other's.

mod backup;
mod context;
mod convert;
mod export;
mod file;
mod history;
pub mod import;
mod log;
pub mod memory;
mod place;
mod quota;
mod read;
mod refresh;
pub mod reimport;
mod remote;
pub mod repair;
mod replay;
mod results;
pub mod roots;
mod stats;
mod supply;
mod titles;
mod transform;
mod upload;

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use self::{quota::Flights, refresh::Failures, roots::Roots};
use crate::{
    catalog::{Catalog, Credential, REPAIR, User, now},
    fault::{Code, Fault},
    ingest,
    store::{Scratch, Store, WorkspaceDir},
    worker::{
        pool::{CallLimits, Home, Pool, PoolLimits},
        task::Task,
    },
};

pub use self::{
    backup::copy_data,
    context::Profiled,
    export::{Delivered, Delivery, Wanted},
    history::{History, Purge},
    import::Imported,
    quota::{Gauges, Quotas, UploadSlot},
    read::{Described, Listing, Part, QueryAnswer},
    remote::{Download, LIFE, Remote, UploadTicket},
    stats::{HypothesisRequest, Summarized},
    transform::{TransformCall, TransformDone},
    upload::{Staged, Staging},
};

/// How long old files lie at most while a server runs.
pub const SWEPT_EVERY: Duration = Duration::from_hours(1);

/// While an import runs.
const STANDING_CHECKED_EVERY: Duration = Duration::from_secs(1);

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
    /// Bytes of all a user's results, where the user's share has room for them; the oldest give way.
    pub results_bytes: u64,
    pub quotas: Quotas,
}

/// What every workspace of a process shares: one data folder and its workers.
pub struct House {
    data_dir: PathBuf,
    catalog: Catalog,
    store: Store,
    pool: Pool,
    roots: Roots,
    limits: Limits,
    /// Where callers are elsewhere and see no file of this machine.
    remote: Option<Remote>,
    flights: Flights,
}

impl House {
    /// Opens the data folder, creating or upgrading it. Workers are started as `program worker`.
    pub fn open(data_dir: &Path, program: PathBuf, roots: Roots, limits: Limits) -> Result<Arc<House>, Fault> {
        House::open_for(data_dir, program, roots, limits, None)
    }

    /// The same for callers elsewhere, who use one-time addresses to send and fetch files.
    pub fn open_for(
        data_dir: &Path,
        program: PathBuf,
        roots: Roots,
        limits: Limits,
        remote: Option<Remote>,
    ) -> Result<Arc<House>, Fault> {
        let catalog = Catalog::open(data_dir)?;
        let store = Store::open(data_dir)?;
        let pool = Pool::new(program, limits.pool.clone());
        Ok(Arc::new(House {
            data_dir: data_dir.to_owned(),
            catalog,
            store,
            pool,
            roots: roots.without(data_dir),
            limits,
            remote,
            flights: Flights::default(),
        }))
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The workspace of the one implicit user of the local modes.
    pub fn local(self: &Arc<House>) -> Result<Workspace, Fault> {
        self.workspace(self.local_user()?)
    }

    /// The one implicit user of the local modes.
    pub fn local_user(&self) -> Result<User, Fault> {
        Ok(self.catalog.local_user()?)
    }

    /// The workspace of a user whom the caller has authenticated.
    pub fn workspace(self: &Arc<House>, user: User) -> Result<Workspace, Fault> {
        self.workspace_by(user, None)
    }

    /// The same, with what the user showed, for work that outlives the call that asked for it.
    pub fn workspace_by(self: &Arc<House>, user: User, credential: Option<Credential>) -> Result<Workspace, Fault> {
        let dir = self.store.workspace(&user.key)?;
        let (scratch, failures) = (OnceLock::new(), Failures::default());
        let inner = Inner { house: Arc::clone(self), user, credential, dir, scratch, failures };
        Ok(Workspace { inner: Arc::new(inner), is_read_only: false })
    }

    /// Drops what is too old, and files that nothing names any more.
    pub async fn sweep(self: &Arc<House>) -> Result<(), Fault> {
        let house = Arc::clone(self);
        blocking(move || house.tidy()).await
    }

    /// Sweeps, and keeps a copy of the catalog. A damaged one may name less than there is: then nothing is removed.
    fn tidy(&self) -> Result<(), Fault> {
        self.health()?;
        self.store.sweep(&self.catalog, now())?;
        self.catalog.keep_copy(&self.data_dir)?;
        Ok(())
    }

    /// The same for a command that ends soon: only where no process has done it for an hour. What killed processes left in
    /// scratch folders, which may be much, goes at once.
    pub async fn sweep_if_due(self: &Arc<House>) -> Result<(), Fault> {
        if self.store.was_swept_within(SWEPT_EVERY) {
            let house = Arc::clone(self);
            blocking(move || house.sweep_scratch()).await
        } else {
            self.sweep().await
        }
    }

    /// Lets go of memory that is quickly filled again.
    pub async fn shrink(self: &Arc<House>) -> Result<(), Fault> {
        let house = Arc::clone(self);
        blocking(move || Ok(house.catalog.shrink()?)).await
    }

    /// Whether the catalog answers, the store can be written to, and a worker starts and answers.
    pub async fn readiness(self: &Arc<House>) -> [(&'static str, Result<(), Fault>); 3] {
        let house = Arc::clone(self);
        let catalog = blocking(move || Ok(house.catalog.answers()?)).await;
        let house = Arc::clone(self);
        let store = blocking(move || Ok(house.store.is_writable()?)).await;
        [("catalog", catalog), ("store", store), ("worker", self.pool.answers().await)]
    }

    /// What of the sandbox around workers this system lacks, in words. Fails where it is required.
    pub async fn missing_of_sandbox(&self) -> Result<Vec<String>, Fault> {
        self.pool.missing().await
    }

    /// Says once, in the log, what of the sandbox is missing. Fails where it is required.
    pub async fn check_sandbox(&self) -> Result<(), Fault> {
        self.said(self.missing_of_sandbox().await)
    }

    fn said(&self, missing: Result<Vec<String>, Fault>) -> Result<(), Fault> {
        match missing {
            Ok(missing) if missing.is_empty() => {}
            Ok(missing) => {
                tracing::warn!(missing = missing.join("; "), "workers run without a whole sandbox; see `quire doctor`");
            }
            Err(fault) if self.requires_sandbox() => return Err(fault),
            Err(fault) => tracing::error!(%fault, hint = fault.hint, "no worker could be started"),
        }
        Ok(())
    }

    /// Whether nothing may run without the sandbox.
    fn requires_sandbox(&self) -> bool {
        self.limits.pool.requires_sandbox
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
            .hint(REPAIR)),
        }
    }
}

/// One user's sheets; cheap to clone.
#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Inner>,
    is_read_only: bool,
}

struct Inner {
    house: Arc<House>,
    user: User,
    /// None where nobody asks for one.
    credential: Option<Credential>,
    dir: WorkspaceDir,
    /// For the results of this process's queries until they are kept.
    scratch: OnceLock<Scratch>,
    failures: Failures,
}

impl Workspace {
    /// The same for a caller who may only read.
    #[must_use]
    pub fn read_only(self) -> Workspace {
        Workspace { is_read_only: true, ..self }
    }

    /// Fails with `forbidden` where the caller may only read.
    pub fn check_writable(&self) -> Result<(), Fault> {
        if self.is_read_only {
            return Err(Fault::new(Code::Forbidden, "the access token may only read")
                .hint("use a token with the scope `read_write` to change anything"));
        }
        Ok(())
    }

    /// Fails with `unauthenticated` where the account was disabled meanwhile, or the session or the token ended.
    pub(super) async fn check_standing(&self) -> Result<(), Fault> {
        self.blocking(Inner::check_standing).await
    }

    /// Runs a task in a worker of its own, for as long as whoever asked for it may: an account that is disabled or a token
    /// that is revoked meanwhile ends it.
    async fn in_own_worker<T: DeserializeOwned>(
        &self,
        home: Home,
        task: Task,
        call: CallLimits,
        progress: &(dyn Fn(f64) + Send + Sync),
    ) -> Result<T, Fault> {
        let cancel = call.cancel.child_token();
        let call = CallLimits { cancel: cancel.clone(), ..call };
        let mut work = pin!(self.inner.house.pool.import(home, task, &call, progress));
        tokio::select! {
            outcome = &mut work => outcome,
            fallen = self.falls() => {
                cancel.cancel();
                // Until the worker has ended.
                let _: Result<T, Fault> = work.await;
                Err(fallen)
            }
        }
    }

    /// Waits until what the caller showed is no longer good, which another process may have brought about.
    async fn falls(&self) -> Fault {
        let mut seconds = tokio::time::interval(STANDING_CHECKED_EVERY);
        loop {
            if self.inner.credential.is_none() {
                return std::future::pending().await;
            }
            seconds.tick().await;
            // A catalog that can't answer now is asked again.
            match self.check_standing().await {
                Err(fault) if fault.code == Code::Unauthenticated => return fault,
                Err(_) | Ok(()) => {}
            }
        }
    }

    /// Tells users apart; says nothing about them.
    pub fn key(&self) -> &str {
        &self.inner.user.key
    }

    fn home(&self) -> Home {
        self.home_with(vec![self.inner.dir.versions()], Vec::new())
    }

    /// The home of a worker that may read and write there and nowhere else.
    fn home_with(&self, reads: Vec<PathBuf>, writes: Vec<PathBuf>) -> Home {
        Home { key: self.inner.user.key.clone(), reads, writes }
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
    fn check_standing(&self) -> Result<(), Fault> {
        let Some(credential) = &self.credential else { return Ok(()) };
        if self.house.catalog.admits(self.user.id, credential, now())? {
            return Ok(());
        }
        Err(Fault::new(Code::Unauthenticated, "the token that this began with is no longer good").hint("log in again"))
    }

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
