//! MCP over HTTP: both eras on `/mcp`, the older hosts' `/sse`; sessions, cancellation, limits.

use std::{
    cell::Cell,
    io::{BufReader, Write},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::harness::{
    Bench, Era,
    http::{Request, Response, Site, read_chunk, read_head},
};

/// Takes days.
const ENDLESS: &str = "select count(*) from range(100000000) a, range(100000000) b where a.range * b.range % 7 = 3";

/// One agent: its protocol version, its session, its token.
struct Agent<'a> {
    site: &'a Site,
    era: Era,
    session: Option<String>,
    token: Option<String>,
    last_id: Cell<u64>,
}

impl<'a> Agent<'a> {
    fn new(site: &'a Site, era: Era) -> Agent<'a> {
        Agent { site, era, session: None, token: None, last_id: Cell::new(100) }
    }

    /// One that has said hello, where the era has a greeting.
    fn greeted(site: &'a Site, era: Era) -> Agent<'a> {
        let mut agent = Agent::new(site, era);
        if era != Era::Stateless {
            let response = agent.initialize();
            assert_eq!(response.status, 200, "{}", response.text());
            assert_eq!(messages(&response)[0]["result"]["protocolVersion"], era.version());
            agent.session = Some(response.header("mcp-session-id").unwrap().to_owned());
            let told = agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
            assert_eq!(told.status, 202);
        }
        agent
    }

    fn initialize(&self) -> Response {
        let params = json!({
            "protocolVersion": self.era.version(),
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        self.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}))
    }

    fn request(&self, message: &Value) -> Request {
        let mut request =
            Request::new("POST", "/mcp").json(message).header("accept", "application/json, text/event-stream");
        if self.session.is_some() || self.era == Era::Stateless {
            request = request.header("mcp-protocol-version", self.era.version());
        }
        if self.era == Era::Stateless {
            request = request.header("mcp-method", message["method"].as_str().unwrap());
            if let Some(name) = message["params"]["name"].as_str() {
                request = request.header("mcp-name", name);
            }
        }
        self.with_credentials(request)
    }

    fn with_credentials(&self, mut request: Request) -> Request {
        if let Some(session) = &self.session {
            request = request.header("mcp-session-id", session);
        }
        if let Some(token) = &self.token {
            request = request.bearer(token);
        }
        request
    }

    fn send(&self, message: &Value) -> Response {
        self.site.send(&self.request(message))
    }

    fn message(&self, id: u64, method: &str, mut params: Value) -> Value {
        if self.era == Era::Stateless {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.era.version(),
                "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            });
        }
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    fn tool_call(&self, tool: &str, args: &Value) -> Value {
        self.last_id.set(self.last_id.get() + 1);
        self.message(self.last_id.get(), "tools/call", json!({"name": tool, "arguments": args}))
    }

    fn call(&self, tool: &str, args: &Value) -> Result<Value, Value> {
        let response = self.send(&self.tool_call(tool, args));
        assert_eq!(response.status, 200, "{}", response.text());
        outcome(messages(&response).last().unwrap())
    }

    fn rows(&self, sql: &str) -> Value {
        self.call("query", &json!({"sql": sql})).unwrap()["rows"].clone()
    }

    /// Sends a call and reads no answer.
    fn begin(&self, tool: &str, args: &Value) -> TcpStream {
        let mut stream = self.site.connect();
        stream.write_all(&self.request(&self.tool_call(tool, args)).bytes(&self.site.address)).unwrap();
        stream
    }
}

/// The JSON-RPC messages of an answer, JSON or events.
fn messages(response: &Response) -> Vec<Value> {
    if response.header("content-type").unwrap_or_default().starts_with("application/json") {
        return vec![response.json()];
    }
    response
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter_map(|it| serde_json::from_str(it).ok())
        .collect()
}

fn outcome(message: &Value) -> Result<Value, Value> {
    let result = message.get("result").unwrap_or_else(|| panic!("a protocol error: {message}"));
    let structured = result["structuredContent"].clone();
    if result["isError"] == true { Err(structured) } else { Ok(structured) }
}

/// The stream of events that older hosts open.
struct Events {
    source: BufReader<TcpStream>,
    text: String,
}

impl Events {
    fn open(request: &Request, site: &Site) -> Events {
        let mut stream = site.connect();
        stream.write_all(&request.bytes(&site.address)).unwrap();
        let mut source = BufReader::new(stream);
        let (status, headers) = read_head(&mut source);
        assert_eq!(status, 200);
        assert!(headers.contains(&("content-type".to_owned(), "text/event-stream".to_owned())), "{headers:?}");
        Events { source, text: String::new() }
    }

    /// The next event's name and its text; comments, which keep the connection alive, are passed over.
    fn next(&mut self) -> Option<(String, String)> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field =
                    |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(|it| it.trim().to_owned());
                let found = field("data:").map(|data| (field("event:").unwrap_or_default(), data));
                self.text = rest.to_owned();
                if found.is_some() {
                    return found;
                }
            }
            self.text.push_str(&String::from_utf8(read_chunk(&mut self.source)?).unwrap());
        }
    }

    /// The answer to the request with this id.
    fn answer(&mut self, id: u64) -> Value {
        loop {
            let (_, text) = self.next().expect("an answer");
            let message: Value = serde_json::from_str(&text).unwrap_or_default();
            if message["id"] == id {
                return message;
            }
        }
    }
}

