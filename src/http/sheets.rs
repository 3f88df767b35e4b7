//! Sheets and queries as resources: each route is one call of a tool, or of the workspace.

use std::{sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{DefaultBodyLimit, State},
    middleware::from_fn_with_state,
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::limit::RequestBodyLimitLayer;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    App,
    body::counted,
    extract::{JsonBody, Named, Params, page_size},
    problem::Problem,
    transfers,
    visitor::Visitor,
};
use crate::{
    context::Context,
    export::Format,
    fault::{Code, Fault},
    workspace::{Delivery, Purge, Wanted},
};

/// Bytes of a query.
const MAX_BODY: usize = 1 << 20;

pub(super) fn routes(app: &Arc<App>) -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(describe, delete))
        .routes(routes!(preview))
        .routes(routes!(summary))
        .routes(routes!(history))
        .routes(routes!(export))
        .routes(routes!(query))
        .routes(routes!(queries))
        .layer(from_fn_with_state(Arc::clone(app), counted))
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Search {
    /// Text in the name, title, file or a column, in any case
    q: Option<String>,
    /// `next_cursor` of the page before
    cursor: Option<String>,
    /// Sheets to return; 100 if absent
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u64>,
}

/// List sheets
#[utoipa::path(
    get, path = "/v1/sheets", tag = "sheets", params(Search),
    responses((status = 200, description = "What `list_sheets` replies", body = Value)),
    extensions(("x-quire-tool" = json!("list_sheets")))
)]
async fn list(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Params(search): Params<Search>,
) -> Result<Json<Value>, Problem> {
    let limit = page_size("limit", search.limit, 500, 100)?;
    let args = json!({"search": search.q, "cursor": search.cursor, "limit": limit});
    Ok(Json(app.call(&visitor, "list_sheets", args, &|_, _| ()).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Columns {
    /// A column's name; repeatable. All if absent
    #[serde(default)]
    columns: Vec<String>,
}

/// Describe a sheet
#[utoipa::path(
    get, path = "/v1/sheets/{name}", tag = "sheets",
    params(("name" = String, Path, description = "A sheet's name"), Columns),
    responses((status = 200, description = "What `describe_sheet` replies", body = Value)),
    extensions(("x-quire-tool" = json!("describe_sheet")))
)]
async fn describe(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Named(name): Named,
    Params(wanted): Params<Columns>,
) -> Result<Json<Value>, Problem> {
    let args = json!({"sheet": name, "columns": wanted.columns});
    Ok(Json(app.call(&visitor, "describe_sheet", args, &|_, _| ()).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Page {
    /// Rows to return; 20 if absent
    #[param(minimum = 1, maximum = 1000)]
    n_rows: Option<u64>,
    /// Rows to skip
    offset: Option<u64>,
    /// A column's name; repeatable. All if absent
    #[serde(default)]
    columns: Vec<String>,
}

/// A page of a sheet's rows
#[utoipa::path(
    get, path = "/v1/sheets/{name}/preview", tag = "sheets",
    params(("name" = String, Path, description = "A sheet's name"), Page),
    responses((status = 200, description = "What `preview_rows` replies", body = Value)),
    extensions(("x-quire-tool" = json!("preview_rows")))
)]
async fn preview(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Named(name): Named,
    Params(page): Params<Page>,
) -> Result<Json<Value>, Problem> {
    let n_rows = page_size("n_rows", page.n_rows, 1_000, 20)?;
    let args = json!({"sheet": name, "n_rows": n_rows, "offset": page.offset, "columns": page.columns});
    Ok(Json(app.call(&visitor, "preview_rows", args, &|_, _| ()).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wish {
    /// A column's name; repeatable. All if absent
    #[serde(default)]
    columns: Vec<String>,
    /// `full` adds histograms
    detail: Option<String>,
}

/// Statistics of a sheet
#[utoipa::path(
    get, path = "/v1/sheets/{name}/summary", tag = "sheets",
    params(("name" = String, Path, description = "A sheet's name"), Wish),
    responses((status = 200, description = "What `summarize_sheet` replies", body = Value)),
    extensions(("x-quire-tool" = json!("summarize_sheet")))
)]
async fn summary(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Named(name): Named,
    Params(wish): Params<Wish>,
) -> Result<Json<Value>, Problem> {
    let args = json!({"sheet": name, "columns": wish.columns, "detail": wish.detail});
    Ok(Json(app.call(&visitor, "summarize_sheet", args, &|_, _| ()).await?))
}

/// How a sheet came to be what it is
#[utoipa::path(
    get, path = "/v1/sheets/{name}/history", tag = "sheets",
    params(("name" = String, Path, description = "A sheet's name, also a deleted one's")),
    responses((status = 200, description = "What `sheet_history` replies", body = Value)),
    extensions(("x-quire-tool" = json!("sheet_history")))
)]
async fn history(State(app): State<Arc<App>>, visitor: Visitor, Named(name): Named) -> Result<Json<Value>, Problem> {
    Ok(Json(app.call(&visitor, "sheet_history", json!({"sheet": name, "sql": true}), &|_, _| ()).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Removal {
    /// `true`: for good, with all versions; it can't be restored, and gives its room back
    #[serde(default)]
    purge: bool,
}

/// Delete a sheet
#[utoipa::path(
    delete, path = "/v1/sheets/{name}", tag = "sheets",
    params(("name" = String, Path, description = "A sheet's name; to purge a deleted one, `name` or `name#id`"), Removal),
    responses((status = 200, description = "What `delete_sheet` replies; of a purge, the names in `purged`, and in `kept` deleted sheets of these names that can still be restored", body = Value)),
)]
async fn delete(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Named(name): Named,
    Params(removal): Params<Removal>,
) -> Result<Json<Value>, Problem> {
    if !removal.purge {
        return Ok(Json(app.call(&visitor, "delete_sheet", json!({"sheet": name}), &|_, _| ()).await?));
    }
    visitor.workspace.check_writable()?;
    let started = Instant::now();
    let outcome = visitor.workspace.purge(Purge::Sheets(vec![name])).await;
    let code = outcome.as_ref().map_or_else(|fault| fault.code.name(), |_| "ok");
    visitor.workspace.record("purge", None, code, None, started.elapsed()).await;
    let purged = outcome?;
    Ok(Json(json!({"purged": purged.names, "kept": purged.kept})))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Exporting {
    /// csv, xlsx, parquet or json; csv if absent
    format: Option<String>,
    /// Of csv: `true` keeps cells that start like a formula as they are
    #[serde(default)]
    keep_formulas: bool,
}

/// A sheet as a file
#[utoipa::path(
    get, path = "/v1/sheets/{name}/export", tag = "sheets",
    params(("name" = String, Path, description = "A sheet's name"), Exporting),
    responses((status = 200, description = "The file", content(
        (String = "text/csv"),
        (Value = "application/json"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (String = "application/vnd.apache.parquet"),
    )))
)]
async fn export(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    Named(name): Named,
    Params(wish): Params<Exporting>,
) -> Result<Response, Problem> {
    let wanted = wish.format.unwrap_or_else(|| "csv".to_owned()).to_lowercase();
    let format = Format::ALL.into_iter().find(|format| format.name() == wanted).ok_or_else(|| {
        Fault::new(Code::InvalidArguments, format!("`{wanted}` is no format to export to"))
            .hint(format!("the formats are {}", Format::ALL.map(Format::name).join(", ")))
            .field("format")
    })?;
    let cancel = app.stopping.ended.child_token();
    let _ends = cancel.clone().drop_guard();
    let context = Context { cancel, progress: &|_, _| () };
    let delivery = Delivery {
        format,
        path: None,
        overwrite: false,
        keep_formulas: wish.keep_formulas,
        keep_as: Some(name.clone()),
        max_bytes: visitor.workspace.max_file(),
    };
    let started = Instant::now();
    let outcome = visitor.workspace.export(Wanted::Sheets(vec![name]), delivery, &context).await;
    let code = outcome.as_ref().map_or_else(|fault| fault.code.name(), |_| "ok");
    let n_rows = outcome.as_ref().ok().map(|it| it.exported.tables.iter().map(|table| table.n_rows).sum());
    visitor.workspace.record("export_sheet", None, code, n_rows, started.elapsed()).await;
    let kept = outcome.map_err(|fault| app.told(fault))?.kept;
    transfers::send(kept.ok_or_else(|| Fault::internal("an export that was not kept"))?).await
}

/// Query sheets
#[utoipa::path(
    post, path = "/v1/query", tag = "queries", request_body = Value,
    responses((status = 200, description = "What `query` replies", body = Value)),
    extensions(("x-quire-tool" = json!("query")))
)]
async fn query(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    JsonBody(args): JsonBody<Value>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(app.call(&visitor, "query", args, &|_, _| ()).await?))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Past {
    /// `next_cursor` of the page before
    cursor: Option<i64>,
    /// Calls to return; 50 if absent
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u64>,
}

