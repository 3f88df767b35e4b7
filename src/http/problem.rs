//! Every failure as an RFC 9457 problem document, made of a fault and nothing internal.

use std::any::Any;

use axum::{
    Json,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{extract::too_large, request_id::RequestId};
use crate::fault::{Code, Fault};

/// A fault on its way to an answer. The document is written by a layer, which knows the request's id.
#[derive(Debug, Clone)]
pub(super) struct Problem(pub(super) Fault);

/// The document as callers read it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Document {
    /// Where this kind of problem is described.
    #[schema(example = "/docs#sheet_not_found")]
    r#type: String,
    #[schema(example = "sheet not found")]
    title: String,
    #[schema(example = 404)]
    status: u16,
    /// What is, with the offending value
    detail: String,
    /// Stable; never reworded
    #[schema(value_type = String, example = "sheet_not_found")]
    code: Code,
    /// What to do next
    #[serde(skip_serializing_if = "String::is_empty")]
    hint: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    request_id: String,
}

/// What is wrong with one field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct FieldError {
    /// Its name, or its path such as `steps[0].op`
    pub(super) field: String,
    pub(super) detail: String,
}

/// Goes with a problem of several fields, as an extension of the answer.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldErrors(pub(super) Vec<FieldError>);

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        Problem(fault)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

pub(super) async fn no_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem(
        Fault::new(Code::NotFound, format!("there is nothing at `{path}`")).hint("`/openapi.json` lists what there is"),
    )
}

pub(super) async fn no_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem(
        Fault::new(Code::MethodNotAllowed, format!("`{path}` has no {method}"))
            .hint("the header `allow` names its methods"),
    )
}

/// A defect, of which the caller learns no more than that there is one.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over so")]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    Problem(Fault::internal(format!("a panic: {}", words.unwrap_or("without words")))).into_response()
}

/// Gives failures their form: also panics, and what axum itself refuses.
pub(super) async fn as_problem(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let has_token = request.headers().contains_key(header::AUTHORIZATION);
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let is_problem = response.extensions().get::<Problem>().is_some();
    if !is_problem && is_json(&response) {
        // A protocol with its own errors, such as MCP.
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let fault = match parts.extensions.remove::<Problem>() {
        Some(Problem(fault)) => fault,
        None => of_refusal(status, body).await,
    };
    let FieldErrors(fields) = parts.extensions.remove().unwrap_or_default();
    let status = StatusCode::from_u16(fault.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut document = Document::of(&fault, &id);
    document.errors.extend(fields);
    let mut answer = (status, Json(document)).into_response();
    let headers = answer.headers_mut();
    for (name, value) in &parts.headers {
        if ![header::CONTENT_TYPE, header::CONTENT_LENGTH].contains(name) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(challenge) = challenge(&fault, has_token) {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if [Code::Busy, Code::RateLimited].contains(&fault.code) && !headers.contains_key(header::RETRY_AFTER) {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(fault.wait.unwrap_or(5)));
    }
    answer
}

/// RFC 6750: without a token no error is named.
fn challenge(fault: &Fault, has_token: bool) -> Option<&'static str> {
    // One that is about a header, such as `host`, has nothing to do with the token.
    let is_forbidden = fault.code == Code::Forbidden && fault.field.is_none();
    match (fault.code == Code::Unauthenticated, is_forbidden, has_token) {
        (true, _, false) => Some(r#"Bearer realm="quire""#),
        (true, _, true) => Some(r#"Bearer realm="quire", error="invalid_token""#),
        (_, true, true) => Some(r#"Bearer realm="quire", error="insufficient_scope""#),
        _ => None,
    }
}

impl Document {
    /// Of what broke inside Quire, the log has all and the document only the request's id.
    pub(super) fn of(fault: &Fault, id: &RequestId) -> Document {
        if fault.code.is_ours() {
            tracing::error!(request_id = id.0, code = fault.code.name(), detail = fault.message, "a call failed");
        }
        let Fault { code, message, hint, field, wait: _ } = fault.redacted(&id.0);
        let errors = field.map(|field| FieldError { field, detail: message.clone() }).into_iter().collect();
        Document {
            r#type: format!("/docs#{}", code.name()),
            title: code.name().replace('_', " "),
            status: code.http_status(),
            detail: message,
            code,
            hint,
            errors,
            request_id: id.0.clone(),
        }
    }
}

/// What axum or one of its layers says in its own words.
async fn of_refusal(status: StatusCode, body: Body) -> Fault {
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    let (code, hint) = match status {
        StatusCode::UNAUTHORIZED => (Code::Unauthenticated, "send an access token as `Authorization: Bearer …`"),
        StatusCode::FORBIDDEN => (Code::Forbidden, "ask whoever runs this server"),
        StatusCode::NOT_FOUND => (Code::NotFound, "`/openapi.json` lists what there is"),
        StatusCode::METHOD_NOT_ALLOWED => (Code::MethodNotAllowed, "the header `allow` names its methods"),
        StatusCode::NOT_ACCEPTABLE => (Code::NotAcceptable, "accept what `/docs` says that the route answers"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            (Code::UnsupportedMediaType, "send what `/docs` says that the route takes")
        }
        StatusCode::TOO_MANY_REQUESTS => (Code::RateLimited, "try again in a minute"),
        StatusCode::REQUEST_TIMEOUT => (Code::TooSlow, "send it again"),
        StatusCode::GATEWAY_TIMEOUT => (Code::TimedOut, "ask for less at once"),
        StatusCode::SERVICE_UNAVAILABLE => (Code::Busy, "try again in 10 s"),
        status if status.is_client_error() => (Code::InvalidArguments, "`/docs` has what each route takes"),
        _ => (Code::Internal, ""),
    };
    let words = to_bytes(body, 2_000).await.ok().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
    let words = words.filter(|words| !words.is_empty());
    let words = words.unwrap_or_else(|| status.canonical_reason().unwrap_or("refused").to_lowercase());
    Fault::new(code, words).hint(hint)
}

fn is_json(response: &Response) -> bool {
    let media = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media.starts_with("application/json") || media.starts_with("application/problem+json")
}
