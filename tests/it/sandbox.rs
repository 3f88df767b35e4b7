//! The operating system's sandbox as it shows from outside, in `/proc`. What it forbids is tried beside its source.

#![cfg(target_os = "linux")]

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
};

use serde_json::json;

use crate::harness::{Bench, Client, Era, process::linux::children};

/// Each thread has to have it: a thread that is older than the sandbox would not.
#[track_caller]
fn check_confined(worker: u32) {
    for thread in fs::read_dir(format!("/proc/{worker}/task")).unwrap().flatten() {
        let Ok(status) = fs::read_to_string(thread.path().join("status")) else { continue };
        for line in ["Seccomp:\t2", "NoNewPrivs:\t1"] {
            assert!(status.contains(line), "no `{line}` in\n{status}");
        }
    }
    let limits = fs::read_to_string(format!("/proc/{worker}/limits")).unwrap();
    let hard = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().rev().nth(1).unwrap().to_owned()
    };
    assert_eq!(hard("Max core file size"), "0");
    for name in ["Max address space", "Max file size"] {
        assert_ne!(hard(name), "unlimited", "{name}");
    }
    assert!(hard("Max open files").parse::<u64>().unwrap() <= 4_096);
    match fs::read(format!("/proc/{worker}/environ")) {
        Ok(environment) => assert_eq!(environment, b""),
        // Not even its own user may look into it; root may.
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
    }
}

#[test]
fn every_kind_of_worker_is_confined_with_all_its_threads() {
    let rows: String = (0..400_000).map(|i| format!("{i},{},text {i}\n", i % 97)).collect();
    let bench = Bench::new().file("long.csv", format!("id,group,text\n{rows}"));
    let mut client = bench.serve();
    let id = client.request(
        "tools/call",
        json!({"name": "import_file", "arguments": {"path": bench.path("long.csv")}, "_meta": {"progressToken": 1}}),
    );
    client.wait_for(|message| message["method"] == "notifications/progress");
    let workers = children(client.pid());
    assert!(!workers.is_empty());
    // The import's may have ended meanwhile.
    workers.into_iter().filter(|it| fs::metadata(format!("/proc/{it}/task")).is_ok()).for_each(check_confined);
    client.answer(id);
    assert_eq!(client.rows("select count(*) from long"), json!([[400_000]]));
    let workers = children(client.pid());
    assert!(!workers.is_empty());
    workers.into_iter().for_each(check_confined);
}

#[test]
fn a_worker_inherits_no_file_that_its_servers_parent_left_open() {
    let bench = Bench::new().file("secret.txt", "");
    let quire = bench.command(&["stdio"]);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg("exec 9<\"$0\"; exec \"$@\"").arg(bench.path("secret.txt")).arg(quire.get_program());
    shell.args(quire.get_args());
    let mut client = Client::of(&bench, &mut shell, Era::November2025);
    client.greet();
    assert_eq!(client.rows("select 1"), json!([[1]]));
    let open = |pid: u32| -> io::Result<Vec<std::path::PathBuf>> {
        let entries = fs::read_dir(format!("/proc/{pid}/fd"))?;
        Ok(entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect())
    };
    assert!(open(client.pid()).unwrap().contains(&bench.path("secret.txt")), "the server has it");
    let workers = children(client.pid());
    assert!(!workers.is_empty());
    for worker in workers {
        match open(worker) {
            Ok(files) => {
                assert!(files.len() >= 3, "{files:?}");
                assert!(files.iter().all(|file| is_a_workers(file)), "{files:?}");
            }
            // It is not dumpable: only root may look.
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}"),
        }
    }
}

/// Its three pipes, and what DuckDB watches its memory by.
fn is_a_workers(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name.starts_with("pipe:") || name.starts_with("/sys/fs/cgroup") || name.starts_with("/proc/")
}

#[test]
fn where_the_sandbox_is_whole_it_can_be_required() {
    let bench = Bench::new().file("t.csv", "a\n1\n");
    let line = sandbox_line(&bench);
    if !line.contains("sandbox: whole") {
        assert!(line.contains("missing here: ") && !has_landlock(), "{line}");
        let _ = writeln!(io::stderr(), "NOT TRIED: this kernel has no whole sandbox: {line}");
        return;
    }
    for command in [&["call", "query", "{\"sql\": \"select 1\"}"][..], &["stdio"], &["inspect", "$FILES/t.csv"]] {
        let ended = bench.run(&[command, &["--sandbox", "require"]].concat());
        assert_eq!(ended.code, Some(0), "{command:?}: {}", ended.err);
    }
}

#[test]
fn where_landlock_is_missing_the_doctor_says_so_and_require_runs_nothing() {
    hide_landlock();
    let bench = Bench::new().file("t.csv", "a\n1\n");
    let line = sandbox_line(&bench);
    assert!(line.contains("missing here: files of this user account can be opened"), "{line}");
    for command in [&["call", "query", "{\"sql\": \"select 1\"}"][..], &["stdio"], &["inspect", "$FILES/t.csv"]] {
        let ended = bench.run(command);
        assert_eq!(ended.code, Some(0), "{command:?}: {}", ended.err);
        let ended = bench.run(&[command, &["--sandbox", "require"]].concat());
        assert_ne!(ended.code, Some(0), "{command:?}");
        assert!(ended.err.contains("the sandbox is required and not whole"), "{command:?}: {}", ended.err);
    }
}

/// The kernel's own word for it, not ours.
fn has_landlock() -> bool {
    use landlock::{Access, AccessFs, LandlockStatus, Ruleset, RulesetAttr};

    let tried = std::thread::spawn(|| {
        let rules = Ruleset::default().handle_access(AccessFs::from_all(landlock::ABI::V1)).unwrap();
        rules.create().unwrap().restrict_self().unwrap().landlock
    });
    matches!(tried.join().unwrap(), LandlockStatus::Available { .. })
}

fn sandbox_line(bench: &Bench) -> String {
    let ended = bench.run(&["doctor"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended.out.lines().find(|line| line.contains("sandbox: ")).unwrap().to_owned()
}

/// Makes the kernel look like one without Landlock, to this thread and the processes that it starts.
fn hide_landlock() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    let rules = [(libc::SYS_landlock_create_ruleset, Vec::new())].into();
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, absent, arch).unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
}
