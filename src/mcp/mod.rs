//! The MCP surface: a thin adapter over the registry, and the only rmcp.

pub mod announce;
mod handler;
mod legacy;
mod refusals;
pub mod remote;
mod sessions;

use std::sync::Arc;

use rmcp::{
    ServiceExt,
    service::ServerInitializeError,
    transport::{async_rw::AsyncRwTransport, stdio},
};

use self::handler::Whose;
use crate::{fault::Fault, tool::Registry, workspace::Workspace};

pub use self::{handler::Handler, remote::Remote};

/// Bytes of one message: content that comes inline has to fit in, as base64 or with its escapes. rmcp drops a longer one
/// with an error in the log and without an answer: its id is not known before its end.
const MAX_LINE: usize = 64 << 20;

/// Serves one workspace over standard input and output until the input ends.
pub async fn serve_stdio(registry: Arc<Registry>, workspace: Workspace) -> Result<(), Fault> {
    let (input, output) = stdio();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(MAX_LINE);
    let service = match (Handler { registry, whose: Whose::Local(workspace) }).serve(transport).await {
        Ok(service) => service,
        // The host closed the pipe before it said hello: nothing went wrong.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
        Err(error) => return Err(Fault::internal(error)),
    };
    service.waiting().await.map_err(Fault::internal)?;
    Ok(())
}
