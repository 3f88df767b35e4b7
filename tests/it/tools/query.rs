//! `query`.

use serde_json::{Value, json};

use crate::harness::{Bench, fault, page};

/// Each value kind of the table in `docs/files.md`: the SQL, its type, its JSON.
fn values() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("null", "INTEGER", Value::Null),
        ("null::varchar", "VARCHAR", Value::Null),
        ("true", "BOOLEAN", json!(true)),
        ("'naïve \"quoted\" \\ \n'", "VARCHAR", json!("naïve \"quoted\" \\ \n")),
        ("(-128)::tinyint", "TINYINT", json!(-128)),
        ("32767::smallint", "SMALLINT", json!(32767)),
        ("42", "INTEGER", json!(42)),
        ("255::utinyint", "UTINYINT", json!(255)),
        ("65535::usmallint", "USMALLINT", json!(65535)),
        ("4294967295::uinteger", "UINTEGER", json!(4_294_967_295_u64)),
        ("9007199254740992", "BIGINT", json!(9_007_199_254_740_992_u64)),
        ("9007199254740993", "BIGINT", json!("9007199254740993")),
        ("-9007199254740993", "BIGINT", json!("-9007199254740993")),
        ("18446744073709551615::ubigint", "UBIGINT", json!("18446744073709551615")),
        ("7::hugeint", "HUGEINT", json!(7)),
        (
            "170141183460469231731687303715884105727::hugeint",
            "HUGEINT",
            json!("170141183460469231731687303715884105727"),
        ),
        (
            "340282366920938463463374607431768211455::uhugeint",
            "UHUGEINT",
            json!("340282366920938463463374607431768211455"),
        ),
        ("1.50::decimal(9,2)", "DECIMAL(9,2)", json!(1.5)),
        ("-0.01::decimal(18,2)", "DECIMAL(18,2)", json!(-0.01)),
        ("1234567890123456.78::decimal(18,2)", "DECIMAL(18,2)", json!("1234567890123456.78")),
        ("0.1::decimal(38,30)", "DECIMAL(38,30)", json!(0.1)),
        ("5::decimal(20,0)", "DECIMAL(20,0)", json!(5)),
        ("0.1::double", "DOUBLE", json!(0.1)),
        ("0.1::float", "FLOAT", json!(0.1)),
        ("3::double", "DOUBLE", json!(3)),
        ("1e300::double", "DOUBLE", json!(1e300)),
        ("'nan'::double", "DOUBLE", json!("NaN")),
        ("'inf'::double", "DOUBLE", json!("Infinity")),
        ("'-inf'::float", "FLOAT", json!("-Infinity")),
        ("date '2024-02-29'", "DATE", json!("2024-02-29")),
        ("'infinity'::date", "DATE", json!("infinity")),
        ("'0044-03-15 (BC)'::date", "DATE", json!("-0043-03-15")),
        ("time '09:30:00'", "TIME", json!("09:30:00")),
        ("time '09:30:00.25'", "TIME", json!("09:30:00.250")),
        ("timestamp '2024-03-01 09:30:00'", "TIMESTAMP", json!("2024-03-01T09:30:00")),
        ("timestamp '2024-03-01 09:30:00.123456'", "TIMESTAMP", json!("2024-03-01T09:30:00.123456")),
        ("'2024-03-01 09:30:00'::timestamp_s", "TIMESTAMP_S", json!("2024-03-01T09:30:00")),
        ("'2024-03-01 09:30:00'::timestamp_ms", "TIMESTAMP_MS", json!("2024-03-01T09:30:00")),
        ("'2024-03-01 09:30:00.123456789'::timestamp_ns", "TIMESTAMP_NS", json!("2024-03-01T09:30:00.123456789")),
        ("'-infinity'::timestamp", "TIMESTAMP", json!("-infinity")),
        ("timestamptz '2024-03-01 09:30:00+02'", "TIMESTAMP WITH TIME ZONE", json!("2024-03-01T07:30:00Z")),
        ("timetz '09:30:00+02'", "TIME WITH TIME ZONE", json!("09:30:00+02")),
        ("interval '1 day 2 hours'", "INTERVAL", json!("P1DT2H")),
        ("interval '14 months 3.5 seconds'", "INTERVAL", json!("P1Y2MT3.5S")),
        ("interval '-90 minutes'", "INTERVAL", json!("PT-1H-30M")),
        ("interval '0 days'", "INTERVAL", json!("PT0S")),
        ("'\\x00\\xFFa'::blob", "BLOB", json!("AP9h")),
        ("[1, null, 3]", "INTEGER[]", json!([1, null, 3])),
        ("[[9007199254740993], []]", "BIGINT[][]", json!([["9007199254740993"], []])),
        ("[1, 2]::integer[2]", "INTEGER[]", json!([1, 2])),
        ("{'a': 1, 'b c': date '2024-01-01'}", "STRUCT(a INTEGER, \"b c\" DATE)", json!({"a": 1, "b c": "2024-01-01"})),
        ("map {'x': 1.5, 'y': null}", "MAP(VARCHAR, DECIMAL(2,1))", json!({"x": 1.5, "y": null})),
        ("map {1: 'one'}", "MAP(INTEGER, VARCHAR)", json!({"1": "one"})),
        ("'a8098c1a-f86e-11da-bd1a-00112444be1e'::uuid", "UUID", json!("a8098c1a-f86e-11da-bd1a-00112444be1e")),
        ("'happy'::enum('sad', 'happy')", "ENUM", json!("happy")),
        ("'10101'::bit", "BIT", json!("10101")),
        ("'{\"a\": [1]}'::json", "JSON", json!("{\"a\": [1]}")),
    ]
}

