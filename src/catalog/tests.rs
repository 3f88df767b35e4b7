//! The catalog on real folders.

use std::{path::Path, sync::Barrier, thread};

use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    fault::{Code, Fault},
    name::SheetName,
};

fn open() -> (TempDir, Catalog, UserId) {
    let dir = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let user = catalog.local_user().unwrap().id;
    (dir, catalog, user)
}

fn version(file: &str) -> NewVersion {
    NewVersion {
        n_rows: 1,
        columns: Vec::new(),
        issues: Vec::new(),
        layout: Some(Layout { header_rows: vec![1], first_data_row: 2, last_data_row: 2, ..Layout::default() }),
        file: file.to_owned(),
        n_bytes: 1,
        made_by: json!({"tool": "import_file"}),
        steps: Vec::new(),
    }
}

/// Imports the tables `title=content` of a source; each sheet as `name vN change`.
fn import(catalog: &Catalog, user: UserId, identity: Identity, sha256: &str, tables: &[(&str, &str)]) -> Vec<String> {
    let source = NewSource {
        identity,
        sha256: sha256.to_owned(),
        n_bytes: 1,
        modified_ns: Some(1),
        format: "csv".to_owned(),
        options: json!({}),
        issues: Vec::new(),
        linked: true,
        is_refresh: false,
    };
    let sheets = tables
        .iter()
        .enumerate()
        .map(|(idx, (title, file))| NewSheet {
            title: (*title).to_owned(),
            hidden: false,
            position: u32::try_from(idx).unwrap(),
            suggested: SheetName::from_title(title),
            version: version(file),
            replay: None,
        })
        .collect();
    catalog
        .commit_import(user, &source, sheets, &mut || Ok(()))
        .unwrap()
        .into_iter()
        .map(|done| format!("{} v{} {:?}", done.sheet.name, done.sheet.version.number, done.change))
        .collect()
}

fn path(text: &str) -> Identity {
    Identity::Path(text.to_owned())
}

fn names(catalog: &Catalog, user: UserId) -> Vec<String> {
    catalog.sheets(user, None, None, 100).unwrap().sheets.into_iter().map(|sheet| sheet.name.into()).collect()
}

#[test]
fn five_openings_at_once_of_a_fresh_folder_agree_on_one_user() {
    for _ in 0..40 {
        let dir = tempfile::tempdir().unwrap();
        let start = Barrier::new(5);
        let keys: Vec<String> = thread::scope(|scope| {
            let threads: Vec<_> = (0..5)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        Catalog::open(dir.path()).unwrap().local_user().unwrap().key
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(keys, vec![keys[0].clone(); 5]);
    }
}

#[test]
fn a_catalog_of_a_newer_quire_is_refused() {
    let (dir, catalog, _) = open();
    drop(catalog);
    let conn = Connection::open(dir.path().join("catalog.db")).unwrap();
    conn.execute_batch("PRAGMA user_version = 999").unwrap();
    drop(conn);
    let fault = Fault::from(Catalog::open(dir.path()).unwrap_err());
    assert_eq!((fault.code, fault.hint.is_empty()), (Code::CatalogUnusable, false));
    assert!(fault.message.contains("newer Quire (schema 999"), "{fault}");
}

#[test]
fn a_file_that_is_no_catalog_is_named_damaged() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("catalog.db"), "not a database, however long one reads ".repeat(200)).unwrap();
    let fault = Fault::from(Catalog::open(dir.path()).unwrap_err());
    assert_eq!(fault.code, Code::CatalogUnusable);
    assert!(fault.message.contains("damaged"), "{fault}");
}

#[test]
fn the_catalogs_of_released_schemas_open_and_keep_their_sheets() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/catalogs");
    for schema in std::fs::read_dir(fixtures).unwrap() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(schema.unwrap().path().join("catalog.db"), dir.path().join("catalog.db")).unwrap();
        let catalog = Catalog::open(dir.path()).unwrap();
        let user = catalog.local_user().unwrap().id;
        assert_eq!(names(&catalog, user), ["sales", "staff"]);
        assert_eq!(catalog.check().unwrap(), Health { schema: 4, problems: Vec::new() });
    }
}

#[test]
fn the_same_path_is_the_same_sheet_and_new_bytes_a_new_version() {
    let (_dir, catalog, user) = open();
    assert_eq!(import(&catalog, user, path("/a.csv"), "1", &[("a", "x")]), ["a v1 New"]);
    assert_eq!(import(&catalog, user, path("/a.csv"), "1", &[("a", "x")]), ["a v1 Same"]);
    assert_eq!(import(&catalog, user, path("/a.csv"), "2", &[("renamed", "y")]), ["a v2 Changed"]);
    assert_eq!(names(&catalog, user), ["a"]);
}

