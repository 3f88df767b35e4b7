//! Stops the statement that runs, from another thread.

use std::sync::{Arc, Mutex, PoisonError};

use duckdb::{Connection, InterruptHandle};

/// The running statement's handle, if one runs.
#[derive(Clone, Default)]
pub struct Interrupts(Arc<Mutex<Option<Arc<InterruptHandle>>>>);

impl Interrupts {
    /// Asks the running statement to end. One call is not enough: DuckDB loses an interrupt that arrives while a
    /// statement is prepared, so repeat it until the call has returned.
    pub fn interrupt(&self) {
        if let Some(handle) = &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            handle.interrupt();
        }
    }

    /// Puts `connection` within reach of `interrupt` while the answer lives.
    pub(super) fn arm(&self, connection: &Connection) -> Armed {
        self.set(Some(connection.interrupt_handle()));
        Armed(self.clone())
    }

    fn set(&self, handle: Option<Arc<InterruptHandle>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = handle;
    }
}

pub(super) struct Armed(Interrupts);

impl Drop for Armed {
    fn drop(&mut self) {
        self.0.set(None);
    }
}
