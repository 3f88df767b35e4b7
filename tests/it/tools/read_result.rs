//! `read_result`.

use serde_json::{Value, json};

use crate::harness::{Bench, at, fault};

const LONG: &str = "select i, repeat('é', (i % 50)::int) as t from range(3000) r(i) order by i";

fn expected() -> Vec<Value> {
    (0..3000).map(|i| json!([i, "é".repeat(i % 50)])).collect()
}

#[test]
fn pages_put_together_are_the_whole() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let first = client.call("query", &json!({"sql": LONG, "max_rows": 700})).unwrap();
    assert_eq!([at(&first, "/n_total"), at(&first, "/truncated")], [&json!(3000), &json!(true)]);
    let mut together = first["rows"].as_array().unwrap().clone();
    let mut offset = first["next_offset"].clone();
    loop {
        let page = client
            .call(
                "read_result",
                &json!({"result": first["result"], "offset": offset, "max_rows": 500, "max_bytes": 20_000}),
            )
            .unwrap();
        assert_eq!([&page["columns"], &page["n_total"]], [&first["columns"], &json!(3000)]);
        assert!(page.to_string().len() <= 20_000);
        together.extend(page["rows"].as_array().unwrap().clone());
        let Some(next) = page.get("next_offset") else {
            assert_eq!(page["truncated"], false);
            break;
        };
        assert_eq!(page["truncated"], true);
        offset = next.clone();
    }
    assert_eq!(together, expected());
}

#[test]
fn another_process_on_the_data_folder_reads_on() {
    let bench = Bench::new();
    let first = bench.call("query", &json!({"sql": LONG, "max_rows": 10})).unwrap();
    let mut other = bench.serve();
    other.check(
        "read_result",
        json!({"result": first["result"], "offset": 10, "max_rows": 2}),
        json!({
            "columns": [{"name": "i", "type": "BIGINT"}, {"name": "t", "type": "VARCHAR"}],
            "rows": expected()[10..12], "n_rows": 2, "n_total": 3000, "truncated": true, "result": first["result"], "next_offset": 12,
        }),
    );
}

#[test]
fn a_result_stays_as_it_was_when_its_sheet_changes() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let import = |content: &str| json!({"name": "n.csv", "content": content});
    client.call("import_file", &import("n\n1\n2\n3\n")).unwrap();
    let first = client.call("query", &json!({"sql": "from n", "max_rows": 1})).unwrap();
    client.call("import_file", &import("n\n9\n")).unwrap();
    client.call("delete_sheet", &json!({"sheet": "n"})).unwrap();
    let rest = client.call("read_result", &json!({"result": first["result"], "offset": 1})).unwrap();
    assert_eq!(rest["rows"], json!([[2], [3]]));
}

#[test]
fn unknown_handles_and_offsets_past_the_end_are_faults() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let unknown = client.call("read_result", &json!({"result": "../../x"})).unwrap_err();
    assert_eq!(unknown["code"], "result_not_found");
    let first = client.call("query", &json!({"sql": "from range(5)", "max_rows": 2})).unwrap();
    client.check_fault(
        "read_result",
        json!({"result": first["result"], "offset": 5}),
        fault("invalid_arguments", "`offset` 5 is past the result's 5 rows", "offsets count from 0"),
    );
}
