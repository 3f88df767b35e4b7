//! `quire user` and `quire token`, through the binary.

use std::{io::Write, process::Stdio};

use serde_json::{Value, json};

use crate::harness::{Bench, Ended};

const PASSWORD: &str = "just some words";

impl Bench {
    /// Runs a command with a text on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ended {
        let mut child =
            self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub(crate) fn add_user(&self, email: &str) {
        let ended = self.run_with_input(&["user", "add", email, "--password-stdin"], &format!("{PASSWORD}\n"));
        assert_eq!((ended.code, ended.out), (Some(0), format!("{email} is added\n")), "{}", ended.err);
    }

    /// The JSON that a command prints.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(&[args, &["--json"]].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        serde_json::from_str(&ended.out).unwrap()
    }
}

#[track_caller]
fn fault(ended: &Ended) -> (Option<i32>, Value) {
    (ended.code, serde_json::from_str::<Value>(&ended.err).unwrap()["code"].clone())
}

#[test]
fn accounts_are_added_listed_disabled_and_enabled() {
    let bench = Bench::new();
    bench.add_user("bob@example.org");
    bench.add_user("ann@example.org");
    let state = || {
        let list = bench.json(&["user", "list"]);
        let of = |user: &Value| (user["email"].as_str().unwrap().to_owned(), user["disabled_at"].is_string());
        list.as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    let both = |is_disabled| vec![("ann@example.org".to_owned(), is_disabled), ("bob@example.org".to_owned(), false)];
    assert_eq!(state(), both(false));
    assert_eq!(bench.run(&["user", "disable", "ANN@example.org"]).code, Some(0));
    assert_eq!(state(), both(true));
    assert!(bench.run(&["user", "list"]).out.contains("ann@example.org  disabled  since 2"));
    assert_eq!(bench.run(&["user", "enable", "ann@example.org"]).code, Some(0));
    assert_eq!(state(), both(false));
}

#[test]
fn what_is_wrong_with_an_account_is_said() {
    let bench = Bench::new();
    bench.add_user("ann@example.org");
    let check = |args: &[&str], input: &str, exit_code: i32, code: &str| {
        let ended = bench.run_with_input(&[args, &["--json"]].concat(), input);
        assert_eq!(fault(&ended), (Some(exit_code), json!(code)), "{args:?}: {}", ended.err);
        assert!(!ended.err.contains("some words"), "{}", ended.err);
    };
    check(&["user", "add", "Ann@example.org", "--password-stdin"], "other some words", 7, "conflict");
    check(&["user", "add", "ann", "--password-stdin"], PASSWORD, 2, "invalid_arguments");
    check(&["user", "add", "bob@example.org", "--password-stdin"], "short\n", 2, "invalid_arguments");
    check(&["user", "add", "bob@example.org"], PASSWORD, 2, "invalid_arguments");
    check(&["user", "passwd", "bob@example.org", "--password-stdin"], PASSWORD, 3, "not_found");
    check(&["user", "disable", "bob@example.org"], "", 3, "not_found");
    check(&["token", "list", "bob@example.org"], "", 3, "not_found");
    check(&["token", "revoke", "ann@example.org", "0"], "", 3, "not_found");
    check(&["token", "create", "ann@example.org", "--name", ""], "", 2, "invalid_arguments");
    check(&["token", "create", "ann@example.org", "--name", "x", "--days", "0"], "", 2, "invalid_arguments");
}

#[test]
fn a_password_is_never_an_argument() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["user", "add", "ann@example.org", "--password", PASSWORD]).code, Some(2));
}

#[test]
fn tokens_are_created_shown_once_and_revoked() {
    let bench = Bench::new();
    bench.add_user("ann@example.org");
    let create = ["token", "create", "ann@example.org", "--name"];
    let made = bench.json(&[&create[..], &["laptop"]].concat());
    assert_eq!(
        (&made["name"], &made["scope"], &made["last_used_at"]),
        (&json!("laptop"), &json!("read"), &Value::Null)
    );
    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("quire_pat_") && secret.len() == 53, "{secret}");
    let never = bench.run(&[&create[..], &["agent", "--scope", "read-write", "--never"]].concat());
    assert!(never.out.starts_with("quire_pat_") && never.out.lines().count() == 1, "{}", never.out);
    let list = bench.json(&["token", "list", "ann@example.org"]);
    let names: Vec<_> = list.as_array().unwrap().iter().map(|it| (&it["name"], &it["scope"])).collect();
    assert_eq!(names, [(&json!("laptop"), &json!("read")), (&json!("agent"), &json!("read_write"))]);
    assert_eq!(list[1]["expires_at"], Value::Null);
    assert!(!list.to_string().contains("quire_pat_"));
    let id = made["id"].as_str().unwrap();
    assert_eq!(bench.json(&["token", "revoke", "ann@example.org", id]), json!({"revoked": id}));
    assert_eq!(bench.json(&["token", "list", "ann@example.org"]).as_array().unwrap().len(), 1);
}

#[test]
fn an_invitation_is_a_code_of_one_line() {
    let bench = Bench::new();
    let ended = bench.run(&["user", "invite"]);
    assert!(ended.out.starts_with("quire_inv_") && ended.out.trim_end().len() == 53, "{}", ended.out);
    let invited = bench.json(&["user", "invite", "--email", "ann@example.org", "--days", "1"]);
    assert_eq!((&invited["email"], &invited["expires_in_days"]), (&json!("ann@example.org"), &json!(1)));
}

#[test]
fn keys_are_rotated() {
    let bench = Bench::new();
    let first = bench.json(&["token", "rotate-keys"])["key"].clone();
    let second = bench.json(&["token", "rotate-keys", "--at-once"])["key"].clone();
    assert_ne!(first, second);
    let file = std::fs::read_to_string(bench.data_dir().join("signing-keys.json")).unwrap();
    assert!(!file.contains(first.as_str().unwrap()) && file.contains(second.as_str().unwrap()));
}
