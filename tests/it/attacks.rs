//! What strangers may try (`tests/attacks/`): refused, or bounded, or harmless; afterwards all is as before.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::harness::{
    Bench, Client, code_of,
    http::{Request, Site},
};

/// What no reply may hold.
const SECRET: &str = "kanarienvogel-8842";

/// Faults of calls that were seen through before anything of them ran.
const SEEN_THROUGH: &[&str] =
    &["sql_refused", "sheet_not_found", "invalid_sql", "column_not_found", "invalid_arguments", "limit_exceeded"];

struct Field {
    bench: Bench,
    /// Files that may not change, nor become more.
    before: BTreeMap<PathBuf, Vec<u8>>,
}

impl Field {
    fn new() -> Field {
        let bench = Bench::new().file("t.csv", "n,s\n1,one\n2,two\n3,three\n");
        fs::write(bench.outside().join("canary.txt"), format!("n\n{SECRET}\n")).unwrap();
        fs::create_dir(bench.data_dir()).unwrap();
        fs::write(bench.data_dir().join("canary.csv"), format!("n\n{SECRET}\n")).unwrap();
        drop(bench.serve_files());
        let before = files(&bench);
        Field { bench, before }
    }

    /// The lines of a file of attacks, filled in.
    fn lines(&self, name: &str) -> Vec<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks").join(name);
        let text = fs::read_to_string(path).unwrap();
        text.lines().filter(|line| !line.is_empty() && !line.starts_with("# ")).map(|line| self.filled(line)).collect()
    }

    fn filled(&self, line: &str) -> String {
        let outside = self.bench.outside();
        let mut text = line
            .replace("$CANARY", &outside.join("canary.txt").to_string_lossy())
            .replace("$INSIDE", &self.bench.data_dir().join("canary.csv").to_string_lossy())
            .replace("$TARGET", &outside.join("target").to_string_lossy())
            .replace("$FILES", &self.bench.path("").to_string_lossy());
        while let Some(start) = text.find("$REP(") {
            let (head, rest) = text.split_at(start);
            let (n, rest) = rest.strip_prefix("$REP(").unwrap().split_once(',').unwrap();
            // The last closing bracket that still leaves one that opens.
            let end = closing(rest);
            let (part, tail) = rest.split_at(end);
            let tail = tail.strip_prefix(')').unwrap();
            text = format!("{head}{}{tail}", part.repeat(n.parse().unwrap()));
        }
        text
    }

    /// The files are what they were, and the server has the same sheet, and the same settings.
    fn check(&self, client: &mut Client<'_>) {
        let settings = "select '2024-01-01 12:00:00+00'::timestamptz::varchar, n, s from t order by n limit 1";
        assert_eq!(client.rows(settings), json!([["2024-01-01 12:00:00+00", 1, "one"]]));
        let listed = client.call("list_sheets", &json!({})).unwrap();
        assert_eq!(listed["sheets"].as_array().unwrap().len(), 1, "{listed}");
        let after = files(&self.bench);
        for (path, content) in &self.before {
            assert_eq!(after.get(path), Some(content), "{}", path.display());
        }
        let more: Vec<&PathBuf> = after.keys().filter(|path| !self.before.contains_key(*path)).collect();
        assert!(more.is_empty(), "{more:?}");
    }
}

/// Where the text of a `$REP(` ends: it may hold brackets that close, where they were opened in it, and one alone.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' => return at,
            _ => {}
        }
    }
    text.find(')').unwrap()
}

/// Contents of all files around the server but those that it writes by itself.
fn files(bench: &Bench) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![bench.outside().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let name = entry.file_name().into_string().unwrap();
            if kind.is_dir() && !["scratch", "results"].contains(&name.as_str()) {
                folders.push(path);
            } else if kind.is_file()
                && !name.starts_with("catalog.db")
                && path.extension().is_none_or(|it| it != "lock")
                && name != "swept"
            {
                found.insert(path.clone(), fs::read(path).unwrap_or_default());
            }
        }
    }
    found
}