#[test]
fn the_same_bytes_at_another_path_are_the_same_sheet_which_moves_there() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("/a.csv"), "1", &[("a", "x")]);
    assert_eq!(import(&catalog, user, path("/b.csv"), "1", &[("b", "x")]), ["a v1 Same"]);
    assert_eq!(catalog.sheet(user, "A").unwrap().source.identity, path("/b.csv"));
    assert_eq!(catalog.find_source(user, &path("/a.csv")).unwrap(), []);
    import(&catalog, user, Identity::Name("text".to_owned()), "1", &[("text", "x")]);
    assert_eq!(catalog.find_source(user, &path("/b.csv")).unwrap().len(), 1);
}

#[test]
fn sheets_of_a_workbook_are_matched_by_title_and_those_gone_stay() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("/w.xlsx"), "1", &[("A", "x"), ("B", "y")]);
    let again = import(&catalog, user, path("/w.xlsx"), "2", &[("B", "y2"), ("C", "z")]);
    assert_eq!(again, ["b v2 Changed", "c v1 New"]);
    assert_eq!(import(&catalog, user, path("/other"), "3", &[("a", "q")]), ["a_2 v1 New"]);
    assert_eq!(names(&catalog, user), ["a", "a_2", "b", "c"]);
}

#[test]
fn a_long_title_that_ends_in_an_underscore_where_it_is_cut_can_be_read_back() {
    let (_dir, catalog, user) = open();
    let title = format!("{}_bb", "a".repeat(60));
    import(&catalog, user, path("/1"), "1", &[(&title, "x")]);
    import(&catalog, user, path("/2"), "2", &[(&title, "y")]);
    assert_eq!(names(&catalog, user).len(), 2);
}

#[test]
fn a_failed_publish_leaves_nothing() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("/a"), "1", &[("a", "x")]);
    let sheet = catalog.sheet(user, "a").unwrap();
    let failed = catalog.commit_version(user, sheet.id, 1, &version("y"), &mut || {
        Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
    });
    assert_eq!(Fault::from(failed.unwrap_err()).code, Code::StorageFailed);
    assert_eq!(catalog.sheet(user, "a").unwrap(), sheet);
}

#[test]
fn a_change_of_an_old_version_is_a_conflict() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("/a"), "1", &[("a", "x")]);
    let id = catalog.sheet(user, "a").unwrap().id;
    assert_eq!(catalog.commit_version(user, id, 1, &version("y"), &mut || Ok(())).unwrap().number, 2);
    let late = catalog.commit_version(user, id, 1, &version("z"), &mut || panic!("published"));
    assert_eq!(Fault::from(late.unwrap_err()).code, Code::Conflict);
}

#[test]
fn a_deleted_name_is_free_and_every_change_shows_in_the_generation() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("/a"), "1", &[("a", "x")]);
    let first = catalog.manifest(user).unwrap();
    import(&catalog, user, path("/a"), "1", &[("a", "x")]);
    assert_eq!(catalog.generation(user).unwrap(), first.generation);
    catalog.delete_sheet(user, "a").unwrap();
    let second = catalog.manifest(user).unwrap();
    assert!(second.generation > first.generation && second.files.is_empty());
    assert_eq!(catalog.find_source(user, &path("/a")).unwrap(), []);
    assert_eq!(import(&catalog, user, path("/a"), "1", &[("a", "x")]), ["a v1 New"]);
    assert!(catalog.generation(user).unwrap() > second.generation);
}

#[test]
fn an_unknown_name_gets_the_nearest() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("/a"), "1", &[("sales", "x")]);
    let fault = Fault::from(catalog.sheet(user, "salse").unwrap_err());
    assert_eq!((fault.message.as_str(), fault.hint.as_str()), ("no sheet is named `salse`", "did you mean `sales`?"));
}

#[test]
fn pages_follow_each_other_and_searches_narrow_them() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("/w"), "1", &[("a", "1"), ("b", "2"), ("Bc", "3")]);
    let page = catalog.sheets(user, None, Some("a"), 1).unwrap();
    assert_eq!((page.sheets[0].name.as_str(), page.n_total, page.more), ("b", 3, true));
    let page = catalog.sheets(user, Some("B"), None, 5).unwrap();
    assert_eq!((page.sheets.len(), page.n_total, page.more), (2, 2, false));
}

