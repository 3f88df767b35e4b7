//! What stands before every route: hosts, origins, proxies, limits, headers, metrics, and the end of the server.

use std::{
    io::{Read, Write},
    process::Command,
};

use serde_json::json;

use crate::harness::{
    Bench,
    http::{Request, Response, Site},
    until,
};

fn status(site: &Site, path: &str, headers: &[(&str, &str)]) -> u16 {
    let request = headers.iter().fold(Request::new("GET", path), |request, (name, value)| request.header(name, value));
    site.send(&request).status
}

#[test]
fn only_known_hosts_are_answered() {
    let bench = Bench::new();
    let site = bench.site_with(&[
        "--auth",
        "accounts",
        "--allowed-host",
        "quire.internal",
        "--public-url",
        "https://quire.example.org",
    ]);
    let port = site.address.split(':').nth(1).unwrap();
    let check = |host: &str| status(&site, "/v1/sheets", &[("host", host)]);
    for known in [
        &site.address,
        "localhost",
        &format!("localhost:{port}"),
        "[::1]:80",
        "127.0.0.1",
        "quire.internal:80",
        "QUIRE.example.ORG",
        "quire.example.org:443",
    ] {
        // Past the check of the host, a token is asked for.
        assert_eq!(check(known), 401, "{known}");
    }
    for foreign in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "a@localhost",
        "localhost/x",
        "0.0.0.0",
        "",
    ] {
        assert_eq!(check(foreign), 403, "{foreign}");
    }
    assert_eq!(status(&site, "/healthz", &[("host", "10.0.0.7:8080")]), 200);
}

#[test]
fn only_known_origins_may_call() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--allowed-origin", "https://app.example.org"]);
    let own = format!("http://{}", site.address);
    let check = |origin: &str| status(&site, "/v1/sheets", &[("origin", origin)]);
    assert_eq!(check(&own), 200);
    assert_eq!(check("https://app.example.org"), 200);
    for foreign in [
        "null",
        "https://evil.example",
        "http://localhost:1",
        "http://app.example.org",
        "https://app.example.org.evil.example",
    ] {
        assert_eq!(check(foreign), 403, "{foreign}");
    }
    let preflight = |origin: &str| {
        site.send(
            &Request::new("OPTIONS", "/v1/query")
                .header("origin", origin)
                .header("access-control-request-method", "POST")
                .header("access-control-request-headers", "authorization,content-type"),
        )
    };
    let allowed = preflight("https://app.example.org");
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.org"));
    assert_eq!(allowed.header("access-control-allow-credentials"), None);
    let refused = preflight("https://evil.example");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None));
}

#[test]
fn answers_carry_headers_that_hold_browsers_back() {
    let bench = Bench::new();
    let site = bench.site();
    for path in ["/v1/sheets", "/nothing", "/docs"] {
        let response = site.get(path);
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("x-frame-options"), Some("DENY"), "{path}");
        assert!(response.header("content-security-policy").unwrap().starts_with("default-src 'none'"), "{path}");
    }
    assert_eq!(site.get("/v1/sheets").header("cache-control"), Some("no-store"));
}

#[test]
fn long_answers_are_compressed_and_short_ones_and_workbooks_are_not() {
    let bench = Bench::new();
    let site = bench.site();
    let text: String = (0..500).fold("n,t\n".to_owned(), |text, i| text + &format!("{i},some text\n"));
    site.post("/v1/tools/import_file", &json!({"name": "t.csv", "content": text})).ok();
    let encoding = |path: &str| {
        let response = site.send(&Request::new("GET", path).header("accept-encoding", "gzip"));
        response.header("content-encoding").map(str::to_owned)
    };
    assert_eq!(encoding("/v1/sheets/t/preview?n_rows=500").as_deref(), Some("gzip"));
    assert_eq!(encoding("/v1/sheets/t/export").as_deref(), Some("gzip"));
    assert_eq!(encoding("/v1/sheets/t/export?format=xlsx"), None);
    assert_eq!(encoding("/healthz"), None);
}

#[test]
fn without_accounts_it_listens_on_loopback_only() {
    let bench = Bench::new();
    let ended = bench.ended(bench.bare_command(&["http", "--auth", "none", "--listen", "0.0.0.0:0"]).arg("--json"));
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("may be reached from elsewhere"), "{}", ended.err);
    let opened = bench.ended(bench.command(&["http", "--auth", "none", "--listen", "127.0.0.1:0"]).arg("--json"));
    assert!(opened.err.contains("callers over HTTP"), "{}", opened.err);
}

