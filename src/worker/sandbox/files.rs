//! Landlock: which files a worker may open, and that it may neither use TCP nor signal others.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, Scope, make_bitflags,
};

use super::Gap;
use crate::fault::Fault;

/// DuckDB aborts when it finds these and can't read them.
const SYSTEM: &[&str] = &["/proc/self/cgroup", "/sys/fs/cgroup"];

/// Binds this thread and those that it starts. Answers what the kernel can't do of it.
pub(super) fn restrict(reads: &[PathBuf], writes: &[PathBuf]) -> Result<Vec<Gap>, Fault> {
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V5))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V4)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .map_err(Fault::internal)?;
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let write =
        read | make_bitflags!(AccessFs::{WriteFile | Truncate | MakeReg | MakeDir | RemoveFile | RemoveDir | Refer});
    let folders = reads.iter().chain(writes).filter(|path| path.is_dir());
    let system = SYSTEM.iter().map(Path::new).filter(|path| path.exists());
    let allowed = system
        .chain(reads.iter().map(PathBuf::as_path))
        .map(|path| (path, read))
        .chain(writes.iter().map(|path| (path.as_path(), write)))
        .chain(folders.flat_map(|path| listed(path)).map(|path| (path, AccessFs::ReadDir.into())));
    for (path, access) in allowed {
        let access: BitFlags<AccessFs> = if path.is_dir() { access } else { AccessFs::ReadFile.into() };
        // What is gone can't be opened: whoever needs it says so in better words.
        let Ok(file) = PathFd::new(path) else { continue };
        rules = rules.add_rule(PathBeneath::new(file, access)).map_err(Fault::internal)?;
    }
    let status = rules.restrict_self().map_err(Fault::internal)?;
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled => return Ok(without("Landlock is off in this kernel (`lsm=` at boot)")),
        LandlockStatus::NotImplemented => {
            return Ok(without("this kernel has no Landlock, which Linux has from 5.13 on"));
        }
    };
    let since = [
        (ABI::V3, "6.2", "files outside can be truncated", true),
        (ABI::V4, "6.7", "TCP is refused by the filter of system calls alone", false),
        (ABI::V6, "6.12", "signals and sockets are refused by the filter of system calls alone", false),
    ];
    let lacking = since.into_iter().filter(|(needed, ..)| abi < *needed);
    Ok(lacking
        .map(|(_, kernel, what, is_vital)| Gap { what: format!("{what}: Landlock before Linux {kernel}"), is_vital })
        .collect())
}

fn without(why: &str) -> Vec<Gap> {
    vec![Gap { what: format!("files of this user account can be opened: {why}"), is_vital: true }]
}

/// DuckDB takes a path for a pattern, and lists the folder in which a name with such a character stands. So it is with a
/// data folder below such a name: other names beside that can be seen then, and nothing there can be opened.
fn listed(path: &Path) -> Vec<&Path> {
    let is_pattern =
        |path: &&Path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(['[', '*', '?']));
    path.ancestors().filter(is_pattern).filter_map(Path::parent).collect()
}