#[test]
fn results_expire_and_the_oldest_give_way_to_the_quota() {
    let (_dir, catalog, user) = open();
    let put = |id: &str, n_bytes, at| {
        let new = NewResult {
            id: id.to_owned(),
            sql: "select 1".to_owned(),
            columns: Vec::new(),
            n_rows: 1,
            complete: true,
            n_bytes,
        };
        catalog.put_result(user, &new, at, 100, &mut || Ok(())).unwrap()
    };
    assert_eq!(put("a", 60, 1), [""; 0]);
    assert_eq!(put("b", 40, 2), [""; 0]);
    assert_eq!(put("c", 10, 3), ["a"]);
    assert_eq!(put("big", 900, 4).len(), 2);
    assert_eq!(catalog.result(user, "big", 5).unwrap().n_bytes, 900);
    let late = catalog.result(user, "big", 4 + 60 * 60 * 1000);
    assert_eq!(Fault::from(late.unwrap_err()).code, Code::ResultNotFound);
}

#[test]
fn a_sheet_deleted_long_ago_is_forgotten_with_its_profiles() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("/a"), "1", &[("a", "x")]);
    let version_id = catalog.sheet(user, "a").unwrap().version.id;
    catalog.put_profile(version_id, "columns", "{}").unwrap();
    assert_eq!(catalog.profile(version_id, "columns").unwrap().as_deref(), Some("{}"));
    catalog.delete_sheet(user, "a").unwrap();
    catalog.sweep(now(), &mut |_| Ok(())).unwrap();
    assert!(catalog.profile(version_id, "columns").unwrap().is_some());
    let mut left = None;
    catalog
        .sweep(now() + 31 * 24 * 60 * 60 * 1000, &mut |files| {
            left = files.values().next().map(|files| (files.versions.len(), files.originals.len()));
            Ok(())
        })
        .unwrap();
    assert_eq!((left, catalog.profile(version_id, "columns").unwrap()), (Some((0, 0)), None));
}

#[test]
fn calls_are_logged_newest_first() {
    let (_dir, catalog, user) = open();
    let call =
        |tool: &str| NewQuery { tool: tool.to_owned(), sql: None, outcome: "ok", n_rows: Some(1), milliseconds: 2 };
    assert_eq!(catalog.note_query(user, call("query")), Due::Writing);
    assert_eq!(catalog.note_query(user, call("list_sheets")), Due::Nothing);
    let tools = |catalog: &Catalog| -> Vec<String> {
        catalog.queries_before(user, None, 5).unwrap().into_iter().map(|(_, call)| call.tool).collect()
    };
    assert_eq!(tools(&catalog), ["list_sheets", "query"]);
    // Written, so that the next one is the first again.
    assert_eq!(catalog.note_query(user, call("preview_rows")), Due::Writing);
}

/// A file in the working folder that tells a process to take part in the test of five.
const TAKES_PART: &str = "quire-test-takes-part";

/// Not a claim of its own: what each process of the next test does.
#[test]
fn one_of_five_processes() {
    if !Path::new(TAKES_PART).exists() {
        return;
    }
    let catalog = Catalog::open(Path::new(".")).unwrap();
    let user = catalog.local_user().unwrap().id;
    let own = format!("p{}", std::process::id());
    import(&catalog, user, path(&own), &own, &[(&own, "x")]);
    import(&catalog, user, path("/shared"), "1", &[("shared", &own)]);
}

#[test]
fn five_processes_at_once_on_a_fresh_folder_lose_nothing() {
    for _ in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(TAKES_PART), "").unwrap();
        let children: Vec<_> = (0..5)
            .map(|_| {
                std::process::Command::new(std::env::current_exe().unwrap())
                    .args(["--exact", "catalog::tests::one_of_five_processes"])
                    .current_dir(dir.path())
                    .stdout(std::process::Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let catalog = Catalog::open(dir.path()).unwrap();
        let user = catalog.local_user().unwrap().id;
        assert_eq!(names(&catalog, user).len(), 6);
        assert_eq!(catalog.sheet(user, "shared").unwrap().version.number, 5);
    }
}

#[test]
fn no_one_can_commit_while_files_are_published_or_unlinked() {
    let (dir, catalog, user) = open();
    import(&catalog, user, path("/a"), "1", &[("a", "x")]);
    let other = Connection::open(dir.path().join("catalog.db")).unwrap();
    other.busy_timeout(std::time::Duration::ZERO).unwrap();
    let is_locked = || other.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err();
    let mut seen = Vec::new();
    let id = catalog.sheet(user, "a").unwrap().id;
    let mut publish = || {
        seen.push(is_locked());
        Ok(())
    };
    catalog.commit_version(user, id, 1, &version("y"), &mut publish).unwrap();
    let mut unlink = |_: &std::collections::HashMap<String, Referenced>| {
        seen.push(is_locked());
        Ok(())
    };
    catalog.sweep(now(), &mut unlink).unwrap();
    assert_eq!((seen, is_locked()), (vec![true, true], false));
}

#[cfg(unix)]
#[test]
fn only_its_owner_may_read_a_data_folder() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("share").join("quire");
    let catalog = Catalog::open(&folder).unwrap();
    catalog.local_user().unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_released_catalog_takes_accounts_in_beside_its_local_user() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/catalogs/1/catalog.db");
    std::fs::copy(fixture, dir.path().join("catalog.db")).unwrap();
    let catalog = Catalog::open(dir.path()).unwrap();
    let ann = catalog.add_account("ann@example.org", "a hash", None).unwrap();
    assert_eq!(catalog.accounts().unwrap(), std::slice::from_ref(&ann));
    assert_ne!(ann.user, catalog.local_user().unwrap());
    assert_eq!(names(&catalog, ann.user.id), [""; 0]);
    import(&catalog, ann.user.id, path("/a.csv"), "1", &[("a", "x")]);
    let sheet = catalog.sheets(ann.user.id, None, None, 1).unwrap().sheets.remove(0);
    assert_eq!(sheet.version.author, "ann@example.org");
}

