//! Configuration: read once here, from arguments and the environment, and handed down in parts.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use clap::Args;
use directories::{BaseDirs, ProjectDirs};
use tracing::level_filters::LevelFilter;

use super::model::ModelArgs;
use crate::{
    engine::Budget,
    fault::{Code, Fault},
    ingest,
    tool::Registry,
    worker::{
        meter,
        pool::{PoolLimits, QueueLimits, own_program},
    },
    workspace::{House, Limits, Quotas, Remote, roots::Roots},
};

/// What every command understands.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Where sheets are kept [default: the platform's data folder]
    #[arg(long, global = true, env = "QUIRE_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// A file or folder to import at start, and to allow; repeatable
    #[arg(long, global = true, value_name = "PATH")]
    pub open: Vec<PathBuf>,
    /// A folder or file that the tools may read; repeatable [default: your home folder without its dot-folders]
    #[arg(long, global = true, value_name = "PATH")]
    root: Vec<PathBuf>,
    /// Seconds that a query may take
    #[arg(long, global = true, value_name = "SECONDS", default_value = "30", env = "QUIRE_QUERY_TIMEOUT")]
    query_timeout: Seconds,
    /// Seconds that an import may take
    #[arg(long, global = true, value_name = "SECONDS", default_value = "600", env = "QUIRE_IMPORT_TIMEOUT")]
    import_timeout: Seconds,
    /// Memory for each worker, such as 512MB or 2GB
    #[arg(long, global = true, value_name = "SIZE", default_value = "1GB", env = "QUIRE_MEMORY", value_parser = memory)]
    memory: Size,
    /// Memory for all workers together; calls wait until there is some [default: three quarters of the machine's]
    #[arg(long, global = true, value_name = "SIZE", env = "QUIRE_TOTAL_MEMORY", value_parser = memory)]
    total_memory: Option<Size>,
    /// The operating system's sandbox around each worker: what there is of it, or none but a whole one
    #[arg(long, global = true, value_name = "WHICH", default_value = "auto", env = "QUIRE_SANDBOX")]
    sandbox: Sandbox,
    /// Queries that run at once
    #[arg(long, global = true, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..))]
    workers: u16,
    /// Calls that may wait for a worker, of all users; of one, a quarter
    #[arg(long, global = true, value_name = "N", default_value = "2048", value_parser = clap::value_parser!(u16).range(1..))]
    max_waiting: u16,
    /// Threads for each query [default: one per core]
    #[arg(long, global = true, value_name = "N", default_value = "0", hide_default_value = true)]
    threads: u16,
    /// Largest file to import
    #[arg(long, global = true, value_name = "SIZE", default_value = "2GB", env = "QUIRE_MAX_FILE_SIZE")]
    max_file_size: Size,
    /// Most cells in one file
    #[arg(long, global = true, value_name = "N", default_value = "500000000")]
    max_cells: u64,
    /// Most columns in one sheet
    #[arg(long, global = true, value_name = "N", default_value = "16384")]
    max_columns: u32,
    /// Most sheets in one workbook
    #[arg(long, global = true, value_name = "N", default_value = "500")]
    max_sheets: u32,
    #[command(flatten)]
    pub model: ModelArgs,
    /// Errors as JSON on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// What to log to standard error: off, error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL", default_value = "warn", env = "QUIRE_LOG")]
    pub log: LevelFilter,
}

impl Settings {
    /// The data folder with its workers; the roots are those of the settings.
    pub fn house(&self) -> Result<Arc<House>, Fault> {
        self.house_with(self.roots()?)
    }

    /// The same with another data folder.
    pub fn house_at(&self, folder: &Path) -> Result<Arc<House>, Fault> {
        let program = own_program().map_err(Fault::internal)?;
        House::open(folder, program, Roots::default(), self.limits())
    }

    /// The same for a command whose files a person named on the command line: those may be read, wherever they lie.
    pub fn house_for(&self, files: &[PathBuf]) -> Result<Arc<House>, Fault> {
        self.house_with(Roots::new(files, None)?)
    }

    /// The tools, with the language model where one is configured.
    pub fn equipped(&self, registry: Registry) -> Result<Registry, Fault> {
        Ok(match self.model.asking()? {
            Some(asking) => registry.equipped(Arc::new(asking)),
            None => registry,
        })
    }

    /// The same for a server whose callers are elsewhere: no file of this machine may be read.
    pub fn remote_house(&self, remote: Remote, quotas: Quotas) -> Result<Arc<House>, Fault> {
        if let Some(path) = self.open.iter().chain(&self.root).next() {
            return Err(Fault::new(
                Code::InvalidArguments,
                format!("`{}` can't be opened to callers over HTTP, who see no files of this machine", path.display()),
            )
            .hint("leave `--open` and `--root` out, and upload the files"));
        }
        let program = own_program().map_err(Fault::internal)?;
        let mut limits = Limits { quotas, ..self.limits() };
        // Their users are many, and each comes and goes.
        limits.pool.idle_for = Duration::from_mins(1);
        limits.pool.n_idle = limits.pool.n_idle.saturating_mul(2);
        // Agents are patient, and a refusal costs them more than a wait.
        limits.pool.queries.patience = Duration::from_mins(2);
        limits.pool.imports.patience = Duration::from_mins(2);
        House::open_for(&self.folder()?, program, Roots::default(), limits, Some(remote))
    }

