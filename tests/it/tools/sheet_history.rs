//! `sheet_history`.

use serde_json::{Value, json};

use crate::harness::{Bench, fault};

/// The entries without their times.
fn versions(reply: &Value) -> Value {
    let mut versions = reply["versions"].clone();
    for version in versions.as_array_mut().unwrap() {
        let at = version.as_object_mut().unwrap().remove("created_at").unwrap();
        assert!(at.as_str().unwrap().ends_with('Z'));
    }
    versions
}

#[test]
fn each_version_says_how_it_was_made_and_its_steps_can_be_sent_again() {
    let bench = Bench::new().file("sales.csv", "id,k\n1,a\n2,b\n3,c\n");
    let mut client = bench.serve_files();
    let first = json!([{"op": "filter", "expr": "id > 1"}]);
    let second = json!([{"op": "drop", "columns": ["k"]}]);
    client.call("transform_sheet", &json!({"sheet": "sales", "steps": first})).unwrap();
    client.call("transform_sheet", &json!({"sheet": "sales", "steps": second})).unwrap();
    client.call("restore_version", &json!({"sheet": "sales"})).unwrap();
    let reply = client.call("sheet_history", &json!({"sheet": "sales"})).unwrap();
    assert_eq!(
        versions(&reply),
        json!([
            {"version": 4, "current": true, "n_rows": 2, "n_columns": 2, "made_by": "restore_version", "based_on": 3,
             "restored": 2, "reading": 1, "by": "local"},
            {"version": 3, "current": false, "n_rows": 2, "n_columns": 1, "made_by": "transform_sheet", "based_on": 2,
             "steps": [second[0]], "reading": 1, "by": "local"},
            {"version": 2, "current": false, "n_rows": 2, "n_columns": 2, "made_by": "transform_sheet", "based_on": 1,
             "steps": [first[0]], "reading": 1, "by": "local"},
            {"version": 1, "current": false, "n_rows": 3, "n_columns": 2, "made_by": "import_file", "reading": 1, "by": "local"},
        ])
    );
    let with_sql = client.call("sheet_history", &json!({"sheet": "sales", "sql": true})).unwrap();
    let sql = with_sql["versions"][2]["sql"].as_str().unwrap().to_owned();
    client.call("restore_version", &json!({"sheet": "sales", "version": 1})).unwrap();
    assert_eq!(client.rows(&sql), json!([[2, "b"], [3, "c"]]));
    client.check_fault(
        "sheet_history",
        json!({"sheet": "salse"}),
        fault("sheet_not_found", "no sheet is named `salse`", "did you mean `sales`?"),
    );
}

#[test]
fn deleted_sheets_are_listed_under_the_name_that_restores_them() {
    let bench = Bench::new().file("sales.csv", "id\n1\n");
    let mut client = bench.serve_files();
    client.check("sheet_history", json!({}), json!({"versions": [], "notes": ["no sheet is deleted"]}));
    for _ in 0..2 {
        client.call("delete_sheet", &json!({"sheet": "sales"})).unwrap();
        client.call("import_file", &json!({"path": "$FILES/sales.csv"})).unwrap();
    }
    let reply = client.call("sheet_history", &json!({})).unwrap();
    let names: Vec<&str> =
        reply["deleted"].as_array().unwrap().iter().map(|it| it["sheet"].as_str().unwrap()).collect();
    assert_eq!(names, ["sales#2", "sales#1"]);
    client.check(
        "restore_version",
        json!({"sheet": "sales#1"}),
        json!({"sheet": "sales_2", "version": 1, "restored": 1, "n_rows": 1, "notes": [
            "`sales_2` keeps these rows: its file was imported again since, and that sheet follows the file's changes",
        ]}),
    );
}
