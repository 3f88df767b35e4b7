//! `transform_sheet`.

use serde_json::{Value, json};

use crate::harness::{Bench, Client, code_of, fault};

const SALES: &str = "id,region,price,day,name,qty\n\
    1,north,\"1,200.50\",13/04/2024,\"Doe, Ann\",2\n\
    2, South ,$5.00,25/12/2024,\"Roe, Bob\",\n\
    3,north,(7.25),1 Feb 2024,,4\n\
    3,north,(7.25),1 Feb 2024,,4\n";

fn bench() -> Bench {
    Bench::new().file("sales.csv", SALES).file("staff.csv", "region,boss,id\nnorth,Nia,7\nsouth,Sue,8\nnorth,Ned,9\n")
}

/// Column names and rows of `sales` after the steps, which are undone again.
#[track_caller]
fn after(client: &mut Client<'_>, steps: &Value) -> [Value; 2] {
    let args = json!({"sheet": "sales", "steps": steps});
    let reply = client.call("transform_sheet", &args).unwrap_or_else(|fault| panic!("{steps}: {fault}"));
    let page = client.call("query", &json!({"sql": "from sales"})).unwrap();
    assert_eq!(reply["n_rows"], page["n_rows"], "{steps}");
    client.call("restore_version", &json!({"sheet": "sales", "version": 1})).unwrap();
    [names(&page["columns"]), page["rows"].clone()]
}

fn names(columns: &Value) -> Value {
    columns.as_array().unwrap().iter().map(|column| column["name"].clone()).collect()
}

