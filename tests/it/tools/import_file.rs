//! `import_file`.

use rust_xlsxwriter::{ExcelDateTime, Format, Table, Workbook};
use serde_json::{Value, json};

use crate::harness::{Bench, code_of, fault};

/// A workbook: `Sales` with two rows, `Costs` hidden with one, and an empty sheet.
pub(crate) fn two_sheets() -> Vec<u8> {
    let mut book = Workbook::new();
    let sales = book.add_worksheet().set_name("Sales").unwrap();
    sales.write_row(0, 0, ["item", "price"]).unwrap();
    sales.write(1, 0, "tea").unwrap().write(1, 1, 1.5).unwrap();
    sales.write(2, 0, "milk").unwrap().write(2, 1, 2.25).unwrap();
    let costs = book.add_worksheet().set_name("Costs").unwrap();
    costs.set_hidden(true).write(0, 0, "cost").unwrap().write(1, 0, 7).unwrap();
    book.add_worksheet().set_name("Empty").unwrap();
    book.save_to_buffer().unwrap()
}

fn sheet(name: &str, title: &str, state: &str, version: u64, n_rows: u64, columns: &[(&str, &str)]) -> Value {
    let n_columns = columns.len();
    let columns: Value = columns.iter().map(|(name, type_name)| json!({"name": name, "type": type_name})).collect();
    json!({
        "name": name, "title": title, "state": state, "version": version, "n_rows": n_rows, "n_columns": n_columns,
        "columns": columns, "issues": [],
    })
}

const CSV: &str = "csv, UTF-8, delimiter \",\"";
const ONE_COLUMN: &str = "csv, UTF-8";

#[test]
fn a_csv_becomes_a_sheet_typed_from_all_rows() {
    let text = "id,zip,price,day,at,ok,ratio,note\n1,00501,1.50,2024-02-29,2024-02-29 10:00:00,true,1e-3,a\n2,12345,-2,2024-03-01,2024-03-01 23:59:59,false,2.5,\n";
    let bench = Bench::new().file("orders.csv", text);
    let mut client = bench.serve();
    client.check(
        "import_file",
        json!({"path": "$FILES/orders.csv"}),
        json!({
            "sheets": [sheet("orders", "orders", "new", 1, 2, &[
                ("id", "BIGINT"), ("zip", "VARCHAR"), ("price", "DECIMAL(18,2)"), ("day", "DATE"), ("at", "TIMESTAMP"),
                ("ok", "BOOLEAN"), ("ratio", "DOUBLE"), ("note", "VARCHAR"),
            ])],
            "format": CSV,
        }),
    );
    assert_eq!(
        client.rows("from orders"),
        json!([
            [1, "00501", 1.5, "2024-02-29", "2024-02-29T10:00:00", true, 0.001, "a"],
            [2, "12345", -2.0, "2024-03-01", "2024-03-01T23:59:59", false, 2.5, null],
        ])
    );
}

#[test]
fn every_worksheet_with_a_cell_becomes_a_sheet_and_hidden_ones_say_so() {
    let bench = Bench::new().file("book.xlsx", two_sheets());
    let mut client = bench.serve();
    let mut costs = sheet("costs", "Costs", "new", 1, 1, &[("cost", "BIGINT")]);
    costs["hidden"] = json!(true);
    let reply = client.call("import_file", &json!({"path": "$FILES/book.xlsx"})).unwrap();
    assert_eq!(
        reply["sheets"],
        json!([sheet("sales", "Sales", "new", 1, 2, &[("item", "VARCHAR"), ("price", "DOUBLE")]), costs,])
    );
    assert_eq!(reply["format"], "xlsx");
    assert!(reply["issues"].to_string().contains("Empty"), "{reply}");
    assert_eq!(client.rows("select s.price, c.cost from sales s, costs c order by 1"), json!([[1.5, 7], [2.25, 7]]));
}

#[test]
fn excel_dates_are_dates_by_their_number_format() {
    let mut book = Workbook::new();
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let moment = Format::new().set_num_format("yyyy-mm-dd hh:mm:ss");
    let page = book.add_worksheet();
    page.write_row(0, 0, ["day", "moment", "number"]).unwrap();
    for (row, n) in [(1, 28), (2, 29)] {
        let at = ExcelDateTime::from_ymd(2024, 2, n).unwrap();
        page.write_with_format(row, 0, &at, &day).unwrap();
        page.write_with_format(row, 1, at.and_hms(9, 30, 0).unwrap(), &moment).unwrap();
        page.write(row, 2, 45_350).unwrap();
    }
    let bench = Bench::new().file("dates.xlsx", book.save_to_buffer().unwrap());
    let mut client = bench.serve_files();
    assert_eq!(
        client.rows("from dates"),
        json!([["2024-02-28", "2024-02-28T09:30:00", 45350], ["2024-02-29", "2024-02-29T09:30:00", 45350]])
    );
}

