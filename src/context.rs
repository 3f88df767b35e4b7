//! What goes with a call from the surface to the worker: how to end it early, and how to tell how far it is.

use tokio_util::sync::CancellationToken;

/// Tells the caller how far a long call is: a share from 0 to 1, and words.
pub type Progress<'a> = &'a (dyn Fn(f64, &str) + Send + Sync);

/// How a call can be ended early and followed.
pub struct Context<'a> {
    pub cancel: CancellationToken,
    pub progress: Progress<'a>,
}
