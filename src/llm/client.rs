//! Asks an OpenAI-compatible server for one turn: attempts, time limits, and what failures mean.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use eventsource_stream::Eventsource;
use futures::StreamExt;
use reqwest::{Client, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    ChatModel, ModelSettings, OnText, Request, Turn, Turning,
    deltas::Assembly,
    fenced, retry,
    wire::{self, ServerError},
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

/// Bytes of an answer.
const MAX_ANSWER: usize = 8 << 20;
/// Bytes of an answer that says what went wrong.
const MAX_ERROR: usize = 64 << 10;
/// Characters of the server's own words that a fault repeats.
const MAX_WORDS: usize = 300;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an attempt failed, and whether another may be made.
struct Failed {
    fault: Fault,
    again: bool,
    /// The wait that the server asked for.
    wait: Option<Duration>,
}

impl ChatModel for OpenAi {
    fn name(&self) -> &str {
        &self.settings.model
    }

    fn turn<'a>(&'a self, request: &'a Request, on_text: OnText<'a>, deadline: Instant) -> Turning<'a> {
        Box::pin(self.attempts(request, on_text, deadline.min(Instant::now() + self.settings.turn_timeout)))
    }
}

impl OpenAi {
    pub fn new(settings: ModelSettings) -> OpenAi {
        OpenAi { settings, client: OnceLock::new(), refused: Mutex::default() }
    }

    async fn attempts(&self, request: &Request, on_text: OnText<'_>, deadline: Instant) -> Result<Turn, Fault> {
        let mut n_tried = 0;
        loop {
            let passed_on = AtomicBool::new(false);
            let passing = |text: &str| {
                passed_on.store(true, Ordering::Relaxed);
                on_text(text);
            };
            let Ok(outcome) = timeout_at(deadline, self.attempt(request, &passing)).await else {
                return Err(self.too_slow());
            };
            let failed = match outcome {
                Ok(turn) => return Ok(understood(turn, request)),
                Err(failed) => failed,
            };
            if !failed.again || passed_on.load(Ordering::Relaxed) || n_tried >= self.settings.n_retries {
                return Err(failed.fault);
            }
            let wait = retry::wait(n_tried, failed.wait.map(|it| it.min(self.settings.longest_wait)));
            if Instant::now() + wait >= deadline {
                return Err(failed.fault);
            }
            tracing::info!(code = failed.fault.code.name(), ?wait, "the model is asked again");
            sleep(wait).await;
            n_tried += 1;
        }
    }

