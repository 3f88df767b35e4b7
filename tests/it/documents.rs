//! The commands of `docs/` run as they are written.

use std::{fs, path::Path, process::Command};

use crate::harness::Bench;

/// The indented blocks of a page that call curl, each as one script. Those with an address that only a reply has are left
/// out.
fn scripts(page: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        match line.strip_prefix("    ") {
            Some(code) => blocks.last_mut().unwrap().push_str(&format!("{code}\n")),
            None => blocks.push(String::new()),
        }
    }
    blocks.retain(|block| block.contains("curl ") && !block.contains('…'));
    blocks
}

#[test]
fn the_lines_with_curl_do_what_the_page_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        // Nothing to run them with.
        return;
    }
    let bench = Bench::new().file("sales.csv", "region,amount\nNorth,3\nSouth,4\n");
    let workbook = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/merged header.xlsx");
    bench.write("stock.xlsx", fs::read(workbook).unwrap());
    let site = bench.site();
    // The page's address leads to the test's server; a status that is a failure is one of the script too.
    let curlrc = format!("connect-to = \"127.0.0.1:7788:{}\"\nfail-with-body\nno-progress-meter\n", site.address);
    fs::write(bench.outside().join(".curlrc"), curlrc).unwrap();
    let mut said = String::new();
    let scripts = scripts("http.md");
    for script in &scripts {
        let ended = Command::new("sh")
            .args(["-eu", "-c", script])
            .env("CURL_HOME", bench.outside())
            .current_dir(bench.path(""))
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&ended.stdout).into_owned();
        assert!(ended.status.success(), "{script}\n{out}\n{}", String::from_utf8_lossy(&ended.stderr));
        said.push_str(&out);
    }
    assert!(bench.path("sales.xlsx").is_file(), "{said}");
    for words in
        ["\"protocolVersion\":\"2025-11-25\"", "\"name\":\"describe_sheet\"", "\"rows\":[[\"North\",3],[\"South\",4]]"]
    {
        assert!(said.contains(words), "{words} is not in {said}");
    }
}
