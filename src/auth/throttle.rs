//! Growing delays for those who guess: by account and by address. Who has logged in from an address before has delays of
//! their own there, so that nobody else's guesses keep them out.
//!
//! In memory on purpose: every attempt on the way to a delay costs a hash of a password, a restart is nothing that a
//! guesser can bring about, and a write to the catalog for each wrong password would be one more thing to flood. So
//! processes that share a data folder count each for itself.

use std::{
    collections::{HashMap, HashSet},
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{AuthError, email::Email, secret};
use crate::catalog::SecretHash;

/// Accounts or addresses that one throttle remembers.
const MOST: usize = 65_536;

/// How attempts are delayed.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Attempts without a delay.
    n_free: u32,
    /// After the first attempt beyond; each further one doubles it.
    first: Duration,
    longest: Duration,
    /// How long after its last attempt a key is as new.
    forgotten: Duration,
}

/// Failures of one account, wherever they come from: fewer than 100 in an hour. The longest delay is short because
/// whoever knows an address can bring it about.
const ACCOUNT: Pace = Pace {
    n_free: 5,
    first: Duration::from_secs(1),
    longest: Duration::from_mins(1),
    forgotten: Duration::from_mins(15),
};
/// Failures from one address, on all accounts: many people may share it.
const ADDRESS: Pace = Pace { n_free: 50, ..ACCOUNT };
/// Registrations from one address, whether they fail or not.
const NEW_ACCOUNTS: Pace = Pace { n_free: 200, forgotten: Duration::from_hours(1), ..ACCOUNT };

/// The throttles of one process.
pub(super) struct Throttles {
    accounts: Throttle,
    /// Failures of one account from an address that it was logged in from.
    at_home: Throttle,
    /// These addresses, each with its account.
    homes: Mutex<HashSet<SecretHash>>,
    addresses: Throttle,
    new_accounts: Throttle,
}

impl Default for Throttles {
    fn default() -> Throttles {
        Throttles {
            accounts: Throttle::new(ACCOUNT),
            at_home: Throttle::new(ACCOUNT),
            homes: Mutex::default(),
            addresses: Throttle::new(ADDRESS),
            new_accounts: Throttle::new(NEW_ACCOUNTS),
        }
    }
}

impl Throttles {
    /// Admits an attempt to show a password, and counts it as a failure until `succeeded` says otherwise: of many at
    /// once, no more may come through than one after the other.
    pub(super) fn admit_password(&self, email: &Email, from: IpAddr) -> Result<(), AuthError> {
        let now = Instant::now();
        self.addresses.admit(address_key(from), now)?;
        let home = home_key(email, from);
        if self.homes().contains(&home) {
            self.at_home.admit(home, now)
        } else {
            self.accounts.admit(secret::hash(email.as_str()), now)
        }
    }

    pub(super) fn succeeded(&self, email: &Email, from: IpAddr) {
        let home = home_key(email, from);
        self.at_home.forget(&home);
        self.accounts.forget(&secret::hash(email.as_str()));
        self.addresses.take_back(&address_key(from));
        let mut homes = self.homes();
        if homes.len() >= MOST {
            homes.clear();
        }
        homes.insert(home);
    }

    fn homes(&self) -> MutexGuard<'_, HashSet<SecretHash>> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits an attempt to show a refresh token.
    pub(super) fn admit_refresh(&self, from: IpAddr) -> Result<(), AuthError> {
        self.addresses.admit(address_key(from), Instant::now())
    }

    pub(super) fn refreshed(&self, from: IpAddr) {
        self.addresses.take_back(&address_key(from));
    }

    pub(super) fn admit_registration(&self, from: IpAddr) -> Result<(), AuthError> {
        self.new_accounts.admit(address_key(from), Instant::now())
    }
}

/// An account at an address.
fn home_key(email: &Email, from: IpAddr) -> SecretHash {
    secret::hash(&format!("{} {}", email.as_str(), network(from)))
}

/// One host; with IPv6, one network, since a host has as many addresses as it likes.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn address_key(address: IpAddr) -> SecretHash {
    secret::hash(&network(address).to_string())
}

struct Throttle {
    pace: Pace,
    entries: Mutex<HashMap<SecretHash, Entry>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    n_attempts: u32,
    last: Instant,
    /// No attempt is admitted before.
    open_at: Instant,
}

impl Throttle {
    fn new(pace: Pace) -> Throttle {
        Throttle { pace, entries: Mutex::default() }
    }

