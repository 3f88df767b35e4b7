//! `delete_sheet`.

use serde_json::json;

use crate::harness::{Bench, fault};

#[test]
fn a_deleted_sheet_is_gone_and_its_file_stays_and_can_be_imported_again() {
    let bench = Bench::new().file("sales.csv", "a\n1\n2\n");
    let mut client = bench.serve_files();
    client.check("delete_sheet", json!({"sheet": "sales"}), json!({"deleted": "sales", "n_rows": 2}));
    client.check(
        "list_sheets",
        json!({}),
        json!({
            "sheets": [], "n_total": 0, "notes": ["there are no sheets yet: call `import_file`"],
        }),
    );
    client.check_fault(
        "query",
        json!({"sql": "from sales"}),
        fault(
            "sheet_not_found",
            "the sheet `sales` was deleted",
            "`restore_version` with sheet `sales` brings it back",
        ),
    );
    for (tool, args) in [
        ("describe_sheet", json!({"sheet": "Sales"})),
        ("preview_rows", json!({"sheet": "sales"})),
        ("transform_sheet", json!({"sheet": "sales", "steps": [{"op": "limit", "n": 1}]})),
    ] {
        let fault = client.call(tool, &args).unwrap_err();
        assert_eq!(fault["message"], "the sheet `sales` was deleted", "{tool}");
    }
    assert!(bench.path("sales.csv").exists());
    let again = client.call("import_file", &json!({"path": "$FILES/sales.csv"})).unwrap();
    assert_eq!([&again["sheets"][0]["name"], &again["sheets"][0]["state"]], ["sales", "new"]);
    assert_eq!(client.rows("from sales"), json!([[1], [2]]));
}

#[test]
fn names_are_found_in_any_case_and_an_unknown_one_gets_a_suggestion() {
    let bench = Bench::new().file("sales.csv", "a\n1\n");
    let mut client = bench.serve_files();
    client.check_fault(
        "delete_sheet",
        json!({"sheet": "salse"}),
        fault("sheet_not_found", "no sheet is named `salse`", "did you mean `sales`?"),
    );
    client.check("delete_sheet", json!({"sheet": "SALES"}), json!({"deleted": "sales", "n_rows": 1}));
}

#[test]
fn one_sheet_of_a_workbook_can_go_alone() {
    let bench = Bench::new().file("book.xlsx", super::import_file::two_sheets());
    let mut client = bench.serve_files();
    client.check("delete_sheet", json!({"sheet": "costs"}), json!({"deleted": "costs", "n_rows": 1}));
    assert_eq!(client.rows("select count(*) from sales"), json!([[2]]));
}
