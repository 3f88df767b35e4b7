//! What goes with a call from the surface to the worker: how to end it early, and how to tell how far it is; and how a
//! server ends.

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Tells the caller how far a long call is: a share from 0 to 1, and words.
pub type Progress<'a> = &'a (dyn Fn(f64, &str) + Send + Sync);

/// How a call can be ended early and followed.
pub struct Context<'a> {
    pub cancel: CancellationToken,
    pub progress: Progress<'a>,
}

impl<'a> Context<'a> {
    /// The same for what may last until a time: its token fires with this one, at that time, and once the guard is dropped.
    pub(crate) fn until(&self, deadline: Instant) -> (Context<'a>, DropGuard) {
        let cancel = self.cancel.child_token();
        let timed = cancel.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = sleep_until(deadline) => timed.cancel(),
                () = timed.cancelled() => {}
            }
        });
        let guard = cancel.clone().drop_guard();
        (Context { cancel, progress: self.progress }, guard)
    }
}

/// The two steps of a server's end.
#[derive(Debug, Clone, Default)]
pub struct Stopping {
    /// No new connections or streams; calls under way go on.
    pub begun: CancellationToken,
    /// The grace period is over: calls under way are cancelled.
    pub ended: CancellationToken,
}
