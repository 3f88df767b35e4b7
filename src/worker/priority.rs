//! Who gets a core first: a worker whose call takes long gives way to the short calls of others.
//!
//! The server lowers its workers from outside, so that the sandbox needs no hole for it.

#[cfg(target_os = "linux")]
use rustix::{io::Errno, thread::Pid};

/// Puts all threads of the worker behind those of others. Threads that they start later are behind as well.
#[cfg(target_os = "linux")]
pub(super) fn lower(pid: u32) -> bool {
    // Twice, for threads that were started during the first pass.
    (0..2).all(|_| set(pid, BEHIND))
}

/// Puts the calling thread there, and with it the processes that it starts.
#[cfg(target_os = "linux")]
pub(super) fn lower_this_thread() -> bool {
    put(rustix::thread::gettid(), BEHIND).is_ok()
}

/// Takes `lower` back. Fails without the right to, which is root's or `RLIMIT_NICE` gives.
#[cfg(target_os = "linux")]
pub(super) fn raise(pid: u32) -> bool {
    own().is_some_and(|own| set(pid, own))
}

/// Whether `raise` would work, tried on a thread of this process.
#[cfg(target_os = "linux")]
pub(super) fn can_raise() -> bool {
    let tried = std::thread::spawn(|| {
        let itself = Some(rustix::thread::gettid());
        let Some(own) = own() else { return false };
        let step = own.saturating_add(1).min(BEHIND);
        let lowered = rustix::process::setpriority_process(itself, step);
        lowered.and_then(|()| rustix::process::setpriority_process(itself, own)).is_ok()
    });
    tried.join().unwrap_or(false)
}

/// A tenth of what another gets: enough to go on with beside whatever else the machine does.
#[cfg(target_os = "linux")]
const BEHIND: i32 = 10;

/// That of the server, which is what its workers began with.
#[cfg(target_os = "linux")]
fn own() -> Option<i32> {
    rustix::process::getpriority_process(rustix::process::Pid::from_raw(i32::try_from(std::process::id()).ok()?)).ok()
}

#[cfg(target_os = "linux")]
fn set(pid: u32, priority: i32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return false };
    let ids = threads.flatten().filter_map(|thread| thread.file_name().to_str()?.parse().ok());
    // One that has ended meanwhile needs nothing.
    let is_set = |id: i32| match Pid::from_raw(id).map(|id| put(id, priority)) {
        None | Some(Ok(()) | Err(Errno::SRCH)) => true,
        Some(Err(_)) => false,
    };
    // All are tried, also after one that can't be set.
    ids.filter(|id| !is_set(*id)).count() == 0
}

/// Gives a thread a priority. One that is behind also gets a long slice: since Linux 6.12, whoever wakes up with a shorter
/// one, which is the usual one, need not wait for its end.
#[cfg(target_os = "linux")]
fn put(thread: Pid, priority: i32) -> rustix::io::Result<()> {
    rustix::process::setpriority_process(Some(thread), priority)?;
    let is_behind = priority >= BEHIND;
    let attributes = Attributes {
        size: u32::try_from(size_of::<Attributes>()).unwrap_or_default(),
        nice: priority,
        // In nanoseconds, the most there is; 0 is the usual one.
        slice: if is_behind { 100_000_000 } else { 0 },
        ..Attributes::default()
    };
    #[expect(unsafe_code, reason = "there is no safe wrapper")]
    // SAFETY: the kernel reads as many bytes as the struct says it has.
    let answer = unsafe {
        libc::syscall(libc::SYS_sched_setattr, thread.as_raw_nonzero().get(), std::ptr::from_ref(&attributes), 0_u32)
    };
    // An older kernel has no such slices, which makes no difference to the priority.
    let _ = answer;
    Ok(())
}

/// The kernel's `struct sched_attr` in its first form, of a thread with the usual policy (0).
#[cfg(target_os = "linux")]
#[derive(Default)]
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    real_time_priority: u32,
    slice: u64,
    deadline: u64,
    period: u64,
}

#[cfg(not(target_os = "linux"))]
pub(super) fn lower_this_thread() -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn lower(_pid: u32) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn raise(_pid: u32) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn can_raise() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_thread_of_a_process_is_lowered() {
        let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
        assert!(lower(child.id()));
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap());
        assert_eq!(rustix::process::getpriority_process(pid).unwrap(), BEHIND);
        assert_eq!(raise(child.id()), can_raise());
        assert_eq!(rustix::process::getpriority_process(pid).ok() == own(), can_raise());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
