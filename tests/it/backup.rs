//! `quire backup` and `quire restore`.

use std::fs;

use serde_json::{Value, json};

use crate::harness::Bench;

#[test]
fn a_backup_made_while_sheets_change_holds_each_sheet_whole() {
    let bench = Bench::new().file("a.csv", "n\n1\n2\n");
    let mut client = bench.serve_files();
    let copy = bench.outside().join("copy");
    let mut backup = bench.bare_command(&["backup", copy.to_str().unwrap()]).spawn().unwrap();
    let mut n_changes = 0;
    while backup.try_wait().unwrap().is_none() || n_changes == 0 {
        n_changes += 1;
        let steps = json!([{"op": "derive", "column": format!("c{n_changes}"), "expr": "n"}]);
        client.call("transform_sheet", &json!({"sheet": "a", "steps": steps})).unwrap();
    }
    assert!(backup.wait().unwrap().success());
    client.call("delete_sheet", &json!({"sheet": "a"})).unwrap();
    drop(client);

    // Into the place of a data folder that was lost.
    fs::remove_dir_all(bench.data_dir()).unwrap();
    let ended = bench.ended(&mut bench.bare_command(&["restore", copy.to_str().unwrap()]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&told["missing"], &told["damaged"]), (&json!([]), &json!([])));
    let mut client = bench.serve();
    assert_eq!(client.rows("select sum(n) from a"), json!([[3]]));
    let history = client.call("sheet_history", &json!({"sheet": "a"})).unwrap();
    for version in history["versions"].as_array().unwrap() {
        let restored = client.call("restore_version", &json!({"sheet": "a", "version": version["version"]}));
        assert!(restored.is_ok(), "{restored:?}");
        assert_eq!(client.rows("select sum(n) from a"), json!([[3]]));
    }
}

#[test]
fn a_backup_goes_over_nothing_and_names_what_is_damaged() {
    let bench = Bench::new().file("a.csv", "n\n1\n").file("b.csv", "n\n2\n");
    drop(bench.serve_files());
    let full =
        bench.ended(&mut bench.bare_command(&["backup", bench.home().parent().unwrap().to_str().unwrap(), "--json"]));
    assert_eq!(full.code, Some(7), "{}", full.err);

    let workspaces = fs::read_dir(bench.data_dir().join("workspaces")).unwrap();
    let versions = workspaces.map(|it| it.unwrap().path().join("versions")).find(|it| it.is_dir()).unwrap();
    let damaged = fs::read_dir(versions).unwrap().next().unwrap().unwrap();
    fs::write(damaged.path(), "not what it was").unwrap();
    let copy = bench.outside().join("copy");
    let ended = bench.ended(&mut bench.bare_command(&["backup", copy.to_str().unwrap(), "--json"]));
    assert_eq!(ended.code, Some(74), "{}", ended.err);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    let name = damaged.file_name().into_string().unwrap();
    assert!(told["damaged"][0].as_str().unwrap().ends_with(&name), "{told}");
    assert_eq!(told["n_files"], 1);

    let nothing = bench.ended(&mut bench.bare_command(&["restore", bench.home().to_str().unwrap(), "--json"]));
    assert_eq!(nothing.code, Some(3), "{}", nothing.err);
}

#[test]
fn a_backup_goes_not_into_its_own_folder_and_makes_no_folders_above_it() {
    let bench = Bench::new().file("a.csv", "n\n1\n");
    drop(bench.serve_files());
    let inside = bench.data_dir().join("inside");
    let ended = bench.ended(&mut bench.bare_command(&["backup", inside.to_str().unwrap()]));
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("which is to be copied") && !inside.exists(), "{}", ended.err);
    let unmounted = bench.outside().join("disk");
    let ended = bench.ended(&mut bench.bare_command(&["backup", unmounted.join("today").to_str().unwrap()]));
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("is mounted") && !unmounted.exists(), "{}", ended.err);
}

#[test]
fn a_restore_that_was_killed_is_told_by_all_commands_and_begun_anew_by_itself() {
    let bench = Bench::new().file("a.csv", "n\n1\n");
    bench.serve_files().close();
    let copy = bench.outside().join("copy");
    assert_eq!(bench.ended(&mut bench.bare_command(&["backup", copy.to_str().unwrap()])).code, Some(0));
    let restore = || bench.ended(&mut bench.bare_command(&["restore", copy.to_str().unwrap(), "--json"]));
    let (whole, partial) = (bench.data_dir().join("catalog.db"), bench.data_dir().join("catalog.db.partial"));
    let anew = || {
        fs::remove_dir_all(bench.data_dir()).unwrap();
        assert_eq!(restore().code, Some(0));
    };
    for content in [fs::read(&whole).unwrap(), Vec::new(), b"half of a database".to_vec()] {
        anew();
        fs::remove_file(&whole).unwrap();
        fs::write(&partial, content).unwrap();
        let again = bench.outside().join("again");
        for args in [
            &["call", "list_sheets", "{}"][..],
            &["doctor"],
            &["doctor", "--repair"],
            &["backup", again.to_str().unwrap()],
        ] {
            let ended = bench.ended(&mut bench.bare_command(args));
            assert_ne!(ended.code, Some(0), "{args:?}");
            let told = format!("{}{}", ended.out, ended.err);
            assert!(
                told.contains("unfinished copy") && told.contains("run the same `quire restore`"),
                "{args:?}: {told}"
            );
        }
        assert!(partial.is_file() && !whole.exists() && !again.exists());
        let ended = restore();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(!partial.exists());
        assert_eq!(bench.serve().rows("from a"), json!([[1]]));
    }
    // With something in it that is not Quire's, and without the mark, a folder is left alone.
    anew();
    fs::rename(&whole, &partial).unwrap();
    fs::write(bench.data_dir().join("letter.txt"), "dear").unwrap();
    assert_eq!(restore().code, Some(7));
    fs::remove_file(bench.data_dir().join("letter.txt")).unwrap();
    fs::remove_file(&partial).unwrap();
    assert_eq!(restore().code, Some(7));
}
