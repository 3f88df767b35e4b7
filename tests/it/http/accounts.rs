//! Accounts over HTTP: sessions, personal access tokens, and those who try without.

use std::{
    fs,
    io::Read,
    process::Stdio,
    sync::{Arc, Barrier},
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{
    Bench,
    http::{Request, Response, Site},
};

const PASSWORD: &str = "just some words";

/// A server with accounts, where anyone may register.
fn open(bench: &Bench) -> Site {
    bench.site_with(&["--auth", "accounts"])
}

impl Site {
    fn register(&self, email: &str) {
        let response = self.post("/v1/auth/register", &json!({"email": email, "password": PASSWORD}));
        assert_eq!(response.status, 201, "{}", response.text());
    }

    fn try_login(&self, email: &str, password: &str) -> Response {
        self.post("/v1/auth/login", &json!({"email": email, "password": password}))
    }

    /// Access token and refresh token.
    fn login(&self, email: &str) -> (String, String) {
        pair(&self.try_login(email, PASSWORD).ok())
    }

    fn try_refresh(&self, token: &str) -> Response {
        self.post("/v1/auth/refresh", &json!({"refresh_token": token}))
    }

    fn me(&self, token: &str) -> Response {
        self.send(&Request::new("GET", "/v1/auth/me").bearer(token))
    }

    fn post_as(&self, token: &str, path: &str, body: &Value) -> Response {
        self.send(&Request::new("POST", path).bearer(token).json(body))
    }

    /// Status and code of a problem, or `ok`.
    fn outcome(response: &Response) -> (u16, String) {
        (response.status, if response.status < 400 { "ok".to_owned() } else { response.problem() })
    }
}

fn pair(tokens: &Value) -> (String, String) {
    let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

fn sql(bench: &Bench, sql: &str) {
    Connection::open(bench.data_dir().join("catalog.db")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn one_registers_logs_in_and_is_known() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("Ann@Example.org");
    let response = site.try_login("ann@example.org", PASSWORD);
    let tokens = response.ok();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(900)));
    let (access, _) = pair(&tokens);
    let me = site.me(&access).ok();
    assert_eq!(
        (&me["email"], &me["scope"], &me["credential"]),
        (&json!("ann@example.org"), &json!("read_write"), &json!("access_token"))
    );
    let reply = site.post_as(&access, "/v1/tools/import_file", &json!({"name": "t.csv", "content": "a\n1\n"}));
    assert_eq!(reply.status, 200, "{}", reply.text());
    let history = site.post_as(&access, "/v1/tools/sheet_history", &json!({"sheet": "t"})).ok();
    assert_eq!(history["versions"][0]["by"], "ann@example.org");
}

#[test]
fn without_a_good_token_there_is_nothing_and_a_challenge_says_so() {
    let bench = Bench::new();
    let site = open(&bench);
    let check = |request: Request, challenge: &str| {
        let response = site.send(&request);
        assert_eq!(Site::outcome(&response), (401, "unauthenticated".to_owned()));
        assert_eq!(response.header("www-authenticate"), Some(challenge));
    };
    let bare = r#"Bearer realm="quire""#;
    let invalid = r#"Bearer realm="quire", error="invalid_token""#;
    let query = || Request::new("POST", "/v1/tools/query").json(&json!({"sql": "select 1"}));
    check(query(), bare);
    check(Request::new("GET", "/v1/auth/me"), bare);
    check(Request::new("GET", "/v1/auth/me?access_token=quire_pat_x"), bare);
    for value in ["Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Bearer quire_pat_x", "Bearer a.b.c", "é"] {
        check(query().header("authorization", value), invalid);
    }
    check(query().bearer("x").bearer("y"), invalid);
    assert_eq!(site.get("/healthz").status, 200);
}

/// The claims and the header of a real token, and the key that signed it.
struct Forge {
    header: Value,
    claims: Value,
    secret: Vec<u8>,
}

impl Forge {
    fn of(bench: &Bench, token: &str) -> Forge {
        let part = |n: usize| {
            let text = URL_SAFE_NO_PAD.decode(token.split('.').nth(n).unwrap()).unwrap();
            serde_json::from_slice(&text).unwrap()
        };
        let keys = fs::read(bench.data_dir().join("signing-keys.json")).unwrap();
        let keys: Value = serde_json::from_slice(&keys).unwrap();
        let secret = URL_SAFE_NO_PAD.decode(keys["keys"][0]["secret"].as_str().unwrap()).unwrap();
        Forge { header: part(0), claims: part(1), secret }
    }

    fn sign(&self, change: impl FnOnce(&mut Value, &mut Value, &mut Vec<u8>)) -> String {
        let (mut header, mut claims, mut secret) = (self.header.clone(), self.claims.clone(), self.secret.clone());
        change(&mut header, &mut claims, &mut secret);
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encoded(&header), encoded(&claims));
        let algorithm = match header["alg"].as_str() {
            Some("HS384") => Algorithm::HS384,
            Some("HS512") => Algorithm::HS512,
            _ => Algorithm::HS256,
        };
        let key = EncodingKey::from_secret(&secret);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        format!("{message}.{signature}")
    }
}