#[test]
fn without_accounts_nobody_is_served_through_a_proxy() {
    let bench = Bench::new();
    for public in [["--public-url", "https://quire.example.org"], ["--trusted-proxy", "127.0.0.1/32"]] {
        let args = [&["http", "--auth", "none", "--listen", "127.0.0.1:0", "--json"][..], &public].concat();
        let ended = bench.ended(&mut bench.bare_command(&args));
        assert_eq!(ended.code, Some(2), "{public:?}: {}", ended.err);
    }
    let site = bench.site();
    assert_eq!(status(&site, "/v1/sheets", &[]), 200);
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        assert_eq!(status(&site, "/v1/sheets", &[(header, "203.0.113.9")]), 403, "{header}");
    }
}

#[test]
fn a_caller_can_not_choose_its_own_address_behind_a_proxy() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "accounts", "--trusted-proxy", "127.0.0.1/32"]);
    let refused = (0..60).any(|n| {
        let forwarded = format!("for=198.51.100.{n}");
        let request = Request::new("POST", "/v1/auth/refresh").json(&json!({"refresh_token": "none"}));
        let request = request.header("x-forwarded-for", "203.0.113.9").header("forwarded", &forwarded);
        site.send(&request).status == 429
    });
    assert!(refused, "sixty failures of one address are told to wait");
}

#[test]
fn metrics_are_for_this_machine_or_for_their_token() {
    let bench = Bench::new();
    let site = bench.site();
    site.post("/v1/tools/query", &json!({"sql": "select 1"})).ok();
    let text = site.get("/metrics").text();
    for line in [
        "quire_http_requests_total{method=\"POST\",route=\"/v1/tools/{tool}\",status=\"200\"} 1",
        "quire_tool_calls_total{tool=\"query\",outcome=\"ok\"} 1",
        "quire_workers_busy{queue=\"queries\"} 0",
        "quire_sheets 0",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    drop(site);
    std::fs::write(bench.path("token"), "0123456789abcdef\n").unwrap();
    let file = bench.path("token").to_string_lossy().into_owned();
    let site = bench.site_with(&["--auth", "none", "--metrics-token-file", &file]);
    assert_eq!(site.get("/metrics").problem(), "unauthenticated");
    assert_eq!(status(&site, "/metrics", &[("authorization", "Bearer 0123456789abcdeX")]), 401);
    assert_eq!(status(&site, "/metrics", &[("authorization", "Bearer 0123456789abcdef")]), 200);
}

#[test]
fn the_log_has_routes_and_neither_names_nor_questions() {
    let bench = Bench::new();
    let log = bench.path("log");
    let mut command = bench.bare_command(&["http", "--auth", "none", "--listen", "127.0.0.1:0", "--log", "info"]);
    let site = Site::of(command.stderr(std::fs::File::create(&log).unwrap()));
    site.post("/v1/tools/import_file", &json!({"name": "salaries.csv", "content": "name\nAnn\n"})).ok();
    site.get("/v1/sheets/salaries/preview?columns=name").ok();
    site.get("/v1/sheets?q=secret").ok();
    drop(site);
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(text.contains("/v1/sheets/{name}/preview") && text.contains("request_id="), "{text}");
    for word in ["salaries", "Ann", "secret", "columns"] {
        assert!(!text.contains(word), "{word} is in {text}");
    }
}

#[test]
fn a_connection_that_says_nothing_does_not_stay() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--head-timeout", "1"]);
    let mut stream = site.connect();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: loc").unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut rest).unwrap();
    assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
}

const LONG: &str = "select count(*) from range(100000000) a, range(100000000) b where a.range * b.range % 7 = 3";

/// A query that works for long, under way.
#[cfg(target_os = "linux")]
fn begin(site: &Site, sql: &str) -> std::net::TcpStream {
    let mut stream = site.connect();
    let request = Request::new("POST", "/v1/query").json(&json!({"sql": sql}));
    stream.write_all(&request.bytes(&site.address)).unwrap();
    crate::harness::process::linux::busy_child(site.child.id());
    stream
}

fn terminate(site: &Site) {
    assert!(Command::new("kill").args(["-TERM", &site.child.id().to_string()]).status().unwrap().success());
}

