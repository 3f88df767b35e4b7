//! The client: what is sent, what is understood, when it is tried again.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::{TOTAL, bench, plain};
use crate::harness::{
    at,
    model::{Desk, KEY, Model, Reply, answer, calls, delta, error, finish, query, stream, text},
};

/// The outcome of a question whose first request gets `first`, and which goes well from then on.
fn after(first: Reply, flags: &[&str]) -> (Result<Value, Value>, usize) {
    let model = Model::start(move |n, _| if n == 0 { first.clone() } else { plain()[(n - 1).min(1)].clone() });
    let outcome = bench().ask(&model, "What did each region sell?", flags);
    (outcome, model.requests().len())
}

#[track_caller]
fn fails(first: Reply, flags: &[&str], code: &str, message: &str) {
    let (outcome, n_requests) = after(first, flags);
    let fault = outcome.unwrap_err();
    assert_eq!(at(&fault, "/code"), code, "{fault}");
    assert!(at(&fault, "/message").as_str().unwrap().contains(message), "{fault}");
    assert!(!at(&fault, "/hint").as_str().unwrap().is_empty());
    assert_eq!(n_requests, 1, "{fault}");
}

#[test]
fn a_request_carries_the_key_the_organisation_and_the_headers_and_the_worker_sees_none_of_them() {
    let bench = bench();
    for stream in ["true", "false"] {
        let model = Model::of(plain());
        let mut command =
            bench.with_model(&model, &["ask", "What did each region sell?", "--json", "--llm-stream", stream]);
        command.env("QUIRE_LLM_ORGANIZATION", "org-1").env("QUIRE_LLM_HEADERS", r#"{"X-Title": "a secret too"}"#);
        command.args(["--ask-no-cache", "--log", "debug"]).arg("--open").arg(bench.path("sales.csv"));
        let ended = bench.ended(&mut command);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(!(ended.out + &ended.err).contains(KEY));
        let head = model.heads()[0].to_lowercase();
        for line in [
            format!("authorization: bearer {KEY}").as_str(),
            "openai-organization: org-1",
            "x-title: a secret too",
            "post /v1/chat/completions http/1.1",
        ] {
            assert!(head.contains(line), "{line} in {head}");
        }
        let request = &model.requests()[0];
        assert_eq!(
            [&request["model"], &request["stream"]],
            [&json!("scripted"), &json!((stream == "true").then_some(true))]
        );
        assert_eq!(at(request, "/messages/0/role"), "system");
    }
}

#[test]
fn the_key_may_lie_in_a_file_and_never_in_an_argument() {
    let bench = bench().file("../key", format!("{KEY}\n"));
    let model = Model::of(plain());
    let mut command = bench.with_model(&model, &["ask", "What did each region sell?", "--json"]);
    command.env_remove("QUIRE_LLM_API_KEY").env("QUIRE_LLM_API_KEY_FILE", bench.outside().join("key"));
    assert_eq!(bench.ended(command.arg("--open").arg(bench.path("sales.csv"))).code, Some(0));
    assert!(model.heads()[0].contains(KEY));
    assert_eq!(bench.run(&["ask", "x", "--llm-api-key", KEY]).code, Some(2));
}

#[test]
fn calls_are_put_together_from_interleaved_pieces_cut_inside_a_character() {
    let (one, two) = (r#"{"sql":"select 'Ωμέγα' as x"}"#, r#"{"sql":"select 2 as y"}"#);
    let piece =
        |index: u64, text: &str| delta(json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]}));
    let named = |index: u64, id: &str| {
        delta(
            json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": "query", "arguments": ""}}]}),
        )
    };
    let (a, b) = one.split_at(16);
    let (c, d) = two.split_at(9);
    let chunks =
        [named(0, "a"), named(1, "b"), piece(1, c), piece(0, a), piece(1, d), piece(0, b), finish("tool_calls")];
    let Reply::Raw { pieces, .. } = stream(&chunks, false) else { panic!() };
    // Every byte by itself.
    let pieces = pieces.concat().chunks(1).map(<[u8]>::to_vec).collect();
    let model = Model::of(vec![Reply::Raw { pieces, is_cut: false }, answer("Both.", "select 'Ωμέγα' as x")]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    let steps: Vec<&str> =
        reply["steps"].as_array().unwrap().iter().map(|step| step["call"].as_str().unwrap()).collect();
    assert_eq!(steps, ["select 'Ωμέγα' as x", "select 2 as y"]);
    assert_eq!(at(&reply, "/table/rows"), &json!([["Ωμέγα"]]));
}

