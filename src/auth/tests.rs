//! Accounts on real folders.

use std::{fs, net::Ipv4Addr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    engine::Budget,
    fault::Code,
    ingest,
    worker::pool::{PoolLimits, QueueLimits},
    workspace::{Limits, Quotas, roots::Roots},
};

const HERE: std::net::IpAddr = std::net::IpAddr::V4(Ipv4Addr::LOCALHOST);
const PASSWORD: &str = "just some words";

struct Fixture {
    dir: TempDir,
    accounts: Accounts,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture::with(Settings { registration: Registration::Open, ..Settings::default() })
    }

    fn with(settings: Settings) -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let accounts = open(&dir, settings).unwrap();
        Fixture { dir, accounts }
    }

    /// With Ann's account, and a session of hers.
    async fn with_ann() -> (Fixture, TokenPair) {
        let fixture = Fixture::new();
        fixture.accounts.register("ann@example.org", PASSWORD, None, HERE).await.unwrap();
        let pair = fixture.login(PASSWORD).await.unwrap();
        (fixture, pair)
    }

    async fn login(&self, password: &str) -> Result<TokenPair, AuthError> {
        self.accounts.login("ann@example.org", password, HERE).await
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.dir.path().join("catalog.db")).unwrap().execute_batch(sql).unwrap();
    }
}

fn open(dir: &TempDir, settings: Settings) -> Result<Accounts, Fault> {
    // No query is run here.
    let queue = QueueLimits {
        n_places: 1,
        n_reserved: 0,
        n_per_workspace: 1,
        n_waiting_per_workspace: 0,
        n_waiting: 0,
        patience: Duration::ZERO,
    };
    let limits = Limits {
        ingest: ingest::Limits { file_bytes: 1, inflated_bytes: 1, cells: 1, columns: 1, sheets: 1 },
        pool: PoolLimits {
            queries: queue,
            imports: queue,
            budget: Budget { memory_bytes: 1, threads: 1 },
            total_bytes: 1,
            file_bytes: 1,
            requires_sandbox: false,
            n_idle: 0,
            idle_for: Duration::ZERO,
        },
        query_timeout: Duration::ZERO,
        import_timeout: Duration::ZERO,
        result_rows: 0,
        result_bytes: 0,
        results_bytes: 0,
        quotas: Quotas::NONE,
    };
    let house = House::open(dir.path(), "quire".into(), Roots::new(&[], None)?, limits)?;
    Accounts::open(&house, settings)
}

/// The code of the fault that a caller would see.
fn code<T>(outcome: Result<T, impl Into<Fault>>) -> &'static str {
    outcome.map_or_else(|error| error.into().code.name(), |_| "ok")
}

#[tokio::test]
async fn a_session_is_good_until_it_is_ended() {
    let (fixture, pair) = Fixture::with_ann().await;
    let accounts = &fixture.accounts;
    let caller = accounts.authenticate(pair.access.reveal()).await.unwrap();
    assert_eq!((caller.email.as_str(), caller.scope), ("ann@example.org", Scope::ReadWrite));
    accounts.logout(&caller).await.unwrap();
    assert_eq!(code(accounts.authenticate(pair.access.reveal()).await), "unauthenticated");
    assert_eq!(code(accounts.refresh(pair.refresh.reveal(), HERE).await), "unauthenticated");
}

#[tokio::test]
async fn an_unknown_address_a_wrong_password_and_a_disabled_account_are_told_the_same() {
    let (fixture, _) = Fixture::with_ann().await;
    let wrong = Fault::from(fixture.login("another").await.unwrap_err());
    let unknown = Fault::from(fixture.accounts.login("bob@example.org", PASSWORD, HERE).await.unwrap_err());
    fixture.accounts.admin().set_disabled("ann@example.org", true).await.unwrap();
    let disabled = Fault::from(fixture.login(PASSWORD).await.unwrap_err());
    assert_eq!((&wrong, &wrong), (&unknown, &disabled));
    assert_eq!(wrong.code, Code::Unauthenticated);
}

