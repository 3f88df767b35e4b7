//! Deadlines, memory and cancellation: each ends one call, and the next one works.

use serde_json::json;

use crate::harness::{Bench, code_of, fault};

/// Takes days.
const ENDLESS: &str = "select count(*) from range(100000000) a, range(100000000) b where a.range * b.range % 7 = 3";

#[test]
fn a_query_past_its_deadline_is_a_fault_and_the_next_call_works() {
    let bench = Bench::new();
    let mut client = bench.serve_with(&["--query-timeout", "0.5"]);
    for sql in [ENDLESS, "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r"] {
        client.check_fault(
            "query",
            json!({"sql": sql}),
            fault(
                "timed_out",
                "stopped after 0.5 s, its time limit",
                "filter or aggregate earlier, avoid joins that multiply rows, or start Quire with a higher `--query-timeout`",
            ),
        );
        assert_eq!(client.rows("select 1"), json!([[1]]));
    }
}

#[test]
fn other_calls_are_answered_while_one_runs_into_its_deadline() {
    let bench = Bench::new();
    let mut client = bench.serve_with(&["--query-timeout", "2", "--workers", "2"]);
    let long = client.begin("query", &json!({"sql": ENDLESS}));
    let short = client.begin("query", &json!({"sql": "select 1"}));
    // Whichever comes first is taken from the wire first.
    let first = client.wait_for(|message| message.get("result").is_some());
    assert_eq!(first["id"], short);
    assert_eq!(code_of(&client.outcome(long)), "timed_out");
}

#[test]
fn a_cancelled_query_stops_and_frees_its_worker() {
    let bench = Bench::new();
    let mut client = bench.serve_with(&["--query-timeout", "3600", "--workers", "1"]);
    assert_eq!(client.rows("select 1"), json!([[1]]));
    let long = client.begin("query", &json!({"sql": ENDLESS}));
    #[cfg(target_os = "linux")]
    {
        crate::harness::process::linux::busy_child(client.pid());
    }
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": long, "reason": "enough"}}));
    // The one worker's place is free again, or this would wait for an hour.
    assert_eq!(client.rows("select 2"), json!([[2]]));
}

#[test]
fn a_queued_call_can_be_cancelled_too() {
    let bench = Bench::new();
    let mut client = bench.serve_with(&["--query-timeout", "3600", "--workers", "1"]);
    let cancel = |id: u64| json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}});
    let (first, second) =
        (client.begin("query", &json!({"sql": ENDLESS})), client.begin("query", &json!({"sql": ENDLESS})));
    let (first, second) = (cancel(first), cancel(second));
    client.send(&second);
    client.send(&first);
    assert_eq!(client.rows("select 2"), json!([[2]]));
}

#[test]
fn too_much_memory_is_a_fault_and_the_next_call_works() {
    let bench = Bench::new();
    let mut client = bench.serve_with(&["--memory", "100MB"]);
    for sql in [
        "select count(*) from (select i, count(*) from range(50000000) t(i) group by i)",
        "select list_sum(list(i)) from range(200000000) t(i)",
        "select i % 10 as g, length(string_agg(repeat('x', 1000), '')) from range(10000000) t(i) group by 1",
        "select length(repeat('x', 4000000000))",
    ] {
        let outcome = client.call("query", &json!({"sql": sql}));
        assert!(["out_of_memory", "invalid_sql"].contains(&code_of(&outcome).as_str()), "{sql}: {outcome:?}");
        assert_eq!(client.rows("select 1"), json!([[1]]), "after {sql}");
    }
    let outcome = client.call(
        "query",
        &json!({"sql": "select count(*) from (select i, count(*) from range(50000000) t(i) group by i)"}),
    );
    assert_eq!(code_of(&outcome), "out_of_memory", "{outcome:?}");
}

#[test]
fn what_a_transform_keeps_on_disk_is_bounded() {
    let bench = Bench::new().file("t.csv", "n\n1\n");
    let mut client = bench.serve_with(&["--memory", "64MB"]);
    client.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    let sorted = "select a.range from range(100000) a, range(100000) b order by hash(a.range + b.range)";
    let outcome = client
        .call("transform_sheet", &json!({"sheet": "t", "dry_run": true, "steps": [{"op": "sql", "sql": sorted}]}))
        .unwrap_err();
    assert_eq!(outcome["code"], "out_of_memory", "{outcome}");
    assert!(outcome["message"].as_str().unwrap().contains("disk"), "{outcome}");
}

#[test]
fn a_huge_result_is_cut_where_its_keeping_ends() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let reply = client.call("query", &json!({"sql": "from range(50000000)", "max_rows": 5})).unwrap();
    assert_eq!([&reply["n_rows"], &reply["n_total"], &reply["truncated"]], [&json!(5), &json!(null), &json!(true)]);
    let last = client.call("read_result", &json!({"result": reply["result"], "offset": 99_999})).unwrap();
    assert_eq!([&last["rows"], &last["truncated"]], [&json!([[99_999]]), &json!(false)]);
    assert_eq!(
        last["notes"],
        json!(["only the first 100000 rows of the result are kept: narrow the query for others"])
    );
}

#[test]
fn what_a_fault_says_is_bounded_too() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let fault = client.call("query", &json!({"sql": "select error(repeat('x', 5000000))"})).unwrap_err();
    assert!(fault.to_string().len() < 20_000, "{} bytes", fault.to_string().len());
    let fault = client.call("query", &json!({"sql": format!("select {}", "y".repeat(100_000))})).unwrap_err();
    assert!(fault.to_string().len() < 20_000, "{} bytes", fault.to_string().len());
}

#[test]
fn no_name_and_no_list_of_steps_is_endless() {
    let bench = Bench::new().file("t.csv", format!("{},b\n1,2\n", "a".repeat(2_000_000)));
    let mut client = bench.serve();
    let reply = client.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    let name = reply["sheets"][0]["columns"][0]["name"].as_str().unwrap();
    assert_eq!(name.len(), 1_000);
    let step = json!({"op": "filter", "expr": format!("b > 0 /* {} */", "z".repeat(300_000))});
    let outcome = client.call("transform_sheet", &json!({"sheet": "t", "steps": [step]}));
    assert_eq!(code_of(&outcome), "invalid_arguments", "{outcome:?}");
}
