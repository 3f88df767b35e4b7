//! One worker process, as its server sees it.

use std::{
    io,
    path::{Path, PathBuf},
    pin::pin,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::value::RawValue;
use tokio::{
    io::{AsyncReadExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::{Instant, sleep_until, timeout},
};

use super::{
    frame,
    meter::{Meter, Metered},
    pool::{CallLimits, Folder},
    priority,
    shares::Shares,
    spawner::Spawner,
    task::{Answer, Confinement, Order, Task},
};
use crate::fault::{Code, Fault};

/// How long an interrupted statement may take to end before its process is killed.
const GRACE: Duration = Duration::from_millis(700);
/// How often a running call is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Bytes kept of what a worker says on standard error: enough to tell why it died. It may hold cells: never logged.
const LAST_WORDS: usize = 4_096;

pub(super) struct Process {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    last_words: Arc<Mutex<Vec<u8>>>,
    /// Generation of the manifest it has.
    pub(super) generation: Option<u64>,
    /// Where it writes results.
    pub(super) folder: Option<Folder>,
    watch: Watch,
    metered: Option<Metered>,
    /// Whether others go first.
    is_lowered: bool,
}

/// What the server looks at while a call runs.
pub(super) struct Watch {
    pub(super) workspace: String,
    pub(super) shares: Shares,
    /// How long a call goes before others' do, if there are any.
    pub(super) lowered_after: Duration,
    /// Seconds of calls lately from which on others go first at once: many short calls are as much as a long one.
    pub(super) lowered_from: f64,
    pub(super) meter: Meter,
}

impl Watch {
    /// Whether the workspace's calls, long or short, take so much that others go first from the next one's start.
    fn is_greedy(&self) -> bool {
        self.shares.lately(&self.workspace) >= self.lowered_from
    }
}

/// What comes of waiting for an answer.
enum Event {
    Answer(io::Result<Option<Answer>>),
    TooLate,
    Cancelled,
    TooLarge,
}

impl Process {
    /// Starts `program worker` and tells it its confinement. Call it from a thread of the runtime, which stays: a
    /// sandbox that binds a child to its parent binds it to the thread that started it.
    pub(super) async fn start(
        program: &Path,
        confinement: &Confinement,
        watch: Watch,
        spawner: &Spawner,
    ) -> Result<Process, Fault> {
        let mut command = Command::new(program);
        command.arg("worker").env_clear().kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Windows starts no program without it.
        #[cfg(windows)]
        if let Some(root) = inherited_system_root() {
            command.env("SystemRoot", root);
        }
        let failed = |error: io::Error| {
            Fault::new(Code::WorkerCrashed, format!("can't start a worker: {error}")).hint("run `quire doctor`")
        };
        let is_behind = watch.is_greedy() && watch.shares.others_call(&watch.workspace);
        let spawned =
            if is_behind { spawner.spawn_behind(command).await } else { command.spawn().map(|child| (child, false)) };
        let (mut child, is_lowered) = spawned.map_err(failed)?;
        let (Some(mut orders), Some(answers), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Fault::internal("a worker without pipes"));
        };
        let last_words = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(keep_last_words(errors, Arc::clone(&last_words)));
        frame::write_async(&mut orders, confinement).await.map_err(failed)?;
        let answers = BufReader::new(answers);
        let metered = child.id().map(|pid| watch.meter.on(pid));
        let (generation, folder) = (None, None);
        Ok(Process { child, orders, answers, last_words, generation, folder, watch, metered, is_lowered })
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Has the task write what it may keep to this worker's own folder. Answers that file, and where it is wanted.
    pub(super) fn redirect(&self, task: &mut Task) -> Option<(PathBuf, PathBuf)> {
        let (file, folder) = (task.spill()?, self.folder.as_ref()?);
        let own = folder.path.join(file.file_name()?);
        Some((own.clone(), std::mem::replace(file, own)))
    }

    /// Runs one task. After an error of kind `Lost` the process is of no more use.
    pub(super) async fn run(
        &mut self,
        task: Task,
        limits: &CallLimits,
        progress: &(dyn Fn(f64) + Send + Sync),
    ) -> Result<Box<RawValue>, Ended> {
        // It may have rested since.
        let _ = self.restore();
        if frame::write_async(&mut self.orders, &Order::Run(Box::new(task))).await.is_err() {
            return Err(Ended::Lost(self.death().await));
        }
        let _taking = self.watch.shares.taking(&self.watch.workspace);
        self.outcome(Instant::now(), limits, progress).await
    }

    async fn outcome(
        &mut self,
        started: Instant,
        limits: &CallLimits,
        progress: &(dyn Fn(f64) + Send + Sync),
    ) -> Result<Box<RawValue>, Ended> {
        let is_long_at = if self.watch.is_greedy() { Duration::ZERO } else { self.watch.lowered_after };
        loop {
            match self.next(started, is_long_at, limits).await {
                Event::Answer(Ok(Some(Answer::Progress(share)))) => progress(share),
                Event::Answer(Ok(Some(Answer::Done(reply)))) => return Ok(reply),
                Event::Answer(Ok(Some(Answer::Failed(fault)))) => return Err(Ended::Failed(fault)),
                Event::Answer(Ok(None) | Err(_)) => return Err(Ended::Lost(self.death().await)),
                Event::TooLate => return Err(Ended::Lost(self.stop(timed_out(limits)).await)),
                Event::Cancelled => {
                    let fault = Fault::new(Code::Cancelled, "the call was cancelled");
                    return Err(Ended::Lost(self.stop(fault).await));
                }
                Event::TooLarge => {
                    // Asked to stop, it would take more meanwhile.
                    let _ = self.child.kill().await;
                    return Err(Ended::Lost(too_large()));
                }
            }
        }
    }

    /// The next answer; meanwhile looks how much memory the call takes, and lets others go first where it takes long.
    async fn next(&mut self, started: Instant, is_long_at: Duration, limits: &CallLimits) -> Event {
        // One for all looks: what it has read of a frame would be lost with it.
        let mut answer = pin!(frame::read_async(&mut self.answers));
        let mut look_at = Instant::now() + is_long_at.min(LOOK_EVERY);
        loop {
            tokio::select! {
                answer = &mut answer => return Event::Answer(answer),
                () = sleep_until(started + limits.deadline) => return Event::TooLate,
                () = limits.cancel.cancelled() => return Event::Cancelled,
                () = sleep_until(look_at) => look_at = Instant::now() + LOOK_EVERY,
            }
            if self.metered.as_ref().is_some_and(Metered::is_to_end) {
                return Event::TooLarge;
            }
            let watch = &self.watch;
            let is_long = started.elapsed() >= is_long_at;
            if is_long && !self.is_lowered && watch.shares.others_call(&watch.workspace) {
                self.is_lowered = self.child.id().is_some_and(priority::lower);
            }
        }
    }

    /// Makes it fit for a next call, after one that succeeded or failed. Answers whether it is.
    pub(super) fn restore(&mut self) -> bool {
        // One that goes on like this would be lowered again.
        if self.is_lowered && !self.watch.is_greedy() {
            self.is_lowered = !self.child.id().is_some_and(priority::raise);
            return !self.is_lowered;
        }
        true
    }

    /// Interrupts what runs, and kills the process if that does not end it. Not reused afterwards: an interrupt still
    /// under way would hit the next task.
    async fn stop(&mut self, fault: Fault) -> Fault {
        let interrupted = async {
            frame::write_async(&mut self.orders, &Order::Interrupt).await?;
            while let Some(Answer::Progress(_)) = frame::read_async(&mut self.answers).await? {}
            io::Result::Ok(())
        };
        if !matches!(timeout(GRACE, interrupted).await, Ok(Ok(()))) {
            tracing::warn!(pid = self.child.id(), "killing a worker that does not stop");
        }
        // Whether it was already gone makes no difference.
        let _ = self.child.kill().await;
        fault
    }

    /// Why the process is gone.
    async fn death(&mut self) -> Fault {
        let status = timeout(GRACE, self.child.wait()).await.ok().and_then(Result::ok);
        if status.is_none() {
            let _ = self.child.kill().await;
        }
        // Its last words may arrive after its end.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let words = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        let words = String::from_utf8_lossy(&words);
        let starved = ["memory allocation of", "bad_alloc", "Out of Memory", "out of memory", "failed to allocate"];
        if starved.iter().any(|it| words.contains(it)) {
            return Fault::new(Code::OutOfMemory, "the call needs more memory than it may use")
                .hint("ask for less at once: filter or aggregate earlier, split the file, or start Quire with more `--memory`");
        }
        tracing::warn!(status = status.map(|it| it.to_string()), "a worker ended under its task");
        let how = status.map_or_else(|| "no answer".to_owned(), how_it_ended);
        Fault::new(Code::WorkerCrashed, format!("the worker process ended under this call ({how})")).hint(
            "nothing is lost, and the next call gets a new worker; try a smaller form of this one, or one that is nested \
             less deeply",
        )
    }
}

/// How a task did not succeed.
pub(super) enum Ended {
    /// The process is well.
    Failed(Fault),
    /// The process is not to be used again.
    Lost(Fault),
}

fn too_large() -> Fault {
    Fault::new(Code::OutOfMemory, "all calls together need more memory than there is, and this one takes most of it")
        .hint("ask for less at once: filter or aggregate earlier, or split the file")
}

fn timed_out(limits: &CallLimits) -> Fault {
    let seconds = limits.deadline.as_secs_f64();
    Fault::new(Code::TimedOut, format!("stopped after {seconds} s, its time limit")).hint(limits.too_slow)
}

#[cfg(unix)]
fn how_it_ended(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map_or_else(|| status.to_string(), |signal| format!("signal {signal}"))
}

#[cfg(not(unix))]
fn how_it_ended(status: ExitStatus) -> String {
    status.to_string()
}

#[cfg(windows)]
fn inherited_system_root() -> Option<std::ffi::OsString> {
    #[expect(clippy::disallowed_methods, reason = "handed on to the child, not configuration")]
    std::env::var_os("SystemRoot")
}

async fn keep_last_words(mut errors: ChildStderr, last_words: Arc<Mutex<Vec<u8>>>) {
    let mut chunk = [0; 1_024];
    while let Ok(n_bytes @ 1..) = errors.read(&mut chunk).await {
        let mut words = last_words.lock().unwrap_or_else(PoisonError::into_inner);
        words.extend_from_slice(chunk.get(..n_bytes).unwrap_or_default());
        let excess = words.len().saturating_sub(LAST_WORDS);
        words.drain(..excess);
    }
}
