//! Language models behind the OpenAI protocol, and the only reqwest: one turn of a conversation, its text as it streams,
//! its tool calls whole.

mod body;
mod client;
mod deltas;
mod failed;
pub mod plain;
mod retry;
mod settings;
pub mod tokens;
pub mod transcript;
mod wire;
mod written;

use std::pin::Pin;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::fault::Fault;

pub use client::OpenAi;
pub use settings::ModelSettings;

/// Something that continues a conversation.
pub trait ChatModel: Send + Sync {
    /// The model's name, as answers and cache keys have it.
    fn name(&self) -> &str;

    /// One turn, ended by `deadline` with whatever retries it takes. `on_piece` is given what comes on the way; once text
    /// was, nothing is tried again.
    ///
    /// Fails with `rate_limited`, `timed_out` and `model_failed`.
    fn turn<'a>(&'a self, request: &'a Request, on_piece: OnPiece<'a>, deadline: Instant) -> Turning<'a>;
}

/// What comes before a turn is there.
#[derive(Debug, Clone, Copy)]
pub enum Piece<'a> {
    /// A piece of text, in their order.
    Text(&'a str),
    /// What an attempt used that failed, where the server said so.
    Wasted(Usage),
}

pub type OnPiece<'a> = &'a (dyn Fn(Piece<'_>) + Send + Sync);

pub type Turning<'a> = Pin<Box<dyn Future<Output = Result<Turn, Fault>> + Send + 'a>>;

/// What a model is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub messages: Vec<Message>,
    /// Entries of an OpenAI `tools` array.
    pub tools: Vec<Value>,
    /// Tokens that the reply may have.
    pub max_tokens: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    System {
        text: String,
    },
    User {
        text: String,
    },
    Assistant {
        text: String,
        calls: Vec<ToolCall>,
        /// Fields of the server's own that it wants back.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        kept: Map<String, Value>,
    },
    /// What a tool answered, as JSON.
    Tool {
        call_id: String,
        name: String,
        reply: String,
    },
}

/// A tool call as the model wrote it: its arguments may be no JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub arguments: String,
    /// Of the server's own, which it wants back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Value>,
}

/// What the model said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub text: String,
    pub calls: Vec<ToolCall>,
    /// None where the server did not count.
    pub usage: Option<Usage>,
    /// Whether the reply ended because it was as long as it may be.
    pub is_cut: bool,
    /// Fields of the server's own that it wants back.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub kept: Map<String, Value>,
    /// What the model thought, where the server tells it apart. It is not for anyone, and goes into no transcript.
    #[serde(skip)]
    pub(crate) thought: String,
}

/// Tokens as the server counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt: u64,
    pub completion: u64,
    /// In the server's currency, where it says so.
    pub cost: Option<f64>,
}