    /// Where the sheets are kept.
    pub fn folder(&self) -> Result<PathBuf, Fault> {
        let default = || ProjectDirs::from("", "", "quire").map(|dirs| dirs.data_dir().to_owned());
        self.data_dir.clone().or_else(default).ok_or_else(|| {
            Fault::new(Code::InvalidArguments, "there is no home folder to keep sheets in")
                .hint("give `--data-dir FOLDER`")
        })
    }

    fn house_with(&self, roots: Roots) -> Result<Arc<House>, Fault> {
        let program = own_program().map_err(Fault::internal)?;
        House::open(&self.folder()?, program, roots, self.limits())
    }

    fn roots(&self) -> Result<Roots, Fault> {
        let named: Vec<PathBuf> = self.root.iter().chain(&self.open).cloned().collect();
        let home = home();
        Ok(Roots::new(&named, home.as_deref().filter(|_| self.root.is_empty()))?.with_tilde(home))
    }

    fn limits(&self) -> Limits {
        let workers = usize::from(self.workers);
        // Where the system does not say what there is, the number of workers alone is the bound.
        let share_of_machine = || meter::of_machine().map_or(u64::MAX, |all| all / 4 * 3);
        let total_bytes = self.total_memory.map_or_else(share_of_machine, |size| size.0);
        let memory_bytes = self.memory.0.min(total_bytes);
        Limits {
            ingest: ingest::Limits {
                file_bytes: self.max_file_size.0,
                inflated_bytes: self.max_file_size.0.saturating_mul(4),
                cells: self.max_cells,
                columns: self.max_columns,
                sheets: self.max_sheets,
            },
            pool: PoolLimits {
                queries: queue(workers, self.max_waiting.into()),
                imports: queue(workers, self.max_waiting.into()),
                budget: Budget { memory_bytes, threads: self.threads.into() },
                total_bytes,
                // The largest that anything writes: a version file, or what a transform spills.
                file_bytes: self.max_file_size.0.saturating_mul(4).max(memory_bytes.saturating_mul(10)),
                requires_sandbox: self.sandbox == Sandbox::Require,
                n_idle: workers.saturating_mul(2),
                idle_for: Duration::from_mins(10),
            },
            query_timeout: self.query_timeout.0,
            import_timeout: self.import_timeout.0,
            result_rows: 100_000,
            result_bytes: 64 << 20,
            results_bytes: 512 << 20,
            quotas: Quotas::NONE,
        }
    }
}

/// Whether workers may run without the sandbox of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Sandbox {
    /// What is missing is said at start and by `quire doctor`
    Auto,
    /// Nothing runs without it
    Require,
}

/// As many places as there are workers, and as many again for users who run nothing yet.
fn queue(workers: usize, n_waiting: usize) -> QueueLimits {
    QueueLimits {
        n_places: workers,
        n_reserved: workers,
        n_per_workspace: workers,
        n_waiting_per_workspace: n_waiting.div_ceil(4),
        n_waiting,
        patience: Duration::from_mins(1),
    }
}

fn home() -> Option<PathBuf> {
    BaseDirs::new().map(|dirs| dirs.home_dir().to_owned())
}

/// A positive number of seconds, fractions allowed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds(pub(super) Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seconds, String> {
        let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
        match Duration::try_from_secs_f64(seconds) {
            Ok(duration) if !duration.is_zero() => Ok(Seconds(duration)),
            _ => Err("not a positive number of seconds".to_owned()),
        }
    }
}

/// Bytes, written with a unit of 1024: 512MB, 2GB.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size(pub(super) u64);

/// What a worker can do something with.
const MIN_MEMORY: u64 = 32 << 20;

fn memory(text: &str) -> Result<Size, String> {
    let size: Size = text.parse()?;
    if size.0 < MIN_MEMORY { Err("DuckDB needs 32MB at least".to_owned()) } else { Ok(size) }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let upper = text.trim().to_ascii_uppercase();
        let digits = upper.trim_end_matches(|c: char| !c.is_ascii_digit());
        let unit = match upper.strip_prefix(digits).unwrap_or_default().trim() {
            "" | "B" => 1,
            "K" | "KB" | "KIB" => 1 << 10,
            "M" | "MB" | "MIB" => 1 << 20,
            "G" | "GB" | "GIB" => 1 << 30,
            _ => return Err("not a size such as 512MB or 2GB".to_owned()),
        };
        let number: u64 = digits.parse().map_err(|_| "not a size such as 512MB or 2GB".to_owned())?;
        number.checked_mul(unit).filter(|bytes| *bytes > 0).map(Size).ok_or_else(|| "out of range".to_owned())
    }
}
