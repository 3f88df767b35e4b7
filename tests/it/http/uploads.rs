//! Uploads: forms, names, limits, jobs, and what is left of one that breaks off.

use std::{
    fs,
    io::{BufReader, Write},
    net::Shutdown,
    path::PathBuf,
};

use serde_json::{Value, json};

use crate::harness::{
    Bench, at,
    http::{Request, Response, Site, read_chunk, read_head},
    until,
};

/// A form whose import is waited for, however busy the machine is.
fn form(parts: &[(&str, Option<&str>, &[u8])]) -> Request {
    Request::new("POST", "/v1/sheets").header("prefer", "wait=100").form(parts)
}

fn file<'a>(name: &'a str, content: &'a str) -> (&'static str, Option<&'a str>, &'a [u8]) {
    ("file", Some(name), content.as_bytes())
}

fn names(site: &Site) -> Vec<String> {
    let listed = site.get("/v1/sheets").ok();
    listed["sheets"].as_array().unwrap().iter().map(|sheet| sheet["name"].as_str().unwrap().to_owned()).collect()
}

/// Everything in the scratch folders of all workspaces but their gates.
fn scratch(bench: &Bench) -> Vec<PathBuf> {
    let workspaces = fs::read_dir(bench.data_dir().join("workspaces")).unwrap().flatten();
    let folders = workspaces.filter_map(|workspace| fs::read_dir(workspace.path().join("scratch")).ok());
    folders.flat_map(|folder| folder.flatten().map(|it| it.path())).filter(|it| !it.ends_with("gate")).collect()
}

/// A table that takes a while to import.
fn long(n_rows: u32) -> String {
    (0..n_rows).fold("id,group,text\n".to_owned(), |text, i| text + &format!("{i},{},text {i}\n", i % 97))
}

#[test]
fn files_of_a_form_become_sheets() {
    let bench = Bench::new();
    let site = bench.site();
    let response =
        site.send(&form(&[("delimiter", None, b";"), file("one.csv", "a;b\n1;2\n"), file("two.csv", "c;d\n3;4\n")]));
    assert_eq!(response.status, 201);
    let reply = response.json();
    assert_eq!(at(&reply, "/files/0/name"), "one.csv");
    assert_eq!(at(&reply, "/files/1/reply/sheets/0/n_columns"), 2);
    assert_eq!(names(&site), ["one", "two"]);
    let again = site.send(&form(&[("delimiter", None, b";"), file("one.csv", "a;b\n1;2\n5;6\n")])).ok();
    assert_eq!(at(&again, "/files/0/reply/sheets/0/state"), "changed");
    assert_eq!(at(&again, "/files/0/reply/sheets/0/version"), 2);
}

#[test]
fn one_bad_file_does_not_keep_the_others_out() {
    let bench = Bench::new();
    let site = bench.site();
    let response = site.send(&form(&[file("broken.xlsx", "PK\u{3}\u{4} no"), file("good.csv", "a\n1\n")]));
    assert_eq!(response.status, 201, "{}", response.text());
    assert_eq!(at(&response.json(), "/files/0/problem/code"), "unreadable_file");
    assert_eq!(names(&site), ["good"]);
    let response = site.send(&form(&[file("broken.xlsx", "PK\u{3}\u{4} no")]));
    assert_eq!(response.problem(), "unreadable_file");
}

#[test]
fn a_name_is_no_path() {
    let bench = Bench::new();
    let site = bench.site();
    for (given, shown) in [
        ("../../../escape.csv", "escape.csv"),
        ("C:\\\\temp\\\\win.csv", "win.csv"),
        ("nul.csv", "_nul.csv"),
        ("%2e%2e%2fenc.csv", "%2e%2e%2fenc.csv"),
    ] {
        let reply = site.send(&form(&[file(given, "a\n1\n")])).ok();
        assert_eq!(at(&reply, "/files/0/name"), shown, "{given}");
    }
    let refused = site.send(&form(&[file("..", "a\n1\n")]));
    assert_eq!(refused.problem(), "invalid_arguments");
    assert_eq!(at(&refused.json(), "/errors/0/field"), "filename");
    assert!(!bench.outside().join("escape.csv").exists());
    assert_eq!(scratch(&bench), Vec::<PathBuf>::new());
}