#[test]
fn forged_tokens_are_refused() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    let (access, refresh) = site.login("ann@example.org");
    let forge = Forge::of(&bench, &access);
    assert_eq!(forge.header["alg"], "HS256");
    // The forge works: what it changes is what is refused.
    assert_eq!(site.me(&forge.sign(|_, _, _| ())).status, 200);
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    let cut = |token: &str, n: usize| token.get(..token.len() - n).unwrap().to_owned();
    let unsigned = |alg: &str| {
        let token = forge.sign(|header, _, _| header["alg"] = json!(alg));
        token.rsplit_once('.').unwrap().0.to_owned() + "."
    };
    let other_head = |header: &Value| {
        let (_, rest) = access.split_once('.').unwrap();
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    let mut of_header = forge.header.clone();
    of_header["alg"] = json!("RS256");
    let foreign = Header { kid: forge.header["kid"].as_str().map(str::to_owned), ..Header::new(Algorithm::HS256) };
    let forged = [
        ("nothing", String::new()),
        ("alg none", unsigned("none")),
        ("alg None", unsigned("None")),
        ("no signature", unsigned("HS256")),
        ("RS256 in the header", other_head(&of_header)),
        ("signed as RS256 with the secret", forge.sign(|header, _, _| header["alg"] = json!("RS256"))),
        ("signed as HS512", forge.sign(|header, _, _| header["alg"] = json!("HS512"))),
        ("signed as HS384", forge.sign(|header, _, _| header["alg"] = json!("HS384"))),
        ("no kid", forge.sign(|header, _, _| drop(header.as_object_mut().unwrap().remove("kid")))),
        ("an unknown kid", forge.sign(|header, _, _| header["kid"] = json!("0"))),
        ("a path as kid", forge.sign(|header, _, _| header["kid"] = json!("../../../../../../dev/null"))),
        ("an empty key for that path", {
            forge.sign(|header, _, secret| {
                header["kid"] = json!("/dev/null");
                secret.clear();
            })
        }),
        ("SQL as kid", forge.sign(|header, _, _| header["kid"] = json!("' or 1=1 --"))),
        ("a kid that is no text", forge.sign(|header, _, _| header["kid"] = json!(1))),
        ("a key in the header", {
            forge.sign(|header, _, secret| {
                *secret = b"an attacker's own key of 32 bytes".to_vec();
                header["jwk"] = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(&*secret)});
            })
        }),
        ("another key", forge.sign(|_, _, secret| secret[0] ^= 1)),
        ("another type", forge.sign(|header, _, _| header["typ"] = json!("JWT"))),
        ("another type, by the library", {
            jsonwebtoken::encode(&foreign, &forge.claims, &EncodingKey::from_secret(&forge.secret)).unwrap()
        }),
        ("expired", forge.sign(|_, claims, _| claims["exp"] = json!(now - 60))),
        ("no expiry", forge.sign(|_, claims, _| drop(claims.as_object_mut().unwrap().remove("exp")))),
        ("expiry as text", forge.sign(|_, claims, _| claims["exp"] = json!("9999999999"))),
        ("not yet valid", forge.sign(|_, claims, _| claims["nbf"] = json!(now + 600))),
        ("another audience", forge.sign(|_, claims, _| claims["aud"] = json!("another"))),
        ("no audience", forge.sign(|_, claims, _| drop(claims.as_object_mut().unwrap().remove("aud")))),
        ("another issuer", forge.sign(|_, claims, _| claims["iss"] = json!("another"))),
        ("another user", forge.sign(|_, claims, _| claims["sub"] = json!("0"))),
        ("another session", forge.sign(|_, claims, _| claims["sid"] = json!("0"))),
        ("claims changed", {
            let (head, rest) = access.split_once('.').unwrap();
            let claims = URL_SAFE_NO_PAD.encode(json!({"sub": "x"}).to_string());
            format!("{head}.{claims}.{}", rest.split_once('.').unwrap().1)
        }),
        ("cut short by one", cut(&access, 1)),
        ("cut in half", cut(&access, access.len() / 2)),
        ("two signatures", format!("{access}.{}", access.rsplit_once('.').unwrap().1)),
        ("very long", format!("{access}{}", "A".repeat(20_000))),
        ("the refresh token", refresh),
    ];
    for (what, token) in forged {
        let response = site.me(&token);
        assert_eq!(Site::outcome(&response), (401, "unauthenticated".to_owned()), "{what}");
    }
    assert_eq!(site.me(&access).status, 200);
}

