//! Query workers between two calls: a few, each for a while, so that what a user's calls took is given back after them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::process::Process;

pub(super) struct Idle {
    n_kept: usize,
    kept_for: Duration,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    /// The longest idle one first.
    workers: Vec<Kept>,
    /// Whether someone looks after those whose time is over.
    watched: bool,
}

struct Kept {
    workspace: String,
    process: Process,
    until: Instant,
}

impl Idle {
    pub(super) fn new(n_kept: usize, kept_for: Duration) -> Idle {
        Idle { n_kept, kept_for, shelf: Arc::default() }
    }

    /// A worker of this workspace, the one that ran last: it has most in its caches.
    pub(super) fn take(&self, workspace: &str) -> Option<Process> {
        let mut shelf = lock(&self.shelf);
        // One that died while it was idle is no call's fault.
        shelf.workers.retain_mut(|kept| kept.process.is_alive());
        let position = shelf.workers.iter().rposition(|kept| kept.workspace == workspace)?;
        Some(shelf.workers.remove(position).process)
    }

    /// Ends those that have been idle longest, until there are no more than `n_most`.
    pub(super) fn shrink(&self, n_most: usize) {
        let mut shelf = lock(&self.shelf);
        let excess = shelf.workers.len().saturating_sub(n_most);
        // Dropping a process kills it.
        shelf.workers.drain(..excess);
    }

    pub(super) fn n_kept(&self) -> usize {
        lock(&self.shelf).workers.len()
    }

    /// Keeps the process for the workspace's next call; the longest idle one makes room.
    pub(super) fn keep(&self, workspace: &str, process: Process) {
        let mut shelf = lock(&self.shelf);
        shelf.workers.push(Kept { workspace: workspace.to_owned(), process, until: Instant::now() + self.kept_for });
        let excess = shelf.workers.len().saturating_sub(self.n_kept);
        shelf.workers.drain(..excess);
        if !shelf.watched {
            shelf.watched = true;
            tokio::spawn(watch(Arc::clone(&self.shelf)));
        }
    }
}

/// Ends the workers whose time is over, until there is none left.
async fn watch(shelf: Arc<Mutex<Shelf>>) {
    loop {
        let next = {
            let mut shelf = lock(&shelf);
            let now = Instant::now();
            // Dropping a process kills it.
            shelf.workers.retain(|kept| kept.until > now);
            shelf.watched = !shelf.workers.is_empty();
            shelf.workers.first().map(|kept| kept.until)
        };
        let Some(next) = next else { return };
        sleep_until(next).await;
    }
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}