#[test]
fn a_form_that_is_none_names_the_field() {
    let bench = Bench::new();
    let site = bench.site();
    let check = |request: Request, status: u16, field: Option<&str>| {
        let response = site.send(&request);
        response.problem();
        assert_eq!(
            (response.status, response.json().pointer("/errors/0/field").and_then(Value::as_str)),
            (status, field)
        );
    };
    check(form(&[]), 400, Some("file"));
    check(form(&[("header_row", None, b"x"), file("a.csv", "a\n")]), 400, Some("header_row"));
    check(form(&[("colour", None, b"red"), file("a.csv", "a\n")]), 400, Some("colour"));
    check(Request::new("POST", "/v1/sheets").json(&json!({})), 415, None);
    check(Request::new("POST", "/v1/sheets").header("content-type", "multipart/form-data").body("x"), 415, None);
    check(
        Request::new("POST", "/v1/sheets")
            .header("content-type", "multipart/form-data; boundary=XYZ")
            .body("--XYZ\r\n"),
        400,
        None,
    );
}

#[test]
fn a_file_that_is_too_large_is_refused_while_it_comes() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--max-file-size", "1MB"]);
    let mut stream = site.connect();
    let head = Request::new("POST", "/v1/sheets")
        .header("content-type", "multipart/form-data; boundary=XYZ")
        .header("content-length", "1000000000")
        .bytes(&site.address);
    stream.write_all(&head).unwrap();
    stream.write_all(b"--XYZ\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n").unwrap();
    // Far less than was announced; the answer comes all the same.
    let piece = vec![b'x'; 64 << 10];
    for _ in 0..40 {
        if stream.write_all(&piece).is_err() {
            break;
        }
    }
    let response = Response::read(&mut stream);
    assert_eq!((response.status, response.problem().as_str()), (413, "limit_exceeded"));
    until("the scratch folder is empty", || scratch(&bench).is_empty());
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let bench = Bench::new();
    let site = bench.site();
    let mut stream = site.connect();
    let whole = form(&[file("a.csv", &long(20_000))]).bytes(&site.address);
    stream.write_all(&whole[..whole.len() - 1_000]).unwrap();
    until("the upload has begun", || !scratch(&bench).is_empty());
    stream.shutdown(Shutdown::Both).unwrap();
    drop(stream);
    until("nothing is left", || scratch(&bench).is_empty());
    assert_eq!(names(&site), Vec::<String>::new());
}

#[test]
fn a_long_import_is_a_job_to_follow() {
    let bench = Bench::new();
    let site = bench.site();
    let accepted = site.send(
        &Request::new("POST", "/v1/sheets").form(&[file("long.csv", &long(50_000))]).header("prefer", "respond-async"),
    );
    assert_eq!(accepted.status, 202, "{}", accepted.text());
    assert_eq!(accepted.header("preference-applied"), Some("respond-async"));
    let location = accepted.header("location").unwrap().to_owned();
    assert_eq!(location, format!("/v1/jobs/{}", accepted.json()["job"].as_str().unwrap()));
    let mut stream = site.connect();
    stream.write_all(&Request::new("GET", &format!("{location}/events")).bytes(&site.address)).unwrap();
    let mut source = BufReader::new(stream);
    let (status, _) = read_head(&mut source);
    assert_eq!(status, 200);
    let mut events = String::new();
    while let Some(chunk) = read_chunk(&mut source) {
        events.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(events.starts_with("event: ") && events.contains("event: end\n"), "{events}");
    let job = site.get(&location).ok();
    assert_eq!((at(&job, "/state"), at(&job, "/progress")), (&json!("done"), &json!(1.0)));
    assert_eq!(at(&job, "/files/0/reply/sheets/0/n_rows"), 50_000);
    assert_eq!(names(&site), ["long"]);
}

#[test]
fn a_job_can_be_cancelled() {
    let bench = Bench::new();
    let site = bench.site();
    let request =
        Request::new("POST", "/v1/sheets").form(&[file("long.csv", &long(400_000))]).header("prefer", "respond-async");
    let location = site.send(&request).header("location").unwrap().to_owned();
    let job = site.send(&Request::new("DELETE", &location)).ok();
    assert_eq!(at(&job, "/state"), "cancelled", "{job}");
    assert_eq!(names(&site), Vec::<String>::new());
    until("nothing is left", || scratch(&bench).is_empty());
}

#[test]
fn a_share_that_is_used_up_is_told() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--user-sheets", "2", "--user-storage", "100KB"]);
    for name in ["a.csv", "b.csv"] {
        site.send(&form(&[file(name, &format!("{name}\n1\n"))])).ok();
    }
    let refused = site.send(&form(&[file("c.csv", "c\n1\n")]));
    assert_eq!((refused.status, refused.problem().as_str()), (403, "quota_exceeded"));
    assert_eq!(refused.header("www-authenticate"), None);
    // The same sheet again is no new one.
    site.send(&form(&[file("a.csv", "a\n2\n")])).ok();
    let args = json!({"sheet": "a", "steps": [{"op": "filter", "expr": "a > 0"}], "save_as": "d"});
    assert_eq!(site.post("/v1/tools/transform_sheet", &args).problem(), "quota_exceeded");
    let large = site.send(&form(&[file("a.csv", &long(10_000))]));
    assert_eq!(large.problem(), "quota_exceeded");
    // For good, it gives its room back.
    site.send(&Request::new("DELETE", "/v1/sheets/b?purge=true")).ok();
    site.send(&form(&[file("c.csv", "c\n1\n")])).ok();
}

