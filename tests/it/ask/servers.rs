//! What servers and models do otherwise than OpenAI's: calls as text, refused histories, odd streams, cut replies.

use serde_json::{Value, json};

use super::{SALES, TOTAL, bench, plain};
use crate::harness::{
    at,
    http::{Request, Site},
    model::{Desk, KEY, Model, Reply, answer, calls, delta, error, finish, query, stream, text},
};

const SAID: &str = "North sold 30.75.";

fn whole(body: &Value) -> Reply {
    Reply::Status(200, vec![("content-type".to_owned(), "application/json".to_owned())], body.to_string())
}

fn message(message: &Value) -> Reply {
    whole(&json!({"choices": [{"message": message, "finish_reason": "stop"}]}))
}

#[test]
fn calls_that_come_as_text_are_run_and_never_shown_as_an_answer() {
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    let args = json!({"sql": TOTAL});
    let last = json!({"answer": SAID, "sql": TOTAL, "caveats": []});
    for (one, two) in [
        (
            format!(
                "<think>I need {{sums}}.</think>\n<tool_call>\n<function=query>\n<parameter=sql>\n{TOTAL}\n</parameter>\n</function>\n</tool_call>"
            ),
            format!("Here is it:\n{last}\nThat is all."),
        ),
        (
            format!("[TOOL_CALLS]query[ARGS]{args}"),
            format!("[TOOL_CALLS][{}]", json!({"name": "final_answer", "arguments": last})),
        ),
        (format!("<|python_tag|>{}", json!({"name": "query", "parameters": args})), format!("final_answer {last}")),
        (
            format!("I will run functions.query({args})"),
            json!({"name": "functions.final_answer", "arguments": last}).to_string(),
        ),
    ] {
        let (reply, requests) = desk.answer(vec![text(&one), text(&two)]);
        assert_eq!(
            [at(&reply, "/answer"), at(&reply, "/sql"), at(&reply, "/steps/0/call")],
            [SAID, TOTAL, TOTAL],
            "{one}"
        );
        assert_eq!(requests.len(), 2);
        assert_eq!(at(&requests[1], "/messages/2/tool_calls/0/function/name"), "query");
    }
}

#[test]
fn a_call_in_text_of_no_tool_or_that_cannot_be_read_goes_back_as_a_fault() {
    let bench = bench();
    let mut desk = Desk::new(&bench, &["--ask-repairs", "9"]);
    for (odd, outcome) in [
        (json!({"name": "run_sql", "arguments": {"q": TOTAL}}).to_string(), "unknown_tool"),
        ("<tool_call>{\"name\": \"query\", \"arguments\": {\"sql\": \"select".to_owned(), "invalid_arguments"),
    ] {
        let replies = vec![text(&odd), text(&odd), query(TOTAL), answer(SAID, TOTAL)];
        let (reply, requests) = desk.answer(replies);
        assert_eq!(
            [at(&reply, "/answer"), at(&reply, "/steps/0/outcome"), at(&reply, "/steps/1/outcome")],
            [SAID, outcome, outcome]
        );
        assert_eq!(at(&requests[1], "/messages/3/role"), "tool");
    }
}

