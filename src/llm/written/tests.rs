//! The forms in which models write calls into their text.

use serde_json::json;

use super::*;

fn tools() -> Value {
    let tool = |name: &str, required: &[&str], properties: &[(&str, &str)]| {
        let properties: Map<String, Value> =
            properties.iter().map(|(key, kind)| ((*key).to_owned(), json!({"type": kind}))).collect();
        json!({"type": "function", "function": {"name": name,
            "parameters": {"type": "object", "properties": properties, "required": required}}})
    };
    json!([
        tool("query", &["sql"], &[("sql", "string"), ("max_rows", "integer")]),
        tool("describe_sheet", &["sheet"], &[("sheet", "string")]),
        tool("preview_rows", &["sheet"], &[("sheet", "string"), ("n_rows", "integer")]),
        tool("list_sheets", &[], &[("prefix", "string")]),
        tool(
            "final_answer",
            &["answer", "sql", "caveats"],
            &[("answer", "string"), ("sql", "string"), ("caveats", "array")]
        ),
    ])
}

fn read_text(text: &str) -> Written {
    let tools = tools();
    read(text, "", &Tool::all(tools.as_array().unwrap()))
}

#[track_caller]
fn check(text: &str, expect: &[(&str, Value)]) {
    let found = read_text(text).calls;
    let found: Vec<(&str, Value)> = found
        .iter()
        .map(|call| {
            (call.name.as_str(), serde_json::from_str(&call.arguments).unwrap_or(call.arguments.clone().into()))
        })
        .collect();
    assert_eq!(found, expect, "{text}");
}

#[test]
fn a_call_is_found_in_the_forms_that_models_write() {
    let args = json!({"sql": "select 'a' as x where 1 < 2 and 3 > 2"});
    let one = json!({"name": "query", "arguments": args}).to_string();
    let sql = args["sql"].as_str().unwrap();
    for text in [
        one.clone(),
        format!("I will look at {{it}} [now].\n```json\n{one}\n```\nDone."),
        format!("```tool_call\n{one}```"),
        format!("```\n[{one}]\n```"),
        format!("<tool_call>\n{one}\n</tool_call>"),
        format!("<tool_call>{one}"),
        format!("<think>I could {{\"name\": \"list_sheets\", \"arguments\": {{}}}}</think>{one}"),
        format!("so, first\n</think>\n\n{one}"),
        format!("[THINK]hm[/THINK]{one}"),
        format!("Let me see: {one} That should do."),
        format!("[TOOL_CALLS][{one}]"),
        format!("[TOOL_CALLS]query{args}"),
        format!("[TOOL_CALLS]query[ARGS]{args}"),
        format!("[TOOL_CALLS]query[CALL_ID]a1B2c3D4e[ARGS]{args}"),
        format!("<|python_tag|>{}", json!({"name": "query", "parameters": args})),
        format!("<|python_tag|>query.call(sql=\"{sql}\")"),
        format!("<function=query>{args}</function>"),
        format!("<tool_call>\n<function=query>\n<parameter=sql>\n{sql}\n</parameter>\n</function>\n</tool_call>"),
        format!("<function=query><parameter=sql>{sql}"),
        format!(
            "<minimax:tool_call><invoke name=\"query\"><parameter name=\"sql\">{sql}</parameter></invoke></minimax:tool_call>"
        ),
        format!(
            "<｜DSML｜function_calls><｜DSML｜invoke name=\"query\"><｜DSML｜parameter name=\"sql\" string=\"true\">{sql}</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜function_calls>"
        ),
        format!("<tool_call>query\n<arg_key>sql</arg_key>\n<arg_value>{sql}</arg_value>\n</tool_call>"),
        format!(
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>query\n```json\n{args}\n```<｜tool▁call▁end｜>"
        ),
        format!(
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.query:0<|tool_call_argument_begin|>{args}<|tool_call_end|>"
        ),
        format!(
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.query <|constrain|>json<|message|>{args}<|call|>"
        ),
        format!("functions.query({args})"),
        format!("query({args})"),
        format!("[query(sql=\"{sql}\")]"),
        format!("```tool_code\nquery(sql='''{sql}''')\n```"),
        json!({"name": "functions.query", "arguments": args}).to_string(),
        json!({"tool_calls": [{"type": "function", "function": {"name": "query", "arguments": args.to_string()}}]})
            .to_string(),
        json!([{"type": "function", "function": {"name": "query", "parameters": args}}]).to_string(),
        json!({"function": "query", "arguments": args}).to_string(),
        json!({"tool": "query", "parameters": args}).to_string(),
        json!({"action": "query", "action_input": args}).to_string(),
        json!({"name": "query", "sql": sql}).to_string(),
        json!({"query": args}).to_string(),
        format!("I run\n```json\n{args}\n```"),
        one.replace("select ", "select\n"),
    ] {
        let found = read_text(&text).calls;
        let found: Vec<(String, Value)> = found
            .into_iter()
            .map(|call| (call.name, serde_json::from_str(&call.arguments).unwrap_or(Value::from(call.arguments))))
            .map(|(name, args)| (name, json!({"sql": args["sql"].as_str().unwrap_or_default().replace('\n', " ")})))
            .collect();
        assert_eq!(found, [("query".to_owned(), args.clone())], "{text}");
    }
}

