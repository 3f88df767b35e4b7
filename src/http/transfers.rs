//! One-time addresses: `/v1/uploads/{token}` takes one file, `/v1/downloads/{token}` gives one. The token is the permission.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use tokio_util::io::ReaderStream;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    App,
    extract::Named,
    jobs,
    problem::Problem,
    uploads::{Form, read_form},
};
use crate::{
    context::Context,
    export::Format,
    fault::{Code, Fault},
    ingest::Options,
    workspace::{Download, Remote, Staged, UploadSlot, UploadTicket},
};

/// Bytes that are read from a file at once.
const CHUNK: usize = 64 << 10;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    let uploads = OpenApiRouter::new().routes(routes!(put, post)).layer(DefaultBodyLimit::disable());
    OpenApiRouter::new().merge(uploads).routes(routes!(download))
}

/// Send the file for which an address was given out
///
/// As `curl -T FILE` does. `request_upload` gives such addresses; each is good for one file, within 10 minutes. The import's
/// reply is the answer, however long it takes.
#[utoipa::path(
    put, path = "/v1/uploads/{token}", tag = "transfers", security(()),
    params(("token" = String, Path, description = "From `request_upload`")),
    request_body(content = String, content_type = "application/octet-stream", description = "The file"),
    responses((status = 201, description = "What `import_file` replies", body = Value)),
    extensions(("x-quire-tool" = json!("import_file")))
)]
async fn put(State(app): State<Arc<App>>, Named(token): Named, request: Request) -> Result<Response, Problem> {
    let ticket = remote(&app)?.take_upload(&token).await?;
    let slot = ticket.workspace.begin_upload().await?;
    let mut staging = ticket.workspace.stage(&slot, &ticket.name).await?;
    let mut body = request.into_body().into_data_stream();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| {
            Fault::new(Code::InvalidArguments, "the file broke off").hint("send it again to the same address")
        })?;
        staging.write(&piece).await?;
    }
    let staged = staging.finish().await?;
    imported(&app, ticket, slot, staged, Options::default()).await
}

/// Send it as a form
#[utoipa::path(
    post, path = "/v1/uploads/{token}", tag = "transfers", security(()),
    params(("token" = String, Path, description = "From `request_upload`")),
    request_body(content = super::uploads::UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "What `import_file` replies", body = Value)),
    extensions(("x-quire-tool" = json!("import_file")))
)]
async fn post(State(app): State<Arc<App>>, Named(token): Named, request: Request) -> Result<Response, Problem> {
    let ticket = remote(&app)?.take_upload(&token).await?;
    let slot = ticket.workspace.begin_upload().await?;
    let Form { mut files, options } = read_form(&ticket.workspace, &slot, request, &app).await?;
    let (Some(staged), true) = (files.pop(), files.is_empty()) else {
        return Err(Fault::new(Code::InvalidArguments, "an upload address takes one file")
            .hint("send one file; ask for another address with `request_upload` for each of the others")
            .field("file")
            .into());
    };
    imported(&app, ticket, slot, staged, options).await
}

async fn imported(
    app: &Arc<App>,
    mut ticket: UploadTicket,
    _slot: UploadSlot,
    staged: Staged,
    options: Options,
) -> Result<Response, Problem> {
    let cancel = app.stopping.ended.child_token();
    let _ends = cancel.clone().drop_guard();
    let context = Context { cancel, progress: &|_, _| () };
    let reply = jobs::import(&ticket.workspace, staged, options, &context).await.map_err(|fault| app.told(fault))?;
    ticket.spend();
    Ok((StatusCode::CREATED, Json(reply)).into_response())
}

/// Fetch an export, once
#[utoipa::path(
    get, path = "/v1/downloads/{token}", tag = "transfers", security(()),
    params(("token" = String, Path, description = "From `export_sheet`")),
    responses((status = 200, description = "The file", body = String, content_type = "application/octet-stream"))
)]
async fn download(State(app): State<Arc<App>>, method: Method, Named(token): Named) -> Result<Response, Problem> {
    if method == Method::HEAD {
        return Err(Fault::new(Code::MethodNotAllowed, "a download address has no HEAD: it is good for one GET").into());
    }
    send(remote(&app)?.take_download(&token).await?).await
}

/// The file in pieces, under its name. It is removed when the last was sent, or nobody takes them any more.
pub(super) async fn send(download: Download) -> Result<Response, Problem> {
    let file = tokio::fs::File::open(download.path()).await.map_err(Fault::internal)?;
    let media = HeaderValue::from_static(match download.format {
        Format::Csv => "text/csv; charset=utf-8",
        Format::Json => "application/json",
        Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Format::Parquet => "application/vnd.apache.parquet",
    });
    let disposition = HeaderValue::from_str(&attachment(&download.name)).map_err(Fault::internal)?;
    let n_bytes = download.n_bytes;
    let pieces = ReaderStream::with_capacity(file, CHUNK).map(move |piece| {
        let _held = &download;
        piece
    });
    let headers = [
        (header::CONTENT_TYPE, media),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CONTENT_LENGTH, HeaderValue::from(n_bytes)),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// RFC 6266: a plain name for the old, the true one percent-encoded.
fn attachment(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._- ".contains(c) { c } else { '_' }).collect();
    let exact: String = name.bytes().fold(String::new(), |mut exact, byte| {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            exact.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(exact, "%{byte:02X}");
        }
        exact
    });
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}")
}

fn remote(app: &App) -> Result<&Remote, Fault> {
    app.house.remote().ok_or_else(|| Fault::internal("a server without one-time addresses"))
}