#[test]
fn every_kind_of_value_comes_as_the_table_in_the_docs_says() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let mut wrong = Vec::new();
    for (sql, type_name, value) in values() {
        let found = client.call("query", &json!({"sql": format!("select {sql} as v")}));
        let expect = page(&[("v", type_name)], json!([[value]]));
        if found.as_ref() != Ok(&expect) {
            wrong.push(format!("{sql}: found {found:?}, expected {expect}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // All at once, so that those cast to text stand beside those that are not.
    let list: Vec<String> = values().iter().enumerate().map(|(i, (sql, ..))| format!("{sql} as v{i}")).collect();
    let row: Vec<Value> = values().into_iter().map(|(.., value)| value).collect();
    assert_eq!(client.rows(&format!("select {}", list.join(", "))), json!([row]));
}

#[test]
fn an_empty_result_still_has_columns() {
    let bench = Bench::new().file("t.csv", "a,b\n1,x\n");
    let mut client = bench.serve_files();
    client.check("query", json!({"sql": "from t where a > 5"}), page(&[("a", "BIGINT"), ("b", "VARCHAR")], json!([])));
}

#[test]
fn columns_of_one_name_keep_their_values() {
    let bench = Bench::new();
    let mut client = bench.serve();
    client.check(
        "query",
        json!({"sql": "select 1 as x, 'b' as x, uuid '00000000-0000-0000-0000-000000000001' as x"}),
        page(
            &[("x", "INTEGER"), ("x", "VARCHAR"), ("x", "UUID")],
            json!([[1, "b", "00000000-0000-0000-0000-000000000001"]]),
        ),
    );
}

#[test]
fn sheets_join_by_name_and_odd_column_names_are_quoted() {
    let bench = Bench::new()
        .file("orders.csv", "id,Unit price,customer\n1,2.50,a\n2,4.00,b\n3,1.00,a\n")
        .file("customers.csv", "key,Name\na,Ada\nb,Bo\n");
    let mut client = bench.serve_files();
    let sql = "select c.\"Name\", sum(o.\"Unit price\") as total from Orders o join CUSTOMERS c on o.customer = c.key group by all order by total";
    client.check(
        "query",
        json!({"sql": sql}),
        page(&[("Name", "VARCHAR"), ("total", "DECIMAL(38,2)")], json!([["Ada", 3.5], ["Bo", 4.0]])),
    );
}

#[test]
fn max_rows_cuts_and_says_how_many_there_are() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let mut reply = client.call("query", &json!({"sql": "from range(1000)", "max_rows": 3})).unwrap();
    assert!(!reply["result"].as_str().unwrap().is_empty());
    reply["result"] = json!("");
    assert_eq!(
        reply,
        json!({
            "columns": [{"name": "range", "type": "BIGINT"}], "rows": [[0], [1], [2]], "n_rows": 3, "n_total": 1000,
            "truncated": true, "result": "", "next_offset": 3,
        })
    );
    client.check(
        "query",
        json!({"sql": "from range(3)", "max_rows": 3}),
        page(&[("range", "BIGINT")], json!([[0], [1], [2]])),
    );
}

#[test]
fn a_reply_keeps_to_its_bytes() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let sql = "select i, repeat('word ', 20) as text from range(10000) t(i)";
    for max_bytes in [1000, 5000, 25_000, 200_000] {
        let reply = client.call("query", &json!({"sql": sql, "max_rows": 10_000, "max_bytes": max_bytes})).unwrap();
        let n_bytes = reply.to_string().len();
        assert!(n_bytes <= max_bytes && n_bytes * 10 > max_bytes * 5, "{n_bytes} of {max_bytes}");
        assert_eq!([&reply["truncated"], &reply["n_total"]], [&json!(true), &json!(10_000)]);
    }
    let by_default = client.call("query", &json!({"sql": sql, "max_rows": 10_000})).unwrap().to_string().len();
    assert!((20_000..=25_000).contains(&by_default), "{by_default}");
}

#[test]
fn one_huge_row_is_shortened_and_says_so() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let reply =
        client.call("query", &json!({"sql": "select repeat('x', 1000000) as a, 7 as b", "max_bytes": 2000})).unwrap();
    assert!(reply.to_string().len() <= 2000);
    assert_eq!([&reply["n_rows"], &reply["truncated"], &reply["rows"][0][1]], [&json!(1), &json!(true), &json!(7)]);
    assert!(reply["rows"][0][0].as_str().unwrap().starts_with("xxx"));
    assert!(reply["notes"][0].as_str().unwrap().starts_with("long texts were cut"), "{reply}");
}

