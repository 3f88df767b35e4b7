//! Whether the process lives (`/healthz`), and whether it can work (`/readyz`).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use crate::workspace::House;

/// How long an outcome is good: a look starts a worker, and anyone may ask.
const FRESH: Duration = Duration::from_secs(2);

/// The last look at the parts.
#[derive(Default)]
pub struct Readiness(Mutex<Option<Look>>);

struct Look {
    at: Instant,
    /// Of each part.
    words: Map<String, Value>,
    are_well: bool,
}

impl Readiness {
    /// Each part in a word, and whether all are well. Who asks at the same time waits for the same look.
    async fn look(&self, house: &Arc<House>) -> (Map<String, Value>, bool) {
        let mut last = self.0.lock().await;
        if let Some(look) = last.as_ref().filter(|look| look.at.elapsed() < FRESH) {
            return (look.words.clone(), look.are_well);
        }
        let (mut words, mut are_well) = (Map::new(), true);
        for (part, outcome) in house.readiness().await {
            if let Err(fault) = &outcome {
                tracing::warn!(part, code = fault.code.name(), detail = fault.message, "not ready");
            }
            are_well &= outcome.is_ok();
            words.insert(part.to_owned(), json!(if outcome.is_ok() { "ok" } else { "failed" }));
        }
        *last = Some(Look { at: Instant::now(), words: words.clone(), are_well });
        (words, are_well)
    }
}

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
    let (mut answer, are_well) = app.readiness.look(&app.house).await;
    let is_stopping = app.stopping.begun.is_cancelled();
    let is_ready = !is_stopping && are_well;
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
