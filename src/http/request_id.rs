//! Every request has an id, which its answer and its log lines carry.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

const NAME: HeaderName = HeaderName::from_static("x-request-id");
const MAX_LEN: usize = 64;

/// Letters, digits, dots, dashes and underscores: safe in any log.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestId(pub(super) String);

/// Takes the caller's id where it is well-formed, or makes one.
pub(super) async fn give(mut request: Request, next: Next) -> Response {
    let given = request.headers().get(NAME).and_then(|value| value.to_str().ok()).filter(|id| is_well_formed(id));
    let id = RequestId(given.map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned));
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(NAME, value);
    }
    response
}

fn is_well_formed(id: &str) -> bool {
    (1..=MAX_LEN).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
