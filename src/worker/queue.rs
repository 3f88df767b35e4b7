//! Who runs next: places for a bounded number of workers, handed out fairly between workspaces.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};
use tokio_util::sync::CancellationToken;

use super::shares::{Share, Shares};
use crate::fault::{Code, Fault};

/// How many may run and wait in one queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Calls that run at once, whosever they are.
    pub n_places: usize,
    /// Further places, which only a workspace that runs nothing may take: so one that keeps all places busy with slow
    /// calls does not hold up another's first.
    pub n_reserved: usize,
    /// Calls that one workspace may run at once.
    pub n_per_workspace: usize,
    /// Calls that may wait: of one workspace, and of all; twice as many, where the others are each a workspace's only one.
    pub n_waiting_per_workspace: usize,
    pub n_waiting: usize,
    /// How long a call waits for its turn before it is told that Quire is busy.
    pub patience: Duration,
}

/// A queue; clones are handles of the same one.
#[derive(Clone)]
pub(super) struct Queue {
    limits: QueueLimits,
    lines: Arc<Mutex<Lines>>,
    shares: Shares,
    /// Which of the two queues over the shares it is.
    number: usize,
}

/// The right to run one call; dropping it lets the next one run.
pub(super) struct Place {
    queue: Queue,
    workspace: String,
    since: Instant,
    share: Option<Share>,
}

#[derive(Default)]
struct Lines {
    /// Workspaces that run or wait for something.
    by_workspace: HashMap<String, Line>,
    n_running: usize,
    /// Counts turns and arrivals, to tell who has waited longest since its last turn.
    clock: u64,
    /// How long calls took lately, in seconds; for the hint of a refusal.
    lately: f64,
}

#[derive(Default)]
struct Line {
    n_running: usize,
    /// When it had its last turn; when it arrived, if it had none since then.
    last_turn: u64,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

impl Queue {
    /// Queue `number` (0 or 1) of the two whose calls have their memory from `shares`.
    pub(super) fn new(limits: QueueLimits, shares: Shares, number: usize) -> Queue {
        Queue { limits, lines: Arc::default(), shares, number }
    }

    /// Waits for this workspace's turn. Fails with `quota_exceeded` or `busy` when too many wait already, with `busy` when
    /// the turn does not come in time, and with `cancelled`.
    pub(super) async fn place(&self, workspace: &str, cancel: &CancellationToken) -> Result<Place, Fault> {
        self.shares.called(workspace);
        let turn = self.enter(workspace)?;
        self.hand_out();
        // Whoever stops waiting drops `turn`, and with it a place that has just come.
        tokio::select! {
            biased;
            place = timeout(self.limits.patience, turn) => {
                if let Ok(Ok(place)) = place {
                    return Ok(place);
                }
                let waited = self.limits.patience.as_secs();
                Err(self.busy(&self.lock(), format!("all workers have been busy for {waited} s")))
            }
            () = cancel.cancelled() => Err(Fault::new(Code::Cancelled, "the call was cancelled")),
            () = self.keep_handing_out() => Err(Fault::internal("the queue has ended")),
        }
    }

    /// Whoever waits looks for all: shares become free through the other queue as well.
    async fn keep_handing_out(&self) {
        loop {
            self.shares.freed(self.number).await;
            self.hand_out();
        }
    }

    /// Calls that run, and calls that wait.
    pub(super) fn counts(&self) -> (usize, usize) {
        let lines = self.lock();
        (lines.n_running, lines.by_workspace.values().map(|line| line.waiting.len()).sum())
    }

    fn enter(&self, workspace: &str) -> Result<oneshot::Receiver<Place>, Fault> {
        let mut lines = self.lock();
        // Those that gave up don't count.
        lines.by_workspace.retain(|_, line| {
            line.waiting.retain(|turn| !turn.is_closed());
            line.n_running > 0 || !line.waiting.is_empty()
        });
        let n_own = lines.by_workspace.get(workspace).map_or(0, |line| line.waiting.len());
        if n_own >= self.limits.n_waiting_per_workspace {
            return Err(Fault::new(Code::QuotaExceeded, format!("{n_own} of your calls wait for a worker already"))
                .hint(format!("let some of them end, and call again in {} s", self.delay(&lines))));
        }
        let n_all: usize = lines.by_workspace.values().map(|line| line.waiting.len()).sum();
        // Those of others never keep out who neither runs nor waits for anything, up to as many again.
        let is_new = !lines.by_workspace.contains_key(workspace);
        let n_most = if is_new { self.limits.n_waiting.saturating_mul(2) } else { self.limits.n_waiting };
        if n_all >= n_most {
            return Err(self.busy(&lines, format!("{n_all} calls wait for a worker already")));
        }
        let (turn, place) = oneshot::channel();
        lines.clock += 1;
        let arrived = Line { last_turn: lines.clock, ..Line::default() };
        lines.by_workspace.entry(workspace.to_owned()).or_insert(arrived).waiting.push_back(turn);
        Ok(place)
    }

