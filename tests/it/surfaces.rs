//! The same tools through every surface, and how each surface says what went wrong.

use std::{io::Write as _, process::Stdio};

use quire::fault::Code;
use serde_json::{Value, json};

use crate::harness::{Bench, Client, Era, code_of, fault};

/// Calls with replies that do not differ from run to run.
fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("import_file", json!({"path": "$FILES/sales.csv"})),
        ("list_sheets", json!({})),
        ("preview_rows", json!({"sheet": "sales", "n_rows": 1})),
        ("query", json!({"sql": "select region, sum(amount) from sales group by all order by all"})),
        ("query", json!({"sql": "from salse"})),
        ("query", json!({"sql": "selec 1"})),
        ("query", json!({})),
        ("read_result", json!({"result": "none"})),
        ("export_sheet", json!({"sheet": "sales"})),
        ("delete_sheet", json!({"sheet": "sales"})),
        ("delete_sheet", json!({"sheet": "sales"})),
    ]
}

fn bench() -> Bench {
    Bench::new().file("sales.csv", "region,amount\nnorth,1.50\nsouth,2.25\nnorth,\n")
}

#[test]
fn a_call_answers_the_same_in_every_era_and_on_the_command_line() {
    let outcomes = |era: Era| {
        let bench = bench();
        let mut client = Client::start(&bench, &[], era);
        client.greet();
        calls().iter().map(|(tool, args)| client.call(tool, args)).collect::<Vec<_>>()
    };
    let bench = bench();
    let on_the_command_line: Vec<_> = calls().iter().map(|(tool, args)| bench.call(tool, args)).collect();
    assert_eq!(on_the_command_line.iter().filter(|outcome| outcome.is_ok()).count(), 6);
    for era in Era::ALL {
        assert_eq!(outcomes(era), on_the_command_line, "{}", era.version());
    }
}

#[test]
fn the_greeting_names_the_server_and_teaches_the_order_of_work() {
    let bench = Bench::new();
    for era in [Era::June2025, Era::November2025] {
        let hello = Client::start(&bench, &[], era).greet();
        assert_eq!([&hello["protocolVersion"], &hello["serverInfo"]["name"]], [era.version(), "quire"]);
        assert_eq!(hello["capabilities"], json!({"tools": {}}));
        assert!(hello["instructions"].as_str().unwrap().contains("describe_sheet"));
    }
    let hello = Client::start(&bench, &[], Era::Stateless).greet();
    assert!(hello["supportedVersions"].as_array().unwrap().contains(&json!("2026-07-28")), "{hello}");
    assert!(hello["instructions"].as_str().unwrap().contains("describe_sheet"));
}

#[test]
fn a_stateless_client_need_not_greet() {
    let bench = bench();
    let mut client = Client::start(&bench, &[], Era::Stateless);
    assert!(client.call("import_file", &json!({"path": "$FILES/sales.csv"})).is_ok());
    assert_eq!(client.rows("select count(*) from sales"), json!([[3]]));
}

#[test]
fn the_tools_are_listed_alike_by_the_server_and_the_command() {
    let bench = Bench::new();
    let listed = bench.serve().ask("tools/list", json!({}))["result"]["tools"].clone();
    let printed: Value = serde_json::from_str(&bench.run(&["tools"]).out).unwrap();
    assert_eq!(listed, printed);
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let openai: Value = serde_json::from_str(&bench.run(&["tools", "--format", "openai"]).out).unwrap();
    let openai: Vec<&str> =
        openai.as_array().unwrap().iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    assert_eq!(openai, names);
}

#[test]
fn annotations_say_what_a_tool_does_to_the_world() {
    let bench = Bench::new();
    let listed = bench.serve().ask("tools/list", json!({}))["result"]["tools"].clone();
    for tool in listed.as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        let destroys = matches!(name, "delete_sheet" | "export_sheet");
        let changes = matches!(name, "transform_sheet" | "restore_version");
        let reads = !changes
            && !destroys
            && !matches!(name, "annotate_sheet" | "import_file" | "reimport_sheet" | "verify_answer");
        assert_eq!(
            tool["annotations"],
            json!({
                "title": tool["title"], "readOnlyHint": reads, "destructiveHint": destroys, "idempotentHint": !destroys && !changes, "openWorldHint": false,
            }),
            "{name}"
        );
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
    }
}

