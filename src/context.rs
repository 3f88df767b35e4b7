//! What goes with a call from the surface to the worker: how to end it early, and how to tell how far it is; and how a
//! server ends.

use tokio_util::sync::CancellationToken;

/// Tells the caller how far a long call is: a share from 0 to 1, and words.
pub type Progress<'a> = &'a (dyn Fn(f64, &str) + Send + Sync);

/// How a call can be ended early and followed.
pub struct Context<'a> {
    pub cancel: CancellationToken,
    pub progress: Progress<'a>,
}

/// The two steps of a server's end.
#[derive(Debug, Clone, Default)]
pub struct Stopping {
    /// No new connections or streams; calls under way go on.
    pub begun: CancellationToken,
    /// The grace period is over: calls under way are cancelled.
    pub ended: CancellationToken,
}
