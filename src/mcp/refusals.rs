//! What rmcp refuses in plain words before a message is read, as faults that say what to do.

use http::{Response, StatusCode, header};
use http_body_util::BodyExt;
use rmcp::model::ProtocolVersion;

use super::remote::Outgoing;
use crate::fault::{Code, Fault};

/// The answer, unless it is such a refusal. One as JSON has an error of the protocol's own.
pub(super) async fn told(answer: Response<Outgoing>) -> Result<Response<Outgoing>, Fault> {
    let media = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let status = answer.status();
    if !status.is_client_error() || status == StatusCode::METHOD_NOT_ALLOWED || media.starts_with("application/json") {
        return Ok(answer);
    }
    let body = answer.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Err(fault(status, &String::from_utf8_lossy(&body)))
}

fn fault(status: StatusCode, words: &str) -> Fault {
    let words = words.trim_start_matches("Bad Request: ");
    // rmcp says of a body that is no message that its type is wrong.
    if let Some(error) = words.strip_prefix("fail to deserialize request body") {
        return no_message(error.trim());
    }
    let named = |text: &str| words.to_lowercase().contains(text);
    if named("session") {
        let hint = "send `initialize`, and with what follows the header `mcp-session-id` that it was answered with; \
                    version 2026-07-28 has no sessions";
        let code = if status == StatusCode::NOT_FOUND { Code::NotFound } else { Code::InvalidArguments };
        return Fault::new(code, words).hint(hint);
    }
    if named("protocol-version") {
        let known: Vec<&str> = ProtocolVersion::KNOWN_VERSIONS.iter().map(ProtocolVersion::as_str).collect();
        let hint = format!("give one of {}, the one that `initialize` was answered with", known.join(", "));
        return Fault::new(Code::InvalidArguments, words).hint(hint).field("mcp-protocol-version");
    }
    let (code, hint) = match status {
        StatusCode::NOT_ACCEPTABLE => {
            (Code::NotAcceptable, "send `accept: application/json, text/event-stream`; a GET takes `text/event-stream`")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (Code::UnsupportedMediaType, "send JSON with the header `content-type: application/json`")
        }
        StatusCode::PAYLOAD_TOO_LARGE => (Code::LimitExceeded, TOO_LARGE),
        _ => (Code::InvalidArguments, "send one JSON-RPC message by POST, as MCP's Streamable HTTP has it"),
    };
    Fault::new(code, words).hint(hint)
}

/// What to do about a message that is too large.
const TOO_LARGE: &str = "send files to the address that `request_upload` gives";

/// For a body that is none.
pub(super) fn no_message(error: &str) -> Fault {
    Fault::new(Code::InvalidArguments, format!("the body is no MCP message: {error}"))
        .hint(r#"send one JSON-RPC message, such as {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}"#)
}
