//! MCP over standard input and output, a message a line. rmcp's own reader leaves a request that is no JSON, or too long,
//! without an answer, and a host waits for one: here it gets one wherever its id can be found.

use std::{future::Future, io, pin::Pin};

use rmcp::{
    ErrorData, RoleServer,
    model::{ErrorCode, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport::{Transport, async_rw::AsyncRwTransport},
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, Empty};

/// Bytes of one message: content that comes inline has to fit in, as base64 or with its escapes.
const MAX_LINE: usize = 64 << 20;
/// Bytes that are kept of the end of a longer one: some clients put the id there.
const TAIL: usize = 1 << 10;

pub(super) struct Lines<R, W: AsyncWrite> {
    input: R,
    /// What is read of a line that has not ended: a read may be given up half way.
    line: Vec<u8>,
    /// The newest bytes of a line that is too long.
    tail: Vec<u8>,
    is_too_long: bool,
    output: AsyncRwTransport<RoleServer, Empty, W>,
    /// An answer that is being written.
    answer: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
}

/// What a line is.
enum Read {
    Message(Box<RxJsonRpcMessage<RoleServer>>),
    /// To be answered with that.
    Refused(ErrorData, Option<RequestId>),
    /// Nobody waits for an answer to it, as far as can be told.
    Ignored,
}

impl<R, W> Lines<R, W>
where
    R: AsyncBufRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    pub(super) fn new(input: R, output: W) -> Lines<R, W> {
        let output = AsyncRwTransport::new_server(tokio::io::empty(), output);
        Lines { input, line: Vec::new(), tail: Vec::new(), is_too_long: false, output, answer: None }
    }

    /// The next line, read; None at the end of the input.
    async fn next(&mut self) -> io::Result<Option<Read>> {
        while !self.is_too_long {
            let room = (MAX_LINE + 1).saturating_sub(self.line.len());
            let mut bounded = (&mut self.input).take(u64::try_from(room).unwrap_or(u64::MAX));
            let n_read = bounded.read_until(b'\n', &mut self.line).await?;
            if self.line.ends_with(b"\n") {
                let read = read(&self.line);
                self.line.clear();
                return Ok(Some(read));
            }
            self.is_too_long = self.line.len() > MAX_LINE;
            // What was begun when the input ended is no message.
            if n_read == 0 && !self.is_too_long {
                return Ok(None);
            }
        }
        loop {
            let more = self.input.fill_buf().await?;
            if more.is_empty() {
                return Ok(None);
            }
            let end = more.iter().position(|byte| *byte == b'\n');
            let n_used = end.map_or(more.len(), |at| at + 1);
            self.tail.extend(more.iter().take(n_used));
            self.input.consume(n_used);
            self.tail.drain(..self.tail.len().saturating_sub(TAIL));
            if end.is_some() {
                let id = id_of(&self.line).or_else(|| last_id(&self.tail));
                (self.line, self.tail, self.is_too_long) = (Vec::new(), Vec::new(), false);
                return Ok(Some(too_long(id)));
            }
        }
    }
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncBufRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(&mut self, message: TxJsonRpcMessage<RoleServer>) -> impl Future<Output = io::Result<()>> + Send + 'static {
        self.output.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            if let Some(answer) = &mut self.answer {
                let sent = answer.await;
                self.answer = None;
                sent.ok()?;
            }
            match self.next().await {
                Ok(Some(Read::Message(message))) => return Some(*message),
                Ok(Some(Read::Ignored)) => {}
                Ok(Some(Read::Refused(error, id))) => {
                    self.answer = Some(Box::pin(self.output.send(TxJsonRpcMessage::<RoleServer>::error(error, id))));
                }
                Ok(None) => return None,
                Err(error) => {
                    tracing::error!(%error, "standard input can't be read");
                    return None;
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.output.close().await
    }
}

fn read(line: &[u8]) -> Read {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Read::Ignored;
    }
    if let Ok(message) = serde_json::from_slice(line) {
        return Read::Message(Box::new(message));
    }
    match serde_json::from_slice::<Value>(line) {
        Ok(value) => no_message(&value),
        // Without an id it may be anything, an error that the other side sends back among it.
        Err(error) => id_of(line).map_or(Read::Ignored, |id| {
            let hint = "send one JSON value a line, as UTF-8, at most 127 arrays and objects deep; a half of a surrogate \
                        pair (`\\ud800` alone) is no character";
            refused(ErrorCode::PARSE_ERROR, &format!("the line is no JSON: {error}"), hint, Some(id))
        }),
    }
}

