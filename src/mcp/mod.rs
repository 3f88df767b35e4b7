//! The MCP surface: a thin adapter over the registry, and the only rmcp.

pub mod announce;
mod handler;
mod legacy;
mod lines;
mod refusals;
pub mod remote;
mod sessions;

use std::sync::Arc;

use rmcp::{ServiceExt, service::ServerInitializeError, transport::stdio};
use tokio::io::BufReader;

use self::{handler::Whose, lines::Lines};
use crate::{fault::Fault, tool::Registry, workspace::Workspace};

pub use self::{handler::Handler, remote::Remote};

/// Serves one workspace over standard input and output until the input ends.
pub async fn serve_stdio(registry: Arc<Registry>, workspace: Workspace) -> Result<(), Fault> {
    let (input, output) = stdio();
    let transport = Lines::new(BufReader::new(input), output);
    let service = match (Handler { registry, whose: Whose::Local(workspace) }).serve(transport).await {
        Ok(service) => service,
        // The host closed the pipe before it said hello: nothing went wrong.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
        Err(error) => return Err(Fault::internal(error)),
    };
    service.waiting().await.map_err(Fault::internal)?;
    Ok(())
}