#[test]
fn a_refresh_token_that_comes_twice_ends_its_session() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    let (_, first) = site.login("ann@example.org");
    let (access, second) = pair(&site.try_refresh(&first).ok());
    assert_eq!(site.me(&access).status, 200);
    for token in [&first, &second, &access] {
        assert_eq!(Site::outcome(&site.try_refresh(token)), (401, "unauthenticated".to_owned()));
    }
    assert_eq!(site.me(&access).status, 401);
}

#[test]
fn of_refreshes_at_once_one_is_answered() {
    let bench = Bench::new();
    let site = Arc::new(open(&bench));
    site.register("ann@example.org");
    let (_, refresh) = site.login("ann@example.org");
    // One fewer than the failures after which all are told to wait.
    let start = Arc::new(Barrier::new(5));
    let racers = (0..5).map(|_| {
        let (site, start, refresh) = (Arc::clone(&site), Arc::clone(&start), refresh.clone());
        thread::spawn(move || {
            start.wait();
            site.try_refresh(&refresh).status
        })
    });
    let mut statuses: Vec<u16> = racers.collect::<Vec<_>>().into_iter().map(|racer| racer.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401]);
}

#[test]
fn logging_out_ends_the_session() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    let (access, refresh) = site.login("ann@example.org");
    let (other, _) = site.login("ann@example.org");
    let ended = site.send(&Request::new("POST", "/v1/auth/logout").bearer(&access));
    assert_eq!((ended.status, ended.text().as_str()), (204, ""));
    assert_eq!((site.me(&access).status, site.try_refresh(&refresh).status), (401, 401));
    assert_eq!(site.me(&other).status, 200);
}

#[test]
fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    let (access, _) = site.login("ann@example.org");
    let told = |email: &str| {
        let request = Request::new("POST", "/v1/auth/login").header("x-request-id", "same");
        let response = site.send(&request.json(&json!({"email": email, "password": "some other words"})));
        let headers: Vec<_> = response.headers.into_iter().filter(|(name, _)| name != "date").collect();
        (response.status, headers, response.body)
    };
    let mut answers = Vec::new();
    for email in ["ann@example.org", "bob@example.org"] {
        let mut told = std::iter::repeat_with(|| told(email));
        answers.push(told.by_ref().take(6).collect::<Vec<_>>());
        // More only where hashing takes longer than the first delays.
        assert_eq!(told.find(|answer| answer.0 != 401).unwrap().0, 429);
    }
    assert_eq!(answers[0].iter().map(|answer| answer.0).collect::<Vec<_>>(), [401; 6]);
    assert_eq!(answers[0], answers[1]);
    // While the account waits, the right password waits too, and those who are in stay in. Again where a delay was over
    // before the right password came.
    let mut answers = std::iter::repeat_with(|| {
        while told("ann@example.org").0 != 429 {}
        site.try_login("ann@example.org", PASSWORD)
    });
    let refused = answers.find(|response| response.status != 200).unwrap();
    assert_eq!(Site::outcome(&refused), (429, "rate_limited".to_owned()));
    let seconds: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(site.me(&access).status, 200);
}

