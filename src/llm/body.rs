//! What is sent: a request as JSON that every server takes, without what this one has refused.

use serde_json::{Map, Value, json};

use super::{Message, Request, ToolCall, wire, written};

/// What a server may refuse, and is not sent again then: fields of the body, of messages, and ways to put roles.
const FIELDS: [&str; 5] = ["stream_options", "max_tokens", "max_completion_tokens", "tool_choice", "temperature"];
/// How servers say that they don't take a field, whatever its value.
const UNKNOWN: [&str; 10] = [
    "unsupported",
    "not support",
    "n't support",
    "unrecognized",
    "unrecognised",
    "unknown",
    "unexpected",
    "not permitted",
    "not allowed",
    "extra input",
];
/// A system message: its text goes into the first of the user.
const SYSTEM: &str = "system";
/// A message of the user right behind a tool's.
const AFTER_TOOL: &str = "user after tool";

/// Characters of a tool's name, which are ASCII letters, digits, `_` and `-`.
const MAX_NAME: usize = 64;

/// The body of a request, without what is `refused`.
pub(super) fn body(model: &str, request: &Request, streams: bool, refused: &[&'static str]) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert("messages".to_owned(), messages(&request.messages, refused));
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
    for name in FIELDS.iter().filter(|name| refused.contains(name)) {
        // The newer name of the same limit.
        if body.remove(*name).is_some() && *name == "max_tokens" && !refused.contains(&"max_completion_tokens") {
            body.insert("max_completion_tokens".to_owned(), json!(request.max_tokens));
        }
    }
    Value::Object(body)
}

/// What a server's words refuse of a request, that it was sent and that can be left out.
pub(super) fn refused_by(
    words: &str,
    request: &Request,
    streams: bool,
    known: &[&'static str],
) -> Option<&'static str> {
    let sent = body("", request, streams, known);
    let messages = sent.get("messages").map(ToString::to_string).unwrap_or_default();
    let lower = words.to_lowercase();
    // One that is too high is no reason to go on without any.
    let is_limit = |name: &str| name == "max_tokens" || name == "max_completion_tokens";
    let is_unknown = UNKNOWN.iter().any(|it| lower.contains(it));
    let field = FIELDS
        .into_iter()
        .find(|name| words.contains(name) && sent.get(*name).is_some() && (is_unknown || !is_limit(name)));
    // Refused under the one name and then with it under the other.
    let field = field.or_else(|| {
        let limit = "max_completion_tokens";
        (is_unknown && words.contains("max_tokens") && sent.get(limit).is_some()).then_some(limit)
    });
    let of_message = || {
        let names = wire::KEPT.into_iter().chain([wire::EXTRA]);
        names.into_iter().find(|name| words.contains(name) && messages.contains(&format!("\"{name}\"")))
    };
    let of_roles = || {
        let is_about_roles = lower.contains("role") || lower.contains("alternat");
        let system = lower.contains("system") && (is_about_roles || lower.contains("support"));
        [(SYSTEM, system), (AFTER_TOOL, is_about_roles && !system)]
            .into_iter()
            .find_map(|(way, is_meant)| (is_meant && !known.contains(&way)).then_some(way))
    };
    field.or_else(of_message).or_else(of_roles)
}

fn messages(messages: &[Message], refused: &[&'static str]) -> Value {
    let mut sent: Vec<Value> = Vec::new();
    let mut system = String::new();
    for given in messages {
        let mut next = match given {
            Message::System { text } if refused.contains(&SYSTEM) => {
                system.clone_from(text);
                continue;
            }
            Message::User { text } if !system.is_empty() => {
                message(&Message::User { text: format!("{}\n\n{text}", std::mem::take(&mut system)) }, refused)
            }
            Message::System { .. } | Message::User { .. } | Message::Assistant { .. } | Message::Tool { .. } => {
                message(given, refused)
            }
        };
        let role = |message: &Value| message.get("role").and_then(Value::as_str).unwrap_or_default().to_owned();
        let before = sent.last().map(role).unwrap_or_default();
        let is_plain = |it: &Value| it.get("tool_calls").is_none();
        // Templates of many models refuse two messages of the same role in a row.
        if let Some(last) = sent.last_mut()
            && before == role(&next)
            && before != "tool"
            && is_plain(last)
            && is_plain(&next)
            && let (Some(first), Some(more)) = (text_of(last), text_of(&next))
        {
            next = json!({"role": before, "content": format!("{first}\n\n{more}")});
            sent.pop();
        } else if before == "tool" && role(&next) == "user" && refused.contains(&AFTER_TOOL) {
            sent.push(json!({"role": "assistant", "content": "I have the results."}));
        }
        sent.push(next);
    }
    Value::Array(sent)
}

fn text_of(message: &Value) -> Option<String> {
    message.get("content").and_then(Value::as_str).map(str::to_owned)
}

fn message(message: &Message, refused: &[&'static str]) -> Value {
    match message {
        Message::System { text } => json!({"role": "system", "content": text}),
        Message::User { text } => json!({"role": "user", "content": text}),
        Message::Assistant { text, calls, .. } if calls.is_empty() => json!({"role": "assistant", "content": text}),
        Message::Assistant { text, calls, kept } => {
            let calls: Vec<Value> = calls.iter().map(|it| call(it, refused)).collect();
            // Some servers refuse a text that is empty.
            let content = if text.is_empty() { Value::Null } else { json!(text) };
            let mut message = json!({"role": "assistant", "content": content, "tool_calls": calls});
            if let Some(fields) = message.as_object_mut() {
                let kept = kept.iter().filter(|(name, _)| !refused.contains(&name.as_str()));
                fields.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
            }
            message
        }
        Message::Tool { call_id, name, reply } => {
            json!({"role": "tool", "tool_call_id": call_id, "name": legal(name), "content": reply})
        }
    }
}

/// A call as servers take it back: many refuse, for good, a conversation with arguments that are no JSON object or with a name
/// that no tool can have. What was wrong with it stands in the tool's reply.
fn call(call: &ToolCall, refused: &[&'static str]) -> Value {
    let arguments = written::repaired(&call.arguments).unwrap_or_else(|| "{}".to_owned());
    let function = json!({"name": legal(&call.name), "arguments": arguments});
    let mut sent = json!({"id": call.id, "type": "function", "function": function});
    if let (Some(fields), Some(extra)) = (sent.as_object_mut(), &call.extra)
        && !refused.contains(&wire::EXTRA)
    {
        fields.insert(wire::EXTRA.to_owned(), extra.clone());
    }
    sent
}

fn legal(name: &str) -> String {
    let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let name: String = name.chars().map(|c| if is_legal(c) { c } else { '_' }).take(MAX_NAME).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}
