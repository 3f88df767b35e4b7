//! Checks on the source tree itself: layers, fences around crates, sizes, and what no file may name.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Layers, lowest first. A module may use modules of lower layers only; `lib` and `main` may use all.
const LAYERS: &[&[&str]] = &[
    &["fault"],
    &["name", "value", "context", "digest", "secret"],
    &["engine", "ingest"],
    &["transform", "stats", "export"],
    &["worker"],
    &["catalog"],
    &["store"],
    &["workspace"],
    &["tool"],
    &["llm"],
    &["ask"],
    &["tools"],
    &["auth"],
    &["mcp"],
    &["http"],
    &["cli", "fuzzing"],
];

/// Crates, and the only modules that may name them.
const FENCES: &[(&str, &[&str])] = &[
    ("duckdb", &["engine"]),
    ("calamine", &["ingest"]),
    ("csv_core", &["ingest"]),
    ("rust_xlsxwriter", &["export"]),
    ("rusqlite", &["catalog"]),
    ("rmcp", &["mcp"]),
    ("clap", &["cli", "main"]),
    ("indicatif", &["cli"]),
    ("directories", &["cli"]),
    ("rlimit", &["worker"]),
    ("landlock", &["worker"]),
    ("libc", &["worker"]),
    ("rustix", &["worker"]),
    ("seccompiler", &["worker"]),
    ("statrs", &["stats"]),
    ("reqwest", &["llm"]),
    ("rustls", &["llm"]),
    ("eventsource_stream", &["llm"]),
    ("tiktoken_rs", &["llm"]),
    ("axum", &["http"]),
    ("metrics_exporter_prometheus", &["http"]),
    ("tower_http", &["http"]),
    ("utoipa", &["http"]),
    ("utoipa_axum", &["http"]),
    ("hyper", &["http"]),
    ("hyper_util", &["http"]),
    ("argon2", &["auth"]),
    ("jsonwebtoken", &["auth"]),
    ("email_address", &["auth"]),
    ("rpassword", &["cli"]),
    ("zeroize", &["secret", "auth", "cli"]),
    ("anyhow", &["main"]),
];

/// Lines of a file, without its tests.
const MAX_LINES: usize = 400;

struct Source {
    path: PathBuf,
    /// The top-level module.
    module: String,
    text: String,
}

#[test]
fn modules_depend_downwards() {
    let mut upward = Vec::new();
    for source in sources() {
        let Some(own) = layer(&source.module) else { continue };
        for (line, used) in crate_uses(&source.text) {
            let Some(used_layer) = layer(&used) else {
                upward.push(format!("{}:{line}: `{used}` has no layer", source.path.display()));
                continue;
            };
            if used != source.module && own <= used_layer {
                upward.push(format!("{}:{line}: {} uses {used}", source.path.display(), source.module));
            }
        }
    }
    assert!(upward.is_empty(), "dependencies must point down:\n{}", upward.join("\n"));
}

#[test]
fn every_module_has_a_layer() {
    for source in sources() {
        let is_top = ["lib", "main"].contains(&source.module.as_str());
        assert!(is_top || layer(&source.module).is_some(), "`{}` has no layer", source.module);
    }
}

#[test]
fn crates_stay_inside_their_fences() {
    let mut outside = Vec::new();
    for source in sources() {
        if source.path.ends_with("tests.rs") {
            continue;
        }
        for (krate, modules) in FENCES {
            let named = source.text.lines().any(|line| {
                let line = line.trim_start();
                !line.starts_with("//") && names_crate(line, krate)
            });
            if named && !modules.contains(&source.module.as_str()) {
                outside.push(format!("{} names `{krate}`, which only {modules:?} may", source.path.display()));
            }
        }
    }
    assert!(outside.is_empty(), "{}", outside.join("\n"));
}

#[test]
fn files_are_small() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.path.file_name().is_none_or(|name| name != "tests.rs"))
        .map(|source| (source, without_tests(&source.text).lines().count()))
        .filter(|(_, n_lines)| *n_lines > MAX_LINES)
        .map(|(source, n_lines)| format!("{}: {n_lines} lines without tests", source.path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> =
        sources().into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "no `//!` in the first line: {silent:?}");
}

#[test]
fn only_commands_print() {
    let printing: Vec<_> = sources()
        .into_iter()
        .filter(|source| !["cli", "main"].contains(&source.module.as_str()))
        .filter(|source| {
            let is_code = |line: &&str| !line.trim_start().starts_with("//");
            without_tests(&source.text)
                .lines()
                .filter(is_code)
                .any(|line| ["println!", "eprintln!", "print!(", "dbg!("].iter().any(|it| line.contains(it)))
        })
        .map(|source| source.path)
        .collect();
    assert!(printing.is_empty(), "{printing:?}");
}

