//! A language model that follows a script, behind real HTTP on loopback: OpenAI's chat completions, streamed or not, and
//! all that goes wrong with them.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use super::{Bench, Client, Era};

/// The key that requests must carry.
pub(crate) const KEY: &str = "sk-test-0123456789";

/// What the server does with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A message: streamed where that is asked for.
    Message(Value),
    /// A status, headers and a body.
    Status(u16, Vec<(String, String)>, String),
    /// These bytes of an event stream, piece by piece; then its end, or the connection's.
    Raw { pieces: Vec<Vec<u8>>, is_cut: bool },
    /// These bytes of an event stream, with a pause before each.
    Slow { pieces: Vec<Vec<u8>>, pause: std::time::Duration },
    /// Nothing, until the client goes.
    Silence,
}

type Script = dyn Fn(usize, &Value) -> Reply + Send + Sync;

/// A server with the requests that it got.
pub(crate) struct Model {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Model {
    /// Replies in their order; then the last one again and again.
    pub(crate) fn of(replies: Vec<Reply>) -> Model {
        Model::start(move |n, _| replies[n.min(replies.len() - 1)].clone())
    }

    /// `script` is given the number of the request, from 0, and its body.
    pub(crate) fn start(script: impl Fn(usize, &Value) -> Reply + Send + Sync + 'static) -> Model {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, script): (_, Arc<Script>) = (Arc::clone(&requests), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                thread::spawn(move || serve(&stream, &seen, &*script));
            }
        });
        Model { url, requests }
    }

    /// Bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    /// Heads of the requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }

    /// What the last request told of the tool called `name`, last time.
    #[track_caller]
    pub(crate) fn told(&self, name: &str) -> Value {
        told(&self.requests(), name)
    }
}

/// What the last of the requests told of the tool called `name`, last time.
#[track_caller]
pub(crate) fn told(requests: &[Value], name: &str) -> Value {
    let messages = requests.last().unwrap()["messages"].as_array().unwrap().clone();
    let message = messages.iter().rev().find(|it| it["role"] == "tool" && it["name"] == name);
    let content = message.unwrap_or_else(|| panic!("no reply of `{name}` in {messages:#?}"))["content"].clone();
    serde_json::from_str(content.as_str().unwrap()).unwrap()
}

/// A Quire that serves MCP with all files of a bench imported, and its model: for many questions, each with a script of
/// its own.
pub(crate) struct Desk<'a> {
    client: Client<'a>,
    replies: Arc<Mutex<Vec<Reply>>>,
    pub(crate) model: Model,
    n_asked: usize,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(bench: &'a Bench, flags: &[&str]) -> Desk<'a> {
        let replies = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::clone(&replies);
        let model = Model::start(move |_, _| {
            let replies: &mut Vec<Reply> = &mut script.lock().unwrap();
            if replies.len() > 1 { replies.remove(0) } else { replies[0].clone() }
        });
        let mut command = bench.with_model(&model, &["stdio"]);
        let mut client = Client::of(bench, command.args(flags), Era::November2025);
        client.greet();
        let mut names: Vec<_> = std::fs::read_dir(bench.path("")).unwrap().map(|it| it.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            client.call("import_file", &json!({"path": format!("$FILES/{}", name.to_str().unwrap())})).unwrap();
        }
        Desk { client, replies, model, n_asked: 0 }
    }

    /// The outcome of a question that the model meets with these replies, the last one again and again; and the requests
    /// that it got.
    pub(crate) fn ask(&mut self, question: &str, replies: Vec<Reply>) -> (Result<Value, Value>, Vec<Value>) {
        let n_before = self.model.requests().len();
        *self.replies.lock().unwrap() = replies;
        let outcome = self.client.call("ask", &json!({"question": question}));
        (outcome, self.model.requests().split_off(n_before))
    }

    /// The same for a question that no one has asked before, and that is answered.
    #[track_caller]
    pub(crate) fn answer(&mut self, replies: Vec<Reply>) -> (Value, Vec<Value>) {
        self.n_asked += 1;
        let (outcome, requests) = self.ask(&format!("What is question {}?", self.n_asked), replies);
        (outcome.unwrap(), requests)
    }
}

impl Bench {
    /// Quire with this model configured.
    pub(crate) fn with_model(&self, model: &Model, args: &[&str]) -> std::process::Command {
        let mut command = self.command(args);
        command.env("QUIRE_LLM_BASE_URL", &model.url).env("QUIRE_LLM_MODEL", "scripted").env("QUIRE_LLM_API_KEY", KEY);
        command.stdin(Stdio::null());
        command
    }

    /// `quire ask` over all the files of the bench; a fault is an `Err`.
    pub(crate) fn ask(&self, model: &Model, question: &str, flags: &[&str]) -> Result<Value, Value> {
        let mut command = self.with_model(model, &["ask", question, "--full", "--json"]);
        command.args(flags);
        let mut files: Vec<_> = std::fs::read_dir(self.path("")).unwrap().map(|it| it.unwrap().path()).collect();
        files.sort();
        for file in files {
            command.arg("--open").arg(file);
        }
        let ended = self.ended(&mut command);
        if ended.code == Some(0) {
            Ok(serde_json::from_str(&ended.out).unwrap())
        } else {
            let fault = ended.err.lines().last().unwrap_or_default();
            Err(serde_json::from_str(fault).unwrap_or_else(|_| panic!("no fault: {}", ended.err)))
        }
    }
}

