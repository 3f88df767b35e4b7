//! Tries from inside what the sandbox forbids, each in a process of its own: this test binary again.

#![cfg(target_os = "linux")]

use std::{
    fs,
    io::{self, Write as _},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus},
    thread,
};

use rlimit::Resource;

use super::confine;
use crate::{engine::Budget, worker::task::Confinement};

/// Tells the process what to try, and where; in the parent it is not set.
const ATTEMPT: &str = "QUIRE_TEST_ATTEMPT";
const FOLDER: &str = "QUIRE_TEST_FOLDER";
const ITSELF: &str = "worker::sandbox::tests::inside_the_sandbox_only_a_workers_own_work_can_be_done";
/// How a process ends that could do what it tried; else it ends with the error's number, or by a signal.
const DONE: i32 = 200;
const SIGSYS: i32 = libc::SIGSYS;

#[derive(Debug, PartialEq, Eq)]
enum End {
    Done,
    Error(i32),
    Killed(i32),
}

#[test]
fn inside_the_sandbox_only_a_workers_own_work_can_be_done() {
    if let (Some(attempt), Some(folder)) = (given(ATTEMPT), given(FOLDER)) {
        make(&attempt, Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["versions", "scratch", "outside"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("file"), "cells").unwrap();
    }
    let has_landlock = end_of("is_whole", folder.path()) == End::Done;
    if !has_landlock {
        // The kernel's own word for it, not ours: the version of Landlock, asked by a flag.
        assert!(
            call(libc::SYS_landlock_create_ruleset, [0, 0, 1]).is_err(),
            "there is Landlock, and the sandbox is not whole"
        );
        let _ = writeln!(io::stderr(), "NOT TRIED: opening files, since this kernel has no Landlock");
    }
    let mut wrong = Vec::new();
    for (attempt, expected) in [
        ("read_version", End::Done),
        ("write_scratch", End::Done),
        ("rename_in_scratch", End::Done),
        ("thread", End::Done),
        ("signal_itself", End::Done),
        ("read_passwd", End::Error(libc::EACCES)),
        ("read_environ_of_parent", End::Error(libc::EACCES)),
        ("list_root", End::Error(libc::EACCES)),
        ("read_outside", End::Error(libc::EACCES)),
        ("write_outside", End::Error(libc::EACCES)),
        ("truncate_outside", End::Error(libc::EACCES)),
        ("remove_outside", End::Error(libc::EACCES)),
        ("write_version", End::Error(libc::EACCES)),
        ("remove_version", End::Error(libc::EACCES)),
        ("write_own_memory", End::Error(libc::EACCES)),
        ("read_memory_file_of_parent", End::Error(libc::EACCES)),
        ("symlink_in_scratch", End::Error(libc::EACCES)),
        ("write_cgroup", End::Error(libc::EACCES)),
        ("too_large_a_file", End::Error(libc::EFBIG)),
        ("chmod", End::Error(libc::EPERM)),
        ("socket", End::Error(libc::EPERM)),
        ("unix_socket", End::Error(libc::EPERM)),
        ("fork", End::Error(libc::EPERM)),
        ("thread_in_a_namespace", End::Error(libc::EPERM)),
        ("clone3", End::Error(libc::ENOSYS)),
        ("kill_parent", End::Error(libc::EPERM)),
        ("tgkill_parent", End::Error(libc::EPERM)),
        ("limit_parent", End::Error(libc::EPERM)),
        ("be_dumpable", End::Error(libc::EPERM)),
        ("shared_memory", End::Error(libc::EPERM)),
        ("map_code", End::Error(libc::EPERM)),
        ("later_kernels_call", End::Error(libc::ENOSYS)),
        ("more_cpu_time", End::Error(libc::EPERM)),
        ("exec", End::Killed(SIGSYS)),
        ("ptrace", End::Killed(SIGSYS)),
        ("read_memory_of_parent", End::Killed(SIGSYS)),
        ("unshare", End::Killed(SIGSYS)),
        ("mount", End::Killed(SIGSYS)),
        ("bpf", End::Killed(SIGSYS)),
        ("perf", End::Killed(SIGSYS)),
        ("keyctl", End::Killed(SIGSYS)),
        ("userfaultfd", End::Killed(SIGSYS)),
        ("io_uring", End::Killed(SIGSYS)),
        #[cfg(target_arch = "x86_64")]
        ("socket_by_x32", End::Killed(SIGSYS)),
        ("require_without_landlock", End::Error(1)),
        ("auto_without_landlock", End::Done),
    ] {
        if !has_landlock && expected == End::Error(libc::EACCES) {
            continue;
        }
        let end = end_of(attempt, folder.path());
        if end != expected {
            wrong.push(format!("{attempt}: {end:?}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in ["versions", "outside"] {
        assert_eq!(fs::read_to_string(folder.path().join(name).join("file")).unwrap(), "cells");
    }
}

fn end_of(attempt: &str, folder: &Path) -> End {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", ITSELF, "--nocapture"]).env(ATTEMPT, attempt).env(FOLDER, folder);
    let status: ExitStatus = command.output().unwrap().status;
    match (status.signal(), status.code()) {
        (Some(signal), _) => End::Killed(signal),
        (None, Some(DONE)) => End::Done,
        (None, code) => End::Error(code.unwrap_or_default()),
    }
}

fn confinement(folder: &Path, requires_sandbox: bool) -> Confinement {
    Confinement {
        budget: Budget { memory_bytes: 1 << 30, threads: 1 },
        reads: vec![folder.join("versions")],
        writes: vec![folder.join("scratch")],
        folders: Vec::new(),
        file_bytes: 1 << 20,
        cpu_seconds: Some(100),
        requires_sandbox,
        warm: false,
    }
}

/// Confines this process, tries, and ends.
fn make(attempt: &str, folder: &Path) -> ! {
    if attempt.ends_with("_without_landlock") {
        hide_landlock();
        let confined = confine(&confinement(folder, attempt.starts_with("require")));
        let is_said = confined.as_ref().is_ok_and(|missing| missing.iter().any(|gap| gap.contains("Landlock")));
        end(if is_said { DONE } else { i32::from(confined.is_err()) });
    }
    let missing = confine(&confinement(folder, false)).unwrap();
    let outside = folder.join("outside/file");
    let version = folder.join("versions/file");
    let scratch = folder.join("scratch");
    let parent = i64::from(std::os::unix::process::parent_id());
    let itself = i64::from(std::process::id());
    let outcome = match attempt {
        "is_whole" => end(if missing.is_empty() { DONE } else { 1 }),
        "read_version" => fs::read(version).map(drop),
        "write_scratch" => fs::write(scratch.join("new"), "x"),
        "rename_in_scratch" => fs::rename(scratch.join("new"), scratch.join("renamed")),
        "thread" => thread::Builder::new().spawn(|| ()).map(|it| it.join().unwrap()),
        "signal_itself" => call(libc::SYS_tgkill, [itself, itself, 0]),
        "read_passwd" => fs::read("/etc/passwd").map(drop),
        "read_environ_of_parent" => fs::read(format!("/proc/{parent}/environ")).map(drop),
        "list_root" => fs::read_dir("/").map(drop),
        "read_outside" => fs::read(outside).map(drop),
        "write_outside" => fs::write(folder.join("outside/new"), "x"),
        "truncate_outside" => fs::OpenOptions::new().write(true).truncate(true).open(outside).map(drop),
        "remove_outside" => fs::remove_file(outside),
        "write_version" => fs::write(version, "x"),
        "remove_version" => fs::remove_file(version),
        "write_own_memory" => fs::OpenOptions::new().write(true).open("/proc/self/mem").map(drop),
        "read_memory_file_of_parent" => fs::File::open(format!("/proc/{parent}/mem")).map(drop),
        "symlink_in_scratch" => std::os::unix::fs::symlink("/etc/passwd", scratch.join("link")),
        "write_cgroup" => fs::OpenOptions::new().write(true).open("/proc/self/cgroup").map(drop),
        "too_large_a_file" => fs::File::create(scratch.join("large")).and_then(|file| file.set_len(2 << 20)),
        "chmod" => fs::set_permissions(outside, std::os::unix::fs::PermissionsExt::from_mode(0o777)),
        "socket" => call(libc::SYS_socket, [2, 1, 0]),
        "unix_socket" => call(libc::SYS_socket, [1, 1, 0]),
        "fork" => call(libc::SYS_clone, [libc::SIGCHLD.into(), 0, 0]),
        "thread_in_a_namespace" => call(libc::SYS_clone, [i64::from(libc::CLONE_THREAD | libc::CLONE_NEWUSER), 0, 0]),
        "clone3" => call(libc::SYS_clone3, [0, 0, 0]),
        "kill_parent" => call(libc::SYS_kill, [parent, 0, 0]),
        "tgkill_parent" => call(libc::SYS_tgkill, [parent, parent, 0]),
        "limit_parent" => call(libc::SYS_prlimit64, [parent, 0, 0]),
        "be_dumpable" => call(libc::SYS_prctl, [libc::PR_SET_DUMPABLE.into(), 1, 0]),
        "shared_memory" => call(libc::SYS_shmget, [1, 4_096, 0o1666]),
        "map_code" => call(libc::SYS_mmap, [0, 4_096, libc::PROT_EXEC.into()]),
        "later_kernels_call" => call(600, [0, 0, 0]),
        "more_cpu_time" => Resource::CPU.get().and_then(|(_, hard)| {
            assert_eq!(hard, 100);
            Resource::CPU.set(hard, hard + 1)
        }),
        "exec" => call(libc::SYS_execve, [0, 0, 0]),
        "ptrace" => call(libc::SYS_ptrace, [16, parent, 0]),
        "read_memory_of_parent" => call(libc::SYS_process_vm_readv, [parent, 0, 0]),
        "unshare" => call(libc::SYS_unshare, [libc::CLONE_NEWUSER.into(), 0, 0]),
        "mount" => call(libc::SYS_mount, [0, 0, 0]),
        "perf" => call(libc::SYS_perf_event_open, [0, 0, 0]),
        "bpf" => call(libc::SYS_bpf, [0, 0, 0]),
        "keyctl" => call(libc::SYS_keyctl, [0, 0, 0]),
        "userfaultfd" => call(libc::SYS_userfaultfd, [0, 0, 0]),
        "io_uring" => call(libc::SYS_io_uring_setup, [1, 0, 0]),
        "socket_by_x32" => call(0x4000_0000 | libc::SYS_socket, [2, 1, 0]),
        other => panic!("no attempt is named {other}"),
    };
    end(outcome.map_or_else(|error| error.raw_os_error().unwrap_or(-1), |()| DONE))
}

#[expect(clippy::exit, reason = "its parent reads the outcome from the code")]
fn end(code: i32) -> ! {
    std::process::exit(code)
}

#[expect(unsafe_code, reason = "what is tried has no safe name, on purpose")]
fn call(number: i64, arguments: [i64; 3]) -> io::Result<()> {
    let [first, second, third] = arguments;
    // SAFETY: every pointer among the arguments is null.
    let answer = unsafe { libc::syscall(number, first, second, third, 0, 0) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes this kernel look like one without Landlock.
fn hide_landlock() {
    let rules = std::collections::BTreeMap::from([(libc::SYS_landlock_create_ruleset, Vec::new())]);
    let absent = seccompiler::SeccompAction::Errno(u32::try_from(libc::ENOSYS).unwrap());
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = seccompiler::SeccompFilter::new(rules, seccompiler::SeccompAction::Allow, absent, arch).unwrap();
    seccompiler::apply_filter(&seccompiler::BpfProgram::try_from(filter).unwrap()).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "how the test tells its child what to do")]
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
