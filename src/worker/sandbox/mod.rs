//! What the operating system holds a worker to. It is put up before DuckDB opens, a thread starts or a file is touched.

#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod syscalls;
#[cfg(test)]
mod tests;

use crate::{
    fault::{Code, Fault},
    worker::task::Confinement,
};

/// Something that this system does not hold a worker to.
struct Gap {
    what: String,
    /// Whether `--sandbox=require` refuses to run like this; what another part of the sandbox does as well is not vital.
    is_vital: bool,
}

/// Confines this process for good. Answers in words what is missing; fails where that is vital and the sandbox required.
pub(super) fn confine(confinement: &Confinement) -> Result<Vec<String>, Fault> {
    #[cfg(unix)]
    limit(confinement)?;
    let gaps = put_up(confinement)?;
    let missing: Vec<String> = gaps.iter().map(|gap| gap.what.clone()).collect();
    if confinement.requires_sandbox && gaps.iter().any(|gap| gap.is_vital) {
        let message = format!("the sandbox is required and not whole: {}", missing.join("; "));
        return Err(Fault::new(Code::WorkerCrashed, message)
            .hint("run Quire on Linux 6.2 or newer with Landlock and seccomp, or without `--sandbox=require`"));
    }
    Ok(missing)
}

/// The number of processes is not limited, since it counts all of a user's, threads too: the filter of system calls lets
/// a worker begin none.
#[cfg(unix)]
fn limit(confinement: &Confinement) -> Result<(), Fault> {
    use rlimit::Resource;

    // Twice DuckDB's own limit turns most memory bombs into errors that it reports itself.
    let address_space = confinement.budget.memory_bytes.saturating_mul(2).saturating_add(MAPPED_BYTES);
    let (_, hard) = Resource::AS.get().map_err(Fault::internal)?;
    // macOS has the limit and does not keep it: a refusal there is not ours to mend.
    let limited = Resource::AS.set(address_space.min(hard), address_space.min(hard));
    if cfg!(target_os = "linux") {
        limited.map_err(Fault::internal)?;
    }
    for (resource, most) in [
        // A core file would hold cells.
        (Resource::CORE, 0),
        (Resource::FSIZE, confinement.file_bytes),
        // A query over many sheets has a file of each open.
        (Resource::NOFILE, MAX_FILES),
        // None for a warm worker, over whose life it would add up.
        (Resource::CPU, confinement.cpu_seconds.unwrap_or(u64::MAX)),
    ] {
        let (_, hard) = resource.get().map_err(Fault::internal)?;
        resource.set(most.min(hard), most.min(hard)).map_err(Fault::internal)?;
    }
    Ok(())
}

/// Libraries, stacks and what the allocator reserves beside what it uses.
#[cfg(unix)]
const MAPPED_BYTES: u64 = 1 << 30;
#[cfg(unix)]
const MAX_FILES: u64 = 4_096;

/// The order matters: the filter refuses what the steps before it need.
#[cfg(target_os = "linux")]
fn put_up(confinement: &Confinement) -> Result<Vec<Gap>, Fault> {
    process::detach()?;
    let mut gaps = files::restrict(&confinement.reads, &confinement.writes)?;
    gaps.extend(syscalls::filter());
    Ok(gaps)
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "the Linux twin can fail")]
fn put_up(_confinement: &Confinement) -> Result<Vec<Gap>, Fault> {
    let what = "a sandbox of the operating system (Landlock and seccomp are Linux's)".to_owned();
    Ok(vec![Gap { what, is_vital: true }])
}
