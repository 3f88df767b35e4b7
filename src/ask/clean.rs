//! Text from sheets, engines and models, made harmless: what goes to a model has no control characters and no great
//! length; what goes to a person has no links, images or markup.

use serde_json::Value;

use crate::value::shorten;

/// Strips control characters from all texts and keys, and cuts texts longer than `max_chars`.
pub(super) fn value(value: &mut Value, max_chars: usize) {
    strip(value);
    shorten(value, max_chars);
}

fn strip(value: &mut Value) {
    match value {
        Value::String(text) => *text = line(text),
        Value::Array(items) => items.iter_mut().for_each(strip),
        Value::Object(fields) => {
            let stripped = std::mem::take(fields).into_iter().map(|(key, mut value)| {
                strip(&mut value);
                (line(&key), value)
            });
            *fields = stripped.collect();
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text without control characters and without those that change how others are shown.
fn line(text: &str) -> String {
    let is_harmful = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    if text.chars().any(is_harmful) { text.chars().filter(|c| !is_harmful(*c)).collect() } else { text.to_owned() }
}

/// What stands for an address that was taken out.
const REMOVED: &str = "[link removed]";

/// Prose of a model for a person: Markdown's links and images become their words, addresses and HTML tags go.
pub(super) fn prose(text: &str) -> String {
    let text = line(text);
    let text = without_tags(&without_links(&text));
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
    out.trim().to_owned()
}

/// `[words](address)`, `![words](address)` and `[words][reference]` become `words`.
fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, from) = rest.split_at(at);
        let end = closing(from, '[', ']');
        let words = end.and_then(|end| from.get(1..end)).unwrap_or_default();
        let behind = end.and_then(|end| from.get(end + 1..)).unwrap_or_default();
        let target = match behind.chars().next() {
            Some('(') => closing(behind, '(', ')'),
            Some('[') => closing(behind, '[', ']'),
            _ => None,
        };
        if let Some(target) = target {
            out.push_str(before.strip_suffix('!').unwrap_or(before));
            out.push_str(&without_links(words));
            rest = behind.get(target + 1..).unwrap_or_default();
        } else {
            out.push_str(before);
            out.push('[');
            rest = from.get(1..).unwrap_or_default();
        }
    }
    out + rest
}

/// Where the bracket that `text` begins with closes.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let behind = from.get(1..).unwrap_or_default();
        let is_tag = behind.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        match from.find('>') {
            Some(end) if is_tag => rest = from.get(end + 1..).unwrap_or_default(),
            // One that is never closed could be closed by what is put behind it.
            None if is_tag => return out,
            _ => {
                out.push('<');
                rest = behind;
            }
        }
    }
    out + rest
}

fn is_address(word: &str) -> bool {
    let word = word.to_lowercase();
    let schemes = ["javascript:", "data:text", "data:image", "data:application", "mailto:", "file:", "vbscript:"];
    word.contains("://")
        || word.contains("www.")
        || word.contains("//") && word.contains('.')
        || schemes.iter().any(|scheme| word.contains(scheme))
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
        ] {
            assert_eq!(prose(text), expect, "{text}");
        }
    }
}
