//! A conversation on file: recorded beside the model, and played back without one.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{ChatModel, OnPiece, Piece, Request, Turn, Turning};
use crate::fault::{Code, Fault};

/// Everything that was said for one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// Of this form.
    pub format: u32,
    pub question: String,
    pub model: String,
    pub exchanges: Vec<Exchange>,
}

pub const FORMAT: u32 = 1;

/// One turn: what was asked, and what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    pub request: Request,
    pub outcome: Result<Turn, Fault>,
}

/// A model whose turns are written down.
pub struct Recorder {
    model: Arc<dyn ChatModel>,
    exchanges: Mutex<Vec<Exchange>>,
}

impl Recorder {
    pub fn new(model: Arc<dyn ChatModel>) -> Recorder {
        Recorder { model, exchanges: Mutex::new(Vec::new()) }
    }

    pub fn transcript(&self, question: &str) -> Transcript {
        let exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Transcript { format: FORMAT, question: question.to_owned(), model: self.model.name().to_owned(), exchanges }
    }
}

impl ChatModel for Recorder {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn turn<'a>(&'a self, request: &'a Request, on_piece: OnPiece<'a>, deadline: Instant) -> Turning<'a> {
        Box::pin(async move {
            let outcome = self.model.turn(request, on_piece, deadline).await;
            let exchange = Exchange { request: request.clone(), outcome: outcome.clone() };
            self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).push(exchange);
            outcome
        })
    }
}

/// The turns of a transcript, in their order, whatever is asked.
pub struct Replay {
    transcript: Transcript,
    played: Mutex<Played>,
}

#[derive(Default)]
struct Played {
    n_turns: usize,
    /// Turns that were asked otherwise than they were recorded.
    n_other: usize,
}

impl Replay {
    /// Fails where the transcript is of another form.
    pub fn new(transcript: Transcript) -> Result<Replay, Fault> {
        if transcript.format != FORMAT {
            let message = format!("the transcript has format {}, and this Quire reads {FORMAT}", transcript.format);
            return Err(Fault::new(Code::InvalidArguments, message).hint("record it again with `--transcript`"));
        }
        Ok(Replay { transcript, played: Mutex::default() })
    }

    /// Turns that were asked with other words than when they were recorded: the sheets, or Quire, have changed.
    pub fn n_other(&self) -> usize {
        self.played.lock().unwrap_or_else(PoisonError::into_inner).n_other
    }
}

impl ChatModel for Replay {
    fn name(&self) -> &str {
        &self.transcript.model
    }

    fn turn<'a>(&'a self, request: &'a Request, on_piece: OnPiece<'a>, _: Instant) -> Turning<'a> {
        let outcome = {
            let mut played = self.played.lock().unwrap_or_else(PoisonError::into_inner);
            let exchange = self.transcript.exchanges.get(played.n_turns);
            played.n_turns += 1;
            if exchange.is_some_and(|exchange| exchange.request.messages != request.messages) {
                played.n_other += 1;
            }
            exchange.map(|exchange| exchange.outcome.clone())
        };
        Box::pin(async move {
            let n_turns = self.transcript.exchanges.len();
            let outcome = outcome.ok_or_else(|| {
                Fault::new(Code::ModelFailed, format!("the transcript ends after {n_turns} turns"))
                    .hint("the sheets have changed since it was recorded: record it again")
            })?;
            if let Ok(turn) = &outcome
                && !turn.text.is_empty()
            {
                on_piece(Piece::Text(&turn.text));
            }
            outcome
        })
    }
}
