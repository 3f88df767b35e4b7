//! Damaged files in the data folder: noticed, named, worked around, and mended by `quire doctor --repair`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::harness::{Bench, code_of};

/// The version files that are there.
fn version_files(bench: &Bench) -> Vec<PathBuf> {
    let workspaces = fs::read_dir(bench.data_dir().join("workspaces")).unwrap();
    let folders = workspaces.map(|it| it.unwrap().path().join("versions")).filter(|it| it.is_dir());
    folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect::<Vec<_>>()).collect()
}

/// The file that a call made.
fn made_by(bench: &Bench, call: impl FnOnce()) -> PathBuf {
    let before = version_files(bench);
    call();
    version_files(bench).into_iter().find(|file| !before.contains(file)).unwrap()
}

/// Changes a byte in the middle, and not the length.
fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.len() / 3;
    bytes[at] ^= 0x40;
    fs::write(file, bytes).unwrap();
}

fn doctor(bench: &Bench, flags: &[&str]) -> (Option<i32>, Vec<Value>) {
    let args = [&["doctor", "--json"], flags].concat();
    let ended = bench.run(&args);
    (ended.code, serde_json::from_str(&ended.out).unwrap())
}

#[track_caller]
fn said(findings: &[Value], what: &str) -> String {
    let found: Vec<&str> =
        findings.iter().filter(|it| it["what"] == what).map(|it| it["detail"].as_str().unwrap()).collect();
    assert!(!found.is_empty(), "no `{what}` in {findings:?}");
    found.join("\n")
}

const ROWS: &str = "id,name\n1,ada\n2,grace\n3,mary\n";

#[test]
fn a_damaged_sheet_is_named_while_others_work_and_its_file_mends_it() {
    let bench = Bench::new().file("a.csv", ROWS).file("b.csv", "n\n7\n");
    let mut client = bench.serve();
    client.call("import_file", &json!({"path": "$FILES/b.csv"})).unwrap();
    let file = made_by(&bench, || drop(client.call("import_file", &json!({"path": "$FILES/a.csv"})).unwrap()));
    assert_eq!(client.rows("select count(*) from a"), json!([[3]]));
    for damage in [|file: &Path| flip(file), |file: &Path| fs::remove_file(file).unwrap()] {
        damage(&file);
        for (tool, args) in [
            ("query", json!({"sql": "select count(*) from a"})),
            ("preview_rows", json!({"sheet": "a"})),
            ("describe_sheet", json!({"sheet": "a"})),
            ("summarize_sheet", json!({"sheet": "a"})),
            ("export_sheet", json!({"sheets": ["a"], "format": "csv", "path": "$FILES/out.csv"})),
            ("transform_sheet", json!({"sheet": "a", "steps": [{"op": "filter", "expr": "id > 1"}]})),
        ] {
            let fault = client.call(tool, &args).unwrap_err();
            assert_eq!(fault["code"], "sheet_damaged", "{tool}: {fault}");
            assert!(fault["message"].as_str().unwrap().starts_with("the sheet `a` can't be read"), "{tool}: {fault}");
        }
        assert_eq!(client.rows("from b"), json!([[7]]));
        assert!(client.call("list_sheets", &json!({})).is_ok());
        client.call("import_file", &json!({"path": "$FILES/a.csv"})).unwrap();
        assert_eq!(client.rows("select count(*), max(name) from a"), json!([[3, "mary"]]));
    }
}

