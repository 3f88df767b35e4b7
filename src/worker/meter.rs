//! How much memory the workers hold, and how much there is for them.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// What all workers of a process may hold; clones are handles of the same.
#[derive(Clone)]
pub(super) struct Meter {
    total_bytes: u64,
    share_bytes: u64,
    /// By process id, as it was when each was looked at last.
    held: Arc<Mutex<HashMap<u32, u64>>>,
}

/// One worker on the meter, for as long as it lives.
pub(super) struct Metered {
    meter: Meter,
    pid: u32,
}

impl Meter {
    pub(super) fn new(total_bytes: u64, share_bytes: u64) -> Meter {
        Meter { total_bytes, share_bytes, held: Arc::default() }
    }

    pub(super) fn on(&self, pid: u32) -> Metered {
        Metered { meter: self.clone(), pid }
    }
}

impl Metered {
    /// Looks how much the worker holds now. Answers whether it is to end: all together hold more than they may, and it
    /// holds more than its share, and most of all.
    pub(super) fn is_to_end(&self) -> bool {
        let Some(n_bytes) = held_by(self.pid) else { return false };
        let mut held = self.meter.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert(self.pid, n_bytes);
        let all: u64 = held.values().sum();
        let most = held.values().max().copied().unwrap_or_default();
        all > self.meter.total_bytes && n_bytes > self.meter.share_bytes && n_bytes == most
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.meter.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.pid);
    }
}

/// Bytes of memory that are the process's own; none where the system does not say.
fn held_by(pid: u32) -> Option<u64> {
    line(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "RssAnon:")
}

/// Bytes that this process and those that it starts may hold: the machine's, or what its control group leaves of them.
/// None where the system does not say.
pub fn of_machine() -> Option<u64> {
    let machine = line(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().flat_map(|group| limits_of(Path::new("/sys/fs/cgroup"), group));
    Some(limits.fold(machine, u64::min))
}

/// The limits of a control group, a line of `/proc/self/cgroup`, and of those that it is in.
fn limits_of(root: &Path, group: &str) -> Vec<u64> {
    let mut parts = group.splitn(3, ':').skip(1);
    let (Some(kinds), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (root, file) = match kinds {
        "" => (root.to_owned(), "memory.max"),
        _ if kinds.split(',').any(|kind| kind == "memory") => (root.join("memory"), "memory.limit_in_bytes"),
        _ => return Vec::new(),
    };
    // In a container the group itself is where the root seems to be.
    let folders = Path::new(path.trim_start_matches('/')).ancestors();
    folders.filter_map(|folder| fs::read_to_string(root.join(folder).join(file)).ok()?.trim().parse().ok()).collect()
}

/// The value of a line such as `RssAnon:  120 kB`, in bytes.
fn line(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_control_groups_count_up_to_the_root() {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in [
            ("memory.max", "max\n"),
            ("a/memory.max", "4096\n"),
            ("a/b/memory.max", "8192\n"),
            ("memory/c/memory.limit_in_bytes", "512\n"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        for (group, expected) in [
            ("0::/a/b", vec![8192, 4096]),
            ("0::/", vec![]),
            ("0::/elsewhere", vec![]),
            ("4:memory:/c", vec![512]),
            ("2:cpu,cpuacct:/c", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(limits_of(root.path(), group), expected, "{group}");
        }
    }

    #[test]
    fn the_one_that_holds_most_above_its_share_is_to_end() {
        let meter = Meter::new(100, 50);
        // A worker elsewhere, as it was seen.
        meter.held.lock().unwrap().insert(u32::MAX, 60);
        let itself = meter.on(std::process::id());
        assert_eq!(itself.is_to_end(), cfg!(target_os = "linux"));
        meter.held.lock().unwrap().insert(u32::MAX, u64::MAX / 2);
        assert!(!itself.is_to_end());
        drop(itself);
        assert_eq!(meter.held.lock().unwrap().len(), 1);
    }
}