#[test]
fn parquet_and_json_are_typed_as_they_are() {
    let bench = Bench::new()
        .file("objects.json", r#"[{"a": 1, "b": "x"}, {"a": 2.5, "b": null}]"#)
        .file("lines.ndjson", "{\"a\": 1, \"tags\": [\"x\", \"y\"]}\n{\"a\": 2, \"tags\": []}\n");
    let source = bench.file("source.csv", "n,d\n1,2024-01-01\n2,2024-01-02\n");
    let parquet =
        source.command(&["convert", &source.path("source.csv").to_string_lossy(), "--to", "parquet"]).output().unwrap();
    assert!(parquet.status.success());
    let bench = source.file("table.parquet", parquet.stdout);
    let mut client = bench.serve();
    for (file, format, name, columns, rows) in [
        ("objects.json", "json", "objects", vec![("a", "DOUBLE"), ("b", "VARCHAR")], json!([[1, "x"], [2.5, null]])),
        (
            "lines.ndjson",
            "ndjson",
            "lines",
            vec![("a", "BIGINT"), ("tags", "VARCHAR[]")],
            json!([[1, ["x", "y"]], [2, []]]),
        ),
        (
            "table.parquet",
            "parquet",
            "table",
            vec![("n", "BIGINT"), ("d", "DATE")],
            json!([[1, "2024-01-01"], [2, "2024-01-02"]]),
        ),
    ] {
        let reply = client.call("import_file", &json!({"path": format!("$FILES/{file}")})).unwrap();
        let name = reply["sheets"][0]["name"].as_str().map_or(name.to_owned(), str::to_owned);
        assert_eq!(
            reply,
            json!({"sheets": [sheet(&name, file.split('.').next().unwrap(), "new", 1, 2, &columns)], "format": format})
        );
        assert_eq!(client.rows(&format!("from {name} order by 1")), rows);
    }
}

#[test]
fn content_comes_inline_as_text_or_base64() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let expect = |state: &str, version: u64, n_rows: u64| json!({"sheets": [sheet("cities", "cities", state, version, n_rows, &[("city", "VARCHAR")])], "format": ONE_COLUMN});
    client.check("import_file", json!({"name": "cities.csv", "content": "city\nOslo\nRome\n"}), expect("new", 1, 2));
    // The same in base64 is the same; a line more is a new version.
    client.check(
        "import_file",
        json!({"name": "cities.csv", "content_base64": "Y2l0eQpPc2xvClJvbWUK"}),
        expect("unchanged", 1, 2),
    );
    client.check(
        "import_file",
        json!({"name": "cities.csv", "content": "city\nOslo\nRome\nBern\n"}),
        expect("changed", 2, 3),
    );
    assert_eq!(client.rows("from cities"), json!([["Oslo"], ["Rome"], ["Bern"]]));
}

#[test]
fn the_same_path_and_the_same_bytes_are_the_same_sheet_and_new_bytes_a_new_version() {
    let bench = Bench::new().file("a.csv", "n\n1\n2\n").file("copy.csv", "n\n1\n2\n");
    let mut client = bench.serve();
    let import = |name: &str| json!({"path": format!("$FILES/{name}")});
    let expect = |state: &str, version: u64, n_rows: u64| json!({"sheets": [sheet("a", "a", state, version, n_rows, &[("n", "BIGINT")])], "format": ONE_COLUMN});
    client.check("import_file", import("a.csv"), expect("new", 1, 2));
    let again = client.call("import_file", &import("a.csv")).unwrap();
    assert_eq!(again["sheets"], expect("unchanged", 1, 2)["sheets"]);
    let copy = client.call("import_file", &import("copy.csv")).unwrap();
    assert_eq!([&copy["sheets"][0]["name"], &copy["sheets"][0]["state"]], ["a", "unchanged"]);
    assert_eq!(
        copy["notes"],
        json!([
            "`$FILES/copy.csv` has the same bytes as `$FILES/a.csv`, which was imported before: these are its sheets; changes of the new one are not followed"
        ])
    );
    // Each goes its own way from here, and the first stays linked.
    bench.write("copy.csv", "n\n1\n2\n3\n");
    let other = client.call("import_file", &import("copy.csv")).unwrap();
    assert_eq!([&other["sheets"][0]["name"], &other["sheets"][0]["state"]], ["copy", "new"]);
    bench.write("a.csv", "n\n4\n5\n6\n7\n");
    assert_eq!(client.rows("select (select count(*) from a), (select count(*) from copy)"), json!([[4, 3]]));
}