#[tokio::test]
async fn every_log_in_checks_a_hash_whether_there_is_an_account_or_not() {
    let (fixture, _) = Fixture::with_ann().await;
    fixture.accounts.register("off@example.org", PASSWORD, None, HERE).await.unwrap();
    fixture.accounts.admin().set_disabled("off@example.org", true).await.unwrap();
    let _all = fixture.accounts.inner.hasher.occupy();
    for email in ["ann@example.org", "bob@example.org", "off@example.org"] {
        assert_eq!(code(fixture.accounts.login(email, PASSWORD, HERE).await), "busy", "{email}");
    }
}

#[tokio::test]
async fn known_and_unknown_addresses_are_throttled_alike() {
    let (fixture, _) = Fixture::with_ann().await;
    let mut outcomes = Vec::new();
    for email in ["ann@example.org", "bob@example.org"] {
        let mut codes = Vec::new();
        while codes.last() != Some(&"rate_limited") {
            codes.push(code(fixture.accounts.login(email, "wrong", HERE).await));
        }
        outcomes.push(codes);
    }
    for codes in outcomes {
        // More only where hashing takes longer than the first delays.
        assert!(codes.len() > 6 && codes[..6] == ["unauthenticated"; 6], "{codes:?}");
    }
}

#[tokio::test]
async fn while_an_account_waits_the_right_password_waits_too() {
    let (fixture, _) = Fixture::with_ann().await;
    // Again where a delay was over before the right password came, which ends the throttling: delays grow, hashing does not.
    let wait = loop {
        if fixture.login("wrong").await.unwrap_err().retry_after().is_some()
            && let Err(refused) = fixture.login(PASSWORD).await
        {
            break refused.retry_after().unwrap();
        }
    };
    assert!(wait <= Duration::from_mins(1), "{wait:?}");
}

#[tokio::test]
async fn guesses_from_elsewhere_keep_nobody_from_logging_in_where_he_did_before() {
    let (fixture, _) = Fixture::with_ann().await;
    let (elsewhere, new) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into());
    let guess = async || code(fixture.accounts.login("ann@example.org", "guess", elsewhere).await);
    // Again where a delay was over before: delays grow, hashing does not.
    while code(fixture.accounts.login("ann@example.org", "guess", new).await) != "rate_limited" {
        guess().await;
    }
    assert_eq!(code(fixture.login(PASSWORD).await), "ok");
}

