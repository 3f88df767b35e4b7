//! `/openapi.json`: what the routers say of themselves, the tools as their contracts say, and every problem of the one table.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Extension, Json, response::IntoResponse};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{App, Auth, problem};
use crate::{
    fault::{Code, Fault},
    tool::Contract,
};

/// The extension of an operation whose reply is a tool's.
const TOOL: &str = "x-quire-tool";
/// The route that stands for all tools; the document has one path for each instead.
const ANY_TOOL: &str = "/v1/tools/{tool}";

/// What a first call of each tool looks like.
const EXAMPLES: &[(&str, &str)] = &[
    ("annotate_sheet", r#"{"sheet": "sales", "column": "amount", "meaning": "net sales", "unit": "EUR"}"#),
    ("ask", r#"{"question": "Which region sold most?"}"#),
    ("delete_sheet", r#"{"sheet": "sales"}"#),
    ("describe_sheet", r#"{"sheet": "sales"}"#),
    ("export_sheet", r#"{"sheet": "sales", "format": "xlsx"}"#),
    ("import_file", r#"{"name": "sales.csv", "content": "region,amount\nnorth,10\nsouth,20\n"}"#),
    ("list_sheets", r#"{"search": "sales"}"#),
    ("preview_rows", r#"{"sheet": "sales", "n_rows": 5}"#),
    ("query", r#"{"sql": "SELECT region, sum(amount) FROM sales GROUP BY region"}"#),
    ("read_result", r#"{"result": "3f9a1c07b2de", "offset": 100}"#),
    ("reimport_sheet", r#"{"sheet": "sales", "change": {"header_rows": [1]}}"#),
    ("request_upload", r#"{"name": "sales.csv"}"#),
    ("restore_version", r#"{"sheet": "sales", "version": 1}"#),
    ("sheet_history", r#"{"sheet": "sales"}"#),
    ("summarize_sheet", r#"{"sheet": "sales"}"#),
    ("test_hypothesis", r#"{"test": "mann_whitney", "sheet": "sales", "columns": ["amount"], "group_by": "region"}"#),
    ("transform_sheet", r#"{"sheet": "sales", "steps": [{"op": "filter", "expr": "amount > 10"}]}"#),
    ("verify_answer", r#"{"answer": "3f9a1c07b2de"}"#),
];

/// The finished document.
#[derive(Clone)]
pub(super) struct Published(pub(super) Arc<Value>);

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show))
}

/// This document
#[utoipa::path(
    get, path = "/openapi.json", tag = "service", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object))
)]
async fn show(Extension(Published(document)): Extension<Published>) -> impl IntoResponse {
    Json((*document).clone())
}

/// Completes what the routers say.
pub(super) fn complete(routers: &OpenApi, app: &App) -> Result<Published, Fault> {
    let mut document = serde_json::to_value(routers).map_err(Fault::internal)?;
    document["info"] = json!({
        "title": "Quire",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Spreadsheets that language models, scripts and people can question: uploads, sheets, queries, and every tool. MCP is at `/mcp`.",
        "license": {"name": "MIT OR Apache-2.0"},
    });
    document["servers"] = json!([{"url": app.settings.public_url.as_str().trim_end_matches('/')}]);
    document["tags"] = json!([
        {"name": "sheets", "description": "Files in, tables out"},
        {"name": "ask", "description": "Questions in plain words, and what is remembered of them"},
        {"name": "queries", "description": "SQL over sheets, and what was asked"},
        {"name": "tools", "description": "What agents call, one path for each"},
        {"name": "jobs", "description": "Imports that take a while"},
        {"name": "transfers", "description": "One-time addresses for files"},
        {"name": "mcp", "description": "The same tools for agents, over MCP"},
        {"name": "accounts", "description": "Who is who"},
        {"name": "service", "description": "Health, metrics, documentation"},
    ]);
    let needs_token = matches!(app.auth, Auth::Accounts(_));
    let mut components = taken(&mut document, "components").into();
    add_components(&mut components, app);
    if needs_token {
        components["securitySchemes"] = json!({"bearer": {
            "type": "http", "scheme": "bearer",
            "description": "An access token of `/v1/auth/login`, or a personal access token",
        }});
    }
    document["components"] = components;
    let mut paths = taken(&mut document, "paths");
    let any = paths.remove(ANY_TOOL).unwrap_or_default();
    for contract in app.registry.contracts() {
        paths.insert(format!("/v1/tools/{}", contract.name), json!({"post": of_tool(&any["post"], contract)}));
    }
    add_mcp(&mut paths);
    for (path, item) in &mut paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                finish(path, method, operation, needs_token);
            }
        }
    }
    // utoipa sorts paths by name, and those of the tools came last.
    paths.sort_keys();
    document["paths"] = paths.into();
    Ok(Published(Arc::new(document)))
}

/// The schemas of all tools, and a response for every status that a fault may have.
fn add_components(components: &mut Value, app: &App) {
    let mut schemas = taken(components, "schemas");
    for contract in app.registry.contracts() {
        let mut args = contract.args.clone();
        if let Some(example) = example(contract.name) {
            args["examples"] = json!([example]);
        }
        schemas.insert(format!("{}_arguments", contract.name), args);
        schemas.insert(format!("{}_reply", contract.name), contract.reply.clone());
    }
    let problem = <problem::Document as utoipa::PartialSchema>::schema();
    schemas.insert("Problem".to_owned(), json!(problem));
    components["schemas"] = schemas.into();
    let mut responses = taken(components, "responses");
    for (status, codes) in codes_by_status() {
        let names: Vec<String> = codes.iter().map(|code| format!("`{}`", code.name())).collect();
        let examples = codes.iter().map(|code| (code.name().to_owned(), json!({"value": example_of(*code)})));
        let examples: Map<String, Value> = examples.collect();
        let mut response = json!({
            "description": format!("A problem: {}", names.join(", ")),
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples,
            }},
        });
        if status == 401 {
            response["headers"] =
                json!({"WWW-Authenticate": {"schema": {"type": "string"}, "description": "RFC 6750"}});
        }
        if [429, 503].contains(&status) {
            response["headers"] = json!({"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}});
        }
        responses.insert(format!("Problem{status}"), response);
    }
    components["responses"] = responses.into();
}

fn codes_by_status() -> BTreeMap<u16, Vec<Code>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in Code::ALL {
        by_status.entry(code.http_status()).or_default().push(*code);
    }
    by_status
}

fn example_of(code: Code) -> Value {
    json!({
        "type": format!("/docs#{}", code.name()),
        "title": code.name().replace('_', " "),
        "status": code.http_status(),
        "detail": "what is, with the offending value",
        "code": code.name(),
        "hint": "what to do next",
        "request_id": "0b0e5c3f6a714a0f9d0c5b8f2f6a1e77",
    })
}

/// MCP has its own specification: here is only where it is spoken.
fn add_mcp(paths: &mut Map<String, Value>) {
    let operation = |id: &str, summary: &str, has_body: bool, statuses: &[(&str, &str)]| {
        let responses: Map<String, Value> = statuses
            .iter()
            .map(|(status, media)| {
                let content = if media.is_empty() { json!({}) } else { json!({*media: {}}) };
                ((*status).to_owned(), json!({"description": "As MCP has it", "content": content}))
            })
            .collect();
        let mut operation = json!({"tags": ["mcp"], "operationId": id, "summary": summary, "responses": responses});
        operation["responses"]["default"] = json!({
            "description": "A JSON-RPC error, or a problem",
            "content": {"application/json": {}, "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        if has_body {
            operation["requestBody"] =
                json!({"required": true, "content": {"application/json": {"schema": {"type": "object"}}}});
        }
        operation
    };
    let (json_, events) = ("application/json", "text/event-stream");
    let mcp = json!({
        "post": operation("mcp_send", "Send an MCP message (Streamable HTTP)", true, &[("200", events), ("202", "")]),
        "get": operation("mcp_listen", "Listen to a session's messages", false, &[("200", events)]),
        "delete": operation("mcp_end", "End a session", false, &[("200", json_), ("204", "")]),
    });
    paths.insert("/mcp".to_owned(), mcp);
    let sse = operation("sse_open", "Open a session (older hosts)", false, &[("200", events)]);
    paths.insert("/sse".to_owned(), json!({"get": sse}));
    let mut message = operation("sse_send", "Send a message to it", true, &[("202", "text/plain")]);
    message["parameters"] = json!([{
        "name": "sessionId", "in": "query", "required": true, "schema": {"type": "string"},
        "description": "As the session's first event says",
    }]);
    paths.insert("/message".to_owned(), json!({"post": message}));
}

/// The operation of one tool, made from that of any.
fn of_tool(any: &Value, contract: &Contract) -> Value {
    let mut operation = any.clone();
    operation["operationId"] = json!(format!("call_{}", contract.name));
    operation["summary"] = json!(contract.title);
    operation["description"] = json!(contract.about);
    operation[TOOL] = json!(contract.name);
    if let Some(operation) = operation.as_object_mut() {
        operation.remove("parameters");
    }
    operation
}

fn finish(path: &str, method: &str, operation: &mut Map<String, Value>, needs_token: bool) {
    let is_call = path == "/v1/query" || path.starts_with("/v1/tools/");
    if let Some(tool) = operation.remove(TOOL).as_ref().and_then(Value::as_str) {
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for response in responses.into_iter().flat_map(Map::values_mut) {
            let schema = json!({"$ref": format!("#/components/schemas/{tool}_reply")});
            response["content"] = json!({"application/json": {"schema": schema}});
        }
        if is_call {
            let schema = json!({"$ref": format!("#/components/schemas/{tool}_arguments")});
            let media =
                example(tool).map_or_else(|| json!({"schema": schema}), |it| json!({"schema": schema, "example": it}));
            operation
                .insert("requestBody".to_owned(), json!({"required": true, "content": {"application/json": media}}));
        }
    }
    let is_open = operation.get("security").is_some_and(|it| it == &json!([]) || it == &json!([{}]));
    if is_open || path == "/healthz" || path == "/readyz" {
        operation.insert("security".to_owned(), json!([]));
    } else if needs_token && path != "/metrics" {
        operation.insert("security".to_owned(), json!([{"bearer": []}]));
    }
    if !path.starts_with("/v1/tools/") && !operation_of_mcp(operation) {
        operation.insert("operationId".to_owned(), json!(operation_id(method, path)));
    }
    let has_body = operation.contains_key("requestBody");
    let is_probe = path == "/healthz" || path == "/readyz";
    let has_token = !is_open && (needs_token || path == "/metrics");
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for status in codes_by_status().into_keys() {
        let may_be = match status {
            401 => has_token || (path.starts_with("/v1/auth/") && has_body),
            404 => path.contains('{') || is_call || path.starts_with("/v1/auth/") || path == "/v1/notes",
            405 => path.starts_with("/v1/downloads/"),
            408 | 413 | 415 => has_body || path.ends_with("/export"),
            422 => (has_body || method == "get") && path.starts_with("/v1/") && !path.starts_with("/v1/auth/"),
            429 => path.starts_with("/v1/auth/"),
            424 | 502 => path == "/v1/tools/ask" || path == "/v1/ask",
            400 | 409 | 499 | 504 | 507 => path.starts_with("/v1/"),
            403 | 500 | 503 => true,
            _ => false,
        };
        if may_be && !is_probe {
            responses
                .entry(status.to_string())
                .or_insert(json!({"$ref": format!("#/components/responses/Problem{status}")}));
        }
    }
}

fn operation_of_mcp(operation: &Map<String, Value>) -> bool {
    operation.get("tags").is_some_and(|tags| tags[0] == "mcp")
}

/// Unlike the names of handlers, no two are the same: `get_sheets_name_preview`.
fn operation_id(method: &str, path: &str) -> String {
    let parts = path
        .split(['/', '.'])
        .map(|part| part.trim_matches(['{', '}']))
        .filter(|part| !part.is_empty() && *part != "v1");
    std::iter::once(method).chain(parts).collect::<Vec<_>>().join("_")
}

fn example(tool: &str) -> Option<Value> {
    let (_, text) = EXAMPLES.iter().find(|(name, _)| *name == tool)?;
    serde_json::from_str(text).ok()
}

/// Takes an object out of another, to be put back when it is changed.
fn taken(from: &mut Value, name: &str) -> Map<String, Value> {
    match from.get_mut(name).map(Value::take) {
        Some(Value::Object(found)) => found,
        _ => Map::new(),
    }
}