#[test]
fn a_repair_goes_back_to_the_newest_good_version_and_says_so() {
    let bench = Bench::new().file("a.csv", ROWS).file("b.csv", "n\n7\n");
    let mut client = bench.serve_files();
    let step = |expr: &str| json!({"sheet": "a", "steps": [{"op": "filter", "expr": expr}]});
    client.call("transform_sheet", &step("id > 1")).unwrap();
    let third = made_by(&bench, || drop(client.call("transform_sheet", &step("id > 2")).unwrap()));
    assert_eq!(doctor(&bench, &[]).0, Some(0));
    flip(&third);
    let (code, findings) = doctor(&bench, &[]);
    assert_ne!(code, Some(0));
    let name = third.file_name().unwrap().to_str().unwrap();
    let told = said(&findings, "version file");
    assert!(told.contains(name) && told.contains("`a` version 3 (current)"), "{told}");

    let (code, findings) = doctor(&bench, &["--repair"]);
    assert_eq!(code, Some(0), "{findings:?}");
    let told = said(&findings, "sheet repaired");
    assert!(told.contains("`a` has the rows of version 2 again; lost version 3"), "{told}");
    // The server that ran all the while sees it.
    assert_eq!(client.rows("select name from a order by id"), json!([["grace"], ["mary"]]));
    assert_eq!(client.rows("from b"), json!([[7]]));
    let aside = fs::read_dir(bench.data_dir().join("aside")).unwrap().next().unwrap().unwrap().path();
    let workspace = third.strip_prefix(bench.data_dir()).unwrap();
    assert!(aside.join(workspace).is_file());
    let fault = client.call("restore_version", &json!({"sheet": "a", "version": 3})).unwrap_err();
    assert_eq!(fault["code"], "version_not_found");
    let (code, findings) = doctor(&bench, &[]);
    assert_eq!(code, Some(0), "{findings:?}");
}

#[test]
fn an_old_version_that_is_damaged_is_not_restored() {
    let bench = Bench::new().file("a.csv", ROWS);
    let mut client = bench.serve();
    let first = made_by(&bench, || drop(client.call("import_file", &json!({"path": "$FILES/a.csv"})).unwrap()));
    client.call("transform_sheet", &json!({"sheet": "a", "steps": [{"op": "filter", "expr": "id > 1"}]})).unwrap();
    flip(&first);
    let outcome = client.call("restore_version", &json!({"sheet": "a", "version": 1}));
    assert_eq!(code_of(&outcome), "sheet_damaged", "{outcome:?}");
    assert_eq!(client.rows("select count(*) from a"), json!([[2]]));
}

#[test]
fn a_sheet_with_no_good_version_keeps_its_place_until_its_file_is_imported_again() {
    let bench = Bench::new().file("a.csv", ROWS);
    let mut client = bench.serve();
    let file = made_by(&bench, || drop(client.call("import_file", &json!({"path": "$FILES/a.csv"})).unwrap()));
    fs::remove_file(file).unwrap();
    fs::rename(bench.path("a.csv"), bench.path("moved.csv")).unwrap();
    let (code, findings) = doctor(&bench, &["--repair"]);
    assert_ne!(code, Some(0));
    assert!(said(&findings, "sheet lost").contains("no good version left"), "{findings:?}");
    assert_eq!(code_of(&client.call("query", &json!({"sql": "from a"}))), "sheet_damaged");
    fs::rename(bench.path("moved.csv"), bench.path("a.csv")).unwrap();
    client.call("import_file", &json!({"path": "$FILES/a.csv"})).unwrap();
    assert_eq!(client.rows("select count(*) from a"), json!([[3]]));
}

/// Damages the catalog, finds that out, and repairs it.
#[track_caller]
fn repaired(bench: &Bench, damage: impl FnOnce(&mut Vec<u8>)) -> String {
    let file = bench.data_dir().join("catalog.db");
    let mut bytes = fs::read(&file).unwrap();
    damage(&mut bytes);
    fs::write(&file, bytes).unwrap();
    let (code, findings) = doctor(bench, &[]);
    assert_ne!(code, Some(0), "{findings:?}");
    // What was changed since the copy may be lost, and a script is to know.
    let (code, findings) = doctor(bench, &["--repair"]);
    assert_ne!(code, Some(0), "{findings:?}");
    let (code, after) = doctor(bench, &[]);
    assert_eq!(code, Some(0), "{after:?}");
    said(&findings, "catalog repaired")
}

