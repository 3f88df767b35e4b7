//! `POST /v1/sheets`: files in a form, written to disk as they come, then imported.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{
        DefaultBodyLimit, FromRequest, Multipart, Request, State,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    App,
    jobs::{FileOutcome, Order},
    problem::Problem,
    request_id::RequestId,
    visitor::Visitor,
};
use crate::{
    fault::{Code, Fault},
    ingest::Options,
    workspace::{Staged, UploadSlot, Workspace},
};

/// How long an import may take before its answer is a job to follow.
const PATIENCE: Duration = Duration::from_secs(2);
/// At most, where the client wants to wait.
const MAX_PATIENCE: Duration = Duration::from_mins(2);
/// Files of one form.
const MAX_FILES: usize = 100;
/// Bytes of a field that is no file.
const MAX_FIELD: usize = 1_000;

/// The form of an upload.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) struct UploadForm {
    /// One or more files: csv, tsv, xlsx, xlsm, xlsb, xls, ods, parquet, json
    #[schema(value_type = Vec<String>, format = Binary, content_media_type = "application/octet-stream")]
    file: Vec<u8>,
    /// Of text files, such as `;`; detected when absent
    delimiter: Option<String>,
    /// Of text files, such as windows-1252; detected when absent
    encoding: Option<String>,
    /// Row of the column names, from 1; 0: none; detected when absent
    header_row: Option<u64>,
    /// Only this worksheet; all when absent
    sheet: Option<String>,
}

/// What came of an upload.
#[derive(Serialize, ToSchema)]
struct Uploaded {
    files: Vec<FileOutcome>,
}

/// An import that goes on.
#[derive(Serialize, ToSchema)]
struct Accepted {
    /// The job's id, for `/v1/jobs/{id}`
    #[schema(example = "5f0c8f5d9d0b4c0e9a3f8b8c1f4d2a7e")]
    job: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    // Files are counted while they are written.
    OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::disable())
}

/// Upload files
///
/// Each becomes one sheet for every table in it. One that can't be read does not keep the others from being imported;
/// only when none was is the answer a problem, the first file's. The same name again makes a new version of the same sheets.
#[utoipa::path(
    post, path = "/v1/sheets", tag = "sheets",
    params(("prefer" = Option<String>, Header, description = "`respond-async`: answer 202 at once; `wait=N`: only after N seconds, 2 if absent, 120 at most")),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "At least one file was imported", body = Uploaded),
        (status = 202, description = "The import goes on; `location` is its job", body = Accepted,
            headers(("location" = String, description = "Where to follow it")))
    )
)]
async fn upload(
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    visitor: Visitor,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let slot = visitor.workspace.begin_upload().await?;
    let form = read_form(&visitor.workspace, &slot, request, &app).await?;
    let Form { files, options } = form;
    if files.is_empty() {
        return Err(Fault::new(Code::InvalidArguments, "the form has no file")
            .hint("such as `curl -F file=@sales.csv …`")
            .field("file")
            .into());
    }
    let job = app.jobs.start(&app, Order { workspace: visitor.workspace, slot, files, options, request_id });
    // Until the answer says otherwise, the import is this request's, and ends with it.
    let ends = job.ends_with_its_request();
    let (patience, is_async) = preferred(&headers);
    if (is_async || !job.ends_within(patience).await) && job.keep() {
        ends.disarm();
        let location = HeaderValue::from_str(&format!("/v1/jobs/{}", job.id)).map_err(Fault::internal)?;
        let mut response = (StatusCode::ACCEPTED, Json(Accepted { job: job.id.clone() })).into_response();
        response.headers_mut().insert(header::LOCATION, location);
        if is_async {
            let applied = HeaderName::from_static("preference-applied");
            response.headers_mut().insert(applied, HeaderValue::from_static("respond-async"));
        }
        return Ok(response);
    }
    ends.disarm();
    let mut files = job.files();
    let has_any = files.iter().any(|file| file.fault.is_none());
    match files.iter_mut().find_map(|file| file.fault.take()) {
        Some(fault) if !has_any => Err(fault.into()),
        _ => Ok((StatusCode::CREATED, Json(Uploaded { files })).into_response()),
    }
}

