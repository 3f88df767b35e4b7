//! How the server and its tools present themselves to a client.

use std::sync::Arc;

use rmcp::model::{Implementation, JsonObject, ServerCapabilities, ServerConfig, Tool, ToolAnnotations};
use serde_json::Value;

use crate::tool::{Contract, Effect};

/// Read by models at the start of a conversation.
const INSTRUCTIONS: &str = include_str!("../../tools/prompts/instructions.md");

pub(super) fn server() -> ServerConfig {
    ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
        .with_server_info(Implementation::new("quire", env!("CARGO_PKG_VERSION")).with_title("Quire"))
        .with_instructions(INSTRUCTIONS.trim_end())
}

/// A contract as MCP lists it.
pub fn tool(contract: &Contract) -> Tool {
    let mut tool = Tool::new(contract.name, contract.about, object(&contract.args));
    tool.title = Some(contract.title.to_owned());
    tool.output_schema = Some(Arc::new(output_schema(contract)));
    tool.annotations = Some(
        ToolAnnotations::with_title(contract.title)
            .read_only(contract.effect == Effect::Reads)
            .destructive(contract.effect == Effect::Destroys)
            .idempotent(matches!(contract.effect, Effect::Reads | Effect::Writes))
            .open_world(false),
    );
    tool
}

/// The reply's schema, no property required: a failing call answers its fault as structured content, and the TypeScript
/// SDK 1.x holds that to the schema as well.
fn output_schema(contract: &Contract) -> JsonObject {
    let mut schema = object(&contract.reply);
    schema.remove("required");
    schema
}

fn object(schema: &Value) -> JsonObject {
    schema.as_object().cloned().unwrap_or_default()
}
