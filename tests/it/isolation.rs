//! Processes: workers that are killed, and several Quires on one data folder.

use serde_json::{Value, json};

use crate::harness::{Bench, Client, Era, code_of};

#[cfg(target_os = "linux")]
mod killed {
    use serde_json::json;

    use crate::harness::{
        Bench, code_of,
        process::linux::{busy_child, children, is_alive, kill},
        until,
    };

    #[test]
    fn an_idle_worker_that_is_killed_costs_a_fault_at_most() {
        let bench = Bench::new().file("t.csv", "a\n1\n");
        let mut client = bench.serve_files();
        for round in 0..3 {
            assert_eq!(client.rows("from t"), json!([[1]]), "round {round}");
            let workers = children(client.pid());
            workers.iter().for_each(|pid| kill(*pid));
            until("the workers are gone", || workers.iter().all(|pid| !is_alive(*pid)));
            let outcome = client.call("query", &json!({"sql": "from t"}));
            assert!(["ok", "worker_crashed"].contains(&code_of(&outcome).as_str()), "{outcome:?}");
        }
        assert_eq!(client.rows("from t"), json!([[1]]));
    }

    #[test]
    fn a_worker_that_is_killed_at_work_is_one_fault() {
        let bench = Bench::new().file("t.csv", "a\n1\n");
        let mut client = bench.serve_files();
        assert_eq!(client.rows("from t"), json!([[1]]));
        let long = client.begin("query", &json!({"sql": "select count(*) from range(100000000) a, range(100000000) b where a.range * b.range % 7 = 3"}));
        let worker = busy_child(client.pid());
        kill(worker);
        let outcome = client.outcome(long);
        assert_eq!(code_of(&outcome), "worker_crashed", "{outcome:?}");
        assert_eq!(client.rows("from t"), json!([[1]]));
    }

    #[test]
    fn workers_end_with_their_server_even_at_work() {
        let bench = Bench::new();
        let mut client = bench.serve();
        assert_eq!(client.rows("select 1"), json!([[1]]));
        client.begin("query", &json!({"sql": "select count(*) from range(100000000) a, range(100000000) b where a.range * b.range % 7 = 3"}));
        let worker = busy_child(client.pid());
        kill(client.pid());
        until("the worker is gone", || !is_alive(worker));
    }

    #[test]
    fn a_worker_has_an_empty_environment() {
        let bench = Bench::new();
        let mut client = bench.serve();
        assert_eq!(client.rows("select 1"), json!([[1]]));
        for worker in children(client.pid()) {
            match std::fs::read(format!("/proc/{worker}/environ")) {
                Ok(environment) => assert_eq!(environment, b""),
                // It is not dumpable: only root may look.
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
            }
        }
    }

    #[test]
    fn an_import_that_is_killed_leaves_no_half_sheet() {
        let rows: String = (0..1_000_000).map(|i| format!("{i},{},text {i}\n", i % 97)).collect();
        let bench = Bench::new().file("long.csv", format!("id,group,text\n{rows}"));
        let mut client = bench.serve();
        let id = client.request(
            "tools/call",
            json!({
                "name": "import_file", "arguments": {"path": bench.path("long.csv")}, "_meta": {"progressToken": 1},
            }),
        );
        client.wait_for(|message| message["method"] == "notifications/progress");
        kill(client.pid());
        let _ = id;
        let mut other = bench.serve();
        let listed = other.call("list_sheets", &json!({})).unwrap();
        for sheet in listed["sheets"].as_array().unwrap() {
            assert_eq!(sheet["n_rows"], 1_000_000);
        }
        assert!(other.call("import_file", &json!({"path": "$FILES/long.csv"})).is_ok());
        assert_eq!(other.rows("select count(*), count(distinct id) from long"), json!([[1_000_000, 1_000_000]]));
    }
}

