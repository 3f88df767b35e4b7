//! `transform_sheet`.

use std::fmt::Write as _;

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
            json!({"op": "trim", "columns": ["region", "qty"], "case": "upper"}),
            json!(["id", "region", "qty"]),
            json!([[1, "NORTH", 2], [2, "SOUTH", null], [3, "NORTH", 4], [3, "NORTH", 4]]),
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
    assert_eq!(
        client.call("describe_sheet", &json!({"sheet": "clean"})).unwrap()["source"],
        "made from version 1 of `sales`"
    );
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

/// What the steps make of a file called `sales`, all columns and rows.
#[track_caller]
fn made(content: &str, steps: &Value) -> [Value; 2] {
    let bench = Bench::new().file("sales.csv", content);
    after(&mut bench.serve_files(), steps)
}

#[test]
fn steps_in_the_forms_of_other_tools_are_taken() {
    let file = "k,sales,note\nb,2, x \na,1,y\nb,4,z\n";
    for (step, rows) in [
        (json!({"op": "group", "by": "k", "aggregates": {"sales": "sum"}}), json!([["a", 1], ["b", 6]])),
        (
            json!({"op": "group", "by": ["k"], "aggregate": {"sales": ["mean", "count"]}}),
            json!([["a", 1, 1], ["b", 3, 2]]),
        ),
        (
            json!({"op": "group", "by": ["k"], "aggregates": [{"column": "sales", "function": "max", "as": "top"},
                   {"column": "*", "function": "count", "as": "n"}]}),
            json!([["a", 1, 1], ["b", 4, 2]]),
        ),
        (json!({"op": "pivot", "by": [], "column": "k", "values": ["sales"]}), json!([[1, 6]])),
        (json!([{"op": "trim", "columns": "*"}, {"op": "filter", "expr": "note = 'x'"}]), json!([["b", 2, "x"]])),
        (
            json!({"op": "join", "sheet": "sales", "left_on": ["k", "note"], "right_on": ["k", "note"], "how": "semi"}),
            json!([["b", 2, " x "], ["a", 1, "y"], ["b", 4, "z"]]),
        ),
        (json!("[{\"op\": \"limit\", \"n\": 1}]"), json!([["b", 2, " x "]])),
    ] {
        assert_eq!(made(file, &step)[1], rows, "{step}");
    }
    let bench = Bench::new().file("sales.csv", file);
    let mut client = bench.serve_files();
    let fault = client.call("transform_sheet", &json!({"sheet": "sales", "steps": "[{"})).unwrap_err();
    assert!(fault["message"].as_str().unwrap().contains("`steps` is no JSON"), "{fault}");
    let step = json!({"op": "group", "by": ["k"], "aggregates": {"sales": "total"}});
    let fault = client.call("transform_sheet", &json!({"sheet": "sales", "steps": [step]})).unwrap_err();
    assert_eq!(fault["code"], "column_not_found", "{fault}");
}

#[test]
fn an_expression_gives_one_value_per_row_or_is_refused() {
    let bench = Bench::new().file("sales.csv", "id,v\n1,a\n2,b\n3,c\n");
    let mut client = bench.serve_files();
    let alone = json!({"op": "drop", "columns": ["v"]});
    for (step, message) in [
        (
            json!({"op": "derive", "column": "x", "expr": "unnest([1,2,3])"}),
            "`unnest([1,2,3])` makes several rows of one",
        ),
        (
            json!({"op": "derive", "column": "x", "expr": "generate_subscripts([1,2], 1)"}),
            "`generate_subscripts([1,2], 1)` makes several rows of one",
        ),
        (json!({"op": "derive", "column": "id", "expr": "sum(id)"}), "`sum(id)` is one value for many rows"),
        (json!({"op": "derive", "column": "x", "expr": "first(id)"}), "`first(id)` is one value for many rows"),
        (json!({"op": "derive", "column": "x", "expr": "id, id"}), "`id, id` is more than one expression"),
        (json!({"op": "group", "aggregates": {"x": "unnest([1,2])"}}), "`unnest([1,2])` makes several rows of one"),
        (
            json!({"op": "group", "aggregates": {"x": "id"}}),
            "column \"id\" must appear in the GROUP BY clause or must be part of an aggregate function.",
        ),
        (json!({"op": "window", "column": "id", "expr": "1 --"}), "`1 --` is no call that goes over a window"),
        (
            json!({"op": "window", "column": "x", "expr": "sum(id) over () + 1"}),
            "`sum(id) over () + 1` is no call that goes over a window",
        ),
    ] {
        let outcome = client.call("transform_sheet", &json!({"sheet": "sales", "steps": [alone, step]}));
        assert_eq!(code_of(&outcome), "invalid_sql", "{step}");
        let message = format!("step 2 (`{}`): {message}", step["op"].as_str().unwrap());
        assert_eq!(outcome.unwrap_err()["message"], json!(message), "{step}");
    }
    let steps = json!([{"op": "derive", "column": "x", "expr": "(id, v)"}, {"op": "derive", "column": "y", "expr": "id -- it"}]);
    assert_eq!(after(&mut client, &steps)[0], json!(["id", "v", "x", "y"]));
}

