//! An MCP client over a child's standard input and output, plain enough to send what no SDK would.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::Bench;

/// Which protocol is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Era {
    June2025,
    November2025,
    /// 2026-07-28: no greeting; every request says what it needs said.
    Stateless,
}

impl Era {
    pub(crate) const ALL: [Era; 3] = [Era::June2025, Era::November2025, Era::Stateless];

    pub(crate) fn version(self) -> &'static str {
        match self {
            Era::June2025 => "2025-06-18",
            Era::November2025 => "2025-11-25",
            Era::Stateless => "2026-07-28",
        }
    }
}

/// Longer than anything takes: a test that waits in vain ends with a message.
const PATIENCE: Duration = Duration::from_secs(100);

pub(crate) struct Client<'a> {
    bench: &'a Bench,
    child: Child,
    orders: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Came in while something else was waited for.
    unread: VecDeque<Value>,
    last_id: u64,
    era: Era,
}

impl<'a> Client<'a> {
    /// Starts `quire stdio`; nothing is said yet.
    pub(crate) fn start(bench: &'a Bench, flags: &[&str], era: Era) -> Client<'a> {
        let mut command = bench.command(&["stdio"]);
        Client::of(bench, command.args(flags), era)
    }

    pub(crate) fn of(bench: &'a Bench, command: &mut std::process::Command, era: Era) -> Client<'a> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let orders = child.stdin.take();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Client { bench, child, orders, lines, unread: VecDeque::new(), last_id: 0, era }
    }

    /// Says hello as the era has it; answers the server's own words.
    pub(crate) fn greet(&mut self) -> Value {
        if self.era == Era::Stateless {
            return self.ask("server/discover", json!({}))["result"].clone();
        }
        let params = json!({
            "protocolVersion": self.era.version(),
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        });
        let answer = self.ask("initialize", params);
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        answer["result"].clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn send(&mut self, message: &Value) {
        writeln!(self.orders.as_mut().unwrap(), "{message}").unwrap();
    }

    pub(crate) fn send_line(&mut self, line: &[u8]) {
        self.orders.as_mut().unwrap().write_all(&[line, b"\n"].concat()).unwrap();
    }

    /// Sends a request; answers its id.
    pub(crate) fn request(&mut self, method: &str, mut params: Value) -> u64 {
        self.last_id += 1;
        if self.era == Era::Stateless {
            let meta = params.as_object_mut().unwrap().entry("_meta").or_insert(json!({})).as_object_mut().unwrap();
            meta.insert("io.modelcontextprotocol/protocolVersion".to_owned(), json!(self.era.version()));
            meta.insert("io.modelcontextprotocol/clientCapabilities".to_owned(), json!({}));
            meta.insert("io.modelcontextprotocol/clientInfo".to_owned(), json!({"name": "test", "version": "1"}));
        }
        self.send(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}));
        self.last_id
    }

    /// The first message, already here or to come, that `is_it`.
    pub(crate) fn wait_for(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        if let Some(position) = self.unread.iter().position(&is_it) {
            return self.unread.remove(position).unwrap();
        }
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the server answers");
            let message: Value = serde_json::from_str(&self.bench.shown(&line)).expect("every line is JSON");
            if is_it(&message) {
                return message;
            }
            self.unread.push_back(message);
        }
    }

    pub(crate) fn answer(&mut self, id: u64) -> Value {
        self.wait_for(|message| message["id"] == id && message.get("method").is_none())
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.answer(id)
    }

    /// Sends a tool call; answers its id.
    pub(crate) fn begin(&mut self, tool: &str, args: &Value) -> u64 {
        let args = self.bench.filled_in(args);
        self.request("tools/call", json!({"name": tool, "arguments": args}))
    }

    /// The outcome of a tool call: its reply, or its fault. The text twin must say the same.
    pub(crate) fn outcome(&mut self, id: u64) -> Result<Value, Value> {
        let answer = self.answer(id);
        let result = answer.get("result").unwrap_or_else(|| panic!("a protocol error: {answer}"));
        let structured = result["structuredContent"].clone();
        let twin: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(twin, structured, "the text twin");
        if result["isError"] == true { Err(structured) } else { Ok(structured) }
    }

    pub(crate) fn call(&mut self, tool: &str, args: &Value) -> Result<Value, Value> {
        let id = self.begin(tool, args);
        self.outcome(id)
    }

    #[track_caller]
    pub(crate) fn check(&mut self, tool: &str, args: Value, expect: Value) {
        let found = self.call(tool, &args);
        pretty_assert(&found, &Ok(expect), &args);
    }

    #[track_caller]
    pub(crate) fn check_fault(&mut self, tool: &str, args: Value, expect: Value) {
        let found = self.call(tool, &args);
        pretty_assert(&found, &Err(expect), &args);
    }

    /// The rows of a query that must succeed.
    #[track_caller]
    pub(crate) fn rows(&mut self, sql: &str) -> Value {
        match self.call("query", &json!({"sql": sql})) {
            Ok(reply) => reply["rows"].clone(),
            Err(fault) => panic!("{sql}: {fault}"),
        }
    }

    /// Ends the input. Answers the exit code and what was said that no one had read.
    pub(crate) fn close(mut self) -> (Option<i32>, Vec<Value>) {
        self.orders = None;
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.unread.push_back(serde_json::from_str(&line).expect("every line is JSON"));
        }
        (self.child.wait().unwrap().code(), self.unread.drain(..).collect())
    }
}

#[track_caller]
fn pretty_assert(found: &Result<Value, Value>, expect: &Result<Value, Value>, args: &Value) {
    if found != expect {
        let shown = |outcome: &Result<Value, Value>| match outcome {
            Ok(reply) => format!("reply {reply:#}"),
            Err(fault) => format!("fault {fault:#}"),
        };
        panic!("{args}\nfound {}\nexpected {}", shown(found), shown(expect));
    }
}

impl Drop for Client<'_> {
    /// Workers end by themselves when their server does.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