#[test]
fn streams_of_other_servers_are_understood() {
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    let call = |piece: Value| delta(json!({"tool_calls": [piece]}));
    let args = json!({"sql": TOTAL});
    for chunks in [
        // No index, no id, arguments as an object; the end without a reason but with the mark.
        vec![call(json!({"function": {"name": "query", "arguments": args}}))],
        // The name again with each piece; no index.
        vec![
            call(json!({"id": "1", "function": {"name": "query", "arguments": "{\"sql\":"}})),
            call(json!({"id": "1", "function": {"name": "query", "arguments": format!("{}}}", json!(TOTAL))}})),
        ],
        // One chunk that is a whole message; fields of its own.
        vec![
            json!({"choices": [{"message": {"tool_calls": [{"function": {"name": "query", "arguments": args.to_string()}}], "thinking": 1}}], "x": {}}),
        ],
        // Comments of a proxy, and an empty list of choices first.
        vec![
            json!({"choices": []}),
            call(json!({"index": 0, "id": null, "function": {"name": "query", "arguments": args.to_string()}})),
        ],
    ] {
        let (reply, _) = desk.answer(vec![stream(&chunks, false), answer("North sold 30.75.", TOTAL)]);
        assert_eq!(at(&reply, "/steps/0/call"), TOTAL, "{chunks:?}");
    }
}

#[test]
fn whole_answers_of_other_servers_are_understood() {
    let bench = bench();
    let mut desk = Desk::new(&bench, &[]);
    let args = json!({"sql": TOTAL});
    for message in [
        json!({"tool_calls": [{"function": {"name": "query", "arguments": args}}]}),
        json!({"content": [{"type": "text", "text": "I look."}], "tool_calls": [{"id": 7, "function": {"name": "query", "arguments": args.to_string()}}]}),
        json!({"content": null, "function_call": {"name": "query", "arguments": args.to_string()}}),
        json!({"content": format!("Let me see.\n```json\n{}\n```", json!({"name": "query", "arguments": args}))}),
        json!({"content": format!("<tool_call>{}</tool_call>", json!({"name": "query", "parameters": args}))}),
    ] {
        let body = json!({"choices": [{"message": message}]}).to_string();
        let json_type = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        let (reply, _) = desk.answer(vec![Reply::Status(200, json_type, body), answer("North sold 30.75.", TOTAL)]);
        assert_eq!(at(&reply, "/steps/0/call"), TOTAL, "{message}");
    }
}

#[test]
fn what_passes_is_tried_again() {
    let soon = httpdate(Duration::ZERO);
    let bench = bench();
    let mut desk = Desk::new(&bench, &["--llm-patience", "2"]);
    for first in [
        error(408, &[], "", "slow"),
        error(409, &[], "", "conflict"),
        error(429, &[("retry-after", "0")], "rate_limit_exceeded", "slow down"),
        error(429, &[("retry-after", soon.as_str())], "rate_limit_exceeded", "slow down"),
        error(429, &[("retry-after-ms", "1")], "rate_limit_exceeded", "slow down"),
        error(500, &[], "server_error", "oops"),
        Reply::Status(503, Vec::new(), "<html>down</html>".to_owned()),
        Reply::Status(200, Vec::new(), "{\"choices\": [{\"mess".to_owned()),
        Reply::Status(200, Vec::new(), "{}".to_owned()),
        Reply::Raw { pieces: vec![b"data: {\"choi\n\n".to_vec()], is_cut: false },
        stream(&[delta(json!({"role": "assistant"}))], true),
        stream(
            &[delta(
                json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "query", "arguments": "{\"s"}}]}),
            )],
            true,
        ),
        stream(&[json!({"error": {"message": "overloaded", "code": 529}})], false),
        Reply::Silence,
    ] {
        let (reply, requests) = desk.answer([vec![first], plain()].concat());
        assert_eq!(at(&reply, "/answer"), "North sold 30.75 and South 5.00.");
        assert_eq!(requests.len(), 3);
    }
}