#[test]
fn several_calls_keep_their_order_and_arguments_their_types() {
    let (a, b) = (("query", json!({"sql": "select 1", "max_rows": 3})), ("describe_sheet", json!({"sheet": "12"})));
    let list = ("list_sheets", json!({}));
    check(
        r#"[{"name":"query","arguments":{"sql":"select 1","max_rows":3}},{"name":"describe_sheet","parameters":{"sheet":"12"}}]"#,
        &[a.clone(), b.clone()],
    );
    check(
        "<tool_call><function=query><parameter=sql>select 1</parameter><parameter=max_rows>3</parameter></function></tool_call>\
         <tool_call><function=describe_sheet><parameter=sheet>12</parameter></function></tool_call><function=list_sheets></function>",
        &[a.clone(), b.clone(), list.clone()],
    );
    check("[query(sql='select 1', max_rows=3), describe_sheet(sheet=\"12\")]", &[a, b]);
    check(r#"{"name": "list_sheets", "arguments": null} {"name": "list_sheets"}"#, &[("list_sheets", "".into()), list]);
}

#[test]
fn an_answer_as_an_object_is_its_call_whatever_stands_around_it() {
    let args = json!({"answer": "North sold {30.75}.", "sql": "select 1", "caveats": []});
    for text in [
        args.to_string(),
        format!("Here is it [at last]:\n\n{args}\n\nI hope that {{helps}}."),
        format!("```json\n{args}\n```"),
        format!("final_answer {args}"),
        format!("**final_answer**: `{args}`"),
        format!("final_answer({args})"),
        json!({"final_answer": args}).to_string(),
    ] {
        check(&text, &[("final_answer", args.clone())]);
    }
}

#[test]
fn what_looks_like_a_call_is_one_even_if_no_such_tool_is_there_or_it_cannot_be_read() {
    check(r#"{"name": "run_sql", "arguments": {"q": 1}}"#, &[("run_sql", json!({"q": 1}))]);
    check(r#"So: {"name": "run_sql", "parameters": {}} "#, &[("run_sql", json!({}))]);
    check("functions.run_sql {\"q\": 1}", &[("run_sql", json!({"q": 1}))]);
    check("<tool_call><function=run_sql></function></tool_call>", &[("run_sql", json!({}))]);
    for (text, name) in [
        (r#"<tool_call>{"name": "query", "arguments": {"sql": "select"#, "query"),
        (
            r#"```json
{"name": "query", "arguments": {"sql": 'select 1'}}
```"#,
            "query",
        ),
        (r#"{"answer": "North", "sql": "select 1", "caveats": ["#, "final_answer"),
        ("[TOOL_CALLS] of nothing", "unreadable_call"),
        ("<tool_call>\n???\n</tool_call>", "unreadable_call"),
    ] {
        let found = read_text(text).calls;
        assert_eq!(found.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), [name], "{text}");
        assert!(!json::is_object(&found[0].arguments), "{text}");
    }
}

#[test]
fn what_is_no_call_stays_text() {
    for text in [
        "the answer is 42",
        "```sql\nselect 1\n```",
        "{}",
        "[1, 2]",
        "a < b and 3<5 > 2 {x} [y]",
        r#"[{"region": "North", "total": 30.75}, {"name": "Ann", "input": 3}]"#,
        "North (see `query`) sold 30.75; I used the query tool.",
        "I called query (twice).",
    ] {
        assert_eq!(read_text(text), Written { text: text.to_owned(), calls: Vec::new() });
    }
    assert_eq!(read_text("<think>{\"name\":\"query\"}</think>It is 3.<|im_end|>").text, "It is 3.");
    assert_eq!(read_text("I look.\n```json\n{\"name\":\"list_sheets\",\"arguments\":{}}\n```").text, "I look.");
}

#[test]
fn a_call_in_the_thoughts_counts_where_nothing_else_was_said() {
    let tools = tools();
    let tools = Tool::all(tools.as_array().unwrap());
    let call = r#"<tool_call>{"name": "query", "arguments": {"sql": "select 1"}}</tool_call>"#;
    assert_eq!(read("", call, &tools).calls.len(), 1);
    assert_eq!(read(&format!("<think>{call}"), "", &tools).calls.len(), 1);
    assert_eq!(read("It is 3.", call, &tools).calls, []);
    assert_eq!(read("", r#"{"name": "run_sql", "arguments": {}}"#, &tools).calls, []);
}

#[test]
fn what_opens_and_never_closes_does_not_take_long() {
    let n = 2_000;
    for unit in [
        "[",
        "{",
        "<",
        "[\"",
        "</",
        "<tool_call>",
        "<think></think>",
        "query(",
        "query(sql=[",
        "{} :",
        "<function=a></",
    ] {
        let found = read_text(&unit.repeat(n));
        assert!(found.text.len() <= MAX_SEARCHED, "{unit}");
    }
    let call = r#"<tool_call>{"name": "query", "arguments": {"sql": "select 1"}}</tool_call>"#;
    assert_eq!(read_text(&("[".repeat(n) + call)).calls.len(), 1);
    assert_eq!(read_text(&("[THINK]a[/THINK]<think>b</think>c".repeat(2) + "<think>d")).text, "cc");
}