/// How long the client wants to wait for the answer, and whether it does not want to at all (RFC 7240).
fn preferred(headers: &HeaderMap) -> (Duration, bool) {
    let mut patience = PATIENCE;
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    for preference in values.flat_map(|value| value.split([',', ';'])).map(|it| it.trim().to_ascii_lowercase()) {
        if preference == "respond-async" {
            return (Duration::ZERO, true);
        }
        if let Some(seconds) = preference.strip_prefix("wait=").and_then(|seconds| seconds.parse().ok()) {
            patience = Duration::from_secs(seconds).min(MAX_PATIENCE);
        }
    }
    (patience, false)
}

/// A form that has come to its end.
pub(super) struct Form {
    pub(super) files: Vec<Staged>,
    pub(super) options: Options,
}

/// Reads a form; what has come so far is removed when it fails or is dropped.
pub(super) async fn read_form(
    workspace: &Workspace,
    slot: &UploadSlot,
    request: Request,
    app: &Arc<App>,
) -> Result<Form, Fault> {
    let mut parts = Multipart::from_request(request, app).await.map_err(|refused| {
        Fault::new(Code::UnsupportedMediaType, format!("the body is no form with files: {}", refused.body_text()))
            .hint("send `multipart/form-data`, such as `curl -F file=@sales.csv …` does")
    })?;
    let (mut files, mut options) = (Vec::new(), Options::default());
    while let Some(part) = parts.next_field().await.map_err(|error| broken(&error))? {
        let name = part.name().unwrap_or_default().to_owned();
        let Some(file_name) = part.file_name().map(str::to_owned) else {
            set(&mut options, &name, text(part).await?)?;
            continue;
        };
        if files.len() == MAX_FILES {
            return Err(Fault::new(Code::LimitExceeded, format!("the form has more than {MAX_FILES} files"))
                .hint("send them in several requests"));
        }
        let mut staging = workspace.stage(slot, &file_name).await?;
        let mut part = part;
        while let Some(bytes) = part.chunk().await.map_err(|error| broken(&error))? {
            staging.write(&bytes).await?;
        }
        files.push(staging.finish().await?);
    }
    Ok(Form { files, options })
}

async fn text(mut part: Field<'_>) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let name = part.name().unwrap_or_default().to_owned();
    while let Some(more) = part.chunk().await.map_err(|error| broken(&error))? {
        bytes.extend_from_slice(&more);
        if bytes.len() > MAX_FIELD {
            return Err(Fault::new(Code::LimitExceeded, format!("the field `{name}` has more than {MAX_FIELD} bytes"))
                .hint("a file needs a `filename` in its part, as `curl -F file=@sales.csv` gives it")
                .field(name));
        }
    }
    String::from_utf8(bytes).map_err(|_| {
        Fault::new(Code::InvalidArguments, format!("the field `{name}` is not UTF-8"))
            .hint("write it in UTF-8")
            .field(name)
    })
}

fn set(options: &mut Options, name: &str, value: String) -> Result<(), Fault> {
    let value = (!value.is_empty()).then_some(value);
    match name {
        "delimiter" => options.delimiter = value,
        "encoding" => options.encoding = value,
        "sheet" => options.sheet = value,
        "header_row" => {
            options.header_row = value.map(|value| value.parse()).transpose().map_err(|_| {
                Fault::new(Code::InvalidArguments, "`header_row` is no row's number")
                    .hint("rows count from 1; 0: there is no row of column names")
                    .field("header_row")
            })?;
        }
        other => {
            let shown: String = other.chars().filter(|c| !c.is_control()).take(60).collect();
            return Err(Fault::new(Code::InvalidArguments, format!("`{shown}` is no field of this form"))
                .hint("files need a `filename` in their part; the other fields are delimiter, encoding, header_row, sheet")
                .field(shown));
        }
    }
    Ok(())
}

fn broken(error: &MultipartError) -> Fault {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Fault::new(Code::LimitExceeded, "the form is too large").hint("send its files in several requests");
    }
    Fault::new(Code::InvalidArguments, format!("the form can't be read: {error}"))
        .hint("if it broke off, send it again; else see how its parts are written: `curl -F file=@report.xlsx` writes them well")
}
