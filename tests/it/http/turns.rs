//! More users than workers: a bounded queue that says how long to wait, and one budget of memory for all.

#![cfg(target_os = "linux")]

use std::{io::Write, net::TcpStream};

use serde_json::{Value, json};

use crate::harness::{
    Bench,
    http::{Request, Response, Site},
    process::linux::{children, nice},
    until,
};

/// Takes days.
const ENDLESS: &str = "select count(*) from range(100000000) a, range(100000000) b where a.range * b.range % 7 = 3";

/// A server on which so many users are logged in.
struct Crowd {
    site: Site,
    tokens: Vec<String>,
}

impl Crowd {
    fn new(bench: &Bench, n_users: usize, flags: &[&str]) -> Crowd {
        let site = bench.site_with(&[&["--auth", "accounts", "--query-timeout", "3600"], flags].concat());
        let login = |n: usize| {
            let who = json!({"email": format!("user{n}@example.org"), "password": "just some words"});
            assert_eq!(site.post("/v1/auth/register", &who).status, 201);
            site.post("/v1/auth/login", &who).ok()["access_token"].as_str().unwrap().to_owned()
        };
        let tokens = (0..n_users).map(login).collect();
        Crowd { site, tokens }
    }

    fn request(&self, user: usize, path: &str, body: &Value) -> Request {
        Request::new("POST", path).json(body).bearer(&self.tokens[user])
    }

    fn query(&self, user: usize, sql: &str) -> Response {
        self.site.send(&self.request(user, "/v1/query", &json!({"sql": sql})))
    }

    /// Sends a query, and waits until so many run and wait.
    fn begin(&self, user: usize, sql: &str, n_running: usize, n_waiting: usize) -> TcpStream {
        let mut stream = self.site.connect();
        let request = self.request(user, "/v1/query", &json!({"sql": sql}));
        stream.write_all(&request.bytes(&self.site.address)).unwrap();
        until("it runs or waits", || self.counts() == (n_running, n_waiting));
        stream
    }

    /// Queries that run, and those that wait.
    fn counts(&self) -> (usize, usize) {
        let text = self.site.get("/metrics").text();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}{{queue=\"queries\"}} ")));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
        };
        (value("quire_workers_busy"), value("quire_calls_waiting"))
    }
}

fn rows(mut stream: TcpStream) -> Value {
    Response::read(&mut stream).ok()["rows"].clone()
}

#[test]
fn when_too_many_wait_the_next_is_told_how_long_to_wait() {
    let bench = Bench::new();
    let crowd = Crowd::new(&bench, 5, &["--workers", "1", "--max-waiting", "2"]);
    // One place, and one for a user who runs nothing yet.
    let slow = [crowd.begin(0, ENDLESS, 1, 0), crowd.begin(1, ENDLESS, 2, 0)];
    let (third, fourth) = (crowd.begin(2, "select 3", 2, 1), crowd.begin(3, "select 4", 2, 2));
    let own = crowd.query(2, "select 5");
    assert_eq!((own.status, own.problem().as_str()), (403, "quota_exceeded"));
    let refused = crowd.query(0, "select 5");
    assert_eq!((refused.status, refused.problem().as_str()), (503, "busy"));
    let delay = refused.header("retry-after").unwrap();
    assert!((1..=60).contains(&delay.parse::<u64>().unwrap()), "{delay}");
    let problem = refused.json();
    assert_eq!(problem["hint"], format!("call again in {delay} s"));
    assert_eq!(problem["detail"], "2 calls wait for a worker already");
    // Who has nothing yet may wait all the same.
    let fifth = crowd.begin(4, "select 5", 2, 3);
    // Whoever goes away frees the worker for those who wait, in their order.
    drop(slow);
    assert_eq!([rows(third), rows(fourth), rows(fifth)], [json!([[3]]), json!([[4]]), json!([[5]])]);
}

#[test]
fn calls_wait_for_memory_of_the_total_and_idle_workers_give_theirs_back() {
    let bench = Bench::new();
    // As much as one worker's, who then has the last share: two users take turns.
    let crowd = Crowd::new(&bench, 2, &["--workers", "4", "--memory", "200MB", "--total-memory", "300MB"]);
    let slow = crowd.begin(0, ENDLESS, 1, 0);
    let waits = crowd.begin(1, "select 2", 1, 1);
    drop(slow);
    assert_eq!(rows(waits), json!([[2]]));
    for user in [0, 1, 0, 1] {
        assert_eq!(crowd.query(user, "select 3").ok()["rows"], json!([[3]]));
        until("the other user's worker is gone", || children(crowd.site.child.id()).len() == 1);
    }
    // An import has its memory from the same total.
    let slow = crowd.begin(0, ENDLESS, 1, 0);
    let import = json!({"name": "t.csv", "content": "n\n1\n"});
    let mut waits = crowd.site.connect();
    let request = crowd.request(1, "/v1/tools/import_file", &import);
    waits.write_all(&request.bytes(&crowd.site.address)).unwrap();
    until("it waits", || crowd.site.get("/metrics").text().contains("quire_calls_waiting{queue=\"imports\"} 1"));
    drop(slow);
    Response::read(&mut waits).ok();
}

#[test]
fn others_go_before_one_whose_short_calls_never_end_until_he_rests() {
    // Without the right to take a priority back, only what is slow is put behind.
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let rights = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let may_raise = u64::from_str_radix(rights.trim(), 16).unwrap() >> 23 & 1 == 1;
    let bench = Bench::new();
    let crowd = Crowd::new(&bench, 2, &[]);
    let server = crowd.site.child.id();
    crowd.query(1, "select 1").ok();
    let calm = children(server)[0];
    crowd.query(0, "select 1").ok();
    let busy = children(server).into_iter().find(|child| *child != calm).unwrap();
    let usual = nice(server);
    let hurry = || {
        for _ in 0..40 {
            crowd.query(0, "select count(*) from range(500000) t(i) where hash(i) % 7 = 3").ok();
        }
        crowd.query(1, "select 1").ok();
    };
    if !may_raise {
        hurry();
        assert_eq!([nice(calm), nice(busy)], [usual; 2]);
        return;
    }
    until("he is behind", || {
        hurry();
        nice(busy) > usual
    });
    assert_eq!(nice(calm), usual);
    until("he has rested", || {
        crowd.query(0, "select 1").ok();
        std::thread::sleep(std::time::Duration::from_millis(500));
        nice(busy) == usual
    });
    assert_eq!(children(server).len(), 2, "both are the workers that they were");
}
