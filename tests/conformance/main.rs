//! `quire http` with what the protocol's conformance suite asks for besides: tools, prompts and resources of certain names.
//! Everything else is the product's: command line, HTTP, sessions, and the handler, which is asked first.
//!
//!     cargo run --release --features conformance --example conformance -- http --auth none

#![expect(
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "fixtures are written to be read, with `json!` for arguments; indexing JSON does not panic"
)]

mod answers;
mod fixtures;

use std::{process::ExitCode, sync::Arc};

use clap::Parser;
use quire::{cli::Cli, mcp::Remote};

fn main() -> ExitCode {
    let ran = Cli::parse().run_with(|registry, limits, stopping| {
        let product = Remote::handler(Arc::clone(&registry));
        let fixtures = fixtures::Fixtures::new(product);
        Remote::with(move || fixtures.clone(), limits, stopping)
    });
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => ExitCode::from(fault.code.exit_code()),
    }
}
