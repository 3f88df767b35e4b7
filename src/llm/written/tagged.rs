//! Calls between tags, with a tag for each argument.

use serde_json::{Map, Value};

use super::{Tool, bare, json, new_call, start_of, tool};
use crate::llm::ToolCall;

/// Bytes of a tag.
const MAX_TAG: usize = 200;

/// The call that a text begins with, and its length in bytes:
///
/// - `<function=NAME><parameter=KEY>VALUE</parameter></function>`, or with an object in it (Qwen's coders, Llama)
/// - `<invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke>` (`MiniMax`, `DeepSeek`)
/// - `<tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>` (GLM)
pub(super) fn call(text: &str, tools: &[Tool<'_>]) -> Option<(ToolCall, usize)> {
    let (tag, body) = opened(text)?;
    if tag == "tool_call" {
        let name = body.split(['<', '{', '\n']).next().unwrap_or_default().trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_-.:".contains(c));
        let behind = body.trim_start().strip_prefix(name)?.trim_start();
        if !is_name || !(behind.starts_with("<arg_key>") || behind.starts_with("</tool_call>")) {
            return None;
        }
        let inner = until_close(body, "tool_call");
        return Some((new_call(name, pairs(inner, tool(bare(name), tools))), n_read(text, inner)));
    }
    let name = attribute(tag, "function").or_else(|| attribute(tag, "invoke"))?;
    let inner = until_close(body, if attribute(tag, "function").is_some() { "function" } else { "invoke" });
    let arguments = match inner.trim_start().starts_with('{').then(|| json::first(inner.trim_start())).flatten() {
        Some((value, _)) => value.to_string(),
        None if inner.trim().is_empty() => "{}".to_owned(),
        None => parameters(inner, tool(bare(name), tools)).unwrap_or_else(|| inner.trim().to_owned()),
    };
    Some((new_call(name, arguments), n_read(text, inner)))
}

/// The tag that a text begins with, and what is behind it.
fn opened(text: &str) -> Option<(&str, &str)> {
    let opened = text.strip_prefix('<')?;
    let (tag, _) = start_of(opened, MAX_TAG + 1).split_once('>')?;
    let behind = opened.get(tag.len() + 1..)?;
    (!tag.starts_with('/')).then_some((tag, behind))
}

/// What a tag like `function=NAME` or `xyz:invoke name="NAME"` names.
fn attribute<'a>(tag: &'a str, kind: &str) -> Option<&'a str> {
    let (space, value) = tag.split_once(kind)?;
    if !(space.is_empty() || space.ends_with([':', '｜', '|'])) {
        return None;
    }
    let value = value.trim_start().strip_prefix("name").unwrap_or(value).trim_start().strip_prefix('=')?.trim_start();
    let value = match value.strip_prefix(['"', '\'']) {
        Some(quoted) => quoted.split(['"', '\'']).next()?,
        None => value.split_whitespace().next()?,
    };
    (!value.is_empty()).then_some(value)
}

/// A text up to the closing tag of a kind, whatever stands before the kind's name; all of it where there is none.
fn until_close<'a>(text: &'a str, kind: &str) -> &'a str {
    let mut closings = text.match_indices("</").map(|(at, _)| at);
    let is_of_kind = |at: &usize| {
        let tag = text.get(at + 2..).and_then(|it| start_of(it, MAX_TAG + 1).split_once('>'));
        tag.is_some_and(|(tag, _)| tag.trim().ends_with(kind))
    };
    closings.find(is_of_kind).and_then(|at| text.get(..at)).unwrap_or(text)
}

/// Bytes up to the end of `inner`, which is a part of `text`, and of the tag that closes it.
fn n_read(text: &str, inner: &str) -> usize {
    let start = text.find('>').map_or(0, |at| at + 1);
    let end = start + inner.len();
    let closing = text.get(end..).and_then(|it| it.find('>')).map_or(0, |at| at + 1);
    end + closing
}

fn parameters(inner: &str, tool: Option<&Tool<'_>>) -> Option<String> {
    let mut fields = Map::new();
    let mut rest = inner;
    while let Some(at) = rest.find('<') {
        let here = rest.get(at..)?;
        let named = opened(here).and_then(|(tag, body)| Some((attribute(tag, "parameter")?, body)));
        let Some((key, body)) = named else {
            rest = here.get(1..)?;
            continue;
        };
        let text = until_close(body, "parameter");
        fields.insert(key.to_owned(), value(text, key, tool));
        rest = body.get(text.len()..)?;
    }
    (!fields.is_empty()).then(|| Value::Object(fields).to_string())
}

fn pairs(inner: &str, tool: Option<&Tool<'_>>) -> String {
    let mut fields = Map::new();
    let mut rest = inner;
    while let Some((_, behind)) = rest.split_once("<arg_key>") {
        let (key, behind) = behind.split_once("</arg_key>").unwrap_or((behind, ""));
        let (_, behind) = behind.split_once("<arg_value>").unwrap_or(("", ""));
        let (text, behind) = behind.split_once("</arg_value>").unwrap_or((behind, ""));
        fields.insert(key.trim().to_owned(), value(text, key.trim(), tool));
        rest = behind;
    }
    Value::Object(fields).to_string()
}

/// A text where the tool takes one; else what it says as JSON.
fn value(text: &str, key: &str, tool: Option<&Tool<'_>>) -> Value {
    let text = text.trim();
    let plain = || Value::from(text);
    if tool.is_some_and(|tool| tool.is_text(key)) {
        plain()
    } else {
        serde_json::from_str(text).unwrap_or_else(|_| plain())
    }
}