#[test]
fn trailing_semicolons_and_comments_do_no_harm() {
    let bench = Bench::new();
    let mut client = bench.serve();
    for sql in [
        "select 1 as a;",
        "select 1 as a ; ",
        "select 1 as a -- one",
        "select 1 as a; -- one",
        "/* one */ select 1 as a /* two */",
        "-- first\nselect 1 as a\n;\n",
    ] {
        client.check("query", json!({"sql": sql}), page(&[("a", "INTEGER")], json!([[1]])));
    }
    // The same where a column has to be cast to text, so the statement becomes a subquery.
    for sql in
        ["select 'x'::enum('x') as a -- one", "select 'x'::enum('x') as a; -- one", "select 'x'::enum('x') as a;;"]
    {
        client.check("query", json!({"sql": sql}), page(&[("a", "ENUM")], json!([["x"]])));
    }
}

#[test]
fn explain_answers_a_plan() {
    let bench = Bench::new().file("t.csv", "a\n1\n");
    let mut client = bench.serve_files();
    for sql in ["explain select sum(a) from t", "EXPLAIN ANALYZE from t", "  explain\nfrom t;"] {
        let rows = client.rows(sql);
        assert!(!rows[0].as_array().unwrap().is_empty(), "{sql}: {rows}");
        // Wrapped in a box, the path of the version file would be in pieces.
        assert!(!rows.to_string().contains("parquet") && !rows.to_string().contains("workspaces"), "{sql}: {rows}");
    }
    let joins: String = (0..40).map(|n| format!(" join t t{n} using (a)")).collect();
    let args = json!({"sql": format!("explain analyze select * from t {joins}"), "max_bytes": 2_000});
    let reply = client.call("query", &args).unwrap();
    assert_eq!((&reply["truncated"], &reply["result"]), (&json!(true), &Value::Null), "{reply}");
    assert!(reply.to_string().len() <= 2_000, "{reply}");
}

