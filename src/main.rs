//! Parses the command line, sets up logging to standard error, runs, and turns a fault into an exit code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use quire::{cli::Cli, fault::Fault};

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_max_level(cli.settings.log)
        .with_writer(io::stderr)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()))
        .init();
    let as_json = cli.settings.json;
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            report(&fault, as_json);
            ExitCode::from(fault.code.exit_code())
        }
    }
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