/// Sheets in a catalog that no process has open, and a copy of it.
fn with_sheets() -> Bench {
    let bench = Bench::new().file("a.csv", ROWS).file("b.csv", "n\n7\n");
    let mut client = bench.serve_files();
    client.call("transform_sheet", &json!({"sheet": "a", "steps": [{"op": "filter", "expr": "id > 1"}]})).unwrap();
    client.close();
    // The mark of the last sweep, if the server came to one: without it the next command that stores something sweeps.
    let _ = fs::remove_file(bench.data_dir().join("workspaces").join("swept"));
    assert_eq!(bench.run(&["import", "$FILES/b.csv"]).code, Some(0));
    bench
}

#[track_caller]
fn check_sheets(bench: &Bench) {
    let mut client = bench.serve();
    assert_eq!(client.rows("select count(*) from a"), json!([[2]]));
    assert_eq!(client.rows("from b"), json!([[7]]));
    client.call("restore_version", &json!({"sheet": "a", "version": 1})).unwrap();
    assert_eq!(client.rows("select count(*) from a"), json!([[3]]));
}

#[test]
fn a_catalog_without_its_head_is_made_anew_of_the_copy() {
    let bench = with_sheets();
    let said = repaired(&bench, |bytes| bytes[..4096].fill(0x5a));
    assert!(said.contains("the copy of the last sweep") && said.contains("2 sheets with 3 versions"), "{said}");
    check_sheets(&bench);
}

#[test]
fn a_catalog_with_a_damaged_page_is_made_anew_of_what_can_be_read() {
    let bench = with_sheets();
    let file = bench.data_dir().join("catalog.db");
    let pages = fs::read(&file).unwrap().chunks(4096).count();
    // Whichever page it is (each takes a second, so some of them), what is said holds: the sheets are there, or the rows that are lost are told.
    for page in (1..pages).step_by(9) {
        let bench = with_sheets();
        let bytes = fs::read(bench.data_dir().join("catalog.db")).unwrap();
        if bytes[page * 4096..(page + 1) * 4096].iter().all(|byte| *byte == 0) {
            continue;
        }
        let before = doctor(&bench, &[]);
        assert_eq!(before.0, Some(0));
        let mut damaged = bytes;
        damaged[page * 4096..(page + 1) * 4096].fill(0x5a);
        fs::write(bench.data_dir().join("catalog.db"), damaged).unwrap();
        let (code, findings) = doctor(&bench, &["--repair"]);
        let said = said(&findings, "catalog repaired");
        // The copy has them all.
        assert!(said.contains("2 sheets with 3 versions"), "page {page}: {said}");
        let is_whole = !said.contains("rows lost from") && !said.contains("the copy of the last sweep");
        assert_eq!(code == Some(0), is_whole, "page {page}: {findings:?}");
        check_sheets(&bench);
    }
}