#[test]
fn what_depends_on_the_order_of_rows_follows_the_sheet() {
    let rows: String = (0..400_000).map(|row| format!("{row},{},{}\n", row % 7, row % 2)).collect();
    let bench = Bench::new().file("sales.csv", format!("i,g,k\n{rows}"));
    let mut client = bench.serve_files();
    for (steps, sql, rows) in [
        (
            json!([{"op": "window", "column": "d", "expr": "i - lag(i)", "by": ["g"]}]),
            "select min(d), max(d), count(d) from sales",
            json!([[7, 7, 399_993]]),
        ),
        (
            json!([{"op": "derive", "column": "n", "expr": "row_number() over (partition by g) + first(i) over (partition by g)"}]),
            "select count(*) from sales where n <> i // 7 + 1 + g",
            json!([[0]]),
        ),
        (
            json!([{"op": "group", "by": ["g"], "aggregates": {"a": "first(i)", "z": "last(i)", "l": "list(i)[2]", "m": "arg_max(i, k)", "t": "left(string_agg(i, ','), 6)"}}]),
            "select a, z, l, m, t from sales where g = 3 order by g",
            json!([[3, 399_997, 10, 3, "3,10,1"]]),
        ),
        (
            json!([{"op": "pivot", "by": ["k"], "column": "g", "values": "i", "aggregate": "first"}]),
            "from sales",
            json!([[0, 0, 8, 2, 10, 4, 12, 6], [1, 7, 1, 9, 3, 11, 5, 13]]),
        ),
    ] {
        client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps})).unwrap();
        assert_eq!(client.rows(sql), rows, "{steps}");
        client.call("restore_version", &json!({"sheet": "sales", "version": 1})).unwrap();
    }
    let steps = json!([
        {"op": "limit", "n": 3},
        {"op": "window", "column": "all", "expr": "string_agg(i, '')"},
        {"op": "window", "column": "back", "expr": "string_agg(i, '')", "order": ["-i"]},
    ]);
    assert_eq!(
        after(&mut client, &steps)[1],
        json!([[0, 0, 0, "012", "210"], [1, 1, 1, "012", "21"], [2, 2, 0, "012", "2"]])
    );
}

#[test]
fn rows_of_long_sheets_are_filled_and_deduped_in_their_order() {
    let mut file = "id,k,v\n".to_owned();
    for id in 0..40_000_u32 {
        let v = if id % 37 == 5 { id.to_string() } else { String::new() };
        writeln!(file, "{id},{},{v}", id % 5_003).unwrap();
    }
    let bench = Bench::new().file("long.csv", file);
    let mut client = bench.serve_files();
    let mut told = |steps: Value, sql: &str| {
        client.call("transform_sheet", &json!({"sheet": "long", "steps": steps, "save_as": "made"})).unwrap();
        let rows = client.rows(sql);
        client.call("delete_sheet", &json!({"sheet": "made"})).unwrap();
        rows
    };
    let fill = json!([{"op": "fill", "columns": ["v"], "method": "forward"}]);
    let wrong = "select count(*) from made where v is distinct from if(id < 5, null, id - (id - 5) % 37)";
    assert_eq!(told(fill, wrong), json!([[0]]));
    let kept = "select count(*), min(id), max(id), count(*) filter (id < before) from \
                (select id, lag(id) over () as before from made)";
    for before in [json!([]), json!([{"op": "filter", "expr": "id >= 0"}])] {
        for (keep, expect) in [("first", json!([[5_003, 0, 5_002, 0]])), ("last", json!([[5_003, 34_997, 39_999, 0]]))]
        {
            let mut steps = before.clone();
            steps.as_array_mut().unwrap().push(json!({"op": "dedupe", "columns": ["k"], "keep": keep}));
            assert_eq!(told(steps, kept), expect);
        }
    }
}

#[test]
fn a_column_called_like_the_row_number_is_a_column_like_others() {
    let file = "#row,b\n3,1\n2,1\n1,1\n";
    assert_eq!(made(file, &json!([{"op": "sort", "by": ["b"]}]))[1], json!([[3, 1], [2, 1], [1, 1]]));
    assert_eq!(made(file, &json!([{"op": "dedupe", "columns": ["b"], "keep": "last"}]))[1], json!([[1, 1]]));
    assert_eq!(
        made(file, &json!([{"op": "join", "sheet": "sales", "on": "#row"}]))[1],
        json!([[3, 1, 1], [2, 1, 1], [1, 1, 1]])
    );
}

