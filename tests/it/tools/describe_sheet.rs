//! `describe_sheet`.

use serde_json::{Value, json};

use crate::harness::{Bench, at, fault};

#[test]
fn every_column_says_what_it_holds() {
    let bench = Bench::new()
        .file("sales.csv", "region,amount,day\nnorth,1.50,2024-01-01\nsouth,2.25,2024-01-02\nnorth,,2024-01-03\n");
    let mut client = bench.serve_files();
    let mut reply = client.call("describe_sheet", &json!({"sheet": "sales"})).unwrap();
    // The one value that is the clock's.
    *reply.pointer_mut("/versions/0/created_at").unwrap() = Value::Null;
    assert_eq!(
        reply,
        json!({
            "name": "sales", "n_rows": 3, "n_columns": 3,
            "columns": [
                {"name": "region", "type": "VARCHAR", "because": "its values are words", "n_null": 0, "n_distinct": 2, "min": "north", "max": "south", "values": ["north", "south"]},
                {"name": "amount", "type": "DECIMAL(18,2)", "because": "all 2 values are numbers", "n_null": 1, "n_distinct": 2, "min": 1.5, "max": 2.25, "values": [1.5, 2.25]},
                {"name": "day", "type": "DATE", "because": "all 3 values are dates", "n_null": 0, "n_distinct": 3, "min": "2024-01-01", "max": "2024-01-03", "values": ["2024-01-01", "2024-01-02", "2024-01-03"]},
            ],
            "issues": [], "source": "$FILES/sales.csv", "title": "sales", "header_rows": [1],
            "decisions": [
                {"about": "region", "decided": "A1:C4", "because": "all filled rows belong to the table", "confidence": 95},
                {"about": "header", "decided": "row 1", "confidence": 90, "alternatives": ["no row"],
                    "because": "it names every column, and the rows below hold other things"},
            ],
            "version": 1, "versions": [{"version": 1, "n_rows": 3, "made_by": "import_file", "created_at": null}],
        })
    );
}

#[test]
fn up_to_twenty_values_are_all_there_and_more_are_examples() {
    let twenty: String = (0..40).map(|i| format!("{},{}\n", i % 20, i % 21)).collect();
    let bench = Bench::new().file("v.csv", format!("twenty,more\n{twenty}"));
    let mut client = bench.serve_files();
    let reply = client.call("describe_sheet", &json!({"sheet": "v"})).unwrap();
    assert_eq!(at(&reply, "/columns/0/values"), &json!((0..20).collect::<Vec<_>>()));
    assert_eq!(reply["columns"][1].get("values"), None);
    assert!(!reply["columns"][1]["examples"].as_array().unwrap().is_empty());
    assert_eq!(reply["columns"][1]["n_distinct"], 21);
}

#[test]
fn named_columns_come_alone_in_the_sheets_order() {
    let bench = Bench::new().file("v.csv", "a,b,c\n1,2,3\n");
    let mut client = bench.serve_files();
    let reply = client.call("describe_sheet", &json!({"sheet": "v", "columns": ["C", "a"]})).unwrap();
    assert_eq!(
        [&reply["columns"][0]["name"], &reply["columns"][1]["name"], &reply["n_columns"]],
        [&json!("a"), &json!("c"), &json!(3)]
    );
    client.check_fault(
        "describe_sheet",
        json!({"sheet": "v", "columns": ["bb"]}),
        fault("column_not_found", "`v` has no column `bb`", "did you mean `b`?"),
    );
}

#[test]
fn a_column_without_any_value_has_no_bounds() {
    let bench = Bench::new().file("v.csv", "a,b\n1,\n2,\n");
    let mut client = bench.serve_files();
    let reply = client.call("describe_sheet", &json!({"sheet": "v", "columns": ["b"]})).unwrap();
    assert_eq!(
        reply["columns"],
        json!([{"name": "b", "type": "VARCHAR", "because": "no cell has a value", "n_null": 2, "n_distinct": 0, "min": null, "max": null, "values": []}])
    );
}

#[test]
fn a_wide_sheet_is_cut_to_its_bytes_and_says_so() {
    let names: Vec<String> = (0..300).map(|i| format!("column_{i}")).collect();
    let bench = Bench::new().file("wide.csv", format!("{}\n{}\n", names.join(","), vec!["1"; 300].join(",")));
    let mut client = bench.serve_files();
    let reply = client.call("describe_sheet", &json!({"sheet": "wide", "max_bytes": 3000})).unwrap();
    assert!(reply.to_string().len() <= 3000);
    assert_eq!([&reply["truncated"], &reply["n_columns"]], [&json!(true), &json!(300)]);
}

#[test]
fn versions_are_listed_newest_first() {
    let bench = Bench::new();
    let mut client = bench.serve();
    for content in ["a\n1\n", "a\n1\n2\n", "a\n1\n2\n3\n"] {
        client.call("import_file", &json!({"name": "v.csv", "content": content})).unwrap();
    }
    let reply = client.call("describe_sheet", &json!({"sheet": "v"})).unwrap();
    let versions: Vec<[&Value; 2]> =
        reply["versions"].as_array().unwrap().iter().map(|it| [&it["version"], &it["n_rows"]]).collect();
    assert_eq!(json!(versions), json!([[3, 3], [2, 2], [1, 1]]));
    assert_eq!([&reply["version"], &reply["source"]], [&json!(3), &json!("v.csv")]);
}

#[test]
fn a_sheet_of_a_thousand_columns_is_described() {
    let names: Vec<String> = (0..1_000).map(|i| format!("c{i}")).collect();
    let cells: Vec<String> = (0..1_000).map(|i| i.to_string()).collect();
    let bench = Bench::new().file("wide.csv", format!("{}\n{}\n", names.join(","), cells.join(",")));
    let mut client = bench.serve_files();
    let reply = client.call("describe_sheet", &json!({"sheet": "wide", "columns": ["c999"]})).unwrap();
    assert_eq!(
        reply["columns"],
        json!([{"name": "c999", "type": "BIGINT", "because": "all 1 values are whole numbers", "n_null": 0, "n_distinct": 1, "min": 999, "max": 999, "values": [999]}])
    );
}