    /// Counts an attempt and admits it, or says how long to wait.
    fn admit(&self, key: SecretHash, at: Instant) -> Result<(), AuthError> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Entry { n_attempts: 0, last: at, open_at: at };
        let mut entry = entries.get(&key).copied().filter(|it| !self.is_forgotten(it, at)).unwrap_or(fresh);
        if let Some(wait) = entry.open_at.checked_duration_since(at).filter(|wait| !wait.is_zero()) {
            return Err(AuthError::Throttled(wait));
        }
        entry.n_attempts = entry.n_attempts.saturating_add(1);
        entry.last = at;
        entry.open_at = at + self.delay(entry.n_attempts);
        if entries.len() >= MOST && !entries.contains_key(&key) {
            self.make_room(&mut entries, at);
        }
        entries.insert(key, entry);
        Ok(())
    }

    fn forget(&self, key: &SecretHash) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// The last attempt did not fail. A delay that others earned stays.
    fn take_back(&self, key: &SecretHash) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(key) {
            entry.n_attempts = entry.n_attempts.saturating_sub(1);
            entry.open_at = entry.last + self.delay(entry.n_attempts);
        }
    }

    fn delay(&self, n_attempts: u32) -> Duration {
        let Some(n_beyond) = n_attempts.checked_sub(self.pace.n_free + 1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(n_beyond).unwrap_or(u32::MAX);
        self.pace.first.saturating_mul(factor).min(self.pace.longest)
    }

    fn is_forgotten(&self, entry: &Entry, at: Instant) -> bool {
        at.saturating_duration_since(entry.last) >= self.pace.forgotten
    }

    /// Keys without a delay go first: to have one forgotten takes more attempts than it gains.
    fn make_room(&self, entries: &mut HashMap<SecretHash, Entry>, at: Instant) {
        entries.retain(|_, entry| entry.n_attempts > self.pace.n_free && !self.is_forgotten(entry, at));
        if entries.len() > MOST / 2 {
            entries.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { n_free: 2, ..ACCOUNT };

    /// Seconds to wait; 0 where it was admitted.
    fn admit(throttle: &Throttle, key: &str, at: Instant) -> u64 {
        match throttle.admit(secret::hash(key), at) {
            Ok(()) => 0,
            Err(AuthError::Throttled(wait)) => wait.as_secs(),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn delays_double_up_to_the_longest() {
        let throttle = Throttle::new(PACE);
        let mut at = Instant::now();
        assert_eq!([admit(&throttle, "a", at), admit(&throttle, "a", at), admit(&throttle, "a", at)], [0, 0, 0]);
        let mut delays = Vec::new();
        for _ in 0..8 {
            let wait = admit(&throttle, "a", at);
            delays.push(wait);
            at += Duration::from_secs(wait);
            assert_eq!(admit(&throttle, "a", at), 0);
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(admit(&throttle, "b", at), 0, "another key");
        assert_eq!(admit(&throttle, "a", at + PACE.forgotten), 0);
        assert_eq!(admit(&throttle, "a", at + PACE.forgotten), 0, "as new");
    }

    #[test]
    fn an_hour_of_guessing_at_one_account_makes_fewer_than_a_hundred_attempts() {
        let throttle = Throttle::new(ACCOUNT);
        let start = Instant::now();
        let mut at = start;
        let mut n_attempts = 0;
        while at < start + Duration::from_hours(1) {
            match admit(&throttle, "a", at) {
                0 => n_attempts += 1,
                wait => at += Duration::from_secs(wait),
            }
        }
        assert!((60..100).contains(&n_attempts), "{n_attempts}");
    }

    #[test]
    fn waiting_callers_do_not_lengthen_the_delay_and_success_ends_it() {
        let throttle = Throttle::new(PACE);
        let at = Instant::now();
        for _ in 0..3 {
            assert_eq!(admit(&throttle, "a", at), 0);
        }
        for _ in 0..20 {
            assert_eq!(admit(&throttle, "a", at), 1);
        }
        throttle.take_back(&secret::hash("a"));
        assert_eq!(admit(&throttle, "a", at), 0);
        assert_eq!(admit(&throttle, "a", at), 1);
        throttle.forget(&secret::hash("a"));
        assert_eq!([admit(&throttle, "a", at), admit(&throttle, "a", at), admit(&throttle, "a", at)], [0, 0, 0]);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_delays_are_remembered_longest() {
        let throttle = Throttle::new(PACE);
        let at = Instant::now();
        for _ in 0..3 {
            assert_eq!(admit(&throttle, "victim", at), 0);
        }
        for n in 0..MOST + 10 {
            admit(&throttle, &n.to_string(), at);
        }
        assert!(throttle.entries.lock().unwrap().len() <= MOST);
        assert_eq!(admit(&throttle, "victim", at), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
    }
}