#[test]
fn a_catalog_that_is_gone_is_no_new_one_and_comes_back_from_the_copy() {
    for is_emptied in [false, true] {
        let bench = with_sheets();
        let file = bench.data_dir().join("catalog.db");
        let copy = fs::read(bench.data_dir().join("catalog.db.copy")).unwrap();
        if is_emptied {
            fs::write(&file, "").unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        let fault = bench.call("list_sheets", &json!({})).unwrap_err();
        assert_eq!(fault["code"], "catalog_unusable");
        assert!(fault["message"].as_str().unwrap().contains("the catalog is lost"), "{fault}");
        assert!(fault["hint"].as_str().unwrap().contains("quire doctor --repair"), "{fault}");
        let backup = bench.outside().join("copy");
        let ended = bench.ended(&mut bench.bare_command(&["backup", backup.to_str().unwrap()]));
        assert!(ended.err.contains("the catalog is lost"), "{}", ended.err);
        let (code, findings) = doctor(&bench, &[]);
        assert_ne!(code, Some(0));
        assert!(said(&findings, "catalog").contains("the catalog is lost"), "{findings:?}");
        assert_eq!(findings.iter().filter(|it| it["ok"] == false).count(), 1, "{findings:?}");
        assert_eq!(fs::read(bench.data_dir().join("catalog.db.copy")).unwrap(), copy);

        let (_, findings) = doctor(&bench, &["--repair"]);
        assert!(said(&findings, "catalog repaired").contains("2 sheets with 3 versions"), "{findings:?}");
        assert_eq!(doctor(&bench, &[]).0, Some(0));
        check_sheets(&bench);
    }
}

#[test]
fn without_a_copy_that_can_be_read_a_repair_keeps_the_files_and_fails() {
    let bench = with_sheets();
    fs::write(bench.data_dir().join("catalog.db.copy"), "no database ".repeat(1_000)).unwrap();
    fs::remove_file(bench.data_dir().join("catalog.db")).unwrap();
    let n_files = version_files(&bench).len();
    let (code, findings) = doctor(&bench, &["--repair"]);
    assert_ne!(code, Some(0));
    assert!(said(&findings, "catalog repaired").contains("neither it nor its copy can be read"), "{findings:?}");
    assert!(said(&findings, "version files without a sheet").starts_with(&format!("{n_files} moved")), "{findings:?}");
    assert_eq!(doctor(&bench, &[]).0, Some(0));
}

#[test]
fn a_copy_of_another_catalog_is_not_overwritten() {
    let (bench, other) = (with_sheets(), Bench::new().file("c.csv", "n\n7\n"));
    let copy = fs::read(bench.data_dir().join("catalog.db.copy")).unwrap();
    other.serve_files().close();
    for ending in ["-wal", "-shm"] {
        let _ = fs::remove_file(bench.data_dir().join(format!("catalog.db{ending}")));
    }
    fs::copy(other.data_dir().join("catalog.db"), bench.data_dir().join("catalog.db")).unwrap();
    // A server that is ended from outside leaves rows in its log.
    let _ = fs::copy(other.data_dir().join("catalog.db-wal"), bench.data_dir().join("catalog.db-wal"));
    let _ = fs::remove_file(bench.data_dir().join("workspaces").join("swept"));
    assert_eq!(bench.run(&["import", "$FILES/b.csv"]).code, Some(0));
    let aside = fs::read_dir(bench.data_dir().join("aside")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read(aside.join("catalog.db.copy")).unwrap(), copy);
    let (code, findings) = doctor(&bench, &[]);
    assert_ne!(code, Some(0));
    assert!(said(&findings, "workspaces").contains("whose users the catalog does not know"), "{findings:?}");
}

#[test]
fn a_repair_never_works_on_the_catalog_of_a_newer_quire() {
    let bench = with_sheets();
    let file = bench.data_dir().join("catalog.db");
    let mut bytes = fs::read(&file).unwrap();
    // The `user_version` of the header.
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&file, &bytes).unwrap();
    let (code, findings) = doctor(&bench, &["--repair"]);
    assert_ne!(code, Some(0));
    assert!(said(&findings, "catalog").contains("written by a newer Quire"), "{findings:?}");
    assert!(!findings.iter().any(|it| it["what"] == "catalog repaired"), "{findings:?}");
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn what_a_repair_can_not_mend_is_said_before_and_after_it() {
    let bench = Bench::new().file("a.csv", ROWS).file("b.csv", "n\n7\n");
    let mut client = bench.serve();
    client.call("import_file", &json!({"path": "$FILES/b.csv"})).unwrap();
    let file = made_by(&bench, || drop(client.call("import_file", &json!({"path": "$FILES/a.csv"})).unwrap()));
    fs::remove_file(bench.path("a.csv")).unwrap();
    fs::remove_file(file).unwrap();
    for flags in [&[][..], &["--repair"], &[]] {
        let (code, findings) = doctor(&bench, flags);
        assert_ne!(code, Some(0), "{findings:?}");
        assert_eq!(said(&findings, "version files"), "1 of 2 are as they were written");
        let all = serde_json::to_string(&findings).unwrap();
        assert!(all.contains("no good version left: import its file again"), "{all}");
        assert!(!all.contains("goes back to the newest"), "{all}");
        assert!(findings.iter().all(|it| it["what"] != "version file" || it["ok"] == false), "{findings:?}");
    }
    // Deleted, it can't be restored, and a repair ends that.
    client.call("delete_sheet", &json!({"sheet": "a"})).unwrap();
    let (code, findings) = doctor(&bench, &[]);
    assert_ne!(code, Some(0));
    assert!(said(&findings, "version file").contains("--repair` forgets"), "{findings:?}");
    let (code, findings) = doctor(&bench, &["--repair"]);
    assert_eq!(code, Some(0), "{findings:?}");
    assert!(said(&findings, "sheet repaired").contains("can't be restored any more"), "{findings:?}");
    assert_eq!(doctor(&bench, &[]).0, Some(0));
}

#[test]
fn a_folder_that_is_not_there_is_said_and_not_made() {
    let bench = Bench::new();
    let (code, findings) = doctor(&bench, &[]);
    assert_eq!(code, Some(0), "{findings:?}");
    assert!(said(&findings, "data folder").starts_with("there is none at"), "{findings:?}");
    assert!(!bench.data_dir().exists());
    // Nor can one be made inside a file.
    let bench = Bench::new().file("f.csv", "n\n7\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_quire"));
    command.arg("--data-dir").arg(bench.path("f.csv").join("deeper/data")).arg("doctor");
    let ended = bench.ended(&mut command);
    assert_ne!(ended.code, Some(0), "{}", ended.out);
    assert!(ended.out.contains("none can be made") && ended.out.contains("--data-dir"), "{}", ended.out);
}