#[test]
fn the_same_bytes_read_in_another_way_are_sheets_of_their_own() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let content = "p,q\n1,a\n2,b\n3,c\n";
    client.call("import_file", &json!({"name": "one.csv", "content": content})).unwrap();
    let other = client.call("import_file", &json!({"name": "two.csv", "content": content, "header_row": 2})).unwrap();
    assert_eq!([&other["sheets"][0]["name"], &other["sheets"][0]["state"]], ["two", "new"]);
    assert_eq!(other.get("notes"), None);
    assert_eq!(client.rows("select (select count(*) from one), (select count(*) from two)"), json!([[3, 2]]));
}

#[test]
fn text_has_no_worksheets() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let fault = client.call("import_file", &json!({"name": "a.csv", "content": "p\n1\n", "sheet": "May"})).unwrap_err();
    assert_eq!(fault["message"], "`a.csv` is text and has no worksheet `May`");
}

#[test]
fn a_name_has_its_next_version_whatever_else_has_the_same_bytes() {
    let bench = Bench::new().file("linked.csv", "n\n1\n");
    let mut client = bench.serve();
    client.call("import_file", &json!({"name": "tpl.csv", "content": "n\n1\n"})).unwrap();
    client.call("import_file", &json!({"path": "$FILES/linked.csv"})).unwrap();
    let next = client.call("import_file", &json!({"name": "tpl.csv", "content": "n\n2\n"})).unwrap();
    let found = &next["sheets"][0];
    assert_eq!([&found["name"], &found["state"], &found["version"]], [&json!("tpl"), &json!("changed"), &json!(2)]);
}

#[test]
fn a_file_that_was_moved_takes_its_sheet_along() {
    let bench = Bench::new().file("a.csv", "n\n1\n");
    let mut client = bench.serve_files();
    std::fs::rename(bench.path("a.csv"), bench.path("b.csv")).unwrap();
    let moved = client.call("import_file", &json!({"path": "$FILES/b.csv"})).unwrap();
    assert_eq!([&moved["sheets"][0]["name"], &moved["sheets"][0]["state"]], ["a", "unchanged"]);
    bench.write("b.csv", "n\n1\n2\n");
    assert_eq!(client.rows("select count(*) from a"), json!([[2]]));
}

#[test]
fn options_override_what_is_found() {
    let bench = Bench::new()
        .file("odd.txt", "a;b|c\n1;2|3\n")
        .file("latin.csv", b"name\ncaf\xe9\n".as_slice())
        .file("titled.csv", "Report of May,\nname,n\nx,1\ny,2\n")
        .file("bare.csv", "1,2\n3,4\n")
        .file("book.xlsx", two_sheets());
    let mut client = bench.serve();
    for (args, sql, rows) in [
        (json!({"path": "$FILES/odd.txt", "delimiter": "|"}), "from odd", json!([["1;2", 3]])),
        (json!({"path": "$FILES/odd.txt", "delimiter": ";"}), "from odd", json!([[1, "2|3"]])),
        (json!({"path": "$FILES/latin.csv", "encoding": "windows-1252"}), "from latin", json!([["café"]])),
        (json!({"path": "$FILES/latin.csv", "encoding": "iso-8859-5"}), "from latin", json!([["cafщ"]])),
        (
            json!({"path": "$FILES/titled.csv", "header_row": 2}),
            "select name, n from titled",
            json!([["x", 1], ["y", 2]]),
        ),
        (json!({"path": "$FILES/bare.csv", "header_row": 0}), "from bare", json!([[1, 2], [3, 4]])),
        (json!({"path": "$FILES/book.xlsx", "sheet": "Costs"}), "from book", json!([[7]])),
    ] {
        let reply = client.call("import_file", &args).unwrap();
        let name = reply["sheets"][0]["name"].as_str().unwrap();
        assert_eq!(reply["sheets"].as_array().unwrap().len(), 1, "{args}");
        let sql = if sql.ends_with("book") { format!("from {name}") } else { sql.to_owned() };
        assert_eq!(client.rows(&sql), rows, "{args}");
    }
}

#[test]
fn what_is_not_clear_is_said() {
    let bench = Bench::new().file("a.csv", "n\n1\n");
    let mut client = bench.serve();
    let unclear = fault(
        "invalid_arguments",
        "it is not clear which file to import",
        "give `path` alone, or `name` with one of `content` and `content_base64`",
    );
    for args in [
        json!({}),
        json!({"path": ""}),
        json!({"name": "a.csv"}),
        json!({"content": "n\n1\n"}),
        json!({"path": "$FILES/a.csv", "content": "n\n1\n"}),
        json!({"name": "a.csv", "content": "n\n1\n", "content_base64": "bg=="}),
    ] {
        client.check_fault("import_file", args, unclear.clone());
    }
    for (args, code) in [
        (json!({"name": "a.csv", "content_base64": "?"}), "invalid_arguments"),
        (json!({"path": "$FILES/a.csv", "encoding": "klingon"}), "invalid_arguments"),
        (json!({"path": "$FILES/a.csv", "delimiter": "abcde"}), "invalid_arguments"),
        (json!({"path": "$FILES/a.csv", "header_row": -1}), "invalid_arguments"),
        (json!({"path": "$FILES"}), "invalid_arguments"),
        (json!({"path": "$FILES/none.csv"}), "file_not_found"),
    ] {
        assert_eq!(code_of(&client.call("import_file", &args)), code, "{args}");
    }
}

