//! A line in the log and a count in the metrics for every request: which route, how it ended, how long it took.
//!
//! Neither holds more than a route's pattern: paths name sheets and one-time addresses, and what follows the `?` may hold text.

use std::{sync::Arc, time::Instant};

use axum::{
    Extension,
    body::HttpBody as _,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{App, origin::Client, problem::Problem, request_id::RequestId};
use crate::{
    fault::{Code, Fault},
    secret::Secret,
};

/// Seconds; the first are those of a page of rows, the last those of a long import.
const BUCKETS: &[f64] = &[0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0];

/// What `/metrics` shows, and to whom besides this machine.
pub struct Metrics {
    handle: PrometheusHandle,
    token: Option<Secret>,
}

impl Metrics {
    /// Starts counting, once in a process. With a `token`, whoever has it may read; without, only this machine may.
    pub fn start(token: Option<Secret>) -> Result<Metrics, Fault> {
        let builder = PrometheusBuilder::new().set_buckets(BUCKETS).map_err(Fault::internal)?;
        Ok(Metrics { handle: builder.install_recorder().map_err(Fault::internal)?, token })
    }

    /// Tidies what was measured; without it, measurements pile up until someone reads them.
    pub fn tidy(&self) {
        self.handle.run_upkeep();
    }

    fn may_read(&self, client: Client, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        match (&self.token, given) {
            (Some(token), Some(given)) => *token == Secret::new(given),
            (None, _) => client.is_local,
            (Some(_), None) => false,
        }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Metrics for Prometheus
///
/// For this machine, without a proxy between; or for who has the token that `--metrics-token-file` names.
#[utoipa::path(
    get, path = "/metrics", tag = "service",
    responses((status = 200, description = "In the text format of Prometheus", body = String, content_type = "text/plain"))
)]
async fn show(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    if !app.metrics.may_read(client, &headers) {
        return Err(Fault::new(Code::Unauthenticated, "metrics are for this machine, or for who has their token")
            .hint("start Quire with `--metrics-token-file FILE`, and send its token as `Authorization: Bearer …`")
            .into());
    }
    let house = app.house.gauges().await?;
    for (queue, running, waiting) in house.queues {
        gauge!("quire_workers_busy", "queue" => queue).set(count(running));
        gauge!("quire_calls_waiting", "queue" => queue).set(count(waiting));
    }
    gauge!("quire_workers_idle").set(count(house.n_idle));
    gauge!("quire_sheets").set(count(house.usage.n_sheets));
    gauge!("quire_stored_bytes").set(count(house.usage.n_bytes));
    gauge!("quire_users").set(count(house.n_users));
    gauge!("quire_jobs").set(count(app.jobs.n_running()));
    let media = HeaderValue::from_static("text/plain; version=0.0.4");
    Ok(([(header::CONTENT_TYPE, media)], app.metrics.handle.render()))
}

/// Exact up to 2^53, like every gauge.
fn count(n: impl TryInto<u64>) -> f64 {
    let n = n.try_into().unwrap_or(u64::MAX);
    let (high, low) = (n >> 32, n & u64::from(u32::MAX));
    let part = |n: u64| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    part(high).mul_add(4_294_967_296.0, part(low))
}

pub(super) async fn observe(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|it| it.as_str().to_owned());
    let mut line = Line {
        method: method(request.method()),
        route: route.unwrap_or_else(|| "none".to_owned()),
        id: request.extensions().get::<RequestId>().cloned().unwrap_or_default(),
        started: Instant::now(),
        ended: None,
    };
    let response = next.run(request).await;
    line.ended = Some((response.status().as_u16(), response.body().size_hint().exact()));
    response
}

/// Other methods can be anything.
fn method(method: &axum::http::Method) -> &'static str {
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
        .into_iter()
        .find(|it| *it == method.as_str())
        .unwrap_or("other")
}

/// Written when it goes: also for a request whose client has gone before the answer.
struct Line {
    method: &'static str,
    route: String,
    id: RequestId,
    started: Instant,
    ended: Option<(u16, Option<u64>)>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let (status, bytes) = self.ended.unwrap_or((499, None));
        let took = self.started.elapsed();
        let route = self.route.clone();
        counter!("quire_http_requests_total", "method" => self.method, "route" => route.clone(), "status" => status.to_string())
            .increment(1);
        histogram!("quire_http_request_seconds", "route" => route).record(took.as_secs_f64());
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(method = self.method, route = self.route, status, ms, bytes, request_id = self.id.0, "request");
    }
}
