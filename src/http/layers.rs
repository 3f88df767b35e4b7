//! What every route has around it, outermost last.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
    cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer},
    timeout::TimeoutLayer,
};

use super::{App, body, observe, origin, problem, request_id};

/// For a whole answer to begin; calls have closer limits of their own.
const LONGEST: Duration = Duration::from_mins(30);
/// Smaller answers gain nothing.
const MIN_COMPRESSED: u64 = 1_024;

pub(super) fn layered(routes: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    let compression = CompressionLayer::new().compress_when(
        SizeAbove::new(MIN_COMPRESSED)
            .and(NotForContentType::SSE)
            .and(NotForContentType::const_new("application/vnd."))
            .and(NotForContentType::const_new("application/octet-stream")),
    );
    let mut routes = routes.layer(from_fn_with_state(Arc::clone(app), body::in_time)).layer(compression);
    let origins: Vec<HeaderValue> =
        app.settings.allowed_origins.iter().filter_map(|it| it.trim_end_matches('/').parse().ok()).collect();
    if !origins.is_empty() {
        let cors = CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(
                ["x-request-id", "location", "mcp-session-id", "www-authenticate"].map(HeaderName::from_static),
            )
            .max_age(Duration::from_hours(1));
        routes = routes.layer(cors);
    }
    routes
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, LONGEST))
        .layer(from_fn_with_state(Arc::clone(app), origin::check))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .layer(from_fn(problem::as_problem))
        .layer(from_fn(secured))
        .layer(from_fn(observe::observe))
        .layer(from_fn(request_id::give))
}

/// Headers that keep browsers from making of an answer what it is not; a route's own win.
async fn secured(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
