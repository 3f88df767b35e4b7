//! Puts a streamed answer together: text in pieces, and tool calls whose pieces come interleaved.

use serde_json::Value;

use super::{ToolCall, Turn, wire};

/// An answer as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    turn: Turn,
    /// With the index that the server gives each.
    calls: Vec<(u64, ToolCall)>,
    /// Names of the tools that there are.
    names: Vec<String>,
    /// Whether the server said that the answer is complete.
    pub(super) is_finished: bool,
    /// Bytes of text and arguments.
    pub(super) n_bytes: usize,
}

/// A piece of a call.
struct Piece<'a> {
    index: Option<u64>,
    id: String,
    name: &'a str,
    arguments: String,
}

impl Assembly {
    pub(super) fn new(names: Vec<String>) -> Assembly {
        Assembly { names, ..Assembly::default() }
    }

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
                self.turn.is_cut = wire::is_cut(reason);
            }
        }
        // Some servers stream one chunk that is a whole answer.
        let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) else { return String::new() };
        for (position, piece) in (0..).zip(wire::calls(delta)) {
            self.add_piece(position, piece);
        }
        wire::keep(delta, &mut self.turn.kept);
        self.turn.thought.push_str(&wire::thought(delta));
        let text = wire::said(delta);
        self.n_bytes += text.len();
        self.turn.text.push_str(&text);
        text
    }

    fn add_piece(&mut self, position: u64, piece: &Value) {
        let extra = wire::extra(piece);
        let function = piece.get("function").unwrap_or(piece);
        let piece = Piece {
            index: piece.get("index").and_then(Value::as_u64),
            id: wire::id(piece),
            name: function.get("name").and_then(Value::as_str).unwrap_or_default(),
            arguments: wire::arguments(function.get("arguments").or_else(|| function.get("parameters"))),
        };
        self.n_bytes += piece.arguments.len();
        let place = self.place(&piece);
        let Some((_, call)) = (match place {
            Place::Repeats => return,
            Place::Continues(at) => self.calls.get_mut(at),
            Place::Begins { named_by } => {
                let next = self.calls.iter().map(|(idx, _)| idx + 1).max().unwrap_or_default();
                let name = named_by.and_then(|at| self.calls.get(at)).map(|(_, call)| call.name.clone());
                let call = ToolCall { name: name.unwrap_or_default(), ..ToolCall::default() };
                self.calls.push((piece.index.unwrap_or_else(|| next.max(position)), call));
                self.calls.last_mut()
            }
        }) else {
            return;
        };
        if call.id.is_empty() {
            call.id = piece.id;
        }
        // Some servers repeat the name with every piece.
        if call.name != piece.name {
            call.name.push_str(piece.name);
        }
        call.arguments.push_str(&piece.arguments);
        call.extra = call.extra.take().or(extra);
    }

    /// Which call a piece belongs to. The index is not enough: some servers leave it out, some give every call the same.
    fn place(&self, piece: &Piece<'_>) -> Place {
        let last = |fits: &dyn Fn(&(u64, ToolCall)) -> bool| self.calls.iter().rposition(fits);
        let has_id = |call: &ToolCall| !piece.id.is_empty() && call.id == piece.id;
        let found = match piece.index {
            Some(index) => {
                last(&|(idx, call)| *idx == index && has_id(call)).or_else(|| last(&|(idx, _)| *idx == index))
            }
            None => last(&|(_, call)| has_id(call))
                .or_else(|| self.calls.len().checked_sub(1).filter(|_| piece.id.is_empty())),
        };
        let Some((at, (_, call))) = found.and_then(|at| Some((at, self.calls.get(at)?))) else {
            return Place::Begins { named_by: None };
        };
        let is_whole = matches!(serde_json::from_str(&call.arguments), Ok(Value::Object(_)));
        let is_other_id = !piece.id.is_empty() && !call.id.is_empty() && call.id != piece.id;
        let is_other_tool = !piece.name.is_empty()
            && call.name != piece.name
            && (!call.arguments.is_empty() || self.is_tool(&call.name) && self.is_tool(piece.name));
        let begins_anew = is_whole && piece.arguments.trim_start().starts_with('{');
        if is_whole && !is_other_id && !is_other_tool && call.arguments == piece.arguments && has_id(call) {
            return Place::Repeats;
        }
        if is_other_tool || is_other_id && !piece.name.is_empty() {
            return Place::Begins { named_by: None };
        }
        if begins_anew {
            return Place::Begins { named_by: piece.name.is_empty().then_some(at) };
        }
        Place::Continues(at)
    }

    fn is_tool(&self, name: &str) -> bool {
        self.names.iter().any(|it| it == name)
    }

    pub(super) fn into_turn(mut self) -> Turn {
        self.calls.sort_by_key(|(idx, _)| *idx);
        self.turn.calls = self.calls.into_iter().map(|(_, call)| call).filter(|call| !call.name.is_empty()).collect();
        self.turn
    }
}

enum Place {
    Continues(usize),
    Begins {
        /// The call whose name it has too.
        named_by: Option<usize>,
    },
    /// It says again what is there.
    Repeats,
}