#[test]
fn what_is_sent_back_is_legal_whatever_the_model_wrote() {
    let odd = calls(&[
        ("query", json!("{\"sql\": \"sel")),
        ("run a query!", json!({"x": 1})),
        ("query", json!("[1]")),
        (&"long".repeat(40), json!("")),
    ]);
    let model = Model::of(vec![odd, query(TOTAL), answer(SAID, TOTAL)]);
    let reply = bench().ask(&model, "What?", &["--ask-repairs", "9"]).unwrap();
    assert_eq!(at(&reply, "/answer"), SAID);
    let messages = at(&model.requests()[1], "/messages").as_array().unwrap().clone();
    let is_legal = |name: &Value| {
        let name = name.as_str().unwrap();
        (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    let sent = messages[2]["tool_calls"].as_array().unwrap();
    assert_eq!(sent.len(), 4);
    for (call, told) in sent.iter().zip(&messages[3..]) {
        let arguments = call["function"]["arguments"].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(arguments).unwrap().is_object(), "{arguments}");
        assert!(is_legal(&call["function"]["name"]) && is_legal(&told["name"]), "{call}");
        assert_eq!(call["id"], told["tool_call_id"]);
        assert!(told["content"].as_str().unwrap().contains("error"), "{told}");
    }
}

#[test]
fn comments_of_a_stream_are_signs_of_life_until_the_deadline() {
    let mut pieces = vec![b": OPENROUTER PROCESSING\n\n".to_vec(); 8];
    let slow = |pieces: Vec<Vec<u8>>| Reply::Slow { pieces, pause: std::time::Duration::from_millis(250) };
    let Reply::Raw { pieces: rest, .. } = stream(
        &[delta(
            json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "query", "arguments": json!({"sql": TOTAL}).to_string()}}]}),
        )],
        false,
    ) else {
        panic!()
    };
    let endless = slow(vec![b": still here\n\n".to_vec(); 1_000]);
    pieces.push(rest.concat());
    let model = Model::of(vec![slow(pieces), answer(SAID, TOTAL)]);
    assert_eq!(at(&bench().ask(&model, "What?", &["--llm-patience", "1"]).unwrap(), "/answer"), SAID);
    assert_eq!(model.requests().len(), 2);
    let fault = bench().ask(&Model::of(vec![endless]), "What?", &["--llm-timeout", "1"]).unwrap_err();
    assert_eq!(at(&fault, "/code"), "timed_out");
}

#[test]
fn a_reply_cut_inside_a_call_is_told_once_and_then_says_what_to_configure() {
    let cut = || {
        let piece = json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "query", "arguments": "{\"sql\": \"sel"}}]});
        stream(&[delta(piece), finish("length")], false)
    };
    let model = Model::of(vec![cut(), query(TOTAL), answer(SAID, TOTAL)]);
    assert_eq!(at(&bench().ask(&model, "What?", &[]).unwrap(), "/status"), "answered");
    assert!(at(&model.requests()[1], "/messages").to_string().contains("cut off at its limit of 8000 tokens"));

    let thinks = stream(&[delta(json!({"reasoning_content": "Hm, let me"})), finish("length")], false);
    let fault = bench().ask(&Model::of(vec![thinks]), "What?", &[]).unwrap_err();
    assert_eq!(at(&fault, "/code"), "limit_exceeded");
    assert!(at(&fault, "/hint").as_str().unwrap().contains("--ask-reply-tokens"), "{fault}");
    let reply = bench().ask(&Model::of(vec![query(TOTAL), cut()]), "What?", &[]).unwrap();
    assert_eq!(at(&reply, "/status"), "partial");
    assert!(at(&reply, "/caveats").to_string().contains("--ask-reply-tokens"), "{reply}");
}

#[test]
fn calls_are_told_apart_where_a_server_gives_all_the_same_index_or_none() {
    let (one, two) = (json!({"sql": "select 1 as a"}).to_string(), json!({"sql": "select 2 as b"}).to_string());
    let call = |piece: Value| delta(json!({"tool_calls": [piece]}));
    let function = |args: &str| json!({"name": "query", "arguments": args});
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    for chunks in [
        // Gemini: whole calls, all of index 0, with ids of their own, or with none.
        vec![
            call(json!({"index": 0, "id": "a", "function": function(&one)})),
            call(json!({"index": 0, "id": "b", "function": function(&two)})),
        ],
        vec![
            call(json!({"index": 0, "id": "", "function": function(&one)})),
            call(json!({"index": 0, "id": "", "function": function(&two)})),
        ],
        vec![call(json!({"function": function(&one)})), call(json!({"function": function(&two)}))],
        // The second one without a name.
        vec![
            call(json!({"index": 0, "id": "a", "function": function(&one)})),
            call(json!({"index": 0, "function": {"name": "", "arguments": two}})),
        ],
        // Both in one piece, and each id anew with each piece.
        vec![
            call(json!({"index": 0, "id": "x1", "function": {"name": "query", "arguments": "{\"sql\":"}})),
            call(json!({"index": 0, "id": "x2", "function": {"arguments": "\"select 1 as a\"}"}})),
            call(json!({"index": 1, "id": "x3", "function": function(&two)})),
        ],
        // The first once more at the end.
        vec![
            delta(
                json!({"tool_calls": [{"index": 0, "id": "a", "function": function(&one)}, {"index": 1, "id": "b", "function": function(&two)}]}),
            ),
            call(json!({"index": 0, "id": "a", "function": function(&one)})),
        ],
    ] {
        let (reply, _) = desk.answer(vec![stream(&chunks, false), answer("1 and 2.", "select 1, 2")]);
        let steps: Vec<&Value> = reply["steps"].as_array().unwrap().iter().map(|step| &step["call"]).collect();
        assert_eq!(steps, ["select 1 as a", "select 2 as b"], "{chunks:?}");
    }
}