    async fn attempt(&self, request: &Request, on_text: OnText<'_>) -> Result<Turn, Failed> {
        let response = self.sent(request).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refusal(response, request).await);
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            return self.streamed(response, on_text).await;
        }
        let bytes = self.read(response, MAX_ANSWER).await?;
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|error| transient(format!("the model's server answered what is no JSON: {error}")))?;
        if let Some(error) = wire::error(&answer) {
            return Err(self.said(status, &error, None));
        }
        let turn =
            wire::turn(&answer).ok_or_else(|| transient("the model's server answered without a message".to_owned()))?;
        if !turn.text.is_empty() {
            on_text(&turn.text);
        }
        Ok(turn)
    }

    async fn sent(&self, request: &Request) -> Result<Response, Failed> {
        let refused: Vec<&'static str> = self.refused().iter().copied().collect();
        let body = wire::body(&self.settings.model, request, self.settings.streams, &refused);
        let endpoint = self.settings.endpoint().map_err(last)?;
        let mut sending = self.client().map_err(last)?.post(endpoint).json(&body);
        if let Some(key) = &self.settings.key {
            sending = sending.bearer_auth(key.reveal());
        }
        if let Some(organisation) = &self.settings.organisation {
            sending = sending.header("OpenAI-Organization", organisation);
        }
        for (name, value) in &self.settings.headers {
            sending = sending.header(name, value.reveal());
        }
        match timeout(self.settings.patience, sending.send()).await {
            Err(_) => Err(self.silent()),
            Ok(sent) => sent.map_err(|error| self.broken(&error)),
        }
    }

    async fn streamed(&self, response: Response, on_text: OnText<'_>) -> Result<Turn, Failed> {
        let mut events = response.bytes_stream().eventsource();
        let mut assembly = Assembly::default();
        let mut n_bytes = 0;
        loop {
            let Ok(event) = timeout(self.settings.patience, events.next()).await else { return Err(self.silent()) };
            let chunk = match event {
                None => break,
                Some(Err(error)) if assembly.is_finished => {
                    tracing::debug!(%error, "the stream broke behind its end");
                    break;
                }
                Some(Err(error)) => return Err(transient(format!("the model's answer broke off: {error}"))),
                Some(Ok(event)) if event.data.trim() == "[DONE]" => {
                    assembly.is_finished = true;
                    break;
                }
                Some(Ok(event)) if event.data.trim().is_empty() => continue,
                Some(Ok(event)) => event.data,
            };
            n_bytes += chunk.len();
            if n_bytes > MAX_ANSWER {
                return Err(last(too_long()));
            }
            let chunk: Value = serde_json::from_str(&chunk)
                .map_err(|error| transient(format!("the model's server streamed what is no JSON: {error}")))?;
            if let Some(error) = wire::error(&chunk) {
                return Err(self.said(StatusCode::BAD_GATEWAY, &error, None));
            }
            let text = assembly.add(&chunk);
            if !text.is_empty() {
                on_text(&text);
            }
        }
        if assembly.is_finished {
            Ok(assembly.into_turn())
        } else {
            Err(transient("the model's answer was cut off before its end".to_owned()))
        }
    }

    /// What a status that is no success means.
    async fn refusal(&self, response: Response, request: &Request) -> Failed {
        let status = response.status();
        let wait = retry::asked(response.headers(), SystemTime::now());
        let bytes = self.read(response, MAX_ERROR).await.unwrap_or_default();
        let error = match serde_json::from_slice::<Value>(&bytes) {
            Ok(answer) => wire::error(&answer).unwrap_or_default(),
            Err(_) => ServerError { message: String::from_utf8_lossy(&bytes).into_owned(), kind: String::new() },
        };
        if matches!(status.as_u16(), 400 | 422) && self.learned(&error, request) {
            return Failed { fault: self.said(status, &error, None).fault, again: true, wait: None };
        }
        self.said(status, &error, wait)
    }

    /// Whether the server has just refused a field that can be left out.
    fn learned(&self, error: &ServerError, request: &Request) -> bool {
        let known: Vec<&str> = self.refused().iter().copied().collect();
        let body = wire::body("", request, self.settings.streams, &[]);
        let named = wire::OPTIONAL
            .iter()
            .find(|name| error.message.contains(**name) && body.get(**name).is_some() && !known.contains(*name));
        named.is_some_and(|name| self.refused().insert(name))
    }

    fn said(&self, status: StatusCode, error: &ServerError, wait: Option<Duration>) -> Failed {
        let words = self.clean(&error.message);
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        let message = format!("the model's server answered {}{words}", status.as_u16());
        let is_spent = error.kind.contains("insufficient_quota") || error.message.contains("insufficient_quota");
        let (code, hint, again) = match status.as_u16() {
            _ if is_spent => (Code::ModelFailed, "the account's quota is used up: see its plan and billing", false),
            429 => (Code::RateLimited, "ask again in a minute, or raise the limits of the model's account", true),
            401 | 403 => (Code::ModelFailed, "see that the key is right and may use this model", false),
            404 => (Code::ModelFailed, "see that the base URL and the model's name are right", false),
            _ => (Code::ModelFailed, "see that the model's server is well, and that it can call tools", false),
        };
        let again = again || retry::is_transient(status) && !is_spent;
        Failed { fault: Fault::new(code, message).hint(hint), again, wait }
    }

    async fn read(&self, response: Response, max_bytes: usize) -> Result<Vec<u8>, Failed> {
        let mut bytes = Vec::new();
        let mut stream = response.bytes_stream();
        loop {
            let Ok(piece) = timeout(self.settings.patience, stream.next()).await else { return Err(self.silent()) };
            match piece {
                None => return Ok(bytes),
                Some(Ok(piece)) if bytes.len() + piece.len() <= max_bytes => bytes.extend_from_slice(&piece),
                Some(Ok(_)) => return Err(last(too_long())),
                Some(Err(error)) => return Err(self.broken(&error)),
            }
        }
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

    /// A server's words, short, on one line, and without the key that some repeat.
    fn clean(&self, words: &str) -> String {
        let secrets = self.settings.key.iter().chain(self.settings.headers.iter().map(|(_, value)| value));
        let mut words = words.to_owned();
        for secret in secrets.filter(|secret| secret.reveal().len() > 3) {
            words = words.replace(secret.reveal(), "[key]");
        }
        let plain: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect();
        plain.trim().to_owned()
    }

    fn broken(&self, error: &reqwest::Error) -> Failed {
        let host = self.settings.base_url.host_str().unwrap_or_default();
        let message = if error.is_connect() {
            format!("the model's server at `{host}` can't be reached: {}", self.clean(&causes(error)))
        } else {
            format!("the connection to the model's server broke: {}", self.clean(&causes(error)))
        };
        let fault = Fault::new(Code::ModelFailed, message)
            .hint("see that the model's server runs and that the base URL is right");
        Failed { fault, again: true, wait: None }
    }

    fn silent(&self) -> Failed {
        let seconds = self.settings.patience.as_secs_f64();
        let fault = Fault::new(Code::TimedOut, format!("the model's server was silent for {seconds} s"));
        Failed {
            fault: fault.hint("ask again, or start Quire with a higher `--llm-patience`"),
            again: true,
            wait: None,
        }
    }

    fn too_slow(&self) -> Fault {
        Fault::new(Code::TimedOut, format!("the model `{}` took longer than there was time", self.settings.model))
            .hint("ask a simpler question, or start Quire with higher `--ask-seconds` and `--llm-timeout`")
    }
}

/// The turn with the calls that stand in its text, and with an id for each call.
fn understood(mut turn: Turn, request: &Request) -> Turn {
    if turn.calls.is_empty() {
        let names: Vec<&str> =
            request.tools.iter().filter_map(|tool| tool.pointer("/function/name").and_then(Value::as_str)).collect();
        turn.calls = fenced::calls(&turn.text, &names);
    }
    let mut ids = BTreeSet::new();
    for (position, call) in (1_usize..).zip(&mut turn.calls) {
        if call.id.is_empty() || !ids.insert(call.id.clone()) {
            call.id = format!("call_{}_{position}", request.messages.len());
            ids.insert(call.id.clone());
        }
    }
    turn
}

fn transient(message: String) -> Failed {
    let hint = "ask again; if it stays so, the model's server may not speak OpenAI's chat completions";
    Failed { fault: Fault::new(Code::ModelFailed, message).hint(hint), again: true, wait: None }
}

fn last(fault: Fault) -> Failed {
    Failed { fault, again: false, wait: None }
}

fn too_long() -> Fault {
    Fault::new(Code::ModelFailed, format!("the model's answer is over {MAX_ANSWER} bytes"))
        .hint("ask a simpler question")
}

/// An error with what caused it, without the address, which may hold a key.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
