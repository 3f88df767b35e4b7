//! Tool calls that come as text: as JSON, between tags, as code; each family of models has a way of its own.
//!
//! A text is read from left to right, and wherever a bracket or a tag opens, what follows is tried. What is a call by its
//! form is one even where there is no such tool, or where it can't be read: the answer to it is then a fault, which a model
//! can correct, while a call that is taken for an answer misleads a person.

mod json;
mod pythonic;
mod tagged;
mod thinking;

use serde_json::{Map, Value};

use super::{ToolCall, wire};

pub(super) use self::json::repaired;

/// What stands in a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// What is said beside the calls, without thinking.
    pub(super) text: String,
    pub(super) calls: Vec<ToolCall>,
}

/// Bytes. Of a longer text only the end counts: reading it takes time, and calls and answers are short.
const MAX_SEARCHED: usize = 64 << 10;
/// Bytes before an object in which its label is looked for.
const MAX_LABEL: usize = 512;

/// Reads what a model said and what it thought. A call in the thoughts counts where nothing else was said.
pub(super) fn read(said: &str, thought: &str, tools: &[Tool<'_>]) -> Written {
    let (text, aside) = thinking::apart(said);
    let text = end_of(&text, MAX_SEARCHED).to_owned();
    let found = search(&text, tools);
    if !found.calls.is_empty() || !text.trim().is_empty() {
        return found;
    }
    let mut calls = search(thought, tools).calls;
    calls.extend(search(&aside, tools).calls);
    calls.retain(|call| tool(&call.name, tools).is_some() && json::is_object(&call.arguments));
    Written { text, calls }
}

/// A tool as a call of it can look like.
pub(super) struct Tool<'a> {
    pub(super) name: &'a str,
    properties: Option<&'a Map<String, Value>>,
    required: Vec<&'a str>,
}