#[test]
fn a_reply_of_many_columns_that_do_not_convert_is_cut_and_the_version_is_told() {
    let names: Vec<String> = (0..200).map(|number| format!("a_column_with_a_long_name_{number}")).collect();
    let row = vec!["some text that is no number"; 200].join(",");
    let bench = Bench::new().file("sales.csv", format!("{}\n{row}\n{row}\n", names.join(",")));
    let mut client = bench.serve_files();
    let steps = json!([{"op": "cast", "columns": names, "to": "BIGINT", "on_error": "null"}]);
    let done = client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps})).unwrap();
    assert_eq!(done["version"], 2);
    assert_eq!(done["unconverted"].as_array().unwrap().len(), 20);
    assert_eq!(done["notes"], json!(["180 more columns have cells that don't convert"]));
}

#[test]
fn a_percent_is_a_hundredth_in_every_type_and_blanks_part_thousands_only() {
    // An import has read a column of percents already.
    let file = "k,n\na,is 12%\nb,is 7.5%\nc,\"is 1,200%\"\n";
    let number = |to: &str, on_error: &str| {
        let bare = json!({"op": "replace", "columns": ["n"], "from": "is ", "to": "", "mode": "part"});
        let step = json!({"op": "parse_numbers", "columns": ["n"], "to": to, "on_error": on_error});
        made(file, &json!([bare, step, {"op": "select", "columns": ["n"]}]))[1].clone()
    };
    assert_eq!(number("DECIMAL(18,4)", "fail"), json!([[0.12], [0.075], [12.0]]));
    assert_eq!(number("", "fail"), json!([[0.12], [0.075], [12]]));
    assert_eq!(number("BIGINT", "null"), json!([[null], [null], [12]]));
    let forms = "k;n\na;10 20\nb;1 234\nc;€ 1'234.5\nd;- 5\ne;USD 7\nf;(1 000)\ng;5 -\nh;1 2345\n";
    let step = json!({"op": "parse_numbers", "columns": ["n"], "on_error": "null"});
    assert_eq!(
        made(forms, &json!([step, {"op": "select", "columns": ["n"]}]))[1],
        json!([[null], [1234.0], [1234.5], [-5.0], [7.0], [-1000.0], [-5.0], [null]])
    );
}

#[test]
fn no_step_changes_a_value_without_a_word() {
    let bench = Bench::new()
        .file("sales.csv", "id,x,t,year,at\n9007199254740993,1.6,1.6 a,2021,2024-01-01 23:30:00+05:00 a\n,2,2 a,2022,2024-01-01 23:30:00Z a\n")
        .file("codes.csv", "code,id\n7,a\n");
    let mut client = bench.serve_files();
    let bare = json!({"op": "replace", "columns": ["t", "at"], "from": " a", "to": "", "mode": "part"});
    for (step, message) in [
        (
            json!({"op": "cast", "columns": ["x"], "to": "BIGINT"}),
            "step 2 (`cast`): 1 cell of `x` can't become BIGINT, such as `1.6`",
        ),
        (
            json!({"op": "cast", "columns": ["t"], "to": "BIGINT"}),
            "step 2 (`cast`): 1 cell of `t` can't become BIGINT, such as `1.6`",
        ),
        (
            json!({"op": "fill", "columns": ["id"], "method": "mean"}),
            "step 2 (`fill`): `id` holds numbers such as 9007199254740993, which would change beside a mean",
        ),
        (
            json!({"op": "parse_dates", "columns": ["year"]}),
            "step 2 (`parse_dates`): 2 cells of `year` can't become DATE, such as `2021`, `2022`",
        ),
    ] {
        let outcome = client.call("transform_sheet", &json!({"sheet": "sales", "steps": [bare, step]}));
        assert_eq!(outcome.unwrap_err()["message"], message, "{step}");
    }
    let only = json!({"op": "select", "columns": ["at"]});
    let steps = json!([bare, only, {"op": "parse_dates", "columns": ["at"]}]);
    assert_eq!(after(&mut client, &steps)[1], json!([["2024-01-01T18:30:00"], ["2024-01-01T23:30:00"]]));
    let steps = json!([only, {"op": "derive", "column": "at", "expr": "'007'"}, {"op": "join", "sheet": "codes", "on": {"at": "code"}}]);
    let done = client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps})).unwrap();
    assert_eq!(done["rows"], json!([["007", null], ["007", null]]));
    assert_eq!(
        done["notes"],
        json!([
            "`at` is VARCHAR and `code` of `codes` BIGINT: compared as texts; `cast` one of them where that is not meant"
        ])
    );
    client.call("restore_version", &json!({"sheet": "sales", "version": 1})).unwrap();
    let steps = json!([
        {"op": "select", "columns": ["x"]},
        {"op": "derive", "column": "span", "expr": "interval '1.234567 seconds'"},
        {"op": "derive", "column": "big", "expr": "{'n': 170141183460469231731687303715884105727 // 10}"},
        {"op": "limit", "n": 1},
    ]);
    assert_eq!(
        after(&mut client, &steps)[1],
        json!([[1.6, "00:00:01.234567", {"n": "17014118346046923173168730371588410572"}]])
    );
}