#[test]
fn success_is_no_error_and_an_error_in_a_success_is_one() {
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    let call = json!({"content": null, "tool_calls": [{"id": "a", "function": {"name": "query", "arguments": {"sql": TOTAL}}}]});
    let fine = whole(&json!({"code": 0, "message": "success", "error": null, "choices": [{"message": call}]}));
    let (reply, requests) = desk.answer(vec![fine, answer(SAID, TOTAL)]);
    assert_eq!((at(&reply, "/answer"), requests.len()), (&json!(SAID), 2));
    for passes in [
        whole(&json!({"error": {"message": "overloaded", "code": 503}})),
        stream(
            &[
                json!({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}], "error": {"message": "upstream", "code": 502}}),
            ],
            false,
        ),
        Reply::Raw { pieces: vec![b"event: error\ndata: {\"message\": \"busy\"}\n\n".to_vec()], is_cut: false },
    ] {
        let (reply, requests) = desk.answer([vec![passes], plain()].concat());
        assert_eq!((at(&reply, "/status"), requests.len()), (&json!("answered"), 3));
    }
    let (outcome, requests) = desk
        .ask("who", vec![whole(&json!([{"error": {"code": 401, "message": "no key", "status": "UNAUTHENTICATED"}}]))]);
    let fault = outcome.unwrap_err();
    assert!(at(&fault, "/message").as_str().unwrap().contains("answered 401: no key"), "{fault}");
    assert_eq!(requests.len(), 1);
}

#[test]
fn a_base_url_keeps_its_query_with_or_without_a_slash() {
    let bench = bench();
    for (tail, expect) in [
        ("/", "POST /v1/chat/completions HTTP"),
        ("/chat/completions/", "POST /v1/chat/completions HTTP"),
        ("?api-version=2024-10-21", "POST /v1/chat/completions?api-version=2024-10-21 HTTP"),
        ("/deployments/gpt/?api-version=1", "POST /v1/deployments/gpt/chat/completions?api-version=1 HTTP"),
    ] {
        let mut model = Model::of(plain());
        model.url += tail;
        bench.ask(&model, "What?", &["--ask-no-cache"]).unwrap();
        assert!(model.heads()[0].starts_with(expect), "{}", model.heads()[0]);
    }
}

#[test]
fn roles_that_a_template_refuses_are_put_otherwise() {
    let roles = |body: &Value| -> Vec<String> {
        body["messages"].as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap().to_owned()).collect()
    };
    let script = move |_: usize, body: &Value| {
        let roles = roles(body);
        assert!(roles.windows(2).all(|it| it[0] != it[1] || it[0] == "tool"), "{roles:?}");
        if roles[0] == "system" {
            return error(400, &[], "", "System role not supported");
        }
        if roles.windows(2).any(|it| it[0] == "tool" && it[1] == "user") {
            return error(500, &[], "", "Unexpected role 'user' after role 'tool'");
        }
        if !roles.iter().any(|it| it == "tool") {
            query(TOTAL)
        } else if body["messages"].to_string().contains("Your reply was empty") {
            answer(SAID, TOTAL)
        } else {
            text("")
        }
    };
    let model = Model::start(script);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!((at(&reply, "/answer"), model.requests().len()), (&json!(SAID), 5));
    assert!(at(&model.requests()[1], "/messages/0/content").as_str().unwrap().contains("You answer one question"));
}

#[test]
fn what_a_server_wants_back_is_sent_back_until_it_refuses_it() {
    let call = json!({"id": "a", "type": "function", "extra_content": {"google": {"thought_signature": "s1"}},
        "function": {"name": "query", "arguments": json!({"sql": TOTAL}).to_string()}});
    let said = json!({"content": null, "reasoning_content": "I think.", "tool_calls": [call]});
    let model = Model::of(vec![message(&said), answer(SAID, TOTAL)]);
    bench().ask(&model, "What?", &[]).unwrap();
    let sent = at(&model.requests()[1], "/messages/2").clone();
    assert_eq!(at(&sent, "/tool_calls/0/extra_content/google/thought_signature"), "s1");
    assert_eq!([at(&sent, "/reasoning_content"), at(&sent, "/content")], [&json!("I think."), &Value::Null]);

    let model = Model::of(vec![
        message(&said),
        error(400, &[], "", "property 'reasoning_content' is unsupported"),
        answer(SAID, TOTAL),
    ]);
    bench().ask(&model, "What?", &[]).unwrap();
    assert!(!model.requests()[2].to_string().contains("reasoning_content"));
    assert!(model.requests()[2].to_string().contains("thought_signature"));
}