#[test]
fn a_disabled_user_is_out_at_once() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    let (access, refresh) = site.login("ann@example.org");
    let token = site.post_as(&access, "/v1/auth/tokens", &json!({"name": "agent"})).ok()["token"].clone();
    let token = token.as_str().unwrap();
    assert_eq!((site.me(&access).status, site.me(token).status), (200, 200));
    assert_eq!(bench.run(&["user", "disable", "ann@example.org"]).code, Some(0));
    assert_eq!((site.me(&access).status, site.me(token).status), (401, 401));
    assert_eq!((site.try_refresh(&refresh).status, site.try_login("ann@example.org", PASSWORD).status), (401, 401));
    assert_eq!(bench.run(&["user", "enable", "ann@example.org"]).code, Some(0));
    assert_eq!(site.try_login("ann@example.org", PASSWORD).status, 200);
}

#[test]
fn a_new_password_ends_every_session() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    let (access, refresh) = site.login("ann@example.org");
    let (other, _) = site.login("ann@example.org");
    let change = |current: &str, new: &str| {
        site.post_as(&access, "/v1/auth/password", &json!({"current_password": current, "new_password": new}))
    };
    let wrong = change("some other words", "quite other words");
    assert_eq!(wrong.problem(), "invalid_arguments");
    assert_eq!(wrong.json()["errors"], json!([{"field": "current_password", "detail": "is not the password"}]));
    assert_eq!(change(PASSWORD, "short").problem(), "invalid_arguments");
    assert_eq!(change(PASSWORD, "quite other words").status, 204);
    assert_eq!((site.me(&access).status, site.me(&other).status, site.try_refresh(&refresh).status), (401, 401, 401));
    assert_eq!(site.try_login("ann@example.org", PASSWORD).status, 401);
    let (access, _) = pair(&site.try_login("ann@example.org", "quite other words").ok());
    let ended = bench.run_with_input(&["user", "passwd", "ann@example.org", "--password-stdin"], PASSWORD);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(site.me(&access).status, 401);
    site.login("ann@example.org");
}

