//! The registry as an OpenAI `tools` array, for function calling.

use serde_json::{Value, json};

use super::Registry;

/// One entry per tool, in the order of their names.
pub fn array(registry: &Registry) -> Value {
    let entry = |contract: &super::Contract| {
        json!({"type": "function", "function": {
            "name": contract.name,
            "description": contract.about,
            "parameters": contract.args,
        }})
    };
    registry.contracts().map(entry).collect()
}
