//! The store together with the catalog, on real folders.

use std::{
    collections::HashSet,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use serde_json::json;
use tempfile::TempDir;

use super::{Scratch, Store, WorkspaceDir, keep_original, seal};
use crate::{
    catalog::{Catalog, Identity, NewSheet, NewSource, NewVersion, UserId, now},
    name::SheetName,
};

struct Home {
    dir: TempDir,
    catalog: Catalog,
    store: Store,
}

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().unwrap();
        let (catalog, store) = (Catalog::open(dir.path()).unwrap(), Store::open(dir.path()).unwrap());
        Home { dir, catalog, store }
    }
}

/// Imports text as if it were a version file.
fn import(catalog: &Catalog, user: UserId, dir: &WorkspaceDir, path: &str, text: &str) -> String {
    let scratch = dir.new_scratch().unwrap();
    let file = write(&scratch, text);
    let sealed = seal(&file).unwrap();
    let version = NewVersion {
        n_rows: 1,
        columns: Vec::new(),
        issues: Vec::new(),
        layout: None,
        file: sealed.hash.clone(),
        n_bytes: sealed.n_bytes,
        made_by: json!({}),
        steps: Vec::new(),
    };
    let sheet = NewSheet {
        title: path.to_owned(),
        hidden: false,
        position: 0,
        suggested: SheetName::from_title(path),
        version,
        replay: None,
    };
    let source = NewSource {
        identity: Identity::Path(path.to_owned()),
        sha256: sealed.hash.clone(),
        n_bytes: sealed.n_bytes,
        modified_ns: None,
        format: "csv".to_owned(),
        options: json!({}),
        issues: Vec::new(),
        linked: true,
        is_refresh: false,
    };
    catalog.commit_import(user, &source, vec![sheet], &mut || dir.publish_version(&file, &sealed.hash)).unwrap();
    sealed.hash
}

fn write(scratch: &Scratch, text: &str) -> std::path::PathBuf {
    let file = scratch.path().join("0.parquet");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn a_sweep_beside_imports_loses_no_published_file() {
    let home = Home::new();
    let user = home.catalog.local_user().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            let catalog = Catalog::open(home.dir.path()).unwrap();
            while !stop.load(Ordering::Relaxed) {
                home.store.sweep(&catalog, now()).unwrap();
            }
        });
        let importers: Vec<_> = (0..3)
            .map(|nth| {
                let home = &home;
                let user = &user;
                scope.spawn(move || {
                    let catalog = Catalog::open(home.dir.path()).unwrap();
                    let dir = home.store.workspace(&user.key).unwrap();
                    let mut hashes = Vec::new();
                    for round in 0..30 {
                        let text = format!("{nth} {round}");
                        hashes.push(import(&catalog, user.id, &dir, &format!("/s{nth}.csv"), &text));
                        for hash in hashes.iter().rev().take(10) {
                            assert!(dir.version_path(hash).is_file(), "lost by round {round}");
                        }
                    }
                })
            })
            .collect();
        for importer in importers {
            importer.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        sweeper.join().unwrap();
    });
    home.store.sweep(&home.catalog, now()).unwrap();
    let dir = home.store.workspace(&user.key).unwrap();
    let sheets = home.catalog.sheets(user.id, None, None, 100).unwrap().sheets;
    assert!(!sheets.is_empty());
    for sheet in sheets {
        for version in home.catalog.versions(user.id, sheet.id).unwrap() {
            assert!(dir.version_path(&version.file).is_file(), "{} {}", sheet.name, version.number);
        }
    }
}

#[test]
fn twenty_one_versions_leave_twenty_and_their_files() {
    let home = Home::new();
    let user = home.catalog.local_user().unwrap();
    let dir = home.store.workspace(&user.key).unwrap();
    let hashes: Vec<String> = (0..21).map(|n| import(&home.catalog, user.id, &dir, "/a.csv", &n.to_string())).collect();
    home.store.sweep(&home.catalog, now()).unwrap();
    let sheet = home.catalog.sheets(user.id, None, None, 1).unwrap().sheets.remove(0);
    let numbers: Vec<u64> =
        home.catalog.versions(user.id, sheet.id).unwrap().iter().map(|version| version.number).collect();
    assert_eq!(numbers, (2..=21).rev().collect::<Vec<u64>>());
    let left: HashSet<bool> = hashes[1..].iter().map(|hash| dir.version_path(hash).is_file()).collect();
    assert_eq!((left, dir.version_path(&hashes[0]).exists()), (HashSet::from([true]), false));
}

#[test]
fn a_sweep_takes_orphans_and_the_scratch_of_the_dead_only() {
    let home = Home::new();
    let user = home.catalog.local_user().unwrap();
    let dir = home.store.workspace(&user.key).unwrap();
    let alive = dir.new_scratch().unwrap();
    let dead = dir.root.join("scratch").join("dead");
    fs::create_dir(&dead).unwrap();
    fs::write(dir.root.join("scratch").join("dead.lock"), "").unwrap();
    fs::write(dir.version_path("orphan"), "").unwrap();
    fs::write(dir.result_path("orphan"), "").unwrap();
    fs::write(dir.original_path("orphan"), "").unwrap();
    home.store.sweep(&home.catalog, now()).unwrap();
    assert!(alive.path().is_dir());
    assert!(!dead.exists());
    assert!(
        ![dir.version_path("orphan"), dir.result_path("orphan"), dir.original_path("orphan")]
            .iter()
            .any(|path| path.exists())
    );
    let path = alive.path().to_owned();
    drop(alive);
    assert!(!path.exists());
}

#[test]
fn an_original_comes_back_as_it_was() {
    let home = Home::new();
    let dir = home.store.workspace("k").unwrap();
    let scratch = dir.new_scratch().unwrap();
    let upload = write(&scratch, "a,b\n1,2\n");
    let original = keep_original(&upload, &scratch).unwrap();
    assert_eq!((&original.sha256, original.n_bytes), (&seal(&upload).unwrap().hash, 8));
    dir.publish_original(&original).unwrap();
    let kept = fs::File::open(dir.original_path(&original.sha256)).unwrap();
    assert_eq!(zstd::decode_all(kept).unwrap(), b"a,b\n1,2\n");
}