#[test]
fn a_personal_token_does_what_its_scope_says() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    let (access, _) = site.login("ann@example.org");
    let create = |body: Value| {
        let response = site.post_as(&access, "/v1/auth/tokens", &body);
        assert_eq!(response.status, 201, "{}", response.text());
        response.json()
    };
    let reader = create(json!({"name": "reader"}));
    let writer = create(json!({"name": "writer", "scope": "read_write", "expires_in_days": null}));
    assert_eq!((&reader["scope"], &writer["expires_at"]), (&json!("read"), &Value::Null));
    let (read, write) = (reader["token"].as_str().unwrap(), writer["token"].as_str().unwrap());
    let import =
        |token: &str| site.post_as(token, "/v1/tools/import_file", &json!({"name": "t.csv", "content": "a\n1\n"}));
    let refused = import(read);
    assert_eq!(Site::outcome(&refused), (403, "forbidden".to_owned()));
    assert_eq!(refused.header("www-authenticate"), Some(r#"Bearer realm="quire", error="insufficient_scope""#));
    assert_eq!(import(write).status, 200);
    let query = |token: &str| site.post_as(token, "/v1/tools/query", &json!({"sql": "select a from t"})).status;
    assert_eq!((query(read), query(write)), (200, 200));
    assert_eq!(site.me(read).ok()["credential"], "personal_access_token");
    for (method, path, body) in [
        ("POST", "/v1/auth/tokens", json!({"name": "more"})),
        ("POST", "/v1/auth/password", json!({"current_password": PASSWORD, "new_password": "quite other words"})),
        ("GET", "/v1/auth/tokens", json!({})),
        ("POST", "/v1/auth/logout", json!({})),
        ("DELETE", &format!("/v1/auth/tokens/{}", reader["id"].as_str().unwrap()), json!({})),
    ] {
        let response = site.send(&Request::new(method, path).bearer(write).json(&body));
        assert_eq!(Site::outcome(&response), (403, "forbidden".to_owned()), "{method} {path}");
    }
    let list = site.send(&Request::new("GET", "/v1/auth/tokens").bearer(&access)).ok();
    assert!(list["tokens"][0]["last_used_at"].is_string() && !list.to_string().contains("quire_pat_"), "{list}");
    sql(&bench, "UPDATE tokens SET expires_at = 1 WHERE name = 'reader'");
    assert_eq!((site.me(read).status, site.me(write).status), (401, 200));
    let revoke = || {
        let path = format!("/v1/auth/tokens/{}", writer["id"].as_str().unwrap());
        site.send(&Request::new("DELETE", &path).bearer(&access))
    };
    assert_eq!((revoke().status, site.me(write).status, revoke().problem()), (204, 401, "not_found".to_owned()));
}

#[test]
fn what_is_wrong_with_each_field_is_said() {
    let bench = Bench::new();
    let site = open(&bench);
    let check = |path: &str, body: Value, fields: &[&str]| {
        let response = site.post(path, &body);
        assert_eq!(Site::outcome(&response), (400, "invalid_arguments".to_owned()), "{body}");
        let document = response.json();
        let found: Vec<&str> =
            document["errors"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap()).collect();
        assert_eq!(found, fields, "{document}");
        assert!(!document.to_string().contains("s3cr3t"), "{document}");
    };
    let register = "/v1/auth/register";
    check(register, json!({"email": "ann", "password": "s3cr3t".repeat(100)}), &["email", "password"]);
    check(register, json!({"email": "ann@example.org", "password": "s3cr3t"}), &["password"]);
    check(register, json!({"email": "ann@example.org", "password": "password123"}), &["password"]);
    check(register, json!({"email": "s3cr3t@example.org", "password": "s3cr3t@example.org"}), &["password"]);
    check("/v1/auth/login", json!({"email": "", "password": "s3cr3t"}), &["email"]);
    site.register("ann@example.org");
    let (access, _) = site.login("ann@example.org");
    let response = site.post_as(&access, "/v1/auth/tokens", &json!({"name": " ", "expires_in_days": 5_000}));
    assert_eq!(response.json()["errors"].as_array().unwrap().len(), 2, "{}", response.text());
    for body in [json!({}), json!({"email": 1, "password": "s3cr3t"}), json!({"email": "a", "password": "b", "x": 1})] {
        assert_eq!(Site::outcome(&site.post("/v1/auth/login", &body)).0, 400, "{body}");
    }
}

#[test]
fn registration_is_as_the_server_is_told() {
    let bench = Bench::new();
    let register = |site: &Site, email: &str, invitation: Value| {
        let body = json!({"email": email, "password": PASSWORD, "invitation": invitation});
        Site::outcome(&site.post("/v1/auth/register", &body))
    };
    let forbidden = (403, "forbidden".to_owned());
    let closed = bench.site_with(&["--registration", "closed"]);
    assert_eq!(register(&closed, "ann@example.org", json!(null)), forbidden);
    drop(closed);
    // A public server asks for an invitation unless it is told not to.
    let public = bench.site_with(&["--public-url", "https://quire.example.org"]);
    let code = bench.json(&["user", "invite"])["invitation"].clone();
    assert_eq!(register(&public, "ann@example.org", json!(null)), forbidden);
    assert_eq!(register(&public, "ann@example.org", json!("quire_inv_x")), forbidden);
    assert_eq!(register(&public, "ann@example.org", code.clone()), (201, "ok".to_owned()));
    assert_eq!(register(&public, "bob@example.org", code), forbidden);
    drop(public);
    let site = bench.site_with(&["--public-url", "https://quire.example.org", "--registration", "open"]);
    assert_eq!(register(&site, "bob@example.org", json!(null)), (201, "ok".to_owned()));
    assert_eq!(register(&site, "bob@example.org", json!(null)), (409, "conflict".to_owned()));
}

#[test]
fn one_users_tokens_are_out_of_anothers_reach() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    site.register("bob@example.org");
    let (ann, _) = site.login("ann@example.org");
    let (bob, _) = site.login("bob@example.org");
    let token = site.post_as(&ann, "/v1/auth/tokens", &json!({"name": "agent"})).ok();
    let list = site.send(&Request::new("GET", "/v1/auth/tokens").bearer(&bob)).ok();
    assert_eq!(list, json!({"tokens": []}));
    let path = format!("/v1/auth/tokens/{}", token["id"].as_str().unwrap());
    assert_eq!(site.send(&Request::new("DELETE", &path).bearer(&bob)).problem(), "not_found");
    for id in ["..", "%2e%2e%2fx", "' or 1=1 --", "%00", "%ff"] {
        let path = format!("/v1/auth/tokens/{}", id.replace(' ', "%20"));
        let status = site.send(&Request::new("DELETE", &path).bearer(&bob)).status;
        assert!([400, 404, 405].contains(&status), "{id}: {status}");
    }
    assert_eq!(site.me(token["token"].as_str().unwrap()).status, 200);
}

