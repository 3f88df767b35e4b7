//! The server's workers: warm ones for queries, one of its own for each import; deadlines, cancellation, restarts.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::{
    idle::Idle,
    meter::Meter,
    priority,
    process::{Ended, Process, Watch},
    queue::Queue,
    shares::Shares,
    spawner::Spawner,
    task::{Confinement, Manifest, Task},
};
use crate::{engine::Budget, fault::Fault};

pub use super::queue::QueueLimits;

/// How long a worker may take to start and to say a word.
const PING: Duration = Duration::from_secs(10);

/// How many workers there may be, and what each may use.
#[derive(Debug, Clone)]
pub struct PoolLimits {
    pub queries: QueueLimits,
    /// What runs in a worker of its own: imports, transforms, exports.
    pub imports: QueueLimits,
    /// What each may use.
    pub budget: Budget,
    /// Memory for all of them together: as many calls run at once as have their `budget` in it, and one at least.
    pub total_bytes: u64,
    /// The largest file that a worker may write.
    pub file_bytes: u64,
    /// Whether no worker may run without the sandbox of the operating system.
    pub requires_sandbox: bool,
    /// Query workers that wait for their workspace's next call, and how long one does.
    pub n_idle: usize,
    pub idle_for: Duration,
}

/// One call's time, and the way to end it early.
#[derive(Debug, Clone)]
pub struct CallLimits {
    pub deadline: Duration,
    /// What to do about a call that takes longer.
    pub too_slow: &'static str,
    pub cancel: CancellationToken,
}

/// The workspace that a worker belongs to.
#[derive(Debug, Clone, Default)]
pub struct Home {
    /// Tells workspaces apart.
    pub key: String,
    /// What the worker may read: version files, the one file of an import.
    pub reads: Vec<PathBuf>,
    /// Scratch folders, where it may also write. A worker for queries has one of its own instead.
    pub writes: Vec<PathBuf>,
}

/// What a workspace gives to its workers for queries.
pub trait Supply: Sync {
    /// Its sheets; asked only when a worker has those of another generation.
    fn manifest(&self) -> impl Future<Output = Result<Manifest, Fault>> + Send;

    /// An empty folder for a new worker; none where nothing can be written.
    fn folder(&self) -> impl Future<Output = Result<Option<Folder>, Fault>> + Send;
}

/// A worker's own folder.
pub struct Folder {
    pub path: PathBuf,
    /// Keeps it there, and removes it when it goes.
    pub held: Box<dyn Send + Sync>,
}

/// How long a worker keeps its priority while others call: short where it can have it back. Else a new one takes its
/// place after the call, and only what is slow should cost that.
const LOWERED_AFTER: Duration = Duration::from_millis(20);
const LOWERED_FOR_GOOD_AFTER: Duration = Duration::from_millis(250);
/// Seconds of calls lately (see `process`) that lower the next one from its start, where it can have its priority back:
/// someone who calls all the time comes to 1.4.
const LOWERED_FROM: f64 = 0.5;

/// All workers of this process.
pub struct Pool {
    program: PathBuf,
    limits: PoolLimits,
    shares: Shares,
    queries: Queue,
    imports: Queue,
    idle: Idle,
    meter: Meter,
    spawner: Spawner,
    lowered_after: Duration,
    lowered_from: f64,
    /// Held while a worker is started ahead: the first call waits for that one.
    warming: Mutex<()>,
}

impl Pool {
    /// `program` is Quire itself, started as `program worker`.
    pub fn new(program: PathBuf, limits: PoolLimits) -> Pool {
        let (lowered_after, lowered_from) =
            if priority::can_raise() { (LOWERED_AFTER, LOWERED_FROM) } else { (LOWERED_FOR_GOOD_AFTER, f64::INFINITY) };
        let n_shares = limits.total_bytes.checked_div(limits.budget.memory_bytes).unwrap_or(1);
        let shares = Shares::new(usize::try_from(n_shares).unwrap_or(usize::MAX));
        Pool {
            queries: Queue::new(limits.queries, shares.clone(), 0),
            imports: Queue::new(limits.imports, shares.clone(), 1),
            shares,
            idle: Idle::new(limits.n_idle, limits.idle_for),
            meter: Meter::new(limits.total_bytes, limits.budget.memory_bytes),
            spawner: Spawner::default(),
            lowered_after,
            lowered_from,
            warming: Mutex::default(),
            program,
            limits,
        }
    }

    /// Starts a worker for `home` ahead of its first call. Answers like `missing`.
    pub async fn warm(&self, home: &Home, supply: &impl Supply) -> Result<Vec<String>, Fault> {
        let _warming = self.warming.lock().await;
        let mut process = self.start_for_queries(home, supply).await?;
        let missing = asked(&mut process, Task::Sandbox).await?;
        self.idle.keep(&home.key, process);
        parsed(&missing)
    }

