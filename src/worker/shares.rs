//! Shares of the memory that all workers may hold together: each running call has one, whichever queue it came through.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// How long a workspace counts as one that calls, after its last call began.
const RECENT: Duration = Duration::from_secs(2);

/// All shares; clones are handles of the same ones.
#[derive(Clone)]
pub(super) struct Shares {
    n_all: usize,
    book: Arc<Mutex<Book>>,
    /// Each queue's sign to hand out again.
    queues: Arc<[Notify; 2]>,
}

/// A running call's share; it is free again when this goes.
pub(super) struct Share {
    shares: Shares,
    workspace: String,
}

/// A call that runs, also one that is given up.
pub(super) struct Taking {
    shares: Shares,
    workspace: String,
    since: Instant,
}

impl Drop for Taking {
    fn drop(&mut self) {
        self.shares.took(&self.workspace, self.since.elapsed().as_secs_f64());
    }
}

#[derive(Default)]
struct Book {
    /// Shares of each workspace that has any.
    held: HashMap<String, usize>,
    /// Whose call began last, and the last of another than that.
    callers: [Option<(String, Instant)>; 2],
    /// Seconds that each workspace's calls took lately, and as of when.
    taken: HashMap<String, (f64, Instant)>,
}

/// Seconds, half of them gone each second since.
fn faded((seconds, at): (f64, Instant)) -> f64 {
    seconds * 0.5_f64.powf(at.elapsed().as_secs_f64())
}

/// Workspaces whose calls are remembered, and seconds that are too few to be.
const MOST_TAKEN: usize = 1_024;
const FORGOTTEN: f64 = 0.01;

impl Shares {
    /// At least one.
    pub(super) fn new(n_shares: usize) -> Shares {
        Shares { n_all: n_shares.max(1), book: Arc::default(), queues: Arc::default() }
    }

    /// Whether there is one for the workspace. The last one is for who has none: a user's slow queries and imports
    /// together don't hold up another's first call.
    pub(super) fn has_one_for(&self, workspace: &str) -> bool {
        self.lock().has_one_for(workspace, self.n_all)
    }

    /// Takes it, where there is one.
    pub(super) fn take(&self, workspace: &str) -> Option<Share> {
        let mut book = self.lock();
        if !book.has_one_for(workspace, self.n_all) {
            return None;
        }
        *book.held.entry(workspace.to_owned()).or_default() += 1;
        Some(Share { shares: self.clone(), workspace: workspace.to_owned() })
    }

    pub(super) fn n_free(&self) -> usize {
        self.n_all.saturating_sub(self.lock().n_held())
    }

    /// Ends when a share has become free since the last time. `queue` is 0 or 1.
    pub(super) async fn freed(&self, queue: usize) {
        match self.queues.get(queue) {
            Some(sign) => sign.notified().await,
            None => std::future::pending().await,
        }
    }

    /// A call of the workspace runs until this goes, which is noted.
    pub(super) fn taking(&self, workspace: &str) -> Taking {
        Taking { shares: self.clone(), workspace: workspace.to_owned(), since: Instant::now() }
    }

    fn took(&self, workspace: &str, seconds: f64) {
        let mut book = self.lock();
        if book.taken.len() >= MOST_TAKEN {
            book.taken.retain(|_, taken| faded(*taken) > FORGOTTEN);
        }
        let before = book.taken.get(workspace).copied().map_or(0.0, faded);
        book.taken.insert(workspace.to_owned(), (before + seconds, Instant::now()));
    }

    /// Seconds that calls of the workspace took lately: half of what was a second ago.
    pub(super) fn lately(&self, workspace: &str) -> f64 {
        self.lock().taken.get(workspace).copied().map_or(0.0, faded)
    }

    /// Notes that a call of the workspace begins.
    pub(super) fn called(&self, workspace: &str) {
        let mut book = self.lock();
        let [last, before] = &mut book.callers;
        if last.as_ref().is_some_and(|(caller, _)| caller != workspace) {
            *before = last.take();
        }
        *last = Some((workspace.to_owned(), Instant::now()));
    }

    /// Whether calls of other workspaces run, or began just now.
    pub(super) fn others_call(&self, workspace: &str) -> bool {
        let book = self.lock();
        let is_other = |(caller, at): &(String, Instant)| caller != workspace && at.elapsed() < RECENT;
        book.callers.iter().flatten().any(is_other) || book.held.keys().any(|holder| holder != workspace)
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    fn has_one_for(&self, workspace: &str, n_shares: usize) -> bool {
        let n_free = n_shares.saturating_sub(self.n_held());
        n_free > 1 || (n_free == 1 && (n_shares == 1 || !self.held.contains_key(workspace)))
    }

    fn n_held(&self) -> usize {
        self.held.values().sum()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut book = self.shares.lock();
        if let Some(n_held) = book.held.get_mut(&self.workspace) {
            *n_held = n_held.saturating_sub(1);
            if *n_held == 0 {
                book.held.remove(&self.workspace);
            }
        }
        drop(book);
        // Neither queue comes first.
        self.shares.queues.iter().for_each(Notify::notify_one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_share_is_for_who_has_none() {
        let shares = Shares::new(3);
        let _held = (shares.take("a"), shares.take("a"));
        assert!(!shares.has_one_for("a") && shares.take("a").is_none());
        let small = shares.take("b");
        assert!(!shares.has_one_for("c"));
        drop(small);
        assert!(shares.has_one_for("c"));
        assert_eq!(Shares::new(0).n_free(), 1);
        assert!(Shares::new(1).has_one_for("a"));
    }

    #[test]
    fn others_are_those_of_another_workspace() {
        let shares = Shares::new(3);
        shares.called("a");
        shares.called("a");
        assert!(!shares.others_call("a"));
        assert!(shares.others_call("b"));
        shares.called("b");
        assert!(shares.others_call("a") && shares.others_call("b"));
    }
}
