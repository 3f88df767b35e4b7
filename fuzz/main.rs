//! The fuzz targets, one of which `QUIRE_FUZZ` names: one binary, since each would be linked with everything.

#![no_main]

use std::{
    env, fs,
    io::{Cursor, Write as _},
    panic,
    path::Path,
    process,
    sync::LazyLock,
};

use libfuzzer_sys::fuzz_target;
use quire::{
    fuzzing::{self, Bench},
    ingest::{self, Limits, Options},
    transform,
};
use serde_json::Value;
use tempfile::TempDir;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// What a target does with its bytes. Whatever it answers is fine; it may not panic, hang, or take more memory than allowed.
type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 9] = [
    ("frames", |bytes| drop(fuzzing::read_frames(bytes))),
    ("arguments", arguments),
    ("steps", steps),
    ("sql", sql),
    ("csv", |bytes| import("fuzzed.csv", bytes)),
    ("xlsx", |bytes| import("fuzzed.xlsx", bytes)),
    ("parts", |bytes| import("fuzzed.xlsx", &zipped(bytes))),
    ("http", |bytes| drop(fuzzing::read_head(bytes))),
    ("tokens", tokens),
];

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = env::var("QUIRE_FUZZ").unwrap_or_default();
    TARGETS.iter().find(|(it, _)| *it == name).unwrap_or_else(|| panic!("no target `{name}`")).1
});

fuzz_target!(
    init: {
        // Damage makes calamine panic, which the product catches; where our own code panics, it is a defect even if caught.
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|it| !it.file().contains("/registry/") && !it.file().starts_with("/rustc/")) {
                report(info);
                process::abort();
            }
        }));
    },
    |bytes: &[u8]| TARGET(bytes)
);

fn arguments(bytes: &[u8]) {
    let Ok(Value::Object(mut call)) = serde_json::from_slice(bytes) else { return };
    let Some(Value::String(tool)) = call.remove("tool") else { return };
    drop(fuzzing::parse_arguments(&tool, call.remove("arguments").unwrap_or_default()));
}

fn steps(bytes: &[u8]) {
    if let Ok(Value::Array(steps)) = serde_json::from_slice(bytes)
        && transform::check(&steps).is_ok()
    {
        drop(BENCH.transform(steps));
    }
}

fn sql(bytes: &[u8]) {
    if let Ok(sql) = str::from_utf8(bytes) {
        drop(BENCH.review(sql));
    }
}

fn tokens(bytes: &[u8]) {
    let token = String::from_utf8_lossy(bytes);
    let is_let_in = fuzzing::is_let_in(FOLDER.path(), &token).expect("keys");
    assert!(!is_let_in, "a made-up token is let in");
}

/// In memory, where there is such a folder.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    folder.expect("a folder")
});

static BENCH: LazyLock<Bench> =
    LazyLock::new(|| Bench::new(FOLDER.path().to_owned()).unwrap_or_else(|fault| panic!("no bench: {fault:?}")));

/// Small, so that what grows beyond them is seen.
const LIMITS: Limits =
    Limits { file_bytes: 1 << 20, inflated_bytes: 8 << 20, cells: 100_000, columns: 2_000, sheets: 50 };

fn import(name: &str, bytes: &[u8]) {
    let file = FOLDER.path().join("file");
    fs::write(&file, bytes).expect("the file is written");
    drop(ingest::read(&file, name, &Options::default(), &LIMITS, Some(FOLDER.path()), &mut |_| {}));
}

/// A workbook's zip of parts that are each headed by a line with the name, so that what is changed is the parts and not the
/// zip, whose sums nearly every change would break.
fn zipped(bytes: &[u8]) -> Vec<u8> {
    const HEAD: &[u8] = b"\n--part ";
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut rest = bytes.strip_prefix(HEAD).unwrap_or(bytes);
    while !rest.is_empty() {
        let end = rest.windows(HEAD.len()).position(|it| it == HEAD).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        let at = part.iter().position(|byte| *byte == b'\n').unwrap_or(part.len());
        let (name, body) = part.split_at(at);
        if out.start_file(String::from_utf8_lossy(name), options).is_ok() {
            out.write_all(body.get(1..).unwrap_or_default()).expect("memory takes it");
        }
        rest = behind.strip_prefix(HEAD).unwrap_or_default();
    }
    out.finish().expect("memory takes it").into_inner()
}
