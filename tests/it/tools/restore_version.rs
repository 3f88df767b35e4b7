//! `restore_version`, and `quire purge`, after which there is nothing to restore.

use std::fs;

use serde_json::json;

use crate::harness::{Bench, code_of, fault};

#[test]
fn undo_and_undo_of_the_undo_and_any_version_before() {
    let bench = Bench::new().file("sales.csv", "n\n1\n2\n3\n");
    let mut client = bench.serve_files();
    client.call("transform_sheet", &json!({"sheet": "sales", "steps": [{"op": "limit", "n": 1}]})).unwrap();
    for (args, version, restored, rows) in [
        (json!({"sheet": "sales"}), 3, 1, json!([[1], [2], [3]])),
        (json!({"sheet": "sales"}), 4, 2, json!([[1]])),
        (json!({"sheet": "SALES", "version": 1}), 5, 1, json!([[1], [2], [3]])),
    ] {
        let n_rows = rows.as_array().unwrap().len();
        client.check(
            "restore_version",
            args,
            json!({"sheet": "sales", "version": version, "restored": restored, "n_rows": n_rows}),
        );
        assert_eq!(client.rows("from sales"), rows);
    }
    client.check_fault(
        "restore_version",
        json!({"sheet": "sales", "version": 77}),
        fault(
            "sheet_not_found",
            "the sheet `sales` has no version 77",
            "`sheet_history` lists the versions that are kept: the newest 20",
        ),
    );
}

#[test]
fn a_deleted_sheet_comes_back_as_it_was_with_its_history() {
    let bench = Bench::new().file("sales.csv", "n\n1\n2\n3\n");
    let mut client = bench.serve_files();
    client.call("transform_sheet", &json!({"sheet": "sales", "steps": [{"op": "limit", "n": 1}]})).unwrap();
    client.call("delete_sheet", &json!({"sheet": "sales"})).unwrap();
    drop(client);
    let mut client = bench.serve();
    client.check(
        "restore_version",
        json!({"sheet": "sales"}),
        json!({"sheet": "sales", "version": 2, "restored": 2, "n_rows": 1}),
    );
    assert_eq!(client.rows("from sales"), json!([[1]]));
    client.call("restore_version", &json!({"sheet": "sales"})).unwrap();
    assert_eq!(client.rows("from sales"), json!([[1], [2], [3]]));
}

#[test]
fn what_is_purged_leaves_no_version_no_file_and_no_word_of_it() {
    let bench = Bench::new().file("sales.csv", "secret\nhush_hush\n").file("other.csv", "n\n1\n");
    let mut client = bench.serve_files();
    client.call("transform_sheet", &json!({"sheet": "sales", "steps": [{"op": "limit", "n": 1}]})).unwrap();
    client.rows("select * from sales where secret = 'hush_hush'");
    drop(client);
    let versions = || {
        let workspaces = bench.data_dir().join("workspaces");
        // Beside the workspace's folder lies the mark of the last sweep.
        let workspace = fs::read_dir(workspaces).unwrap().map(|it| it.unwrap().path()).find(|it| it.is_dir()).unwrap();
        fs::read_dir(workspace.join("versions")).unwrap().count()
    };
    let n_before = versions();
    let refused = bench.run(&["purge", "sales"]);
    assert_eq!((refused.code, versions()), (Some(2), n_before));
    let done = bench.run(&["purge", "sales", "--yes"]);
    assert_eq!((done.code, done.out.as_str(), versions()), (Some(0), "sales is gone for good\n", 1));
    assert_eq!(code_of(&bench.call("restore_version", &json!({"sheet": "sales"}))), "sheet_not_found");
    for file in ["catalog.db", "catalog.db-wal"] {
        let bytes = fs::read(bench.data_dir().join(file)).unwrap_or_default();
        assert!(!bytes.windows(9).any(|it| it == b"hush_hush"), "{file}");
    }
    assert_eq!(bench.call("query", &json!({"sql": "from other"})).unwrap()["rows"], json!([[1]]));
}
