//! Two users on one server: whatever one names of the other's, by whichever tool and route, is never reached.

use serde_json::{Value, json};

use crate::harness::{
    Bench, at,
    http::{Request, Response, Site},
    until,
};

/// In Ann's cells, and nowhere else.
const CELL: &str = "cell-of-ann";
const PASSWORD: &str = "just some words";

struct Two<'a> {
    _bench: &'a Bench,
    site: Site,
    ann: String,
    bob: String,
}

impl<'a> Two<'a> {
    fn new(bench: &'a Bench) -> Two<'a> {
        let site = bench.site_with(&["--auth", "accounts"]);
        let [ann, bob] = ["ann@example.org", "bob@example.org"].map(|email| {
            let who = json!({"email": email, "password": PASSWORD});
            assert_eq!(site.post("/v1/auth/register", &who).status, 201);
            site.post("/v1/auth/login", &who).ok()["access_token"].as_str().unwrap().to_owned()
        });
        Two { _bench: bench, site, ann, bob }
    }

    fn as_ann(&self, request: Request) -> Response {
        self.site.send(&request.bearer(&self.ann))
    }

    fn as_bob(&self, request: Request) -> Response {
        self.site.send(&request.bearer(&self.bob))
    }

    fn call(&self, tool: &str, args: &Value) -> Value {
        self.as_ann(Request::new("POST", &format!("/v1/tools/{tool}")).json(args)).ok()
    }

    /// Ann's sheets `secret` and, deleted, `old`; a result of hers.
    fn fill(&self) -> String {
        let rows: String = (0..2_000).map(|i| format!("{i},{CELL}\n")).collect();
        self.call("import_file", &json!({"name": "secret.csv", "content": format!("n,t\n{rows}")}));
        self.call("import_file", &json!({"name": "old.csv", "content": format!("t\n{CELL}\n")}));
        self.call("delete_sheet", &json!({"sheet": "old"}));
        let reply = self.call("query", &json!({"sql": "from secret", "max_rows": 5}));
        reply["result"].as_str().unwrap().to_owned()
    }

    /// What Ann has, as she sees it.
    fn all_of_ann(&self) -> Value {
        let rows = self.as_ann(Request::new("GET", "/v1/sheets/secret/preview")).ok();
        json!([self.as_ann(Request::new("GET", "/v1/sheets")).ok(), rows, self.call("sheet_history", &json!({}))])
    }
}

#[track_caller]
fn refused(what: &str, response: &Response) {
    assert!(!response.text().contains(CELL), "{what} tells a cell: {}", response.text());
    let code = response.problem();
    let expected = ["sheet_not_found", "result_not_found", "not_found"];
    assert!(expected.contains(&code.as_str()), "{what}: {}", response.text());
}

#[test]
fn no_tool_reaches_the_others_sheets_or_results() {
    let bench = Bench::new();
    let two = Two::new(&bench);
    let result = two.fill();
    let before = two.all_of_ann();
    for contract in quire::tools::remote().contracts() {
        let tries = match contract.name {
            "annotate_sheet" | "delete_sheet" | "describe_sheet" | "preview_rows" | "summarize_sheet"
            | "sheet_history" => {
                vec![json!({"sheet": "secret"})]
            }
            "restore_version" => {
                vec![
                    json!({"sheet": "secret", "version": 1}),
                    json!({"sheet": "old"}),
                    json!({"sheet": "old#2"}),
                    json!({"sheet": "2"}),
                ]
            }
            "export_sheet" => vec![
                json!({"sheet": "secret"}),
                json!({"sheets": ["secret"], "format": "xlsx"}),
                json!({"sql": "from secret"}),
            ],
            "query" => [
                "from secret",
                "from \"secret\"",
                "with secret as (from secret) from secret",
                "select (select count(*) from secret)",
            ]
            .map(|sql| json!({"sql": sql}))
            .to_vec(),
            "read_result" => vec![json!({"result": result})],
            "reimport_sheet" => vec![json!({"sheet": "secret", "change": {"totals": "keep"}})],
            "test_hypothesis" => {
                vec![json!({"test": "shapiro_wilk", "sheet": "secret", "columns": ["n"]})]
            }
            "transform_sheet" => vec![
                json!({"sheet": "secret", "steps": [{"op": "filter", "expr": "n > 1"}]}),
                json!({"sheet": "secret", "steps_of": "secret"}),
            ],
            // These name nothing of anyone's; what they do is looked at below.
            "import_file" | "list_sheets" | "request_upload" => continue,
            // They need a model: `http/ask.rs` has them.
            "ask" | "verify_answer" => continue,
            other => panic!("no try for {other}"),
        };
        for args in tries {
            let response = two.as_bob(Request::new("POST", &format!("/v1/tools/{}", contract.name)).json(&args));
            refused(&format!("{} {args}", contract.name), &response);
        }
    }
    assert_eq!(two.all_of_ann(), before);
    let listed = two.as_bob(Request::new("POST", "/v1/tools/list_sheets").json(&json!({"search": ""}))).ok();
    assert_eq!(at(&listed, "/n_total"), 0);
    // The same name is another sheet, and the same bytes too.
    let args = json!({"name": "secret.csv", "content": "n\n1\n"});
    let imported = two.as_bob(Request::new("POST", "/v1/tools/import_file").json(&args)).ok();
    assert_eq!(at(&imported, "/sheets/0/state"), "new");
    assert_eq!(two.all_of_ann(), before);
    let rows = two.as_bob(Request::new("POST", "/v1/query").json(&json!({"sql": "from secret"}))).ok();
    assert_eq!(rows["rows"], json!([[1]]));
}

#[test]
fn no_route_reaches_what_is_the_others() {
    let bench = Bench::new();
    let two = Two::new(&bench);
    two.fill();
    let upload = Request::new("POST", "/v1/sheets")
        .form(&[("file", Some("job.csv"), format!("t\n{CELL}\n").as_bytes())])
        .header("prefer", "respond-async");
    let job = two.as_ann(upload).header("location").unwrap().to_owned();
    let token = two.as_ann(Request::new("POST", "/v1/auth/tokens").json(&json!({"name": "laptop"}))).ok();
    let id = token["id"].as_str().map_or_else(|| token["id"].to_string(), str::to_owned);
    let before = two.all_of_ann();
    for (method, path) in [
        ("GET", "/v1/sheets/secret".to_owned()),
        ("GET", "/v1/sheets/secret/preview".to_owned()),
        ("GET", "/v1/sheets/secret/summary".to_owned()),
        ("GET", "/v1/sheets/secret/history".to_owned()),
        ("GET", "/v1/sheets/old/history".to_owned()),
        ("GET", "/v1/sheets/secret/export".to_owned()),
        ("GET", "/v1/sheets/secret/export?format=parquet".to_owned()),
        ("DELETE", "/v1/sheets/secret".to_owned()),
        ("DELETE", "/v1/sheets/secret?purge=true".to_owned()),
        ("DELETE", "/v1/sheets/old?purge=true".to_owned()),
        ("GET", "/v1/sheets/..%2f..%2fsecret".to_owned()),
        ("GET", job.clone()),
        ("GET", format!("{job}/events")),
        ("DELETE", job.clone()),
        ("DELETE", format!("/v1/auth/tokens/{id}")),
    ] {
        refused(&format!("{method} {path}"), &two.as_bob(Request::new(method, &path)));
    }
    let query = Request::new("POST", "/v1/query").json(&json!({"sql": "from secret"}));
    refused("POST /v1/query", &two.as_bob(query));
    let after = two.all_of_ann();
    assert_eq!(at(&after, "/1"), at(&before, "/1"));
    assert_eq!(two.as_ann(Request::new("GET", &job)).status, 200);
    for path in ["/v1/sheets", "/v1/queries", "/v1/auth/tokens", "/v1/auth/me"] {
        let seen = two.as_bob(Request::new("GET", path)).text();
        for word in [CELL, "secret.csv", "ann@", "laptop", "\"name\":\"secret\"", "max_rows"] {
            assert!(!seen.contains(word), "{path} tells {word}: {seen}");
        }
    }
}

#[test]
fn a_one_time_address_leads_to_the_workspace_that_asked_for_it() {
    let bench = Bench::new();
    let two = Two::new(&bench);
    let reply = two.call("request_upload", &json!({"name": "gift.csv"}));
    let path = format!("/v1/uploads/{}", reply["url"].as_str().unwrap().rsplit('/').next().unwrap());
    // Bob's token says nothing here: the address does.
    assert_eq!(two.as_bob(Request::new("PUT", &path).body("a\n1\n")).status, 201);
    assert_eq!(at(&two.as_ann(Request::new("GET", "/v1/sheets")).ok(), "/n_total"), 1);
    assert_eq!(at(&two.as_bob(Request::new("GET", "/v1/sheets")).ok(), "/n_total"), 0);
}

#[test]
fn a_token_that_may_only_read_changes_nothing() {
    let bench = Bench::new();
    let two = Two::new(&bench);
    two.fill();
    let token =
        two.as_ann(Request::new("POST", "/v1/auth/tokens").json(&json!({"name": "reader", "scope": "read"}))).ok();
    let token = token["token"].as_str().unwrap().to_owned();
    let before = two.all_of_ann();
    let send = |request: Request| two.site.send(&request.bearer(&token));
    for request in [
        Request::new("POST", "/v1/sheets").form(&[("file", Some("a.csv"), b"a\n1\n")]),
        Request::new("DELETE", "/v1/sheets/secret"),
        Request::new("DELETE", "/v1/sheets/secret?purge=true"),
        Request::new("POST", "/v1/tools/import_file").json(&json!({"name": "a.csv", "content": "a\n1\n"})),
        Request::new("POST", "/v1/tools/request_upload").json(&json!({"name": "a.csv"})),
        Request::new("POST", "/v1/tools/transform_sheet").json(&json!({"sheet": "secret", "steps": []})),
    ] {
        let response = send(request);
        assert_eq!((response.status, response.problem().as_str()), (403, "forbidden"), "{}", response.text());
        assert!(response.header("www-authenticate").unwrap().contains("insufficient_scope"));
    }
    assert_eq!(send(Request::new("GET", "/v1/sheets/secret")).status, 200);
    // A file to take home changes nothing.
    let exported = send(Request::new("POST", "/v1/tools/export_sheet").json(&json!({"sheet": "secret"}))).ok();
    assert!(two.site.get(&path_of(&exported)).text().contains(CELL));
    assert_eq!(send(Request::new("GET", "/v1/sheets/secret/export")).status, 200);
    assert_eq!(two.all_of_ann(), before);
}

/// Every documented route but those that say so themselves.
#[test]
fn every_route_asks_for_a_token() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "accounts"]);
    let document = site.get("/openapi.json").ok();
    let mut open = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["security"] == json!([]) {
                open.push(path.clone());
                continue;
            }
            let path = path.replace("{name}", "x").replace("{id}", "x");
            if path == "/metrics" {
                continue;
            }
            for token in [None, Some("x"), Some("")] {
                let request = Request::new(&method.to_uppercase(), &path).json(&json!({}));
                let request = token.into_iter().fold(request, Request::bearer);
                let response = site.send(&request);
                assert_eq!((response.status, response.problem().as_str()), (401, "unauthenticated"), "{method} {path}");
                assert!(response.header("www-authenticate").unwrap().starts_with("Bearer "), "{method} {path}");
            }
        }
    }
    open.sort();
    open.dedup();
    assert_eq!(
        open,
        [
            "/",
            "/docs",
            "/docs/style.css",
            "/healthz",
            "/openapi.json",
            "/page.css",
            "/page.js",
            "/readyz",
            "/v1/auth/login",
            "/v1/auth/refresh",
            "/v1/auth/register",
            "/v1/downloads/{token}",
            "/v1/uploads/{token}",
        ]
    );
}

