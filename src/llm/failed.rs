//! What failures of a model's server mean: whose they are, and whether another attempt can fare better.

use std::time::Duration;

use reqwest::StatusCode;

use super::{plain::plain, retry, settings::ModelSettings, wire::ServerError};
use crate::fault::{Code, Fault};

/// Characters of the server's own words that a fault repeats.
const MAX_WORDS: usize = 300;
/// Bytes of an answer.
pub(super) const MAX_ANSWER: usize = 8 << 20;

/// Why an attempt failed, and whether another may be made.
#[derive(Debug, thiserror::Error)]
#[error("{}", fault.message)]
pub(super) struct Failed {
    pub(super) fault: Fault,
    pub(super) again: bool,
    /// The wait that the server asked for.
    pub(super) wait: Option<Duration>,
}

impl Failed {
    /// Something that may not happen again.
    pub(super) fn transient(message: String) -> Failed {
        let hint = "ask again; if it stays so, the model's server may not speak OpenAI's chat completions";
        Failed { fault: Fault::new(Code::ModelFailed, message).hint(hint), again: true, wait: None }
    }

    pub(super) fn for_good(fault: Fault) -> Failed {
        Failed { fault, again: false, wait: None }
    }

    pub(super) fn too_long() -> Failed {
        let message = format!("the model's answer is over {MAX_ANSWER} bytes");
        Failed::for_good(Fault::new(Code::ModelFailed, message).hint("ask a simpler question"))
    }

    pub(super) fn silent(settings: &ModelSettings) -> Failed {
        let seconds = settings.patience.as_secs_f64();
        let fault = Fault::new(Code::TimedOut, format!("the model's server was silent for {seconds} s"))
            .hint("ask again, or start Quire with a higher `--llm-patience`");
        Failed { fault, again: true, wait: None }
    }

    pub(super) fn broken(settings: &ModelSettings, error: &reqwest::Error) -> Failed {
        let host = settings.base_url.host_str().unwrap_or_default();
        let message = if error.is_connect() {
            format!("the model's server at `{host}` can't be reached: {}", shown(settings, &causes(error)))
        } else {
            format!("the connection to the model's server broke: {}", shown(settings, &causes(error)))
        };
        let fault = Fault::new(Code::ModelFailed, message)
            .hint("see that the model's server runs and that the base URL is right");
        Failed { fault, again: true, wait: None }
    }

    /// What the server said, by status or in an error's own words.
    pub(super) fn said(
        settings: &ModelSettings,
        status: StatusCode,
        error: &ServerError,
        wait: Option<Duration>,
    ) -> Failed {
        let status =
            error.status.and_then(|it| StatusCode::from_u16(it).ok()).filter(|_| status.is_success()).unwrap_or(status);
        let status = if status.is_success() { StatusCode::BAD_GATEWAY } else { status };
        let words = shown(settings, &error.message);
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
        let wait = wait.or_else(|| Duration::try_from_secs_f64(error.wait?).ok());
        Failed { fault: Fault::new(code, message).hint(hint), again, wait }
    }

    /// The fault of the last attempt, with how many there were and what a next one would have had to wait.
    pub(super) fn given_up(mut self, n_tried: u32, wait: Option<Duration>) -> Fault {
        if n_tried > 0 {
            let words = format!("; given up after {} attempts", n_tried + 1);
            self.fault.message.push_str(&words);
        }
        if let Some(wait) = wait {
            let seconds = wait.as_secs_f64().ceil();
            let words = format!("; the next is due in {seconds:.0} s, for which there is no time");
            self.fault.message.push_str(&words);
        }
        self.fault
    }
}

/// A server's words, short, on one line, and without the key that some repeat.
fn shown(settings: &ModelSettings, words: &str) -> String {
    let secrets = settings.key.iter().chain(settings.headers.iter().map(|(_, value)| value));
    let mut words = words.to_owned();
    for secret in secrets.filter(|secret| secret.reveal().len() > 3) {
        words = words.replace(secret.reveal(), "[key]");
    }
    let line: String = plain(&words).chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect();
    line.trim().to_owned()
}

/// The deepest cause of an error: without the address, which may hold a key.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