#[test]
fn a_bad_file_is_a_fault_of_its_kind_and_the_next_import_works() {
    let whole = two_sheets();
    let encrypted = [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".as_slice(), &[0; 2000]].concat();
    let bench = Bench::new()
        .file("cut.xlsx", &whole[..whole.len() / 2])
        .file("encrypted.xlsx", encrypted)
        .file("cut.parquet", b"PAR1 and no more".as_slice())
        .file("broken.json", "[{\"a\": 1}, {\"a\": ")
        .file("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01".as_slice())
        .file("paper.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n".as_slice())
        .file("empty.csv", "")
        .file("good.csv", "n\n1\n");
    let mut client = bench.serve();
    for (file, codes) in [
        ("cut.xlsx", ["unreadable_file", "unreadable_file"]),
        ("encrypted.xlsx", ["unreadable_file", "unsupported_format"]),
        ("cut.parquet", ["unreadable_file", "unreadable_file"]),
        ("broken.json", ["unreadable_file", "unreadable_file"]),
        ("picture.png", ["unsupported_format", "unreadable_file"]),
        ("paper.pdf", ["unsupported_format", "unreadable_file"]),
        ("empty.csv", ["unsupported_format", "unsupported_format"]),
    ] {
        let outcome = client.call("import_file", &json!({"path": format!("$FILES/{file}")}));
        assert!(codes.contains(&code_of(&outcome).as_str()), "{file}: {outcome:?}");
        if let Err(fault) = &outcome {
            assert!(fault["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{file}: {fault}");
        }
    }
    assert!(client.call("import_file", &json!({"path": "$FILES/good.csv"})).is_ok());
    assert_eq!(client.call("list_sheets", &json!({"search": "good"})).unwrap()["n_total"], 1);
}

#[test]
fn limits_are_faults_that_name_them() {
    let bench = Bench::new().file("long.csv", "a,b,c\n".repeat(2000)).file("book.xlsx", two_sheets());
    let bench = bench.file("stacked.csv", "Stock\nitem,n\nnut,1\n\nPrices\nitem,price,of\nnut,0.5,x\n");
    for (flags, file) in [
        (["--max-file-size", "4KB"], "long.csv"),
        (["--max-cells", "100"], "long.csv"),
        (["--max-columns", "2"], "long.csv"),
        (["--max-sheets", "1"], "book.xlsx"),
        (["--max-sheets", "1"], "stacked.csv"),
    ] {
        let mut client = bench.serve_with(&flags);
        let outcome = client.call("import_file", &json!({"path": format!("$FILES/{file}")}));
        assert_eq!(code_of(&outcome), "limit_exceeded", "{flags:?}: {outcome:?}");
        let hint = outcome.unwrap_err()["hint"].as_str().unwrap_or_default().to_owned();
        assert!(hint.contains(flags[0]), "{flags:?}: {hint}");
    }
}

#[test]
fn only_files_below_the_root_are_reached() {
    let bench =
        Bench::new().file("inside.csv", "n\n1\n").file("folder/deep.csv", "n\n2\n").file(".dotted/x.csv", "n\n3\n");
    let secret = bench.outside().join("secret.csv");
    std::fs::write(&secret, "n\n666\n").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&secret, bench.path("link.csv")).unwrap();
        std::os::unix::fs::symlink(bench.outside(), bench.path("way_out")).unwrap();
    }
    let mut client = bench.serve();
    let mut outside = vec![
        secret.to_string_lossy().into_owned(),
        "$FILES/../secret.csv".to_owned(),
        "$FILES/folder/../../secret.csv".to_owned(),
        "$FILES/../does_not_exist.csv".to_owned(),
        "secret.csv".to_owned(),
    ];
    if cfg!(unix) {
        outside.extend(
            ["$FILES/link.csv", "$FILES/way_out/secret.csv", "/etc/passwd", "/etc/shadow", "/proc/self/environ"]
                .map(str::to_owned),
        );
    }
    for path in outside {
        let outcome = client.call("import_file", &json!({"path": path}));
        assert_eq!(code_of(&outcome), "path_not_allowed", "{path}: {outcome:?}");
    }
    for path in ["$FILES/inside.csv", "$FILES/folder/../inside.csv", "$FILES/folder/deep.csv"] {
        assert!(client.call("import_file", &json!({"path": path})).is_ok(), "{path}");
    }
}