fn httpdate(from_now: Duration) -> String {
    let seconds = (SystemTime::now() + from_now).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    chrono::DateTime::from_timestamp(i64::try_from(seconds).unwrap(), 0)
        .unwrap()
        .format("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

#[test]
fn what_does_not_pass_is_not_tried_again() {
    fails(error(429, &[], "insufficient_quota", "You exceeded your current quota"), &[], "model_failed", "429");
    fails(error(401, &[], "invalid_api_key", &format!("Incorrect key {KEY}")), &[], "model_failed", "[key]");
    fails(error(404, &[], "model_not_found", "no such model"), &[], "model_failed", "no such model");
    fails(error(400, &[], "", "messages are wrong"), &[], "model_failed", "messages are wrong");
    fails(
        Reply::Status(302, vec![("location".to_owned(), "http://127.0.0.1:1/".to_owned())], String::new()),
        &[],
        "model_failed",
        "302",
    );
    // A wait that there is no time for is not begun.
    fails(error(429, &[("retry-after", "20")], "", "slow down"), &["--llm-timeout", "5"], "rate_limited", "slow down");
    fails(Reply::Silence, &["--llm-timeout", "0.3"], "timed_out", "longer than there was time");
}

#[test]
fn a_storm_of_refusals_ends_with_the_attempts() {
    let model = Model::of(vec![error(429, &[("retry-after-ms", "1")], "rate_limit_exceeded", "slow down")]);
    let fault = bench().ask(&model, "What?", &["--llm-retries", "2"]).unwrap_err();
    assert_eq!(at(&fault, "/code"), "rate_limited");
    assert_eq!(model.requests().len(), 3);
}

#[test]
fn nothing_is_tried_again_once_text_was_passed_on() {
    let said = delta(json!({"content": "Let me"}));
    let Reply::Raw { pieces, .. } = stream(&[said], true) else { panic!() };
    fails(Reply::Raw { pieces: pieces.clone(), is_cut: true }, &[], "model_failed", "broke off");
    fails(Reply::Raw { pieces, is_cut: false }, &[], "model_failed", "cut off before its end");
}

#[test]
fn fields_that_a_server_refuses_are_left_out_from_then_on() {
    let model = Model::start(|_, body| {
        for (field, message) in [
            ("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
            ("temperature", "Unsupported value: 'temperature' does not support 0."),
            ("stream_options", "unknown field stream_options"),
        ] {
            if body.get(field).is_some() {
                return error(400, &[], "unsupported_parameter", message);
            }
        }
        assert!(body["max_completion_tokens"].as_u64().unwrap() > 0);
        if body["messages"].as_array().unwrap().len() == 2 { query(TOTAL) } else { answer("North sold 30.75.", TOTAL) }
    });
    assert_eq!(at(&bench().ask(&model, "What?", &[]).unwrap(), "/status"), "answered");
    assert_eq!(model.requests().len(), 5);
}

#[test]
fn a_limit_that_is_too_high_is_no_reason_to_ask_without_one() {
    let words = "max_tokens is too large: 4096. This model's maximum context length is 2048 tokens";
    let model = Model::of(vec![error(400, &[], "invalid_request_error", words)]);
    let fault = bench().ask(&model, "What?", &[]).unwrap_err();
    assert!(at(&fault, "/message").as_str().unwrap().contains("too large"), "{fault}");
    assert_eq!(model.requests().len(), 1);
}

#[test]
fn a_server_that_is_not_there_is_a_fault_that_says_so() {
    let bench = bench();
    let mut command = bench.command(&["ask", "What?", "--json", "--llm-retries", "0"]);
    command.env("QUIRE_LLM_MODEL", "m").env("QUIRE_LLM_BASE_URL", "http://127.0.0.1:1/v1");
    let ended = bench.ended(command.arg("--open").arg(bench.path("sales.csv")));
    let fault: Value = serde_json::from_str(ended.err.lines().last().unwrap()).unwrap();
    assert_eq!(at(&fault, "/code"), "model_failed");
    assert!(at(&fault, "/message").as_str().unwrap().contains("`127.0.0.1` can't be reached"), "{fault}");
}

#[test]
fn text_beside_calls_is_talk() {
    let both = json!({"role": "assistant", "content": "I will look at `sales`.", "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "query", "arguments": json!({"sql": TOTAL}).to_string()}}]});
    let model = Model::of(vec![Reply::Message(both), answer("North sold 30.75.", TOTAL)]);
    let reply = bench().ask(&model, "What?", &[]).unwrap();
    assert_eq!(at(&reply, "/answer"), "North sold 30.75.");
    assert_eq!(at(&model.requests()[1], "/messages/2/content"), "I will look at `sales`.");
    assert_eq!(at(&reply, "/tokens"), &json!({"prompt": 200, "completion": 20}));
}

#[test]
fn tokens_are_counted_here_where_the_server_does_not() {
    let uncounted = |name: &str, args: Value| {
        let message = json!({"tool_calls": [{"id": "a", "function": {"name": name, "arguments": args.to_string()}}]});
        Reply::Status(200, Vec::new(), json!({"choices": [{"message": message}]}).to_string())
    };
    let last = json!({"answer": "North sold 30.75.", "sql": TOTAL, "caveats": []});
    let model = Model::of(vec![uncounted("query", json!({"sql": TOTAL})), uncounted("final_answer", last)]);
    let reply = bench().ask(&model, "What?", &["--llm-prices", "1000000,0"]).unwrap();
    let prompt = at(&reply, "/tokens/prompt").as_u64().unwrap();
    // Two requests with the instructions and the tools in each.
    assert!((2_000..20_000).contains(&prompt), "{prompt}");
    assert!((20..200).contains(&at(&reply, "/tokens/completion").as_u64().unwrap()));
    assert_eq!(at(&reply, "/cost").as_f64().unwrap().round().to_string(), prompt.to_string());
}

#[test]
fn no_call_at_all_is_not_taken_for_one() {
    let model = Model::of(vec![calls(&[]), text(""), query(TOTAL), answer("North sold 30.75.", TOTAL)]);
    assert_eq!(at(&bench().ask(&model, "What?", &[]).unwrap(), "/status"), "answered");
}