/// Calls of your tools, newest first.
#[derive(Serialize, ToSchema)]
struct Log {
    queries: Vec<Logged>,
    /// `cursor` of the next page; absent when this is the last
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct Logged {
    id: i64,
    /// RFC 3339, UTC
    #[schema(example = "2026-11-22T17:40:00.000Z")]
    at: String,
    #[schema(example = "query")]
    tool: String,
    /// Of a query; absent too when one of its sheets was purged
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    /// `ok`, or a problem's code
    #[schema(example = "ok")]
    outcome: String,
    /// Rows that were answered or read
    #[serde(skip_serializing_if = "Option::is_none")]
    n_rows: Option<u64>,
    milliseconds: u64,
}

/// What was called, when, and how it ended
#[utoipa::path(
    get, path = "/v1/queries", tag = "queries", params(Past),
    responses((status = 200, description = "A page of calls", body = Log))
)]
async fn queries(visitor: Visitor, Params(past): Params<Past>) -> Result<Json<Log>, Problem> {
    let limit = page_size("limit", past.limit, 500, 50)?;
    let calls = visitor.workspace.calls(past.cursor, u32::try_from(limit).unwrap_or(500)).await?;
    let is_last = u64::try_from(calls.len()).is_ok_and(|n_calls| n_calls < limit);
    let next_cursor = calls.last().map(|(id, _)| *id).filter(|_| !is_last);
    let queries = calls.into_iter().map(|(id, call)| Logged {
        id,
        at: chrono::DateTime::from_timestamp_millis(call.at)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        tool: call.tool,
        sql: call.sql,
        outcome: call.outcome,
        n_rows: call.n_rows,
        milliseconds: call.milliseconds,
    });
    Ok(Json(Log { queries: queries.collect(), next_cursor }))
}
