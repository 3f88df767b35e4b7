//! Parses the command line, sets up logging to standard error, runs, and turns a fault into an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use quire::{cli::Cli, fault::Fault};
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::IsTerminal::is_terminal(&io::stderr()));
    tracing_subscriber::registry().with(lines.with_filter(targets(cli.settings.log))).init();
    let as_json = cli.settings.json;
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            report(&fault, as_json);
            ExitCode::from(fault.code.exit_code())
        }
    }
}

/// Quire's own messages at the wanted level. Others' at most as warnings, and rmcp's as errors: below, it logs requests
/// and replies, which hold cells.
fn targets(wanted: LevelFilter) -> Targets {
    Targets::new()
        .with_default(wanted.min(LevelFilter::WARN))
        .with_target("rmcp", wanted.min(LevelFilter::ERROR))
        .with_target("quire", wanted)
}

/// A standard error that is closed is no reason to fail differently.
fn report(fault: &Fault, as_json: bool) {
    let mut err = io::stderr().lock();
    let _ = if as_json {
        writeln!(err, "{}", serde_json::to_string(fault).unwrap_or_default())
    } else if fault.hint.is_empty() {
        writeln!(err, "error: {fault}")
    } else {
        writeln!(err, "error: {fault}\nhint: {}", fault.hint)
    };
}
