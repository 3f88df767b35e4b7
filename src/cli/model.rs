//! Settings of the language model and of `ask`. Keys come from the environment or a file, never from an argument.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use url::Url;
use zeroize::Zeroizing;

use super::config::Seconds;
use crate::{
    ask::{Asking, Budgets, Prices},
    fault::{Code, Fault},
    llm::{ChatModel, ModelSettings, OpenAi},
    secret::Secret,
};

/// Where a key can stand.
const KEY: &str = "QUIRE_LLM_API_KEY";
/// A JSON object of headers; they may be keys too.
const HEADERS: &str = "QUIRE_LLM_HEADERS";
const OPENAI: &str = "https://api.openai.com/v1";

/// Everything about the model, but its keys: `QUIRE_LLM_API_KEY` and `QUIRE_LLM_HEADERS`.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "Language model of `ask` (its key: QUIRE_LLM_API_KEY; headers as JSON: QUIRE_LLM_HEADERS)"
)]
pub struct ModelArgs {
    /// The model's name; without one `ask` is off
    #[arg(long, global = true, value_name = "NAME", env = "QUIRE_LLM_MODEL", hide_env_values = true)]
    llm_model: Option<String>,
    /// Address of a server that speaks OpenAI's chat completions, such as `http://localhost:11434/v1`
    #[arg(long, global = true, value_name = "URL", default_value = OPENAI, env = "QUIRE_LLM_BASE_URL", hide_env_values = true)]
    llm_base_url: Url,
    /// A file that holds the key
    #[arg(long, global = true, value_name = "FILE", env = "QUIRE_LLM_API_KEY_FILE", hide_env_values = true)]
    llm_key_file: Option<PathBuf>,
    /// Sent as `OpenAI-Organization`
    #[arg(long, global = true, value_name = "ID", env = "QUIRE_LLM_ORGANIZATION", hide_env_values = true)]
    llm_organization: Option<String>,
    /// Whether replies are streamed
    #[arg(long, global = true, value_name = "BOOL", default_value = "true", env = "QUIRE_LLM_STREAM", action = clap::ArgAction::Set, hide_possible_values = true)]
    llm_stream: bool,
    /// Seconds for one reply of the model, retries included
    #[arg(long, global = true, value_name = "SECONDS", default_value = "120", env = "QUIRE_LLM_TIMEOUT")]
    llm_timeout: Seconds,
    /// Seconds without a byte until an attempt is given up
    #[arg(long, global = true, value_name = "SECONDS", default_value = "60", env = "QUIRE_LLM_PATIENCE")]
    llm_patience: Seconds,
    /// Attempts after one that failed
    #[arg(long, global = true, value_name = "N", default_value = "4", env = "QUIRE_LLM_RETRIES")]
    llm_retries: u32,
    /// Longest wait that the server may ask for before a retry
    #[arg(long, global = true, value_name = "SECONDS", default_value = "30", env = "QUIRE_LLM_LONGEST_WAIT")]
    llm_longest_wait: Seconds,
    /// Prices of a million prompt and completion tokens, such as 0.25,2
    #[arg(long, global = true, value_name = "IN,OUT", env = "QUIRE_LLM_PRICES", value_parser = prices)]
    llm_prices: Option<Prices>,
    /// Turns of the model for one question
    #[arg(long, global = true, value_name = "N", default_value = "12", env = "QUIRE_ASK_STEPS", value_parser = clap::value_parser!(u32).range(1..))]
    ask_steps: u32,
    /// Seconds for one question
    #[arg(long, global = true, value_name = "SECONDS", default_value = "180", env = "QUIRE_ASK_SECONDS")]
    ask_seconds: Seconds,
    /// Tokens for one question, all turns together
    #[arg(long, global = true, value_name = "N", default_value = "250000", env = "QUIRE_ASK_TOKENS")]
    ask_tokens: u64,
    /// Tokens of one request to the model
    #[arg(long, global = true, value_name = "N", default_value = "60000", env = "QUIRE_ASK_PROMPT_TOKENS")]
    ask_prompt_tokens: u64,
    /// Tokens of one tool's result
    #[arg(long, global = true, value_name = "N", default_value = "4000", env = "QUIRE_ASK_RESULT_TOKENS")]
    ask_result_tokens: u64,
    /// Tokens of one reply of the model, with what it thinks before
    #[arg(long, global = true, value_name = "N", default_value = "8000", env = "QUIRE_ASK_REPLY_TOKENS")]
    ask_reply_tokens: u32,
    /// Failed calls that the model may correct
    #[arg(long, global = true, value_name = "N", default_value = "4", env = "QUIRE_ASK_REPAIRS")]
    ask_repairs: u32,
    /// Tokens that a user may spend in a day [default: no limit]
    #[arg(long, global = true, value_name = "N", env = "QUIRE_ASK_DAILY_TOKENS")]
    ask_daily_tokens: Option<u64>,
    /// Answer the same question about the same data anew
    #[arg(long, global = true)]
    ask_no_cache: bool,
}