#[test]
fn every_op_makes_the_table_that_its_words_promise() {
    let bench = bench();
    let mut client = bench.serve_files();
    let few = json!({"op": "select", "columns": ["id", "region", "qty"]});
    for (step, columns, rows) in [
        (
            json!({"op": "filter", "expr": "qty > 2 and id = 3"}),
            json!(["id", "region", "qty"]),
            json!([[3, "north", 4], [3, "north", 4]]),
        ),
        (json!({"op": "drop", "column": "region"}), json!(["id", "qty"]), json!([[1, 2], [2, null], [3, 4], [3, 4]])),
        (
            json!({"op": "rename", "columns": {"QTY": "n", "id": "key"}}),
            json!(["key", "region", "n"]),
            json!([[1, "north", 2], [2, " South ", null], [3, "north", 4], [3, "north", 4]]),
        ),
        (
            json!({"op": "cast", "columns": ["qty"], "to": "text"}),
            json!(["id", "region", "qty"]),
            json!([[1, "north", "2"], [2, " South ", null], [3, "north", "4"], [3, "north", "4"]]),
        ),
        (
            json!({"op": "derive", "column": "twice", "expr": "qty * 2 -- each"}),
            json!(["id", "region", "qty", "twice"]),
            json!([[1, "north", 2, 4], [2, " South ", null, null], [3, "north", 4, 8], [3, "north", 4, 8]]),
        ),
        (
            json!({"op": "derive", "column": "id", "expr": "sum(id) over (order by id desc)"}),
            json!(["id", "region", "qty"]),
            json!([[9, "north", 2], [8, " South ", null], [6, "north", 4], [6, "north", 4]]),
        ),
        (
            json!({"op": "fill", "columns": ["qty"], "value": 0}),
            json!(["id", "region", "qty"]),
            json!([[1, "north", 2], [2, " South ", 0], [3, "north", 4], [3, "north", 4]]),
        ),
        (
            json!({"op": "fill", "columns": ["qty"], "method": "backward"}),
            json!(["id", "region", "qty"]),
            json!([[1, "north", 2], [2, " South ", 4], [3, "north", 4], [3, "north", 4]]),
        ),
        (
            json!({"op": "replace", "columns": ["region"], "values": {"north": "N", " South ": "S"}}),
            json!(["id", "region", "qty"]),
            json!([[1, "N", 2], [2, "S", null], [3, "N", 4], [3, "N", 4]]),
        ),
        (
            json!({"op": "replace", "columns": ["region"], "from": "^(.).*", "to": "\\1", "mode": "regex"}),
            json!(["id", "region", "qty"]),
            json!([[1, "n", 2], [2, " ", null], [3, "n", 4], [3, "n", 4]]),
        ),
        (
            json!({"op": "replace", "columns": ["qty"], "from": 4, "to": null}),
            json!(["id", "region", "qty"]),
            json!([[1, "north", 2], [2, " South ", null], [3, "north", null], [3, "north", null]]),
        ),
        (
            json!({"op": "trim", "case": "title"}),
            json!(["id", "region", "qty"]),
            json!([[1, "North", 2], [2, "South", null], [3, "North", 4], [3, "North", 4]]),
        ),
        (
            json!({"op": "split", "column": "region", "by": "o", "into": ["a", "b"]}),
            json!(["id", "a", "b", "qty"]),
            json!([[1, "n", "rth", 2], [2, " S", "uth ", null], [3, "n", "rth", 4], [3, "n", "rth", 4]]),
        ),
        (
            json!({"op": "merge", "columns": ["qty", "id"], "by": "-", "to": "both"}),
            json!(["both", "region"]),
            json!([["2-1", "north"], ["2", " South "], ["4-3", "north"], ["4-3", "north"]]),
        ),
        (
            json!({"op": "dedupe"}),
            json!(["id", "region", "qty"]),
            json!([[1, "north", 2], [2, " South ", null], [3, "north", 4]]),
        ),
        (
            json!({"op": "dedupe", "columns": ["region"], "keep": "last"}),
            json!(["id", "region", "qty"]),
            json!([[2, " South ", null], [3, "north", 4]]),
        ),
        (
            json!({"op": "sort", "by": ["-qty", "id"]}),
            json!(["id", "region", "qty"]),
            json!([[3, "north", 4], [3, "north", 4], [1, "north", 2], [2, " South ", null]]),
        ),
        (json!({"op": "limit", "n": 1, "offset": 1}), json!(["id", "region", "qty"]), json!([[2, " South ", null]])),
        (
            json!({"op": "group", "by": ["region"], "aggregates": {"n": "count(*)", "total": "sum(qty)"}}),
            json!(["region", "n", "total"]),
            json!([[" South ", 1, null], ["north", 3, 10]]),
        ),
        (
            json!({"op": "pivot", "by": ["id"], "column": "region", "values": "qty", "aggregate": "max"}),
            json!(["id", " South ", "north"]),
            json!([[1, null, 2], [2, null, null], [3, null, 4]]),
        ),
        (
            json!({"op": "unpivot", "columns": ["id", "qty"], "name": "what", "value": "n"}),
            json!(["region", "what", "n"]),
            json!([
                ["north", "id", 1],
                ["north", "qty", 2],
                [" South ", "id", 2],
                [" South ", "qty", null],
                ["north", "id", 3],
                ["north", "qty", 4],
                ["north", "id", 3],
                ["north", "qty", 4],
            ]),
        ),
        (
            json!({"op": "join", "sheet": "staff", "on": "region"}),
            json!(["id", "region", "qty", "boss", "id_staff"]),
            json!([
                [1, "north", 2, "Nia", 7],
                [1, "north", 2, "Ned", 9],
                [2, " South ", null, null, null],
                [3, "north", 4, "Nia", 7],
                [3, "north", 4, "Ned", 9],
                [3, "north", 4, "Nia", 7],
                [3, "north", 4, "Ned", 9],
            ]),
        ),
        (
            json!({"op": "join", "sheet": "staff", "on": {"region": "region"}, "how": "anti"}),
            json!(["id", "region", "qty"]),
            json!([[2, " South ", null]]),
        ),
        (
            json!({"op": "union", "sheet": "staff"}),
            json!(["id", "region", "qty", "boss"]),
            json!([
                [1, "north", 2, null],
                [2, " South ", null, null],
                [3, "north", 4, null],
                [3, "north", 4, null],
                [7, "north", null, "Nia"],
                [8, "south", null, "Sue"],
                [9, "north", null, "Ned"],
            ]),
        ),
        (
            json!({"op": "window", "column": "n", "expr": "row_number()", "by": ["region"], "order": ["-qty"]}),
            json!(["id", "region", "qty", "n"]),
            json!([[1, "north", 2, 3], [2, " South ", null, 1], [3, "north", 4, 1], [3, "north", 4, 2]]),
        ),
        (
            json!({"op": "sql", "sql": "with n as (select count(*) as n from this) select id, n from this, n order by id desc limit 2;"}),
            json!(["id", "n"]),
            json!([[3, 4], [3, 4]]),
        ),
    ] {
        assert_eq!(after(&mut client, &json!([few, step])), [columns, rows], "{step}");
    }
}