    /// Gives free places to those whose turn it is.
    fn hand_out(&self) {
        loop {
            let Some((turn, workspace, share)) = self.lock().next(&self.limits, &self.shares) else { return };
            // One that gave up meanwhile hands the place on, by dropping it.
            let (queue, since) = (self.clone(), Instant::now());
            let _ = turn.send(Place { queue, workspace, since, share: Some(share) });
        }
    }

    fn busy(&self, lines: &Lines, what: String) -> Fault {
        let delay = self.delay(lines);
        Fault::new(Code::Busy, what).hint(format!("call again in {delay} s")).wait(delay)
    }

    /// Seconds after which those who wait now will have had their turns, as far as the last calls tell; 1 to 60.
    fn delay(&self, lines: &Lines) -> u64 {
        let n_waiting: usize = lines.by_workspace.values().map(|line| line.waiting.len()).sum();
        let rounds = n_waiting.div_ceil(self.limits.n_places.max(1));
        let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
        Duration::from_secs_f64((f64::from(rounds) * lines.lately).clamp(1.0, 60.0)).as_secs()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Takes the next turn: of the workspaces that wait and may run, the one that runs least, and of these the one whose
    /// last turn was longest ago.
    fn next(&mut self, limits: &QueueLimits, shares: &Shares) -> Option<(oneshot::Sender<Place>, String, Share)> {
        let n_running = self.n_running;
        let may_run = |workspace: &str, line: &Line| {
            let n_places = limits.n_places + if line.n_running == 0 { limits.n_reserved } else { 0 };
            n_running < n_places && line.n_running < limits.n_per_workspace && shares.has_one_for(workspace)
        };
        let waiting =
            self.by_workspace.iter_mut().filter(|(name, line)| !line.waiting.is_empty() && may_run(name, line));
        let (workspace, line) = waiting.min_by_key(|(_, line)| (line.n_running, line.last_turn))?;
        // The other queue may have taken it just now: then this one hears when one is free again.
        let share = shares.take(workspace)?;
        let turn = line.waiting.pop_front()?;
        self.clock += 1;
        self.n_running += 1;
        line.n_running += 1;
        line.last_turn = self.clock;
        Some((turn, workspace.clone(), share))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lines = self.queue.lock();
        lines.n_running = lines.n_running.saturating_sub(1);
        lines.lately = 0.8_f64.mul_add(lines.lately, 0.2 * self.since.elapsed().as_secs_f64());
        if let Some(line) = lines.by_workspace.get_mut(&self.workspace) {
            line.n_running = line.n_running.saturating_sub(1);
            if line.n_running == 0 && line.waiting.is_empty() {
                lines.by_workspace.remove(&self.workspace);
            }
        }
        drop(lines);
        // Who waits in either queue hears of it.
        drop(self.share.take());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    const LIMITS: QueueLimits = QueueLimits {
        n_places: 2,
        n_reserved: 1,
        n_per_workspace: 2,
        n_waiting_per_workspace: 3,
        n_waiting: 4,
        patience: Duration::from_hours(1),
    };

    fn queue_of(limits: QueueLimits) -> Queue {
        Queue::new(limits, Shares::new(100), 0)
    }

    fn calm() -> CancellationToken {
        CancellationToken::new()
    }

    /// A place that is there at once.
    fn at_once(queue: &Queue, workspace: &str) -> Place {
        queue.place(workspace, &calm()).now_or_never().expect("a free place").unwrap()
    }

    /// A call that waits in the queue, as a task that says whose turn has come.
    fn waiting(
        queue: &Queue,
        workspace: &'static str,
        turns: &tokio::sync::mpsc::UnboundedSender<(&'static str, Place)>,
    ) {
        let (queue, turns) = (queue.clone(), turns.clone());
        tokio::spawn(async move {
            let place = queue.place(workspace, &calm()).await.unwrap();
            let _ = turns.send((workspace, place));
        });
    }

    async fn settled() {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_that_fills_all_places_leaves_the_reserved_one_to_another() {
        let queue = queue_of(LIMITS);
        let _slow = (at_once(&queue, "a"), at_once(&queue, "a"));
        assert!(queue.place("a", &calm()).now_or_never().is_none());
        let small = at_once(&queue, "b");
        assert!(queue.place("b", &calm()).now_or_never().is_none());
        drop(small);
        at_once(&queue, "b");
    }

    #[tokio::test]
    async fn turns_go_round_between_workspaces_however_many_calls_each_has() {
        let queue =
            queue_of(QueueLimits { n_places: 1, n_reserved: 0, n_waiting_per_workspace: 9, n_waiting: 9, ..LIMITS });
        let running = at_once(&queue, "a");
        let (turns, mut taken) = tokio::sync::mpsc::unbounded_channel();
        for workspace in ["a", "a", "a", "b", "b", "c"] {
            waiting(&queue, workspace, &turns);
            settled().await;
        }
        drop(running);
        let mut order = Vec::new();
        for _ in 0..6 {
            let (workspace, place) = taken.recv().await.unwrap();
            order.push(workspace);
            drop(place);
        }
        assert_eq!(order, ["a", "b", "c", "a", "b", "a"]);
    }

    #[tokio::test]
    async fn no_workspace_runs_more_than_its_share() {
        let queue = queue_of(QueueLimits { n_places: 8, n_per_workspace: 2, ..LIMITS });
        let _running = (at_once(&queue, "a"), at_once(&queue, "a"));
        assert!(queue.place("a", &calm()).now_or_never().is_none());
        at_once(&queue, "b");
    }

    #[tokio::test]
    async fn more_than_may_wait_are_told_when_to_come_again() {
        let queue = queue_of(LIMITS);
        let _running = (at_once(&queue, "a"), at_once(&queue, "b"), at_once(&queue, "c"));
        let (turns, _taken) = tokio::sync::mpsc::unbounded_channel();
        for workspace in ["a", "a", "a"] {
            waiting(&queue, workspace, &turns);
        }
        settled().await;
        let refused = |workspace| queue.place(workspace, &calm()).now_or_never().unwrap().err().unwrap();
        let own = refused("a");
        assert_eq!(
            (own.code, own.message.as_str()),
            (Code::QuotaExceeded, "3 of your calls wait for a worker already")
        );
        assert_eq!(own.hint, "let some of them end, and call again in 1 s");
        waiting(&queue, "b", &turns);
        settled().await;
        let all = refused("b");
        assert_eq!((all.code, all.message.as_str()), (Code::Busy, "4 calls wait for a worker already"));
        assert_eq!(all.hint, "call again in 1 s");
        // Who has nothing yet is let in, once.
        for workspace in ["d", "e", "f", "g"] {
            waiting(&queue, workspace, &turns);
            settled().await;
            assert_eq!(refused(workspace).code, Code::Busy);
        }
        assert_eq!(refused("h").message, "8 calls wait for a worker already");
    }

    #[tokio::test]
    async fn one_that_is_cancelled_or_dropped_in_the_queue_takes_no_place() {
        let queue = queue_of(QueueLimits { n_places: 1, n_reserved: 0, ..LIMITS });
        let running = at_once(&queue, "a");
        let cancel = calm();
        let (queued, cancelled) = (queue.clone(), cancel.clone());
        let waits = tokio::spawn(async move { queued.place("b", &cancelled).await });
        let queued = queue.clone();
        let dropped = tokio::spawn(async move { queued.place("c", &calm()).await });
        settled().await;
        cancel.cancel();
        assert_eq!(waits.await.unwrap().err().unwrap().code, Code::Cancelled);
        dropped.abort();
        settled().await;
        drop(running);
        at_once(&queue, "d");
        assert!(queue.lock().by_workspace.values().all(|line| line.n_running == 0));
    }

    #[tokio::test]
    async fn patience_has_an_end() {
        let queue = queue_of(QueueLimits { n_places: 1, n_reserved: 0, patience: Duration::ZERO, ..LIMITS });
        let _running = at_once(&queue, "a");
        let fault = queue.place("b", &calm()).await.err().unwrap();
        assert_eq!((fault.code, fault.message.as_str()), (Code::Busy, "all workers have been busy for 0 s"));
    }

    #[tokio::test]
    async fn both_queues_live_from_the_same_shares_and_neither_waits_for_the_other_alone() {
        let limits = QueueLimits { n_places: 9, n_per_workspace: 9, ..LIMITS };
        let shares = Shares::new(2);
        let queries = Queue::new(limits, shares.clone(), 0);
        let imports = Queue::new(limits, shares, 1);
        let query = at_once(&queries, "a");
        // The other share is not for who has one.
        assert!(imports.place("a", &calm()).now_or_never().is_none());
        let import = at_once(&imports, "b");
        let (turns, mut taken) = tokio::sync::mpsc::unbounded_channel();
        waiting(&imports, "c", &turns);
        settled().await;
        assert!(taken.try_recv().is_err());
        drop(query);
        let (workspace, place) = taken.recv().await.unwrap();
        assert_eq!(workspace, "c");
        waiting(&queries, "d", &turns);
        settled().await;
        drop(place);
        assert_eq!(taken.recv().await.unwrap().0, "d");
        drop(import);
    }
}
