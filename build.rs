//! Puts the prebuilt DuckDB beside the binaries and lets them find it there.
#![expect(clippy::disallowed_methods, reason = "a build script is configured by its environment")]

use std::{
    env, fs,
    path::{Path, PathBuf},
};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let library = match os.as_str() {
        "windows" => "duckdb.dll",
        "macos" => "libduckdb.dylib",
        _ => "libduckdb.so",
    };
    // Tests and benchmarks lie one folder below the binaries.
    match os.as_str() {
        "windows" => {}
        "macos" => println!("cargo:rustc-link-arg=-Wl,-rpath,@loader_path,-rpath,@loader_path/.."),
        _ => println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN,-rpath,$ORIGIN/.."),
    }
    let Some(found) = env::var_os("DUCKDB_LIB_DIR").map(|dir| Path::new(&dir).join(library)) else {
        return;
    };
    println!("cargo:rerun-if-changed={}", found.display());
    if let Err(error) = place(&found, library) {
        println!("cargo:warning=`{}` could not be put beside the binary: {error}; run .ci/libduckdb", found.display());
    }
}

/// `OUT_DIR` is `<target>/<profile>/build/<package>/out`.
fn place(found: &Path, library: &str) -> std::io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let Some(profile) = out.ancestors().nth(3) else { return Ok(()) };
    let beside = profile.join(library);
    // A running Quire may have the old file mapped: never write into it.
    let fresh = profile.join(format!("{library}.new"));
    fs::copy(found, &fresh)?;
    fs::rename(fresh, beside)
}
