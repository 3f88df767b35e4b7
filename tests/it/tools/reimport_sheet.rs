//! `reimport_sheet`: one decision of a reading changed, without the file again.

use serde_json::{Value, json};

use crate::harness::{Bench, Client, fault};

const SALES: &str = "Report,\n\nregion,amount\nNorth,10\nSouth,20\nTotal,30\n";

/// Changes a decision; gives the sheet's state, columns with types, and rows.
fn change(client: &mut Client, sheet: &str, change: Value) -> Value {
    let reply = client.call("reimport_sheet", &json!({"sheet": sheet, "change": change})).unwrap();
    let columns: Vec<String> = reply["sheets"][0]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| format!("{} {}", column["name"].as_str().unwrap(), column["type"].as_str().unwrap()))
        .collect();
    json!([reply["sheets"][0]["state"], columns, client.rows(&format!("from {sheet}"))])
}

#[test]
fn every_decision_of_an_upload_can_be_changed() {
    let bench = Bench::new();
    let mut client = bench.serve();
    client.call("import_file", &json!({"name": "sales.csv", "content": SALES})).unwrap();
    assert_eq!(client.rows("from sales"), json!([["North", 10], ["South", 20]]));
    let names = json!(["region VARCHAR", "amount BIGINT"]);
    assert_eq!(
        change(&mut client, "sales", json!({"totals": "keep"})),
        json!(["changed", names, [["North", 10], ["South", 20], ["Total", 30]]])
    );
    assert_eq!(
        change(&mut client, "sales", json!({"header_rows": [4]})),
        json!(["changed", ["North VARCHAR", "10 BIGINT"], [["South", 20], ["Total", 30]]])
    );
    assert_eq!(
        change(&mut client, "sales", json!({"region": "B3:B5", "header_rows": [3]})),
        json!(["changed", ["amount BIGINT"], [[10], [20]]])
    );
    assert_eq!(
        change(&mut client, "sales", json!({"types": {"amount": "text"}})),
        json!(["changed", ["amount VARCHAR"], [["10"], ["20"]]])
    );
    // What was changed before stays, and the same file again is read the same way.
    let again = client.call("import_file", &json!({"name": "sales.csv", "content": SALES})).unwrap();
    assert_eq!(again["sheets"][0]["state"], "unchanged");
    assert_eq!(client.rows("from sales"), json!([["10"], ["20"]]));
    let history = client.call("sheet_history", &json!({"sheet": "sales"})).unwrap();
    assert_eq!(history["versions"][0]["made_by"], "reimport_sheet", "{history}");
}

#[test]
fn delimiter_encoding_and_the_order_of_dates() {
    let bench = Bench::new().file("a.csv", b"d;n\n01/02/2024;caf\xe9,1\n03/04/2024;b,2\n".as_slice());
    let mut client = bench.serve_files();
    assert_eq!(
        change(&mut client, "a", json!({"day_first": true})),
        json!(["changed", ["d DATE", "n VARCHAR"], [["2024-02-01", "café,1"], ["2024-04-03", "b,2"]]])
    );
    assert_eq!(
        change(&mut client, "a", json!({"day_first": false})),
        json!(["changed", ["d DATE", "n VARCHAR"], [["2024-01-02", "café,1"], ["2024-03-04", "b,2"]]])
    );
    assert_eq!(
        change(&mut client, "a", json!({"delimiter": ",", "encoding": "iso-8859-2", "header_rows": [1]}))[1],
        json!(["d;n VARCHAR", "column_2 BIGINT"])
    );
}

#[test]
fn the_steps_of_a_sheet_are_applied_to_its_new_rows() {
    let bench = Bench::new().file("sales.csv", SALES);
    let mut client = bench.serve_files();
    let steps = json!([{"op": "derive", "column": "twice", "expr": "amount * 2"}]);
    client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps})).unwrap();
    let reply = client.call("reimport_sheet", &json!({"sheet": "sales", "change": {"totals": "keep"}})).unwrap();
    assert_eq!(reply["notes"], json!(["the 1 steps of `sales` were applied to the new rows"]));
    assert_eq!(client.rows("select twice from sales"), json!([[20], [40], [60]]));
    // A file that changes is read with what was changed.
    bench.write("sales.csv", format!("{SALES}\n").replace("20", "25"));
    assert_eq!(client.rows("select twice from sales"), json!([[20], [50], [60]]));
}

#[test]
fn a_cell_that_is_not_of_the_wanted_type_is_null_and_told() {
    let bench = Bench::new().file("a.csv", "n\n1\nx\n3\n");
    let mut client = bench.serve_files();
    let reply = client.call("reimport_sheet", &json!({"sheet": "a", "change": {"types": {"N": "BIGINT"}}})).unwrap();
    assert_eq!(client.rows("from a"), json!([[1], [null], [3]]));
    let issue = &reply["sheets"][0]["issues"][0];
    assert_eq!((&issue["code"], &issue["examples"]), (&json!("unconverted_values"), &json!(["A3: x"])));
}

#[test]
fn what_can_t_be_changed_is_told() {
    let bench = Bench::new().file("a.csv", "n\n1\n");
    let mut client = bench.serve_files();
    let mut check = |change: Value, code: &str, message: &str, hint: &str| {
        client.check_fault("reimport_sheet", json!({"sheet": "a", "change": change}), fault(code, message, hint));
    };
    check(
        json!({}),
        "invalid_arguments",
        "nothing is to be read differently",
        "give one of `header_rows`, `region`, `types`, `day_first`, `totals`, `delimiter` and `encoding`",
    );
    check(
        json!({"region": "5"}),
        "invalid_arguments",
        "`5` is not a region",
        "write it as `A5:H20`, header included, or as `A:H` for all rows of some columns",
    );
    check(json!({"types": {"m": "DATE"}}), "column_not_found", "`a` has no column `m`", "`describe_sheet` lists them");
    check(
        json!({"types": {"n": "BLOB"}}),
        "invalid_arguments",
        "a column can't be read as `BLOB`",
        "use VARCHAR, BIGINT, DOUBLE, DECIMAL(18,2), BOOLEAN, DATE, TIME, TIMESTAMP, TIMESTAMP WITH TIME ZONE or INTERVAL",
    );
    check(
        json!({"header_rows": [9]}),
        "invalid_arguments",
        "row 9 can't head the columns: it is blank, or beyond the first rows",
        "rows count from 1 over all of the file's records; leave `header_row` out to have it found",
    );
    client.call("transform_sheet", &json!({"sheet": "a", "steps": [{"op": "limit", "n": 1}], "save_as": "b"})).unwrap();
    client.check_fault(
        "reimport_sheet",
        json!({"sheet": "b", "change": {"totals": "keep"}}),
        fault(
            "invalid_arguments",
            "`b` was not read from a file",
            "it was made from `a`: read that again, or change this one by `transform_sheet`",
        ),
    );
}
