//! The worker's main loop: one task at a time, until its input ends.

use std::{
    fs::File,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    frame, sandbox,
    task::{Answer, Confinement, ImportTask, Manifest, Order, Task},
};
use crate::{
    engine::{
        Engine, Interrupts,
        convert::{self, Input, Reach},
    },
    export::{self, Exported},
    fault::{Code, Fault},
    ingest::{self, format::Format, receipt::Receipt},
    stats::{hints, hypothesis, joins, review, summary},
    transform,
};

/// Serves tasks from standard input until it ends, which ends the process: that is how a worker notices that its
/// server is gone, even in the middle of a query.
pub fn main_loop() -> Result<(), Fault> {
    let mut input = io::stdin().lock();
    let Some(confinement) = frame::read::<Confinement>(&mut input).map_err(Fault::internal)? else { return Ok(()) };
    let missing = match sandbox::confine(&confinement) {
        Ok(missing) => missing,
        Err(fault) => {
            // Whoever asks first is told why.
            let _ = frame::read::<Order>(&mut input);
            let _ = frame::write(&mut io::stdout(), &Answer::Failed(fault.clone()));
            return Err(fault);
        }
    };
    drop(input);
    let mut child = Child {
        confinement,
        missing,
        engine: None,
        interrupts: Interrupts::default(),
        output: Arc::new(Mutex::new(io::stdout())),
    };
    let busy = Arc::new(AtomicBool::new(false));
    let (tasks, inbox) = mpsc::channel();
    let (interrupts, listening) = (child.interrupts.clone(), Arc::clone(&busy));
    thread::spawn(move || listen(&tasks, &interrupts, &listening));
    // Deep SQL makes deep trees, in DuckDB and in the guard.
    let tasks = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || child.serve(inbox, &busy));
    tasks.map_err(Fault::internal)?.join().unwrap_or_else(|_| Err(Fault::internal("the worker's thread panicked")))
}

/// Address space, of which only what is used becomes memory.
const STACK_BYTES: usize = 256 << 20;

/// Reads orders on a thread of its own, so that an interrupt is heard while a task runs.
fn listen(tasks: &mpsc::Sender<Box<Task>>, interrupts: &Interrupts, busy: &Arc<AtomicBool>) {
    let mut input = io::stdin().lock();
    while let Ok(Some(order)) = frame::read(&mut input) {
        match order {
            Order::Run(task) => {
                busy.store(true, Ordering::SeqCst);
                if tasks.send(task).is_err() {
                    break;
                }
            }
            Order::Interrupt => {
                let (interrupts, busy) = (interrupts.clone(), Arc::clone(busy));
                thread::spawn(move || {
                    while busy.load(Ordering::SeqCst) {
                        interrupts.interrupt();
                        thread::sleep(Duration::from_millis(5));
                    }
                });
            }
        }
    }
    #[expect(clippy::exit, reason = "the server is gone: nobody waits for what runs")]
    std::process::exit(0);
}

struct Child {
    confinement: Confinement,
    /// What of the sandbox this system lacks.
    missing: Vec<String>,
    engine: Option<Engine>,
    interrupts: Interrupts,
    output: Arc<Mutex<io::Stdout>>,
}

impl Child {
    fn serve(&mut self, tasks: mpsc::Receiver<Box<Task>>, busy: &AtomicBool) -> Result<(), Fault> {
        if self.confinement.warm {
            // Should it fail, the first task tries again, and can say why.
            let _ = self.engine();
        }
        for task in tasks {
            let answer = self.guarded(task);
            busy.store(false, Ordering::SeqCst);
            self.send(&answer).map_err(Fault::internal)?;
        }
        Ok(())
    }

    /// A panic in a parser is a fault of this one task.
    fn guarded(&mut self, task: Box<Task>) -> Answer {
        match catch_unwind(AssertUnwindSafe(|| self.run(*task))) {
            Ok(Ok(reply)) => Answer::Done(reply),
            Ok(Err(fault)) => Answer::Failed(fault.bounded()),
            Err(_) => {
                self.engine = None;
                Answer::Failed(Fault::new(Code::WorkerCrashed, "the worker gave up on this call").hint(
                    "the file may be damaged, or the query unusual: try it in a smaller form; other calls are not affected",
                ))
            }
        }
    }

    fn run(&mut self, task: Task) -> Result<Box<RawValue>, Fault> {
        match task {
            Task::Sandbox => reply(&self.missing),
            Task::SetManifest(manifest) => reply(&self.engine()?.set_manifest(manifest)?),
            Task::Query { sql, page } => reply(&self.engine()?.query(&sql, &page)?),
            Task::Preview { file, columns, offset, page } => {
                reply(&self.engine()?.preview(&file, &columns, offset, &page)?)
            }
            Task::Profile { file, columns } => reply(&self.engine()?.profile(&file, &columns)?),
            Task::Hypothesis(question) => reply(&hypothesis::run(self.engine()?, &question)?),
            Task::Summary(subject) => reply(&summary::run(self.engine()?, &subject)?),
            Task::Review { sql } => reply(&review::run(self.engine()?, &sql)?),
            Task::Joins(pairs) => reply(&joins::run(self.engine()?, &pairs)?),
            Task::Hints(search) => reply(&hints::run(self.engine()?, &search)?),
            Task::Transform { manifest, request } => {
                // An engine of its own: what keeps the rows' order may be more than memory holds.
                let folders = self.folders();
                let spill = Some(request.scratch.as_path());
                let mut engine = Engine::open(&self.confinement.budget, &folders, spill, self.interrupts.clone())?;
                engine.set_manifest(manifest)?;
                reply(&transform::run(&mut engine, &request)?)
            }
            Task::Import(import) => reply(&self.import(&import)?),
            Task::Raw { import, format, target } => reply(&raw(&import, format, &target)?),
            Task::Export { manifest, order } => reply(&self.export(manifest, &order)?),
        }
    }

