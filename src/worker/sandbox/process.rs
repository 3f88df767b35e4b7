//! What a worker inherits and lets others see: descriptors, the server's end, its own memory.

use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal};

use crate::fault::Fault;

/// Closes all but the three pipes, ends with the server, and lets no process of the same user look inside.
pub(super) fn detach() -> Result<(), Fault> {
    close_inherited()?;
    // It fires when the thread that started this process ends: the server starts workers from threads that stay. Should
    // the server be gone already, the end of standard input says so.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(Fault::internal)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(Fault::internal)?;
    // Past RLIMIT_FSIZE a write fails then, and says so, rather than end the process.
    #[expect(unsafe_code, reason = "std can't ignore a signal; no handler of ours is involved")]
    // SAFETY: `SIG_IGN` runs no code of this process.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    Ok(())
}

/// Descriptors that whoever started the server left open without close-on-exec.
fn close_inherited() -> Result<(), Fault> {
    #[expect(unsafe_code, reason = "std can't close a range of descriptors")]
    // SAFETY: this process has one thread, which has opened nothing: no descriptor above 2 has an owner.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if closed == 0 {
        return Ok(());
    }
    // Before Linux 5.9.
    let open = std::fs::read_dir("/proc/self/fd").map_err(Fault::internal)?;
    let open: Vec<i32> = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|it| *it > 2) {
        #[expect(unsafe_code, reason = "std can't close a descriptor by its number")]
        // SAFETY: as above; that of the listing is closed already, which is an error without consequence.
        unsafe {
            libc::close(descriptor);
        }
    }
    Ok(())
}
