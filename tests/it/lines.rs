//! Lines on standard input that are no message: a request is answered wherever its id can be found, and the next one is read.

use serde_json::{Value, json};

use crate::harness::{Bench, Client};

/// What a line is answered with, by a ping that follows it; Null for nothing.
fn said(client: &mut Client<'_>, line: &[u8]) -> Value {
    client.send_line(line);
    let ping = client.request("ping", json!({}));
    let mut first = Value::Null;
    loop {
        let answer = client.wait_for(|_| true);
        if answer.get("id").is_some_and(|id| *id == ping) {
            return first;
        }
        first = answer;
    }
}

#[test]
fn a_request_that_can_not_be_read_is_answered_under_its_id() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let call = |id: &str, value: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"query","arguments":{{"sql":{value}}}}}}}"#
        )
    };
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (line, id, code, words) in [
        (call("901", r#""\ud800""#), json!(901), -32700, "no JSON"),
        (call(r#""s-9""#, r#""\ud800""#), json!("s-9"), -32700, "no JSON"),
        (call("902", &deep), json!(902), -32700, "recursion"),
        (call("903", "tru"), json!(903), -32700, "no JSON"),
        (call("904", r#""never closed"#), json!(904), -32700, "no JSON"),
        (r#"{"jsonrpc":"2.0","id":905,"method":"ping","params":[1]}"#.to_owned(), json!(905), -32600, "`params`"),
        (r#"{"jsonrpc":"1.0","id":906,"method":"ping"}"#.to_owned(), json!(906), -32600, "`jsonrpc`"),
        (r#"{"jsonrpc":"2.0","id":907}"#.to_owned(), json!(907), -32600, "`method`"),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#.to_owned(), Value::Null, -32600, "`id`"),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#.to_owned(), Value::Null, -32600, "batches"),
    ] {
        let answer = said(&mut client, line.as_bytes());
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(code)), "{line}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(words), "{line}: {answer}");
        assert!(answer["error"]["data"]["hint"].is_string(), "{line}: {answer}");
    }
    // Bytes that are not UTF-8, within a text and before the message.
    let latin = call("908", "\"caf?\"").replace('?', "\u{1}").into_bytes();
    let latin: Vec<u8> = latin.into_iter().map(|byte| if byte == 1 { 0xe9 } else { byte }).collect();
    assert_eq!(said(&mut client, &latin)["id"], 908);
    let utf16 = [&[0xff, 0xfe][..], call("909", "\"\"").as_bytes()].concat();
    assert_eq!(said(&mut client, &utf16)["id"], 909);
}

#[test]
fn what_nobody_waits_for_is_not_answered() {
    let bench = Bench::new();
    let mut client = bench.serve();
    for line in [
        "",
        "\r",
        "hello",
        r#"{"jsonrpc":"2.0","method":"textDocument/didOpen"}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no id"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"error":"of another shape"}"#,
    ] {
        assert_eq!(said(&mut client, line.as_bytes()), Value::Null, "{line}");
    }
}

#[test]
fn a_message_that_is_too_long_is_answered_under_its_id() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let content = "y".repeat((64 << 20) + 1);
    let args = format!(r#"{{"name":"import_file","arguments":{{"name":"a.csv","content":"{content}"}}}}"#);
    for line in [
        format!(r#"{{"jsonrpc":"2.0","id":901,"method":"tools/call","params":{args}}}"#),
        format!(r#"{{"method":"tools/call","params":{args},"jsonrpc":"2.0","id":901}}"#),
    ] {
        let answer = said(&mut client, line.as_bytes());
        assert_eq!(answer["id"], 901);
        assert_eq!(answer["error"]["message"], "the message has more than 67108864 bytes");
        assert!(answer["error"]["data"]["hint"].as_str().unwrap().contains("path"), "{answer}");
    }
}
