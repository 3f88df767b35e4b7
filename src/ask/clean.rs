//! Text from sheets, engines and models, made harmless: what goes to a model has no control characters and no great
//! length; what goes to a person has no links, images or markup.

use std::collections::HashMap;

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use crate::{llm::plain::plain, value::shorten};

/// Strips all texts and keys of what is not seen, and cuts texts longer than `max_chars`.
pub(super) fn value(value: &mut Value, max_chars: usize) {
    strip(value);
    shorten(value, max_chars);
}

/// The arguments of a call without what is not seen: what runs is what is shown.
pub(super) fn fields(fields: Map<String, Value>) -> Map<String, Value> {
    let mut value = Value::Object(fields);
    strip(&mut value);
    match value {
        Value::Object(fields) => fields,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

/// The same of arguments as text, which may be no JSON.
pub(super) fn arguments(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(mut value) => {
            strip(&mut value);
            value.to_string()
        }
        Err(_) => plain(text),
    }
}

/// A name on one line.
pub(super) fn label(name: &str) -> String {
    plain(name).chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_NAME).collect()
}

const MAX_NAME: usize = 64;

fn strip(value: &mut Value) {
    match value {
        Value::String(text) => *text = plain(text),
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Object(fields) => {
            let stripped = std::mem::take(fields).into_iter().map(|(key, mut value)| {
                strip(&mut value);
                (plain(&key), value)
            });
            *fields = stripped.collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What stands for an address that was taken out.
const REMOVED: &str = "[link removed]";

/// Prose of a model for a person: Markdown's links and images become their words, addresses and HTML tags go.
pub(super) fn prose(text: &str) -> String {
    tidy(text).trim().to_owned()
}

/// The same of a piece of prose. What is left where something was taken out can be a link itself, so it is looked at again
/// until nothing changes.
pub(super) fn tidy(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..MAX_ROUNDS {
        let next = without_addresses(&without_tags(&without_links(&plain(&text))));
        if next == text {
            return text;
        }
        text = next;
    }
    // Nested deeper than anyone writes: without brackets there is nothing left to open.
    text.chars().filter(|c| !"[]<>".contains(*c)).collect()
}

const MAX_ROUNDS: usize = 10;

fn without_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if is_address(word) {
            out.push_str(REMOVED);
            out.push_str(piece.get(word.len()..).unwrap_or_default());
        } else {
            out.push_str(piece);
        }
    }
    out
}

/// `[words](address)`, `![words](address)` and `[words][reference]` become `words`, however deep they are nested.
fn without_links(text: &str) -> String {
    let closings = closings(text);
    let mut out = String::with_capacity(text.len());
    // Of the links around `at`: where their words end, and where the text goes on behind them.
    let mut around: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let limit = around.last().copied();
        if let Some((_, behind)) = limit.filter(|(end, _)| *end == at) {
            around.pop();
            at = behind;
            continue;
        }
        let end = closings.get(&at).copied().filter(|_| c == '[');
        let target = end.and_then(|end| closings.get(&(end + 1)).copied());
        let target = target.filter(|target| limit.is_none_or(|(end, _)| *target < end));
        if let (Some(end), Some(target)) = (end, target) {
            if text.get(..at).is_some_and(|before| before.ends_with('!')) {
                out.pop();
            }
            around.push((end, target + 1));
            at += 1;
        } else {
            out.push(c);
            at += c.len_utf8();
        }
    }
    out
}

/// Where each bracket and each parenthesis closes.
fn closings(text: &str) -> HashMap<usize, usize> {
    let mut closings = HashMap::new();
    let (mut brackets, mut parentheses) = (Vec::new(), Vec::new());
    for (at, c) in text.char_indices() {
        let opened = match c {
            '[' => {
                brackets.push(at);
                None
            }
            '(' => {
                parentheses.push(at);
                None
            }
            ']' => brackets.pop(),
            ')' => parentheses.pop(),
            _ => None,
        };
        closings.extend(opened.map(|opened| (opened, at)));
    }
    closings
}

fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let behind = from.get(1..).unwrap_or_default();
        let is_tag = behind.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        if !is_tag {
            out.push('<');
            rest = behind;
        } else if let Some(end) = from.find('>') {
            rest = from.get(end + 1..).unwrap_or_default();
        } else {
            // One that is never closed could be closed by what is put behind it.
            return out;
        }
    }
    out + rest
}

fn is_address(word: &str) -> bool {
    // As a browser reads it: other forms of the same letters, backslashes, letters that join.
    let joins = |c: &char| !matches!(c, '\u{200c}' | '\u{200d}');
    let word: String = word.nfkc().filter(joins).collect::<String>().to_lowercase().replace('\\', "/");
    let schemes = [
        "javascript:",
        "vbscript:",
        "data:text",
        "data:image",
        "data:application",
        "mailto:",
        "file:",
        "ftp:",
        "http:",
        "https:",
    ];
    word.contains("://")
        || word.contains("www.")
        || word.contains("//") && word.contains('.')
        || schemes.iter().any(|scheme| word.contains(scheme))
        || sends(&word)
}

/// Whether a word is an address without its scheme that carries something along: `example.org/p?q=1`.
fn sends(word: &str) -> bool {
    let Some((place, query)) = word.split_once('?') else { return false };
    let host = place.split('/').next().unwrap_or_default();
    let is_host = host
        .rsplit_once('.')
        .is_some_and(|(name, top)| !name.is_empty() && top.len() > 1 && top.chars().all(|c| c.is_ascii_alphanumeric()));
    is_host && query.contains('=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_carry_no_links_images_or_markup() {
        for (text, expect) in [
            ("North sold 3 [of them].", "North sold 3 [of them]."),
            ("See [the report](https://evil.example/?q=1) now", "See the report now"),
            ("![chart](http://evil.example/p.png) 12", "chart 12"),
            ("[![x](http://a.example/i.png)](http://b.example) ok", "x ok"),
            ("read [this][1]\n\n[1]: http://evil.example", "read this\n\n[1]: [link removed]"),
            ("<https://evil.example> and https://evil.example/a?b=c.", "and [link removed]"),
            ("<img src=x onerror=alert(1)>12 <b>units</b>", "12 units"),
            ("www.evil.example //evil.example/x javascript:alert(1)", "[link removed] [link removed] [link removed]"),
            ("a < b and 3<5 > 2", "a < b and 3<5 > 2"),
            ("12 <img src=", "12"),
            ("a\u{202e}b\u{0}c\u{200b}d", "abcd"),
            ("\u{1b}]8;;http://evil.example\u{7}here\u{1b}]8;;\u{7}", "here"),
            ("[a[b](http://x.example)](http://y.example)", "ab"),
            ("<<b>img src=x>12", "12"),
            ("[x<b>](http://evil.example)", "x"),
            ("[x]<b>(http://evil.example)", "[link removed]"),
            (
                "ht\u{200b}tps://evil.example hｔtp：／／evil.example https:\\\\evil.example java\u{200d}script:1",
                "[link removed] [link removed] [link removed] [link removed]",
            ),
            ("evil.example/p?d=30.75 sales.amount/goals.goal why?=", "[link removed] sales.amount/goals.goal why?="),
        ] {
            assert_eq!(prose(text), expect, "{text}");
            assert_eq!(prose(&prose(text)), prose(text), "{text}");
        }
    }

    #[test]
    fn brackets_nested_however_deep_neither_overflow_a_stack_nor_take_long() {
        let n = 20_000;
        assert_eq!(prose(&("[".repeat(n) + "x" + &"](y)".repeat(n))), "x");
        assert_eq!(prose(&"![".repeat(n)), "![".repeat(n));
        assert_eq!(prose(&"< ".repeat(n)), "< ".repeat(n).trim());
        assert_eq!(prose(&"[a]".repeat(n)), "a".repeat(n / 2));
        assert_eq!(prose("[a](b[c](d)e"), "[a](bce");
        assert_eq!(prose("[a [b](c] d) ![e](f)!"), "[a b e!");
    }
}
