//! How much one question may use.

use std::time::Duration;

use crate::llm::Usage;

/// Bounds of one question. What gives way where one is reached is said with each.
#[derive(Debug, Clone, PartialEq)]
pub struct Budgets {
    /// Turns of the model: then it is told to answer with what there is.
    pub steps: u32,
    /// The same.
    pub time: Duration,
    /// All tokens of all turns: the same.
    pub tokens: u64,
    /// Tokens of one request. Of what is told of the sheets, which may have half of it, sample rows go first; then,
    /// sheet by sheet from the one least like the question, values and ranges; then joins, matching words and examples.
    /// Of the work, results go, the oldest first.
    pub prompt: u64,
    /// Tokens of one tool's result: rows go from the end, then texts are cut.
    pub result: u64,
    /// Tokens of one reply of the model: with what it thinks; one that is cut off is asked for again, shorter, once.
    pub reply: u32,
    /// Failed calls that the model may correct.
    pub repairs: u32,
}

impl Default for Budgets {
    fn default() -> Budgets {
        Budgets {
            steps: 12,
            time: Duration::from_mins(3),
            tokens: 250_000,
            prompt: 60_000,
            result: 4_000,
            reply: 8_000,
            repairs: 4,
        }
    }
}

/// What tokens cost, for a million of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    pub prompt: f64,
    pub completion: f64,
}

impl Prices {
    pub(super) fn cost(self, usage: Usage) -> f64 {
        (real(usage.prompt) * self.prompt + real(usage.completion) * self.completion) / 1e6
    }
}

/// A count as a real number; exact below 2^53.
fn real(n: u64) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "there is no other way; counts are small")]
    let real = n as f64;
    real
}
