//! Replies are made for a context window: each has a budget of bytes, and is cut to it here, for every tool alike.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    fault::{Code, Fault},
    value::shorten,
};

/// Budget of a reply as JSON, in bytes, unless the call sets it.
pub const DEFAULT_BYTES: usize = 25_000;
pub const MIN_BYTES: usize = 1_000;
pub const MAX_BYTES: usize = 1_000_000;

/// What a tool answers.
pub trait Reply: Serialize + JsonSchema + Send {
    /// Whether it has a list that may be cut, and so takes `max_bytes`.
    const CUTS: bool = false;

    /// Length of that list.
    fn n_items(&self) -> usize {
        0
    }

    /// Shortens the list to its first `n_items`, and says in the reply that and how to get the rest.
    fn keep(&mut self, _n_items: usize) {}

    /// Rows answered, for the history.
    fn n_rows(&self) -> Option<u64> {
        None
    }
}

/// Characters that texts are cut to when a single item is over the budget.
const SHORT_CHARS: [usize; 3] = [300, 60, 12];

/// The reply as JSON within `max_bytes`: items are left off from the end until it fits; then texts are cut.
pub fn fitted<R: Reply>(mut reply: R, max_bytes: usize) -> Result<Value, Fault> {
    while R::CUTS && reply.n_items() > 1 {
        let n_bytes = size(&reply)?;
        if n_bytes <= max_bytes {
            break;
        }
        // The items are of about one size: aim at what fits, and always drop at least one.
        let n_items = reply.n_items();
        let aim = n_items.saturating_mul(max_bytes) / n_bytes.max(1);
        reply.keep(aim.clamp(1, n_items - 1));
    }
    let mut value = serde_json::to_value(&reply).map_err(Fault::internal)?;
    for max_chars in SHORT_CHARS {
        if size(&value)? <= max_bytes {
            return Ok(value);
        }
        shorten(&mut value, max_chars);
    }
    let n_bytes = size(&value)?;
    if n_bytes > max_bytes {
        return Err(Fault::new(
            Code::LimitExceeded,
            format!("the reply needs {n_bytes} bytes, over its limit of {max_bytes}"),
        )
        .hint("name fewer columns, or set `max_bytes` higher"));
    }
    Ok(value)
}

fn size(reply: &impl Serialize) -> Result<usize, Fault> {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, reply).map_err(Fault::internal)?;
    Ok(counter.0)
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
