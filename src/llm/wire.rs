//! The protocol's JSON: what is understood of answers. What is sent is in `body`.
//!
//! Servers leave fields out, add their own, and disagree on types (arguments as an object, content as a list of parts,
//! `null` for nothing): so answers are read field by field, and what is not needed is never looked at.

use serde_json::{Map, Value};

use super::{ToolCall, Turn, Usage};

/// A whole answer; none where it holds no message.
pub(super) fn turn(answer: &Value) -> Option<Turn> {
    let choice = answer.pointer("/choices/0")?;
    let message = choice.get("message").or_else(|| choice.get("delta"))?;
    let mut kept = Map::new();
    keep(message, &mut kept);
    Some(Turn {
        text: said(message),
        calls: calls(message).filter_map(call).collect(),
        usage: usage(answer),
        is_cut: choice.get("finish_reason").and_then(Value::as_str).is_some_and(is_cut),
        kept,
        thought: thought(message),
    })
}

/// Whether a reason to end is that the answer was as long as it may be.
pub(super) fn is_cut(reason: &str) -> bool {
    matches!(reason.to_ascii_lowercase().as_str(), "length" | "max_tokens" | "model_length")
}

/// The calls of a message or delta, or their pieces: `tool_calls`, and the form before it that some servers still answer.
pub(super) fn calls(message: &Value) -> impl Iterator<Item = &Value> {
    let several = match message.get("tool_calls") {
        Some(Value::Array(calls)) => calls.as_slice(),
        Some(one @ Value::Object(_)) => std::slice::from_ref(one),
        _ => &[],
    };
    several.iter().chain(message.get("function_call").filter(|it| it.is_object()))
}

fn call(call: &Value) -> Option<ToolCall> {
    let function = call.get("function").unwrap_or(call);
    Some(ToolCall {
        id: id(call),
        name: function.get("name")?.as_str()?.to_owned(),
        arguments: arguments(function.get("arguments").or_else(|| function.get("parameters"))),
        extra: extra(call),
    })
}

pub(super) fn id(call: &Value) -> String {
    match call.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => String::new(),
    }
}

/// What a server wants back with a call: Gemini refuses the history without its signature of the thoughts before the call.
pub(super) fn extra(call: &Value) -> Option<Value> {
    call.get(EXTRA).filter(|it| it.is_object()).cloned()
}

pub(super) const EXTRA: &str = "extra_content";

/// What a server wants back with a message that calls tools: `DeepSeek` refuses the history without the first, `OpenRouter`
/// has signatures in the second.
pub(super) const KEPT: [&str; 2] = ["reasoning_content", "reasoning_details"];

/// Adds what a message, or the next piece of one, has of it.
pub(super) fn keep(message: &Value, kept: &mut Map<String, Value>) {
    for name in KEPT {
        match (message.get(name), kept.get_mut(name)) {
            (Some(Value::String(more)), Some(Value::String(text))) => text.push_str(more),
            (Some(Value::Array(more)), Some(Value::Array(items))) => items.extend(more.iter().cloned()),
            (Some(first @ (Value::String(_) | Value::Array(_))), None) => {
                kept.insert(name.to_owned(), first.clone());
            }
            _ => {}
        }
    }
}

/// What a model thought, where the server tells it apart from what it said.
pub(super) fn thought(message: &Value) -> String {
    ["reasoning_content", "reasoning", "thinking"]
        .iter()
        .map(|name| text(message.get(*name)))
        .find(|it| !it.is_empty())
        .unwrap_or_default()
}

/// What a model said; a refusal is something said too.
pub(super) fn said(message: &Value) -> String {
    let content = text(message.get("content"));
    if content.is_empty() { text(message.get("refusal")) } else { content }
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
fn text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").unwrap_or(part).as_str()).collect()
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => String::new(),
    }
}

/// Tokens of one turn, and what it can cost: what a server says beyond that is a mistake.
const MAX_COUNT: u64 = 10_000_000;
const MAX_COST: f64 = 10_000.0;

pub(super) fn usage(answer: &Value) -> Option<Usage> {
    let usage = answer.get("usage").filter(|it| it.is_object())?;
    let count = |name: &str| usage.get(name).and_then(Value::as_u64).map(|it| it.min(MAX_COUNT));
    let prompt = count("prompt_tokens").or_else(|| count("input_tokens"))?;
    let completion = count("completion_tokens").or_else(|| count("output_tokens"))?;
    let cost = usage.get("cost").and_then(Value::as_f64).filter(|it| (0.0..=MAX_COST).contains(it));
    Some(Usage { prompt, completion, cost })
}

/// What an answer says went wrong.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct ServerError {
    pub(super) message: String,
    /// Its `code` or `type`, such as `insufficient_quota`.
    pub(super) kind: String,
    /// A status of HTTP, where the error has one of its own.
    pub(super) status: Option<u16>,
    /// Seconds to wait, where it says so.
    pub(super) wait: Option<f64>,
}

/// The error in a body that came with a success, or in the middle of a stream.
pub(super) fn error_within(answer: &Value) -> Option<ServerError> {
    let choice = answer.pointer("/choices/0");
    let failed = choice.and_then(|it| it.get("error")).is_some_and(is_told)
        || choice.and_then(|it| it.get("finish_reason")).is_some_and(|it| it == "error");
    if failed && !answer.get("error").is_some_and(is_told) {
        return Some(choice.and_then(error).unwrap_or_default());
    }
    // Some servers put "message": "success" beside what they answer.
    let is_error = answer.get("error").is_some_and(is_told)
        || choice.is_none() && ["object", "type"].iter().any(|key| answer.get(*key).is_some_and(|it| it == "error"));
    let first = answer.as_array().and_then(|it| it.first());
    if is_error { error(answer) } else { first.and_then(error_within) }
}

/// Whether an `error` says that there is one.
fn is_told(error: &Value) -> bool {
    match error {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) => true,
    }
}

/// The error in a body that came with a failure, whatever its form: an object, one in an array, a text, or none of it.
pub(super) fn error(answer: &Value) -> Option<ServerError> {
    if let Value::Array(items) = answer {
        return items.first().and_then(error);
    }
    let error = answer.get("error").filter(|it| is_told(it));
    let text = |key: &str| {
        let field = error.and_then(|it| it.get(key)).or_else(|| answer.get(key));
        field.and_then(|it| it.as_str().map(str::to_owned).or_else(|| it.as_i64().map(|it| it.to_string())))
    };
    let whole = error.and_then(Value::as_str).map(str::to_owned);
    let message = text("message").or(whole).or_else(|| text("detail"));
    if error.is_none() && message.is_none() {
        return None;
    }
    let code = text("code").or_else(|| text("status"));
    let details = error.and_then(|it| it.get("details")).and_then(Value::as_array);
    let delay =
        details.into_iter().flatten().find_map(|it| it.get("retryDelay")?.as_str()?.strip_suffix('s')?.parse().ok());
    Some(ServerError {
        status: code.as_ref().and_then(|it| it.parse().ok()).filter(|it| (400..600).contains(it)),
        kind: [code, text("type")].into_iter().flatten().collect::<Vec<_>>().join(" "),
        message: message.unwrap_or_default(),
        wait: delay,
    })
}