#[test]
fn keys_that_keep_a_server_from_starting_are_found_and_mended() {
    let bench = Bench::new().file("b.csv", "n\n7\n");
    bench.serve_files().close();
    assert_eq!(bench.run(&["token", "rotate-keys"]).code, Some(0));
    let file = bench.data_dir().join("signing-keys.json");
    for mends in [&["token", "rotate-keys"][..], &["doctor", "--repair"]] {
        fs::write(&file, "{}").unwrap();
        let (code, findings) = doctor(&bench, &[]);
        assert_ne!(code, Some(0));
        let told = said(&findings, "signing keys");
        assert!(told.contains("holds no usable keys") && told.contains("quire token rotate-keys"), "{told}");
        let ended = bench.run(mends);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.out.contains("holds no usable keys"), "{}", ended.out);
        assert_eq!(doctor(&bench, &[]).0, Some(0));
    }
}

#[test]
fn scratch_of_a_killed_process_is_named_and_removed() {
    let bench = Bench::new().file("b.csv", "n\n7\n");
    bench.serve_files().close();
    let leave = || {
        let workspaces = fs::read_dir(bench.data_dir().join("workspaces")).unwrap();
        let scratch = workspaces.map(|it| it.unwrap().path().join("scratch")).find(|it| it.is_dir()).unwrap();
        let dead = scratch.join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("spilled"), vec![0; 3 << 20]).unwrap();
        fs::write(scratch.join("dead.lock"), "").unwrap();
        dead
    };
    for removes in [&["doctor", "--repair"][..], &["import", "$FILES/b.csv"]] {
        let dead = leave();
        let (code, findings) = doctor(&bench, &[]);
        assert_eq!(code, Some(0));
        assert!(said(&findings, "scratch folders").contains("3 MB left by processes that were killed"), "{findings:?}");
        assert_eq!(bench.run(removes).code, Some(0));
        assert!(!dead.exists(), "{removes:?}");
    }
}