#[test]
fn every_tool_file_is_registered() {
    let registry = fs::read_to_string(root().join("src/tools/mod.rs")).unwrap();
    let contracts = quire::tools::remote();
    let names: Vec<&str> = contracts.contracts().map(|contract| contract.name).collect();
    for source in sources().into_iter().filter(|source| source.module == "tools") {
        let stem = source.path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !source.text.contains("impl Tool for") {
            continue;
        }
        assert!(registry.contains(&format!(".with::<{stem}::")), "{stem} is not registered");
        assert!(names.contains(&stem.as_str()), "the tool of {stem}.rs has another name");
        assert!(root().join(format!("tests/it/tools/{stem}.rs")).exists(), "{stem} has no tests");
    }
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    for source in sources() {
        assert!(!source.text.contains("#[allow("), "{}", source.path.display());
        assert!(!source.text.contains("#![allow("), "{}", source.path.display());
    }
}

#[test]
fn no_text_names_a_machine_or_a_registry() {
    // In pieces, so that this file does not name them either.
    let named = [
        ["/ho", "me/"],
        ["/Us", "ers/"],
        ["/ro", "ot/"],
        ["/wo", "rk/"],
        ["index.", "crates.io"],
        ["static.", "crates.io"],
        ["registry.", "npmjs"],
        ["pypi.", "org"],
        ["files.python", "hosted"],
        ["proxy.", "golang"],
    ];
    let mut found = Vec::new();
    visit(&root(), &mut |path| {
        let Ok(text) = fs::read_to_string(path) else { return };
        let shown = path.strip_prefix(root()).unwrap().display().to_string();
        for (line_idx, line) in text.lines().enumerate() {
            for pieces in named {
                let is_pattern = shown.starts_with("tests") && line.contains("glob(");
                if line.contains(&pieces.concat()) && !is_pattern {
                    found.push(format!("{shown}:{}: {}", line_idx + 1, line.trim()));
                }
            }
        }
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut sources = Vec::new();
    visit(&src, &mut |path| {
        if path.extension().is_some_and(|ending| ending == "rs") {
            let inside = path.strip_prefix(&src).unwrap();
            let module =
                inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
            sources.push(Source {
                path: Path::new("src").join(inside),
                module,
                text: fs::read_to_string(path).unwrap(),
            });
        }
    });
    assert!(sources.len() > 50);
    sources
}

/// Every file below `folder` that is the repository's own.
fn visit(folder: &Path, each: &mut dyn FnMut(&Path)) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap_or_default();
        if path.is_symlink()
            || [".git", ".duckdb", "target", "Cargo.lock", "node_modules", "__pycache__"].contains(&name)
        {
            continue;
        }
        if path.is_dir() {
            visit(&path, each);
        } else {
            each(&path);
        }
    }
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn without_tests(text: &str) -> &str {
    text.find("\n#[cfg(test)]\nmod tests {").map_or(text, |end| text.get(..end).unwrap())
}

fn names_crate(line: &str, krate: &str) -> bool {
    line.match_indices(&format!("{krate}::")).any(|(at, _)| {
        let before = line.get(..at).unwrap();
        !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
    }) || line.starts_with(&format!("use {krate};"))
}

/// Top-level modules named after `crate::`, with line numbers, also those inside one `use crate::{…}`.
fn crate_uses(text: &str) -> Vec<(usize, String)> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut uses = Vec::new();
    let mut depth = 0_usize;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.starts_with("//") {
            continue;
        }
        if depth > 0 {
            if depth == 1 && !word(line).is_empty() {
                uses.push((number, word(line)));
            }
        } else if line == "use crate::{" {
            depth = 1;
            continue;
        } else {
            // On one line: `use crate::{a::B, c};`, or `crate::a` anywhere.
            for (at, _) in line.match_indices("crate::") {
                let rest = line.get(at + "crate::".len()..).unwrap();
                match rest.strip_prefix('{') {
                    Some(group) => uses.extend(top_level(group).map(|part| (number, word(part.trim())))),
                    None => uses.push((number, word(rest))),
                }
            }
            continue;
        }
        depth = (depth + line.matches('{').count()).saturating_sub(line.matches('}').count());
    }
    uses.retain(|(_, name)| !name.is_empty() && !["self", "Cli"].contains(&name.as_str()));
    uses
}

/// The parts of a group that commas outside further braces separate.
fn top_level(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    group.split(move |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

#[test]
fn uses_are_found_however_they_are_written() {
    let text = "use crate::{a::B, c::{D, e}, f};\nuse crate::g::H;\nuse crate::{\n    i::J,\n    k::{\n        l,\n    },\n    m,\n};\nlet x = crate::n::o();\n// crate::no\n";
    let names: Vec<String> = crate_uses(text).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["a", "c", "f", "g", "i", "k", "m", "n"]);
}
