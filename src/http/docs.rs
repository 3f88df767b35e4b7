//! `/docs`: the document of `document.rs` as one page, written here, with no script and nothing from elsewhere.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Extension,
    http::{HeaderValue, header},
    response::IntoResponse,
};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{App, document::Published};
use crate::fault::Code;

const STYLE: &str = include_str!("docs.css");
/// The style comes from this server alone, and nothing else may run or load.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The finished page.
#[derive(Clone)]
pub(super) struct Page(Arc<str>);

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(style))
}

/// The API as a page to read
#[utoipa::path(
    get, path = "/docs", tag = "service", security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
async fn show(Extension(Page(page)): Extension<Page>) -> impl IntoResponse {
    let media = HeaderValue::from_static("text/html; charset=utf-8");
    ([(header::CONTENT_TYPE, media), (header::CONTENT_SECURITY_POLICY, POLICY)], page.to_string())
}

/// The page's style
#[utoipa::path(
    get, path = "/docs/style.css", tag = "service", security(()),
    responses((status = 200, description = "The style", body = String, content_type = "text/css"))
)]
async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], STYLE)
}

/// Writes the page. Writing to a string can't fail.
pub(super) fn page(Published(document): &Published) -> Page {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Quire: the API</title><link rel=\"stylesheet\" href=\"/docs/style.css\"></head><body><main>",
    );
    let info = &document["info"];
    let _ = write!(
        html,
        "<h1>Quire {}</h1><p>{}</p><p>The same for machines: <a href=\"/openapi.json\">/openapi.json</a></p>",
        escaped(&info["version"]),
        escaped(&info["description"])
    );
    for tag in document["tags"].as_array().into_iter().flatten() {
        let _ = write!(html, "<h2>{}</h2><p>{}</p>", escaped(&tag["name"]), escaped(&tag["description"]));
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if operation.pointer("/tags/0") == tag.get("name") {
                    add_operation(&mut html, document, path, method, operation);
                }
            }
        }
    }
    html.push_str("<h2>Problems</h2><p>Every failure is <code>application/problem+json</code> with one of these codes.</p><table><tr><th>code</th><th>status</th></tr>");
    for code in Code::ALL {
        let name = code.name();
        let _ = write!(html, "<tr id=\"{name}\"><td><code>{name}</code></td><td>{}</td></tr>", code.http_status());
    }
    html.push_str("</table></main></body></html>");
    Page(html.into())
}

fn add_operation(html: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let lock = if operation["security"].as_array().is_some_and(Vec::is_empty) { "" } else { " <small>token</small>" };
    let _ = write!(
        html,
        "<details><summary><b>{}</b> <code>{}</code> {}{lock}</summary><p>{}</p>",
        method.to_uppercase(),
        escape(path),
        escaped(&operation["summary"]),
        escaped(&operation["description"])
    );
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !parameters.is_empty() {
        html.push_str("<table><tr><th>parameter</th><th>in</th><th></th></tr>");
        for parameter in parameters {
            let _ = write!(
                html,
                "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
                escaped(&parameter["name"]),
                escaped(&parameter["in"]),
                escaped(&parameter["description"])
            );
        }
        html.push_str("</table>");
    }
    add_bodies(html, document, "body", &operation["requestBody"]);
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let resolved = resolve(document, response);
        if status.starts_with('2') {
            let _ = write!(html, "<p><b>{}</b> {}</p>", escape(status), escaped(&resolved["description"]));
            add_bodies(html, document, "answer", resolved);
        } else {
            let _ = write!(html, "<p><small>{} {}</small></p>", escape(status), escaped(&resolved["description"]));
        }
    }
    html.push_str("</details>");
}

/// The schemas of a body by media type, and its example.
fn add_bodies(html: &mut String, document: &Value, what: &str, body: &Value) {
    for (media, content) in body["content"].as_object().into_iter().flatten() {
        let _ = write!(html, "<p>{what}: <code>{}</code></p>", escape(media));
        if let Some(example) = content.get("example") {
            let _ = write!(html, "<pre>{}</pre>", escape(&serde_json::to_string_pretty(example).unwrap_or_default()));
        }
        let schema = resolve(document, &content["schema"]);
        if schema.as_object().is_some_and(|schema| !schema.is_empty()) {
            let text = serde_json::to_string_pretty(schema).unwrap_or_default();
            let _ = write!(html, "<details><summary>schema</summary><pre>{}</pre></details>", escape(&text));
        }
    }
}

/// What a reference into the document stands for.
fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn escaped(value: &Value) -> String {
    value.as_str().map(escape).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