#[test]
fn dates_and_numbers_are_read_in_the_forms_that_people_write() {
    let forms = "d,n\n\"Monday, 3 March 2025\",\"€ 1.234,50\"\n2025-03-04,\"-0,5\"\n\"Mar 5th, 2025\",12-\n31.12.24,\"(1.000,25)\"\n,\n";
    let bench = Bench::new().file("sales.csv", forms);
    let mut client = bench.serve_files();
    let steps = json!([{"op": "parse_dates", "columns": ["d"]}, {"op": "parse_numbers", "columns": ["n"]}]);
    assert_eq!(
        after(&mut client, &steps),
        [
            json!(["d", "n"]),
            json!([["2025-03-03", 1234.5], ["2025-03-04", -0.5], ["2025-03-05", -12.0], ["2024-12-31", -1000.25]])
        ]
    );
    let bench = Bench::new().file("sales.csv", "d,k\n3/4/2024 x,a\n3/4/2024,b\n");
    let mut client = bench.serve_files();
    let steps = json!([{"op": "replace", "columns": ["d"], "from": " x", "to": "", "mode": "part"}, {"op": "parse_dates", "columns": ["d"]}]);
    client.check_fault(
        "transform_sheet",
        json!({"sheet": "sales", "steps": steps}),
        fault(
            "invalid_arguments",
            "step 2 (`parse_dates`): `d` can be read day first or month first, as `3/4/2024` shows",
            "say which in `format`: \"%d/%m/%Y\" or \"%m/%d/%Y\"",
        ),
    );
}

#[test]
fn a_new_version_says_what_changed_and_a_dry_run_changes_nothing() {
    let bench = bench();
    let mut client = bench.serve_files();
    let steps = json!([
        {"op": "drop", "columns": ["name", "day"]},
        {"op": "cast", "columns": ["region"], "to": "DOUBLE"},
        {"op": "derive", "column": "twice", "expr": "qty * 2"},
        {"op": "dedupe"},
    ]);
    let seen = client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps, "dry_run": true})).unwrap();
    assert_eq!(
        seen,
        json!({
            "sheet": "sales", "based_on": 1, "n_rows_before": 4, "n_rows": 3,
            "columns": [
                {"name": "id", "type": "BIGINT"}, {"name": "region", "type": "DOUBLE"},
                {"name": "price", "type": "DECIMAL(18,2)"}, {"name": "qty", "type": "BIGINT"}, {"name": "twice", "type": "BIGINT"},
            ],
            "n_columns": 5, "added": ["twice"], "removed": ["day", "name"], "retyped": ["region: VARCHAR -> DOUBLE"],
            "unconverted": [
                {"step": 2, "column": "region", "to": "DOUBLE", "n_cells": 4, "examples": [" South ", "north"]},
            ],
            "rows": [[1, null, 1200.5, 2, 4], [2, null, 5.0, null, null], [3, null, -7.25, 4, 8]],
        })
    );
    assert_eq!(client.rows("select count(*) from sales"), json!([[4]]));
    client.check_fault(
        "transform_sheet",
        json!({"sheet": "sales", "steps": steps}),
        fault(
            "invalid_arguments",
            "step 2: 4 cells of `region` can't become DOUBLE, such as ` South `, `north`",
            "mend them with a step before (`replace`, `parse_numbers`, `parse_dates`), or add `\"on_error\": \"null\"`",
        ),
    );
    let steps = json!([{"op": "cast", "columns": ["region"], "to": "DOUBLE", "on_error": "null"}]);
    let done = client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps})).unwrap();
    assert_eq!([&done["version"], &done["unconverted"][0]["n_cells"]], [&json!(2), &json!(4)]);
}

