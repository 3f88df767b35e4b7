//! Puts a streamed answer together: text in pieces, and tool calls whose pieces come interleaved.

use serde_json::Value;

use super::{ToolCall, Turn, wire};

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    turn: Turn,
    /// With the index that the server gives each.
    calls: Vec<(u64, ToolCall)>,
    /// Whether the server said that the answer is complete.
    pub(super) is_finished: bool,
}

impl Assembly {
    /// Takes one chunk in; answers the text that it adds.
    pub(super) fn add(&mut self, chunk: &Value) -> String {
        if let Some(usage) = wire::usage(chunk) {
            self.turn.usage = Some(usage);
        }
        let Some(choice) = chunk.pointer("/choices/0") else { return String::new() };
        match choice.get("finish_reason").and_then(Value::as_str) {
            None | Some("") => {}
            Some(reason) => {
                self.is_finished = true;
                self.turn.is_cut = reason == "length";
            }
        }
        // Some servers stream one chunk that is a whole answer.
        let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) else { return String::new() };
        let pieces = delta.get("tool_calls").and_then(Value::as_array);
        for (position, piece) in (0..).zip(pieces.into_iter().flatten()) {
            self.add_piece(position, piece);
        }
        let text = wire::text(delta.get("content"));
        self.turn.text.push_str(&text);
        text
    }

    fn add_piece(&mut self, position: u64, piece: &Value) {
        let id = piece.get("id").and_then(Value::as_str).unwrap_or_default();
        let function = piece.get("function").unwrap_or(piece);
        let name = function.get("name").and_then(Value::as_str).unwrap_or_default();
        let idx = match piece.get("index").and_then(Value::as_u64) {
            Some(idx) => idx,
            // Without an index: a known id belongs to its call, a new one begins a call, none continues the last.
            None => match self.calls.iter().find(|(_, call)| !id.is_empty() && call.id == id) {
                Some((idx, _)) => *idx,
                None if id.is_empty() && name.is_empty() => self.calls.last().map_or(position, |(idx, _)| *idx),
                None => self.calls.iter().map(|(idx, _)| idx + 1).max().unwrap_or_default(),
            },
        };
        // A server that numbers every call 0 tells them apart by their ids.
        let is_same = |(known, call): &&mut (u64, ToolCall)| {
            *known == idx && (id.is_empty() || call.id.is_empty() || call.id == id)
        };
        let found = self.calls.iter_mut().rev().find(is_same).map(|(_, call)| call);
        let call = if let Some(call) = found {
            call
        } else {
            self.calls.push((idx, ToolCall { id: String::new(), name: String::new(), arguments: String::new() }));
            let Some((_, call)) = self.calls.last_mut() else { return };
            call
        };
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        // Some servers repeat the name with every piece.
        if call.name != name {
            call.name.push_str(name);
        }
        call.arguments.push_str(&wire::arguments(function.get("arguments")));
    }

    pub(super) fn into_turn(mut self) -> Turn {
        self.calls.sort_by_key(|(idx, _)| *idx);
        self.turn.calls = self.calls.into_iter().map(|(_, call)| call).filter(|call| !call.name.is_empty()).collect();
        self.turn
    }
}
