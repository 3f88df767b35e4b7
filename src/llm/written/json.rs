//! JSON that stands in a text, and that is not quite JSON.

use serde_json::Value;

/// The object or array that a text begins with, and its length in bytes.
pub(super) fn first(text: &str) -> Option<(Value, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    if let Some(Ok(value)) = values.next() {
        return Some((value, values.byte_offset()));
    }
    let end = closing(text)?;
    let value = serde_json::from_str(&escaped(text.get(..end)?)).ok()?;
    Some((value, end))
}

/// Arguments as an object's text; none where they are no object even when what models get wrong is put right.
pub(in crate::llm) fn repaired(arguments: &str) -> Option<String> {
    let fixed = match serde_json::from_str(arguments) {
        Ok(Value::Object(_)) => return Some(arguments.to_owned()),
        // Encoded twice.
        Ok(Value::String(inner)) => inner,
        Ok(_) => return None,
        Err(_) => escaped(arguments),
    };
    is_object(&fixed).then_some(fixed)
}

pub(super) fn is_object(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Value::Object(_)))
}

/// Brackets in each other: what holds more is not parsed either. It also bounds how far one that never closes is followed.
const MAX_DEPTH: usize = 128;

/// Where the bracket that a text begins with closes.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' => in_text = !in_text,
            '{' | '[' if !in_text && depth == MAX_DEPTH => return None,
            '{' | '[' if !in_text => depth += 1,
            '}' | ']' if !in_text => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// With the line breaks that models write into texts as they are.
fn escaped(text: &str) -> String {
    let (mut out, mut in_text, mut is_escaped) = (String::with_capacity(text.len()), false, false);
    for c in text.chars() {
        match c {
            '\n' if in_text => out.push_str("\\n"),
            '\r' if in_text => out.push_str("\\r"),
            '\t' if in_text => out.push_str("\\t"),
            _ => out.push(c),
        }
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if in_text => is_escaped = true,
            '"' => in_text = !in_text,
            _ => {}
        }
    }
    out
}
