//! Bodies that stop coming, or come too slowly; and how much of them, and of what they hold, memory has to carry.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::time::timeout;
use tower_http::timeout::{TimeoutBody, TimeoutError};

use super::{App, extract::cut_short, problem::Problem, visitor::Visitor};
use crate::fault::{Code, Fault};

/// Bytes of one message of MCP, and of a tool's arguments: longer content is to be uploaded.
pub const MAX_MESSAGE: usize = 16 << 20;
/// Bytes of a body that is not counted: every connection may have one at once.
const SMALL: usize = 64 << 10;
/// Bytes of larger ones that are held at once, of all users and of one.
const MAX_HELD: usize = 16 * MAX_MESSAGE;
const MAX_HELD_OF_USER: usize = 4 * MAX_MESSAGE;
/// Bytes a second that a larger one has to come with, on the whole.
const MIN_PACE: u64 = 64 << 10;
/// Bytes that a value takes once it is parsed, beside those of its text.
const VALUE: usize = 72;

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

/// The large bodies that are held whole, until their calls have ended.
#[derive(Debug, Default)]
pub struct Bodies(Arc<Mutex<HashMap<String, usize>>>);

impl Bodies {
    /// Reads a body of a user's to its end.
    ///
    /// Fails with `limit_exceeded` where it is too large, with `quota_exceeded` and `busy` where too much is held already,
    /// and with `invalid_arguments` where it breaks off.
    async fn whole(&self, user: &str, mut body: Body) -> Result<(Bytes, Held), Fault> {
        let mut held = Held { of: Arc::clone(&self.0), user: user.to_owned(), n_bytes: 0 };
        let mut whole = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame.map_err(|_| cut_short())?.into_data() else { continue };
            if whole.len() + bytes.len() > MAX_MESSAGE {
                return Err(Fault::new(Code::LimitExceeded, format!("the body has more than {MAX_MESSAGE} bytes"))
                    .hint("send files to the address that `request_upload` gives, or to `/v1/sheets`"));
            }
            held.more(bytes.len())?;
            whole.extend_from_slice(&bytes);
        }
        held.more(n_values(&whole) * VALUE)?;
        Ok((whole.into(), held))
    }
}

/// Bytes that are held for a user, until this goes.
struct Held {
    of: Arc<Mutex<HashMap<String, usize>>>,
    user: String,
    n_bytes: usize,
}

impl Held {
    fn more(&mut self, n_bytes: usize) -> Result<(), Fault> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let n_all: usize = of.values().sum();
        let n_own = of.entry(self.user.clone()).or_default();
        if *n_own + n_bytes > MAX_HELD_OF_USER {
            let n_bytes = *n_own + n_bytes;
            let what = format!("your requests under way, this one with them, take {n_bytes} bytes of memory or more");
            return Err(Fault::new(Code::QuotaExceeded, format!("{what}, and {MAX_HELD_OF_USER} is the most")).hint(
                "send large ones one after another, rows as the text of a file rather than as JSON values, and files to \
                 the address that `request_upload` gives",
            ));
        }
        if n_all + n_bytes > MAX_HELD {
            return Err(Fault::new(Code::Busy, "the server holds as many large requests as it can")
                .hint("send this again in 2 s")
                .wait(2));
        }
        *n_own += n_bytes;
        self.n_bytes += n_bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(n_own) = of.get_mut(&self.user) {
            *n_own = n_own.saturating_sub(self.n_bytes);
            if *n_own == 0 {
                of.remove(&self.user);
            }
        }
    }
}

/// Reads a body that is not small before its route does: of one who may be answered, in time, and counted.
pub(super) async fn counted(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length: Option<usize> = length.and_then(|value| value.to_str().ok()?.parse().ok());
    let is_small = match length {
        Some(n_bytes) => n_bytes <= SMALL,
        None => !request.headers().contains_key(header::TRANSFER_ENCODING),
    };
    if is_small {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let read = async {
        let visitor = Visitor::from_request_parts(&mut parts, &app).await?;
        let longest = app.settings.body_timeout
            + Duration::from_secs(u64::try_from(MAX_MESSAGE).unwrap_or(u64::MAX).div_ceil(MIN_PACE));
        let read = timeout(longest, app.bodies.whole(visitor.workspace.key(), body)).await;
        read.unwrap_or_else(|_| {
            let what = format!("the body took longer than {} s", longest.as_secs());
            Err(Fault::new(Code::TooSlow, what)
                .hint("send files to the address that `request_upload` gives, which takes its time"))
        })
        .map_err(Problem)
    };
    match read.await {
        Ok((bytes, _held)) => next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Err(problem) => problem.into_response(),
    }
}

/// At least as many as the values of a JSON text, without what is in its texts.
fn n_values(json: &[u8]) -> usize {
    let (mut n, mut is_text, mut is_escaped) = (1, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => n += 1,
            _ => {}
        }
    }
    n
}
