//! Looking at processes from outside, and waiting for a condition.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Waits until `condition` holds; what it waits for is a state, never a time.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let given_up = Instant::now() + Duration::from_secs(100);
    while !condition() {
        assert!(Instant::now() < given_up, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[cfg(target_os = "linux")]
pub(crate) mod linux {
    use std::{collections::BTreeMap, fs, process::Command};

    use super::until;

    /// Process ids of `pid`'s children.
    pub(crate) fn children(pid: u32) -> Vec<u32> {
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
        let lists = threads.flatten().filter_map(|it| fs::read_to_string(it.path().join("children")).ok());
        let mut pids: Vec<u32> = lists
            .flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>())
            .collect();
        pids.sort_unstable();
        pids
    }

    /// Hundredths of a second of processor time so far.
    pub(crate) fn ticks(pid: u32) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((_, fields)) = stat.rsplit_once(')') else { return 0 };
        fields.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum()
    }

    /// Its priority, 0 as a rule; more is behind.
    pub(crate) fn nice(pid: u32) -> i64 {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    /// Hundredths of a second: longer than a worker takes to start.
    const LONGER_THAN_A_START: u64 = if cfg!(debug_assertions) { 50 } else { 15 };

    /// Waits until one of `pid`'s children has worked for longer than it takes one to start, which spare ones do
    /// meanwhile. Answers which.
    pub(crate) fn busy_child(pid: u32) -> u32 {
        let mut before = BTreeMap::new();
        let mut found = None;
        until("a worker works", || {
            found = children(pid)
                .into_iter()
                .find(|child| ticks(*child) > *before.entry(*child).or_insert(ticks(*child)) + LONGER_THAN_A_START);
            found.is_some()
        });
        found.unwrap()
    }

    pub(crate) fn kill(pid: u32) {
        let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success();
        assert!(killed || !is_alive(pid), "{pid} could not be killed");
    }

    /// Has it stand still, as if it worked for ever.
    pub(crate) fn pause(pid: u32) {
        assert!(Command::new("kill").args(["-STOP", &pid.to_string()]).status().unwrap().success());
    }

    /// Asks it to stop.
    pub(crate) fn terminate(pid: u32) {
        assert!(Command::new("kill").arg(pid.to_string()).status().unwrap().success());
    }

    pub(crate) fn is_alive(pid: u32) -> bool {
        fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| stat.rsplit_once(')').is_some_and(|(_, fields)| !fields.trim_start().starts_with('Z')))
    }
}
