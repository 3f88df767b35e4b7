//! `ask`, through MCP; its paths are in `tests/it/ask/`.

use serde_json::json;

use crate::harness::{
    Bench, Client, Era, at,
    model::{Model, answer, query},
};

#[test]
fn without_a_model_the_fault_says_how_to_get_one_and_how_to_do_without() {
    let bench = Bench::new().file("t.csv", "a\n1\n");
    let mut client = bench.serve_files();
    let fault = client.call("ask", &json!({"question": "How many rows?"})).unwrap_err();
    assert_eq!(at(&fault, "/code"), "model_not_configured");
    let hint = at(&fault, "/hint").as_str().unwrap();
    for word in ["`query`", "QUIRE_LLM_MODEL", "QUIRE_LLM_API_KEY", "QUIRE_LLM_BASE_URL"] {
        assert!(hint.contains(word), "{word} in {hint}");
    }
}

#[test]
fn the_answer_comes_with_its_evidence_and_progress_with_each_step() {
    let bench = Bench::new().file("t.csv", "a\n1\n2\n");
    let model =
        Model::of(vec![query("select sum(a) as s from t"), answer("The sum is 3.", "select sum(a) as s from t")]);
    let mut command = bench.with_model(&model, &["stdio"]);
    let mut client = Client::of(&bench, &mut command, Era::November2025);
    client.greet();
    client.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    let params =
        json!({"name": "ask", "arguments": {"question": "What is the sum of a?"}, "_meta": {"progressToken": "p"}});
    let id = client.request("tools/call", params);
    let progress = client.wait_for(|message| message["params"]["message"] == "step 1: query");
    assert_eq!(at(&progress, "/params/progressToken"), "p");
    let reply = client.outcome(id).unwrap();
    for (pointer, expect) in [
        ("/status", json!("answered")),
        ("/answer", json!("The sum is 3.")),
        ("/sql", json!("select sum(a) as s from t")),
        ("/table/rows", json!([[3]])),
        ("/sheets", json!([{"name": "t", "version": 1}])),
        ("/steps/0/tool", json!("query")),
        ("/model", json!("scripted")),
        ("/tokens", json!({"prompt": 200, "completion": 20})),
        ("/cached", json!(false)),
    ] {
        assert_eq!(at(&reply, pointer), &expect, "{pointer}");
    }
}
