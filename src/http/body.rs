//! Bodies that stop coming: the same for every route, whoever reads them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use tower_http::timeout::{TimeoutBody, TimeoutError};

use super::{App, problem::Problem};
use crate::fault::{Code, Fault};

/// Bytes of one message of MCP, and of a tool's arguments: longer content is to be uploaded.
pub const MAX_MESSAGE: usize = 16 << 20;

/// Ends a body that pauses for too long. What a route then says of it, each in its own words, is one answer: it was too slow.
pub(super) async fn in_time(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let pause = app.settings.body_timeout;
    let is_late = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&is_late);
    let request = request.map(|body| {
        Body::new(TimeoutBody::new(pause, body).map_err(move |error| {
            noted.fetch_or(error.is::<TimeoutError>(), Ordering::Relaxed);
            error
        }))
    });
    let response = next.run(request).await;
    if is_late.load(Ordering::Relaxed) && !response.status().is_success() {
        let what = format!("nothing more of the body came for {} s", pause.as_secs());
        return Problem(Fault::new(Code::TooSlow, what).hint("send it again")).into_response();
    }
    response
}