#[test]
fn a_variant_has_to_be_cast() {
    let bench = Bench::new().file("t.csv", "a\n1\n");
    let mut client = bench.serve_files();
    let refused = client.call("query", &json!({"sql": "select a, {'b': a}::variant as v from t"})).unwrap_err();
    assert_eq!(refused["message"], "column 2 of the result is a VARIANT, which can't be answered");
    assert_eq!(client.rows("select v::json from (select {'b': a}::variant as v from t)"), json!([[r#"{"b":1}"#]]));
}

#[test]
fn mistakes_are_named_with_what_to_do() {
    let bench = Bench::new().file("sales.csv", "region,amount\nnorth,1\n");
    let mut client = bench.serve_files();
    client.check_fault(
        "query",
        json!({"sql": "select * from salse"}),
        fault("sheet_not_found", "no sheet is named `salse`", "did you mean `sales`? `list_sheets` has all the names"),
    );
    client.check_fault(
        "query",
        json!({"sql": "select 1; select 2"}),
        fault("sql_refused", "2 statements in one `sql`", "send one SELECT per call"),
    );
    client.check_fault(
        "query",
        json!({"sql": "select * from sales where amount > ?"}),
        fault("invalid_sql", "parameters such as `?` or `$1` have no values here", "write the values into the SQL"),
    );
    client.check_fault(
        "query",
        json!({}),
        fault("invalid_arguments", "`query`: `sql` is missing", "its arguments are sql, max_rows, max_bytes"),
    );
    for (sql, code, part) in [
        ("select amuont from sales", "column_not_found", "amount"),
        ("select sales.amuont from sales", "column_not_found", "amuont"),
        ("selec 1", "invalid_sql", "syntax"),
        ("", "invalid_sql", ""),
        (";", "invalid_sql", ""),
        ("-- nothing", "invalid_sql", ""),
        ("select 'x'::integer", "invalid_sql", "Could not convert"),
        ("select sum(region) from sales", "invalid_sql", "sum"),
        ("select 1 from sales group", "invalid_sql", ""),
    ] {
        let fault = client.call("query", &json!({"sql": sql})).unwrap_err();
        assert_eq!(fault["code"], code, "{sql}: {fault}");
        assert!(fault.to_string().contains(part), "{sql}: {fault}");
    }
    // Nothing of all that hurt the worker.
    assert_eq!(client.rows("select amount from sales"), json!([[1]]));
}

#[test]
fn many_queries_at_once_each_get_their_own_answer() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let ids: Vec<(u64, u64)> = (0..30)
        .map(|i| (i, client.begin("query", &json!({"sql": format!("select {i} + count(*) from range(100000)")}))))
        .collect();
    for (i, id) in ids.into_iter().rev() {
        assert_eq!(client.outcome(id).unwrap()["rows"], json!([[i + 100_000]]));
    }
}

#[test]
fn a_huge_list_is_cut_and_says_how_long_it_is() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let reply = client.call("query", &json!({"sql": "select list(range) as l, 1 as n from range(100000)"})).unwrap();
    assert_eq!(reply["truncated"], true);
    let list = reply["rows"][0][0].as_array().unwrap();
    assert_eq!((list.len(), &list[50], &reply["rows"][0][1]), (51, &json!("… (100000 items)"), &json!(1)));
}

#[test]
fn dates_beyond_the_usual_years_are_not_infinite() {
    let bench = Bench::new();
    let mut client = bench.serve();
    assert_eq!(
        client.rows(
            "select '300000-02-29'::date, 'infinity'::date, '-infinity'::timestamp, '290000-12-31 23:59:58'::timestamp"
        ),
        json!([["+300000-02-29", "infinity", "-infinity", "+290000-12-31T23:59:58"]])
    );
}

#[test]
fn columns_go_by_their_names_as_written_and_by_names_without_quotes() {
    let bench = Bench::new().file("sales.csv", "Unit price (EUR),2024 Units\n2.5,3\n4,1\n");
    let mut client = bench.serve_files();
    assert_eq!(client.rows("select sum(unit_price_eur * _2024_units) from sales"), json!([[11.5]]));
    assert_eq!(client.rows("select \"Unit price (EUR)\" from sales where Unit_Price_EUR > 3"), json!([[4.0]]));
    assert_eq!(client.rows("select \"2024 Units\" from sales limit 1"), json!([[3]]));
    let page = client.call("query", &json!({"sql": "select * from sales limit 1"})).unwrap();
    assert_eq!(page["columns"][0]["name"], "Unit price (EUR)");
}