impl<'a> Tool<'a> {
    /// Of an OpenAI `tools` array.
    pub(super) fn all(tools: &'a [Value]) -> Vec<Tool<'a>> {
        tools.iter().filter_map(|tool| Tool::new(tool.get("function")?)).collect()
    }

    fn new(function: &'a Value) -> Option<Tool<'a>> {
        let required = function.pointer("/parameters/required").and_then(Value::as_array);
        Some(Tool {
            name: function.get("name")?.as_str()?,
            properties: function.pointer("/parameters/properties").and_then(Value::as_object),
            required: required.into_iter().flatten().filter_map(Value::as_str).collect(),
        })
    }

    fn takes(&self, key: &str) -> bool {
        self.properties.is_some_and(|it| it.contains_key(key))
    }

    fn is_text(&self, key: &str) -> bool {
        let of_type = self.properties.and_then(|it| it.get(key)).and_then(|it| it.get("type"));
        of_type.is_some_and(|it| it == "string")
    }

    /// Whether an object can be the tool's arguments, and hardly anything else.
    fn fits(&self, fields: &Map<String, Value>) -> bool {
        let has_all = !self.required.is_empty() && self.required.iter().all(|key| fields.contains_key(*key));
        has_all && fields.keys().all(|key| self.takes(key))
    }
}

fn tool<'a, 'b>(name: &str, tools: &'a [Tool<'b>]) -> Option<&'a Tool<'b>> {
    tools.iter().find(|tool| tool.name == name)
}

/// Without the space of names that some models put before it.
pub(super) fn bare(name: &str) -> &str {
    let name = name.trim();
    ["functions.", "function.", "tools.", "default_api.", "default_api:"]
        .iter()
        .find_map(|space| name.strip_prefix(space))
        .unwrap_or(name)
}

fn new_call(name: &str, arguments: String) -> ToolCall {
    ToolCall { id: String::new(), name: bare(name).to_owned(), arguments, extra: None }
}

/// The last `max_bytes` of a text, or a little less.
fn end_of(text: &str, max_bytes: usize) -> &str {
    text.get(text.ceil_char_boundary(text.len().saturating_sub(max_bytes))..).unwrap_or_default()
}

/// The first `max_bytes` of a text, or a little less.
fn start_of(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or_default()
}

fn search(text: &str, tools: &[Tool<'_>]) -> Written {
    let text = end_of(text, MAX_SEARCHED);
    let (mut calls, mut first) = (Vec::new(), None);
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(opens) = rest.find(['{', '[', '<'])
    {
        let here = rest.get(opens..).unwrap_or_default();
        at += opens;
        let n_before = calls.len();
        let n_read = if here.starts_with('<') {
            tagged::call(here, tools).map(|(call, n_read)| {
                calls.push(call);
                n_read
            })
        } else {
            json::first(here).map(|(value, n_read)| {
                collect(&value, label(end_of(text.get(..at).unwrap_or_default(), MAX_LABEL)), tools, &mut calls);
                n_read
            })
        };
        if calls.len() > n_before {
            first.get_or_insert(at);
        }
        at += n_read.unwrap_or(1);
    }
    if calls.is_empty() {
        let found = pythonic::calls(text, tools);
        first = found.first().map(|(at, _)| *at);
        calls.extend(found.into_iter().map(|(_, call)| call));
    }
    if calls.is_empty()
        && let Some((start, call)) = unreadable(text, tools)
    {
        first = Some(start);
        calls.push(call);
    }
    let said = text.get(..first.unwrap_or(text.len())).unwrap_or_default();
    let said = if first.is_some() { without_opening(said) } else { said };
    Written { text: said.trim().to_owned(), calls }
}

/// Keys for the name of what is called, and for what it is given.
const NAMES: &[&str] = &["name", "tool", "tool_name", "function", "function_name", "action", "recipient_name"];
const ARGUMENTS: &[&str] = &["arguments", "parameters", "tool_input", "action_input", "args", "input", "params"];
/// Of those, the ones that hardly stand in anything but a call.
const SURELY_ARGUMENTS: &[&str] = &["arguments", "parameters", "tool_input", "action_input"];

fn collect(value: &Value, label: Label<'_>, tools: &[Tool<'_>], found: &mut Vec<ToolCall>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, Label::default(), tools, found)),
        Value::Object(fields) => {
            for wrapper in ["tool_calls", "function_calls", "tool_uses", "function_call", "tool_call", "function"] {
                if let Some(inner @ (Value::Array(_) | Value::Object(_))) = fields.get(wrapper) {
                    return collect(inner, Label::default(), tools, found);
                }
            }
            found.extend(call(fields, label, tools));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn call(fields: &Map<String, Value>, label: Label<'_>, tools: &[Tool<'_>]) -> Option<ToolCall> {
    let named = NAMES.iter().find_map(|key| Some((*key, bare(fields.get(*key)?.as_str()?))));
    if let Some((key, name)) = named {
        let known = tool(name, tools);
        let given = ARGUMENTS.iter().find_map(|key| Some((*key, fields.get(*key)?)));
        match (known, given) {
            (Some(_), Some((_, arguments))) => return Some(new_call(name, wire::arguments(Some(arguments)))),
            // Its arguments beside its name.
            (Some(tool), None) => {
                let beside = fields.iter().filter(|(it, _)| *it != key && !matches!(it.as_str(), "type" | "id"));
                let beside: Map<String, Value> = beside.map(|(key, value)| (key.clone(), value.clone())).collect();
                if beside.keys().all(|key| tool.takes(key)) {
                    return Some(new_call(name, Value::Object(beside).to_string()));
                }
            }
            (None, Some((key, arguments))) if SURELY_ARGUMENTS.contains(&key) && !name.is_empty() => {
                return Some(new_call(name, wire::arguments(Some(arguments))));
            }
            (None, _) => {}
        }
    }
    if let (1, Some((key, arguments @ Value::Object(_)))) = (fields.len(), fields.iter().next())
        && tool(bare(key), tools).is_some()
    {
        return Some(new_call(key, arguments.to_string()));
    }
    let arguments = || Value::Object(fields.clone()).to_string();
    let mut fitting = tools.iter().filter(|tool| tool.fits(fields));
    if let (Some(tool), None) = (fitting.next(), fitting.next()) {
        return Some(new_call(tool.name, arguments()));
    }
    let known = tool(label.name, tools);
    let is_for_it = known.is_some_and(|tool| !fields.is_empty() && fields.keys().all(|key| tool.takes(key)));
    (label.is_marked || is_for_it).then(|| new_call(label.name, arguments()))
}

