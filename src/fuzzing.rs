//! Doors for the fuzz targets in `fuzz/`, to what meets a stranger's bytes first. The feature `fuzzing` opens them.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{
    engine::{Budget, Engine, Interrupts},
    fault::Fault,
    ingest::{self, Limits, Options},
    name::SheetName,
    stats::review,
    tools, transform,
};

pub use crate::{auth::fuzzing::is_let_in, http::fuzzing::read_head, worker::fuzzing::read_frames};

/// Arguments as the tool of that name parses them.
pub fn parse_arguments(tool: &str, arguments: Value) -> Result<(), Fault> {
    tools::remote().parse(tool, arguments)
}

/// A worker's engine with one sheet, `t`, of a few rows.
pub struct Bench {
    folder: PathBuf,
    interrupts: Interrupts,
    engine: Mutex<Engine>,
}

/// Longer than anything that a few rows take, but for what multiplies them on purpose.
const PATIENCE: Duration = Duration::from_secs(2);
const ROWS: &str = "n,s,d,x\n1,one,2024-01-31,1.5\n2,two,2024-02-29,-2\n3,,,\n";

impl Bench {
    /// In an empty folder.
    pub fn new(folder: PathBuf) -> Result<Bench, Fault> {
        let file = folder.join("t.csv");
        fs::write(&file, ROWS).map_err(Fault::internal)?;
        let limits = Limits { file_bytes: 1 << 20, inflated_bytes: 1 << 20, cells: 1_000, columns: 100, sheets: 1 };
        ingest::read(&file, "t.csv", &Options::default(), &limits, Some(&folder), &mut |_| {})?;
        let interrupts = Interrupts::default();
        let budget = Budget { memory_bytes: 256 << 20, threads: 1 };
        let mut engine = Engine::open(&budget, &[&folder], None, interrupts.clone())?;
        engine.set_manifest(BTreeMap::from([(SheetName::from_title("t"), folder.join("0.parquet"))]))?;
        Ok(Bench { folder, interrupts, engine: Mutex::new(engine) })
    }

    /// Checks and binds a query, and looks into what it filters and joins.
    pub fn review(&self, sql: &str) -> Result<(), Fault> {
        self.patiently(|engine| review::run(engine, sql).map(drop))
    }

    /// What steps would make of the sheet.
    pub fn transform(&self, steps: Vec<Value>) -> Result<(), Fault> {
        let request =
            transform::Request { sheet: SheetName::from_title("t"), steps, scratch: self.folder.clone(), out: None };
        self.patiently(|engine| transform::run(engine, &request).map(drop))
    }

    /// As the server ends a call that runs into its deadline.
    fn patiently(&self, run: impl FnOnce(&mut Engine) -> Result<(), Fault>) -> Result<(), Fault> {
        let ended = Arc::new(AtomicBool::new(false));
        let (interrupts, watched) = (self.interrupts.clone(), Arc::clone(&ended));
        let watch = thread::spawn(move || {
            thread::park_timeout(PATIENCE);
            while !watched.load(Ordering::SeqCst) {
                interrupts.interrupt();
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        let outcome = run(&mut self.engine.lock().unwrap_or_else(PoisonError::into_inner));
        ended.store(true, Ordering::SeqCst);
        watch.thread().unpark();
        drop(watch.join());
        outcome
    }
}
