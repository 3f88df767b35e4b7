//! The loop: what goes back to the model, and when it ends.

use serde_json::{Value, json};

use super::{SALES, TOTAL, bench, plain};
use crate::harness::{
    Bench, at,
    model::{Desk, Model, Reply, answer, calls, delta, finish, query, stream, text, told},
};

#[track_caller]
fn has(value: &Value, words: &[&str]) {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn the_model_reads_only() {
    let model = Model::of(plain());
    bench().ask(&model, "What?", &[]).unwrap();
    let tools = at(&model.requests()[0], "/tools").clone();
    let names: Vec<&str> =
        tools.as_array().unwrap().iter().map(|tool| at(tool, "/function/name").as_str().unwrap()).collect();
    let expect = [
        "describe_sheet",
        "list_sheets",
        "preview_rows",
        "query",
        "read_result",
        "summarize_sheet",
        "final_answer",
        "clarify",
    ];
    assert_eq!(names, expect);
    // A tool that few questions need costs no tokens for the others.
    let model = Model::of(plain());
    bench().ask(&model, "Do regions differ significantly in amount?", &[]).unwrap();
    assert!(at(&model.requests()[0], "/tools").to_string().contains("test_hypothesis"));
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    for name in ["delete_sheet", "transform_sheet", "ask", "sheet_history"] {
        let call = calls(&[(name, json!({"sheet": "sales", "question": "x"}))]);
        let (reply, _) = desk.answer(vec![call, query(TOTAL), answer("30.75", TOTAL)]);
        assert_eq!(at(&reply, "/steps/0/outcome"), "unknown_tool");
        assert!(reply["steps"].as_array().unwrap().len() == 2, "{reply}");
    }
}

#[test]
fn several_calls_of_a_turn_are_answered_in_their_order() {
    let both = calls(&[
        ("describe_sheet", json!({"sheet": "sales"})),
        ("query", json!({"sql": "select count(*) from sales"})),
        ("list_sheets", json!("")),
        ("query", json!({"sql": TOTAL})),
    ]);
    let model = Model::of(vec![both, answer("North sold 30.75.", TOTAL)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    let tools: Vec<&str> =
        reply["steps"].as_array().unwrap().iter().map(|step| step["tool"].as_str().unwrap()).collect();
    assert_eq!(tools, ["describe_sheet", "query", "list_sheets", "query"]);
    let messages = at(&model.requests()[1], "/messages").clone();
    let ids: Vec<&Value> =
        messages.as_array().unwrap().iter().filter(|it| it["role"] == "tool").map(|it| &it["tool_call_id"]).collect();
    assert_eq!(ids, ["c0", "c1", "c2", "c3"]);
    // A model's server has no business with paths.
    assert!(!messages.to_string().contains("sales.csv"), "{messages}");
}

#[test]
fn a_failed_query_goes_back_with_what_helps_to_correct_it() {
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    for (sql, code, words) in [
        (
            "select sum(amout) from sales",
            "column_not_found",
            vec!["nearest_columns", "\"amount\"", "amount DECIMAL(18,2)"],
        ),
        ("select * from slaes", "sheet_not_found", vec!["did you mean `sales`"]),
        ("selec 1", "invalid_sql", vec!["syntax error"]),
        ("select sum(product) from sales", "invalid_sql", vec!["sum(VARCHAR)", "product VARCHAR"]),
        ("copy sales to 'x'", "sql_refused", vec!["only SELECT"]),
        ("select * from read_csv('/etc/passwd')", "sql_refused", vec!["read_csv"]),
        ("select cast(product as integer) from sales", "invalid_sql", vec!["Could not convert"]),
    ] {
        let (reply, requests) = desk.answer(vec![query(sql), query(TOTAL), answer("North sold 30.75.", TOTAL)]);
        assert_eq!([at(&reply, "/steps/0/outcome"), at(&reply, "/status")], [code, "answered"], "{sql}: {reply}");
        has(at(&requests[1], "/messages/3/content"), &words);
    }
}

#[test]
fn arguments_that_are_none_go_back_with_their_names() {
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    for (arguments, words) in [
        ("{\"sql\": \"select", vec!["no JSON object", "sql, max_rows"]),
        ("[1]", vec!["no JSON object"]),
        ("{\"sequel\": \"select 1\"}", vec!["sequel", "its arguments are"]),
        ("{}", vec!["`sql` is missing"]),
    ] {
        let call = calls(&[("query", json!(arguments))]);
        let (reply, requests) = desk.answer(vec![call, query(TOTAL), answer("North sold 30.75.", TOTAL)]);
        assert_eq!(at(&reply, "/steps/0/outcome"), "invalid_arguments", "{arguments}");
        has(at(&requests[1], "/messages/3/content"), &words);
    }
    // Encoded twice is as good as once.
    let twice = json!(json!({"sql": TOTAL}).to_string()).to_string();
    let (reply, _) = desk.answer(vec![calls(&[("query", json!(twice))]), answer("North sold 30.75.", TOTAL)]);
    assert_eq!(at(&reply, "/steps/0/outcome"), "ok");
}

#[test]
fn failures_beyond_the_repairs_end_it() {
    let model = Model::start(|n, body| {
        let is_told = body["messages"].to_string().contains("calls have failed");
        if is_told { answer("I could not find out.", "") } else { query(&format!("select nothing_{n} from sales")) }
    });
    let reply = bench().ask(&model, "What?", &["--ask-repairs", "2"]).unwrap();
    assert_eq!(at(&reply, "/status"), "partial");
    has(at(&reply, "/caveats"), &["3 calls have failed"]);
    assert_eq!(model.requests().len(), 4);
    assert_eq!(at(&model.requests()[3], "/tools").as_array().unwrap().len(), 2);
}

#[test]
fn the_same_sql_twice_ends_it() {
    let again = format!("\n {TOTAL} ;\n");
    let model = Model::of(vec![query(TOTAL), query(&again), answer("North sold 30.75.", TOTAL)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/steps/1/outcome")], ["partial", "repeated"]);
    has(at(&reply, "/caveats"), &["The same SQL was run twice"]);
    has(&model.told("query"), &["You have run this very SQL before"]);
    // One that goes on all the same is answered with the rows there are.
    let model = Model::of(vec![query(TOTAL)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/sql")], ["partial", TOTAL]);
    assert_eq!(at(&reply, "/table/rows"), &json!([["North", 30.75], ["South", 5.0]]));
    assert_eq!(model.requests().len(), 3);
}

#[test]
fn blanks_inside_a_literal_make_another_query() {
    let count = |region: &str| query(&format!("select count(*) as n from sales where region <> '{region}'"));
    let model = Model::of(vec![count("a b"), count("a  b"), answer("It is 4.", "select count(*) as n from sales")]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/steps/1/outcome")], ["answered", "ok"]);
}

#[test]
fn of_many_calls_in_a_turn_sixteen_are_run() {
    let many: Vec<_> = (0..200).map(|n| ("query", json!({"sql": format!("select {n} as n from sales")}))).collect();
    let model = Model::of(vec![calls(&many), answer("North sold 30.75.", TOTAL)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    let steps = at(&reply, "/steps").as_array().unwrap();
    assert_eq!(steps.iter().filter(|it| it["tool"] == "query").count(), 16);
    has(at(&model.requests()[1], "/messages"), &["only 16 calls of a turn are run"]);
}

#[test]
fn a_query_that_is_too_slow_ends_with_the_questions_time() {
    let slow = "select count(*) as n from range(3000000) a, range(3000000) b where a.range % 7 = b.range % 11";
    let model = Model::of(vec![query(slow), answer("North sold 30.75.", TOTAL)]);
    let fault = bench().ask(&model, "What?", &["--ask-seconds", "4", "--query-timeout", "600"]).unwrap_err();
    assert_eq!(at(&fault, "/code"), "timed_out");
}

#[test]
fn each_finding_goes_back_once() {
    let bench = bench().file("goals.csv", "region,goal\nNorth,1\nNorth,2\nSouth,3\n");
    let mut desk = Desk::new(&bench, &[]);
    for (sql, words) in [
        ("select * from sales where amount > 1000", vec!["gave no rows"]),
        ("select sum(amount) from sales where product = 'Coffee' and region = 'South'", vec!["is null"]),
        (
            "select count(*) from sales where region = 'north'",
            vec!["`sales`.`region` holds no value like \\\"north\\\"", "North"],
        ),
        (
            "select count(*) from sales where product in ('Tea', 'Cofee')",
            vec!["\\\"Cofee\\\"", "nearest are \\\"Coffee\\\""],
        ),
        ("select count(*) from sales where lower(region) = 'nord'", vec!["\\\"nord\\\"", "North"]),
        ("select count(*) from sales s where s.region ilike 'west%'", vec!["holds no value like"]),
        (
            "select sum(amount) from sales join goals on sales.region = goals.region",
            vec!["multiplies rows", "up to 2 times"],
        ),
        ("select count(*) from sales join goals using (region)", vec!["multiplies rows"]),
        ("select sum(s.amount) from sales s, goals g where s.region = g.region", vec!["multiplies rows"]),
        ("with c as (select product from sales where region = 'nort') select count(*) from c", vec!["\\\"nort\\\""]),
        ("select product from sales limit 2", vec!["LIMIT 2 may have cut"]),
    ] {
        let again = query(&format!("{sql} -- once more"));
        let (reply, requests) = desk.answer(vec![query(sql), again, answer("It is so.", sql)]);
        assert_eq!(at(&reply, "/status"), "answered", "{sql}: {reply}");
        has(at(&requests[1], "/messages/3/content"), &[&["findings"], words.as_slice()].concat());
        assert!(!at(&requests[2], "/messages/5/content").to_string().contains("findings"), "{sql}");
    }
}

#[test]
fn queries_with_nothing_odd_have_no_findings() {
    let bench = bench()
        .file("managers.csv", "region,name\nNorth,Ann\nSouth,Bo\n")
        .file("bonuses.csv", "region,bonus\nNorth,10\nSouth,20\n");
    let mut desk = Desk::new(&bench, &[]);
    for sql in [
        TOTAL,
        "select name, sum(amount) from sales join managers using (region) group by name",
        "select s.region, m.name from sales s join managers m on s.region = m.region where s.product = 'Tea'",
        "select product from sales order by amount desc nulls last limit 1",
        "select count(distinct day) from sales where product ilike '%tea%' and product <> 'Milk' limit 5",
        "select (select count(*) from sales where region = 'North') as n",
    ] {
        let (_, requests) = desk.answer(vec![query(sql), answer("It is so.", sql)]);
        let told = told(&requests, "query");
        assert!(told.get("findings").is_none(), "{sql}: {told}");
    }
    // Rows of the one side are added up once for each of the many.
    let sum = "select sum(m.bonus) from sales s join bonuses m on s.region = m.region";
    let (_, requests) = desk.answer(vec![query(sum), answer("It is so.", sum)]);
    has(&told(&requests, "query"), &["repeats each row of `bonuses` up to 2 times"]);
}

#[test]
fn a_join_that_multiplies_rows_is_found_wherever_it_is_written() {
    let bench = bench()
        .file("goals.csv", "region,goal\nNorth,1\nNorth,2\nSouth,3\n")
        .file("regions.csv", "region,boss\nNorth,Ann\nSouth,Bo\n")
        .file("codes.csv", "code,goal\n1,5\n1,6\n2,7\n")
        .file("items.csv", "code,price\n1,10\n2,20\n");
    let mut desk = Desk::new(&bench, &[]);
    for sql in [
        "select * from (select sum(amount) as total from sales join goals using (region)) q",
        "with j as (select s.*, g.goal from sales s join goals g on s.region = g.region) select region, sum(amount) from j group by 1",
        "select sum(q.amount) from (select sales.amount, goals.goal from sales, goals where sales.region = goals.region) q",
        "with g as (select region as area, goal from goals) select sum(amount) from sales join g on area = region",
        "select sum(amount) from sales natural join goals",
        "select sum(price) from items, codes where cast(items.code as varchar) = cast(codes.code as varchar)",
        "select sum(amount) from sales, goals",
        // Two branches of one key.
        "select r.boss, sum(s.amount) from regions r join sales s using (region) join goals g using (region) group by r.boss",
        "select (select sum(amount) from sales join goals using (region)) as n",
        "select 1 as n from sales union all select sum(amount) from sales join goals using (region)",
        "select boss, count(*) from sales join goals using (region) join regions using (region) group by all",
    ] {
        let (_, requests) = desk.answer(vec![query(sql), answer("It is so.", sql)]);
        has(&told(&requests, "query"), &["the join multiplies rows"]);
    }
    for sql in [
        "select sum(amount) from sales join (select region, sum(goal) as goal from goals group by region) using (region)",
        "with g as (select region, max(goal) as goal from goals group by 1) select sum(amount) from sales natural join g",
        "select sum(amount) from sales s join goals g on s.region = g.region and g.goal in (2, 3)",
        "select sum(amount) from sales s, goals g where s.region = g.region and g.goal <> 1",
        "select boss, sum(amount), count(*) from sales join regions using (region) group by boss",
        "select sum(amount * goal) from sales join (from goals where goal > 1) using (region)",
        "select goal, sum(amount) from sales join goals using (region) group by goal",
        "select sum(amount) from sales where region in (select region from goals)",
        "select sum(amount) from sales semi join goals using (region)",
        "select sum(amount), any_value(n) from sales cross join (select count(*) as n from goals)",
    ] {
        let (_, requests) = desk.answer(vec![query(sql), answer("It is so.", sql)]);
        let told = told(&requests, "query");
        assert!(told.get("findings").is_none(), "{sql}: {told}");
    }
}

#[test]
fn a_filter_that_lets_nothing_through_is_found_wherever_it_is_written() {
    let bench = bench().file("more.csv", "region,product\nEast,Milk\n");
    let mut desk = Desk::new(&bench, &[]);
    for (sql, words) in [
        ("with c as (from sales) select count(*) from c where region = 'Nort'", vec!["\\\"Nort\\\"", "\\\"North\\\""]),
        (
            "with c as (select region as area from sales), d as (select * from c) select count(*) from d where area = 'Nort'",
            vec!["`sales`.`region` holds no value"],
        ),
        (
            "select * from (select s.region r, count(*) n from sales s group by r) where r = 'Nort'",
            vec!["\\\"North\\\""],
        ),
        ("with sales as (select * from sales) select count(*) from sales where region = 'Nort'", vec!["\\\"North\\\""]),
        (
            "select count(*) from (from sales select region union all from more select region) where region = 'West'",
            vec!["holds no value"],
        ),
        (
            "select count(*) from sales where day >= '2025-01-01'",
            vec!["runs from 2024-01-05 to 2024-02-02", "no row may have reached"],
        ),
        (
            "select sum(amount), count(*) from sales where amount between 100 and 200",
            vec!["runs from 5", "no row may have reached"],
        ),
        ("select count(*) from sales where year(day) = 2023", vec!["`day` runs from"]),
        ("select sum(amount) from sales where region = 'North' and day > date '2024-01-20'", vec!["is null"]),
    ] {
        let (_, requests) = desk.answer(vec![query(sql), answer("It is so.", sql)]);
        has(&told(&requests, "query"), &words);
    }
    for sql in [
        "select count(*) from (from sales select region union all from more select region) where region = 'East'",
        "select count(*) from sales where day > '2024-01-20' and not region = 'West' and amount < 1e3",
        "select region, count(*) from sales group by 1 having sum(amount) > 3",
    ] {
        let (_, requests) = desk.answer(vec![query(sql), answer("It is so.", sql)]);
        let told = told(&requests, "query");
        assert!(told.get("findings").is_none(), "{sql}: {told}");
    }
}

#[test]
fn a_finding_that_is_left_to_stand_is_told_the_user() {
    let sql = "select count(*) as n from sales where region = 'Nort'";
    let model = Model::of(vec![query(sql), answer("None, 0.", sql)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!(at(&reply, "/status"), "answered");
    has(at(&reply, "/caveats"), &["`sales`.`region` holds no value like \\\"Nort\\\"", "no row may have reached"]);
}

#[test]
fn a_query_may_be_made_again_where_its_rows_are_not_before_the_model() {
    // With more rows.
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    let with = |n: u32| calls(&[("query", json!({"sql": "from sales", "max_rows": n}))]);
    let (reply, _) = desk.answer(vec![with(1), with(4), answer("North.", "from sales")]);
    assert_eq!([at(&reply, "/status"), at(&reply, "/steps/1/outcome")], ["answered", "ok"]);
    // After the reply was dropped.
    let rows: String = (0..400).map(|i| format!("row {i},some words that fill the row {i}\n")).collect();
    let long = Bench::new().file("long.csv", format!("a,b\n{rows}"));
    let model = Model::of(vec![
        query("from long"),
        query("from long limit 350"),
        query("from long"),
        answer("Many.", "from long"),
    ]);
    let reply = long.ask(&model, "What?", &["--ask-prompt-tokens", "5000"]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/steps/2/outcome")], ["answered", "ok"], "{reply}");
    // A failure that comes again is one.
    let model = Model::of(vec![query("select x from sales"), query("select x from sales"), answer("Nothing.", "")]);
    let reply = crate::harness::Bench::new().file("sales.csv", SALES).ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/steps/1/outcome")], ["partial", "column_not_found"]);
}

#[test]
fn an_answer_without_any_query_says_so() {
    let model = Model::of(vec![answer("The sheets hold no prices.", "")]);
    let reply = bench().ask(&model, "What does tea cost?", &[]).unwrap();
    has(&model.told("final_answer"), &["No query was run"]);
    assert_eq!([at(&reply, "/status"), at(&reply, "/sql")], ["answered", ""]);
    has(at(&reply, "/caveats"), &["no query was run"]);
}

#[test]
fn the_date_is_told_where_the_question_needs_it() {
    let today = |question: &str| {
        let model = Model::of(plain());
        bench().ask(&model, question, &[]).unwrap();
        at(&model.requests()[0], "/messages/1/content").as_str().unwrap().contains("Today is ")
    };
    assert!(today("What did each region sell last month?"));
    assert!(!today("What did each region sell in its last shop?"));
}

#[test]
fn joins_are_told_where_names_agree_and_dates_by_their_grain() {
    let numbers =
        |name: &str| format!("id,{name}\n{}", (1..30).map(|n| format!("{n},{}\n", n % 7)).collect::<String>());
    let bench = Bench::new()
        .file("shops.csv", numbers("rooms"))
        .file("songs.csv", numbers("length"))
        .file(
            "visits.csv",
            format!("visit_id,shop_id\n{}", (1..40).map(|n| format!("{n},{}\n", n % 9 + 1)).collect::<String>()),
        )
        .file("daily.csv", "day,sold\n2024-01-05,1\n2024-01-09,2\n2024-02-03,3\n2024-03-04,4\n")
        .file("targets.csv", "month,target\n2024-01-01,9\n2024-02-01,8\n2024-03-01,7\n");
    let model = Model::of(vec![answer("Nothing.", "")]);
    bench.ask(&model, "What?", &[]).unwrap();
    let user = at(&model.requests()[0], "/messages/1/content").as_str().unwrap().to_owned();
    let data: Value = serde_json::from_str(user.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    let mut on: Vec<&str> =
        data["columns_that_join"].as_array().unwrap().iter().map(|it| it["on"].as_str().unwrap()).collect();
    on.sort_unstable();
    assert_eq!(
        on,
        [
            r#""shops"."id" = "visits"."shop_id""#,
            r#"date_trunc('month', "daily"."day") = date_trunc('month', "targets"."month")"#,
        ]
    );
}

#[test]
fn the_context_tells_what_a_file_says_of_its_columns_and_lists_more_values_where_there_is_room() {
    let rows: String = (0..60).map(|n| format!("code {:02},{}%,{:02}/03/2024\n", n % 40, n % 9, n % 28 + 1)).collect();
    let model = Model::of(vec![answer("Nothing.", "")]);
    Bench::new().file("t.csv", format!("code,growth,seen\n{rows}")).ask(&model, "What?", &[]).unwrap();
    let user = at(&model.requests()[0], "/messages/1/content").as_str().unwrap().to_owned();
    let data: Value = serde_json::from_str(user.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    let columns = &data["sheets"][0]["columns"];
    assert_eq!(columns[0]["all_values"].as_array().unwrap().len(), 40);
    has(&columns[1]["note"], &["unit: %"]);
    has(&columns[2]["read_as"], &["day before month"]);
    assert!(columns[2].get("examples").is_none(), "the sample rows show them: {columns}");
}

#[test]
fn an_answer_on_sql_that_was_never_run_is_looked_at_first() {
    let sql = "select count(*) as n from sales where region = 'Nort'";
    let model = Model::of(vec![answer("None.", sql), answer("None.", sql)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    has(&model.told("final_answer"), &["Before this is accepted", "Nort"]);
    assert_eq!([at(&reply, "/status"), at(&reply, "/steps/0/outcome")], ["answered", "findings"]);
    assert_eq!(at(&reply, "/table/rows"), &json!([[0]]));
    // And one that fails goes back as a failure.
    let model = Model::of(vec![answer("None.", "select x from sales"), answer("North sold 30.75.", TOTAL)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/steps/0/outcome")], ["answered", "failed"]);
    has(&model.told("final_answer"), &["column_not_found"]);
}

#[test]
fn a_number_that_is_in_no_result_is_refused_once_and_then_flagged() {
    let wrong = answer("North sold 31.75 in 2 rows.", TOTAL);
    let model = Model::of(vec![query(TOTAL), wrong.clone(), answer("North sold 30.75.", TOTAL)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/answer"), at(&reply, "/steps/1/outcome")], ["North sold 30.75.", "numbers"]);
    assert_eq!(at(&reply, "/caveats"), &json!([]));
    has(&model.told("final_answer"), &["appear in no result: 31.75. Compute"]);

    let model = Model::of(vec![query(TOTAL), wrong]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!(at(&reply, "/caveats"), &json!(["not found in any result: 31.75"]));
    assert_eq!(model.requests().len(), 3);

    // Numbers of the question and rounded ones are no invention.
    let model = Model::of(vec![query(TOTAL), answer("In 2024 North sold about 31, which is over 17.", TOTAL)]);
    let reply = bench().ask(&model, "Which region sold more than 17 in 2024?", &[]).unwrap();
    assert_eq!(at(&reply, "/caveats"), &json!([]));
}

#[test]
fn an_answer_without_its_sql_is_asked_for_it_once() {
    let model = Model::of(vec![query(TOTAL), answer("North sold 30.75.", "")]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/sql"), at(&reply, "/steps/1/outcome")], [TOTAL, "no_sql"]);
    assert_eq!(at(&reply, "/table/rows/0"), &json!(["North", 30.75]));
}

#[test]
fn an_answer_beside_other_calls_waits_for_their_results() {
    let both = calls(&[
        ("query", json!({"sql": TOTAL})),
        ("final_answer", json!({"answer": "North sold 99.", "sql": TOTAL, "caveats": []})),
    ]);
    let model = Model::of(vec![both, answer("North sold 30.75.", TOTAL)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!(at(&reply, "/answer"), "North sold 30.75.");
    has(&model.told("final_answer"), &["together with other calls"]);
}

#[test]
fn empty_replies_and_plain_text_are_nudged_before_they_count() {
    let model = Model::of(vec![text(""), query(TOTAL), text("North sold 30.75."), answer("North sold 30.75.", TOTAL)]);
    assert_eq!(at(&bench().ask(&model, "What?", &[]).unwrap(), "/status"), "answered");
    has(at(&model.requests()[1], "/messages"), &["Your reply was empty"]);
    has(at(&model.requests()[3], "/messages"), &["You replied in text"]);
    // One that only speaks is taken at its word, with the last query's SQL.
    let model = Model::of(vec![query(TOTAL), text("North sold 30.75.")]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/answer"), at(&reply, "/sql")], ["North sold 30.75.", TOTAL]);
    has(at(&reply, "/caveats"), &["in plain text"]);
    // One that says nothing is a failure, or as much of an answer as there is.
    let fault = bench().ask(&Model::of(vec![text("")]), "What?", &[]).unwrap_err();
    assert_eq!(at(&fault, "/code"), "model_failed");
    let reply = bench().ask(&Model::of(vec![query(TOTAL), text("")]), "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/sql")], ["partial", TOTAL]);
}

#[test]
fn a_reply_that_is_too_long_is_asked_for_again_shorter() {
    let long = stream(&[delta(json!({"content": "Well, let me think about this at"})), finish("length")], false);
    let model = Model::of(vec![long, query(TOTAL), answer("North sold 30.75.", TOTAL)]);
    assert_eq!(at(&bench().ask(&model, "What?", &["--ask-reply-tokens", "77"]).unwrap(), "/status"), "answered");
    assert_eq!(at(&model.requests()[0], "/max_tokens"), 77);
    has(at(&model.requests()[1], "/messages"), &["cut off at its limit of 77 tokens"]);
}

#[test]
fn a_model_that_never_stops_is_told_to_and_then_stopped() {
    let model = Model::start(|n, _| query(&format!("select {n} as n from sales limit 1")));
    let reply = bench().ask(&model, "What?", &["--ask-steps", "5"]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/sql")], ["partial", "select 3 as n from sales limit 1"]);
    assert_eq!(model.requests().len(), 5);
    has(at(&model.requests()[4], "/messages"), &["The budget of 5 steps is used up"]);
    has(at(&reply, "/caveats"), &["The budget of 5 steps is used up"]);
    // Where it answers then, that is the best partial answer, and says so.
    let model = Model::start(|n, body| {
        let is_told = body["messages"].to_string().contains("is used up");
        if is_told {
            answer("North sold 30.75, as far as I see.", TOTAL)
        } else {
            query(&format!("select {n} as n from sales limit 1"))
        }
    });
    let reply = bench().ask(&model, "What?", &["--ask-tokens", "500"]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/answer")], ["partial", "North sold 30.75, as far as I see."]);
    has(at(&reply, "/caveats"), &["The budget of 500 tokens is used up"]);
}

#[test]
fn time_that_runs_out_leaves_what_there_is() {
    let model = Model::of(vec![query(TOTAL), Reply::Silence]);
    let reply = bench().ask(&model, "What?", &["--ask-seconds", "6"]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/sql")], ["partial", TOTAL]);
    has(at(&reply, "/caveats"), &["took longer than there was time"]);
    let fault = bench().ask(&Model::of(vec![Reply::Silence]), "What?", &["--ask-seconds", "0.5"]).unwrap_err();
    assert_eq!(at(&fault, "/code"), "timed_out");
}

#[test]
fn the_model_can_ask_back() {
    let clarify = |question: &str| calls(&[("clarify", json!({"question": question, "options": ["Net", "Gross"]}))]);
    let model = Model::of(vec![clarify(""), clarify("Which amount?")]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!([at(&reply, "/status"), at(&reply, "/question")], ["clarify", "Which amount?"]);
    assert_eq!(at(&reply, "/options"), &json!(["Net", "Gross"]));
    assert_eq!(model.requests().len(), 2);
}

#[test]
fn the_context_tells_types_values_ranges_joins_notes_and_the_words_that_match() {
    let bench = bench()
        .file("managers.csv", "area,name,since\nNorth,Ann,2020-01-01\nSouth,Bo,2021-05-05\nEast,Cy,2022-02-02\n");
    let model = Model::of(plain());
    bench.ask(&model, "How much cofee did north sell to Bo?", &[]).unwrap();
    let user = at(&model.requests()[0], "/messages/1/content").as_str().unwrap().to_owned();
    let data: Value = serde_json::from_str(user.lines().find(|line| line.starts_with('{')).unwrap()).unwrap();
    let names: Vec<&Value> = data["sheets"].as_array().unwrap().iter().map(|sheet| &sheet["sheet"]).collect();
    assert_eq!(names, ["managers", "sales"]);
    let sales = &data["sheets"][1];
    assert_eq!(
        sales["columns"][0],
        json!({"name": "region", "type": "VARCHAR", "n_distinct": 2, "all_values": ["North", "South"]})
    );
    assert_eq!(sales["columns"][2]["null_share"], "25.0%");
    assert_eq!(sales["first_rows"].as_array().unwrap().len(), 3);
    assert_eq!(data["columns_that_join"][0]["on"], r#""managers"."area" = "sales"."region""#);
    assert_eq!(
        [&data["columns_that_join"][0]["shared_values"], &data["columns_that_join"][0]["unique_in"]],
        [&json!("2 of 2"), &json!(["managers"])]
    );
    let hints = data["values_like_words_of_the_question"].clone();
    has(&hints, &[r#"{"words":"north","sheet":"sales","column":"region","value":"North","exact":true}"#]);
    has(&hints, &[r#"{"words":"cofee","sheet":"sales","column":"product","value":"Coffee","exact":false}"#]);
    has(&hints, &[r#"{"words":"bo","sheet":"managers","column":"name","value":"Bo","exact":true}"#]);
    assert!(user.trim_end().ends_with(r#""How much cofee did north sell to Bo?""#), "{user}");
}

#[test]
fn the_context_keeps_to_its_budget_and_names_are_the_last_to_go() {
    let mut bench = Bench::new().file("sales.csv", SALES);
    for i in 0..6 {
        let columns: Vec<String> = (0..30).map(|c| format!("measure_{c}")).collect();
        let row: Vec<String> = (0..30).map(|c| format!("value number {c} of {i}")).collect();
        bench = bench.file(&format!("wide_{i}.csv"), format!("{}\n{}\n", columns.join(","), row.join(",")));
    }
    let size = |flags: &[&str]| {
        let model = Model::of(plain());
        bench.ask(&model, "What did each region of sales sell?", flags).unwrap();
        at(&model.requests()[0], "/messages/1/content").as_str().unwrap().to_owned()
    };
    let (whole, small) = (size(&[]), size(&["--ask-prompt-tokens", "6000"]));
    assert!(whole.len() > 20_000 && small.len() < 15_000, "{} {}", whole.len(), small.len());
    assert!(whole.contains("first_rows"));
    assert!(
        small.contains(r#""all_values":["North","South"]"#),
        "the sheet that is asked about keeps its values: {small}"
    );
    assert!(small.contains("wide_5") && !small.contains("value number 3 of 5"), "{small}");
}

#[test]
fn old_results_give_way_where_a_request_would_be_too_long() {
    let rows: String = (0..400).map(|i| format!("row {i},some words that fill the row {i}\n")).collect();
    let bench = bench().file("long.csv", format!("a,b\n{rows}"));
    let model = Model::of(vec![
        query("from long"),
        query("from long limit 350"),
        query(TOTAL),
        answer("North sold 30.75.", TOTAL),
    ]);
    let reply = bench.ask(&model, "What?", &["--ask-prompt-tokens", "5000"]).unwrap();
    assert_eq!(at(&reply, "/status"), "answered");
    let last = model.requests()[3].clone();
    has(at(&last, "/messages/3/content"), &["was dropped to save room"]);
    has(at(&last, "/messages/7/content"), &["30.75"]);
}
