//! `POST /v1/tools/{tool}`: every tool of the registry, and how a tool is called from a route.

use std::sync::Arc;

use axum::{
    Json,
    extract::{DefaultBodyLimit, State},
    middleware::from_fn_with_state,
};
use serde_json::Value;
use tower_http::limit::RequestBodyLimitLayer;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    App,
    body::{MAX_MESSAGE, counted},
    extract::{JsonBody, Named},
    problem::Problem,
    visitor::Visitor,
};
use crate::{
    context::{Context, Progress},
    fault::{Code, Fault},
};

pub(super) fn routes(app: &Arc<App>) -> OpenApiRouter<Arc<App>> {
    // The first looks at the length that is announced, the second counts.
    OpenApiRouter::new()
        .routes(routes!(call))
        .layer(from_fn_with_state(Arc::clone(app), counted))
        .layer(RequestBodyLimitLayer::new(MAX_MESSAGE))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE))
}

/// Call a tool
#[utoipa::path(
    post, path = "/v1/tools/{tool}", tag = "tools",
    params(("tool" = String, Path, description = "Its name")),
    request_body = Value,
    responses((status = 200, description = "The tool's reply", body = Value))
)]
async fn call(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Named(tool): Named,
    JsonBody(args): JsonBody<Value>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(app.call(&visitor, &tool, args, &|_, _| ()).await?))
}

impl App {
    /// Calls a tool for a visitor. It is cancelled when this future is dropped, as it is when the client goes away, and when
    /// the server stops and the grace period is over.
    pub(super) async fn call(
        &self,
        visitor: &Visitor,
        tool: &str,
        args: Value,
        progress: Progress<'_>,
    ) -> Result<Value, Fault> {
        let cancel = self.stopping.ended.child_token();
        let _ends = cancel.clone().drop_guard();
        let context = Context { cancel, progress };
        let outcome = self.registry.call(&visitor.workspace, tool, args, context).await;
        outcome.map_err(|fault| self.told(fault))
    }

    /// A call that the server itself cancelled is told so.
    pub(super) fn told(&self, fault: Fault) -> Fault {
        if fault.code == Code::Cancelled && self.stopping.ended.is_cancelled() {
            return Fault::new(Code::Busy, "the server is stopping, and this call was cancelled")
                .hint("call again when it is back");
        }
        fault
    }
}