#[test]
fn a_malformed_step_gets_its_place_the_reason_and_an_example_of_its_op() {
    let bench = bench();
    let mut client = bench.serve_files();
    for (step, code, message, hint) in [
        (
            json!({"op": "flter", "expr": "true"}),
            "invalid_arguments",
            "step 2: no op is named `flter`",
            "did you mean `filter`? Such as {\"op\": \"filter\", \"expr\": \"price > 0 and region is not null\"}",
        ),
        (
            json!({"op": "limit"}),
            "invalid_arguments",
            "step 2 (`limit`): missing field `n`",
            "such as {\"op\": \"limit\", \"n\": 100}",
        ),
        (
            json!({"op": "drop", "columns": ["prise"]}),
            "column_not_found",
            "step 2 (`drop`): no column `prise`",
            "did you mean `price`?",
        ),
        (
            json!({"op": "filter", "expr": "prise > 1"}),
            "column_not_found",
            "step 2 (`filter`): no column `prise`",
            "did you mean `price`? Quote texts as 'text', and odd names as \"name\"",
        ),
        (
            json!({"op": "rename", "columns": {"id": "qty"}}),
            "invalid_arguments",
            "step 2 (`rename`): two columns would be named `qty`",
            "give one of them another name",
        ),
        (
            json!({"op": "join", "sheet": "staf", "on": "region"}),
            "sheet_not_found",
            "step 2 (`join`): no sheet is named `staf`",
            "did you mean `staff`? `list_sheets` has all the names",
        ),
        (
            json!({"op": "filter", "expr": "read_text('/etc/passwd') > ''"}),
            "sql_refused",
            "step 2 (`filter`): the function `read_text` is not allowed",
            "files are read with `import_file`; then query the sheet by its name",
        ),
        (
            json!({"op": "sql", "sql": "from read_csv('/etc/passwd')"}),
            "sql_refused",
            "step 2 (`sql`): the table function `read_csv` is not allowed",
            "files are read with `import_file`; then query the sheet by its name",
        ),
    ] {
        let args = json!({"sheet": "sales", "steps": [{"op": "limit", "n": 3}, step]});
        client.check_fault("transform_sheet", args, fault(code, message, hint));
    }
}

#[test]
fn an_expression_can_not_break_out_of_its_place() {
    let bench = bench();
    let mut client = bench.serve_files();
    for expr in [
        "true) from staff where (true",
        "true) union all select * from staff where (true",
        "true), (false",
        "true /*",
        "true --\n) --",
        "true; drop table sales",
        "(true",
        "true) limit (1",
        "id) over (",
        "*",
        "true) -- ",
        "$1",
    ] {
        for step in [
            json!({"op": "filter", "expr": expr}),
            json!({"op": "derive", "column": "x", "expr": expr}),
            json!({"op": "window", "column": "x", "expr": expr}),
            json!({"op": "group", "aggregates": {"x": expr}}),
        ] {
            let outcome = client.call("transform_sheet", &json!({"sheet": "sales", "steps": [step]}));
            assert!(["invalid_sql", "sql_refused"].contains(&code_of(&outcome).as_str()), "{step}: {outcome:?}");
        }
    }
    assert_eq!(client.call("describe_sheet", &json!({"sheet": "sales"})).unwrap()["version"], 1);
}

#[test]
fn saved_as_a_new_sheet_it_leaves_the_old_one_and_its_steps_serve_another() {
    let bench = bench().file("sales_2.csv", format!("{SALES}3,north,,,,\n"));
    let mut client = bench.serve_files();
    let steps = json!([{"op": "select", "columns": ["id", "region"]}, {"op": "trim"}]);
    let made = client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps, "save_as": "Clean"})).unwrap();
    assert_eq!([&made["sheet"], &made["version"], &made["based_on"]], [&json!("clean"), &json!(1), &json!(1)]);
    assert_eq!(client.rows("select region from clean"), json!([["north"], ["South"], ["north"], ["north"]]));
    assert_eq!(client.call("describe_sheet", &json!({"sheet": "sales"})).unwrap()["version"], 1);
    assert_eq!(client.call("describe_sheet", &json!({"sheet": "clean"})).unwrap()["source"], "made from `sales`");
    client.check_fault(
        "transform_sheet",
        json!({"sheet": "sales", "steps": steps, "save_as": "clean"}),
        fault(
            "invalid_arguments",
            "there is a sheet named `clean` already",
            "give another name, or leave `save_as` out to make a new version of the sheet",
        ),
    );
    client
        .call("transform_sheet", &json!({"sheet": "sales_2", "steps_of": "clean", "steps": [{"op": "dedupe"}]}))
        .unwrap();
    assert_eq!(client.rows("from sales_2"), json!([[1, "north"], [2, "South"], [3, "north"]]));
}

