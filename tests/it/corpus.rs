//! Awkward files: each of `tests/corpus/` has a snapshot of how it is read. Dropping a file in adds a test.

use std::{fs, path::Path, thread};

use serde_json::Value;

use crate::harness::Bench;

#[test]
fn every_awkward_file_is_read_as_its_snapshot_says() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut names: Vec<String> = fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 15);
    // Four at once: starting processes is what takes time.
    let n_each = names.len().div_ceil(4);
    let readings: Vec<(String, Value)> = thread::scope(|scope| {
        let parts: Vec<_> = names
            .chunks(n_each)
            .map(|part| {
                scope.spawn(|| part.iter().map(|name| (name.clone(), reading(&corpus, name))).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(corpus.join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, reading) in readings {
            insta::assert_json_snapshot!(name.as_str(), reading);
        }
    });
}

/// What `quire inspect` says of a file, or its fault.
fn reading(corpus: &Path, name: &str) -> Value {
    let bench = Bench::new().file(name, fs::read(corpus.join(name)).unwrap());
    let ended = bench.run(&["inspect", &format!("$FILES/{name}"), "--json"]);
    let said = if ended.code == Some(0) { &ended.out } else { &ended.err };
    serde_json::from_str(said).unwrap_or_else(|_| panic!("{name}: {said}"))
}
