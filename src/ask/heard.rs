//! What listeners are told, cleaned as the answer is: text that comes in pieces, names and arguments of calls.

use std::sync::{Mutex, PoisonError};

use super::{Event, Listener, clean};

/// Passes events on.
///
/// A link or a sequence for terminals may come in pieces, so text waits for the end of its word, and from the first
/// character that can begin one for the end of its line.
pub(super) struct Heard<'a> {
    listener: Listener<'a>,
    waiting: Mutex<String>,
}

/// Bytes that wait at most.
const MAX_WAITING: usize = 4_000;
/// What a link, a tag or a sequence begins with.
const OPENS: &[char] = &['[', '<', '!', '\u{1b}', '\u{9b}', '\u{9d}'];

impl<'a> Heard<'a> {
    pub(super) fn new(listener: Listener<'a>) -> Heard<'a> {
        Heard { listener, waiting: Mutex::default() }
    }

    pub(super) fn event(&self, event: Event<'_>) {
        match event {
            Event::Text(text) => self.text(text),
            Event::Call { n, of, tool, arguments } => {
                let (tool, arguments) = (clean::label(tool), clean::arguments(arguments));
                (self.listener)(Event::Call { n, of, tool: &tool, arguments: &arguments });
            }
            // A step is clean from where it is made.
            Event::Turn { .. } | Event::Called(_) => (self.listener)(event),
        }
    }

    fn text(&self, text: &str) {
        let ready = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push_str(text);
            let n_ready = n_ready(&waiting);
            let rest = waiting.split_off(n_ready);
            std::mem::replace(&mut *waiting, rest)
        };
        let ready = clean::tidy(&ready);
        if !ready.is_empty() {
            (self.listener)(Event::Text(&ready));
        }
    }
}

/// How much of a text nothing behind it can change the meaning of.
fn n_ready(text: &str) -> usize {
    if text.len() > MAX_WAITING {
        return text.len();
    }
    let lines = text.rfind('\n').map_or(0, |at| at + 1);
    let last = text.get(lines..).unwrap_or_default();
    let plain = last.find(OPENS).and_then(|at| last.get(..at)).unwrap_or(last);
    lines + plain.rfind(' ').map_or(0, |at| at + 1)
}