/// `n` servers on one fresh data folder, each with its own imports and queries under way at once.
fn at_once(n: usize) {
    let bench = Bench::new().file("shared.csv", "n\n1\n2\n");
    let mut clients: Vec<Client<'_>> = (0..n).map(|_| Client::start(&bench, &[], Era::November2025)).collect();
    clients.iter_mut().for_each(|client| drop(client.greet()));
    let began: Vec<Vec<u64>> = clients
        .iter_mut()
        .enumerate()
        .map(|(client_idx, client)| {
            let mut ids: Vec<u64> = (0..3)
                .map(|i| {
                    let content = format!("who,n\n{client_idx},{i}\n");
                    client.begin(
                        "import_file",
                        &json!({"name": format!("part_{client_idx}_{i}.csv"), "content": content}),
                    )
                })
                .collect();
            ids.push(client.begin("import_file", &json!({"path": "$FILES/shared.csv"})));
            ids.push(client.begin("query", &json!({"sql": "select sum(range) from range(10)"})));
            ids.push(client.begin("list_sheets", &json!({})));
            ids
        })
        .collect();
    for (client, ids) in clients.iter_mut().zip(began) {
        for id in ids {
            client.outcome(id).unwrap();
        }
    }
    // Every process sees all that any imported, without being told.
    let mut names: Vec<String> =
        (0..n).flat_map(|client_idx| (0..3).map(move |i| format!("part_{client_idx}_{i}"))).collect();
    let sql = names.iter().map(|name| format!("from {name}")).collect::<Vec<_>>().join(" union all ");
    names.push("shared".to_owned());
    for client in &mut clients {
        let listed = client.call("list_sheets", &json!({})).unwrap();
        let found: Vec<&str> =
            listed["sheets"].as_array().unwrap().iter().map(|sheet| sheet["name"].as_str().unwrap()).collect();
        assert_eq!(found, names);
        assert_eq!(
            client.rows(&format!("select count(*), count(distinct (who, n)) from ({sql})")),
            json!([[3 * n, 3 * n]])
        );
        assert_eq!(client.rows("from shared"), json!([[1], [2]]));
    }
    for client in clients {
        assert_eq!(client.close().0, Some(0));
    }
}

#[test]
fn two_processes_at_once_on_a_fresh_data_folder_lose_nothing() {
    at_once(2);
}

#[test]
fn five_processes_at_once_on_a_fresh_data_folder_lose_nothing() {
    at_once(5);
}

#[test]
fn what_one_process_changes_another_sees_at_once() {
    let bench = Bench::new();
    let (mut one, mut other) = (bench.serve(), bench.serve());
    let import = |content: &str| json!({"name": "t.csv", "content": content});
    one.call("import_file", &import("n\n1\n")).unwrap();
    assert_eq!(other.rows("from t"), json!([[1]]));
    other.call("import_file", &import("n\n2\n")).unwrap();
    assert_eq!(one.rows("from t"), json!([[2]]));
    one.call("delete_sheet", &json!({"sheet": "t"})).unwrap();
    let gone: Result<Value, Value> = other.call("query", &json!({"sql": "from t"}));
    assert_eq!(gone.unwrap_err()["code"], "sheet_not_found");
}

#[test]
fn the_data_folder_is_out_of_reach_also_below_a_root() {
    let bench = Bench::new().file("t.csv", "n\n1\n");
    let data = bench.data_dir();
    let root = data.parent().unwrap().to_string_lossy().into_owned();
    let mut client = bench.serve_with(&["--root", &root]);
    client.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    std::fs::write(data.join("keys.json"), "[{\"a\": 1}]").unwrap();
    let keys = data.join("keys.json").to_string_lossy().into_owned();
    let outcome = client.call("import_file", &json!({"path": keys}));
    assert_eq!(code_of(&outcome), "path_not_allowed", "{outcome:?}");
    let outcome = client.call("export_sheet", &json!({"sheet": "t", "path": keys, "overwrite": true}));
    assert_eq!(code_of(&outcome), "path_not_allowed", "{outcome:?}");
    assert_eq!(std::fs::read_to_string(&keys).unwrap(), "[{\"a\": 1}]");
}
