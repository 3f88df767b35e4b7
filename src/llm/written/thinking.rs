//! What a model thinks aloud, apart from what it says.

const PAIRS: &[(&str, &str)] = &[
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("[THINK]", "[/THINK]"),
    ("<|channel|>analysis<|message|>", "<|end|>"),
];

/// Marks of a template that a server let through.
const MARKS: &[&str] = &[
    "<|start|>assistant",
    "<|channel|>final<|message|>",
    "<|return|>",
    "<|end|>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
];

/// What is said, and what is thought.
pub(super) fn apart(text: &str) -> (String, String) {
    let (mut said, mut thought) = (String::new(), String::new());
    let mut rest = text;
    // Templates often open the first thought themselves, so that only its end is in the answer.
    for (open, close) in PAIRS.iter().filter(|(open, _)| !open.starts_with("<|")) {
        if let Some((before, behind)) = rest.split_once(close)
            && !before.contains(open)
        {
            thought.push_str(before);
            rest = behind;
        }
    }
    loop {
        let opened = PAIRS.iter().filter_map(|(open, close)| Some((rest.find(open)?, *open, *close))).min();
        let Some((at, open, close)) = opened else { break };
        said.push_str(rest.get(..at).unwrap_or_default());
        let inside = rest.get(at + open.len()..).unwrap_or_default();
        // One that never ends was cut off.
        let (inner, behind) = inside.split_once(close).unwrap_or((inside, ""));
        thought.push_str(inner);
        rest = behind;
    }
    said.push_str(rest);
    for mark in MARKS {
        said = said.replace(mark, "");
    }
    (said.trim().to_owned(), thought)
}