#[test]
fn a_storm_says_how_often_it_was_tried_and_what_wait_there_was_no_time_for() {
    let storm = || error(429, &[("retry-after-ms", "1")], "", "slow down");
    let fault = bench().ask(&Model::of(vec![storm()]), "What?", &["--llm-retries", "2"]).unwrap_err();
    assert!(at(&fault, "/message").as_str().unwrap().ends_with("slow down; given up after 3 attempts"), "{fault}");
    let later = whole(&json!({"error": {"code": 429, "message": "quota", "details": [{"retryDelay": "900s"}]}}));
    let flags = ["--llm-longest-wait", "900", "--llm-timeout", "60"];
    let fault = bench().ask(&Model::of(vec![storm(), later]), "What?", &flags).unwrap_err();
    assert_eq!(at(&fault, "/code"), "rate_limited");
    let words = at(&fault, "/message").as_str().unwrap();
    assert!(words.contains("given up after 2 attempts") && words.contains("due in 900 s"), "{words}");
}

#[test]
fn nothing_harmful_reaches_a_terminal_or_a_stream() {
    let odd = "\u{1b}]8;;http://evil.example\u{7}So\u{1b}[31m \u{202e}see ![x](http://ev";
    let talk = json!({"role": "assistant", "content": null});
    let mut chunks = vec![delta(talk), delta(json!({"content": odd})), delta(json!({"content": "il.example/p) ok"}))];
    chunks.push(delta(json!({"tool_calls": [
        {"index": 0, "id": "a", "function": {"name": "qu\u{1b}[2Jery\u{202e}", "arguments": "{\"sql\": \"\u{9b}31m"}},
        {"index": 1, "id": "b", "function": {"name": "query", "arguments": json!({"sql": format!("select 'a\u{202e}\u{1b}[0m' as x, sum(amount) from sales")}).to_string()}},
    ]})));
    chunks.push(finish("tool_calls"));
    let ends = json!({"answer": "See [a [b](http://evil.example/1)](http://evil.example/2)\u{1b}[0m \u{2066}30.75", "sql": TOTAL, "caveats": ["\u{202e}<b>x</b> http://evil.example"]});
    let replies = || vec![stream(&chunks, false), calls(&[("final_answer", ends.clone())])];
    let is_harmful = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2066}');

    let bench = bench();
    let model = Model::of(replies());
    let ended = bench.ended(bench.with_model(&model, &["ask", "What?"]).arg("--open").arg(bench.path("sales.csv")));
    for text in [&ended.out, &ended.err] {
        assert!(!text.contains(is_harmful) && !text.contains("evil.example"), "{text:?}");
    }
    assert!(ended.err.contains("So see x ok") && ended.out.contains("See a b 30.75"), "{} {}", ended.err, ended.out);

    let model = Model::of(replies());
    let mut command = bench.bare_command(&["http", "--auth", "none", "--listen", "127.0.0.1:0", "--ask-no-cache"]);
    command.env("QUIRE_LLM_BASE_URL", &model.url).env("QUIRE_LLM_MODEL", "scripted").env("QUIRE_LLM_API_KEY", KEY);
    let site = Site::of(&mut command);
    site.post("/v1/tools/import_file", &json!({"name": "sales.csv", "content": SALES})).ok();
    let asked = site.send(
        &Request::new("POST", "/v1/ask").json(&json!({"question": "What?"})).header("accept", "text/event-stream"),
    );
    let told = asked.text();
    assert!(told.contains("event: answer") && told.contains("So see x ok"), "{told}");
    assert!(!told.contains(is_harmful) && !told.contains("evil.example"), "{told:?}");
    assert!(!told.contains("\\u001b") && !told.contains("\\u009b"), "{told:?}");
}