#[tokio::test]
async fn a_throttle_admits_no_more_at_once_than_one_after_the_other() {
    let (fixture, _) = Fixture::with_ann().await;
    let attempts = (0..40).map(|n| {
        let accounts = fixture.accounts.clone();
        tokio::spawn(async move { code(accounts.login("ann@example.org", &format!("guess {n}"), HERE).await) })
    });
    let mut n_checked = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        n_checked += usize::from(attempt.await.unwrap() == "unauthenticated");
    }
    assert!((6..10).contains(&n_checked), "{n_checked}");
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_session() {
    let (fixture, first) = Fixture::with_ann().await;
    let accounts = &fixture.accounts;
    let other = fixture.login(PASSWORD).await.unwrap();
    let second = accounts.refresh(first.refresh.reveal(), HERE).await.unwrap();
    assert_eq!(code(accounts.authenticate(second.access.reveal()).await), "ok");
    assert_eq!(code(accounts.refresh(first.refresh.reveal(), HERE).await), "unauthenticated");
    assert_eq!(code(accounts.refresh(second.refresh.reveal(), HERE).await), "unauthenticated");
    assert_eq!(code(accounts.authenticate(second.access.reveal()).await), "unauthenticated");
    assert_eq!(code(accounts.authenticate(first.access.reveal()).await), "unauthenticated");
    assert_eq!(code(accounts.authenticate(other.access.reveal()).await), "ok", "another session");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refreshes_at_once_one_wins() {
    let (fixture, pair) = Fixture::with_ann().await;
    let racers = (0..8).map(|_| {
        let (accounts, refresh) = (fixture.accounts.clone(), pair.refresh.clone());
        tokio::spawn(async move { code(accounts.refresh(refresh.reveal(), HERE).await) })
    });
    let mut codes = Vec::new();
    for racer in racers.collect::<Vec<_>>() {
        codes.push(racer.await.unwrap());
    }
    // The losers count as failures of their address, which may be told to wait before the last of them is looked at.
    let (won, lost): (Vec<_>, Vec<_>) = codes.into_iter().partition(|code| *code == "ok");
    assert_eq!(won.len(), 1);
    assert!(lost.iter().all(|code| ["unauthenticated", "rate_limited"].contains(code)), "{lost:?}");
    assert_eq!(code(fixture.accounts.authenticate(pair.access.reveal()).await), "unauthenticated");
}

#[tokio::test]
async fn sessions_run_out() {
    let (fixture, pair) = Fixture::with_ann().await;
    fixture.sql("UPDATE sessions SET expires_at = 1");
    assert_eq!(code(fixture.accounts.authenticate(pair.access.reveal()).await), "unauthenticated");
    assert_eq!(code(fixture.accounts.refresh(pair.refresh.reveal(), HERE).await), "unauthenticated");
}

#[tokio::test]
async fn refreshing_lengthens_a_session_up_to_its_longest_life() {
    let day = Duration::from_hours(24);
    let settings = Settings {
        registration: Registration::Open,
        session_idle: day * 2,
        session_life: day * 3,
        ..Settings::default()
    };
    let fixture = Fixture::with(settings);
    fixture.accounts.register("ann@example.org", PASSWORD, None, HERE).await.unwrap();
    let mut pair = fixture.login(PASSWORD).await.unwrap();
    let life = || {
        let conn = Connection::open(fixture.dir.path().join("catalog.db")).unwrap();
        let sql = "SELECT (expires_at - created_at) / 3600000.0 FROM sessions";
        conn.query_row(sql, [], |row| row.get::<_, f64>(0)).unwrap().round()
    };
    let mut lives = vec![life()];
    for _ in 0..3 {
        // A day passes.
        fixture.sql("UPDATE sessions SET created_at = created_at - 86400000");
        pair = fixture.accounts.refresh(pair.refresh.reveal(), HERE).await.unwrap();
        lives.push(life());
    }
    assert_eq!(lives, [48.0, 72.0, 72.0, 72.0]);
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_and_no_token() {
    let (fixture, pair) = Fixture::with_ann().await;
    let accounts = &fixture.accounts;
    let other = fixture.login(PASSWORD).await.unwrap();
    let caller = accounts.authenticate(pair.access.reveal()).await.unwrap();
    let token = accounts.create_token(&caller, new_token("agent", Scope::Read)).await.unwrap();
    let wrong = accounts.change_password(&caller, "wrong", "quite other words", HERE).await;
    assert_eq!(code(wrong), "invalid_arguments");
    accounts.change_password(&caller, PASSWORD, "quite other words", HERE).await.unwrap();
    for pair in [&pair, &other] {
        assert_eq!(code(accounts.authenticate(pair.access.reveal()).await), "unauthenticated");
        assert_eq!(code(accounts.refresh(pair.refresh.reveal(), HERE).await), "unauthenticated");
    }
    assert_eq!(code(accounts.authenticate(token.secret.reveal()).await), "ok");
    assert_eq!(code(fixture.login(PASSWORD).await), "unauthenticated");
    assert_eq!(code(fixture.login("quite other words").await), "ok");
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_its_tokens_come_back_with_it() {
    let (fixture, pair) = Fixture::with_ann().await;
    let accounts = &fixture.accounts;
    let caller = accounts.authenticate(pair.access.reveal()).await.unwrap();
    let token = accounts.create_token(&caller, new_token("agent", Scope::ReadWrite)).await.unwrap();
    accounts.admin().set_disabled("ANN@example.org", true).await.unwrap();
    for shown in [pair.access.reveal(), token.secret.reveal()] {
        assert_eq!(code(accounts.authenticate(shown).await), "unauthenticated");
    }
    accounts.admin().set_disabled("ann@example.org", false).await.unwrap();
    assert_eq!(code(accounts.authenticate(pair.access.reveal()).await), "unauthenticated");
    assert_eq!(code(accounts.authenticate(token.secret.reveal()).await), "ok");
}

#[tokio::test]
async fn a_password_hashed_with_weaker_parameters_is_hashed_again() {
    let (fixture, _) = Fixture::with_ann().await;
    let weak = argon2::Argon2::from(argon2::Params::new(1024, 1, 1, None).unwrap());
    let phc = argon2::password_hash::PasswordHasher::hash_password(&weak, PASSWORD.as_bytes()).unwrap().to_string();
    fixture.sql(&format!("UPDATE users SET password = '{phc}'"));
    assert_eq!(code(fixture.login("wrong").await), "unauthenticated");
    let pair = fixture.login(PASSWORD).await.unwrap();
    assert_eq!(code(fixture.accounts.authenticate(pair.access.reveal()).await), "ok");
    let conn = Connection::open(fixture.dir.path().join("catalog.db")).unwrap();
    let kept: String = conn.query_row("SELECT password FROM users", [], |row| row.get(0)).unwrap();
    assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
}

#[tokio::test]
async fn an_invitation_lets_one_in_once() {
    let fixture = Fixture::with(Settings { registration: Registration::Invite, ..Settings::default() });
    let accounts = &fixture.accounts;
    let register =
        async |email: &str, invitation: Option<&str>| code(accounts.register(email, PASSWORD, invitation, HERE).await);
    let for_ann = accounts.admin().invite(Some("Ann@example.org"), 7).await.unwrap();
    let for_anyone = accounts.admin().invite(None, 7).await.unwrap();
    assert_eq!(register("ann@example.org", None).await, "forbidden");
    assert_eq!(register("bob@example.org", Some(for_ann.reveal())).await, "forbidden");
    assert_eq!(register("ann@example.org", Some(for_ann.reveal())).await, "ok");
    assert_eq!(register("ann@example.org", Some(for_ann.reveal())).await, "forbidden");
    assert_eq!(register("ann@example.org", Some(for_anyone.reveal())).await, "conflict");
    assert_eq!(register("bob@example.org", Some(for_anyone.reveal())).await, "ok");
    let late = accounts.admin().invite(None, 7).await.unwrap();
    fixture.sql("UPDATE invitations SET expires_at = 1");
    assert_eq!(register("eve@example.org", Some(late.reveal())).await, "forbidden");
}

#[tokio::test]
async fn nobody_registers_where_registration_is_closed() {
    let fixture = Fixture::with(Settings::default());
    assert_eq!(code(fixture.accounts.register("ann@example.org", PASSWORD, None, HERE).await), "forbidden");
}

#[tokio::test]
async fn what_is_wrong_is_said_for_each_field() {
    let fixture = Fixture::new();
    let check = async |email: &str, password: &str, expect: &[&str]| {
        let error = fixture.accounts.register(email, password, None, HERE).await.unwrap_err();
        let AuthError::Invalid(errors) = error else { panic!("{error:?}") };
        let found: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(found, expect, "{email} {password}");
    };
    for email in ["", "ann", "@example.org", "ann@", "a b@example.org", "Ann <ann@example.org>", "ann@[127.0.0.1]"] {
        check(email, PASSWORD, &["email"]).await;
    }
    check("ann@example.org", "short", &["password"]).await;
    check("ann", &"x".repeat(10_000), &["email", "password"]).await;
}

#[tokio::test]
async fn addresses_that_differ_in_case_are_one_account() {
    let (fixture, _) = Fixture::with_ann().await;
    let again = fixture.accounts.register(" ANN@Example.ORG ", PASSWORD, None, HERE).await;
    assert_eq!(code(again), "conflict");
    assert_eq!(code(fixture.accounts.login("Ann@Example.org", PASSWORD, HERE).await), "ok");
}

fn new_token(name: &str, scope: Scope) -> NewPersonalToken {
    NewPersonalToken { name: name.to_owned(), scope, days: Some(NewPersonalToken::DEFAULT_DAYS) }
}

#[tokio::test]
async fn a_personal_token_has_its_scope_and_makes_no_other() {
    let (fixture, pair) = Fixture::with_ann().await;
    let accounts = &fixture.accounts;
    let ann = accounts.authenticate(pair.access.reveal()).await.unwrap();
    let PersonalToken { secret, token } = accounts.create_token(&ann, new_token("agent", Scope::Read)).await.unwrap();
    let agent = accounts.authenticate(secret.reveal()).await.unwrap();
    assert_eq!((agent.user, agent.scope), (ann.user.clone(), Scope::Read));
    let agent = accounts.authenticate(secret.reveal()).await.unwrap();
    assert_eq!(code(accounts.create_token(&agent, new_token("more", Scope::Read)).await), "forbidden");
    assert_eq!(code(accounts.change_password(&agent, PASSWORD, "quite other words", HERE).await), "forbidden");
    assert_eq!(code(accounts.logout(&agent).await), "forbidden");
    let listed = accounts.tokens(&ann).await.unwrap();
    assert!(listed[0].used_at.is_some() && listed[0].id == token.id, "{listed:?}");
    assert_eq!(code(accounts.create_token(&ann, new_token(" agent ", Scope::Read)).await), "conflict");
    accounts.revoke_token(&ann, &token.id).await.unwrap();
    assert_eq!(code(accounts.authenticate(secret.reveal()).await), "unauthenticated");
    assert_eq!(code(accounts.revoke_token(&ann, &token.id).await), "not_found");
}

#[tokio::test]
async fn a_personal_token_expires_when_it_should() {
    let (fixture, pair) = Fixture::with_ann().await;
    let accounts = &fixture.accounts;
    let ann = accounts.authenticate(pair.access.reveal()).await.unwrap();
    let limited = accounts.create_token(&ann, new_token("limited", Scope::Read)).await.unwrap();
    let never = NewPersonalToken { days: None, ..new_token("never", Scope::Read) };
    let never = accounts.create_token(&ann, never).await.unwrap();
    assert_eq!(limited.token.expires_at.unwrap() - limited.token.created_at, 90 * 24 * 3_600_000);
    assert_eq!(code(accounts.authenticate(limited.secret.reveal()).await), "ok");
    fixture.sql("UPDATE tokens SET expires_at = 1 WHERE expires_at IS NOT NULL");
    assert_eq!(code(accounts.authenticate(limited.secret.reveal()).await), "unauthenticated");
    assert_eq!(code(accounts.authenticate(never.secret.reveal()).await), "ok");
    let wrong = NewPersonalToken { name: "\n".to_owned(), scope: Scope::Read, days: Some(0) };
    let AuthError::Invalid(errors) = accounts.create_token(&ann, wrong).await.unwrap_err() else { panic!() };
    assert_eq!(errors.iter().map(|it| it.field).collect::<Vec<_>>(), ["name", "expires_in_days"]);
}

#[tokio::test]
async fn a_token_of_one_user_is_out_of_reach_of_another() {
    let (fixture, pair) = Fixture::with_ann().await;
    let accounts = &fixture.accounts;
    let ann = accounts.authenticate(pair.access.reveal()).await.unwrap();
    let token = accounts.create_token(&ann, new_token("agent", Scope::Read)).await.unwrap();
    accounts.register("bob@example.org", PASSWORD, None, HERE).await.unwrap();
    let bobs = accounts.login("bob@example.org", PASSWORD, HERE).await.unwrap();
    let bob = accounts.authenticate(bobs.access.reveal()).await.unwrap();
    assert_ne!(ann.user, bob.user);
    assert_eq!(accounts.tokens(&bob).await.unwrap(), []);
    assert_eq!(code(accounts.revoke_token(&bob, &token.token.id).await), "not_found");
    assert_eq!(code(accounts.authenticate(token.secret.reveal()).await), "ok");
}

#[tokio::test]
async fn nothing_secret_is_kept_in_the_clear_nor_shown() {
    let (fixture, pair) = Fixture::with_ann().await;
    let ann = fixture.accounts.authenticate(pair.access.reveal()).await.unwrap();
    let token = fixture.accounts.create_token(&ann, new_token("agent", Scope::Read)).await.unwrap();
    let code = fixture.accounts.admin().invite(None, 7).await.unwrap();
    let password = super::password::Password::shown("password", PASSWORD).unwrap();
    let shown = format!("{password:?} {pair:?} {token:#?} {code:?} {ann:?}");
    for secret in [PASSWORD, pair.refresh.reveal(), pair.access.reveal(), token.secret.reveal(), code.reveal()] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for file in ["catalog.db", "catalog.db-wal"] {
        let bytes = fs::read(fixture.dir.path().join(file)).unwrap();
        for secret in [PASSWORD, pair.refresh.reveal(), pair.access.reveal(), token.secret.reveal(), code.reveal()] {
            assert!(!bytes.windows(secret.len()).any(|it| it == secret.as_bytes()), "{file}");
        }
    }
}

#[tokio::test]
async fn tokens_of_a_rotated_key_are_good_until_they_run_out() {
    let (fixture, old) = Fixture::with_ann().await;
    // Another process, such as the command line.
    let other = open(&fixture.dir, Settings::default()).unwrap();
    rotate_keys(fixture.dir.path(), false).unwrap();
    assert_eq!(code(fixture.accounts.authenticate(old.access.reveal()).await), "ok");
    let new = fixture.login(PASSWORD).await.unwrap();
    assert_ne!(header(old.access.reveal())["kid"], header(new.access.reveal())["kid"]);
    assert_eq!(code(other.authenticate(new.access.reveal()).await), "ok");
    rotate_keys(fixture.dir.path(), true).unwrap();
    for pair in [&old, &new] {
        assert_eq!(code(fixture.accounts.authenticate(pair.access.reveal()).await), "unauthenticated");
    }
    let fresh = fixture.accounts.refresh(new.refresh.reveal(), HERE).await.unwrap();
    assert_eq!(code(fixture.accounts.authenticate(fresh.access.reveal()).await), "ok");
}

fn header(jwt: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_retired_key_signs_nothing_new() {
    let (fixture, pair) = Fixture::with_ann().await;
    rotate_keys(fixture.dir.path(), false).unwrap();
    let file = fixture.dir.path().join("signing-keys.json");
    let mut keys: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(code(fixture.accounts.authenticate(pair.access.reveal()).await), "ok");
    keys["keys"][0]["retired_at"] = json!(keys["keys"][0]["retired_at"].as_i64().unwrap() - 60_000);
    // In place, so that its mode stays.
    fs::write(&file, keys.to_string()).unwrap();
    assert_eq!(code(fixture.accounts.authenticate(pair.access.reveal()).await), "unauthenticated");
}

#[test]
fn five_openings_at_once_of_a_fresh_folder_agree_on_one_key() {
    let dir = tempfile::tempdir().unwrap();
    let start = std::sync::Barrier::new(5);
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..5)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    Keys::open(dir.path()).unwrap().current().unwrap().id.clone()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(ids, vec![ids[0].clone(); 5]);
}

#[cfg(unix)]
#[test]
fn a_file_of_keys_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    Keys::open(dir.path()).unwrap();
    let file = dir.path().join("signing-keys.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let fault = Keys::open(dir.path()).err().unwrap();
    assert_eq!(fault.code, Code::StorageFailed);
    assert!(fault.message.contains("mode 640") && fault.hint.contains("chmod 600"), "{fault:?}");
    let done = rotate_keys(dir.path(), false).unwrap();
    assert!(done.replaced.unwrap().contains("mode 640"));
    // Someone may have read the old one.
    assert_eq!(super::check_keys(dir.path()).unwrap(), 1);
    assert_eq!(Keys::open(dir.path()).unwrap().current().unwrap().id, done.id);
}

#[test]
fn a_rotation_mends_keys_that_no_server_takes() {
    let dir = tempfile::tempdir().unwrap();
    Keys::open(dir.path()).unwrap();
    let file = dir.path().join("signing-keys.json");
    for damaged in ["{}", "", "{\"keys\": []}", "{\"keys\": [{\"id\": \"a\", \"secret\": \"short\"}]}"] {
        fs::write(&file, damaged).unwrap();
        let fault = super::check_keys(dir.path()).unwrap_err();
        assert!(fault.hint.contains("quire token rotate-keys"), "{fault:?}");
        assert!(rotate_keys(dir.path(), false).unwrap().replaced.is_some());
        assert_eq!(super::check_keys(dir.path()).unwrap(), 1);
    }
}
