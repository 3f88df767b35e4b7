//! What the operating system holds a worker to. It is applied before DuckDB opens and before a file is touched.

use crate::{fault::Fault, worker::task::Confinement};

/// Confines this process for good.
#[cfg(unix)]
pub(super) fn confine(confinement: &Confinement) -> Result<(), Fault> {
    use rlimit::Resource;

    // Twice DuckDB's own limit turns most memory bombs into errors that it reports itself.
    let address_space = confinement.budget.memory_bytes.saturating_mul(2).saturating_add(MAPPED_BYTES);
    // macOS has the limit and does not keep it: a refusal there is not ours to mend.
    let limited = Resource::AS.set(address_space, address_space);
    if cfg!(target_os = "linux") {
        limited.map_err(Fault::internal)?;
    }
    // A core file would hold cells.
    Resource::CORE.set(0, 0).map_err(Fault::internal)
}

/// Libraries, stacks and what the allocator reserves beside what it uses.
#[cfg(unix)]
const MAPPED_BYTES: u64 = 1 << 30;

/// Confines this process for good.
#[cfg(not(unix))]
pub(super) fn confine(_confinement: &Confinement) -> Result<(), Fault> {
    Ok(())
}
