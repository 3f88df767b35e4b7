//! Health, and failures as problem documents.

use std::{
    io::{Read, Write},
    net::Shutdown,
};

use serde_json::{Value, json};

use crate::harness::{Bench, http::Request};

#[test]
fn a_server_says_that_it_lives_and_that_it_is_ready() {
    let bench = Bench::new();
    let site = bench.site();
    assert_eq!(site.get("/healthz").ok(), json!({"status": "ok"}));
    assert_eq!(site.get("/readyz").ok(), json!({"catalog": "ok", "store": "ok", "worker": "ok", "status": "ok"}));
}

#[test]
fn a_tool_answers_as_it_does_elsewhere() {
    let bench = Bench::new();
    let site = bench.site();
    site.post("/v1/tools/import_file", &json!({"name": "t.csv", "content": "a\n1\n2\n"})).ok();
    let args = json!({"sql": "select sum(a) s from t"});
    assert_eq!(site.post("/v1/tools/query", &args).ok(), bench.call("query", &args).unwrap());
}

#[test]
fn a_body_that_ends_too_early_is_its_senders_fault() {
    let bench = Bench::new();
    let site = bench.site();
    for path in ["/mcp", "/v1/query"] {
        let request = Request::new("POST", path)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("content-length", "500")
            .body("{\"jsonrpc\": \"2.0\", ");
        let mut stream = site.connect();
        stream.write_all(&request.bytes(&site.address)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // Or the connection is closed without a word.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
}

#[test]
fn every_failure_is_a_problem_document() {
    let bench = Bench::new();
    let site = bench.site();
    let check = |request: Request, status: u16, code: &str| {
        let response = site.send(&request);
        assert_eq!((response.status, response.problem().as_str()), (status, code), "{}", response.text());
    };
    let tool = |name: &str| Request::new("POST", &format!("/v1/tools/{name}"));
    check(Request::new("GET", "/nothing"), 404, "not_found");
    check(Request::new("PATCH", "/healthz"), 405, "method_not_allowed");
    check(tool("query").body("sql=1"), 415, "unsupported_media_type");
    check(tool("query").header("content-type", "application/json").body("{"), 400, "invalid_arguments");
    check(tool("query").json(&json!([])), 400, "invalid_arguments");
    check(tool("query").json(&json!({"sql": "from nothing"})), 404, "sheet_not_found");
    check(tool("query").json(&json!({"sql": "drop table x"})), 403, "sql_refused");
    check(tool("quary").json(&json!({})), 404, "unknown_tool");
    check(
        tool("query").header("content-type", "application/json").header("content-length", "99999999"),
        413,
        "limit_exceeded",
    );
}

#[test]
fn a_request_keeps_its_id_if_it_is_well_formed() {
    let bench = Bench::new();
    let site = bench.site();
    let id_of = |given: &str| {
        let response = site.send(&Request::new("GET", "/healthz").header("x-request-id", given));
        response.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id_of("deploy-7.a_B"), "deploy-7.a_B");
    for ill_formed in ["a b", "{}", &"x".repeat(65), "é"] {
        assert_eq!(id_of(ill_formed).len(), 32, "{ill_formed}");
    }
}

#[test]
fn what_is_wrong_with_a_value_is_said_with_the_value() {
    let bench = Bench::new();
    let site = bench.site();
    let check = |request: Request, field: &str, detail: &str| {
        let response = site.send(&request);
        assert_eq!((response.status, response.problem().as_str()), (400, "invalid_arguments"), "{}", response.text());
        let document = response.json();
        assert_eq!(document["detail"], detail);
        assert_eq!(document["errors"][0]["field"].as_str().unwrap_or_default(), field);
        assert!(document["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{document}");
    };
    let get = |path: &str| Request::new("GET", path);
    let between = |field: &str, most: u32| format!("`{field}` is 0, and must be from 1 to {most}");
    check(get("/v1/sheets?limit=0"), "limit", &between("limit", 500));
    check(get("/v1/queries?limit=0"), "limit", &between("limit", 500));
    check(get("/v1/answers?limit=0"), "limit", &between("limit", 500));
    check(get("/v1/sheets/x/preview?n_rows=0"), "n_rows", &between("n_rows", 1_000));
    check(get("/v1/sheets?limit=501"), "limit", "`limit` is 501, and must be from 1 to 500");
    check(get("/v1/sheets?limit=ten"), "limit", "the parameters: `limit` must be a whole number");
    check(
        get("/v1/sheets?colour=red"),
        "colour",
        "the parameters: there is no `colour`; there is `q`, `cursor`, `limit`",
    );
    check(get("/v1/sheets/%ff"), "", "`/v1/sheets/%ff` is no UTF-8 once its `%` signs are read");
    let query = |body: &str| Request::new("POST", "/v1/query").header("content-type", "application/json").body(body);
    check(query("{}"), "sql", "`query`: `sql` is missing");
    check(query(r#"{"sql": 1}"#), "sql", "`query`: `sql` is `1`, and must be text");
    check(
        query(r#"{"sql": "select 1", "max_rows": -1}"#),
        "max_rows",
        "`query`: `max_rows` is `-1`, and must be a whole number, 0 or more",
    );
    check(query("{} {}"), "", "the body: something follows the JSON");
}

#[test]
fn every_failure_says_what_to_do_next() {
    let bench = Bench::new();
    let site = bench.site();
    let check = |what: &str, request: Request, status: u16| {
        let response = site.send(&request);
        assert_eq!(response.status, status, "{what}: {}", response.text());
        let document = response.json();
        let hint = document.get("hint").or_else(|| document.pointer("/error/data/hint"));
        assert!(hint.and_then(Value::as_str).is_some_and(|hint| !hint.is_empty()), "{what}: {document}");
    };
    let mcp = |body: &str| {
        Request::new("POST", "/mcp")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body)
    };
    let list = r#"{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#;
    check("no JSON", mcp("{nope"), 400);
    check("no message", mcp("{}"), 400);
    check("no session", mcp(list), 400);
    check("an unknown session", mcp(list).header("mcp-session-id", "x"), 404);
    check("an unknown version", mcp(list).header("mcp-protocol-version", "1999-01-01"), 400);
    check(
        "another type",
        Request::new("POST", "/mcp").header("accept", "application/json, text/event-stream").body(list),
        415,
    );
    check("nothing accepted", Request::new("POST", "/mcp").header("content-type", "application/json").body(list), 406);
    check("a GET without a session", Request::new("GET", "/mcp").header("accept", "text/event-stream"), 400);
    check("another method", Request::new("PUT", "/mcp"), 405);
    check("an unknown stream", Request::new("POST", "/message?sessionId=x").body(list), 404);
    let large = " ".repeat((16 << 20) + 1);
    check("too large a message", mcp(&large), 413);
    check("too large for a stream", Request::new("POST", "/message?sessionId=x").body(large.as_str()), 413);
    for path in ["/v1/tools/query", "/v1/query", "/v1/ask", "/v1/auth/login"] {
        check(path, Request::new("POST", path).header("content-type", "application/json").body(large.as_str()), 413);
    }
    let version = "2026-07-28";
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
    });
    let params = json!({"name": "quary", "arguments": {}, "_meta": meta});
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string();
    let call = mcp(&call).header("mcp-protocol-version", version).header("mcp-method", "tools/call");
    check("an unknown tool", call.header("mcp-name", "quary"), 200);
}