fn path_of(reply: &Value) -> String {
    reply["url"].as_str().unwrap().splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap()
}

/// Addresses for an upload and for a download, asked for with this token.
fn addresses(site: &Site, token: &str) -> [String; 2] {
    let call = |tool: &str, args: &Value| {
        path_of(&site.send(&Request::new("POST", &format!("/v1/tools/{tool}")).json(args).bearer(token)).ok())
    };
    [call("request_upload", &json!({"name": "late.csv"})), call("export_sheet", &json!({"sheet": "secret"}))]
}

#[test]
fn addresses_end_with_the_access_that_asked_for_them() {
    let bench = Bench::new();
    let two = Two::new(&bench);
    two.fill();
    let token = |scope: &str| {
        let args = json!({"name": format!("of {scope}"), "scope": scope});
        let made = two.as_ann(Request::new("POST", "/v1/auth/tokens").json(&args)).ok();
        [&made["id"], &made["token"]].map(|it| it.as_str().unwrap().to_owned())
    };
    let check = |[upload, download]: [String; 2], is_good: bool| {
        let sent = two.site.send(&Request::new("PUT", &upload).body("a\n1\n"));
        let fetched = two.site.get(&download);
        if is_good {
            assert_eq!((sent.status, fetched.status), (201, 200), "{}", sent.text());
        } else {
            assert_eq!([sent.problem(), fetched.problem()], ["not_found", "not_found"]);
            assert!(!fetched.text().contains(CELL));
        }
    };
    let [id, secret] = token("read_write");
    check(addresses(&two.site, &secret), true);
    let before = two.all_of_ann();
    let open = addresses(&two.site, &secret);
    assert_eq!(two.as_ann(Request::new("DELETE", &format!("/v1/auth/tokens/{id}"))).status, 204);
    check(open, false);
    let who = json!({"email": "ann@example.org", "password": PASSWORD});
    let session = two.site.post("/v1/auth/login", &who).ok()["access_token"].as_str().unwrap().to_owned();
    let open = addresses(&two.site, &session);
    assert_eq!(two.site.send(&Request::new("POST", "/v1/auth/logout").bearer(&session)).status, 204);
    check(open, false);
    assert_eq!(two.all_of_ann()[0], before[0]);
    let open = addresses(&two.site, &two.ann);
    assert_eq!(bench.run(&["user", "disable", "ann@example.org"]).code, Some(0));
    check(open, false);
    // Enabled again, nothing of it comes back.
    assert_eq!(bench.run(&["user", "enable", "ann@example.org"]).code, Some(0));
    let session = two.site.post("/v1/auth/login", &who).ok()["access_token"].as_str().unwrap().to_owned();
    let sheets = two.site.send(&Request::new("GET", "/v1/sheets").bearer(&session)).ok();
    assert_eq!(sheets["sheets"], before[0]["sheets"]);
}

