//! The command line, and the only clap: one file per subcommand, configuration in one struct.

mod ask;
mod backup;
mod call;
mod config;
mod convert;
mod doctor;
mod http;
mod import;
mod inspect;
mod memory;
mod model;
mod purge;
mod secrets;
mod stdio;
mod terminal;
mod token;
mod tools;
mod user;

use std::sync::Arc;

use clap::{Parser, Subcommand};

use self::config::Settings;
use crate::{
    context::Stopping,
    fault::Fault,
    mcp::{Remote, remote::RemoteLimits},
    tool::Registry,
    worker::child,
};

/// Makes the MCP server for remote agents.
pub type MakeRemote = fn(Arc<Registry>, RemoteLimits, Stopping) -> Remote;

/// Makes spreadsheets queryable: an MCP server, and the same tools on the command line.
#[derive(Debug, Parser)]
#[command(name = "quire", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub settings: Settings,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP over standard input and output, for a host such as Claude Desktop
    Stdio(stdio::Args),
    /// Ask a question about the sheets in plain words
    Ask(ask::Args),
    /// List, verify and forget answers; note what sheets and columns mean
    Memory(memory::Args),
    /// Serve HTTP: REST, upload, and MCP for remote agents
    Http(http::Args),
    /// Call one tool; its reply is printed as JSON
    Call(call::Args),
    /// Print the tools as a model sees them
    Tools(tools::Args),
    /// Import files; they stay linked, and are read again when they change
    Import(import::Args),
    /// Print how a file is read, without importing it
    Inspect(inspect::Args),
    /// Write a file's table in another format to standard output
    Convert(convert::Args),
    /// Remove sheets for good, with all their versions and files
    Purge(purge::Args),
    /// Copy the data folder, while others use it
    Backup(backup::BackupArgs),
    /// Fill a new data folder from a backup
    Restore(backup::RestoreArgs),
    /// Accounts of people who use this Quire over HTTP
    #[command(subcommand)]
    User(user::Command),
    /// Their access tokens, and the keys that sign them
    #[command(subcommand)]
    Token(token::Command),
    /// Check the installation and the data folder
    Doctor(doctor::Args),
    /// Run as a worker process (Quire starts these itself)
    #[command(hide = true)]
    Worker,
}

impl Cli {
    /// Runs the command to its end.
    pub fn run(self) -> Result<(), Fault> {
        self.run_with(Remote::new)
    }

    /// The same, with another maker of what answers MCP over HTTP: for tests of the protocol.
    pub fn run_with(self, mcp: MakeRemote) -> Result<(), Fault> {
        let settings = self.settings;
        match self.command {
            // A worker is one plain thread until it is confined: no runtime.
            Command::Worker => child::main_loop(),
            Command::Tools(args) => tools::run(&args),
            Command::Stdio(args) => on_runtime(stdio::run(settings, args)),
            Command::Ask(args) => on_runtime(ask::run(settings, args)),
            Command::Memory(args) => on_runtime(memory::run(settings, args)),
            Command::Http(args) => on_runtime(http::run(settings, args, mcp)),
            Command::Call(args) => on_runtime(call::run(settings, args)),
            Command::Import(args) => on_runtime(import::run(settings, args)),
            Command::Inspect(args) => on_runtime(inspect::run(settings, args)),
            Command::Convert(args) => on_runtime(convert::run(settings, args)),
            Command::Purge(args) => on_runtime(purge::run(settings, args)),
            Command::Backup(args) => on_runtime(backup::back_up(settings, args)),
            Command::Restore(args) => on_runtime(backup::restore(settings, args)),
            Command::User(command) => on_runtime(user::run(settings, command)),
            Command::Token(command) => on_runtime(token::run(settings, command)),
            Command::Doctor(args) => on_runtime(doctor::run(settings, args)),
        }
    }
}

fn on_runtime(work: impl Future<Output = Result<(), Fault>>) -> Result<(), Fault> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // What blocks waits for the catalog's locks: more threads only keep more memory.
    let runtime = runtime.max_blocking_threads(32).enable_all().build().map_err(Fault::internal)?;
    let outcome = runtime.block_on(work);
    // A thread that still waits for standard input would hold up the end.
    runtime.shutdown_background();
    outcome
}
