//! Where the model is, and how long to wait for it.

use std::time::Duration;

use url::Url;

use crate::secret::Secret;

/// Everything about the model's server; `cli::config` fills it.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Such as `https://api.openai.com/v1`.
    pub base_url: Url,
    pub model: String,
    /// None for servers that ask for none.
    pub key: Option<Secret>,
    pub organisation: Option<String>,
    /// Sent with each request; values may be keys too.
    pub headers: Vec<(String, Secret)>,
    pub streams: bool,
    /// For one turn, retries included.
    pub turn_timeout: Duration,
    /// Without a byte from the server, until the attempt is given up.
    pub patience: Duration,
    /// Attempts after the first.
    pub n_retries: u32,
    /// Longest wait that the server may ask for with `Retry-After`.
    pub longest_wait: Duration,
}

impl ModelSettings {
    /// The address that completions are asked of: with the base's query, such as Azure's `?api-version=…`.
    pub(super) fn endpoint(&self) -> Url {
        let mut endpoint = self.base_url.clone();
        let path = endpoint.path().trim_end_matches('/');
        let path = path.strip_suffix("/chat/completions").unwrap_or(path).trim_end_matches('/');
        endpoint.set_path(&format!("{path}/chat/completions"));
        endpoint.set_fragment(None);
        endpoint
    }
}