#[test]
fn a_server_of_one_local_user_has_no_accounts() {
    let bench = Bench::new();
    let site = bench.site();
    assert_eq!(site.try_login("ann@example.org", PASSWORD).problem(), "not_found");
    assert_eq!(site.me("x").problem(), "not_found");
}

#[test]
fn no_log_holds_a_password_a_token_or_an_address() {
    let bench = Bench::new();
    let mut command = bench.bare_command(&["http", "--listen", "127.0.0.1:0", "--log", "trace"]);
    let mut site = Site::of(command.stderr(Stdio::piped()));
    // Read all the while, so that the server is not held up.
    let mut err = site.child.stderr.take().unwrap();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        err.read_to_string(&mut text).unwrap();
        text
    });
    site.register("ann@example.org");
    let (access, refresh) = site.login("ann@example.org");
    let wrong = "a wrong s3cr3t";
    site.try_login("ann@example.org", wrong);
    site.try_login("nobody@example.org", wrong);
    let token = site.post_as(&access, "/v1/auth/tokens", &json!({"name": "agent"})).ok();
    let token = token["token"].as_str().unwrap().to_owned();
    site.me(&token);
    let (next, next_refresh) = pair(&site.try_refresh(&refresh).ok());
    site.try_refresh(&refresh);
    site.send(&Request::new("GET", &format!("/v1/auth/me?access_token={token}")).header("cookie", &access));
    site.post_as(&next, "/v1/tools/query", &json!({"sql": "select 1"}));
    site.child.kill().unwrap();
    let log = reader.join().unwrap();
    assert!(log.contains("logged in") && log.contains("was used twice"), "{log}");
    for secret in [PASSWORD, wrong, &access, &refresh, &token, &next, &next_refresh, "ann@", "nobody@"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// Every operation of the API: method, path with its places filled, and whether it is said to be open.
fn operations(site: &Site, place: &str) -> Vec<(String, String, bool)> {
    let document = site.get("/openapi.json").ok();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let filled: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { place } else { part }).collect();
        let of = move |(method, operation): (&String, &Value)| {
            (method.to_uppercase(), filled.join("/"), operation["security"] == json!([]))
        };
        item.as_object().unwrap().iter().map(of).collect::<Vec<_>>()
    });
    operations.filter(|(_, path, _)| path != "/metrics").collect()
}

#[test]
fn every_operation_that_is_not_open_asks_for_a_token() {
    let bench = Bench::new();
    let site = open(&bench);
    let all = operations(&site, "x");
    let is_open = |path: &str| {
        [
            "/",
            "/page.css",
            "/page.js",
            "/healthz",
            "/readyz",
            "/openapi.json",
            "/v1/auth/register",
            "/v1/auth/login",
            "/v1/auth/refresh",
        ]
        .contains(&path)
            || ["/docs", "/v1/uploads/", "/v1/downloads/"].iter().any(|start| path.starts_with(start))
    };
    assert!(all.len() > 30, "{}", all.len());
    for (method, path, said_open) in all {
        assert_eq!(said_open, is_open(&path), "{method} {path}");
        if said_open {
            continue;
        }
        for request in [
            Request::new(&method, &path),
            Request::new(&method, &path).json(&json!({})),
            Request::new(&method, &path).bearer("x").header("content-type", "multipart/form-data; boundary=x"),
        ] {
            let response = site.send(&request);
            assert_eq!(Site::outcome(&response), (401, "unauthenticated".to_owned()), "{method} {path}");
            assert!(response.header("www-authenticate").unwrap().starts_with("Bearer "), "{method} {path}");
        }
    }
}

