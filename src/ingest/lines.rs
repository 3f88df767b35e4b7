//! Where the lines of a block of text end.

/// The longest line that is looked at again where its record does not fit.
const MAX_LINE: usize = 64 << 10;

/// The line that starts at `start`, its end included; nothing where it is too long, or the block breaks it off.
pub(super) fn line_of(text: &str, start: usize, at_end: bool) -> Option<&str> {
    let rest = text.get(start..)?;
    let at = memchr::memchr2(b'\n', b'\r', rest.as_bytes());
    let end = match at {
        Some(at) => start + at,
        None if at_end => text.len(),
        None => return None,
    };
    let end = line_end(text.as_bytes(), end, at_end)?;
    (end - start <= MAX_LINE).then(|| text.get(start..end)).flatten()
}

/// Behind the line end at `at`, or `at` where there is none; nothing where only the next block can tell.
pub(super) fn line_end(bytes: &[u8], at: usize, at_end: bool) -> Option<usize> {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\n'), _) => Some(at + 1),
        (Some(b'\r'), Some(b'\n')) => Some(at + 2),
        (Some(b'\r'), None) if !at_end => None,
        (Some(b'\r'), _) => Some(at + 1),
        _ => Some(at),
    }
}