/// A message of text.
pub(crate) fn text(text: &str) -> Reply {
    Reply::Message(json!({"role": "assistant", "content": text}))
}

/// A message that calls tools.
pub(crate) fn calls(calls: &[(&str, Value)]) -> Reply {
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(i, (name, args))| {
            let arguments = args.as_str().map_or_else(|| args.to_string(), str::to_owned);
            json!({"id": format!("c{i}"), "type": "function", "function": {"name": name, "arguments": arguments}})
        })
        .collect();
    Reply::Message(json!({"role": "assistant", "content": null, "tool_calls": calls}))
}

pub(crate) fn query(sql: &str) -> Reply {
    calls(&[("query", json!({"sql": sql}))])
}

pub(crate) fn answer(answer: &str, sql: &str) -> Reply {
    calls(&[("final_answer", json!({"answer": answer, "sql": sql, "caveats": []}))])
}

/// A status with an error in OpenAI's form.
pub(crate) fn error(status: u16, headers: &[(&str, &str)], code: &str, message: &str) -> Reply {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let body = json!({"error": {"message": message, "type": code, "code": code, "param": null}});
    Reply::Status(status, headers, body.to_string())
}

/// An event stream of these chunks, one piece each.
pub(crate) fn stream(chunks: &[Value], is_cut: bool) -> Reply {
    let mut pieces: Vec<Vec<u8>> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n").into_bytes()).collect();
    if !is_cut {
        pieces.push(b"data: [DONE]\n\n".to_vec());
    }
    Reply::Raw { pieces, is_cut }
}

pub(crate) fn delta(delta: Value) -> Value {
    json!({"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

pub(crate) fn finish(reason: &str) -> Value {
    json!({"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<(String, Value)>>, script: &Script) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some((head, body)) = request(&mut reader) {
        let n = {
            let mut seen = seen.lock().unwrap();
            seen.push((head, body.clone()));
            seen.len() - 1
        };
        let mut out = stream.try_clone().unwrap();
        let is_open = match script(n, &body) {
            Reply::Message(message) if body["stream"] == true => events(&mut out, &pieces_of(&message), false, None),
            Reply::Message(message) => {
                let answer = json!({
                    "id": "x", "object": "chat.completion", "model": "scripted",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
                });
                whole(&mut out, 200, &[("content-type".to_owned(), "application/json".to_owned())], &answer.to_string())
            }
            Reply::Status(status, headers, body) => whole(&mut out, status, &headers, &body),
            Reply::Raw { pieces, is_cut } => events(&mut out, &pieces, is_cut, None),
            Reply::Slow { pieces, pause } => events(&mut out, &pieces, false, Some(pause)),
            Reply::Silence => {
                let _ = reader.read(&mut [0]);
                false
            }
        };
        if !is_open {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Value)> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head.push_str(&line);
    }
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(|it| it.trim().parse().unwrap()));
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).unwrap()))
}

/// A message as a stream: its text and its arguments in pieces, then a count of tokens.
fn pieces_of(message: &Value) -> Vec<Vec<u8>> {
    let mut chunks = vec![delta(json!({"role": "assistant", "content": ""}))];
    let halves = |text: &str| {
        let at = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
        let (head, tail) = text.split_at(at);
        [head.to_owned(), tail.to_owned()]
    };
    if let Some(text) = message["content"].as_str() {
        chunks.extend(halves(text).map(|half| delta(json!({"content": half}))));
    }
    for (index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let name = &call["function"]["name"];
        let start =
            json!({"index": index, "id": call["id"], "type": "function", "function": {"name": name, "arguments": ""}});
        chunks.push(delta(json!({"tool_calls": [start]})));
        for half in halves(call["function"]["arguments"].as_str().unwrap()) {
            chunks.push(delta(json!({"tool_calls": [{"index": index, "function": {"arguments": half}}]})));
        }
    }
    chunks.push(finish("stop"));
    chunks.push(json!({"id": "x", "choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}));
    let mut pieces: Vec<Vec<u8>> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n").into_bytes()).collect();
    pieces.push(b"data: [DONE]\n\n".to_vec());
    pieces
}

/// Whether the connection is still open.
fn whole(out: &mut TcpStream, status: u16, headers: &[(String, String)], body: &str) -> bool {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(out, "HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).is_ok()
}

fn events(out: &mut TcpStream, pieces: &[Vec<u8>], is_cut: bool, pause: Option<std::time::Duration>) -> bool {
    let mut send = || -> std::io::Result<()> {
        write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")?;
        for piece in pieces {
            if let Some(pause) = pause {
                out.flush()?;
                thread::sleep(pause);
            }
            write!(out, "{:x}\r\n", piece.len())?;
            out.write_all(piece)?;
            out.write_all(b"\r\n")?;
            out.flush()?;
        }
        if is_cut { Ok(()) } else { out.write_all(b"0\r\n\r\n") }
    };
    send().is_ok() && !is_cut
}
