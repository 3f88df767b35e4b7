//! The registry as rmcp wants it, over every transport.

use std::sync::Arc;

use http::request::Parts;
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest, CustomResult, ErrorCode,
        ListToolsResult, PaginatedRequestParams, ProgressNotificationParam, ServerConfig,
    },
    service::RequestContext,
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{announce, remote::Sender};
use crate::{
    context::Context,
    fault::{Code, Fault},
    tool::Registry,
    workspace::Workspace,
};

/// Answers one client's requests.
#[derive(Clone)]
pub struct Handler {
    pub(super) registry: Arc<Registry>,
    pub(super) whose: Whose,
}

/// Whose sheets a request is about.
#[derive(Clone)]
pub(super) enum Whose {
    /// Those of the one who started this process.
    Local(Workspace),
    /// Those of the request's sender, which the HTTP surface has put beside it.
    Senders,
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
                reports.send_replace((share, words.to_owned()));
            }
        };
        let call = Context { cancel: context.ct.clone(), progress: &progress };
        let outcome = match &self.whose {
            Whose::Local(workspace) => self.registry.call(workspace, &request.name, args, call).await,
            Whose::Senders => {
                let sender = sender(&context)?;
                let outcome = self.registry.call(&sender.workspace, &request.name, args, call).await;
                outcome.map_err(|fault| logged(&fault, &sender.request_id).redacted(&sender.request_id))
            }
        };
        match outcome {
            Ok(reply) => Ok(CallToolResult::structured(reply).into()),
            Err(fault) if fault.code == Code::UnknownTool => {
                Err(ErrorData::invalid_params(fault.message, Some(json!({"hint": fault.hint}))))
            }
            Err(fault) => Ok(CallToolResult::structured_error(json!(fault)).into()),
        }
    }

    /// What rmcp can't read as any request of the protocol.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        Err(unreadable(request))
    }
}

/// A method that there is not, or parameters that don't fit one that there is.
fn unreadable(request: CustomRequest) -> ErrorData {
    let method: String = request.method.chars().take(64).collect();
    let hint = |hint: &str| Some(json!({"hint": hint}));
    match method.as_str() {
        "tools/call" => {
            let read = serde_json::from_value::<CallToolRequestParams>(request.params.unwrap_or_default());
            let why = read.err().map_or_else(String::new, |error| format!(": {error}"));
            ErrorData::invalid_params(
                format!("`params` of `tools/call` can't be read{why}"),
                hint(
                    "send the tool's `name`, and its `arguments` as an object: {\"name\": \"list_sheets\", \"arguments\": {}}",
                ),
            )
        }
        "initialize" | "ping" | "tools/list" => ErrorData::invalid_params(
            format!("`params` of `{method}` can't be read"),
            hint("send them as the protocol has them"),
        ),
        _ => ErrorData::new(
            ErrorCode::METHOD_NOT_FOUND,
            format!("there is no method `{method}`"),
            hint("this server has tools: `tools/list` and `tools/call`"),
        ),
    }
}

/// Whom the HTTP surface has put beside the request.
fn sender(context: &RequestContext<RoleServer>) -> Result<&Sender, ErrorData> {
    let parts = context.extensions.get::<Parts>();
    let sender = parts.and_then(|parts| parts.extensions.get::<Sender>());
    sender.ok_or_else(|| ErrorData::internal_error("a request without a sender", None))
}

/// A defect's details stay here.
fn logged<'a>(fault: &'a Fault, request_id: &str) -> &'a Fault {
    if fault.code.is_ours() {
        tracing::error!(request_id, code = fault.code.name(), detail = fault.message, "a call failed");
    }
    fault
}

/// A way to send progress, if the caller asked for it: while one report is being sent, only the newest waits.
fn forward_progress(context: &RequestContext<RoleServer>) -> Option<watch::Sender<(f64, String)>> {
    let token = context.meta.get_progress_token()?;
    let peer = context.peer.clone();
    let (sender, mut reports) = watch::channel((0.0, String::new()));
    tokio::spawn(async move {
        while reports.changed().await.is_ok() {
            let (share, words) = reports.borrow_and_update().clone();
            let report = ProgressNotificationParam::new(token.clone(), share).with_total(1.0).with_message(words);
            if peer.notify_progress(report).await.is_err() {
                break;
            }
        }
    });
    Some(sender)
}