/// Each reader in some place, and each place with some reader, twice over.
fn queries(field: &Field) -> Vec<String> {
    let (readers, places) = (field.lines("readers.txt"), field.lines("places.txt"));
    let n = readers.len().max(places.len());
    let pairs = (0..n).flat_map(|i| [(i, i), (i * 7 + 3, i)]);
    let mut queries: Vec<String> = pairs
        .map(|(reader, place)| places[place % places.len()].replace('@', &readers[reader % readers.len()]))
        .collect();
    queries.extend(field.lines("refused.sql"));
    queries
}

#[test]
fn attacks_by_sql_are_refused_over_stdio() {
    let field = Field::new();
    let mut client = field.bench.serve();
    let mut wrong = Vec::new();
    for sql in queries(&field) {
        let outcome = client.call("query", &json!({"sql": sql}));
        let said = format!("{outcome:?}");
        if !SEEN_THROUGH.contains(&code_of(&outcome).as_str()) || said.contains(SECRET) {
            wrong.push(format!("{sql}\n    {}", said.chars().take(300).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{} came through:\n{}", wrong.len(), wrong.join("\n"));
    field.check(&mut client);
}

#[test]
fn attacks_by_sql_are_refused_over_http() {
    let field = Field::new();
    let site = field.bench.site();
    let content = "n,s\n1,one\n2,two\n3,three\n";
    site.send(&Request::new("POST", "/v1/sheets").form(&[("file", Some("t.csv"), content.as_bytes())])).ok();
    let mut wrong = Vec::new();
    for sql in queries(&field) {
        let response = site.post("/v1/query", &json!({"sql": sql}));
        let said = response.text();
        let code = response.json()["code"].as_str().unwrap_or("ok").to_owned();
        if !SEEN_THROUGH.contains(&code.as_str()) || said.contains(SECRET) {
            wrong.push(format!("{sql}\n    {}", said.chars().take(300).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{} came through:\n{}", wrong.len(), wrong.join("\n"));
    assert!(!field.bench.outside().join("target").exists());
}

#[test]
fn what_only_looks_bad_is_answered() {
    let field = Field::new();
    let mut client = field.bench.serve();
    let mut wrong = Vec::new();
    for sql in field.lines("harmless.sql") {
        let outcome = client.call("query", &json!({"sql": sql}));
        let code = code_of(&outcome);
        if code != "ok" && !SEEN_THROUGH.contains(&code.as_str()) {
            wrong.push(format!("{}\n    {outcome:?}", sql.chars().take(200).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    field.check(&mut client);
}

/// Every fifth bomb: `.ci/attacks` has the time for all.
#[test]
fn bombs_end_at_a_limit() {
    let field = Field::new();
    let mut client = field.bench.serve_with(&["--query-timeout", "0.4", "--memory", "100MB"]);
    let mut wrong = Vec::new();
    for sql in field.lines("bombs.sql").iter().step_by(5) {
        let outcome = client.call("query", &json!({"sql": sql}));
        let bounds =
            ["ok", "timed_out", "out_of_memory", "limit_exceeded", "invalid_sql", "sql_refused", "worker_crashed"];
        if !bounds.contains(&code_of(&outcome).as_str()) {
            wrong.push(format!("{}\n    {outcome:?}", sql.chars().take(200).collect::<String>()));
        }
        assert_eq!(client.rows("select count(*) from t"), json!([[3]]), "after {sql}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    field.check(&mut client);
}

#[test]
fn each_of_the_given_attacks_ends_as_expected() {
    let field = Field::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/given.jsonl");
    let given: Vec<Value> =
        fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(given.len() >= 97);
    let table = json!({"name": "t.csv", "content": "a,b\n1,x\n2,y\n"});
    let limits = ["--query-timeout", "0.4", "--memory", "100MB"];
    let mut client = field.bench.serve_with(&limits);
    client.call("delete_sheet", &json!({"sheet": "t"})).unwrap();
    client.call("import_file", &table).unwrap();
    let site = field.bench.site_with(&[&["--auth", "none"][..], &limits].concat());
    let data_dir = field.bench.data_dir().display().to_string();
    let mut wrong = Vec::new();
    for (n, attack) in given.iter().enumerate() {
        let over_stdio = client.call("query", &json!({"sql": attack["sql"]}));
        let over_http = site.post("/v1/query", &json!({"sql": attack["sql"]}));
        let codes = [code_of(&over_stdio), over_http.json()["code"].as_str().unwrap_or("ok").to_owned()];
        let said = format!("{over_stdio:?} {}", over_http.text());
        let is_expected = |code: &String| {
            let is_seen_through = SEEN_THROUGH.contains(&code.as_str());
            match attack["expected"].as_str().unwrap() {
                "refused" => is_seen_through,
                "limited" => is_seen_through || ["ok", "timed_out", "out_of_memory"].contains(&code.as_str()),
                _ => is_seen_through || code == "ok",
            }
        };
        let tells = ["root:x:0", "QUIRE_", &data_dir];
        if !codes.iter().all(is_expected) || tells.iter().any(|it| said.contains(it)) {
            wrong.push(format!("{}: {codes:?} {}", attack["id"], said.chars().take(300).collect::<String>()));
        }
        if n % 10 == 0 {
            assert_eq!(client.rows("from t"), json!([[1, "x"], [2, "y"]]), "after {}", attack["id"]);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(client.rows("from t"), json!([[1, "x"], [2, "y"]]));
}

#[test]
fn expressions_of_steps_reach_nothing_else() {
    let field = Field::new();
    let mut client = field.bench.serve();
    let mut wrong = Vec::new();
    for (n, expr) in field.lines("expressions.txt").into_iter().enumerate() {
        // Each in one of the places; the next run of expressions has the same kinds in the others.
        let steps = [
            json!({"op": "filter", "expr": expr}),
            json!({"op": "derive", "column": "x", "expr": expr}),
            json!({"op": "select", "columns": [expr]}),
            json!({"op": "cast", "columns": ["n"], "to": expr}),
            json!({"op": "rename", "columns": {(expr.as_str()): "n2"}}),
        ];
        for step in [&steps[n % 2], &steps[2 + n % 3]] {
            let outcome = client.call("transform_sheet", &json!({"sheet": "t", "steps": [step]}));
            let said = format!("{outcome:?}");
            if !SEEN_THROUGH.contains(&code_of(&outcome).as_str()) || said.contains(SECRET) {
                wrong.push(format!("{step}\n    {}", said.chars().take(300).collect::<String>()));
            }
        }
        let sql = format!("select {expr} from t");
        let outcome = client.call("query", &json!({"sql": sql}));
        if format!("{outcome:?}").contains(SECRET) {
            wrong.push(expr);
        }
    }
    assert!(wrong.is_empty(), "{} came through:\n{}", wrong.len(), wrong.join("\n"));
    field.check(&mut client);
}

#[test]
#[cfg(unix)]
fn paths_that_lead_elsewhere_are_refused() {
    let field = Field::new();
    let bench = &field.bench;
    std::os::unix::fs::symlink(bench.outside().join("canary.txt"), bench.path("link-to-canary")).unwrap();
    std::os::unix::fs::symlink(bench.outside(), bench.path("link-to-folder")).unwrap();
    std::os::unix::fs::symlink(bench.path("loop"), bench.path("loop")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(bench.path("fifo")).status().unwrap();
    assert!(made.success());
    let mut client = bench.serve();
    let mut wrong = Vec::new();
    for path in field.lines("paths.txt") {
        let outcome = client.call("import_file", &json!({"path": path}));
        let (code, said) = (code_of(&outcome), format!("{outcome:?}"));
        if ["ok", "internal", "storage_failed", "timed_out"].contains(&code.as_str()) || said.contains(SECRET) {
            wrong.push(format!("{path}\n    {}", said.chars().take(300).collect::<String>()));
        }
        let export = json!({"sheets": ["t"], "format": "csv", "path": format!("{path}.csv"), "overwrite": true});
        let outcome = client.call("export_sheet", &export);
        if code_of(&outcome) == "ok" {
            let written = outcome.unwrap()["path"].as_str().unwrap_or_default().to_owned();
            assert!(written.starts_with("$FILES"), "{path} was written to {written}");
            fs::remove_file(written.replace("$FILES", &bench.path("").to_string_lossy())).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{} came through:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(fs::read_to_string(bench.outside().join("canary.txt")).unwrap(), format!("n\n{SECRET}\n"));
    assert_eq!(client.rows("select count(*) from t"), json!([[3]]));
}

#[test]
fn names_and_cells_are_data() {
    let field = Field::new();
    let mut client = field.bench.serve();
    let names = field.lines("names.txt");
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let row = quoted.join(",");
    let content = format!("id,{row}\n1,{row}\n");
    let imported = client.call("import_file", &json!({"name": "s.csv", "content": content})).unwrap();
    let columns = imported["sheets"][0]["columns"].as_array().unwrap().clone();
    assert_eq!(columns.len(), names.len() + 1);
    for (name, column) in names.iter().zip(&columns[1..]) {
        let column = format!("\"{}\"", column["name"].as_str().unwrap().replace('"', "\"\""));
        let rows = client.rows(&format!("select {column} from s"));
        assert!([json!([[name]]), json!([[name.trim()]]), json!([[null]])].contains(&rows), "{name}: {rows}");
    }
    let columns: Vec<Value> = columns.iter().map(|column| column["name"].clone()).collect();
    for (tool, args) in [
        ("preview_rows", json!({"sheet": "s", "columns": columns})),
        ("describe_sheet", json!({"sheet": "s", "columns": columns})),
        ("summarize_sheet", json!({"sheet": "s", "columns": columns})),
        ("transform_sheet", json!({"sheet": "s", "steps": [{"op": "trim", "columns": columns[1..]}]})),
        (
            "transform_sheet",
            json!({"sheet": "s", "steps": [{"op": "replace", "columns": columns[1..], "from": names[0], "to": names[1]}]}),
        ),
        ("transform_sheet", json!({"sheet": "s", "steps": [{"op": "select", "columns": columns}]})),
        ("export_sheet", json!({"sheets": ["s"], "format": "json"})),
    ] {
        let outcome = client.call(tool, &args);
        assert!(outcome.is_ok() && !format!("{outcome:?}").contains(SECRET), "{tool}: {outcome:?}");
    }
    client.call("delete_sheet", &json!({"sheet": "s"})).unwrap();
    // As the name of a file and of a sheet: whatever it becomes, it is no path.
    for name in names.iter().step_by(3) {
        let named = client.call("import_file", &json!({"name": format!("{name}.csv"), "content": "n\n1\n"}));
        if let Ok(reply) = named {
            client.call("delete_sheet", &json!({"sheet": reply["sheets"][0]["name"]})).unwrap();
        }
    }
    assert_eq!(client.rows("select sum(n) from t"), json!([[6]]));
    assert!(!field.bench.outside().join("target").exists());
}

#[test]
fn names_of_uploads_are_no_paths() {
    let field = Field::new();
    let site: Site = field.bench.site();
    for name in field.lines("paths.txt").iter().filter(|name| name.len() < 1_000) {
        let name = name.replace(['"', '\r', '\n'], "");
        let response =
            site.send(&Request::new("POST", "/v1/sheets").form(&[("file", Some(&name), b"n\n1\n".as_slice())]));
        assert!(response.status < 500, "{name}: {}", response.text());
        assert!(!response.text().contains(SECRET));
    }
    for (path, content) in &field.before {
        assert_eq!(fs::read(path).unwrap(), *content, "{}", path.display());
    }
    let listed: Value = site.get("/v1/sheets").ok();
    assert!(!listed.to_string().contains(SECRET));
}