#[test]
#[cfg(target_os = "linux")]
fn a_call_under_way_ends_before_the_server_does() {
    let bench = Bench::new();
    let mut site = bench.site_with(&["--auth", "none", "--grace", "90"]);
    let sql = "select count(*) from range(20000) a, range(20000) b where a.range * b.range % 7 = 3";
    let mut stream = begin(&site, sql);
    terminate(&site);
    let response = Response::read(&mut stream);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(site.child.wait().unwrap().code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn a_call_that_does_not_end_in_time_is_told() {
    let bench = Bench::new();
    let mut site = bench.site_with(&["--auth", "none", "--grace", "0"]);
    let mut stream = begin(&site, LONG);
    terminate(&site);
    let response = Response::read(&mut stream);
    assert_eq!((response.status, response.problem().as_str()), (503, "busy"));
    assert_eq!(site.child.wait().unwrap().code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn a_call_whose_client_goes_away_is_cancelled() {
    use crate::harness::process::linux::{busy_child, is_alive};

    let bench = Bench::new();
    let site = bench.site();
    let stream = begin(&site, LONG);
    let worker = busy_child(site.child.id());
    drop(stream);
    until("its worker is gone", || !is_alive(worker));
}

#[test]
fn a_body_that_stops_coming_is_told_so_on_every_route() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--body-timeout", "1"]);
    let asked = site.post("/v1/tools/request_upload", &json!({"name": "a.csv"})).ok();
    let upload = asked["url"].as_str().unwrap().splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap();
    let form = "--XYZ\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\na\n1\n";
    let begun: Vec<_> = [
        ("POST", "/mcp", "application/json", "{\"jsonrpc\": "),
        ("POST", "/message?sessionId=x", "application/json", "{"),
        ("POST", "/v1/query", "application/json", "{\"sql\": "),
        ("POST", "/v1/tools/query", "application/json", ""),
        ("POST", "/v1/auth/refresh", "application/json", "{"),
        ("POST", "/v1/sheets", "multipart/form-data; boundary=XYZ", "--XYZ"),
        ("POST", "/v1/sheets", "multipart/form-data; boundary=XYZ", form),
        ("PUT", &upload, "text/csv", "a\n1\n"),
    ]
    .into_iter()
    .map(|(method, path, media, start)| {
        let request = Request::new(method, path).header("content-type", media).header("content-length", "1000");
        let request = request.header("accept", "application/json, text/event-stream").body(start);
        let mut stream = site.connect();
        stream.write_all(&request.bytes(&site.address)).unwrap();
        (path.to_owned(), stream)
    })
    .collect();
    for (path, mut stream) in begun {
        let response = Response::read(&mut stream);
        assert_eq!((response.status, response.problem().as_str()), (408, "too_slow"), "{path}: {}", response.text());
    }
}

#[test]
fn large_bodies_of_one_user_take_so_much_memory_and_no_more() {
    let bench = Bench::new();
    let site = bench.site();
    let begun = |path: &str| {
        let request = Request::new("POST", path).header("content-type", "application/json");
        let request = request.header("accept", "application/json, text/event-stream");
        let mut stream = site.connect();
        let start = format!("{{\"x\": \"{}", "y".repeat(15 << 20));
        stream.write_all(&request.header("content-length", "16000000").body(start).bytes(&site.address)).unwrap();
        stream
    };
    let held = ["/mcp", "/v1/tools/query", "/message?sessionId=x", "/mcp"].map(begun);
    let values = |n: usize| Request::new("POST", "/v1/tools/query").json(&json!({"sql": vec![0; n]}));
    // They count once they are here.
    until("four are held", || site.send(&values(100_000)).problem() == "quota_exceeded");
    assert_eq!(site.post("/v1/query", &json!({"sql": "select 1"})).status, 200);
    drop(held);
    until("they are given back", || site.send(&values(100_000)).problem() == "invalid_arguments");
    let refused = site.send(&values(2_000_000));
    assert_eq!((refused.status, refused.problem().as_str()), (403, "quota_exceeded"), "{}", refused.text());
    assert!(refused.text().contains("rather than as JSON values"), "{}", refused.text());
    // Without a length as well.
    let chunked = Request::new("POST", "/v1/tools/query").header("content-type", "application/json");
    let chunked = chunked.header("transfer-encoding", "chunked");
    let body = json!({"sql": "select 1 as n"}).to_string();
    let answer = site.send(&chunked.body(format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())));
    assert_eq!(answer.ok()["rows"], json!([[1]]));
}

/// How many failed refreshes with these headers, changed by their number, it takes until one is told to wait.
fn n_until_refused(site: &Site, headers: impl Fn(u32) -> Vec<(&'static str, String)>) -> Option<u32> {
    (0..70).find(|n| {
        let request = Request::new("POST", "/v1/auth/refresh").json(&json!({"refresh_token": "none"}));
        let headers = headers(*n);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        site.send(&request).status == 429
    })
}

#[test]
fn forwarding_headers_are_believed_of_trusted_proxies_only() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "accounts", "--trusted-proxy", "203.0.113.0/24"]);
    // This peer is none of them: whatever it says, it is one address.
    let told = |n: u32| {
        let address = format!("198.51.100.{n}");
        vec![
            ("x-forwarded-for", address.clone()),
            ("x-real-ip", address.clone()),
            ("forwarded", format!("for={address}")),
        ]
    };
    assert!(n_until_refused(&site, told).is_some());
    drop(site);
    let site = bench.site_with(&["--auth", "accounts", "--trusted-proxy", "127.0.0.0/8"]);
    // What a client put in front of what the proxy adds changes nothing, nor do several headers.
    let lying =
        |n: u32| vec![("x-forwarded-for", format!("198.51.100.{n}")), ("x-forwarded-for", "192.0.2.1".to_owned())];
    assert!(n_until_refused(&site, lying).is_some());
    // One client's failures are not another's, and a chain of proxies that are known ends at who asked them.
    assert_eq!(n_until_refused(&site, |n| vec![("x-forwarded-for", format!("198.51.100.{n}, 127.0.0.7"))]), None);
}