#[test]
fn a_share_holds_for_imports_at_once() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--user-sheets", "3"]);
    site.send(&form(&[file("first.csv", "a\n1\n")])).ok();
    let outcomes: Vec<u16> = std::thread::scope(|scope| {
        let import = |n: usize| {
            let site = &site;
            let content = format!("{}{n}\n", long(3_000));
            scope.spawn(move || match n % 3 {
                0 => site.send(&form(&[file(&format!("t{n}.csv"), &content)])),
                1 => site.post("/v1/tools/import_file", &json!({"name": format!("t{n}.csv"), "content": content})),
                _ => {
                    let steps = json!([{"op": "filter", "expr": "a > 0"}]);
                    let args = json!({"sheet": "first", "steps": steps, "save_as": format!("t{n}")});
                    site.post("/v1/tools/transform_sheet", &args)
                }
            })
        };
        let running: Vec<_> = (0..12).map(import).collect();
        running.into_iter().map(|it| it.join().unwrap().status).collect()
    });
    let n_stored = outcomes.iter().filter(|status| (200..300).contains(*status)).count();
    assert_eq!((n_stored, names(&site).len()), (2, 3), "{outcomes:?}");
    // Other sheets of a file that was known are new ones too.
    let two = |a: &str, b: &str| json!({"name": "two.json", "content": format!("{{\"{a}\": [{{\"x\": 1}}], \"{b}\": [{{\"x\": 2}}]}}")});
    let before = names(&site).len();
    let _ = site.post("/v1/tools/import_file", &two("one", "other"));
    assert_eq!(names(&site).len(), before);
}

#[test]
fn no_more_uploads_at_once_than_are_allowed() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--user-uploads", "1"]);
    let whole = form(&[file("a.csv", &long(20_000))]).bytes(&site.address);
    let mut first = site.connect();
    first.write_all(&whole[..whole.len() - 100]).unwrap();
    until("the upload has begun", || !scratch(&bench).is_empty());
    let refused = site.send(&form(&[file("b.csv", "b\n1\n")]));
    assert_eq!((refused.status, refused.problem().as_str()), (503, "busy"));
    assert!(refused.header("retry-after").is_some());
    first.write_all(&whole[whole.len() - 100..]).unwrap();
    assert_eq!(Response::read(&mut first).status, 201);
    site.send(&form(&[file("b.csv", "b\n1\n")])).ok();
}

/// A table of about so many bytes that no compression makes small.
fn incompressible(n_bytes: usize) -> String {
    let mut state = 1_u64;
    let mut text = "a\n".to_owned();
    while text.len() < n_bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{state:016x}\n"));
    }
    text
}

