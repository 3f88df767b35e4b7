//! The prose that models are sent: the files of `tools/prompts/`, and which version they are.

use serde_json::Value;

use crate::workspace::memory::digest;

const SYSTEM: &str = include_str!("../../tools/prompts/ask.md");
const REPLIES: &str = include_str!("../../tools/prompts/ask_replies.md");
const TOOLS: &str = include_str!("../../tools/prompts/ask_tools.json");

/// The instructions, without the line that numbers them.
pub(super) fn system() -> &'static str {
    SYSTEM.split_once('\n').map_or(SYSTEM, |(_, text)| text).trim()
}

/// The number in the first line of the instructions: to tell answers apart by.
pub(super) fn version() -> u32 {
    let number = SYSTEM.lines().next().and_then(|line| line.strip_prefix("version: "));
    number.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
}

/// A digest of all the prose: an edit without a new number still empties the cache.
pub(super) fn prose_digest() -> String {
    digest(&[SYSTEM, REPLIES, TOOLS])
}

/// What the section `name` says.
pub(super) fn reply(name: &str) -> &'static str {
    let heading = format!("\n## {name}\n");
    let section = REPLIES.split_once(&heading).map(|(_, text)| text.split("\n## ").next().unwrap_or(text));
    section.unwrap_or_default().trim()
}

/// Whether a word of `text` begins with one of these, which are in lower case.
pub(super) fn begins_one(text: &str, beginnings: &[&str]) -> bool {
    let text = text.to_lowercase();
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
    words.any(|word| beginnings.iter().any(|it| word.starts_with(it)))
}

/// `final_answer` and `clarify`.
pub(super) fn tools() -> Vec<Value> {
    serde_json::from_str(TOOLS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_hold_what_the_loop_takes_from_them() {
        assert!(version() > 0);
        assert!(system().starts_with("You answer"));
        assert_eq!(tools().len(), 2);
        for name in [
            "data",
            "question",
            "today",
            "empty",
            "text",
            "cut",
            "finish",
            "repeated",
            "together",
            "numbers",
            "findings",
            "no_sql",
            "no_query",
            "arguments",
            "dropped",
        ] {
            assert!(!reply(name).is_empty(), "{name}");
        }
    }
}
