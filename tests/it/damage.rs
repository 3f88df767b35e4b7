//! Damaged files in the data folder: noticed, named, worked around, and mended by `quire doctor --repair`.

use std::{
    fs,
    path::{Path, PathBuf},
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
    assert_eq!(fault["code"], "sheet_not_found");
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
    assert!(said(&findings, "sheet repaired").contains("no good version left"), "{findings:?}");
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
    let (code, findings) = doctor(bench, &["--repair"]);
    assert_eq!(code, Some(0), "{findings:?}");
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
    assert!(said.contains("the copy of the last sweep: 2 sheets with 3 versions"), "{said}");
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
        assert_eq!(code, Some(0), "page {page}: {findings:?}");
        let said = said(&findings, "catalog repaired");
        assert!(said.contains("2 sheets") || said.contains("rows lost from"), "page {page}: {said}");
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
