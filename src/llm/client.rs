//! Asks an OpenAI-compatible server for one turn: attempts, time limits, and what failures mean.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use eventsource_stream::{EventStreamError, Eventsource};
use futures::{
    Stream, StreamExt,
    stream::{self},
};
use reqwest::{Client, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    ChatModel, ModelSettings, OnPiece, Piece, Request, Turn, Turning, Usage, body,
    deltas::Assembly,
    failed::{Failed, MAX_ANSWER, causes},
    retry,
    wire::{self, ServerError},
    written,
};
use crate::fault::{Code, Fault};

/// A server that speaks OpenAI's chat completions.
pub struct OpenAi {
    settings: ModelSettings,
    /// Set up with the first turn: reading the machine's certificates takes a while.
    client: OnceLock<Client>,
    /// Fields that this server has refused.
    refused: Mutex<BTreeSet<&'static str>>,
}

/// Is told what comes in an attempt.
#[derive(Clone, Copy)]
struct Heard<'a> {
    text: &'a (dyn Fn(&str) + Send + Sync),
    /// All that was used so far.
    used: &'a (dyn Fn(Usage) + Send + Sync),
}

/// Bytes of a stream, of which its answer is the smaller part.
const MAX_STREAM: usize = 64 << 20;
/// Bytes of an answer that says what went wrong.
const MAX_ERROR: usize = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl ChatModel for OpenAi {
    fn name(&self) -> &str {
        &self.settings.model
    }

    fn turn<'a>(&'a self, request: &'a Request, on_piece: OnPiece<'a>, deadline: Instant) -> Turning<'a> {
        Box::pin(self.attempts(request, on_piece, deadline.min(Instant::now() + self.settings.turn_timeout)))
    }
}

impl OpenAi {
    pub fn new(settings: ModelSettings) -> OpenAi {
        OpenAi { settings, client: OnceLock::new(), refused: Mutex::default() }
    }

    async fn attempts(&self, request: &Request, on_piece: OnPiece<'_>, deadline: Instant) -> Result<Turn, Fault> {
        let mut n_tried = 0;
        let mut before: Option<Fault> = None;
        loop {
            let passed_on = AtomicBool::new(false);
            let used = Mutex::new(None);
            let heard = Heard {
                text: &|text: &str| {
                    passed_on.store(true, Ordering::Relaxed);
                    on_piece(Piece::Text(text));
                },
                used: &|usage: Usage| *used.lock().unwrap_or_else(PoisonError::into_inner) = Some(usage),
            };
            let outcome = timeout_at(deadline, self.attempt(request, heard)).await;
            let failed = match outcome {
                Ok(Ok(turn)) => return Ok(understood(turn, request)),
                Ok(Err(failed)) => Some(failed),
                Err(_) => None,
            };
            if let Some(usage) = used.into_inner().unwrap_or_else(PoisonError::into_inner) {
                on_piece(Piece::Wasted(usage));
            }
            let Some(failed) = failed else { return Err(before.unwrap_or_else(|| self.too_slow())) };
            if !failed.again || passed_on.load(Ordering::Relaxed) || n_tried >= self.settings.n_retries {
                return Err(failed.given_up(n_tried, None));
            }
            let wait = retry::wait(n_tried, failed.wait.map(|it| it.min(self.settings.longest_wait)));
            if Instant::now() + wait >= deadline {
                let asked = failed.wait.unwrap_or_default().max(wait);
                return Err(failed.given_up(n_tried, Some(asked)));
            }
            let told = Failed { wait: None, fault: failed.fault.clone(), again: true };
            before = Some(told.given_up(n_tried + 1, None));
            tracing::info!(code = failed.fault.code.name(), ?wait, "the model is asked again");
            sleep(wait).await;
            n_tried += 1;
        }
    }