    /// Of each queue its name, the calls that run, and those that wait.
    pub fn queues(&self) -> [(&'static str, usize, usize); 2] {
        [("queries", &self.queries), ("imports", &self.imports)].map(|(name, queue)| {
            let (n_running, n_waiting) = queue.counts();
            (name, n_running, n_waiting)
        })
    }

    /// Workers that wait for their workspace's next call.
    pub fn n_idle(&self) -> usize {
        self.idle.n_kept()
    }

    /// Starts a worker without any files, and has it open DuckDB. Also when all slots are taken.
    pub async fn answers(&self) -> Result<(), Fault> {
        self.ping(Kind::Queries, Task::SetManifest(Manifest::new())).await.map(drop)
    }

    /// What of the sandbox this system lacks, in words; nothing where it is whole. Fails where it is required and lacks
    /// what it can't do without.
    pub async fn missing(&self) -> Result<Vec<String>, Fault> {
        parsed(&self.ping(Kind::OneTask(PING), Task::Sandbox).await?)
    }

    async fn ping(&self, kind: Kind, task: Task) -> Result<Box<RawValue>, Fault> {
        let mut process = self.start(Home::default(), kind).await?;
        asked(&mut process, task).await
    }

    /// Runs a task over the workspace's sheets, which are of this generation.
    pub async fn query<T: DeserializeOwned>(
        &self,
        home: &Home,
        generation: u64,
        supply: &impl Supply,
        mut task: Task,
        call: &CallLimits,
    ) -> Result<T, Fault> {
        let _place = self.queries.place(&home.key, &call.cancel).await?;
        let mut process = match self.kept(&home.key).await {
            Some(process) => process,
            None => self.start_for_queries(home, supply).await?,
        };
        if process.generation != Some(generation) {
            process.run(Task::SetManifest(supply.manifest().await?), call, &|_| ()).await.map_err(Ended::into_fault)?;
            process.generation = Some(generation);
        }
        let spilled = process.redirect(&mut task);
        let outcome = process.run(task, call, &|_| ()).await;
        if let Some((own, wanted)) = spilled {
            // As a rule there was nothing to keep. A thread of its own would cost a small query more than the call does.
            let _ = std::fs::rename(own, wanted);
        }
        if !matches!(outcome, Err(Ended::Lost(_))) && process.restore() {
            self.idle.keep(&home.key, process);
        }
        parsed(&outcome.map_err(Ended::into_fault)?)
    }

    /// Runs a task over one file, in a worker of its own that ends with it.
    pub async fn import<T: DeserializeOwned>(
        &self,
        home: Home,
        task: Task,
        call: &CallLimits,
        progress: &(dyn Fn(f64) + Send + Sync),
    ) -> Result<T, Fault> {
        let _place = self.imports.place(&home.key, &call.cancel).await?;
        self.idle.shrink(self.shares.n_free());
        let mut process = self.start(home, Kind::OneTask(call.deadline)).await?;
        let reply = process.run(task, call, progress).await.map_err(Ended::into_fault)?;
        parsed(&reply)
    }

    /// The workspace's idle worker, for a call that has its place. Of the others stay as many as have a share of memory.
    async fn kept(&self, workspace: &str) -> Option<Process> {
        let mut process = self.idle.take(workspace);
        if process.is_none() {
            drop(self.warming.lock().await);
            process = self.idle.take(workspace);
        }
        self.idle.shrink(self.shares.n_free());
        process
    }

    /// The workspace's own worker for queries, which writes to a folder of its own alone.
    async fn start_for_queries(&self, home: &Home, supply: &impl Supply) -> Result<Process, Fault> {
        let folder = supply.folder().await?;
        let writes = folder.iter().map(|folder| folder.path.clone()).collect();
        let mut process = self.start(Home { writes, ..home.clone() }, Kind::Queries).await?;
        process.folder = folder;
        Ok(process)
    }

    /// Starts a worker that is `home`'s for as long as it lives.
    async fn start(&self, home: Home, kind: Kind) -> Result<Process, Fault> {
        // Results of queries are written by us, so DuckDB need not.
        let written = home.writes.iter().filter(|_| kind != Kind::Queries);
        let confinement = Confinement {
            budget: self.limits.budget.clone(),
            folders: home.reads.iter().chain(written).cloned().collect(),
            reads: home.reads,
            writes: home.writes,
            file_bytes: self.limits.file_bytes,
            cpu_seconds: kind.cpu_seconds(),
            requires_sandbox: self.limits.requires_sandbox,
            warm: kind == Kind::Queries,
        };
        let watch = Watch {
            workspace: home.key,
            shares: self.shares.clone(),
            lowered_after: self.lowered_after,
            // One that ends with its task needs no priority back, and its task is no small one.
            lowered_from: if kind == Kind::Queries { self.lowered_from } else { 0.0 },
            meter: self.meter.clone(),
        };
        Process::start(&self.program, &confinement, watch, &self.spawner).await
    }
}

/// One short answer.
async fn asked(process: &mut Process, task: Task) -> Result<Box<RawValue>, Fault> {
    let call = CallLimits { deadline: PING, too_slow: "", cancel: CancellationToken::new() };
    process.run(task, &call, &|_| ()).await.map_err(Ended::into_fault)
}

/// What a worker is started for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Queries,
    /// A task with this deadline.
    OneTask(Duration),
}

impl Kind {
    /// What all cores can give until the deadline, and a little more: the deadline itself is to come first.
    fn cpu_seconds(self) -> Option<u64> {
        let Kind::OneTask(deadline) = self else { return None };
        let n_cores = std::thread::available_parallelism().map_or(1, |n| u64::try_from(n.get()).unwrap_or(1));
        Some(deadline.as_secs().saturating_mul(n_cores).saturating_add(30))
    }
}

/// The program that a worker runs: this very binary, also after an upgrade has replaced the file.
pub fn own_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(Path::new("/proc/self/exe").to_owned()) } else { std::env::current_exe() }
}

impl Ended {
    fn into_fault(self) -> Fault {
        match self {
            Ended::Failed(fault) | Ended::Lost(fault) => fault,
        }
    }
}

fn parsed<T: DeserializeOwned>(reply: &RawValue) -> Result<T, Fault> {
    serde_json::from_str(reply.get()).map_err(Fault::internal)
}