#[test]
fn an_unknown_tool_is_a_protocol_error_and_a_failing_one_is_not() {
    let bench = Bench::new();
    for era in Era::ALL {
        let mut client = Client::start(&bench, &[], era);
        client.greet();
        let answer = client.ask("tools/call", json!({"name": "qwery", "arguments": {}}));
        assert_eq!(answer["error"]["code"], -32602, "{answer}");
        let answer = client.ask("tools/call", json!({"name": "query", "arguments": {"sql": "from nothing_here"}}));
        assert_eq!(answer["result"]["isError"], true);
        assert_eq!(answer["result"]["structuredContent"]["code"], "sheet_not_found");
        let answer = client.ask("no/such/method", json!({}));
        assert_eq!(answer["error"]["code"], -32601, "{answer}");
        assert!(answer["error"]["data"]["hint"].as_str().unwrap().contains("tools/call"), "{answer}");
        for (params, why) in [
            (json!({}), "missing field `name`"),
            (json!({"name": "query", "arguments": "select 1"}), "expected a map"),
            (json!({"name": 7}), "expected a string"),
        ] {
            let answer = client.ask("tools/call", params);
            assert_eq!(answer["error"]["code"], -32602, "{answer}");
            assert!(answer["error"]["message"].as_str().unwrap().contains(why), "{answer}");
        }
    }
    let unknown = bench.call("qwery", &json!({})).unwrap_err();
    assert_eq!(unknown, fault("unknown_tool", "no tool is named `qwery`", "did you mean `query`?"));
}

