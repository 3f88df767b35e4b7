//! How many connections there may be: in all, where others wait, and from one address, where others are closed.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ipnet::IpNet;
use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often the log may say that there are too many.
const SAID_EVERY: Duration = Duration::from_mins(1);

/// All connections of a server.
pub(super) struct Connections {
    max: usize,
    free: Arc<Semaphore>,
    /// Of each address that has one: how many.
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
    /// Theirs are those of everyone behind them.
    proxies: Vec<IpNet>,
    said: Option<Instant>,
}

impl Connections {
    pub(super) fn new(max: usize, proxies: Vec<IpNet>) -> Connections {
        let (free, held) = (Arc::new(Semaphore::new(max)), Arc::default());
        Connections { max, free, held, proxies, said: None }
    }

    /// Waits for room for one more.
    pub(super) async fn room(&mut self) -> Option<OwnedSemaphorePermit> {
        if self.free.available_permits() == 0 {
            self.say("all connections are in use, and others wait: see `--max-connections`");
        }
        // It is never closed.
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// Lets in a connection for which there is room, until what is answered goes; not where its address has half of all
    /// already, so that no one alone can keep the others out.
    pub(super) fn admit(&mut self, peer: SocketAddr, room: Option<OwnedSemaphorePermit>) -> Option<Admitted> {
        let peer = peer.ip().to_canonical();
        let admitted = Admitted { _room: room, address: network_of(peer), held: Arc::clone(&self.held) };
        let n_held = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let n_held = held.entry(admitted.address).or_default();
            *n_held += 1;
            *n_held
        };
        if n_held <= self.max.div_ceil(2) || self.proxies.iter().any(|net| net.contains(&peer)) {
            return Some(admitted);
        }
        counter!("quire_connections_refused_total").increment(1);
        self.say(
            "one address has half of all connections, and gets no more: see `--max-connections`, `--trusted-proxy`",
        );
        None
    }

    fn say(&mut self, words: &str) {
        if self.said.is_none_or(|said| said.elapsed() >= SAID_EVERY) {
            self.said = Some(Instant::now());
            tracing::warn!(max = self.max, "{words}");
        }
    }
}

/// One connection that was let in.
pub(super) struct Admitted {
    _room: Option<OwnedSemaphorePermit>,
    address: IpAddr,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n_held) = held.get_mut(&self.address) {
            *n_held -= 1;
            if *n_held == 0 {
                held.remove(&self.address);
            }
        }
    }
}

/// What one customer of a network has: of IPv6, its first 64 bits.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of these are let in, none of them ending.
    async fn n_admitted(connections: &mut Connections, peers: &[&str]) -> usize {
        let mut held = Vec::new();
        for peer in peers {
            let room = connections.room().await;
            held.extend(connections.admit(SocketAddr::new(peer.parse().unwrap(), 1), room));
        }
        held.len()
    }

    #[tokio::test]
    async fn an_address_has_half_of_all_and_a_proxy_all() {
        let mut connections = Connections::new(5, vec!["10.0.0.0/8".parse().unwrap()]);
        for (peers, n_wanted) in [
            (["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"], 4),
            (["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8:0:1::1"], 4),
            (["10.1.2.3", "10.1.2.3", "10.1.2.3", "10.1.2.3", "10.1.2.3"], 5),
        ] {
            assert_eq!(n_admitted(&mut connections, &peers).await, n_wanted, "{peers:?}");
        }
        assert!(connections.held.lock().unwrap().is_empty(), "what has ended is not counted");
    }
}
