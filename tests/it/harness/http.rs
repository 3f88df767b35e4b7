//! `quire http` on a port of its own, and an HTTP client plain enough to send what no library would.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::Bench;

/// Longer than anything takes: a test that waits in vain ends with a message.
const PATIENCE: Duration = Duration::from_secs(100);

/// A server; it is killed when this goes.
pub(crate) struct Site {
    pub(crate) child: Child,
    /// `127.0.0.1:PORT`
    pub(crate) address: String,
}

/// A request to be sent.
#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Bench {
    /// `quire http --auth none`, once it listens.
    pub(crate) fn site(&self) -> Site {
        self.site_with(&["--auth", "none"])
    }

    pub(crate) fn site_with(&self, flags: &[&str]) -> Site {
        let mut command = self.bare_command(&["http", "--listen", "127.0.0.1:0"]);
        Site::of(command.args(flags).stderr(Stdio::inherit()))
    }
}

impl Site {
    /// Starts a command that prints where it listens.
    pub(crate) fn of(command: &mut std::process::Command) -> Site {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it does not listen: {line:?}"));
        let address = said["listening"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Site { child, address }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(&Request::new("GET", path))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.send(&Request::new("POST", path).json(body))
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        let mut stream = self.connect();
        // A server that refuses early may close while this is written.
        let _ = stream.write_all(&request.bytes(&self.address));
        if request.method == "HEAD" {
            let (status, headers) = read_head(&mut BufReader::new(stream));
            return Response { status, headers, body: Vec::new() };
        }
        Response::read(&mut stream)
    }
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Request {
        Request { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header. `host`, `connection` and `content-length` are set unless they are given.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.to_lowercase(), value.to_owned()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Request {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Request {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// A form; files are those with a file name.
    pub(crate) fn form(self, parts: &[(&str, Option<&str>, &[u8])]) -> Request {
        let mut body = Vec::new();
        for (name, file_name, content) in parts {
            let file_name = file_name.map(|it| format!("; filename=\"{it}\"")).unwrap_or_default();
            body.extend(
                format!("--XYZ\r\ncontent-disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--XYZ--\r\n");
        self.header("content-type", "multipart/form-data; boundary=XYZ").body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// As it goes over the wire.
    pub(crate) fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        let has = |name: &str| self.headers.iter().any(|(given, _)| given == name);
        let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        if !has("host") {
            line("host", host);
        }
        if !has("connection") {
            line("connection", "close");
        }
        if !has("content-length") && !has("transfer-encoding") && (self.method != "GET" || !self.body.is_empty()) {
            line("content-length", &self.body.len().to_string());
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

impl Response {
    /// Reads one answer: its body by its length, by its chunks, or to the end of the connection.
    pub(crate) fn read(stream: &mut TcpStream) -> Response {
        let mut source = BufReader::new(stream);
        let (status, headers) = read_head(&mut source);
        let mut response = Response { status, headers, body: Vec::new() };
        if response.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = read_chunk(&mut source) {
                response.body.extend(chunk);
            }
        } else if let Some(length) = response.header("content-length") {
            response.body = vec![0; length.parse().unwrap()];
            source.read_exact(&mut response.body).unwrap();
        } else {
            source.read_to_end(&mut response.body).unwrap();
        }
        response
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{}: no JSON: {}", self.status, self.text()))
    }

    /// The JSON of an answer that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {}", self.status, self.text());
        self.json()
    }

    /// The code of a problem document, which must have all its parts and the status of the answer.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}: {}", self.status, self.text());
        let document = self.json();
        assert_eq!(document["status"], self.status);
        assert_eq!(document["request_id"].as_str(), self.header("x-request-id"));
        for part in ["type", "title", "detail"] {
            assert!(document[part].as_str().is_some_and(|text| !text.is_empty()), "{part}: {document}");
        }
        document["code"].as_str().unwrap().to_owned()
    }
}

/// Status and headers.
pub(crate) fn read_head(source: &mut impl BufRead) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    source.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {line:?}")).parse().unwrap();
    let mut headers = Vec::new();
    loop {
        line.clear();
        source.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    (status, headers)
}

/// One chunk of a chunked body; none at its end.
pub(crate) fn read_chunk(source: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = String::new();
    if source.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let n_bytes = usize::from_str_radix(line.trim_end().split(';').next().unwrap(), 16).unwrap();
    let mut chunk = vec![0; n_bytes + 2];
    source.read_exact(&mut chunk).ok()?;
    chunk.truncate(n_bytes);
    (n_bytes > 0).then_some(chunk)
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
