//! MCP for remote agents: `/mcp` (Streamable HTTP), and `/sse` with `/message` for older hosts.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    http::StatusCode,
    middleware::from_fn_with_state,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{any, get, post},
};
use futures::StreamExt;
use http_body_util::BodyExt;
use serde::Deserialize;

use super::{
    App,
    body::{MAX_MESSAGE, counted},
    extract::{Params, cut_short, unread},
    problem::Problem,
    request_id::RequestId,
    visitor::Visitor,
};
use crate::mcp::remote::Sender;

pub(super) fn routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/mcp", any(streamable))
        .route("/sse", get(open))
        .route("/message", post(message))
        .layer(from_fn_with_state(Arc::clone(app), counted))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE))
}

async fn streamable(State(app): State<Arc<App>>, visitor: Visitor, request: Request) -> Result<Response, Problem> {
    let sender = visitor.sender(request.extensions().get());
    let (parts, body) = request.into_parts();
    // One that ends too early is its sender's fault, and would be told as ours further in.
    let (cut, seen) = tokio::sync::watch::channel(false);
    let body = body.map_err(move |error| {
        let _ = cut.send(true);
        axum::BoxError::from(error)
    });
    let request = Request::from_parts(parts, body.boxed_unsync());
    let answer = app.mcp.answer(sender, request).await;
    if *seen.borrow() {
        return Err(cut_short().into());
    }
    Ok(answer?.map(Body::new))
}

async fn open(State(app): State<Arc<App>>, visitor: Visitor) -> Result<Response, Problem> {
    // Below whatever path a proxy has put this server.
    let base = app.settings.public_url.path().trim_end_matches('/').to_owned();
    let events = app.mcp.open(&visitor.workspace, |id| format!("{base}/message?sessionId={id}"))?;
    let events = events.map(|(name, text)| Ok::<_, Infallible>(Event::default().event(name).data(text)));
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    // A proxy that collects events before it passes them on holds answers back.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

#[derive(Deserialize)]
struct To {
    #[serde(rename = "sessionId")]
    session_id: String,
}

async fn message(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Params(to): Params<To>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &app).await;
    let body = body.map_err(|refused| unread(&refused))?;
    let sender = visitor.sender(parts.extensions.get());
    app.mcp.post(sender, &to.session_id, parts, &body).await?;
    Ok((StatusCode::ACCEPTED, "Accepted").into_response())
}

impl Visitor {
    fn sender(self, request_id: Option<&RequestId>) -> Sender {
        let request_id = request_id.map(|id| id.0.clone()).unwrap_or_default();
        Sender { workspace: self.workspace, request_id }
    }
}
