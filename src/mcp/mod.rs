//! The MCP surface: a thin adapter over the registry, and the only rmcp.

pub mod announce;

use std::sync::Arc;

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ListToolsResult, PaginatedRequestParams,
        ProgressNotificationParam, ServerConfig,
    },
    service::{RequestContext, ServerInitializeError},
    transport::{async_rw::AsyncRwTransport, stdio},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::{
    context::Context,
    fault::{Code, Fault},
    tool::Registry,
    workspace::Workspace,
};

/// Bytes of one message: content that comes inline has to fit in, as base64 or with its escapes. rmcp drops a longer one
/// with an error in the log and without an answer: its id is not known before its end.
const MAX_LINE: usize = 64 << 20;

/// Serves one workspace over standard input and output until the input ends.
pub async fn serve_stdio(registry: Arc<Registry>, workspace: Workspace) -> Result<(), Fault> {
    let (input, output) = stdio();
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(MAX_LINE);
    let service = match (Handler { registry, workspace }).serve(transport).await {
        Ok(service) => service,
        // The host closed the pipe before it said hello: nothing went wrong.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => return Ok(()),
        Err(error) => return Err(Fault::internal(error)),
    };
    service.waiting().await.map_err(Fault::internal)?;
    Ok(())
}

struct Handler {
    registry: Arc<Registry>,
    workspace: Workspace,
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        announce::server()
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.registry.contracts().map(announce::tool).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let args = Value::Object(request.arguments.unwrap_or_default());
        let reports = forward_progress(&context);
        let progress = |share: f64, words: &str| {
            if let Some(reports) = &reports {
                // A closed channel means that the client has gone.
                let _ = reports.send((share, words.to_owned()));
            }
        };
        let call = Context { cancel: context.ct.clone(), progress: &progress };
        match self.registry.call(&self.workspace, &request.name, args, call).await {
            Ok(reply) => Ok(CallToolResult::structured(reply).into()),
            Err(fault) if fault.code == Code::UnknownTool => Err(ErrorData::invalid_params(fault.message, None)),
            Err(fault) => Ok(CallToolResult::structured_error(json!(fault)).into()),
        }
    }
}

/// A way to send progress, if the caller asked for it; what comes in while one is being sent is merged.
fn forward_progress(context: &RequestContext<RoleServer>) -> Option<mpsc::UnboundedSender<(f64, String)>> {
    let token = context.meta.get_progress_token()?;
    let peer = context.peer.clone();
    let (sender, mut reports) = mpsc::unbounded_channel::<(f64, String)>();
    tokio::spawn(async move {
        while let Some((mut share, mut words)) = reports.recv().await {
            while let Ok(newer) = reports.try_recv() {
                (share, words) = newer;
            }
            let report = ProgressNotificationParam::new(token.clone(), share).with_total(1.0).with_message(words);
            if peer.notify_progress(report).await.is_err() {
                break;
            }
        }
    });
    Some(sender)
}
