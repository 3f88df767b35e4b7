//! `request_upload`, which there is only over HTTP.

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
};

use serde_json::{Value, json};

use crate::harness::{
    Bench, at,
    http::{Request, Response, Site},
    until,
};

fn address(site: &Site, name: &str) -> String {
    let reply = site.post("/v1/tools/request_upload", &json!({"name": name})).ok();
    assert_eq!(reply["expires_in_seconds"], 600);
    let url = reply["url"].as_str().unwrap();
    assert_eq!(reply["command"], format!("curl -T FILE '{url}'"));
    url.strip_prefix(&format!("http://{}", site.address)).unwrap().to_owned()
}

fn put(path: &str, body: &str) -> Request {
    Request::new("PUT", path).body(body)
}

#[test]
fn the_address_takes_one_file_once_and_needs_no_token() {
    let bench = Bench::new();
    let site = bench.site();
    let path = address(&site, "sales.csv");
    let reply = site.send(&put(&path, "a\n1\n2\n")).ok();
    assert_eq!(at(&reply, "/sheets/0/name"), "sales");
    assert_eq!(at(&reply, "/sheets/0/n_rows"), 2);
    let again = site.send(&put(&path, "a\n1\n"));
    assert_eq!((again.status, again.problem().as_str()), (404, "not_found"));
    assert_eq!(site.post("/v1/tools/query", &json!({"sql": "select sum(a) from sales"})).ok()["rows"], json!([[3]]));
}

#[test]
fn a_file_that_does_not_get_in_leaves_the_address_good() {
    let bench = Bench::new();
    let site = bench.site();
    let path = address(&site, "t.csv");
    let empty = site.send(&put(&path, ""));
    assert_eq!(empty.status, 415, "{}", empty.text());
    let mut stream = site.connect();
    let broken = Request::new("PUT", &path).header("content-length", "1000").body("a\n1\n").bytes(&site.address);
    stream.write_all(&broken).unwrap();
    drop(stream);
    let mut last = None;
    until("the address is free again", || {
        last = Some(site.send(&put(&path, "a\n1\n2\n")));
        last.as_ref().is_some_and(|it| it.status == 201)
    });
    assert_eq!(at(&last.unwrap().ok(), "/sheets/0/n_rows"), 2);
    assert_eq!(site.send(&put(&path, "a\n1\n")).status, 404);
}

#[test]
fn of_many_at_once_one_gets_in() {
    let bench = Bench::new();
    let site = bench.site();
    let path = address(&site, "t.csv");
    let racers: Vec<_> = (0..8)
        .map(|i| {
            let (mut stream, bytes) = (site.connect(), put(&path, &format!("a\n{i}\n")).bytes(&site.address));
            thread::spawn(move || {
                stream.write_all(&bytes).unwrap();
                Response::read(&mut stream).status
            })
        })
        .collect();
    let mut statuses: Vec<u16> = racers.into_iter().map(|racer| racer.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404, 404, 404, 404, 404, 404, 404]);
}

#[test]
fn the_command_works_word_for_word() {
    let bench = Bench::new().file("my sales.csv", "a\n1\n");
    let site = bench.site();
    let reply = site.post("/v1/tools/request_upload", &json!({"name": "sales.csv"})).ok();
    let command = reply["command"].as_str().unwrap().replace("FILE", "'my sales.csv'");
    let Ok(ran) = Command::new("sh").args(["-c", &command]).current_dir(bench.path("")).stderr(Stdio::null()).output()
    else {
        return;
    };
    let reply: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(at(&reply, "/sheets/0/name"), "sales");
}

#[test]
fn a_name_that_is_none_is_refused_at_once() {
    let bench = Bench::new();
    let site = bench.site();
    for name in ["", "..", "a/"] {
        assert_eq!(
            site.post("/v1/tools/request_upload", &json!({"name": name})).problem(),
            "invalid_arguments",
            "{name}"
        );
    }
}

#[test]
fn there_is_none_over_stdio() {
    let bench = Bench::new();
    assert_eq!(bench.call("request_upload", &json!({"name": "a.csv"})).unwrap_err()["code"], "unknown_tool");
}

#[test]
fn paths_are_refused_and_the_refusal_names_the_tool() {
    let bench = Bench::new().file("t.csv", "a\n1\n");
    let site = bench.site();
    let path = bench.path("t.csv").to_string_lossy().into_owned();
    let refused = site.post("/v1/tools/import_file", &json!({"path": path}));
    assert_eq!(refused.problem(), "path_not_allowed");
    assert!(refused.json()["hint"].as_str().unwrap().contains("request_upload"));
    site.post("/v1/tools/import_file", &json!({"name": "t.csv", "content": "a\n1\n"})).ok();
    let refused = site.post("/v1/tools/export_sheet", &json!({"sheet": "t", "path": path}));
    assert_eq!(refused.problem(), "path_not_allowed");
}

#[test]
fn an_export_is_fetched_once_from_its_address() {
    let bench = Bench::new();
    let site = bench.site();
    site.post("/v1/tools/import_file", &json!({"name": "t.csv", "content": "a,b\n1,x\n"})).ok();
    let reply = site.post("/v1/tools/export_sheet", &json!({"sheet": "t"})).ok();
    assert_eq!(reply.get("content"), None);
    let url = reply["url"].as_str().unwrap().strip_prefix(&format!("http://{}", site.address)).unwrap().to_owned();
    assert_eq!(site.send(&Request::new("HEAD", &url)).status, 405);
    let file = site.get(&url);
    assert_eq!((file.status, file.text().as_str()), (200, "a,b\n1,x\n"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"t.csv\"; filename*=UTF-8''t.csv"));
    assert_eq!(site.get(&url).problem(), "not_found");
}
