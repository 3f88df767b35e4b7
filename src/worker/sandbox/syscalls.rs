//! The filter of system calls: what neither DuckDB, a file parser nor the C library needs, and an attacker would.
//!
//! Refused with `EPERM` is what a library might try and can do without; what only an attack calls ends the process.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Width, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

use super::Gap;

/// Refused: talking, beginning processes, reaching others, and changing of files what Landlock does not rule over.
const REFUSED: &[i64] = &[
    // Sockets and other ways to talk.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    libc::SYS_memfd_create,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    // Other processes. `tgkill` is below: `abort` needs it.
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_setrlimit,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // An allocator may try it on itself.
    libc::SYS_process_madvise,
    libc::SYS_setpgid,
    libc::SYS_setsid,
    // Rights, owners, times and attributes of files.
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_mknodat,
    libc::SYS_chroot,
    // Identity.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    libc::SYS_personality,
];

/// Fatal: other programs, other processes' memory, new namespaces and mounts, and the kernel's own workings.
const FATAL: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_memfd_secret,
];

/// The older names that x86-64 alone has kept.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_mknod,
    libc::SYS_inotify_init,
];
#[cfg(target_arch = "x86_64")]
const FATAL_HERE: &[i64] =
    &[libc::SYS_kexec_file_load, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[i64] = &[];
#[cfg(not(target_arch = "x86_64"))]
const FATAL_HERE: &[i64] = &[];

/// On x86-64 the same kernel entry takes calls of the x32 kind, by other numbers: all of these, and 512 to 547.
#[cfg(target_arch = "x86_64")]
const X32: Option<i64> = Some(0x4000_0000);
#[cfg(not(target_arch = "x86_64"))]
const X32: Option<i64> = None;

/// From here on a call has the same number on every machine. What is not in `LATER` is answered as by a kernel that is
/// older than the call, also what has not been thought of yet.
const COMMON_NUMBERS: std::ops::RangeInclusive<i64> = 424..=1_023;
/// Of these, what libraries may use: it reaches no further than the older call that it improves.
const LATER: &[i64] =
    &[libc::SYS_close_range, libc::SYS_openat2, libc::SYS_faccessat2, libc::SYS_epoll_pwait2, libc::SYS_futex_waitv];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Binds this thread and those that it starts, for good. Answers the gap where the kernel has no filters.
pub(super) fn filter() -> Option<Gap> {
    let applied = programs().map_err(|error| error.to_string()).and_then(|programs| {
        programs.iter().try_for_each(|program| apply_filter(program).map_err(|error| error.to_string()))
    });
    let error = applied.err()?;
    Some(Gap { what: format!("system calls are not filtered: {error}"), is_vital: true })
}

/// One program for each answer; of several the strictest answer counts.
fn programs() -> Result<Vec<BpfProgram>, BackendError> {
    let eperm = errno(libc::EPERM);
    // `clone3` has its flags behind a pointer, where no filter looks; told that there is none, libraries use `clone`.
    let absent = COMMON_NUMBERS.filter(|call| !LATER.contains(call)).map(|call| (call, Vec::new())).collect();
    [
        (absent, SeccompAction::Errno(errno(libc::ENOSYS))),
        (always(REFUSED, REFUSED_HERE), SeccompAction::Errno(eperm)),
        (sometimes()?, SeccompAction::Errno(eperm)),
        (always(FATAL, FATAL_HERE), SeccompAction::KillProcess),
        (x32(), SeccompAction::KillProcess),
    ]
    .into_iter()
    .filter(|(rules, _)| !rules.is_empty())
    .map(|(rules, action)| {
        let arch = std::env::consts::ARCH.try_into()?;
        SeccompFilter::new(rules, SeccompAction::Allow, action, arch)?.try_into()
    })
    .collect()
}

fn always(everywhere: &[i64], here: &[i64]) -> Rules {
    everywhere.iter().chain(here).map(|call| (*call, Vec::new())).collect()
}

fn x32() -> Rules {
    let Some(bit) = X32 else { return Rules::new() };
    let all = REFUSED.iter().chain(REFUSED_HERE).chain(FATAL).chain(FATAL_HERE).copied();
    let more =
        [libc::SYS_clone, libc::SYS_prctl, libc::SYS_prlimit64, libc::SYS_tgkill, libc::SYS_mmap, libc::SYS_mprotect];
    all.chain(more)
        .chain([libc::SYS_pkey_mprotect, libc::SYS_ioctl])
        .chain(COMMON_NUMBERS.take(60))
        .chain(512..=547)
        .map(|call| (call | bit, Vec::new()))
        .collect()
}

/// What depends on its arguments.
fn sometimes() -> Result<Rules, BackendError> {
    let own = u64::from(std::process::id());
    let is = |argument, option: i32| one(argument, Op::Eq, u64::try_from(option).unwrap_or(u64::MAX));
    // A process rather than a thread, or a thread in a namespace of its own.
    let mut cloned = vec![one(0, Op::MaskedEq(flag(libc::CLONE_THREAD)), 0)?];
    for namespace in [
        libc::CLONE_NEWNS,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
    ] {
        cloned.push(one(0, Op::MaskedEq(flag(namespace)), flag(namespace))?);
    }
    // What would take back what `process` has done.
    let undone = [libc::PR_SET_PDEATHSIG, libc::PR_SET_DUMPABLE, libc::PR_SET_SECUREBITS, libc::PR_SET_MM];
    let undone = undone.into_iter().map(|option| is(0, option)).collect::<Result<Vec<_>, _>>()?;
    // All code is loaded by now: what becomes code later is an attacker's.
    let made_code = vec![one(2, Op::MaskedEq(flag(libc::PROT_EXEC)), flag(libc::PROT_EXEC))?];
    Ok(Rules::from([
        (libc::SYS_mmap, made_code.clone()),
        (libc::SYS_mprotect, made_code.clone()),
        (libc::SYS_pkey_mprotect, made_code),
        (libc::SYS_clone, cloned),
        (libc::SYS_prctl, undone),
        // Others' limits, and more for itself, as root might.
        (libc::SYS_prlimit64, vec![one(0, Op::Ne, 0)?, pointer(2)?]),
        (libc::SYS_tgkill, vec![one(0, Op::Ne, own)?]),
        // Typing into the terminal that Quire was started from.
        (libc::SYS_ioctl, vec![one(1, Op::Eq, libc::TIOCSTI)?, one(1, Op::Eq, libc::TIOCLINUX)?]),
    ]))
}

fn one(argument: u8, op: Op, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, Width::Dword, op, value)?])
}

/// A pointer that is not null.
fn pointer(argument: u8) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, Width::Qword, Op::Ne, 0)?])
}

fn flag(flag: i32) -> u64 {
    // `CLONE_IO` and above would be negative; none of them is asked for.
    u64::try_from(flag).unwrap_or_default()
}

fn errno(code: i32) -> u32 {
    u32::try_from(code).unwrap_or_default()
}