    async fn attempt(&self, request: &Request, heard: Heard<'_>) -> Result<Turn, Failed> {
        let response = self.sent(request).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(response, request).await);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if kind.to_ascii_lowercase().starts_with("text/event-stream") {
            return self.streamed(self.bytes(response, MAX_STREAM), request, heard).await;
        }
        let bytes = self.read(response, MAX_ANSWER).await?;
        let answer: Value = match serde_json::from_slice(&bytes) {
            Ok(answer) => answer,
            // A stream that is not called one.
            Err(_) if [&b"data:"[..], b"event:", b":"].iter().any(|it| bytes.trim_ascii_start().starts_with(it)) => {
                let whole = stream::iter([Ok(Bytes::from(bytes))]);
                return self.streamed(whole, request, heard).await;
            }
            Err(error) => {
                return Err(Failed::transient(format!("the model's server answered what is no JSON: {error}")));
            }
        };
        if let Some(usage) = wire::usage(&answer) {
            (heard.used)(usage);
        }
        if let Some(error) = wire::error_within(&answer) {
            return Err(Failed::said(&self.settings, status, &error, None));
        }
        let turn = wire::turn(&answer)
            .ok_or_else(|| Failed::transient("the model's server answered without a message".to_owned()))?;
        if !turn.text.is_empty() {
            (heard.text)(&turn.text);
        }
        Ok(turn)
    }

    async fn sent(&self, request: &Request) -> Result<Response, Failed> {
        let refused = self.known_refusals();
        let body = body::body(&self.settings.model, request, self.settings.streams, &refused);
        let mut sending = self.client().map_err(Failed::for_good)?.post(self.settings.endpoint()).json(&body);
        if let Some(key) = &self.settings.key {
            sending = sending.bearer_auth(key.reveal());
        }
        if let Some(organisation) = &self.settings.organisation {
            sending = sending.header("OpenAI-Organization", organisation);
        }
        for (name, value) in &self.settings.headers {
            sending = sending.header(name, value.reveal());
        }
        let sending = sending.send();
        let sent = if self.settings.streams {
            timeout(self.settings.patience, sending).await.map_err(|_| Failed::silent(&self.settings))?
        } else {
            // A server that doesn't stream has nothing to send until its answer is whole: only the deadline counts.
            sending.await
        };
        sent.map_err(|error| Failed::broken(&self.settings, &error))
    }

    async fn streamed(
        &self,
        bytes: impl Stream<Item = Result<Bytes, Failed>>,
        request: &Request,
        heard: Heard<'_>,
    ) -> Result<Turn, Failed> {
        let mut events = pin!(bytes.eventsource());
        let names = written::Tool::all(&request.tools).iter().map(|tool| tool.name.to_owned()).collect();
        let mut assembly = Assembly::new(names);
        while let Some(event) = events.next().await {
            let event = match event {
                Err(error) if assembly.is_finished => {
                    tracing::debug!(%error, "the stream broke behind its end");
                    break;
                }
                Err(EventStreamError::Transport(failed)) => return Err(failed),
                Err(error) => return Err(Failed::transient(format!("the model's answer broke off: {error}"))),
                Ok(event) => event,
            };
            match event.data.trim() {
                "" => continue,
                "[DONE]" => {
                    assembly.is_finished = true;
                    break;
                }
                _ => {}
            }
            let chunk: Value = serde_json::from_str(&event.data)
                .map_err(|error| Failed::transient(format!("the model's server streamed what is no JSON: {error}")))?;
            if let Some(usage) = wire::usage(&chunk) {
                (heard.used)(usage);
            }
            let error = wire::error_within(&chunk);
            if let Some(error) = error.or_else(|| wire::error(&chunk).filter(|_| event.event == "error")) {
                return Err(Failed::said(&self.settings, StatusCode::OK, &error, None));
            }
            let text = assembly.add(&chunk);
            if assembly.n_bytes > MAX_ANSWER {
                return Err(Failed::too_long());
            }
            if !text.is_empty() {
                (heard.text)(&text);
            }
        }
        if assembly.is_finished {
            Ok(assembly.into_turn())
        } else {
            Err(Failed::transient("the model's answer was cut off before its end".to_owned()))
        }
    }

    /// What a status that is no success means.
    async fn refusal(&self, response: Response, request: &Request) -> Failed {
        let status = response.status();
        let wait = retry::asked(response.headers(), SystemTime::now());
        let bytes = self.read(response, MAX_ERROR).await.unwrap_or_default();
        let error = match serde_json::from_slice::<Value>(&bytes) {
            Ok(answer) => wire::error(&answer).unwrap_or_default(),
            Err(_) => ServerError { message: String::from_utf8_lossy(&bytes).into_owned(), ..ServerError::default() },
        };
        // llama.cpp says with 500 that a template takes no such roles.
        if matches!(status.as_u16(), 400 | 422 | 500) && self.learned(&error, request) {
            return Failed { again: true, wait: None, ..Failed::said(&self.settings, status, &error, None) };
        }
        Failed::said(&self.settings, status, &error, wait)
    }

    /// Whether the server has just refused something that can be left out.
    fn learned(&self, error: &ServerError, request: &Request) -> bool {
        let known = self.known_refusals();
        let refused = body::refused_by(&error.message, request, self.settings.streams, &known);
        refused.is_some_and(|it| self.refused().insert(it))
    }

    async fn read(&self, response: Response, max_bytes: usize) -> Result<Vec<u8>, Failed> {
        let mut bytes = Vec::new();
        let mut pieces = pin!(self.bytes(response, max_bytes));
        while let Some(piece) = pieces.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok(bytes)
    }

    /// What comes, as long as the server is not silent for too long. Any byte is a sign of life: some servers send comments
    /// or blanks while a model still thinks.
    fn bytes(&self, response: Response, max_bytes: usize) -> impl Stream<Item = Result<Bytes, Failed>> {
        stream::unfold((response, Some(0_usize)), move |(mut response, n_read)| async move {
            let n_read = n_read?;
            let failed = match timeout(self.settings.patience, response.chunk()).await {
                Err(_) => Failed::silent(&self.settings),
                Ok(Ok(None)) => return None,
                Ok(Ok(Some(piece))) if n_read + piece.len() <= max_bytes => {
                    let n_read = n_read + piece.len();
                    return Some((Ok(piece), (response, Some(n_read))));
                }
                Ok(Ok(Some(_))) => Failed::too_long(),
                Ok(Err(error)) => Failed::transient(format!("the model's answer broke off: {}", causes(&error))),
            };
            Some((Err(failed), (response, None)))
        })
    }

    fn client(&self) -> Result<&Client, Fault> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Fails where there is one already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The key goes to the one address that was configured: no redirects, no proxies of the environment.
        let mut building = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("quire/", env!("CARGO_PKG_VERSION")));
        if self.settings.base_url.scheme() == "http" {
            // A machine without certificates can still use a model of its own.
            building = building.tls_certs_only([]);
        }
        let client = building.build().map_err(|error| {
            Fault::new(Code::ModelFailed, format!("no connections can be made: {}", causes(&error)))
                .hint("see that the machine's certificate authorities are installed")
        })?;
        Ok(self.client.get_or_init(|| client))
    }

    fn refused(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_refusals(&self) -> Vec<&'static str> {
        self.refused().iter().copied().collect()
    }

    fn too_slow(&self) -> Fault {
        Fault::new(Code::TimedOut, format!("the model `{}` took longer than there was time", self.settings.model))
            .hint("ask a simpler question, or start Quire with higher `--ask-seconds` and `--llm-timeout`")
    }
}

/// The turn with the calls that stand in its text, and with an id for each call.
fn understood(mut turn: Turn, request: &Request) -> Turn {
    let tools = written::Tool::all(&request.tools);
    let found = written::read(&turn.text, &turn.thought, &tools);
    turn.text = found.text;
    if turn.calls.is_empty() {
        turn.calls = found.calls;
    }
    let mut ids = BTreeSet::new();
    for (position, call) in (1_usize..).zip(&mut turn.calls) {
        written::bare(&call.name).to_owned().clone_into(&mut call.name);
        if let Some(arguments) = written::repaired(&call.arguments) {
            call.arguments = arguments;
        }
        if call.id.is_empty() || !ids.insert(call.id.clone()) {
            // Nine letters and digits: Mistral's servers take no other.
            call.id = format!("q{:05}{position:03}", request.messages.len());
            ids.insert(call.id.clone());
        }
    }
    turn
}
