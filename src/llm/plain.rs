//! Text that can be shown as it is: without what moves a cursor, and without what reorders or hides other text.

/// The text without sequences for terminals, control characters but line breaks and tabs, marks that change the direction
/// of other text, and characters that no one sees. Those that join letters stay: words need them.
pub fn plain(text: &str) -> String {
    if !text.chars().any(|c| is_harmful(c) || is_line_end(c)) {
        return text.to_owned();
    }
    // Whole sequences first: without its first character one would leave the others behind.
    let text = anstream::adapter::strip_str(text).to_string();
    text.chars().filter(|c| !is_harmful(*c)).map(|c| if is_line_end(c) { '\n' } else { c }).collect()
}

fn is_harmful(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_goes_and_what_is_read_stays() {
        for (text, expect) in [
            ("a\u{1b}[31mred\u{1b}[0m b", "ared b"),
            ("\u{1b}]0;owned\u{7}I look", "I look"),
            ("\u{1b}]8;;http://evil.example\u{1b}\\here\u{1b}]8;;\u{1b}\\", "here"),
            ("a\u{9b}31mb\u{0}c\u{7f}", "a31mbc"),
            ("a\u{202e}b\u{2066}c\u{200f}d\u{61c}e\u{e0041}f\u{ad}g", "abcdefg"),
            ("line\n\ttab", "line\n\ttab"),
            ("می\u{200c}خواهم 👩\u{200d}👩 é", "می\u{200c}خواهم 👩\u{200d}👩 é"),
        ] {
            assert_eq!(plain(text), expect, "{text:?}");
            assert_eq!(plain(&plain(text)), plain(text));
        }
    }
}
