//! `summarize_sheet`: exact over all rows, equal to pandas on real sheets; findings whose queries show them.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Bench, Client, at};

fn repository(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[track_caller]
fn close(found: &Value, expected: &Value, precision: f64, what: &str) {
    if let (Value::Array(found), Value::Array(expected)) = (found, expected) {
        assert_eq!(found.len(), expected.len(), "{what}");
        found.iter().zip(expected).for_each(|(found, expected)| close(found, expected, precision, what));
        return;
    }
    let (found, expected) = (found.as_f64().unwrap_or(f64::NAN), expected.as_f64().unwrap());
    assert!((found - expected).abs() <= precision * expected.abs().max(1e-6), "{what}: {found} is not {expected}");
}

#[test]
fn figures_are_those_of_pandas() {
    let sheets: Value = serde_json::from_str(&repository("tests/reference/summaries.json")).unwrap();
    for (name, expected) in sheets.as_object().unwrap() {
        let bench = Bench::new().file(&format!("{name}.csv"), repository(&format!("examples/{name}.csv")));
        let mut client = bench.serve_files();
        for detail in ["brief", "full"] {
            let args = json!({"sheet": name, "detail": detail, "max_bytes": 200_000});
            let reply = client.call("summarize_sheet", &args).unwrap();
            assert_eq!(
                [&reply["n_rows"], &reply["n_duplicate_rows"]],
                [&expected["n_rows"], &expected["n_duplicate_rows"]]
            );
            for column in reply["columns"].as_array().unwrap() {
                let label = column["name"].as_str().unwrap();
                for (figure, expected) in expected["columns"][label].as_object().unwrap() {
                    if detail == "brief" && ["histogram", "n_robust_outliers"].contains(&figure.as_str()) {
                        continue;
                    }
                    // Brief figures have eight digits.
                    let precision = if detail == "brief" { 1e-7 } else { 1e-9 };
                    close(&column[figure], expected, precision, &format!("{name}.{label} {figure}, {detail}"));
                }
            }
            for pair in expected["correlations"].as_array().unwrap() {
                let [a, b, r] = pair.as_array().unwrap().as_slice() else { panic!("{pair}") };
                let precision = if detail == "brief" { 1e-7 } else { 1e-9 };
                let found = reply["correlations"].as_array().unwrap().iter().find(|it| it["columns"] == json!([a, b]));
                match found {
                    Some(found) => close(&found["r"], r, precision, &format!("{name}: {a} and {b}")),
                    None => assert!(detail == "brief" || r.is_null() || name == "employment", "{name}: {a} and {b}"),
                }
            }
        }
    }
}

#[test]
fn a_brief_summary_of_fifteen_columns_fits_in_six_kilobytes() {
    let bench = Bench::new().file("birdstrikes.csv", repository("examples/birdstrikes.csv"));
    let mut client = bench.serve_files();
    let reply = client.call("summarize_sheet", &json!({"sheet": "birdstrikes"})).unwrap();
    let n_columns = reply["columns"].as_array().unwrap().len();
    assert!(reply.to_string().len() * 15 <= 6_000 * n_columns, "{} bytes", reply.to_string().len());
}

#[test]
fn each_type_has_the_figures_that_suit_it() {
    let rows = "1,ab,2024-01-01,true\n2,abcd,2024-01-02,false\n2,ab,2024-01-05,true\n5,,2024-01-06,true\n";
    let bench = Bench::new().file("v.csv", format!("n,word,day,yes\n{rows}"));
    let mut client = bench.serve_files();
    let reply = client.call("summarize_sheet", &json!({"sheet": "v"})).unwrap();
    assert_eq!(
        reply["columns"],
        json!([
            {"name": "n", "type": "BIGINT", "n_null": 0, "n_distinct": 3, "min": 1, "max": 5, "mean": 2.5,
             "sd": 1.732_050_8, "q1": 1.75, "median": 2.0, "q3": 2.75, "skew": 1.539_600_7, "n_outliers": 1, "top": [[2, 2]]},
            {"name": "word", "type": "VARCHAR", "n_null": 1, "n_distinct": 2, "min": "ab", "max": "abcd",
             "lengths": [2.0, 2.667, 4.0], "top": [["ab", 2]]},
            {"name": "day", "type": "DATE", "n_null": 0, "n_distinct": 4, "min": "2024-01-01", "max": "2024-01-06",
             "span_days": 5.0, "n_days_missing": 2, "longest_gap": ["2024-01-02", "2024-01-05", 3.0]},
            {"name": "yes", "type": "BOOLEAN", "n_null": 0, "n_distinct": 2, "min": false, "max": true, "top": [[true, 3]]},
        ])
    );
    assert_eq!(reply["candidate_keys"], json!([["day"]]));
}

/// Rows that each query of a finding gives.
fn shown(client: &mut Client<'_>, sheet: &str) -> Vec<(String, u64)> {
    let reply = client.call("summarize_sheet", &json!({"sheet": sheet, "detail": "full"})).unwrap();
    let findings = reply["findings"].as_array().unwrap().clone();
    let mut found: Vec<(String, u64)> = findings
        .iter()
        .map(|it| {
            let rows =
                client.call("query", &json!({"sql": it["query"]})).unwrap_or_else(|fault| panic!("{it}: {fault}"));
            (it["finding"].as_str().unwrap().to_owned(), at(&rows, "/n_rows").as_u64().unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn findings_name_what_is_wrong_and_their_queries_show_it() {
    let mut rows = String::new();
    for i in 0..100 {
        let code = if i == 99 { 98 } else { i };
        let size = if i == 50 { 10_000 } else { i % 10 };
        let region = ["north", "South", "south", " west"][i % 4];
        let level = if i == 7 { "low".to_owned() } else { (i % 5).to_string() };
        let balance = if i == 3 { "-4".to_owned() } else { (i % 7 + 1).to_string() };
        let day = 1 + i % 28;
        let state = if i % 5 == 0 { "tbd" } else { "ok" };
        let note = if i % 10 == 0 { "" } else { "x" };
        rows.push_str(&format!("c{code},{size},\"{region}\",{level},{balance},2024-02-{day:02},{note},{state},\n"));
    }
    let bench =
        Bench::new().file("dirty.csv", format!("code,size,region,level,balance,day,note,state,nothing\n{rows}"));
    let mut client = bench.serve_files();
    assert_eq!(
        shown(&mut client, "dirty"),
        [
            ("`balance` is negative in 1 row only", 1),
            ("`code` is unique but for 1 row", 1),
            ("`note` has one value only", 1),
            ("`note` is null in 10 rows (10%)", 10),
            ("`nothing` has no values at all", 20),
            ("`region` has 1 value spelt like another but for case or blanks", 1),
            ("`region` has blanks around the text in 25 rows", 1),
            ("`size` has 1 outlier (1%), below -5.5 or above 14.5", 1),
            ("`state` may mean \"no value\" in 20 rows", 1),
        ]
        .map(|(finding, n)| (finding.to_owned(), n))
    );
}

#[test]
fn equal_rows_are_counted_and_shown() {
    let bench = Bench::new().file("v.csv", "a,b\n1,x\n1,x\n1,x\n2,y\n2,z\n");
    let mut client = bench.serve_files();
    let reply = client.call("summarize_sheet", &json!({"sheet": "v"})).unwrap();
    assert_eq!(reply["n_duplicate_rows"], 2);
    assert_eq!(reply["findings"][0]["finding"], "2 rows repeat an earlier row");
    let sql = reply["findings"][0]["query"].as_str().unwrap().to_owned();
    assert_eq!(client.rows(&sql), json!([[1, "x", 3]]));
}

#[test]
fn pairs_of_columns_are_tried_as_keys_in_full() {
    let rows: String = (0..40).map(|i| format!("{},{},same\n", i / 8, i % 8)).collect();
    let bench = Bench::new().file("v.csv", format!("a,b,c\n{rows}"));
    let mut client = bench.serve_files();
    let mut keys = |detail: &str| {
        client.call("summarize_sheet", &json!({"sheet": "v", "detail": detail})).unwrap()["candidate_keys"].clone()
    };
    assert_eq!([keys("brief"), keys("full")], [json!([]), json!([["a", "b"]])]);
}

#[test]
fn an_empty_sheet_has_a_summary() {
    let bench = Bench::new().file("v.csv", "a,b\n");
    let mut client = bench.serve_files();
    let reply = client.call("summarize_sheet", &json!({"sheet": "v", "detail": "full"})).unwrap();
    assert_eq!([&reply["n_rows"], &reply["findings"], &reply["n_duplicate_rows"]], [&json!(0), &json!([]), &json!(0)]);
}

#[test]
fn a_new_version_has_a_new_summary() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let mut mean = |content: &str| {
        client.call("import_file", &json!({"name": "v.csv", "content": content})).unwrap();
        let first = client.call("summarize_sheet", &json!({"sheet": "v"})).unwrap();
        assert_eq!(client.call("summarize_sheet", &json!({"sheet": "v"})).unwrap(), first, "the kept one");
        first["columns"][0]["mean"].clone()
    };
    assert_eq!([mean("a\n1\n2\n"), mean("a\n1\n2\n6\n")], [json!(1.5), json!(3.0)]);
}

/// One column's entry.
fn column<'a>(reply: &'a Value, name: &str) -> &'a Value {
    reply["columns"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()
}

#[test]
fn what_never_varies_has_no_spread_no_skew_and_no_correlation() {
    let rows: String = (0..60).map(|i| format!("{i},0.1,0.3\n")).collect();
    let bench = Bench::new().file("c.csv", format!("i,a,b\n{rows}"));
    let mut client = bench.serve_files();
    let reply = client.call("summarize_sheet", &json!({"sheet": "c", "detail": "full"})).unwrap();
    for (name, mean) in [("a", 0.1), ("b", 0.3)] {
        let found = column(&reply, name);
        assert_eq!(
            [&found["mean"], &found["sd"], &found["skew"]],
            [&json!(mean), &json!(0.0), &Value::Null],
            "{found}"
        );
    }
    assert_eq!(reply["correlations"], json!([]));
}

#[test]
fn queries_of_findings_run_whatever_the_numbers_are() {
    let mut rows = String::new();
    for i in 0..100 {
        let (big, odd) = if i < 95 { ("9007199254740993".to_owned(), 1.5) } else { (i.to_string(), f64::from(i)) };
        let (x, y) =
            if i == 7 { ("NaN".to_owned(), "Infinity".to_owned()) } else { (i.to_string(), (2 * i).to_string()) };
        rows += &format!("{big},{odd},{x},{y},{i}e300,{i}e301\n");
    }
    let types = json!({"x": "DOUBLE", "y": "DOUBLE", "u": "DOUBLE", "w": "DOUBLE", "odd": "FLOAT"});
    let bench = Bench::new().file("n.csv", format!("big,odd,x,y,u,w\n{rows}"));
    let mut client = bench.serve_files();
    let mut steps: Vec<Value> = types
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, to)| json!({"op": "cast", "columns": [name], "to": to}))
        .collect();
    // An import takes both words for "no value".
    for (name, value) in [("x", "NaN"), ("y", "Infinity")] {
        steps.push(json!({"op": "derive", "column": name, "expr": format!("coalesce({name}, '{value}'::DOUBLE)")}));
    }
    client.call("transform_sheet", &json!({"sheet": "n", "steps": steps})).unwrap();
    let found = shown(&mut client, "n");
    for (start, n_rows) in [
        ("`big` is 9007199254740993 in 95% of its rows", 5),
        ("`odd` is 1.5 in 95% of its rows", 5),
        ("`y` is NaN or infinite in 1 row", 1),
        ("`x` and `y` say almost the same: r = 1", 1),
        ("`y` and `w` say almost the same: r = 1", 1),
    ] {
        assert!(found.iter().any(|(it, n)| it == start && *n == n_rows), "{start}: {found:#?}");
    }
    let reply = client.call("summarize_sheet", &json!({"sheet": "n", "detail": "full"})).unwrap();
    for finding in
        reply["findings"].as_array().unwrap().iter().filter(|it| it["query"].as_str().unwrap().contains("corr("))
    {
        let r = client.rows(finding["query"].as_str().unwrap())[0][0].as_f64().unwrap();
        assert!((r - 1.0).abs() < 1e-9, "{finding}: {r}");
    }
}

#[test]
fn few_pairs_do_not_say_almost_the_same() {
    let bench = Bench::new().file("few.csv", "a,b\n1,2\n2,4\n3,6\n4,8.01\n");
    let mut client = bench.serve_files();
    let reply = client.call("summarize_sheet", &json!({"sheet": "few"})).unwrap();
    assert!(!reply["findings"].to_string().contains("almost the same"), "{reply}");
}

#[test]
fn what_is_not_finite_is_counted_and_in_no_other_figure() {
    let bench = Bench::new().file("odd.csv", "x,day\n1,2024-01-01\n2,2024-01-02\n4,2024-01-05\n,2024-01-06\n4,\n");
    let mut client = bench.serve_files();
    let sql = "select case when x is null then 'NaN' else x::varchar end::double as x, \
               coalesce(day, 'infinity'::date) as day from this";
    let steps = json!([{"op": "sql", "sql": sql}]);
    client.call("transform_sheet", &json!({"sheet": "odd", "steps": steps})).unwrap();
    let reply = client.call("summarize_sheet", &json!({"sheet": "odd", "detail": "full"})).unwrap();
    let (x, day) = (column(&reply, "x"), column(&reply, "day"));
    assert_eq!(
        [&x["n_not_finite"], &x["n_distinct"], &x["min"], &x["max"], &x["mean"]],
        [&json!(1), &json!(3), &json!(1), &json!(4), &json!(2.75)],
        "{x}"
    );
    assert_eq!(
        (x["histogram"][0].clone(), x["histogram"][19].clone(), &x["top"]),
        (json!(1), json!(2), &json!([[4, 2]]))
    );
    assert_eq!(
        [&day["n_not_finite"], &day["n_distinct"], &day["max"], &day["n_days_missing"], &day["span_days"]],
        [&json!(1), &json!(4), &json!("2024-01-06"), &json!(2), &json!(5.0)],
        "{day}"
    );
    shown(&mut client, "odd");
}

#[test]
fn texts_are_counted_exactly_also_in_parts() {
    // 300,000 texts of 300 bytes: more than the hash table of a small worker holds.
    let bench = Bench::new();
    let mut rows = String::from("t\n");
    for i in 0..300_000 {
        let i = if i < 10 { 0 } else { i };
        rows += &format!("{i}{}\n", "x".repeat(294));
    }
    bench.write("long.csv", rows);
    let mut client = bench.serve_with(&["--memory", "200MB"]);
    client.call("import_file", &json!({"path": "$FILES/long.csv"})).unwrap();
    let reply = client.call("summarize_sheet", &json!({"sheet": "long"})).unwrap();
    let found = column(&reply, "t");
    assert_eq!((&found["n_distinct"], &found["top"][0][1]), (&json!(299_991), &json!(10)), "{found}");
    assert_eq!(found["lengths"][2], json!(300.0));
}

#[test]
fn a_sheet_whose_rows_cannot_be_compared_says_so() {
    let bench = Bench::new().file("l.json", r#"[{"a": 1, "b": [1]}, {"a": 1, "b": [1]}]"#);
    let mut client = bench.serve_files();
    for detail in ["brief", "full"] {
        let reply = client.call("summarize_sheet", &json!({"sheet": "l", "detail": detail})).unwrap();
        assert_eq!(reply["notes"], json!(["duplicate rows are not counted: `b` is BIGINT[], not compared"]));
    }
}