#[test]
fn uploads_at_once_share_what_is_left() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--user-storage", "6MB"]);
    let whole = form(&[file("first.csv", &long(200_000))]).bytes(&site.address);
    assert!((4_000_000..4_500_000).contains(&whole.len()), "{}", whole.len());
    let mut first = site.connect();
    first.write_all(&whole[..whole.len() - 100]).unwrap();
    let n_staged =
        || scratch(&bench).iter().filter_map(|it| it.join("upload").metadata().ok()).map(|it| it.len()).sum::<u64>();
    until("most of the first is here", || n_staged() > 3_500_000);
    // Either alone would have room.
    let refused = site.send(&form(&[file("second.csv", &incompressible(2_300_000))]));
    assert_eq!((refused.status, refused.problem().as_str()), (403, "quota_exceeded"), "{}", refused.text());
    site.send(&form(&[file("small.csv", "a\n1\n")])).ok();
    first.write_all(&whole[whole.len() - 100..]).unwrap();
    assert_eq!(Response::read(&mut first).status, 201);
    until("nothing is left", || scratch(&bench).is_empty());
}

#[test]
fn results_are_part_of_the_share_and_make_way() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--user-storage", "1MB"]);
    let result = || {
        let sql = "select range n, sha256(range::varchar) t from range(4000)";
        let reply = site.post("/v1/tools/query", &json!({"sql": sql, "max_rows": 1})).ok();
        reply["result"].as_str().unwrap_or_else(|| panic!("no handle: {reply}")).to_owned()
    };
    let read = |result: &str| site.post("/v1/tools/read_result", &json!({"result": result, "max_rows": 1})).status;
    // Each has some 300 kB.
    let results: Vec<String> = (0..4).map(|_| result()).collect();
    let statuses: Vec<u16> = results.iter().map(|it| read(it)).collect();
    assert_eq!(statuses, [404, 200, 200, 200]);
    site.send(&form(&[file("large.csv", &incompressible(300_000))])).ok();
    assert_eq!([read(&results[1]), read(&results[2])], [404, 404]);
    assert_eq!(read(&result()), 200);
}

#[test]
fn exports_that_wait_are_part_of_the_share() {
    let bench = Bench::new();
    let site = bench.site_with(&["--auth", "none", "--user-storage", "1500KB"]);
    let export = |n_rows: u32| {
        let sql = format!("select sha256(range::varchar) t from range({n_rows})");
        let reply = site.post("/v1/tools/export_sheet", &json!({"sql": sql})).ok();
        reply["url"].as_str().unwrap().splitn(4, '/').nth(3).map(|path| format!("/{path}")).unwrap()
    };
    // 650 kB each: the third makes the first go.
    let paths: Vec<String> = (0..3).map(|_| export(10_000)).collect();
    let refused = site.send(&form(&[file("a.csv", &incompressible(500_000))]));
    assert_eq!(refused.problem(), "quota_exceeded", "{}", refused.text());
    assert_eq!(site.get(&paths[0]).problem(), "not_found");
    assert_eq!(site.get(&paths[1]).body.len(), 650_002);
    assert_eq!(site.get(&paths[2]).status, 200);
    // They gave their room back; and who has none left can still take one file home.
    site.send(&form(&[file("a.csv", &incompressible(500_000))])).ok();
    let large = export(40_000);
    assert_eq!(site.get(&large).body.len(), 2_600_002);
}

#[test]
fn what_is_wrong_with_a_file_names_no_folder_of_the_server() {
    let bench = Bench::new();
    let site = bench.site();
    let junk = [b"PAR1".as_slice(), &[7; 5_000], b"\xff\xff\xff\x7fPAR1"].concat();
    for (name, bytes) in
        [("t.parquet", junk.as_slice()), ("t.json", b"[{\"a\": 1}, {\"a\": "), ("t.ndjson", b"{\"a\": 1}\n{\"a\": \n")]
    {
        let response = site.send(&form(&[("file", Some(name), bytes)]));
        let text = response.text();
        assert!(text.contains("unreadable_file"), "{name}: {text}");
        assert!(!text.contains("workspaces") && !text.contains("scratch"), "{name}: {text}");
        assert!(!text.contains(&*bench.data_dir().to_string_lossy()), "{name}: {text}");
    }
}
