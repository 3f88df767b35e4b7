//! `list_sheets`.

use serde_json::{Value, json};

use crate::harness::{Bench, fault};

fn seven() -> Bench {
    (0..7).fold(Bench::new(), |bench, i| bench.file(&format!("part_{i}.csv"), format!("id,amount_{i}\n1,2\n")))
}

fn names(reply: &Value) -> Vec<String> {
    let sheets = reply["sheets"].as_array().unwrap().iter();
    sheets.map(|sheet| sheet["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_sheet_says_where_it_comes_from() {
    let bench = Bench::new()
        .file("sales.csv", "region,amount\nnorth,1\nsouth,x\n")
        .file("book.xlsx", super::import_file::two_sheets());
    let mut client = bench.serve_files();
    client.check("list_sheets", json!({}), json!({
        "sheets": [
            {"name": "costs", "n_rows": 1, "n_columns": 1, "columns": ["cost"], "source": "$FILES/book.xlsx", "title": "Costs", "hidden": true, "n_issues": 0},
            {"name": "sales", "n_rows": 2, "n_columns": 2, "columns": ["item", "price"], "source": "$FILES/book.xlsx", "title": "Sales", "n_issues": 0},
            {"name": "sales_2", "n_rows": 2, "n_columns": 2, "columns": ["region", "amount"], "source": "$FILES/sales.csv", "title": "sales", "n_issues": 0},
        ],
        "n_total": 3,
    }));
}

#[test]
fn pages_put_together_are_the_whole() {
    let bench = seven();
    let mut client = bench.serve_files();
    let whole = names(&client.call("list_sheets", &json!({})).unwrap());
    assert_eq!(whole.len(), 7);
    let (mut cursor, mut together, mut n_pages) = (json!(""), Vec::new(), 0);
    loop {
        let page = client.call("list_sheets", &json!({"limit": 3, "cursor": cursor})).unwrap();
        assert_eq!(page["n_total"], 7);
        together.extend(names(&page));
        n_pages += 1;
        let Some(next) = page.get("next_cursor") else { break };
        cursor = next.clone();
    }
    assert_eq!((together, n_pages), (whole, 3));
}

#[test]
fn a_page_over_its_bytes_goes_on_after_its_last_sheet() {
    let bench = seven();
    let mut client = bench.serve_files();
    let first = client.call("list_sheets", &json!({"max_bytes": 1000})).unwrap();
    assert!(first.to_string().len() <= 1000);
    let rest = client.call("list_sheets", &json!({"cursor": first["next_cursor"]})).unwrap();
    assert_eq!([names(&first), names(&rest)].concat(), (0..7).map(|i| format!("part_{i}")).collect::<Vec<_>>());
}

#[test]
fn a_search_looks_at_names_titles_files_and_columns_in_any_case() {
    let bench = seven().file("costs.csv", "Département\nx\n");
    let mut client = bench.serve_files();
    for (search, found) in [
        ("PART_3", vec!["part_3"]),
        ("amount_4", vec!["part_4"]),
        ("costs.csv", vec!["costs"]),
        ("épart", vec!["costs"]),
        ("100%", vec![]),
        ("ÉPART", vec!["costs"]),
        // What a column's JSON holds besides its name.
        ("type", vec![]),
        ("bigint", vec![]),
        ("\"", vec![]),
        ("part_", (0..7).map(|i| ["part_0", "part_1", "part_2", "part_3", "part_4", "part_5", "part_6"][i]).collect()),
    ] {
        let reply = client.call("list_sheets", &json!({"search": search})).unwrap();
        assert_eq!(
            (names(&reply), &reply["n_total"]),
            (found.iter().map(|it| (*it).to_owned()).collect(), &json!(found.len())),
            "{search}"
        );
    }
}

#[test]
fn arguments_out_of_their_kind_are_refused_and_nulls_are_defaults() {
    let bench = Bench::new();
    let mut client = bench.serve();
    client.check_fault(
        "list_sheets",
        json!({"limit": "many"}),
        fault(
            "invalid_arguments",
            "`list_sheets`: `limit` is the text \"many\", and must be a whole number, 0 or more",
            "its arguments are search, cursor, limit, max_bytes",
        ),
    );
    client.check_fault(
        "list_sheets",
        json!({"page": 2}),
        fault(
            "invalid_arguments",
            "`list_sheets`: there is no `page`; there is `search`, `cursor`, `limit`",
            "its arguments are search, cursor, limit, max_bytes",
        ),
    );
    client.check_fault(
        "list_sheets",
        json!({"max_bytes": 10}),
        fault("invalid_arguments", "`max_bytes` can't be 10", "give a whole number from 1000 to 1000000"),
    );
    assert!(client.call("list_sheets", &json!({"search": null, "limit": null, "max_bytes": null})).is_ok());
}