#[test]
fn without_a_root_it_is_the_home_folder_without_its_dot_folders() {
    let bench = Bench::new();
    let home = bench.home();
    std::fs::create_dir_all(home.join(".ssh")).unwrap();
    std::fs::create_dir_all(home.join("papers/.git")).unwrap();
    for path in ["a.csv", "papers/b.csv", ".ssh/key.csv", "papers/.git/c.csv", ".netrc.csv"] {
        std::fs::write(home.join(path), format!("n,of\n1,{path}\n")).unwrap();
    }
    for (path, code) in [
        ("a.csv", "ok"),
        ("papers/b.csv", "ok"),
        (".ssh/key.csv", "path_not_allowed"),
        ("papers/.git/c.csv", "path_not_allowed"),
        (".netrc.csv", "path_not_allowed"),
        (".ssh/none.csv", "path_not_allowed"),
        ("../secret.csv", "path_not_allowed"),
        ("none.csv", "file_not_found"),
    ] {
        let args = json!({"path": home.join(path)}).to_string();
        let ended = bench.ended(&mut bench.bare_command(&["call", "import_file", &args, "--json"]));
        let found = if ended.code == Some(0) {
            "ok".to_owned()
        } else {
            serde_json::from_str::<Value>(&ended.err).unwrap()["code"].as_str().unwrap().to_owned()
        };
        assert_eq!(found, code, "{path}");
    }
}

#[test]
fn a_long_import_reports_its_progress() {
    let rows: String = (0..400_000).map(|i| format!("{i},{},text {i}\n", i % 97)).collect();
    let bench = Bench::new().file("long.csv", format!("id,group,text\n{rows}"));
    let mut client = bench.serve();
    let path = bench.path("long.csv");
    let id = client.request(
        "tools/call",
        json!({
            "name": "import_file", "arguments": {"path": path}, "_meta": {"progressToken": "here"},
        }),
    );
    let report = client.wait_for(|message| message["method"] == "notifications/progress");
    assert_eq!([&report["params"]["progressToken"], &report["params"]["total"]], [&json!("here"), &json!(1.0)]);
    let share = report["params"]["progress"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&share));
    assert_eq!(client.outcome(id).unwrap()["sheets"][0]["n_rows"], 400_000);
}

