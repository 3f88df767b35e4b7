//! Where worker processes are started: as a rule by the thread that asks, and those that others go before by a thread that is
//! itself behind. A process has its first priority from the thread that starts it, and its start is what takes most of a
//! small import's time.

use std::{io, sync::OnceLock, thread};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
    sync::{mpsc, oneshot},
};

use super::priority;

/// What is to be started, and who waits for it.
type Order = (Command, oneshot::Sender<io::Result<Child>>);

/// Starts processes.
#[derive(Default)]
pub(super) struct Spawner {
    /// To the thread that is behind; none where it could not be started or put there. It stays: a sandbox that binds a
    /// child to its parent binds it to the thread that started it.
    behind: OnceLock<Option<mpsc::UnboundedSender<Order>>>,
}

impl Spawner {
    /// Starts one behind others. Answers whether it is: none is where that thread can't be had.
    pub(super) async fn spawn_behind(&self, mut command: Command) -> io::Result<(Child, bool)> {
        let Some(orders) = self.behind.get_or_init(begin) else { return Ok((command.spawn()?, false)) };
        let (started, child) = oneshot::channel();
        orders.send((command, started)).map_err(io::Error::other)?;
        Ok((child.await.map_err(io::Error::other)??, true))
    }
}

fn begin() -> Option<mpsc::UnboundedSender<Order>> {
    let runtime = Handle::try_current().ok()?;
    let (orders, mut inbox) = mpsc::unbounded_channel::<Order>();
    let (told, is_behind) = std::sync::mpsc::channel();
    let work = move || {
        let is_behind = priority::lower_this_thread();
        if told.send(is_behind).is_err() || !is_behind {
            return;
        }
        let _entered = runtime.enter();
        while let Some((mut command, started)) = inbox.blocking_recv() {
            // Whoever no longer waits drops the child, which ends it.
            let _ = started.send(command.spawn());
        }
    };
    thread::Builder::new().name("behind".to_owned()).spawn(work).ok()?;
    is_behind.recv().ok()?.then_some(orders)
}