#[test]
fn what_one_user_has_is_not_there_for_another() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    site.register("bob@example.org");
    let (ann, _) = site.login("ann@example.org");
    let (bob, _) = site.login("bob@example.org");
    let content = format!("a\n{}", (0..500).map(|n| format!("{n}\n")).collect::<String>());
    site.post_as(&ann, "/v1/tools/import_file", &json!({"name": "anns.csv", "content": content})).ok();
    let page = site.post_as(&ann, "/v1/tools/query", &json!({"sql": "select a from anns", "max_rows": 10})).ok();
    let result = page["result"].as_str().unwrap();
    // By the sheet's name or the result's id, wherever a route takes one.
    for place in ["anns", result] {
        for (method, path, _) in operations(&site, place) {
            if path.split('/').any(|part| part == place) {
                let request = Request::new(&method, &path).bearer(&bob).json(&json!({}));
                // A body that is refused for its shape is refused before anything is looked for.
                assert!([400, 404].contains(&site.send(&request).status), "{method} {path}");
            }
        }
    }
    let as_bob = |tool: &str, args: Value| site.post_as(&bob, &format!("/v1/tools/{tool}"), &args).problem();
    assert_eq!(as_bob("query", json!({"sql": "select * from anns"})), "sheet_not_found");
    assert_eq!(as_bob("preview_rows", json!({"sheet": "anns"})), "sheet_not_found");
    assert_eq!(as_bob("describe_sheet", json!({"sheet": "anns"})), "sheet_not_found");
    assert_eq!(as_bob("delete_sheet", json!({"sheet": "anns"})), "sheet_not_found");
    assert_eq!(as_bob("sheet_history", json!({"sheet": "anns"})), "sheet_not_found");
    assert_eq!(as_bob("restore_version", json!({"sheet": "anns", "version": 1})), "sheet_not_found");
    assert_eq!(as_bob("export_sheet", json!({"sheet": "anns", "format": "csv"})), "sheet_not_found");
    assert_eq!(as_bob("read_result", json!({"result": result})), "result_not_found");
    let list = |token: &str| site.post_as(token, "/v1/tools/list_sheets", &json!({})).ok()["sheets"].clone();
    assert_eq!(list(&bob), json!([]));
    assert_eq!(list(&ann)[0]["name"], "anns", "it is still there");
    let asked = site.send(&Request::new("GET", "/v1/queries").bearer(&bob)).text();
    assert!(!asked.contains("select a from anns"), "{asked}");
    site.post_as(&ann, "/v1/tools/read_result", &json!({"result": result})).ok();
}

#[test]
fn a_token_that_may_only_read_changes_nothing_by_any_route() {
    let bench = Bench::new();
    let site = open(&bench);
    site.register("ann@example.org");
    let (ann, _) = site.login("ann@example.org");
    let reader = site.post_as(&ann, "/v1/auth/tokens", &json!({"name": "reader"})).ok();
    let reader = reader["token"].as_str().unwrap();
    site.post_as(&ann, "/v1/tools/import_file", &json!({"name": "t.csv", "content": "a\n1\n"})).ok();
    let refused = |request: Request| {
        let response = site.send(&request.bearer(reader));
        assert_eq!(Site::outcome(&response), (403, "forbidden".to_owned()), "{}", response.text());
    };
    refused(Request::new("DELETE", "/v1/sheets/t"));
    let form = "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"u.csv\"\r\n\r\na\n2\n\r\n--x--\r\n";
    refused(Request::new("POST", "/v1/sheets").header("content-type", "multipart/form-data; boundary=x").body(form));
    for contract in quire::tools::registry().contracts() {
        // An export over HTTP leaves the workspace as it is.
        if contract.effect != quire::tool::Effect::Reads && contract.name != "export_sheet" {
            refused(Request::new("POST", &format!("/v1/tools/{}", contract.name)).json(&json!({"sheet": "t"})));
        }
    }
    let sheets = site.post_as(reader, "/v1/tools/list_sheets", &json!({})).ok();
    assert_eq!(sheets["sheets"].as_array().unwrap().len(), 1);
}