#[test]
fn more_connections_than_are_allowed_wait_for_their_turn() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--max-connections", "1"]);
    let mut first = site.connect();
    let kept = Request::new("GET", "/healthz").header("connection", "keep-alive").bytes(&site.address);
    first.write_all(&kept).unwrap();
    assert_eq!(Response::read(&mut first).status, 200);
    let mut second = site.connect();
    second.write_all(&Request::new("GET", "/healthz").bytes(&site.address)).unwrap();
    // The first goes on, and the second has nothing yet.
    for _ in 0..5 {
        first.write_all(&kept).unwrap();
        assert_eq!(Response::read(&mut first).status, 200);
    }
    second.set_nonblocking(true).unwrap();
    assert_eq!(second.peek(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    second.set_nonblocking(false).unwrap();
    drop(first);
    assert_eq!(Response::read(&mut second).status, 200);
}

#[test]
fn one_address_can_not_take_all_connections() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--max-connections", "6"]);
    let mut slow: Vec<_> = (0..3)
        .map(|_| {
            let mut slow = site.connect();
            slow.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
            slow
        })
        .collect();
    let mut fourth = site.connect();
    let _ = fourth.write_all(b"GET /healthz HTTP/1.1\r\n");
    assert!(matches!(fourth.read(&mut [0]), Ok(0) | Err(_)), "it is closed");
    let healthz = Request::new("GET", "/healthz").bytes(&site.address);
    slow.clear();
    // What was closed makes room.
    let again = std::iter::repeat_with(|| {
        let mut again = site.connect();
        again.write_all(&healthz).ok().filter(|()| again.peek(&mut [0]).is_ok_and(|n| n > 0)).map(|()| again)
    });
    assert_eq!(Response::read(&mut again.take(200).flatten().next().unwrap()).status, 200);
}

/// What a page of another site can make a browser send without being asked: forms and plain text, with its origin.
#[test]
fn a_foreign_page_can_not_make_a_browser_change_anything() {
    let bench = Bench::new();
    let site = bench.site();
    let import = json!({"name": "t.csv", "content": "a\n1\n"});
    site.post("/v1/tools/import_file", &import).ok();
    let form: &[(&str, Option<&str>, &[u8])] = &[("file", Some("evil.csv"), b"a\n1\n")];
    let text = |path: &str| Request::new("POST", path).header("content-type", "text/plain");
    for request in [
        Request::new("POST", "/v1/sheets").form(form),
        text("/v1/tools/import_file").body(import.to_string()),
        text("/mcp").header("accept", "application/json, text/event-stream").body("{}"),
        Request::new("DELETE", "/v1/sheets/t"),
        Request::new("GET", "/v1/sheets/t/export"),
        Request::new("GET", "/sse"),
    ] {
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1", ""] {
            let response = site.send(&request.clone().header("origin", origin));
            assert_eq!((response.status, response.problem().as_str()), (403, "forbidden"), "{origin}");
            assert_eq!(response.header("access-control-allow-origin"), None);
        }
        // An older browser, or a navigation, sends no origin: what is no JSON is not taken for it.
        if request.bytes("x").windows(10).any(|it| it == b"text/plain") {
            assert_eq!(site.send(&request).status, 415);
        }
    }
    let listed = site.get("/v1/sheets");
    assert_eq!((&listed.ok()["n_total"], listed.header("set-cookie")), (&json!(1), None));
}