#[test]
fn a_damaged_catalog_is_not_repaired_under_a_running_server() {
    let bench = with_sheets();
    let mut client = bench.serve();
    assert_eq!(client.rows("from b"), json!([[7]]));
    let file = bench.data_dir().join("catalog.db");
    let mut bytes = fs::read(&file).unwrap();
    bytes[..4096].fill(0x5a);
    fs::write(&file, bytes).unwrap();
    let (code, findings) = doctor(&bench, &["--repair"]);
    assert_ne!(code, Some(0));
    assert!(said(&findings, "catalog repaired").contains("another Quire uses this data folder"), "{findings:?}");
    drop(client);
}

#[test]
fn a_server_on_a_damaged_catalog_says_what_to_do() {
    let bench = with_sheets();
    fs::write(bench.data_dir().join("catalog.db"), "nothing of a database, and long enough to be one ".repeat(200))
        .unwrap();
    let fault = bench.call("list_sheets", &json!({})).unwrap_err();
    assert_eq!(fault["code"], "catalog_unusable");
    assert!(fault["hint"].as_str().unwrap().contains("quire doctor --repair"), "{fault}");
}

#[test]
#[cfg(unix)]
fn a_data_folder_that_others_may_read_is_closed_at_the_next_start() {
    use std::os::unix::fs::PermissionsExt;

    let bench = Bench::new().file("b.csv", "n\n7\n");
    bench.serve_files().close();
    let places = [bench.data_dir(), bench.data_dir().join("workspaces"), bench.data_dir().join("catalog.db")];
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let before: Vec<u32> = places.iter().map(mode).collect();
    assert_eq!(before, [0o700, 0o700, 0o600]);
    for path in &places {
        fs::set_permissions(path, fs::Permissions::from_mode(mode(path) | 0o055)).unwrap();
    }
    let ended = bench.run(&["call", "list_sheets", "{}"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("its owner's alone now"), "{}", ended.err);
    assert_eq!(places.iter().map(mode).collect::<Vec<u32>>(), before);
}

#[test]
fn a_repair_that_was_killed_before_the_new_catalog_took_its_place_is_brought_to_its_end() {
    for first in [&["call", "list_sheets", "{}"][..], &["doctor"], &["doctor", "--repair"]] {
        let bench = with_sheets();
        let at = |name: &str| bench.data_dir().join(name);
        // What a sweep keeps is a catalog in one file.
        fs::copy(at("catalog.db.copy"), at("catalog.db.repaired")).unwrap();
        fs::copy(at("catalog.db.copy"), at("catalog.db.of-copy")).unwrap();
        fs::write(at("catalog.db"), "no database ".repeat(1_000)).unwrap();
        fs::write(at("catalog.db-wal"), "no log ".repeat(1_000)).unwrap();
        let ended = bench.run(first);
        assert_eq!(ended.code, Some(0), "{first:?}: {} {}", ended.out, ended.err);
        assert!(!at("catalog.db.repaired").exists() && !at("catalog.db.of-copy").exists());
        check_sheets(&bench);
    }
}

#[test]
fn a_repair_keeps_the_uploads_that_the_new_catalog_does_not_name() {
    let bench = with_sheets();
    let versions = version_files(&bench)[0].parent().unwrap().to_owned();
    let name = format!("{}.zst", "ab".repeat(32));
    fs::write(versions.with_file_name("originals").join(&name), "an upload").unwrap();
    fs::write(bench.data_dir().join("catalog.db"), "no database ".repeat(1_000)).unwrap();
    let (_, findings) = doctor(&bench, &["--repair"]);
    assert!(said(&findings, "uploads without a sheet").starts_with("1 moved to"), "{findings:?}");
    let aside = fs::read_dir(bench.data_dir().join("aside")).unwrap().next().unwrap().unwrap().path();
    let below = versions.with_file_name("originals").join(&name);
    assert_eq!(fs::read_to_string(aside.join(below.strip_prefix(bench.data_dir()).unwrap())).unwrap(), "an upload");
    check_sheets(&bench);
}
