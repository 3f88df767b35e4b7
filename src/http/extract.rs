//! Bodies and parameters of requests, parsed; what is wrong with them is a fault that names the field.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::{App, problem::Problem};
use crate::{
    fault::{Code, Fault},
    tool,
};

/// How long a body may take, and of an upload each piece.
pub(super) const SLOWEST: Duration = Duration::from_secs(30);

/// A JSON body.
pub(super) struct JsonBody<T>(pub(super) T);

/// The parameters after a path's `?`.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<JsonBody<T>, Problem> {
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !media.is_some_and(is_json) {
            let what =
                media.map_or_else(|| "the body has no content type".to_owned(), |it| format!("the body is `{it}`"));
            return Err(Fault::new(Code::UnsupportedMediaType, what)
                .hint("send JSON with the header `content-type: application/json`")
                .into());
        }
        let bytes = match timeout(SLOWEST, Bytes::from_request(request, app)).await {
            Ok(bytes) => bytes.map_err(|refused| unread(&refused))?,
            Err(_) => return Err(too_slow().into()),
        };
        let mut source = serde_json::Deserializer::from_slice(&bytes);
        let parsed = serde_path_to_error::deserialize(&mut source).map_err(|error| {
            let path = error.path().to_string();
            wrong("the body", &path, &error.into_inner().to_string())
        })?;
        source.end().map_err(|error| wrong("the body", ".", &error.to_string()))?;
        Ok(JsonBody(parsed))
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _app: &Arc<App>) -> Result<Params<T>, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let source = serde_html_form::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(source).map(Params).map_err(|error| {
            let path = error.path().to_string();
            wrong("the parameters", &path, &error.into_inner().to_string()).into()
        })
    }
}

fn is_json(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

pub(super) fn too_slow() -> Fault {
    Fault::new(Code::TooSlow, format!("nothing more of the body came for {} s", SLOWEST.as_secs()))
        .hint("send it again")
}

pub(super) fn cut_short() -> Fault {
    Fault::new(Code::InvalidArguments, "the body could not be read to its end").hint("send it again")
}

fn unread(refused: &BytesRejection) -> Problem {
    let fault = if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Fault::new(Code::LimitExceeded, "the body is larger than this route takes").hint("upload files to `/v1/sheets`")
    } else {
        cut_short()
    };
    fault.into()
}

pub(super) fn wrong(what: &str, path: &str, words: &str) -> Fault {
    let field = tool::wrong_field(path, words);
    let named = field.as_ref().filter(|field| !words.contains(&format!("`{field}`")));
    let message = named.map_or_else(|| format!("{what}: {words}"), |field| format!("{what}: `{field}`: {words}"));
    Fault { field, ..Fault::new(Code::InvalidArguments, message) }
}
