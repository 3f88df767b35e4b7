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
    let text = rest;
    // Where each opens next: only what was passed is looked for again.
    let next = |from: usize, open: &str| text.get(from..)?.find(open).map(|at| from + at);
    let mut opens: Vec<_> = PAIRS.iter().filter_map(|(open, close)| Some((next(0, open)?, *open, *close))).collect();
    while let Some((at, open, close)) = opens.iter().min().copied() {
        said.push_str(text.get(text.len() - rest.len()..at).unwrap_or_default());
        let inside = text.get(at + open.len()..).unwrap_or_default();
        // One that never ends was cut off.
        let (inner, behind) = inside.split_once(close).unwrap_or((inside, ""));
        thought.push_str(inner);
        rest = behind;
        let done = text.len() - rest.len();
        opens.retain_mut(|(at, open, _)| {
            *at = if *at < done { next(done, open).unwrap_or(usize::MAX) } else { *at };
            *at != usize::MAX
        });
    }
    said.push_str(rest);
    for mark in MARKS {
        said = said.replace(mark, "");
    }
    (said.trim().to_owned(), thought)
}