    fn engine(&mut self) -> Result<&mut Engine, Fault> {
        let engine = if let Some(engine) = self.engine.take() {
            engine
        } else {
            Engine::open(&self.confinement.budget, &self.folders(), None, self.interrupts.clone())?
        };
        Ok(self.engine.insert(engine))
    }

    fn folders(&self) -> Vec<&Path> {
        self.confinement.folders.iter().map(AsRef::as_ref).collect()
    }

    fn export(&mut self, manifest: Manifest, order: &export::Order) -> Result<Exported, Fault> {
        let output = Arc::clone(&self.output);
        let engine = self.engine()?;
        engine.set_manifest(manifest)?;
        export::export(engine, order, &mut reporter(&output))
    }

    fn import(&self, import: &ImportTask) -> Result<Receipt, Fault> {
        let mut progress = reporter(&self.output);
        let out = import.out.as_deref();
        let format = ingest::detect(&import.file, &import.name)?;
        let input = match format {
            Format::Parquet => Input::Parquet,
            Format::Json | Format::Ndjson => Input::Json,
            Format::Csv | Format::Xlsx | Format::Xlsm | Format::Xlsb | Format::Xls | Format::Ods => {
                return ingest::read(&import.file, &import.name, &import.options, &import.limits, out, &mut progress);
            }
        };
        let (file, _held) = named_plainly(&import.file);
        let limits = convert::Limits { cells: import.limits.cells, columns: import.limits.columns };
        let converted = convert::read(&file, input, out, self.reach(limits))?;
        Ok(Receipt::of_table(format, &import.name, converted.columns, converted.n_rows, converted.file))
    }

    fn reach(&self, limits: convert::Limits) -> Reach<'_> {
        Reach { budget: &self.confinement.budget, limits, interrupts: self.interrupts.clone() }
    }

    fn send(&self, answer: &Answer) -> io::Result<()> {
        send(&self.output, answer)
    }
}

/// A name for the file, good while the handle is held, that DuckDB can't take for a pattern: for one it would list the
/// folder, which the sandbox does not allow.
fn named_plainly(path: &Path) -> (PathBuf, Option<File>) {
    if !cfg!(target_os = "linux") || !path.to_string_lossy().contains(['[', '*', '?']) {
        return (path.to_owned(), None);
    }
    // What can't be opened is told by whoever reads it.
    let Ok(file) = File::open(path) else { return (path.to_owned(), None) };
    (descriptor(&file), Some(file))
}

#[cfg(target_os = "linux")]
fn descriptor(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file)))
}

#[cfg(not(target_os = "linux"))]
fn descriptor(_file: &File) -> PathBuf {
    PathBuf::new()
}

/// Tells the server how far a task is, percent by percent.
fn reporter(output: &Mutex<io::Stdout>) -> impl FnMut(f64) {
    let mut last = 0.0;
    move |share: f64| {
        if share - last >= 0.01 {
            last = share;
            // A server that no longer listens will end this process by itself.
            let _ = send(output, &Answer::Progress(share));
        }
    }
}

fn send(output: &Mutex<io::Stdout>, answer: &Answer) -> io::Result<()> {
    frame::write(&mut *output.lock().unwrap_or_else(PoisonError::into_inner), answer)
}

/// The file's main table, every row of it, cells as the text they were: as CSV, or as JSON.
fn raw(import: &ImportTask, format: export::Format, target: &Path) -> Result<(), Fault> {
    let storage = |error: io::Error| Fault::new(Code::StorageFailed, format!("can't write the output: {error}"));
    let mut out = io::BufWriter::new(std::fs::File::create(target).map_err(storage)?);
    let is_csv = format == export::Format::Csv;
    let mut n_rows = 0_u64;
    let mut write = |cells: &[&str]| -> io::Result<()> {
        if is_csv {
            write_csv(&mut out, cells)?;
        } else {
            out.write_all(if n_rows == 0 { b"[\n" } else { b",\n" })?;
            serde_json::to_writer(&mut out, cells)?;
        }
        n_rows += 1;
        Ok(())
    };
    ingest::raw(&import.file, &import.name, &import.options, &import.limits, &mut write)?;
    if !is_csv {
        out.write_all(if n_rows == 0 { b"[]\n" } else { b"\n]\n" }).map_err(storage)?;
    }
    out.flush().map_err(storage)
}

fn write_csv(out: &mut impl Write, cells: &[&str]) -> io::Result<()> {
    for (col_idx, cell) in cells.iter().enumerate() {
        if col_idx > 0 {
            out.write_all(b",")?;
        }
        // A lone empty cell is quoted, or its row would read as a blank line.
        if cell.contains(['"', ',', '\n', '\r']) || (cells.len() == 1 && cell.is_empty()) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

fn reply(value: &impl Serialize) -> Result<Box<RawValue>, Fault> {
    serde_json::value::to_raw_value(value).map_err(Fault::internal)
}
