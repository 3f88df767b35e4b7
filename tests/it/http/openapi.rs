//! The document: complete, sound, and what its examples say is so.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Bench, http::Request};

fn document(auth: &str) -> Value {
    let bench = Bench::new();
    bench.site_with(&["--auth", auth]).get("/openapi.json").ok()
}

/// Every operation with its path and method.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(|(method, operation)| (path.clone(), method.clone(), operation.clone())).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_is_told_apart() {
    fn references(value: &Value) -> Vec<String> {
        match value {
            Value::Object(fields) => fields
                .iter()
                .flat_map(|(key, value)| match value.as_str() {
                    Some(text) if key == "$ref" => vec![text.to_owned()],
                    _ => references(value),
                })
                .collect(),
            Value::Array(items) => items.iter().flat_map(references).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }
    let document = document("accounts");
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for reference in references(&document) {
        assert!(document.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
    let mut ids = BTreeSet::new();
    let tags: Vec<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    for (path, method, operation) in operations(&document) {
        let what = format!("{method} {path}: {operation}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{what}");
        assert!(tags.contains(&operation["tags"][0].as_str().unwrap()), "{what}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        assert!(operation.get("x-quire-tool").is_none(), "{what}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{what}");
        for name in path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()) {
            let named =
                operation["parameters"].as_array().unwrap().iter().any(|it| it["name"] == name && it["in"] == "path");
            assert!(named, "{what}");
        }
    }
}

#[test]
fn every_route_of_the_router_is_documented() {
    let document = document("accounts");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut n_routes = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        // `routes!` can't register what is not documented; a plain `.route(` could.
        for rest in text.split(".route(\"").skip(1) {
            let path = rest.split('"').next().unwrap();
            assert!(document["paths"].get(path).is_some(), "{path} is not documented");
        }
        n_routes += text.matches("#[utoipa::path(").count();
    }
    assert!(n_routes > 20);
}

#[test]
fn every_documented_route_is_there() {
    let bench = Bench::new();
    let site = bench.site();
    for (path, method, _) in operations(&site.get("/openapi.json").ok()) {
        let filled = path.replace("{name}", "x").replace("{id}", "x").replace("{token}", "x");
        if path == "/sse" {
            continue;
        }
        let response = site.send(&Request::new(&method.to_uppercase(), &filled).header("connection", "close"));
        assert_ne!(response.status, 405, "{method} {path}");
        assert!(!response.text().contains("there is nothing at"), "{method} {path}");
    }
}

#[test]
fn every_tool_has_its_path_with_its_schemas_and_an_example() {
    let document = document("none");
    for contract in quire::tools::remote().contracts() {
        let operation = &document["paths"][format!("/v1/tools/{}", contract.name)]["post"];
        let body = &operation["requestBody"]["content"]["application/json"];
        assert_eq!(body["schema"]["$ref"], format!("#/components/schemas/{}_arguments", contract.name));
        let reply = &operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(*reply, format!("#/components/schemas/{}_reply", contract.name));
        let example = body["example"].as_object().unwrap_or_else(|| panic!("{} has no example", contract.name));
        for name in example.keys() {
            assert!(contract.args["properties"].get(name).is_some(), "{}: {name}", contract.name);
        }
        for name in contract.args["required"].as_array().into_iter().flatten() {
            assert!(example.contains_key(name.as_str().unwrap()), "{}: {name}", contract.name);
        }
    }
}

#[test]
fn the_examples_work_one_after_the_other() {
    let bench = Bench::new();
    let site = bench.site();
    let document = site.get("/openapi.json").ok();
    let example = |tool: &str| {
        document["paths"][format!("/v1/tools/{tool}")]["post"]["requestBody"]["content"]["application/json"]["example"]
            .clone()
    };
    for tool in [
        "import_file",
        "list_sheets",
        "describe_sheet",
        "annotate_sheet",
        "preview_rows",
        "query",
        "summarize_sheet",
        "reimport_sheet",
        "transform_sheet",
        "sheet_history",
        "restore_version",
        "export_sheet",
        "request_upload",
        "delete_sheet",
    ] {
        site.post(&format!("/v1/tools/{tool}"), &example(tool)).ok();
    }
}

#[test]
fn every_problem_is_documented_with_its_status() {
    let document = document("none");
    for code in quire::fault::Code::ALL {
        let pointer = format!(
            "/components/responses/Problem{}/content/application~1problem+json/examples/{}",
            code.http_status(),
            code.name()
        );
        assert_eq!(document.pointer(&pointer).unwrap()["value"]["code"], json!(code.name()));
    }
}

#[test]
fn the_page_names_every_path_and_loads_nothing_from_elsewhere() {
    let bench = Bench::new();
    let site = bench.site();
    let page = site.get("/docs");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let html = page.text();
    for (path, _, _) in operations(&site.get("/openapi.json").ok()) {
        assert!(html.contains(&format!("<code>{path}</code>")), "{path}");
    }
    assert!(html.contains("id=\"sheet_not_found\""));
    assert!(!html.contains("<script") && !html.contains("src=") && !html.contains("href=\"http"));
    assert_eq!(site.get("/docs/style.css").status, 200);
}
