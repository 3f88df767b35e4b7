//! The page at `/` for people: three files in the binary, and the policy that lets them load nothing else.

use std::sync::Arc;

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::IntoResponse,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;

/// Script and style of this server alone; no frames, no forms that go elsewhere, no markup made of strings.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(style)).routes(routes!(script))
}

/// The page for people
#[utoipa::path(
    get, path = "/", tag = "service", security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
async fn page() -> impl IntoResponse {
    file("text/html; charset=utf-8", include_str!("page/index.html"))
}

/// Its style
#[utoipa::path(
    get, path = "/page.css", tag = "service", security(()),
    responses((status = 200, description = "The style", body = String, content_type = "text/css"))
)]
async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("page/page.css"))
}

/// Its script
#[utoipa::path(
    get, path = "/page.js", tag = "service", security(()),
    responses((status = 200, description = "The script", body = String, content_type = "text/javascript"))
)]
async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("page/page.js"))
}

fn file(media: &'static str, text: &'static str) -> ([(HeaderName, HeaderValue); 2], &'static str) {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(media)), (header::CONTENT_SECURITY_POLICY, POLICY)], text)
}