/// JSON, and no message of the protocol.
fn no_message(value: &Value) -> Read {
    let method = value.get("method").and_then(Value::as_str);
    // A notification that the protocol has not, as some hosts send those of other protocols; or an answer to what was
    // never asked, which is not to be answered again.
    let is_answer = method.is_none() && (value.get("result").is_some() || value.get("error").is_some());
    if is_answer || (method.is_some() && value.get("id").is_none()) {
        return Read::Ignored;
    }
    let why = if value.is_array() {
        "it is an array, and batches ended with version 2025-06-18 of the protocol"
    } else if !value.is_object() {
        "it is no object"
    } else if value.get("jsonrpc") != Some(&json!("2.0")) {
        "`jsonrpc` is not \"2.0\""
    } else if method.is_none() {
        "there is no `method`"
    } else if value.get("id").is_some_and(|id| !id.is_i64() && !id.is_string()) {
        "`id` is neither an integer nor a text"
    } else if value.get("params").is_some_and(|params| !params.is_object()) {
        "`params` is no object"
    } else {
        "its members don't fit"
    };
    let hint = r#"send one JSON-RPC message a line, such as {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#;
    let id = value.get("id").and_then(id);
    refused(ErrorCode::INVALID_REQUEST, &format!("the line is no MCP message: {why}"), hint, id)
}

fn too_long(id: Option<RequestId>) -> Read {
    tracing::warn!(max_bytes = MAX_LINE, "a message that is too long was left out");
    let message = format!("the message has more than {MAX_LINE} bytes");
    let hint = "write the content to a file, and name its path to the tool instead";
    refused(ErrorCode::INVALID_REQUEST, &message, hint, id)
}

fn refused(code: ErrorCode, message: &str, hint: &str, id: Option<RequestId>) -> Read {
    Read::Refused(ErrorData::new(code, message.to_owned(), Some(json!({"hint": hint}))), id)
}

fn id(value: &Value) -> Option<RequestId> {
    serde_json::from_value(value.clone()).ok()
}

/// The `id` beside the `method` of what is no JSON, or not whole: the value after the first such name that is in the
/// outermost object.
fn id_of(line: &[u8]) -> Option<RequestId> {
    let (mut depth, mut at) = (0_usize, 0);
    let mut found = None;
    let mut is_request = false;
    while let Some(byte) = line.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let text = string_at(line, at)?;
                at += text.len();
                let rest = line.get(at..)?.trim_ascii_start();
                if let (1, Some(value)) = (depth, rest.strip_prefix(b":")) {
                    is_request |= text == br#""method""#;
                    if text == br#""id""# && found.is_none() {
                        found = scalar(value.trim_ascii_start());
                    }
                }
                if is_request && found.is_some() {
                    return found;
                }
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// The text that begins there, with its quotes.
fn string_at(line: &[u8], from: usize) -> Option<&[u8]> {
    let mut at = from + 1;
    loop {
        match line.get(at)? {
            b'"' => return line.get(from..=at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The id that a text begins with.
fn scalar(text: &[u8]) -> Option<RequestId> {
    let text = if text.starts_with(b"\"") {
        string_at(text, 0)?
    } else {
        text.split(|byte| matches!(byte, b',' | b'}') || byte.is_ascii_whitespace()).next()?
    };
    serde_json::from_slice(text).ok()
}

/// The `id` that ends a message of which only the end is known: nothing but scalars may follow it.
fn last_id(tail: &[u8]) -> Option<RequestId> {
    let from = tail.windows(4).rposition(|name| name == br#""id""#)?;
    let value = tail.get(from + 4..)?.trim_ascii_start().strip_prefix(b":")?;
    let (last, within) = value.trim_ascii_end().split_last()?;
    let is_flat = within.iter().all(|byte| !matches!(byte, b'{' | b'[' | b']' | b'}'));
    if *last == b'}' && is_flat { scalar(value.trim_ascii_start()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(find: fn(&[u8]) -> Option<RequestId>, line: &str, expect: &Value) {
        let found = find(line.as_bytes()).map_or(Value::Null, RequestId::into_json_value);
        assert_eq!(found, *expect, "{line}");
    }

    #[test]
    fn an_id_is_found_in_the_outermost_object_alone() {
        check(id_of, r#"{"id": 7, "method": "ping", "params": "#, &json!(7));
        check(id_of, r#"{"method":"a","params":{"id":1,"x":["id",{"id":2}]},"id":"s-3"} x"#, &json!("s-3"));
        check(id_of, r#"{"params":"\"id\":4,\\","id":-5,"method":"m"}}}"#, &json!(-5));
        check(id_of, r#"{"params":"\"id\":4,"#, &Value::Null);
        check(id_of, r#"{"id":6,"result":{}"#, &Value::Null);
        check(id_of, r#"[{"id":7,"method":"m"}"#, &Value::Null);
        check(id_of, r#"{"id":8.5,"method":"m"}"#, &Value::Null);
        check(last_id, r#"zzz"}},"jsonrpc":"2.0","id":9}"#, &json!(9));
        check(last_id, r#"zzz"}},"id":"b","jsonrpc":"2.0"}"#, &json!("b"));
        check(last_id, r#""id":1}},"jsonrpc":"2.0"}"#, &Value::Null);
        check(last_id, r#"{"id":{"a":1}}"#, &Value::Null);
    }
}
