//! Calls written as Python: `[query(sql="select 1")]`, as Llama 4 and Gemma do.

use serde_json::{Map, Value};

use super::{Tool, json, new_call, start_of};
use crate::llm::ToolCall;

/// Bytes of a key, and of a value that is no text.
const MAX_WORD: usize = 200;

/// Calls of tools that there are, with arguments that they take; each with where it begins.
pub(super) fn calls(text: &str, tools: &[Tool<'_>]) -> Vec<(usize, ToolCall)> {
    let mut found = Vec::new();
    for tool in tools {
        for (at, _) in text.match_indices(tool.name) {
            let before = text.get(..at).and_then(|it| it.chars().next_back());
            let behind = text.get(at + tool.name.len()..).unwrap_or_default();
            let behind = behind.strip_prefix(".call").unwrap_or(behind).strip_prefix('(');
            let is_word = before.is_none_or(|c| !c.is_alphanumeric() && c != '_');
            if let Some(fields) = behind.filter(|_| is_word).and_then(keywords)
                && fields.keys().all(|key| tool.takes(key))
            {
                found.push((at, new_call(tool.name, Value::Object(fields).to_string())));
            }
        }
    }
    found.sort_by_key(|(at, _)| *at);
    found
}

/// `key=value, …)`, one at least.
fn keywords(text: &str) -> Option<Map<String, Value>> {
    let mut fields = Map::new();
    let mut rest = text.trim_start();
    loop {
        let (key, _) = start_of(rest, MAX_WORD).split_once('=')?;
        let behind = rest.get(key.len() + 1..)?;
        let key = key.trim();
        if key.is_empty() || !key.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let (value, behind) = literal(behind.trim_start())?;
        fields.insert(key.to_owned(), value);
        rest = behind.trim_start();
        if rest.starts_with(')') {
            return Some(fields);
        }
        rest = rest.strip_prefix(',')?.trim_start();
        if rest.starts_with(')') {
            return Some(fields);
        }
    }
}

fn literal(text: &str) -> Option<(Value, &str)> {
    for quote in ["\"\"\"", "'''", "\"", "'"] {
        if let Some(behind) = text.strip_prefix(quote) {
            return quoted(behind, quote);
        }
    }
    if text.starts_with(['[', '{']) {
        let (value, n_read) = json::first(text)?;
        return Some((value, text.get(n_read..)?));
    }
    let word = start_of(text, MAX_WORD).split([',', ')']).next()?;
    let behind = text.get(word.len()..)?;
    let value = match word.trim() {
        "True" => Value::Bool(true),
        "False" => Value::Bool(false),
        "None" => Value::Null,
        number => serde_json::from_str(number).ok()?,
    };
    Some((value, behind))
}

fn quoted<'a>(text: &'a str, quote: &str) -> Option<(Value, &'a str)> {
    let mut out = String::new();
    let mut rest = text;
    loop {
        if let Some(behind) = rest.strip_prefix(quote) {
            return Some((Value::from(out), behind));
        }
        let mut chars = rest.chars();
        match (chars.next()?, chars.clone().next()) {
            ('\\', Some(escaped)) => {
                chars.next();
                match escaped {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    '\\' | '\'' | '"' => out.push(escaped),
                    other => out.extend(['\\', other]),
                }
            }
            (c, _) => out.push(c),
        }
        rest = chars.as_str();
    }
}
