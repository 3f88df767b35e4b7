//! What commands print: data to standard output, progress to a terminal's standard error.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    context::{Context, Progress},
    fault::Fault,
    workspace::House,
};

/// Prints data as JSON: indented for a person, on one line for a program.
pub(super) fn print_json(data: &impl Serialize) -> Result<(), Fault> {
    let text =
        if io::stdout().is_terminal() { serde_json::to_string_pretty(data) } else { serde_json::to_string(data) };
    print_line(&text.map_err(Fault::internal)?)
}

/// Prints one line of data. A reader that has closed the pipe has seen enough.
pub(super) fn print_line(line: &str) -> Result<(), Fault> {
    match writeln!(io::stdout().lock(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Fault::internal(error)),
        _ => Ok(()),
    }
}

/// Says on standard error what went wrong with one of several files.
pub(super) fn print_fault(file: &str, fault: &Fault) {
    // A standard error that is closed is no reason to stop.
    let _ = writeln!(io::stderr().lock(), "error: {file}: {fault}");
}

/// A bar that appears once there is progress to show.
#[derive(Default)]
pub(super) struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    pub(super) fn show(&self, share: f64, words: &str) {
        if !io::stderr().is_terminal() {
            return;
        }
        let mut bar = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
            ProgressBar::new(1_000).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_message(words.to_owned());
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates"
        )]
        bar.set_position((share * 1_000.0) as u64);
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            bar.finish_and_clear();
        }
    }
}

/// Removes old files after a command that stored something, if that is due. It is no part of what was asked for.
pub(super) async fn sweep(house: &Arc<House>) {
    if let Err(fault) = house.sweep_if_due().await {
        tracing::warn!(%fault, "old files could not be removed");
    }
}

/// A call's context with `progress` shown as it comes; Ctrl-C ends the call.
pub(super) fn context(progress: Progress<'_>) -> Context<'_> {
    Context { cancel: ctrl_c(), progress }
}

/// Says whether Ctrl-C was pressed since.
pub(super) fn ctrl_c() -> CancellationToken {
    let cancel = CancellationToken::new();
    let ends = cancel.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            ends.cancel();
        }
    });
    cancel
}
