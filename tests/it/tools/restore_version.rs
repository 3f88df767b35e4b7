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
            "version_not_found",
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
fn a_restore_that_would_do_nothing_says_so() {
    let bench = Bench::new().file("sales.csv", "n\n1\n");
    let mut client = bench.serve_files();
    let nothing = "the sheet `sales` has no version before version 1";
    client.check_fault(
        "restore_version",
        json!({"sheet": "sales"}),
        fault("version_not_found", nothing, "`sheet_history` lists the versions that are kept"),
    );
    client.check(
        "restore_version",
        json!({"sheet": "sales", "version": 1}),
        json!({"sheet": "sales", "version": 1, "restored": 1, "n_rows": 1,
               "notes": ["version 1 was the current one already: nothing was done"]}),
    );
    client.call("delete_sheet", &json!({"sheet": "sales"})).unwrap();
    client.call("import_file", &json!({"path": "$FILES/sales.csv"})).unwrap();
    client.check_fault(
        "restore_version",
        json!({"sheet": "sales"}),
        fault(
            "version_not_found",
            nothing,
            "a deleted sheet of this name is kept: `restore_version` brings it back as `sales#1`",
        ),
    );
}

#[test]
fn a_restored_sheet_leaves_its_file_to_the_sheet_that_came_after_it() {
    let bench = Bench::new().file("del.csv", "n\n1\n");
    let mut client = bench.serve_files();
    client.call("delete_sheet", &json!({"sheet": "del"})).unwrap();
    client.call("import_file", &json!({"path": "$FILES/del.csv"})).unwrap();
    client.check(
        "restore_version",
        json!({"sheet": "del#1"}),
        json!({"sheet": "del_2", "version": 1, "restored": 1, "n_rows": 1, "notes": [
            "`del_2` keeps these rows: its file was imported again since, and that sheet follows the file's changes",
        ]}),
    );
    bench.write("del.csv", "n\n2\n3\n");
    let reply = client.call("query", &json!({"sql": "from del"})).unwrap();
    assert_eq!(reply["rows"], json!([[2], [3]]));
    assert_eq!(reply["notes"], json!(["`$FILES/del.csv` has changed and was read again: `del`"]));
    assert_eq!(client.rows("from del_2"), json!([[1]]));
    // And again: the bytes are the file's, so no import finds the sheet that was parted from it.
    let again = client.call("import_file", &json!({"path": "$FILES/del.csv"})).unwrap();
    assert_eq!([&again["sheets"][0]["name"], &again["sheets"][0]["state"]], ["del", "unchanged"]);
}

#[test]
fn a_purge_takes_the_queries_of_its_sheets_and_no_others() {
    let bench = Bench::new().file("s.csv", "n\n1\n").file("sales.csv", "n\n2\n").file("pay.csv", "n\n3\n");
    let mut client = bench.serve_files();
    for sql in ["from sales", "select 's' as k from sales", "select n from\ns", "from pay"] {
        client.rows(sql);
    }
    client.call("delete_sheet", &json!({"sheet": "pay"})).unwrap();
    client.call("import_file", &json!({"path": "$FILES/pay.csv"})).unwrap();
    client.rows("from pay where n = 1");
    client.call("restore_version", &json!({"sheet": "pay#1"})).unwrap();
    drop(client);
    let logged = || {
        let catalog = quire::catalog::Catalog::open(&bench.data_dir()).unwrap();
        let calls = catalog.queries_before(catalog.local_user().unwrap().id, None, 100).unwrap();
        calls.into_iter().filter_map(|(_, call)| call.sql).collect::<Vec<_>>()
    };
    assert_eq!(logged().len(), 5);
    // The sheet that was `pay` when it was queried.
    assert_eq!(bench.run(&["purge", "pay_2", "--yes"]).code, Some(0));
    assert_eq!(logged(), ["from pay where n = 1", "select n from\ns", "select 's' as k from sales", "from sales"]);
    assert_eq!(bench.run(&["purge", "s", "--yes"]).code, Some(0));
    assert_eq!(logged(), ["from pay where n = 1", "from sales"]);
}

#[test]
fn a_purge_says_what_it_leaves() {
    let bench = Bench::new().file("co.csv", "n\n1\n");
    let mut client = bench.serve_files();
    client.call("delete_sheet", &json!({"sheet": "co"})).unwrap();
    client.call("import_file", &json!({"path": "$FILES/co.csv"})).unwrap();
    drop(client);
    assert_eq!(
        bench.run(&["purge", "co", "--yes"]).out,
        "co is gone for good\nco#1, deleted earlier, can still be restored: purge it too if it is to go\n"
    );
    assert_eq!(bench.run(&["purge", "co#1", "--yes", "--json"]).out.trim(), r#"{"purged":["co"],"kept":[]}"#);
    assert_eq!(bench.run(&["purge", "--deleted", "--yes"]).out, "nothing to purge: no sheet is deleted\n");
}

#[test]
fn what_is_purged_leaves_no_version_no_file_and_no_word_of_it() {
    let bench = Bench::new().file("sales.csv", "secret\nhush_hush\n").file("other.csv", "n\n1\n");
    let mut client = bench.serve_files();
    client.call("transform_sheet", &json!({"sheet": "sales", "steps": [{"op": "limit", "n": 1}]})).unwrap();
    client.rows("select * from sales where secret = 'hush_hush'");
    drop(client);
    let catalog = quire::catalog::Catalog::open(&bench.data_dir()).unwrap();
    let hash = catalog.sheet(catalog.local_user().unwrap().id, "sales").unwrap().version.file;
    drop(catalog);
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
        for gone in [&b"hush_hush"[..], b"sales", hash.as_bytes()] {
            assert!(!bytes.windows(gone.len()).any(|it| it == gone), "{file}");
        }
    }
    assert_eq!(bench.call("query", &json!({"sql": "from other"})).unwrap()["rows"], json!([[1]]));
}