impl ModelArgs {
    /// What `ask` needs; none where no model is configured.
    pub fn asking(&self) -> Result<Option<Asking>, Fault> {
        let Some(settings) = self.settings()? else { return Ok(None) };
        Ok(Some(Asking { is_metered: true, ..self.with_model(Arc::new(OpenAi::new(settings))) }))
    }

    /// The budgets of the settings with a model of the caller's, whose tokens cost nothing.
    pub fn with_model(&self, model: Arc<dyn ChatModel>) -> Asking {
        let budgets = Budgets {
            steps: self.ask_steps,
            time: self.ask_seconds.0,
            tokens: self.ask_tokens,
            prompt: self.ask_prompt_tokens,
            result: self.ask_result_tokens,
            reply: self.ask_reply_tokens,
            repairs: self.ask_repairs,
        };
        let (prices, daily_tokens) = (self.llm_prices, self.ask_daily_tokens);
        let server = self.llm_base_url.to_string();
        Asking { model, budgets, prices, server, is_metered: false, daily_tokens, uses_cache: !self.ask_no_cache }
    }

    fn settings(&self) -> Result<Option<ModelSettings>, Fault> {
        let key = self.key()?;
        let Some(model) = self.llm_model.clone().filter(|model| !model.trim().is_empty()) else { return Ok(None) };
        if !matches!(self.llm_base_url.scheme(), "http" | "https") {
            return Err(Fault::new(
                Code::InvalidArguments,
                format!("`{}` can't be the model's address", self.llm_base_url),
            )
            .hint("give an address such as http://localhost:11434/v1"));
        }
        if key.is_none() && self.llm_base_url.as_str().trim_end_matches('/') == OPENAI {
            return Ok(None);
        }
        Ok(Some(ModelSettings {
            base_url: self.llm_base_url.clone(),
            model,
            key,
            organisation: self.llm_organization.clone(),
            headers: headers()?,
            streams: self.llm_stream,
            turn_timeout: self.llm_timeout.0,
            patience: self.llm_patience.0.min(Duration::from_hours(1)),
            n_retries: self.llm_retries,
            longest_wait: self.llm_longest_wait.0,
        }))
    }

    fn key(&self) -> Result<Option<Secret>, Fault> {
        let key = Zeroizing::new(match (variable(KEY), &self.llm_key_file) {
            (Some(key), _) => key,
            (None, Some(file)) => std::fs::read_to_string(file).map_err(|error| {
                Fault::new(Code::InvalidArguments, format!("the key can't be read from `{}`: {error}", file.display()))
                    .hint("see QUIRE_LLM_API_KEY_FILE, or `--llm-key-file`")
            })?,
            (None, None) => return Ok(None),
        });
        let key = key.trim();
        if key.chars().any(|c| !c.is_ascii_graphic()) {
            return Err(Fault::new(Code::InvalidArguments, "the model's key has characters that no key has")
                .hint("it must be one line of letters, digits and signs"));
        }
        Ok((!key.is_empty()).then(|| Secret::new(key)))
    }
}

fn headers() -> Result<Vec<(String, Secret)>, Fault> {
    let Some(text) = variable(HEADERS) else { return Ok(Vec::new()) };
    // The error would quote the text.
    let headers: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|_| {
        Fault::new(Code::InvalidArguments, format!("{HEADERS} is no JSON object of texts"))
            .hint("such as {\"X-Title\": \"quire\"}")
    })?;
    Ok(headers.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
}

fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the environment is read; clap would make an argument of it"
    )]
    let value = std::env::var(name).ok();
    value.filter(|value| !value.trim().is_empty())
}

fn prices(text: &str) -> Result<Prices, String> {
    let parsed = text.split_once(',').and_then(|(prompt, completion)| {
        Some(Prices { prompt: prompt.trim().parse().ok()?, completion: completion.trim().parse().ok()? })
    });
    let valid = parsed.filter(|it| [it.prompt, it.completion].iter().all(|price| price.is_finite() && *price >= 0.0));
    valid.ok_or_else(|| "not two prices such as 0.25,2".to_owned())
}