#[test]
fn faults_map_to_exit_codes() {
    let bench = bench().file("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice());
    for (args, code) in [
        (vec!["call", "list_sheets"], 0),
        (vec!["call", "query", "{}"], usize::from(Code::InvalidArguments.exit_code())),
        (vec!["call", "query", "not json"], usize::from(Code::InvalidArguments.exit_code())),
        (vec!["call", "nothing"], usize::from(Code::UnknownTool.exit_code())),
        (vec!["call", "query", r#"{"sql": "selec"}"#], usize::from(Code::InvalidSql.exit_code())),
        (vec!["call", "query", r#"{"sql": "from nothing"}"#], usize::from(Code::SheetNotFound.exit_code())),
        (vec!["call", "query", r#"{"sql": "show tables"}"#], usize::from(Code::SqlRefused.exit_code())),
        (vec!["call", "read_result", r#"{"result": "x"}"#], usize::from(Code::ResultNotFound.exit_code())),
        (vec!["import", "$FILES/none.csv"], usize::from(Code::FileNotFound.exit_code())),
        (vec!["import", "$FILES/picture.png"], 4),
        (vec!["call", "import_file", r#"{"path": "/"}"#], usize::from(Code::PathNotAllowed.exit_code())),
        (vec!["import", "$FILES/sales.csv", "--max-file-size", "10B"], usize::from(Code::LimitExceeded.exit_code())),
        (
            vec![
                "call",
                "query",
                r#"{"sql": "select count(*) from range(1000000) a, range(1000000) b"}"#,
                "--query-timeout",
                "0.2",
            ],
            usize::from(Code::TimedOut.exit_code()),
        ),
        (vec!["no-such-command"], 2),
        (vec!["stdio", "--no-such-flag"], 2),
    ] {
        let ended = bench.run(&args);
        assert_eq!(ended.code, i32::try_from(code).ok(), "{args:?}: {}", ended.err);
        assert_eq!(ended.out.is_empty(), code != 0, "{args:?}: {}", ended.out);
    }
}

#[test]
fn errors_are_text_for_people_and_json_for_programs() {
    let bench = bench();
    let text = bench.run(&["call", "query", r#"{"sql": "from salse"}"#]);
    assert_eq!(
        text.err,
        "error: no sheet is named `salse`\nhint: call `list_sheets` for the names, or `import_file` to add a file; SQL reads sheets only\n"
    );
    let json = bench.run(&["call", "query", r#"{"sql": "from salse"}"#, "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&json.err).unwrap(),
        fault(
            "sheet_not_found",
            "no sheet is named `salse`",
            "call `list_sheets` for the names, or `import_file` to add a file; SQL reads sheets only",
        )
    );
}

#[test]
fn arguments_come_from_the_line_a_file_or_standard_input() {
    let bench = bench().file("args.json", r#"{"sql": "select 1"}"#);
    let expect = bench.run(&["call", "query", r#"{"sql": "select 1"}"#]).out;
    assert_eq!(bench.run(&["call", "query", "@$FILES/args.json"]).out, expect);
    let mut child =
        bench.command(&["call", "query", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(br#"{"sql": "select 1"}"#).unwrap();
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), expect);
}

#[test]
fn the_end_of_input_is_a_clean_end_at_any_moment() {
    let bench = bench();
    for era in Era::ALL {
        assert_eq!(Client::start(&bench, &[], era).close(), (Some(0), vec![]), "before hello, {}", era.version());
        let mut client = Client::start(&bench, &[], era);
        client.greet();
        assert_eq!(client.close(), (Some(0), vec![]), "after hello, {}", era.version());
        let mut client = Client::start(&bench, &[], era);
        client.greet();
        client.call("query", &json!({"sql": "select 1"})).unwrap();
        assert_eq!(client.close(), (Some(0), vec![]), "after a call, {}", era.version());
    }
}

#[test]
fn what_was_asked_before_the_end_of_input_is_still_answered() {
    let bench = bench();
    let mut client = bench.serve();
    let ids: Vec<u64> = (0..8)
        .map(|i| client.begin("query", &json!({"sql": format!("select {i} + sum(range) from range(1000000)")})))
        .collect();
    let (code, unread) = client.close();
    let mut answered: Vec<u64> =
        unread.iter().filter(|it| it.get("result").is_some()).map(|it| it["id"].as_u64().unwrap()).collect();
    answered.sort_unstable();
    assert_eq!((code, answered), (Some(0), ids));
}

#[test]
fn a_broken_line_is_answered_or_skipped_and_the_next_request_works() {
    let bench = bench();
    let mut client = bench.serve();
    client.send(&json!("a string is no request"));
    client.send(&json!({"jsonrpc": "2.0", "id": 900, "method": "tools/call", "params": {"name": 7}}));
    assert_eq!(client.rows("select 1"), json!([[1]]));
}

#[test]
fn nothing_but_protocol_goes_to_standard_output_however_much_is_logged() {
    let bench = bench();
    let mut client = bench.serve_with(&["--log", "trace"]);
    client.call("import_file", &json!({"path": "$FILES/sales.csv"})).unwrap();
    client.call("query", &json!({"sql": "from sales"})).unwrap();
    // The client fails on any line that is not JSON.
    assert_eq!(client.close(), (Some(0), vec![]));
}

#[test]
fn files_that_are_opened_at_start_become_sheets_without_being_waited_for() {
    let bench =
        bench().file("deep/more.csv", "n\n1\n").file("deep/.hidden.csv", "n\n2\n").file("notes.txt", "just text");
    let folder = bench.path("");
    let mut client = bench.serve_with(&["--open", &folder.to_string_lossy()]);
    crate::harness::until("the files are opened", || client.call("list_sheets", &json!({})).unwrap()["n_total"] == 2);
    assert_eq!(client.rows("select (select count(*) from sales), (select count(*) from more)"), json!([[3, 1]]));
}

#[test]
fn a_file_is_inspected_and_converted_without_being_imported() {
    let bench = bench();
    let inspected: Value = serde_json::from_str(&bench.run(&["inspect", "$FILES/sales.csv", "--json"]).out).unwrap();
    assert_eq!(
        inspected,
        json!({
            "format": "csv", "encoding": "UTF-8", "delimiter": ",", "issues": [],
            "sheets": [{
                "name": "sales", "title": "sales", "hidden": false, "n_rows": 3, "header_rows": [1], "first_data_row": 2, "last_data_row": 4, "issues": [],
                "columns": [{"name": "region", "type": "VARCHAR"}, {"name": "amount", "type": "DECIMAL(18,2)"}],
                "decisions": [
                    {"about": "region", "decided": "A1:B4", "because": "all filled rows belong to the table", "confidence": 95},
                    {"about": "header", "decided": "row 1", "confidence": 90, "alternatives": ["no row"],
                        "because": "it names every column, and the rows below hold other things"},
                    {"about": "type", "decided": "region: VARCHAR", "because": "its values are words", "confidence": 100},
                    {"about": "type", "decided": "amount: DECIMAL(18,2)", "because": "all 2 values are numbers", "confidence": 100},
                ],
            }],
        })
    );
    assert_eq!(
        bench.run(&["convert", "$FILES/sales.csv", "--to", "csv"]).out,
        "region,amount\nnorth,1.50\nsouth,2.25\nnorth,\n"
    );
    assert_eq!(
        bench.run(&["convert", "$FILES/sales.csv", "--to", "csv", "--raw"]).out,
        "region,amount\nnorth,1.50\nsouth,2.25\nnorth,\n"
    );
    let rows: Value = serde_json::from_str(&bench.run(&["convert", "$FILES/sales.csv", "--to", "json"]).out).unwrap();
    assert_eq!(
        rows,
        json!([{"region": "north", "amount": 1.5}, {"region": "south", "amount": 2.25}, {"region": "north", "amount": null}])
    );
    assert_eq!(bench.call("list_sheets", &json!({})).unwrap()["n_total"], 0);
}

#[test]
fn a_workbook_is_converted_whole_or_says_what_is_left_out() {
    let bench = Bench::new().file("book.xlsx", crate::tools::import_file::two_sheets());
    let mut command = bench.command(&["convert", bench.path("book.xlsx").to_str().unwrap(), "--to", "xlsx"]);
    let output = command.output().unwrap();
    assert!(output.status.success());
    bench.write("again.xlsx", output.stdout);
    let again = bench.call("import_file", &json!({"path": "$FILES/again.xlsx"})).unwrap();
    let names: Vec<&str> = again["sheets"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let ended = bench.run(&["convert", "$FILES/book.xlsx", "--to", "csv"]);
    assert!(ended.err.contains("holds only") && ended.err.contains("--sheet"), "{}", ended.err);
}

#[test]
fn importing_several_files_goes_on_after_a_bad_one_and_says_so() {
    let bench = bench().file("a.csv", "n\n1\n").file("empty.csv", "");
    let ended = bench.run(&["import", "$FILES/a.csv", "$FILES/empty.csv", "$FILES/sales.csv"]);
    assert_eq!(ended.code, Some(4));
    assert_eq!(
        ended.out,
        "$FILES/a.csv -> a (new, 1 rows, 1 columns)\n$FILES/sales.csv -> sales (new, 3 rows, 2 columns)\n"
    );
}

#[test]
fn the_doctor_finds_a_fresh_installation_in_order() {
    let bench = Bench::new();
    let ended = bench.run(&["doctor", "--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let findings: Value = serde_json::from_str(&ended.out).unwrap();
    assert!(findings.as_array().unwrap().iter().all(|finding| finding["ok"] == true), "{findings}");
}

#[test]
fn the_data_folder_comes_from_the_flag_or_the_environment() {
    let bench = bench();
    bench.call("import_file", &json!({"path": "$FILES/sales.csv"})).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_quire"));
    command.args(["call", "list_sheets"]).env("HOME", bench.home()).env("QUIRE_DATA_DIR", bench.data_dir());
    let reply: Value = serde_json::from_str(&bench.ended(&mut command).out).unwrap();
    assert_eq!(reply["n_total"], 1);
    assert_eq!(code_of(&bench.call("preview_rows", &json!({"sheet": "sales"}))), "ok");
}

#[test]
fn every_call_is_in_the_history_also_one_that_never_ran() {
    let bench = bench();
    for (tool, args) in [
        ("list_sheets", json!({})),
        ("query", json!({})),
        ("query", json!({"sql": "from sales", "max_bytes": 1})),
        ("qwery", json!({})),
    ] {
        let _ = bench.call(tool, &args);
    }
    let catalog = quire::catalog::Catalog::open(&bench.data_dir()).unwrap();
    let calls = catalog.queries_before(catalog.local_user().unwrap().id, None, 10).unwrap();
    let calls: Vec<_> = calls.iter().map(|(_, call)| (call.tool.as_str(), call.outcome.as_str())).collect();
    let refused = "invalid_arguments";
    assert_eq!(calls, [("qwery", "unknown_tool"), ("query", refused), ("query", refused), ("list_sheets", "ok")]);
}

#[test]
fn no_cell_is_logged_at_any_level() {
    let bench = Bench::new().file("secret.csv", "n\nTOPSECRET\n").file("bad.csv", "");
    let files = bench.path("");
    let args = ["--log", "trace", "--open", &files.to_string_lossy()].map(str::to_owned);
    let mut child = bench
        .command(&["stdio"])
        .args(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut orders = child.stdin.take().unwrap();
    let requests = [
        json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}),
        json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "import_file", "arguments": {"name": "x.csv", "content": "n\nTOPSECRET\n"}}}),
        json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "query", "arguments": {"sql": "select 'TOPSECRET', TOPSECRET from x"}}}),
        json!({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "TOPSECRET", "arguments": {}}}),
    ];
    for request in requests {
        writeln!(orders, "{request}").unwrap();
    }
    drop(orders);
    let output = child.wait_with_output().unwrap();
    let (out, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(out.contains("TOPSECRET"), "{out}");
    assert!(!log.contains("TOPSECRET"), "{log}");
}

#[test]
fn content_of_many_megabytes_is_answered() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let content = format!("n\n{}\n", "x".repeat(20 << 20));
    let reply = client.call("import_file", &json!({"name": "long.csv", "content": content})).unwrap();
    assert_eq!(reply["sheets"][0]["n_rows"], 1);
}

#[test]
fn a_path_may_start_at_the_home_folder_and_a_missing_one_is_missing_only_inside() {
    let bench = bench();
    let run = |path: &str| {
        let args = json!({"path": path}).to_string();
        let ended = bench.ended(bench.bare_command(&["call", "import_file", &args, "--json"]).stdin(Stdio::null()));
        let code = serde_json::from_str::<Value>(&ended.err).map(|fault| fault["code"].clone());
        code.unwrap_or_else(|_| json!(serde_json::from_str::<Value>(&ended.out).unwrap()["sheets"][0]["name"]))
    };
    std::fs::create_dir(bench.home().join(".dot")).unwrap();
    std::fs::write(bench.home().join("mine.csv"), "n\n1\n").unwrap();
    for (path, expect) in [
        ("~/mine.csv", "mine"),
        ("home/mine.csv", "mine"),
        ("~/none.csv", "file_not_found"),
        ("~/none/none.csv", "file_not_found"),
        ("home/none.csv", "file_not_found"),
        ("~/.dot/none.csv", "path_not_allowed"),
        ("~/.none/none.csv", "path_not_allowed"),
        ("none.csv", "path_not_allowed"),
        ("../none.csv", "path_not_allowed"),
        ("/none/none.csv", "path_not_allowed"),
        ("files/sales.csv", "path_not_allowed"),
    ] {
        assert_eq!(run(path), expect, "{path}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_an_import_of_several_files() {
    let rows: String = (0..3_000_000).map(|i| format!("{i},text {i}\n")).collect();
    let bench = Bench::new().file("long.csv", format!("id,text\n{rows}")).file("short.csv", "n\n1\n");
    let files = ["long.csv", "short.csv"].map(|name| bench.path(name));
    let child = bench
        .command(&["import"])
        .args(&files)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    crate::harness::process::linux::busy_child(child.id());
    assert!(std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(i32::from(Code::Cancelled.exit_code())));
    assert_eq!(bench.call("list_sheets", &json!({})).unwrap()["n_total"], 0);
}

#[test]
fn an_import_on_the_command_line_tidies_up_when_that_is_due() {
    let bench = bench();
    assert_eq!(bench.run(&["import", "$FILES/sales.csv"]).code, Some(0));
    let workspaces = bench.data_dir().join("workspaces");
    let workspace =
        std::fs::read_dir(&workspaces).unwrap().find_map(|it| Some(it.ok()?.path()).filter(|it| it.is_dir()));
    let orphan = workspace.unwrap().join("versions").join("orphan.parquet");
    std::fs::write(&orphan, "").unwrap();
    bench.run(&["import", "$FILES/sales.csv"]);
    assert!(orphan.exists());
    let mark = std::fs::File::options().write(true).open(workspaces.join("swept")).unwrap();
    mark.set_modified(std::time::SystemTime::now() - std::time::Duration::from_hours(2)).unwrap();
    bench.run(&["import", "$FILES/sales.csv"]);
    assert!(!orphan.exists());
}
