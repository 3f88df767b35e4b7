//! What serde says of a value that it can't take, in words for who sent it.

/// What `serde_json` says where its own limit is met.
const TOO_DEEP: &str = "recursion limit exceeded";

/// Which argument a failure of parsing is about. Of a missing or unknown one serde gives the name in its words only.
pub fn wrong_field(path: &str, words: &str) -> Option<String> {
    if words.starts_with(TOO_DEEP) {
        return None;
    }
    let starts = ["missing field `", "unknown field `", "duplicate field `"];
    let named = starts.iter().find_map(|start| words.strip_prefix(start)?.split('`').next());
    match (path, named) {
        ("." | "", None) => None,
        ("." | "", Some(name)) => Some(name.to_owned()),
        (path, Some(name)) if path != name && !path.ends_with(&format!(".{name}")) => Some(format!("{path}.{name}")),
        (path, _) => Some(path.to_owned()),
    }
}

/// What is wrong, with the value; `field` is what `wrong_field` answers.
pub fn in_words(field: Option<&str>, words: &str) -> String {
    let words = words.split(" at line ").next().unwrap_or(words);
    let shown = field.map_or_else(|| "it".to_owned(), |field| format!("`{field}`"));
    if words == TOO_DEEP {
        return "it is nested deeper than 127 lists and objects".to_owned();
    }
    if words.starts_with("missing field ") {
        return format!("{shown} is missing");
    }
    if words.starts_with("duplicate field ") {
        return format!("{shown} is given twice");
    }
    if let Some(rest) = words.strip_prefix("unknown field ") {
        let known = rest.split_once(", expected ").map(|(_, known)| known.trim_start_matches("one of "));
        return match known {
            Some(known) => format!("there is no {shown}; there is {known}"),
            None => format!("there is no {shown}"),
        };
    }
    if let Some((value, known)) = words.strip_prefix("unknown variant ").and_then(|it| it.split_once(", expected ")) {
        return format!("{shown} is {value}, and must be {known}");
    }
    let given = words.strip_prefix("invalid type: ").or_else(|| words.strip_prefix("invalid value: "));
    if let Some((value, wanted)) = given.and_then(|it| it.rsplit_once(", expected ")) {
        return format!("{shown} is {}, and must be {}", value_of(value), kind(wanted));
    }
    match words {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            format!("{shown} must be a whole number")
        }
        "number too large to fit in target type" | "number too small to fit in target type" => {
            format!("{shown} is too large or too small a number")
        }
        "unsupported value" => format!("{shown} is given more than once"),
        "provided string was not `true` or `false`" => format!("{shown} must be `true` or `false`"),
        words if field.is_some() => format!("{shown}: {words}"),
        words => words.to_owned(),
    }
}

fn value_of(shown: &str) -> String {
    match shown.split_once(' ') {
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer" | "boolean", value)) => value.to_owned(),
        Some(("floating", value)) => value.trim_start_matches("point ").to_owned(),
        _ => kind(shown),
    }
}

/// Of serde's types and of those that JSON has no name for.
fn kind(name: &str) -> String {
    let known = match name {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" | "string" | "str" => "text",
        "a boolean" => "true or false",
        "a sequence" | "sequence" => "a list",
        "a map" | "map" => "an object",
        "unit value" | "null" => "null",
        name if name.starts_with("struct ") => "an object",
        name => name,
    };
    known.to_owned()
}