#[test]
fn agents_of_both_eras_see_the_same_sheets() {
    let bench = Bench::new();
    let site = bench.site();
    let first = Agent::greeted(&site, Era::November2025);
    let imported = first.call("import_file", &json!({"name": "t.csv", "content": "a\n1\n2\n"})).unwrap();
    assert_eq!(imported["sheets"][0]["n_rows"], 2);
    for era in Era::ALL {
        let agent = Agent::greeted(&site, era);
        assert_eq!(agent.rows("select sum(a) from t"), json!([[3]]), "{}", era.version());
        let fault = agent.call("query", &json!({"sql": "select * from s"})).unwrap_err();
        assert_eq!(fault["code"], "sheet_not_found", "{}", era.version());
        let listed = agent.send(&agent.message(1, "tools/list", json!({})));
        let listed = messages(&listed).pop().unwrap()["result"]["tools"].clone();
        assert!(listed.as_array().unwrap().iter().any(|tool| tool["name"] == "query"), "{listed}");
    }
}

#[test]
fn a_session_ends_when_its_client_says_so_and_then_there_is_none() {
    let bench = Bench::new();
    let site = bench.site();
    let agent = Agent::greeted(&site, Era::November2025);
    let end = agent.with_credentials(Request::new("DELETE", "/mcp"));
    assert!((200..300).contains(&site.send(&end).status));
    let list = agent.message(1, "tools/list", json!({}));
    let after = agent.send(&list);
    assert_eq!((after.status, after.problem().as_str()), (404, "not_found"));
    let mut made_up = Agent::new(&site, Era::November2025);
    made_up.session = Some("6cba7a3a-3ea6-4c70-b3b0-16e4ec2b6ba5".to_owned());
    let unknown = made_up.send(&list);
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not_found"));
}

#[test]
fn the_longest_idle_session_makes_room_for_a_new_one() {
    let bench = Bench::new();
    let site = bench.site();
    let first = Agent::greeted(&site, Era::November2025);
    let second = Agent::greeted(&site, Era::November2025);
    for _ in 0..254 {
        Agent::greeted(&site, Era::November2025);
    }
    // In use again, so that it is not the next to go.
    assert_eq!(first.rows("select 1"), json!([[1]]));
    let last = Agent::greeted(&site, Era::November2025);
    assert_eq!(last.rows("select 1"), json!([[1]]));
    assert_eq!(first.rows("select 1"), json!([[1]]));
    assert_eq!(second.send(&second.message(1, "tools/list", json!({}))).status, 404);
}