/// The word before an object, where it may name a tool.
#[derive(Debug, Default, Clone, Copy)]
struct Label<'a> {
    name: &'a str,
    /// Whether it stands where a model names what it calls.
    is_marked: bool,
}

/// What may stand between a tool's name and its arguments, and before the name. All without the last of their own brackets.
const BETWEEN: &[&str] = &[
    "[ARGS]",
    "<|constrain|>json",
    "<|constrain|",
    "<|message|",
    "<|tool_call_argument_begin|",
    "<｜tool▁sep｜",
    "json",
];
const MARKS: &[&str] = &[
    "[TOOL_CALLS]",
    "<|tool_call_begin|>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "to=",
    "functions",
    "<|python_tag|>",
];

fn label(before: &str) -> Label<'_> {
    let mut rest = before;
    loop {
        let next = rest.trim_end_matches(|c: char| c.is_whitespace() || "(:>`".contains(c));
        let next = BETWEEN.iter().find_map(|token| next.strip_suffix(token)).unwrap_or(next);
        if next.len() == rest.len() {
            break;
        }
        rest = next;
    }
    let rest = rest.rsplit_once("[CALL_ID]").filter(|(_, id)| id.len() <= 64).map_or(rest, |(head, _)| head);
    // The number of a call: `functions.query:0`.
    let rest =
        rest.rsplit_once(':').filter(|(_, n)| n.chars().all(|c| c.is_ascii_digit())).map_or(rest, |(head, _)| head);
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let head = rest.trim_end_matches(is_name);
    let name = rest.get(head.len()..).unwrap_or_default();
    let head = head.trim_end_matches('.');
    Label { name, is_marked: !name.is_empty() && MARKS.iter().any(|mark| head.ends_with(mark)) }
}

/// What only stands before calls.
const OPENINGS: &[&str] = &[
    "<tool_call",
    "<function_call",
    "<function=",
    "<invoke ",
    "[TOOL_CALLS]",
    "<|python_tag|>",
    "<|tool_call",
    "<｜tool▁call",
    "to=functions.",
    "<|channel|>commentary",
];

/// What looks like a call and can't be read: with its own text as the arguments, it is refused as malformed.
fn unreadable(text: &str, tools: &[Tool<'_>]) -> Option<(usize, ToolCall)> {
    let marked = OPENINGS.iter().filter_map(|mark| text.find(mark)).min();
    let quoted = |key: &str| text.contains(&format!("\"{key}\""));
    let is_broken =
        text.contains('{') && (NAMES.iter().any(|key| quoted(key)) && SURELY_ARGUMENTS.iter().any(|key| quoted(key)));
    let cut = text.find('{').filter(|at| text.get(*at..).is_some_and(|it| json::first(it).is_none()));
    // Of several that it could be, the one that asks for most.
    let can_be = |it: &&Tool<'_>| !it.required.is_empty() && it.required.iter().all(|key| quoted(key));
    let lost = cut.and_then(|_| tools.iter().filter(can_be).max_by_key(|it| it.required.len()));
    let start = marked.or(text.find('{').filter(|_| is_broken || lost.is_some()))?;
    let rest = text.get(start..)?;
    let mentioned = tools.iter().filter_map(|tool| Some((rest.find(tool.name)?, tool.name))).min();
    let name = lost.map(|tool| tool.name).or(mentioned.map(|(_, name)| name)).unwrap_or("unreadable_call");
    let name = if is_broken || marked.is_some() { mentioned.map_or(name, |(_, name)| name) } else { name };
    Some((start, new_call(name, rest.to_owned())))
}

/// Without the tag or fence that opens what comes behind.
fn without_opening(said: &str) -> &str {
    let mut said = said.trim_end();
    loop {
        let cut =
            said.rfind("```").filter(|at| said.get(at + 3..).is_some_and(|it| it.chars().all(char::is_alphanumeric)));
        let tag = said
            .rfind('<')
            .filter(|at| OPENINGS.iter().any(|mark| said.get(*at..).is_some_and(|it| it.starts_with(mark.trim_end()))));
        let mark = said.rfind("[TOOL_CALLS]");
        let Some(end) = [cut, tag, mark].into_iter().flatten().min() else { return said };
        said = said.get(..end).unwrap_or_default().trim_end();
    }
}

#[cfg(test)]
mod tests;
