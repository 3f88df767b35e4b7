//! Imports that take longer than an answer may: followed by polling or by events, ended early by their owner.
//!
//! They are kept in memory: what an ended job did is in the catalog, and one that runs ends with the process.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures::{Stream, StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    App,
    extract::Named,
    problem::{Document, Problem},
    request_id::RequestId,
    visitor::Visitor,
};
use crate::{
    catalog,
    context::Context,
    fault::{Code, Fault},
    ingest::Options,
    tools,
    workspace::{Staged, UploadSlot, Workspace},
};

/// How long an ended job can be asked for.
const KEPT: Duration = Duration::from_hours(1);
/// Between two events.
const PACE: Duration = Duration::from_millis(100);

/// The jobs of this process.
#[derive(Default)]
pub struct Jobs(Mutex<HashMap<String, Arc<Job>>>);

pub(super) struct Job {
    pub(super) id: String,
    /// The key of the workspace; no one else reaches it.
    owner: String,
    created_at: i64,
    /// Whether anyone has been told its id.
    is_told: AtomicBool,
    cancel: CancellationToken,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone)]
struct Progress {
    state: Stage,
    share: f64,
    words: String,
    files: Vec<FileOutcome>,
    ended: Option<Instant>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = JobState)]
enum Stage {
    Running,
    /// At least one file was imported.
    Done,
    /// No file was.
    Failed,
    Cancelled,
}

/// An import under way, or what came of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct Shown {
    #[schema(example = "5f0c8f5d9d0b4c0e9a3f8b8c1f4d2a7e")]
    id: String,
    state: Stage,
    /// Share done, 0 to 1
    #[schema(example = 0.4)]
    progress: f64,
    /// What it is at
    message: String,
    /// RFC 3339, UTC
    created_at: String,
    /// The files that are finished with, in the order they came
    files: Vec<FileOutcome>,
}

/// What came of one file.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct FileOutcome {
    /// The file's name, without folders
    #[schema(example = "sales.csv")]
    name: String,
    /// What `import_file` replies; of a file that was imported
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    reply: Option<Value>,
    /// Of a file that was not
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Document>,
    #[serde(skip)]
    pub(super) fault: Option<Fault>,
}

/// What a job has to do.
pub(super) struct Order {
    pub(super) workspace: Workspace,
    pub(super) slot: UploadSlot,
    pub(super) files: Vec<Staged>,
    pub(super) options: Options,
    pub(super) request_id: RequestId,
}

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show, cancel)).routes(routes!(follow))
}

impl Jobs {
    /// Starts an import of its own. It ends when it is cancelled, also by the end of the server.
    pub(super) fn start(&self, app: &Arc<App>, order: Order) -> Arc<Job> {
        let progress =
            Progress { state: Stage::Running, share: 0.0, words: String::new(), files: Vec::new(), ended: None };
        let job = Arc::new(Job {
            id: Uuid::new_v4().simple().to_string(),
            owner: order.workspace.key().to_owned(),
            created_at: catalog::now(),
            is_told: AtomicBool::new(false),
            cancel: app.stopping.ended.child_token(),
            progress: watch::Sender::new(progress),
        });
        self.lock().insert(job.id.clone(), Arc::clone(&job));
        tokio::spawn(run(Arc::clone(app), Arc::clone(&job), order));
        job
    }

    pub(super) fn n_running(&self) -> usize {
        self.lock().values().filter(|job| job.is_running()).count()
    }

    /// Waits until none runs any more.
    pub(super) async fn all_ended(&self) {
        let running: Vec<_> = self.lock().values().filter(|job| job.is_running()).cloned().collect();
        for job in running {
            job.ends_within(Duration::MAX).await;
        }
    }

    /// Forgets those that ended long ago, or that nobody can ask for.
    pub fn tidy(&self) {
        self.lock().retain(|_, job| {
            let ended = job.progress.borrow().ended;
            ended.is_none_or(|at| job.is_told.load(Ordering::SeqCst) && at.elapsed() < KEPT)
        });
    }

