//! The protocol's JSON: what is sent, and what is understood of the answers.
//!
//! Servers leave fields out, add their own, and disagree on types (arguments as an object, content as a list of parts,
//! `null` for nothing): so answers are read field by field, and what is not needed is never looked at.

use serde_json::{Map, Value, json};

use super::{Message, Request, ToolCall, Turn, Usage};

/// Fields that a server may not know: left out once it has refused one.
pub(super) const OPTIONAL: [&str; 4] = ["stream_options", "max_tokens", "tool_choice", "temperature"];

/// The body of a request, without the fields in `refused`.
pub(super) fn body(model: &str, request: &Request, streams: bool, refused: &[&'static str]) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert("messages".to_owned(), request.messages.iter().map(message).collect());
    body.insert("temperature".to_owned(), json!(0));
    body.insert("max_tokens".to_owned(), json!(request.max_tokens));
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), json!(request.tools));
        body.insert("tool_choice".to_owned(), json!("auto"));
    }
    if streams {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    for name in refused {
        // The newer name of the same limit.
        if body.remove(*name).is_some() && *name == "max_tokens" {
            body.insert("max_completion_tokens".to_owned(), json!(request.max_tokens));
        }
    }
    Value::Object(body)
}

fn message(message: &Message) -> Value {
    match message {
        Message::System { text } => json!({"role": "system", "content": text}),
        Message::User { text } => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls } if calls.is_empty() => json!({"role": "assistant", "content": text}),
        Message::Assistant { text, calls } => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|call| {
                    let function = json!({"name": call.name, "arguments": call.arguments});
                    json!({"id": call.id, "type": "function", "function": function})
                })
                .collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }
        Message::Tool { call_id, name, reply } => {
            json!({"role": "tool", "tool_call_id": call_id, "name": name, "content": reply})
        }
    }
}

/// A whole answer; none where it holds no message.
pub(super) fn turn(answer: &Value) -> Option<Turn> {
    let choice = answer.pointer("/choices/0")?;
    let message = choice.get("message")?;
    let calls = message.get("tool_calls").and_then(Value::as_array);
    let mut calls: Vec<ToolCall> = calls.into_iter().flatten().filter_map(call).collect();
    // The form before `tool_calls`, which some servers still answer.
    calls.extend(message.get("function_call").and_then(|function| call(&json!({"function": function}))));
    Some(Turn {
        text: text(message.get("content")),
        calls,
        usage: usage(answer),
        is_cut: choice.get("finish_reason").and_then(Value::as_str) == Some("length"),
    })
}

fn call(call: &Value) -> Option<ToolCall> {
    let function = call.get("function").unwrap_or(call);
    Some(ToolCall {
        id: call.get("id").and_then(Value::as_str).unwrap_or_default().to_owned(),
        name: function.get("name")?.as_str()?.to_owned(),
        arguments: arguments(function.get("arguments").or_else(|| function.get("parameters"))),
    })
}

/// Arguments as JSON text, whichever way they came.
pub(super) fn arguments(given: Option<&Value>) -> String {
    match given {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other @ (Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Number(_))) => other.to_string(),
    }
}

/// Content: a text, or parts with one each.
pub(super) fn text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").unwrap_or(part).as_str()).collect()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => String::new(),
    }
}

pub(super) fn usage(answer: &Value) -> Option<Usage> {
    let usage = answer.get("usage").filter(|it| it.is_object())?;
    let count = |name: &str| usage.get(name).and_then(Value::as_u64);
    let prompt = count("prompt_tokens").or_else(|| count("input_tokens"))?;
    let completion = count("completion_tokens").or_else(|| count("output_tokens"))?;
    Some(Usage { prompt, completion, cost: usage.get("cost").and_then(Value::as_f64) })
}

/// What an answer says went wrong.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ServerError {
    pub(super) message: String,
    /// Its `code` or `type`, such as `insufficient_quota`.
    pub(super) kind: String,
}

/// The error in a body, whatever its form: an object, a text, or none of it.
pub(super) fn error(answer: &Value) -> Option<ServerError> {
    let error = answer.get("error").filter(|it| !it.is_null());
    let text = |key: &str| {
        let field = error.and_then(|it| it.get(key)).or_else(|| answer.get(key));
        field.and_then(|it| it.as_str().map(str::to_owned).or_else(|| it.as_i64().map(|it| it.to_string())))
    };
    let whole = error.and_then(Value::as_str).map(str::to_owned);
    let message = text("message").or(whole).or_else(|| text("detail"));
    let kinds = [text("code"), text("type")].into_iter().flatten().collect::<Vec<_>>();
    if error.is_none() && message.is_none() {
        return None;
    }
    Some(ServerError { message: message.unwrap_or_default(), kind: kinds.join(" ") })
}