#[test]
fn an_import_whose_token_is_revoked_meanwhile_is_not_kept() {
    let bench = Bench::new();
    let two = Two::new(&bench);
    let made =
        two.as_ann(Request::new("POST", "/v1/auth/tokens").json(&json!({"name": "t", "scope": "read_write"}))).ok();
    let rows: String = (0..300_000).map(|i| format!("{i},{},text {i}\n", i % 97)).collect();
    let upload = Request::new("POST", "/v1/sheets")
        .form(&[("file", Some("long.csv"), format!("a,b,c\n{rows}").as_bytes())])
        .header("prefer", "respond-async")
        .bearer(made["token"].as_str().unwrap());
    let job = two.site.send(&upload).header("location").unwrap().to_owned();
    let path = format!("/v1/auth/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(two.as_ann(Request::new("DELETE", &path)).status, 204);
    let mut ended = Value::Null;
    until("the job has ended", || {
        ended = two.as_ann(Request::new("GET", &job)).ok();
        ended["state"] != "running"
    });
    assert_eq!(
        (at(&ended, "/state"), at(&ended, "/files/0/problem/code")),
        (&json!("failed"), &json!("unauthenticated"))
    );
    assert_eq!(at(&two.as_ann(Request::new("GET", "/v1/sheets")).ok(), "/n_total"), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn an_import_ends_with_the_access_of_who_asked_for_it() {
    use crate::harness::process::linux::{busy_child, is_alive, pause};

    let bench = Bench::new();
    let two = Two::new(&bench);
    let n_rows = if cfg!(debug_assertions) { 600_000 } else { 3_000_000 };
    let rows: String = (0..n_rows).map(|i| format!("{i},{},text {i}\n", i % 97)).collect();
    let begin = |token: &str| {
        let upload = Request::new("POST", "/v1/sheets")
            .form(&[("file", Some("long.csv"), format!("a,b,c\n{rows}").as_bytes())])
            .header("prefer", "respond-async")
            .bearer(token);
        let job = two.site.send(&upload).header("location").unwrap().to_owned();
        // A worker that never ends by itself.
        let worker = busy_child(two.site.child.id());
        pause(worker);
        (job, worker)
    };
    let token = json!({"name": "t", "scope": "read_write"});
    let made = two.as_ann(Request::new("POST", "/v1/auth/tokens").json(&token)).ok();
    let (job, worker) = begin(made["token"].as_str().unwrap());
    let path = format!("/v1/auth/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(two.as_ann(Request::new("DELETE", &path)).status, 204);
    let mut ended = Value::Null;
    until("the job has ended", || {
        ended = two.as_ann(Request::new("GET", &job)).ok();
        ended["state"] != "running"
    });
    assert_eq!(
        (at(&ended, "/state"), at(&ended, "/files/0/problem/code")),
        (&json!("failed"), &json!("unauthenticated"))
    );
    until("its worker is gone", || !is_alive(worker));

    let (_, worker) = begin(&two.bob);
    assert_eq!(bench.run(&["user", "disable", "bob@example.org"]).code, Some(0));
    until("its worker is gone", || !is_alive(worker));
}
