//! `POST /v1/ask` and what is remembered, for users who must not see each other's.

use serde_json::{Value, json};

use crate::harness::{
    Bench, at,
    http::{Request, Site},
    model::{Model, answer, query},
};

const SUM: &str = "select sum(amount) as total from sales";

fn model() -> Model {
    Model::start(|n, _| if n % 2 == 0 { query(SUM) } else { answer("The total is 30.", SUM) })
}

fn site(bench: &Bench, model: &Model, auth: &str) -> Site {
    let mut command = bench.bare_command(&["http", "--listen", "127.0.0.1:0", "--auth", auth]);
    command.env("QUIRE_LLM_BASE_URL", &model.url).env("QUIRE_LLM_MODEL", "scripted");
    Site::of(&mut command)
}

fn upload() -> Request {
    let args = json!({"name": "sales.csv", "content": "region,amount\nnorth,10\nsouth,20\n"});
    Request::new("POST", "/v1/tools/import_file").json(&args)
}

fn question() -> Request {
    Request::new("POST", "/v1/ask").json(&json!({"question": "What is the total?"}))
}

#[test]
fn an_answer_comes_as_json_or_with_the_events_on_the_way() {
    let (bench, model) = (Bench::new(), model());
    let site = site(&bench, &model, "none");
    site.send(&upload()).ok();
    let told = site.send(&question().header("accept", "text/event-stream"));
    assert_eq!(told.header("content-type"), Some("text/event-stream"));
    let text = told.text();
    let events: Vec<(&str, Value)> = text
        .split("\n\n")
        .filter_map(|event| event.strip_prefix("event: ")?.split_once("\ndata: "))
        .map(|(name, data)| (name, serde_json::from_str(data).unwrap()))
        .collect();
    let names: Vec<&str> = events.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["turn", "call", "called", "turn", "answer"], "{text}");
    assert_eq!(at(&events[2].1, "/call"), SUM);
    let last = &events[4].1;
    assert_eq!([at(last, "/answer"), at(last, "/table/rows")], [&json!("The total is 30."), &json!([[30]])]);

    let again = site.send(&question()).ok();
    assert_eq!([at(&again, "/cached"), at(&again, "/answer")], [&json!(true), &json!("The total is 30.")]);
    assert_eq!(site.post("/v1/tools/ask", &json!({"question": "What is the total?"})).ok()["id"], again["id"]);
    assert_eq!(site.send(&Request::new("POST", "/v1/ask").json(&json!({}))).status, 400);
}

#[test]
fn without_a_model_it_says_how_to_get_one() {
    let bench = Bench::new();
    let site = bench.site();
    for request in [question(), question().header("accept", "text/event-stream")] {
        let response = site.send(&request);
        assert_eq!((response.status, response.problem().as_str()), (424, "model_not_configured"));
        assert!(response.text().contains("QUIRE_LLM_MODEL"));
    }
}

#[test]
fn a_failure_of_the_model_ends_the_events_with_a_problem() {
    let (bench, model) = (Bench::new(), Model::of(vec![crate::harness::model::error(401, &[], "", "no")]));
    let site = site(&bench, &model, "none");
    site.send(&upload()).ok();
    let text = site.send(&question().header("accept", "text/event-stream")).text();
    assert!(text.contains("event: problem\ndata: {\"code\":\"model_failed\""), "{text}");
    let response = site.send(&question());
    assert_eq!((response.status, response.problem().as_str()), (502, "model_failed"));
}

#[test]
fn what_is_remembered_is_each_users_own() {
    let (bench, model) = (Bench::new(), model());
    let site = site(&bench, &model, "accounts");
    let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|email| {
        let who = json!({"email": email, "password": "just some words"});
        assert_eq!(site.post("/v1/auth/register", &who).status, 201);
        site.post("/v1/auth/login", &who).ok()["access_token"].as_str().unwrap().to_owned()
    });
    let send = |who: &str, request: Request| site.send(&request.bearer(who));
    for who in [&ann, &bob] {
        send(who, upload()).ok();
    }
    let id = send(&ann, question()).ok()["id"].as_str().unwrap().to_owned();
    let n_requests = model.requests().len();
    // The same question over the same bytes is another question where it is another's.
    assert_eq!(send(&bob, question()).ok()["cached"], false);
    assert!(model.requests().len() > n_requests);

    let verdict =
        |is_right: bool| Request::new("PUT", &format!("/v1/answers/{id}")).json(&json!({"verified": is_right}));
    assert_eq!(send(&ann, verdict(true)).status, 204);
    assert_eq!(send(&bob, verdict(true)).status, 404);
    assert_eq!(send(&bob, Request::new("DELETE", &format!("/v1/answers/{id}"))).status, 404);
    let note = json!({"sheet": "sales", "column": "amount", "unit": "EUR"});
    let stored = send(&ann, Request::new("PUT", "/v1/notes").json(&note)).ok();
    assert_eq!(stored, json!({"sheet": "sales", "column": "amount", "meaning": "", "unit": "EUR", "synonyms": []}));

    let list = |who: &str, path: &str| send(who, Request::new("GET", path)).ok();
    assert_eq!(list(&ann, "/v1/answers?verified=true")["answers"][0]["id"], id.as_str());
    assert_eq!(list(&bob, "/v1/answers?verified=true")["answers"], json!([]));
    assert_eq!(list(&ann, "/v1/notes")["notes"][0]["unit"], "EUR");
    assert_eq!(list(&bob, "/v1/notes")["notes"], json!([]));

    // Ann's words are in her own questions, and in no one else's.
    send(&bob, Request::new("POST", "/v1/ask").json(&json!({"question": "What is the total now?"}))).ok();
    let last = model.requests().last().unwrap().to_string();
    assert!(!last.contains("EUR") && !last.contains("verified_examples"));
    send(&ann, Request::new("POST", "/v1/ask").json(&json!({"question": "What is the total now?"}))).ok();
    let last = model.requests().last().unwrap().to_string();
    assert!(last.contains("EUR") && last.contains("verified_examples"));
    assert_eq!(send(&ann, Request::new("DELETE", &format!("/v1/answers/{id}"))).status, 204);
}
