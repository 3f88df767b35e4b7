//! The server's workers: warm ones for queries, one of its own for each import; deadlines, cancellation, restarts.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    process::{Ended, Process},
    task::{Confinement, Manifest, Task},
};
use crate::{
    engine::Budget,
    fault::{Code, Fault},
};

/// How long a worker may take to start and to say a word.
const PING: Duration = Duration::from_secs(10);

/// How many workers there may be, and what each may use.
#[derive(Debug, Clone)]
pub struct PoolLimits {
    /// Queries at once, over all workspaces.
    pub n_query_workers: usize,
    /// Imports at once.
    pub n_import_workers: usize,
    pub budget: Budget,
    /// How long a call waits for a free worker before it is told that Quire is busy.
    pub patience: Duration,
}

/// One call's time, and the way to end it early.
#[derive(Debug, Clone)]
pub struct CallLimits {
    pub deadline: Duration,
    /// What to do about a call that takes longer.
    pub too_slow: &'static str,
    pub cancel: CancellationToken,
}

/// The workspace that a query worker belongs to.
#[derive(Debug, Clone)]
pub struct Home {
    /// Tells workspaces apart.
    pub key: String,
    /// What its DuckDB may touch: version files to read, scratch to write.
    pub folders: Vec<PathBuf>,
}

/// All workers of this process.
pub struct Pool {
    program: PathBuf,
    limits: PoolLimits,
    query_slots: Semaphore,
    import_slots: Semaphore,
    idle: Mutex<Vec<(String, Process)>>,
}

impl Pool {
    /// `program` is Quire itself, started as `program worker`.
    pub fn new(program: PathBuf, limits: PoolLimits) -> Pool {
        Pool {
            query_slots: Semaphore::new(limits.n_query_workers),
            import_slots: Semaphore::new(limits.n_import_workers),
            idle: Mutex::new(Vec::new()),
            program,
            limits,
        }
    }

    /// Starts a worker for `home` ahead of its first call.
    pub async fn warm(&self, home: &Home) -> Result<(), Fault> {
        let process = self.start_query_worker(home).await?;
        self.give_back(home, process);
        Ok(())
    }

    /// Starts a worker without any files, and has it answer. Also when all slots are taken.
    pub async fn answers(&self) -> Result<(), Fault> {
        let confinement = Confinement { budget: self.limits.budget.clone(), folders: Vec::new(), warm: true };
        let mut process = Process::start(&self.program, &confinement).await?;
        let call = CallLimits { deadline: PING, too_slow: "", cancel: CancellationToken::new() };
        process.run(Task::SetManifest(Manifest::new()), &call, &|_| ()).await.map_err(Ended::into_fault)?;
        Ok(())
    }

    /// Runs a task over the workspace's sheets. `manifest` answers them, and is asked only when the worker has those of
    /// another generation.
    pub async fn query<T, M, F>(
        &self,
        home: &Home,
        generation: u64,
        manifest: M,
        task: Task,
        call: &CallLimits,
    ) -> Result<T, Fault>
    where
        T: DeserializeOwned,
        M: Fn() -> F + Send + Sync,
        F: Future<Output = Result<Manifest, Fault>> + Send,
    {
        let _slot = self.slot(&self.query_slots, call).await?;
        let mut process = match self.take(&home.key) {
            Some(process) => process,
            None => self.start_query_worker(home).await?,
        };
        if process.generation != Some(generation) {
            process.run(Task::SetManifest(manifest().await?), call, &|_| ()).await.map_err(Ended::into_fault)?;
            process.generation = Some(generation);
        }
        let outcome = process.run(task, call, &|_| ()).await;
        if !matches!(outcome, Err(Ended::Lost(_))) {
            self.give_back(home, process);
        }
        parsed(&outcome.map_err(Ended::into_fault)?)
    }

    /// Runs a task over one file, in a worker of its own that ends with it. DuckDB, where it is needed, may touch
    /// `folders`.
    pub async fn import<T: DeserializeOwned>(
        &self,
        folders: Vec<PathBuf>,
        task: Task,
        call: &CallLimits,
        progress: &(dyn Fn(f64) + Send + Sync),
    ) -> Result<T, Fault> {
        let _slot = self.slot(&self.import_slots, call).await?;
        let confinement = Confinement { budget: self.limits.budget.clone(), folders, warm: false };
        let mut process = Process::start(&self.program, &confinement).await?;
        let reply = process.run(task, call, progress).await.map_err(Ended::into_fault)?;
        parsed(&reply)
    }

    async fn slot<'a>(
        &self,
        slots: &'a Semaphore,
        call: &CallLimits,
    ) -> Result<tokio::sync::SemaphorePermit<'a>, Fault> {
        let waiting = timeout(self.limits.patience, slots.acquire());
        tokio::select! {
            slot = waiting => match slot {
                Ok(Ok(slot)) => Ok(slot),
                _ => Err(Fault::new(Code::Busy, format!("all workers have been busy for {} s", self.limits.patience.as_secs()))
                    .hint("call again in a moment")),
            },
            () = call.cancel.cancelled() => Err(Fault::new(Code::Cancelled, "the call was cancelled")),
        }
    }

    async fn start_query_worker(&self, home: &Home) -> Result<Process, Fault> {
        let confinement = Confinement { budget: self.limits.budget.clone(), folders: home.folders.clone(), warm: true };
        Process::start(&self.program, &confinement).await
    }

    fn take(&self, key: &str) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // One that died while it was idle is no call's fault.
        idle.retain_mut(|(_, process)| process.is_alive());
        let position = idle.iter().rposition(|(owner, _)| owner == key)?;
        Some(idle.remove(position).1)
    }

    /// Keeps the process for the workspace's next call; the longest idle one makes room.
    fn give_back(&self, home: &Home, process: Process) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push((home.key.clone(), process));
        let excess = idle.len().saturating_sub(self.limits.n_query_workers);
        idle.drain(..excess);
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
