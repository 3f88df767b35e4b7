//! Health, and failures as problem documents.

use std::{
    io::{Read, Write},
    net::Shutdown,
};

use serde_json::json;

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
