//! Whether the process lives (`/healthz`), and whether it can work (`/readyz`).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(alive)).routes(routes!(ready))
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "service", responses((status = 200, description = "It does")))]
async fn alive() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// Whether catalog, store and workers answer
///
/// Each part alone, so that an operator sees which one fails; why is in the log.
#[utoipa::path(
    get, path = "/readyz", tag = "service",
    responses((status = 200, description = "All do"), (status = 503, description = "One does not, or the server is stopping"))
)]
async fn ready(State(app): State<Arc<App>>) -> Response {
    let parts = app.house.readiness().await;
    let mut answer = serde_json::Map::new();
    for (part, outcome) in &parts {
        if let Err(fault) = outcome {
            tracing::warn!(part, code = fault.code.name(), detail = fault.message, "not ready");
        }
        answer.insert((*part).to_owned(), json!(if outcome.is_ok() { "ok" } else { "failed" }));
    }
    let is_stopping = app.stopping.begun.is_cancelled();
    let is_ready = !is_stopping && parts.iter().all(|(_, outcome)| outcome.is_ok());
    let word = if is_stopping {
        "stopping"
    } else if is_ready {
        "ok"
    } else {
        "failed"
    };
    answer.insert("status".to_owned(), json!(word));
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(answer)).into_response()
}
