//! Bodies and parameters of requests, parsed; what is wrong with them is a fault that names the field.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request, rejection::BytesRejection},
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{App, problem::Problem};
use crate::{
    fault::{Code, Fault},
    tool,
};

/// A JSON body.
pub(super) struct JsonBody<T>(pub(super) T);

/// The parameters after a path's `?`.
pub(super) struct Params<T>(pub(super) T);

/// What stands in a path for `{name}`, `{id}`, `{tool}` or `{token}`.
pub(super) struct Named(pub(super) String);

/// Rows of a page, from 1 to `most`; `otherwise` where none are asked for.
pub(super) fn page_size(field: &str, asked: Option<u64>, most: u64, otherwise: u64) -> Result<u64, Fault> {
    match asked {
        None => Ok(otherwise),
        Some(asked) if (1..=most).contains(&asked) => Ok(asked),
        Some(asked) => {
            Err(Fault::new(Code::InvalidArguments, format!("`{field}` is {asked}, and must be from 1 to {most}"))
                .hint(format!(
                    "give from 1 to {most}, or leave it out for {otherwise}; ask for what follows page by page"
                ))
                .field(field))
        }
    }
}

impl FromRequestParts<Arc<App>> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Named, Problem> {
        let path: String = parts.uri.path().chars().take(200).collect();
        let found = Path::<String>::from_request_parts(parts, app).await;
        found.map(|Path(name)| Named(name)).map_err(|_| {
            Fault::new(Code::InvalidArguments, format!("`{path}` is no UTF-8 once its `%` signs are read"))
                .hint("write other letters as the UTF-8 of them, such as `%C3%A9` for `é`")
                .into()
        })
    }
}

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
        let bytes = Bytes::from_request(request, app).await.map_err(|refused| unread(&refused))?;
        let mut source = serde_json::Deserializer::from_slice(&bytes);
        let parsed = serde_path_to_error::deserialize(&mut source).map_err(|error| {
            let path = error.path().to_string();
            wrong("the body", &path, &error.into_inner().to_string())
        })?;
        source.end().map_err(|_| wrong("the body", ".", "something follows the JSON"))?;
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

pub(super) fn cut_short() -> Fault {
    Fault::new(Code::InvalidArguments, "the body could not be read to its end").hint("send it again")
}

pub(super) fn unread(refused: &BytesRejection) -> Problem {
    let fault = if refused.status() == StatusCode::PAYLOAD_TOO_LARGE { too_large() } else { cut_short() };
    fault.into()
}

pub(super) fn too_large() -> Fault {
    Fault::new(Code::LimitExceeded, "the body is larger than this route takes").hint("upload files to `/v1/sheets`")
}

fn wrong(what: &str, path: &str, words: &str) -> Fault {
    let field = tool::wrong_field(path, words);
    let message = format!("{what}: {}", tool::in_words(field.as_deref(), words));
    let fault = Fault::new(Code::InvalidArguments, message).hint("`/docs` has each route's fields, and an example");
    Fault { field, ..fault }
}
