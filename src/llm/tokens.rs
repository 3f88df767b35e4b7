//! Counts tokens offline, and learns from the server's own counts.

use std::sync::atomic::{AtomicU64, Ordering};

use tiktoken_rs::{CoreBPE, cl100k_base_singleton, o200k_base_singleton, tokenizer};

use super::{Message, Request, Usage};

/// Counts the tokens of one conversation.
///
/// A vocabulary is some megabytes to set up, so it is loaded only where bytes, of which a token has at least one, don't
/// already say that a text fits.
#[derive(Debug)]
pub struct Counter {
    is_older: bool,
    /// The server's count by ours, in thousandths: vocabularies differ, and each server frames messages its own way.
    correction: AtomicU64,
}

/// What a message costs beside its text.
const PER_MESSAGE: u64 = 4;
const NONE: u64 = 1_000;

impl Counter {
    /// For a model by its name; one that is not known is taken to use the newest vocabulary.
    pub fn new(model: &str) -> Counter {
        let is_older = tokenizer::get_tokenizer(model).is_some_and(|it| it == tokenizer::Tokenizer::Cl100kBase);
        Counter { is_older, correction: AtomicU64::new(NONE) }
    }

    /// Tokens of a text.
    pub fn text(&self, text: &str) -> u64 {
        self.corrected(self.raw(text))
    }

    /// Tokens of all that is sent.
    pub fn request(&self, request: &Request) -> u64 {
        self.corrected(self.raw_request(request))
    }

    /// Whether a request has no more tokens than `budget`.
    pub fn fits(&self, request: &Request, budget: u64) -> bool {
        let n_bytes: u64 = parts(request).map(|text| len(&text) + PER_MESSAGE).sum();
        self.corrected(n_bytes) <= budget || self.request(request) <= budget
    }

    /// Takes the server's count of a request in.
    pub fn learn(&self, request: &Request, usage: Usage) {
        let ours = self.raw_request(request);
        if ours > 0 && usage.prompt > 0 {
            // A count that is far off is of something else, such as only what was not in the server's cache.
            let thousandths = usage.prompt.saturating_mul(1_000) / ours;
            self.correction.store(thousandths.clamp(700, 3_000), Ordering::Relaxed);
        }
    }

    /// Where a text has more tokens than `budget`: how many bytes of text like it have about as many.
    pub fn max_bytes(&self, text: &str, budget: u64) -> Option<usize> {
        if self.corrected(len(text)) <= budget {
            return None;
        }
        let n_tokens = self.text(text);
        let n_bytes = len(text).saturating_mul(budget) / n_tokens.max(1);
        (n_tokens > budget).then(|| usize::try_from(n_bytes).unwrap_or(usize::MAX))
    }

    /// The text without its end, so that it has no more tokens than `budget`.
    pub fn cut(&self, text: &str, budget: u64) -> Option<String> {
        if self.corrected(len(text)) <= budget || self.text(text) <= budget {
            return None;
        }
        let n_tokens = self.text(text).max(1);
        let share = text.len().saturating_mul(usize::try_from(budget).unwrap_or(usize::MAX))
            / usize::try_from(n_tokens).unwrap_or(usize::MAX);
        let mut end = share.min(text.len());
        loop {
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let head = text.get(..end).unwrap_or_default();
            if end == 0 || self.text(head) <= budget {
                return Some(head.to_owned());
            }
            end -= (end / 10).max(1);
        }
    }

    fn corrected(&self, n: u64) -> u64 {
        n.saturating_mul(self.correction.load(Ordering::Relaxed)).div_ceil(NONE)
    }

    fn raw_request(&self, request: &Request) -> u64 {
        parts(request).map(|text| self.raw(&text) + PER_MESSAGE).sum()
    }

    fn raw(&self, text: &str) -> u64 {
        u64::try_from(self.vocabulary().count_ordinary(text)).unwrap_or(u64::MAX)
    }

    fn vocabulary(&self) -> &'static CoreBPE {
        if self.is_older { cl100k_base_singleton() } else { o200k_base_singleton() }
    }
}

fn len(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// The texts of a request, one for each message and tool.
fn parts(request: &Request) -> impl Iterator<Item = String> {
    let messages = request.messages.iter().map(|message| match message {
        Message::System { text } | Message::User { text } => text.clone(),
        Message::Assistant { text, calls, kept } => {
            let said = calls.iter().fold(text.clone(), |all, call| all + &call.name + &call.arguments);
            kept.values().fold(said, |all, value| all + &value.to_string())
        }
        Message::Tool { reply, .. } => reply.clone(),
    });
    messages.chain(request.tools.iter().map(ToString::to_string))
}