#[test]
fn a_value_of_another_kind_makes_a_column_of_texts_and_a_failure_names_its_step() {
    let bench = Bench::new().file("sales.csv", "id,v,d\n1,a,2024-01-31\n2,b,\n");
    let mut client = bench.serve_files();
    for (step, rows) in [
        (
            json!({"op": "replace", "columns": ["id"], "from": 2, "to": "two"}),
            json!([["1", "a", "2024-01-31"], ["two", "b", null]]),
        ),
        (
            json!({"op": "replace", "columns": ["v"], "from": 5, "to": "five"}),
            json!([[1, "a", "2024-01-31"], [2, "b", null]]),
        ),
        (json!({"op": "fill", "columns": ["d"], "value": "n/a"}), json!([[1, "a", "2024-01-31"], [2, "b", "n/a"]])),
        (
            json!({"op": "fill", "columns": ["d"], "value": "2024-02-01"}),
            json!([[1, "a", "2024-01-31"], [2, "b", "2024-02-01"]]),
        ),
    ] {
        assert_eq!(after(&mut client, &json!([step]))[1], rows, "{step}");
    }
    for (step, message) in [
        (
            json!({"op": "replace", "columns": ["v"], "from": "(", "to": "", "mode": "regex"}),
            "step 2 (`replace`): \"(\" is no regular expression: missing ): (",
        ),
        (
            json!({"op": "derive", "column": "n", "expr": "v::int"}),
            "step 2 (`derive`): Conversion Error: Could not convert string 'a' to INT32 when casting from source column v",
        ),
    ] {
        let steps = json!([{"op": "drop", "columns": ["d"]}, step, {"op": "drop", "columns": ["id"]}]);
        for dry_run in [true, false] {
            let outcome =
                client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps, "dry_run": dry_run}));
            assert_eq!(outcome.unwrap_err()["message"], message, "{step}");
        }
    }
}

#[test]
fn a_pivot_numbers_names_that_differ_by_case_and_unpivoted_numbers_stay_numbers() {
    let bench = Bench::new().file("sales.csv", "k,g,v\na,x,1\nA,x,2\ng,x,4\n");
    let mut client = bench.serve_files();
    let steps = json!([{"op": "pivot", "by": ["g"], "column": "k", "values": "v"}]);
    let done = client.call("transform_sheet", &json!({"sheet": "sales", "steps": steps})).unwrap();
    assert_eq!(
        [names(&done["columns"]), done["rows"].clone()],
        [json!(["g", "A", "a_2", "g_2"]), json!([["x", 2, 1, 4]])]
    );
    assert_eq!(
        done["notes"],
        json!(["columns whose names were taken, but for case, were numbered: `a` to `a_2`, `g` to `g_2`"])
    );
    client.call("restore_version", &json!({"sheet": "sales", "version": 1})).unwrap();
    let steps = json!([
        {"op": "limit", "n": 1},
        {"op": "derive", "column": "a", "expr": "v::smallint"}, {"op": "derive", "column": "b", "expr": "v::decimal(9,2)"},
        {"op": "select", "columns": ["a", "b"]}, {"op": "unpivot", "columns": ["a", "b"]},
    ]);
    assert_eq!(after(&mut client, &steps)[1], json!([["a", 1.0], ["b", 1.0]]));
}

#[test]
fn steps_that_keep_the_order_of_rows_go_beyond_memory() {
    let rows: String = (0..500_000_u64)
        .map(|row| format!("{row},{},{:0>120}\n", row * 7_919 % 400_009, row * 104_729 % 1_000_003))
        .collect();
    let bench = Bench::new().file("sales.csv", format!("i,k,t\n{rows}"));
    drop(bench.serve_files());
    let mut client = bench.serve_with(&["--memory", "128MB"]);
    for step in
        [json!({"op": "sort", "by": ["-k"]}), json!({"op": "fill", "columns": ["t"], "method": "forward", "by": ["k"]})]
    {
        let done = client.call("transform_sheet", &json!({"sheet": "sales", "steps": [step]})).unwrap();
        assert_eq!(done["n_rows"], 500_000, "{step}");
        client.call("restore_version", &json!({"sheet": "sales", "version": 1})).unwrap();
    }
}