#[test]
fn names_that_look_like_patterns_are_names() {
    let bench = Bench::new()
        .file("r1.json", r#"[{"n": "neighbour"}]"#)
        .file("r[1].json", r#"[{"n": "itself"}]"#)
        .file("year=2024/x.json", r#"[{"n": "no partition"}]"#);
    let mut client = bench.serve();
    for (file, expect) in [("r[1].json", "itself"), ("year=2024/x.json", "no partition")] {
        let reply = client.call("import_file", &json!({"path": bench.path(file)})).unwrap();
        let name = reply["sheets"][0]["name"].as_str().unwrap().to_owned();
        assert_eq!(client.rows(&format!("select * from {name}")), json!([[expect]]));
    }
}

#[test]
fn integers_of_a_json_file_keep_all_their_digits() {
    let bench = Bench::new().file("big.json", r#"[{"n": 18446744073709551615}, {"n": 1}]"#);
    let mut client = bench.serve_files();
    assert_eq!(client.rows("select n from big"), json!([["18446744073709551615"], ["1"]]));
}

#[test]
fn importing_a_file_again_brings_a_deleted_worksheet_back() {
    let bench = Bench::new().file("book.xlsx", two_sheets());
    let mut client = bench.serve();
    let import = json!({"path": "$FILES/book.xlsx"});
    client.call("import_file", &import).unwrap();
    client.call("delete_sheet", &json!({"sheet": "costs"})).unwrap();
    let states = |reply: &Value| -> Vec<Value> {
        reply["sheets"].as_array().unwrap().iter().map(|it| json!([it["name"], it["state"]])).collect()
    };
    let again = client.call("import_file", &import).unwrap();
    assert_eq!(states(&again), [json!(["sales", "unchanged"]), json!(["costs", "new"])]);
    let third = client.call("import_file", &import).unwrap();
    assert_eq!(states(&third), [json!(["sales", "unchanged"]), json!(["costs", "unchanged"])]);
}

#[test]
fn values_as_people_write_them_are_read_and_what_is_none_is_told() {
    let rows = "a,\"1.234,50 €\",5 janvier 2024,12345\nb,\"99,00 €\",1er mars 2024,00012\n";
    let more: String = (0..20).map(|n| format!("c{n},\"{n},25 €\",7 mai 2024,{}\n", 10_000 + n)).collect();
    let bench = Bench::new().file("shop.csv", format!("item,price,day,code\n{rows}{more}z,gratuit,,1\n"));
    let mut client = bench.serve();
    let args = json!({"path": "$FILES/shop.csv", "raw_columns": ["price"]});
    let sheet = client.call("import_file", &args).unwrap()["sheets"][0].clone();
    let types: Vec<String> = sheet["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| format!("{} {}", it["name"], it["type"]).replace('"', ""))
        .collect();
    assert_eq!(types, ["item VARCHAR", "price DECIMAL(18,2)", "price__raw VARCHAR", "day DATE", "code VARCHAR"]);
    assert_eq!(sheet["issues"][0]["examples"], json!(["B24: gratuit"]));
    assert_eq!(
        client.rows("select price, price__raw, day from shop where item in ('a', 'z') order by item"),
        json!([[1234.5, "1.234,50 €", "2024-01-05"], [null, "gratuit", null]])
    );
}

/// Names, columns and rows of each sheet of a file.
fn sheets(name: &str, content: &str) -> Value {
    let bench = Bench::new().file(name, content);
    let mut client = bench.serve();
    let reply = client.call("import_file", &json!({"path": bench.path(name)})).unwrap();
    let told = reply["sheets"].as_array().unwrap().iter().map(|sheet| {
        let columns: Vec<&Value> = sheet["columns"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
        json!([sheet["name"], columns, client.rows(&format!("from {}", sheet["name"].as_str().unwrap()))])
    });
    told.collect()
}

#[test]
fn a_report_is_read_as_the_table_it_is() {
    let report = "Sales by region,,,,\n,,,,\nRegion,2023,,2024,\n,Units,Sales,Units,Sales\nNorth,1,10.5,2,20\n\
        South,3,30.5,4,40\nTotal,4,41,6,61\n,,,,\nSource: the ministry,,,,\n";
    assert_eq!(
        sheets("sales.csv", report),
        json!([[
            "sales",
            ["Region", "2023 Units", "2023 Sales", "2024 Units", "2024 Sales"],
            [["North", 1, 10.5, 2, 20], ["South", 3, 30.5, 4, 40]]
        ]])
    );
    let bench = Bench::new().file("sales.csv", report);
    let mut client = bench.serve_files();
    let told = client.call("describe_sheet", &json!({"sheet": "sales"})).unwrap();
    assert_eq!(told["sheet_notes"], json!(["row 1: Sales by region", "row 9: Source: the ministry"]));
    let decided: Vec<&str> =
        told["decisions"].as_array().unwrap().iter().map(|it| it["decided"].as_str().unwrap()).collect();
    assert_eq!(decided, ["A3:E7", "rows 3, 4, joined from the top", "row 7 left out"]);
    let wrong: Vec<&Value> =
        told["issues"].as_array().unwrap().iter().filter(|issue| issue["code"] == "wrong_totals").collect();
    assert_eq!(wrong[0]["examples"], json!(["E7: 61, but the rows sum to 60"]));
}

#[test]
fn each_table_of_a_sheet_is_a_sheet() {
    assert_eq!(
        sheets("shop.csv", "Stock\nitem,n\nnut,1\nbolt,2\n\nPrices\nitem,price,since\nnut,0.5,2020\nbolt,0.7,2021\n"),
        json!([
            ["stock", ["item", "n"], [["nut", 1], ["bolt", 2]]],
            ["prices", ["item", "price", "since"], [["nut", 0.5, 2020], ["bolt", 0.7, 2021]]],
        ])
    );
    assert_eq!(
        sheets("pair.csv", "item,n,,who,age,of\nnut,1,,Ann,30,x\nbolt,2,,Bob,40,y\n,,,Cid,50,z\n"),
        json!([
            ["pair", ["item", "n"], [["nut", 1], ["bolt", 2]]],
            ["pair_2", ["who", "age", "of"], [["Ann", 30, "x"], ["Bob", 40, "y"], ["Cid", 50, "z"]]],
        ])
    );
}

#[test]
fn tables_around_one_that_the_workbook_names_are_sheets_too() {
    let mut book = Workbook::new();
    let page = book.add_worksheet().set_name("Shop").unwrap();
    page.write(0, 0, "Sales of the year").unwrap();
    for (row_idx, (region, units)) in (2..).zip([("Region", "Units"), ("North", "1"), ("South", "2")]) {
        page.write(row_idx, 0, region).unwrap();
        page.write(row_idx, 1, units).unwrap();
    }
    let table = Table::new().set_name("Sales");
    page.add_table(2, 0, 4, 1, &table).unwrap();
    for (row_idx, (code, rate)) in (1..).zip([("a", 0.1), ("b", 0.2), ("c", 0.3)]) {
        page.write(2 + row_idx, 4, code).unwrap().write(2 + row_idx, 5, rate).unwrap();
        page.write(9 + row_idx, 0, code).unwrap().write(9 + row_idx, 1, rate).unwrap();
    }
    page.write_row(2, 4, ["Code", "Rate"]).unwrap();
    page.write_row(9, 0, ["Key", "Share"]).unwrap();
    let bench = Bench::new().file("shop.xlsx", book.save_to_buffer().unwrap());
    let mut client = bench.serve_files();
    let listed = client.call("list_sheets", &json!({})).unwrap();
    let names = listed["sheets"].as_array().unwrap().iter().map(|sheet| json!([sheet["name"], sheet["n_rows"]]));
    assert_eq!(names.collect::<Vec<_>>(), [json!(["sales", 2]), json!(["shop_2", 3]), json!(["shop_3", 3])]);
    let told = client.call("describe_sheet", &json!({"sheet": "sales"})).unwrap();
    assert_eq!(told["sheet_notes"], json!(["row 1: Sales of the year"]));
}

#[test]
fn what_each_page_repeats_is_no_data() {
    let pages =
        "Stock,,\nPage 1 of 2,,\nitem,n,of\nnut,1,a\nbolt,2,b\n,,\nStock,,\nPage 2 of 2,,\nitem,n,of\nnail,3,c\n";
    assert_eq!(
        sheets("pages.csv", pages),
        json!([["pages", ["item", "n", "of"], [["nut", 1, "a"], ["bolt", 2, "b"], ["nail", 3, "c"]]]])
    );
    let words = "name,city\nAnn,Ulm\nBob,Kiel\nname,city\nCid,Bonn\n";
    let found = sheets("words.csv", words);
    assert_eq!(found, json!([["words", ["name", "city"], [["Ann", "Ulm"], ["Bob", "Kiel"], ["Cid", "Bonn"]]]]));
}

#[test]
fn units_below_the_header_are_notes_of_the_columns() {
    let bench =
        Bench::new().file("units.csv", "state,sales,share\n-,€ million,%\nUlm,10,2.5\nKiel,20,3.5\nBonn,30,4\n");
    let mut client = bench.serve_files();
    assert_eq!(client.rows("from units"), json!([["Ulm", 10, 2.5], ["Kiel", 20, 3.5], ["Bonn", 30, 4.0]]));
    let told = client.call("describe_sheet", &json!({"sheet": "units"})).unwrap();
    let notes = json!([{"column": "sales", "note": "unit: € million"}, {"column": "share", "note": "unit: %"}]);
    assert_eq!(told["column_notes"], notes);
}

#[test]
fn rows_that_are_the_sums_of_those_further_in_are_totals() {
    let outline = "item,old,new\nAssets,10,12\n  Cash,4,5\n  Bills,6,7\nDebts,8,9\n  Loans,5,5\n  Bonds,3,4\n";
    assert_eq!(
        sheets("outline.csv", outline),
        json!([[
            "outline",
            ["item", "old", "new"],
            [["  Cash", 4, 5], ["  Bills", 6, 7], ["  Loans", 5, 5], ["  Bonds", 3, 4]]
        ]])
    );
    let other = sheets("other.csv", &outline.replace("Assets,10", "Assets,11"));
    assert_eq!(other[0][2].as_array().unwrap().len(), 6);
}

#[test]
fn groups_and_blank_repeats_become_values() {
    assert_eq!(
        sheets("food.csv", "item,n\nFRUIT,\napple,1\npear,2\nNUTS,\nalmond,3\nhazel,4\n"),
        json!([[
            "food",
            ["item", "n", "group"],
            [["apple", 1, "FRUIT"], ["pear", 2, "FRUIT"], ["almond", 3, "NUTS"], ["hazel", 4, "NUTS"]]
        ]])
    );
    assert_eq!(
        sheets("half.csv", "city,half,n\nRome,H1,1\n,H2,2\nOslo,H1,3\n,H2,4\n"),
        json!([[
            "half",
            ["city", "half", "n"],
            [["Rome", "H1", 1], ["Rome", "H2", 2], ["Oslo", "H1", 3], ["Oslo", "H2", 4]]
        ]])
    );
}

#[test]
fn totals_of_a_long_table_are_left_out_and_checked() {
    let mut text = String::from("id,amount\n");
    (1..=50_000).for_each(|n| text.push_str(&format!("a{n},1\n")));
    text.push_str("Total,50001\n\n* provisional figures of the office\n");
    let twice = text.replace("Total,50001", "Total,100000");
    let bench = Bench::new().file("long.csv", text).file("twice.csv", twice);
    let mut client = bench.serve_files();
    let told = client.call("describe_sheet", &json!({"sheet": "twice"})).unwrap();
    assert_eq!(told["issues"][2]["examples"], json!(["B50002: 100000, but the rows sum to 50000"]));
    assert_eq!(client.rows("select count(*), sum(amount) from long"), json!([[50_000, 50_000]]));
    let told = client.call("describe_sheet", &json!({"sheet": "long"})).unwrap();
    let codes: Vec<&Value> = told["issues"].as_array().unwrap().iter().map(|issue| &issue["code"]).collect();
    assert_eq!(codes, ["notes_below", "totals", "wrong_totals"]);
    client.call("import_file", &json!({"path": bench.path("long.csv"), "totals": "keep"})).unwrap();
    assert_eq!(client.rows("select count(*), sum(amount) from long"), json!([[50_001, 100_001]]));
}

#[test]
fn short_dates_between_points_are_dates_where_the_column_tells() {
    for (header, values, type_name) in [
        ("Tag", ["1.3.24", "14.3.24", "15.3.24", "31.12.24"], "DATE"),
        ("Tag", ["1.3.24", "2.3.24", "3.4.24", "01.02.2024"], "DATE"),
        ("Datum", ["1.3.24", "2.3.24", "3.4.24", "4.4.24"], "DATE"),
        ("release", ["1.3.24", "2.3.24", "3.4.24", "4.4.24"], "VARCHAR"),
        ("release", ["1.3.24", "1.14.24", "3.4.24", "14.4.24"], "VARCHAR"),
    ] {
        let bench = Bench::new().file("t.csv", format!("{header};x\n{};1\n", values.join(";1\n")));
        let reply = bench.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
        assert_eq!(reply["sheets"][0]["columns"][0]["type"], type_name, "{header}: {values:?}: {reply}");
    }
}

#[test]
fn notes_below_a_table_are_no_title_of_the_next() {
    let text = "Region,Sales\nNorth,10\nSouth,20\n\n* Source: SAP; without warranty\n\n\nName,City,Born\nAnn,Leeds,1990\nBen,York,1991\nCy,Hull,1992\n";
    let bench = Bench::new().file("t.csv", text);
    let reply = bench.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    let names: Vec<&str> = reply["sheets"].as_array().unwrap().iter().map(|it| it["title"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2, "{reply}");
    assert!(!names.iter().any(|name| name.contains("Source")), "{names:?}");
}

#[test]
fn quotes_that_take_following_lines_in_are_reported() {
    let rows: String = (0..40)
        .map(|i| if i == 20 { format!("{i},\"n{i}, x,c{i},1.5\n") } else { format!("{i},\"n{i}, x\",c{i},1.5\n") })
        .collect();
    let bench = Bench::new().file("t.csv", format!("id,name,city,amt\n{rows}"));
    let reply = bench.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    assert!(reply["issues"].to_string().contains("open_quotes"), "{reply}");
}

#[test]
fn labels_of_blocks_whose_totals_are_left_out_are_filled_where_the_totals_prove_them() {
    let text = "Region,City,Sales\nNorth,Leeds,10\n,York,20\n,Hull,30\nTotal North,,60\nSouth,Bath,40\n,Dover,50\n,Exeter,60\nTotal South,,150\n\
                East,Ely,70\n,Lowestoft,80\n,Norwich,90\nTotal East,,240\n";
    let bench = Bench::new().file("t.csv", text);
    bench.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    let sums = json!({"sql": "select region, sum(sales) from t group by all order by all"});
    assert_eq!(bench.call("query", &sums).unwrap()["rows"], json!([["East", 240], ["North", 60], ["South", 150]]));
}

#[test]
fn as_many_columns_as_are_allowed_fit_the_memory_that_there_is() {
    let header: Vec<String> = (0..16_384).map(|n| format!("c{n}")).collect();
    let text = format!("{}\n{}1\n", header.join(","), "1,".repeat(16_383));
    let bench = Bench::new().file("t.csv", text);
    bench.call("import_file", &json!({"path": "$FILES/t.csv"})).unwrap();
    let sum = json!({"sql": "select c0 + c16383 from t"});
    assert_eq!(bench.call("query", &sum).unwrap()["rows"], json!([[2]]));
}

#[test]
fn names_of_columns_end_early_where_they_are_too_long_also_in_json() {
    let long = "x".repeat(5_000);
    let row = json!({(format!("{long}a")): 1, (format!("{long}b")): 2, "short": 3});
    let bench = Bench::new().file("t.json", json!([row]).to_string());
    let mut client = bench.serve();
    let imported = client.call("import_file", &json!({"path": "$FILES/t.json"})).unwrap();
    let names: Vec<String> = imported["sheets"][0]["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap().to_owned())
        .collect();
    let start = "x".repeat(1_000);
    assert_eq!(names, [format!("{start} … 1"), format!("{start} … 2"), "short".to_owned()]);
    assert_eq!(client.rows("from t"), json!([[1, 2, 3]]));
}

#[test]
fn a_small_file_of_json_takes_little_memory_and_a_large_object_says_what_it_takes() {
    let bench = Bench::new().file("t.json", r#"[{"a": 1}]"#);
    let mut client = bench.serve_with(&["--memory", "64MB"]);
    client.call("import_file", &json!({"path": "$FILES/t.json"})).unwrap();
    assert_eq!(client.rows("from t"), json!([[1]]));
    bench.write("large.json", json!([{"a": "x".repeat(40 << 20)}]).to_string());
    let refused = client.call("import_file", &json!({"path": "$FILES/large.json"})).unwrap_err();
    assert_eq!(refused["code"], "limit_exceeded", "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("--memory"), "{refused}");
}
