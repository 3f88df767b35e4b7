//! `preview_rows`.

use serde_json::{Value, json};

use crate::harness::{Bench, fault, page};

#[test]
fn rows_come_in_the_files_order_and_columns_in_the_callers() {
    let bench = Bench::new().file("sales.csv", "region,amount\nsouth,3\nnorth,1\nwest,\n");
    let mut client = bench.serve_files();
    client.check(
        "preview_rows",
        json!({"sheet": "sales"}),
        page(&[("region", "VARCHAR"), ("amount", "BIGINT")], json!([["south", 3], ["north", 1], ["west", null]])),
    );
    client.check(
        "preview_rows",
        json!({"sheet": "Sales", "columns": ["AMOUNT", "region"], "n_rows": 1, "offset": 1}),
        json!({
            "columns": [{"name": "amount", "type": "BIGINT"}, {"name": "region", "type": "VARCHAR"}],
            "rows": [[1, "north"]], "n_rows": 1, "n_total": 3, "truncated": true, "next_offset": 2,
        }),
    );
}

#[test]
fn pages_put_together_are_the_whole() {
    let text: String = (0..1000).map(|i| format!("{i},{}\n", "x".repeat(i % 90))).collect();
    let bench = Bench::new().file("long.csv", format!("id,text\n{text}"));
    let mut client = bench.serve_files();
    let (mut offset, mut together) = (json!(0), Vec::new());
    loop {
        let page = client
            .call("preview_rows", &json!({"sheet": "long", "n_rows": 400, "offset": offset, "max_bytes": 9000}))
            .unwrap();
        assert!(page.to_string().len() <= 9000);
        together.extend(page["rows"].as_array().unwrap().clone());
        let Some(next) = page.get("next_offset") else { break };
        offset = next.clone();
    }
    let whole: Vec<Value> =
        (0..1000).map(|i| json!([i, if i % 90 == 0 { Value::Null } else { json!("x".repeat(i % 90)) }])).collect();
    assert_eq!(together, whole);
}

#[test]
fn what_does_not_exist_gets_a_suggestion() {
    let bench = Bench::new().file("sales.csv", "region,amount\nsouth,3\n");
    let mut client = bench.serve_files();
    client.check_fault(
        "preview_rows",
        json!({"sheet": "salse"}),
        fault("sheet_not_found", "no sheet is named `salse`", "did you mean `sales`?"),
    );
    client.check_fault(
        "preview_rows",
        json!({"sheet": "sales", "columns": ["amuont"]}),
        fault("column_not_found", "`sales` has no column `amuont`", "did you mean `amount`?"),
    );
    client.check_fault(
        "preview_rows",
        json!({"sheet": "sales", "columns": ["zzzzzzz"]}),
        fault(
            "column_not_found",
            "`sales` has no column `zzzzzzz`",
            "`describe_sheet` without `columns` lists them all",
        ),
    );
}
