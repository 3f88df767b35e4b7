//! Tool calls written as JSON into the text, as small local models do.

use serde_json::{Map, Value};

use super::{ToolCall, wire};

/// The calls in `text` of tools that there are; none where it holds none. What stands around them is talk.
pub(super) fn calls(text: &str, names: &[&str]) -> Vec<ToolCall> {
    let mut found = Vec::new();
    for piece in pieces(text) {
        if let Ok(value) = serde_json::from_str::<Value>(piece) {
            collect(&value, names, &mut found);
        }
    }
    found
}

/// What may be JSON: the whole text; what stands between fences; what stands between tags.
fn pieces(text: &str) -> Vec<&str> {
    let whole = text.trim();
    if whole.starts_with(['{', '[']) {
        return vec![whole];
    }
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("```") {
        let (fenced, next) = after.split_once("```").unwrap_or((after, ""));
        // The word behind the opening fence: ```json, ```tool_call.
        pieces.push(fenced.find(['{', '[']).and_then(|at| fenced.get(at..)).unwrap_or_default().trim());
        rest = next;
    }
    for (open, close) in [("<tool_call>", "</tool_call>"), ("<function_call>", "</function_call>")] {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once(open) {
            let (tagged, next) = after.split_once(close).unwrap_or((after, ""));
            pieces.push(tagged.trim());
            rest = next;
        }
    }
    pieces
}

fn collect(value: &Value, names: &[&str], found: &mut Vec<ToolCall>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, names, found)),
        Value::Object(fields) => {
            if let Some(Value::Array(calls)) = fields.get("tool_calls") {
                return calls.iter().for_each(|call| collect(call, names, found));
            }
            let inner = fields.get("function").and_then(Value::as_object).unwrap_or(fields);
            found.extend(call(inner, names));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn call(fields: &Map<String, Value>, names: &[&str]) -> Option<ToolCall> {
    let named = ["name", "tool", "tool_name", "function", "action"];
    let name = named.iter().find_map(|key| fields.get(*key).and_then(Value::as_str))?;
    let given = ["arguments", "parameters", "args", "input", "action_input"];
    let arguments = given.iter().find_map(|key| fields.get(*key));
    let arguments = wire::arguments(arguments);
    names.contains(&name).then(|| ToolCall { id: String::new(), name: name.to_owned(), arguments })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_found_in_the_forms_that_small_models_write() {
        let one = r#"{"name": "query", "arguments": {"sql": "select 1"}}"#;
        for text in [
            one.to_owned(),
            format!("I will look.\n```json\n{one}\n```\nDone."),
            format!("```tool_call\n{one}```"),
            format!("```\n[{one}]\n```"),
            format!("<tool_call>\n{one}\n</tool_call>"),
            format!("<tool_call>{one}"),
            r#"```json
{"tool": "query", "parameters": {"sql": "select 1"}}
```"#
                .to_owned(),
            r#"{"tool_calls": [{"type": "function", "function": {"name": "query", "arguments": "{\"sql\":\"select 1\"}"}}]}"#
                .to_owned(),
        ] {
            let found = calls(&text, &["query"]);
            let sql = found.first().map(|call| serde_json::from_str::<Value>(&call.arguments).unwrap());
            assert_eq!(sql.map(|it| it["sql"].clone()), Some("select 1".into()), "{text}");
        }
        for text in ["the answer is 42", "```sql\nselect 1\n```", r#"{"name": "delete_sheet", "arguments": {}}"#, "{}"]
        {
            assert_eq!(calls(text, &["query"]), [], "{text}");
        }
    }
}