#[test]
fn a_log_in_beyond_the_hundredth_session_ends_the_oldest() {
    let (_dir, catalog, _) = open();
    let ann = catalog.add_account("ann@example.org", "a hash", None).unwrap().user.id;
    let session = |n: u8| {
        let times = SessionTimes { at: i64::from(n), idle: 1_000_000, longest: 1_000_000 };
        assert!(catalog.open_session(ann, "a hash", &format!("s{n}"), &[n; 32], times).unwrap());
    };
    (0..102).for_each(session);
    let lasting: Vec<u8> =
        (0..102).filter(|n| catalog.session_account(&format!("s{n}"), 200).unwrap().is_some()).collect();
    assert_eq!(lasting, (2..102).collect::<Vec<_>>());
    assert!(
        !catalog
            .open_session(ann, "an old hash", "s", &[200; 32], SessionTimes { at: 0, idle: 1, longest: 1 })
            .unwrap()
    );
}

#[test]
fn a_sweep_removes_sessions_and_invitations_that_have_run_out() {
    let (_dir, catalog, _) = open();
    let ann = catalog.add_account("ann@example.org", "a hash", None).unwrap().user.id;
    let times = SessionTimes { at: 0, idle: 10, longest: 100 };
    catalog.open_session(ann, "a hash", "s", &[1; 32], times).unwrap();
    catalog.add_invitation(&[2; 32], None, 0, 10).unwrap();
    let count = || {
        let sql = "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM refresh_tokens)
                   + (SELECT count(*) FROM invitations)";
        catalog.reads().query_row(sql, [], |row| row.get::<_, u32>(0)).unwrap()
    };
    catalog.sweep(9, &mut |_| Ok(())).unwrap();
    assert_eq!(count(), 3);
    catalog.sweep(10, &mut |_| Ok(())).unwrap();
    assert_eq!(count(), 0);
}

#[test]
fn dropping_damaged_versions_looks_again_at_their_files_and_at_who_names_them() {
    let (_dir, catalog, user) = open();
    import(&catalog, user, path("a.csv"), "1", &[("a", "first")]);
    import(&catalog, user, path("a.csv"), "2", &[("a", "second")]);
    import(&catalog, user, path("b.csv"), "3", &[("b", "third")]);
    let suspects: Vec<_> = catalog.version_files().unwrap().into_iter().filter(|it| it.file != "first").collect();
    // Meanwhile others store `third` anew, name `second` once more, and delete the sheet.
    let done = import(&catalog, user, path("c.csv"), "4", &[("c", "second")]);
    assert_eq!(done, ["c v1 New"]);
    catalog.delete_sheet(user, "a").unwrap();
    let mut looked = Vec::new();
    let mended = catalog
        .drop_versions(&suspects, &mut |it| {
            looked.push(it.file.clone());
            Ok(it.file == "second")
        })
        .unwrap();
    assert_eq!(looked, ["second", "third"]);
    let told: Vec<_> = mended.iter().map(|it| (it.sheet.as_str(), it.back_to, it.is_lost, it.was_deleted)).collect();
    assert_eq!(told, [("a", Some(1), false, true), ("c", None, true, false)]);
    assert!(catalog.version_files().unwrap().iter().any(|it| it.file == "third" && it.is_current));
    // A file that can't be moved aside keeps its versions.
    let before = catalog.version_files().unwrap();
    let failed = catalog.drop_versions(&before, &mut |_| Err(std::io::Error::other("full")));
    assert!(failed.is_err());
    assert_eq!(catalog.version_files().unwrap(), before);
}