#[test]
fn a_change_of_a_version_that_is_no_longer_current_is_a_conflict() {
    let bench = bench();
    let mut client = bench.serve_files();
    let steps = json!([{"op": "limit", "n": 2}]);
    client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps, "based_on": 1})).unwrap();
    let late = bench.call("transform_sheet", &json!({"sheet": "sales", "steps": steps, "based_on": 1}));
    assert_eq!(code_of(&late), "conflict");
}

#[test]
fn of_two_processes_that_change_one_version_exactly_one_succeeds() {
    let rows: String = (0..200_000).map(|row| format!("{row},{}\n", row % 7)).collect();
    let bench = Bench::new().file("big.csv", format!("id,k\n{rows}"));
    let mut one = bench.serve_files();
    let mut two = bench.serve();
    let args = json!({"sheet": "big", "steps": [{"op": "sort", "by": ["-k", "-id"]}], "based_on": 1});
    let (first, second) = (one.begin("transform_sheet", &args), two.begin("transform_sheet", &args));
    let mut codes = [code_of(&one.outcome(first)), code_of(&two.outcome(second))];
    codes.sort();
    assert_eq!(codes, ["conflict", "ok"]);
    assert_eq!(one.call("describe_sheet", &json!({"sheet": "big", "columns": ["k"]})).unwrap()["version"], 2);
}

#[test]
fn sums_beyond_64_bits_and_types_that_no_file_holds_are_kept_with_a_note() {
    let bench = Bench::new().file("sales.csv", "a,b\n9223372036854775807,x\n9223372036854775807,x\n");
    let mut client = bench.serve_files();
    let steps = json!([{"op": "cast", "columns": ["a"], "to": "BIGINT"}, {"op": "group", "by": ["b"], "aggregates": {"s": "sum(a)", "bits": "bit_or('101'::bit)"}}]);
    let done = client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps})).unwrap();
    assert_eq!(
        [&done["columns"][1]["type"], &done["columns"][2]["type"], &done["rows"]],
        [&json!("DECIMAL(38,0)"), &json!("VARCHAR"), &json!([["x", "18446744073709551614", "101"]])]
    );
    assert_eq!(done["notes"].as_array().unwrap().len(), 2);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_killed_at_any_moment_of_a_transform_leaves_the_old_version_or_the_new_one() {
    use std::time::Duration;

    use crate::harness::process::linux::kill;

    let rows: String = (0..60_000).map(|row| format!("{row},{}\n", row % 7)).collect();
    let bench = Bench::new().file("big.csv", format!("id,k\n{rows}"));
    let sums = json!([[60_000, 1_799_970_000]]);
    drop(bench.serve_files());
    let mut versions = 1;
    for round in 0..12_u64 {
        let mut client = bench.serve();
        let tool = if round % 3 == 2 { "restore_version" } else { "transform_sheet" };
        let args = if tool == "restore_version" {
            json!({"sheet": "big"})
        } else {
            json!({"sheet": "big", "steps": [{"op": "sort", "by": ["k", if round % 2 == 0 { "id" } else { "-id" }]}]})
        };
        client.begin(tool, &args);
        // A different moment each round; whatever it hits, what follows must hold.
        let (_, nothing) = std::sync::mpsc::channel::<()>();
        let _ = nothing.recv_timeout(Duration::from_millis(round * 23));
        kill(client.pid());
        drop(client);
        let mut client = bench.serve();
        let history = client.call("sheet_history", &json!({"sheet": "big"})).unwrap();
        let found = history["versions"].as_array().unwrap().len();
        assert!(found == versions || found == versions + 1, "{found} after {versions}");
        versions = found;
        for version in history["versions"].as_array().unwrap() {
            assert_eq!(version["n_rows"], 60_000);
        }
        assert_eq!(client.rows("select count(*), sum(id) from big"), sums);
    }
}