    fn find(&self, visitor: &Visitor, id: &str) -> Result<Arc<Job>, Fault> {
        let found = self.lock().get(id).filter(|job| job.owner == visitor.workspace.key()).cloned();
        found.ok_or_else(|| {
            let id: String = id.chars().take(64).collect();
            Fault::new(Code::NotFound, format!("there is no job `{id}`"))
                .hint("jobs are kept for an hour after their end, and until the server restarts; `GET /v1/sheets` lists what was imported")
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Job>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Waits for its end, so long at most.
    pub(super) async fn ends_within(&self, patience: Duration) -> bool {
        let mut progress = self.progress.subscribe();
        let ended = progress.wait_for(|progress| progress.state != Stage::Running);
        tokio::time::timeout(patience, ended).await.is_ok()
    }

    /// Has it kept for whoever is told its id; false where it has ended by now, and may be forgotten.
    pub(super) fn keep(&self) -> bool {
        self.is_told.store(true, Ordering::SeqCst);
        self.is_running()
    }

    /// Cancels it when this is dropped, unless it is disarmed.
    pub(super) fn ends_with_its_request(&self) -> DropGuard {
        self.cancel.clone().drop_guard()
    }

    fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Of an ended job.
    pub(super) fn files(&self) -> Vec<FileOutcome> {
        self.progress.borrow().files.clone()
    }

    fn is_running(&self) -> bool {
        self.progress.borrow().state == Stage::Running
    }

    fn shown(&self) -> Shown {
        let progress = self.progress.borrow().clone();
        let created_at = chrono::DateTime::from_timestamp_millis(self.created_at).unwrap_or_default();
        Shown {
            id: self.id.clone(),
            state: progress.state,
            progress: progress.share,
            message: progress.words,
            created_at: created_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
            files: progress.files,
        }
    }
}

async fn run(app: Arc<App>, job: Arc<Job>, order: Order) {
    let Order { workspace, slot, files, options, request_id } = order;
    let n_files = files.len();
    for (file_idx, staged) in files.into_iter().enumerate() {
        let name = staged.name().to_owned();
        let progress = |share: f64, words: &str| {
            job.progress.send_modify(|progress| {
                progress.share = overall(file_idx, share, n_files);
                progress.words = format!("`{name}`: {words}");
            });
        };
        let context = Context { cancel: job.cancel.clone(), progress: &progress };
        let outcome = import(&workspace, staged, options.clone(), &context).await.map_err(|fault| app.told(fault));
        let outcome = match outcome {
            Ok(reply) => FileOutcome { name, reply: Some(reply), problem: None, fault: None },
            Err(fault) => {
                let problem = Some(Document::of(&fault, &request_id));
                FileOutcome { name, reply: None, problem, fault: Some(fault) }
            }
        };
        job.progress.send_modify(|progress| {
            progress.share = overall(file_idx + 1, 0.0, n_files);
            progress.files.push(outcome);
        });
        if job.cancel.is_cancelled() {
            break;
        }
    }
    drop(slot);
    job.progress.send_modify(|progress| {
        let has_any = progress.files.iter().any(|file| file.reply.is_some());
        progress.state = match (job.cancel.is_cancelled(), has_any) {
            (true, _) => Stage::Cancelled,
            (false, true) => Stage::Done,
            (false, false) => Stage::Failed,
        };
        progress.words = String::new();
        progress.ended = Some(Instant::now());
    });
    app.jobs.tidy();
}

/// One file, with a line in the history as the tool would have it.
pub(super) async fn import(
    workspace: &Workspace,
    staged: Staged,
    options: Options,
    context: &Context<'_>,
) -> Result<Value, Fault> {
    let started = Instant::now();
    let outcome = workspace.import_staged(staged, options, context).await;
    let n_rows = outcome.as_ref().ok().map(|it| it.sheets.iter().map(|(sheet, _)| sheet.version.n_rows).sum());
    let code = outcome.as_ref().map_or_else(|fault| fault.code.name(), |_| "ok");
    workspace.record("import_file", None, code, n_rows, started.elapsed()).await;
    tools::import_reply(outcome?)
}

fn overall(n_done: usize, share: f64, n_files: usize) -> f64 {
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    ((count(n_done) + share) / count(n_files.max(1))).clamp(0.0, 1.0)
}

/// How far an import is
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job", body = Shown))
)]
async fn show(State(app): State<Arc<App>>, visitor: Visitor, Named(id): Named) -> Result<Json<Shown>, Problem> {
    Ok(Json(app.jobs.find(&visitor, &id)?.shown()))
}

/// End an import early
///
/// Files that are imported already stay.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "The job, once it has ended", body = Shown))
)]
async fn cancel(State(app): State<Arc<App>>, visitor: Visitor, Named(id): Named) -> Result<Json<Shown>, Problem> {
    visitor.workspace.check_writable()?;
    let job = app.jobs.find(&visitor, &id)?;
    if job.is_running() {
        job.cancel();
        // A worker that does not stop is killed well before.
        job.ends_within(Duration::from_secs(10)).await;
    }
    Ok(Json(job.shown()))
}

/// Follow an import
///
/// Server-sent events named `progress`, and one named `end`, each with the job as JSON.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", tag = "jobs", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "A stream of events", body = String, content_type = "text/event-stream"))
)]
async fn follow(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Named(id): Named,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let job = app.jobs.find(&visitor, &id)?;
    let changes = job.progress.subscribe();
    // The first at once, each other when there is news, no more than ten a second.
    let events = stream::unfold((Some((job, changes)), true), |(following, is_first)| async move {
        let (job, mut changes) = following?;
        if !is_first && job.is_running() {
            // Its sender lives as long as the job.
            let _ = changes.changed().await;
            tokio::time::sleep(PACE).await;
        }
        changes.mark_unchanged();
        let is_running = job.is_running();
        let name = if is_running { "progress" } else { "end" };
        let event = Event::default().event(name).json_data(job.shown()).unwrap_or_default();
        let rest = is_running.then_some((job, changes));
        Some((Ok(event), (rest, false)))
    });
    let stopping = app.stopping.begun.clone().cancelled_owned();
    Ok(Sse::new(events.take_until(stopping)).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_that_someone_may_ask_for_is_kept_after_its_end() {
        let jobs = Jobs::default();
        let job = |id: &str, ended: Option<Instant>, is_told: bool| {
            let state = if ended.is_some() { Stage::Done } else { Stage::Running };
            let progress = Progress { state, share: 0.0, words: String::new(), files: Vec::new(), ended };
            let job = Arc::new(Job {
                id: id.to_owned(),
                owner: String::new(),
                created_at: 0,
                is_told: AtomicBool::new(false),
                cancel: CancellationToken::new(),
                progress: watch::Sender::new(progress),
            });
            assert_eq!(is_told && job.keep(), is_told && ended.is_none());
            jobs.lock().insert(id.to_owned(), job);
        };
        job("runs", None, false);
        job("followed", Some(Instant::now()), true);
        job("answered", Some(Instant::now()), false);
        jobs.tidy();
        let mut kept: Vec<String> = jobs.lock().keys().cloned().collect();
        kept.sort();
        assert_eq!(kept, ["followed", "runs"]);
    }
}
