//! Files that were imported by path and change afterwards.

use serde_json::{Value, json};

use crate::harness::{Bench, fault};

fn reply(client: &mut crate::harness::Client<'_>) -> [Value; 2] {
    let reply = client.call("query", &json!({"sql": "from sales"})).unwrap();
    [reply["rows"].clone(), reply.get("notes").cloned().unwrap_or_default()]
}

#[test]
fn a_changed_file_is_read_again_by_the_next_query_with_a_note() {
    let bench = Bench::new().file("sales.csv", "n\n1\n");
    let mut client = bench.serve_files();
    assert_eq!(reply(&mut client), [json!([[1]]), json!(null)]);
    bench.write("sales.csv", "n\n1\n2\n");
    assert_eq!(
        reply(&mut client),
        [json!([[1], [2]]), json!(["`$FILES/sales.csv` has changed and was read again: `sales`"])]
    );
    assert_eq!(reply(&mut client), [json!([[1], [2]]), json!(null)]);
    for tool in ["describe_sheet", "preview_rows", "list_sheets"] {
        bench.write("sales.csv", format!("n\n1\n2\n{}\n", tool.len()));
        let args = if tool == "list_sheets" { json!({}) } else { json!({"sheet": "sales"}) };
        let found = client.call(tool, &args).unwrap();
        assert_eq!(found["notes"], json!(["`$FILES/sales.csv` has changed and was read again: `sales`"]), "{tool}");
        bench.write("sales.csv", "n\n1\n2\n");
        client.rows("from sales");
    }
}

#[test]
fn a_deleted_file_leaves_its_last_version_and_a_note_until_it_is_back() {
    let bench = Bench::new().file("sales.csv", "n\n1\n");
    let mut client = bench.serve_files();
    std::fs::remove_file(bench.path("sales.csv")).unwrap();
    for _ in 0..2 {
        let [rows, notes] = reply(&mut client);
        assert_eq!(rows, json!([[1]]));
        let note = notes[0].as_str().unwrap();
        assert!(
            note.starts_with("`$FILES/sales.csv` has changed or is gone and could not be read again (")
                && note.ends_with("): `sales` as of its last reading"),
            "{note}"
        );
    }
    bench.write("sales.csv", "n\n5\n6\n");
    assert_eq!(reply(&mut client)[0], json!([[5], [6]]));
    assert_eq!(reply(&mut client), [json!([[5], [6]]), json!(null)]);
}

#[test]
fn a_file_that_became_garbage_leaves_its_last_version_and_a_note() {
    for garbage in [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0".as_slice(), b"PK\x03\x04half a workbook", b""] {
        let bench = Bench::new().file("sales.csv", "n\n1\n");
        let mut client = bench.serve_files();
        bench.write("sales.csv", garbage);
        let [rows, notes] = reply(&mut client);
        assert_eq!(rows, json!([[1]]));
        assert!(notes[0].as_str().unwrap().contains("could not be read again"), "{notes}");
        assert_eq!(bench.call("describe_sheet", &json!({"sheet": "sales"})).unwrap()["version"], 1);
    }
}

#[test]
fn only_a_process_whose_roots_hold_the_file_reads_it_again() {
    let bench = Bench::new().file("sales.csv", "n\n1\n");
    bench.call("import_file", &json!({"path": "$FILES/sales.csv"})).unwrap();
    bench.write("sales.csv", "n\n1\n2\n");
    let elsewhere = bench.home();
    let args = json!({"sql": "from sales"}).to_string();
    let mut command = bench.bare_command(&["call", "query", &args]);
    let outside: Value = serde_json::from_str(&bench.ended(command.arg("--root").arg(elsewhere)).out).unwrap();
    assert_eq!(outside["rows"], json!([[1]]));
    assert_eq!(bench.call("query", &json!({"sql": "from sales"})).unwrap()["rows"], json!([[1], [2]]));
}

#[test]
fn options_of_the_import_hold_when_it_is_read_again() {
    let bench = Bench::new().file("sales.csv", "title\na;b\n1;2\n");
    let mut client = bench.serve();
    client.call("import_file", &json!({"path": "$FILES/sales.csv", "delimiter": ";", "header_row": 2})).unwrap();
    bench.write("sales.csv", "title\na;b\n1;2\n3;4\n");
    assert_eq!(reply(&mut client)[0], json!([[1, 2], [3, 4]]));
}

#[cfg(unix)]
#[test]
fn a_pipe_or_a_device_is_refused_at_once() {
    let bench = Bench::new().file("sales.csv", "n\n1\n");
    let pipe = bench.path("pipe.csv");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let message = "`$FILES/pipe.csv` is no regular file, but a pipe, a socket or a device";
    let refused = fault("invalid_arguments", message, "save what it gives to a file, and give that");
    let mut client = bench.serve();
    client.check_fault("import_file", json!({"path": "$FILES/pipe.csv"}), refused);
    for args in [&["inspect", "$FILES/pipe.csv"][..], &["convert", "--to", "csv", "$FILES/pipe.csv"]] {
        let ended = bench.run(args);
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.err.contains(message), "{}", ended.err);
    }
    assert_eq!(bench.run(&["inspect", "/dev/zero"]).code, Some(2));
    // A file that becomes a pipe while it is linked.
    client.call("import_file", &json!({"path": "$FILES/sales.csv"})).unwrap();
    std::fs::rename(&pipe, bench.path("sales.csv")).unwrap();
    let [rows, notes] = reply(&mut client);
    assert_eq!(rows, json!([[1]]));
    assert!(notes[0].as_str().unwrap().contains("is no regular file"), "{notes}");
}