#[test]
fn what_is_no_request_or_too_long_a_one_is_refused() {
    let bench = Bench::new();
    let site = bench.site();
    let agent = Agent::new(&site, Era::November2025);
    let check = |request: Request, status: u16| {
        let response = site.send(&request);
        assert_eq!(response.status, status, "{}", response.text());
    };
    let hello = agent.request(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    check(hello, 400);
    let accepts = |request: Request| request.header("accept", "application/json, text/event-stream");
    check(accepts(Request::new("POST", "/mcp").body("{}")), 415);
    check(accepts(Request::new("POST", "/mcp").header("content-type", "application/json").body("{")), 400);
    check(Request::new("POST", "/mcp").json(&json!({})), 406);
    check(accepts(Request::new("PUT", "/mcp")), 405);
    let long = " ".repeat((16 << 20) + 1);
    check(accepts(Request::new("POST", "/mcp").header("content-type", "application/json").body(long)), 413);
}

#[cfg(target_os = "linux")]
mod cancelled {
    use super::*;
    use crate::harness::process::linux::{busy_child, is_alive};
    use crate::harness::until;

    const ONE_WORKER: &[&str] = &["--auth", "none", "--workers", "1", "--query-timeout", "3600"];

    #[test]
    fn a_call_whose_client_goes_away_is_cancelled_and_its_worker_ended() {
        let bench = Bench::new();
        let site = bench.site_with(ONE_WORKER);
        for era in [Era::Stateless, Era::November2025] {
            let agent = Agent::greeted(&site, era);
            let call = agent.begin("query", &json!({"sql": ENDLESS}));
            let worker = busy_child(site.child.id());
            drop(call);
            until("the worker ends", || !is_alive(worker));
            // The one place is free again, or this would wait for an hour.
            assert_eq!(agent.rows("select 2"), json!([[2]]), "{}", era.version());
        }
    }

    #[test]
    fn a_client_that_comes_back_in_time_gets_its_answer() {
        let bench = Bench::new();
        let site = bench.site_with(&["--auth", "none", "--workers", "1", "--query-timeout", "4"]);
        let agent = Agent::greeted(&site, Era::November2025);
        let message = agent.tool_call("query", &json!({"sql": ENDLESS}));
        let request = agent.request(&message);
        let mut stream = site.connect();
        stream.write_all(&request.bytes(&site.address)).unwrap();
        let mut source = BufReader::new(stream);
        assert_eq!(read_head(&mut source).0, 200);
        let start = String::from_utf8(read_chunk(&mut source).unwrap()).unwrap();
        let id = start.lines().find_map(|line| line.strip_prefix("id: ")).expect("an event to resume from").to_owned();
        drop(source);
        let resume = Request::new("GET", "/mcp")
            .header("accept", "text/event-stream")
            .header("mcp-protocol-version", agent.era.version())
            .header("last-event-id", &id);
        let mut events = Events::open(&agent.with_credentials(resume), &site);
        assert_eq!(outcome(&events.answer(agent.last_id.get())).unwrap_err()["code"], "timed_out");
    }

    #[test]
    fn a_stream_that_is_closed_ends_its_calls() {
        let bench = Bench::new();
        let site = bench.site_with(ONE_WORKER);
        let mut host = Host::open(&site);
        host.greet();
        host.post(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": ENDLESS}}}));
        let worker = busy_child(site.child.id());
        drop(host);
        until("the worker ends", || !is_alive(worker));
        assert_eq!(Agent::greeted(&site, Era::Stateless).rows("select 2"), json!([[2]]));
    }

    #[test]
    fn open_streams_do_not_hold_up_the_end_and_calls_under_way_do() {
        let bench = Bench::new();
        let mut site = bench.site_with(&["--auth", "none", "--grace", "3600", "--query-timeout", "3"]);
        let mut host = Host::open(&site);
        host.greet();
        let agent = Agent::greeted(&site, Era::November2025);
        let listen = Request::new("GET", "/mcp").header("accept", "text/event-stream");
        let mut silent = Events::open(&agent.with_credentials(listen), &site);
        let mut call = agent.begin("query", &json!({"sql": ENDLESS}));
        busy_child(site.child.id());
        crate::harness::process::linux::terminate(site.child.id());
        while silent.next().is_some() {}
        while host.events.next().is_some() {}
        let response = Response::read(&mut call);
        assert_eq!(outcome(messages(&response).last().unwrap()).unwrap_err()["code"], "timed_out");
        assert_eq!(site.child.wait().unwrap().code(), Some(0));
    }
}

/// An older host: a stream of events, and messages by POST.
struct Host<'a> {
    site: &'a Site,
    events: Events,
    endpoint: String,
}

impl<'a> Host<'a> {
    fn open(site: &'a Site) -> Host<'a> {
        let mut events = Events::open(&Request::new("GET", "/sse").header("accept", "text/event-stream"), site);
        let (name, endpoint) = events.next().unwrap();
        assert_eq!(name, "endpoint");
        Host { site, events, endpoint }
    }

    fn post(&self, message: &Value) {
        let response = self.site.post(&self.endpoint, message);
        assert_eq!(response.status, 202, "{}", response.text());
    }

    fn ask(&mut self, id: u64, method: &str, params: Value) -> Value {
        self.post(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        self.events.answer(id)
    }

    fn greet(&mut self) {
        let params =
            json!({"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}});
        let greeting = self.ask(0, "initialize", params);
        assert_eq!(greeting["result"]["protocolVersion"], "2024-11-05");
        self.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }
}

#[test]
fn older_hosts_have_a_stream_of_events() {
    let bench = Bench::new();
    let site = bench.site();
    let mut host = Host::open(&site);
    host.greet();
    let imported = host.ask(
        1,
        "tools/call",
        json!({"name": "import_file", "arguments": {"name": "t.csv", "content": "a\n1\n2\n"}}),
    );
    assert_eq!(outcome(&imported).unwrap()["sheets"][0]["n_rows"], 2);
    let rows = host.ask(2, "tools/call", json!({"name": "query", "arguments": {"sql": "select sum(a) from t"}}));
    assert_eq!(outcome(&rows).unwrap()["rows"], json!([[3]]));
    let (path, _) = host.endpoint.split_once('=').unwrap();
    let unknown = site.post(&format!("{path}=0123456789abcdef0123456789abcdef"), &json!({}));
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not_found"));
    let broken = site.send(&Request::new("POST", &host.endpoint).header("content-type", "application/json").body("{"));
    assert_eq!((broken.status, broken.problem().as_str()), (400, "invalid_arguments"));
}

/// Two people and their agents' tokens, on a server of accounts.
struct Team {
    site: Site,
    ann: String,
    ben: String,
}

impl Team {
    fn new(bench: &Bench, flags: &[&str]) -> Team {
        let site = bench.site_with(&[&["--auth", "accounts"], flags].concat());
        let token = |email: &str| {
            let account = json!({"email": email, "password": "a password of some length"});
            let registered = site.post("/v1/auth/register", &account);
            assert!(registered.status < 300, "{}", registered.text());
            site.post("/v1/auth/login", &account).ok()["access_token"].as_str().unwrap().to_owned()
        };
        let (ann, ben) = (token("ann@example.org"), token("ben@example.org"));
        Team { site, ann, ben }
    }

    fn agent(&self, token: &str, era: Era) -> Agent<'_> {
        let mut agent = Agent::new(&self.site, era);
        agent.token = Some(token.to_owned());
        if era != Era::Stateless {
            agent.session = agent.initialize().header("mcp-session-id").map(str::to_owned);
            agent.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        }
        agent
    }
}

#[test]
fn without_a_token_nothing_is_read_and_another_users_sheets_are_not_there() {
    let bench = Bench::new();
    let team = Team::new(&bench, &[]);
    for request in [
        Request::new("POST", "/mcp").body("not even JSON"),
        Request::new("GET", "/mcp"),
        Request::new("GET", "/sse"),
        Request::new("POST", "/message?sessionId=1").body("{}"),
        Request::new("POST", "/mcp").bearer("made-up"),
    ] {
        let response = team.site.send(&request);
        assert_eq!((response.status, response.problem().as_str()), (401, "unauthenticated"));
        assert!(response.header("www-authenticate").unwrap().starts_with("Bearer "));
    }
    for era in [Era::November2025, Era::Stateless] {
        let (ann, ben) = (team.agent(&team.ann, era), team.agent(&team.ben, era));
        ann.call("import_file", &json!({"name": "salaries.csv", "content": "a\n1\n2\n"})).unwrap();
        assert_eq!(ann.rows("select sum(a) from salaries"), json!([[3]]));
        assert_eq!(ben.call("query", &json!({"sql": "from salaries"})).unwrap_err()["code"], "sheet_not_found");
        assert_eq!(ben.call("list_sheets", &json!({})).unwrap()["sheets"], json!([]));
    }
}

#[test]
fn a_session_is_no_one_elses() {
    let bench = Bench::new();
    let team = Team::new(&bench, &[]);
    let ann = team.agent(&team.ann, Era::November2025);
    let mut thief = team.agent(&team.ben, Era::November2025);
    thief.session.clone_from(&ann.session);
    let check = |response: Response| assert_eq!((response.status, response.problem().as_str()), (404, "not_found"));
    check(thief.send(&thief.message(1, "tools/list", json!({}))));
    check(team.site.send(&thief.with_credentials(Request::new("DELETE", "/mcp"))));
    let listen = Request::new("GET", "/mcp").header("accept", "text/event-stream");
    check(team.site.send(&thief.with_credentials(listen.clone())));
    check(team.site.send(&thief.with_credentials(listen.header("last-event-id", "0/0"))));
    assert_eq!(ann.rows("select 1"), json!([[1]]));

    let open = Request::new("GET", "/sse").header("accept", "text/event-stream").bearer(&team.ann);
    let endpoint = Events::open(&open, &team.site).next().unwrap().1;
    let stolen =
        Request::new("POST", &endpoint).bearer(&team.ben).json(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}));
    check(team.site.send(&stolen));
}

#[cfg(target_os = "linux")]
#[test]
fn one_users_slow_queries_leave_room_for_anothers() {
    let bench = Bench::new();
    let team = Team::new(&bench, &["--workers", "2", "--query-timeout", "3600"]);
    let (ann, ben) = (team.agent(&team.ann, Era::Stateless), team.agent(&team.ben, Era::Stateless));
    let slow: Vec<TcpStream> = (0..8).map(|_| ann.begin("query", &json!({"sql": ENDLESS}))).collect();
    crate::harness::process::linux::busy_child(team.site.child.id());
    // Were Ann's calls first come, first served, these would wait for an hour.
    for _ in 0..3 {
        assert_eq!(ben.rows("select 2"), json!([[2]]));
    }
    drop(slow);
    assert_eq!(ann.rows("select 3"), json!([[3]]));
}
