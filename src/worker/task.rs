//! What a worker can be asked, as it crosses the pipe.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    engine::{Budget, PageRequest},
    export::{self, Format},
    fault::Fault,
    ingest::{Limits, Options},
    name::SheetName,
    stats::{hints::Search, hypothesis::Question, joins::Pair, summary::Subject},
    transform,
    value::Column,
};

/// The first frame to a worker: what it may use and touch, for as long as it lives.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Confinement {
    pub(super) budget: Budget,
    /// Folders and files that it may read.
    pub(super) reads: Vec<PathBuf>,
    /// Folders in which it may also make and change files.
    pub(super) writes: Vec<PathBuf>,
    /// Of these, what DuckDB may touch.
    pub(super) folders: Vec<PathBuf>,
    /// The largest file that it may write.
    pub(super) file_bytes: u64,
    /// Processor time for its whole life; none for one that lives through many calls.
    pub(super) cpu_seconds: Option<u64>,
    /// Whether it must not run without the sandbox of the operating system.
    pub(super) requires_sandbox: bool,
    /// Whether to open DuckDB before the first task.
    pub(super) warm: bool,
}

/// A frame to a worker after the first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    Run(Box<Task>),
    /// End the running task early.
    Interrupt,
}

/// A frame from a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// Share of the task done, 0 to 1.
    Progress(f64),
    Done(Box<RawValue>),
    Failed(Fault),
}

/// The workspace's sheets, by name, with their version files.
pub type Manifest = BTreeMap<SheetName, PathBuf>;

/// One piece of work; what it answers is said with each.
#[derive(Debug, Serialize, Deserialize)]
pub enum Task {
    /// Answers what the operating system does not hold the worker to: a `Vec<String>`, empty where the sandbox is whole.
    Sandbox,
    /// Answers nothing. Sent by the pool before a task, when the workspace has changed.
    SetManifest(Manifest),
    /// Answers an `engine::Page`.
    Query { sql: String, page: PageRequest },
    /// Answers an `engine::Page`.
    Preview { file: PathBuf, columns: Vec<String>, offset: u64, page: PageRequest },
    /// Answers a `Vec<engine::profile::ColumnProfile>`.
    Profile { file: PathBuf, columns: Vec<Column> },
    /// Answers a `stats::hypothesis::Outcome`.
    Hypothesis(Box<Question>),
    /// Answers a `stats::summary::Summary`.
    Summary(Box<Subject>),
    /// Looks at a query without running it. Answers a `stats::review::Review`.
    Review { sql: String },
    /// Answers a `Vec<stats::joins::Overlap>`.
    Joins(Vec<Pair>),
    /// Answers a `Vec<stats::hints::Hint>`.
    Hints(Box<Search>),
    /// Applies steps to a sheet of the manifest. Answers a `transform::Transformed`.
    Transform { manifest: Manifest, request: transform::Request },
    /// Answers an `ingest::receipt::Receipt`.
    Import(ImportTask),
    /// Writes the file's main table to `target` as text, every row of it. Answers nothing.
    Raw { import: ImportTask, format: Format, target: PathBuf },
    /// Makes a file of sheets of the manifest, of a query over them, or of a version file. Answers an `export::Exported`.
    Export { manifest: Manifest, order: export::Order },
}

impl Task {
    /// Where the rest of a result goes, should there be one.
    pub(super) fn spill(&mut self) -> Option<&mut PathBuf> {
        let Task::Query { page, .. } = self else { return None };
        Some(&mut page.spill.as_mut()?.file)
    }

    /// What it reads besides the workspace's versions.
    pub fn reads(&self) -> Vec<PathBuf> {
        if let Task::Import(import) | Task::Raw { import, .. } = self { vec![import.file.clone()] } else { Vec::new() }
    }
}

/// A file to read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImportTask {
    pub file: PathBuf,
    /// The name it came with, for titles and to tell its format where the content leaves it open.
    pub name: String,
    pub options: Options,
    pub limits: Limits,
    /// A folder for the version files; none asks for the reading only.
    pub out: Option<PathBuf>,
}
