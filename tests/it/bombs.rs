//! Files that are small and ask for much: read within their limits or refused with what is wrong, and never the server's end.

use std::io::{Cursor, Write as _};

use serde_json::{Value, json};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::harness::{Bench, Client, code_of};

const MAIN: &str = r#"xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships""#;
const ROWS: &str =
    r#"<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>2</v></c></row><row r="2"><c r="A2"><v>3</v></c></row>"#;

/// A zip of parts.
fn zip(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, body) in parts {
        // Deflating much of it takes an unoptimised build long.
        let is_long = body.len() > 8 << 20;
        let method = if is_long { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default().compression_method(method);
        out.start_file(*name, options).unwrap();
        out.write_all(body).unwrap();
    }
    out.finish().unwrap().into_inner()
}

/// A workbook's parts but for the worksheet, whose part every one of its sheets is.
fn around(n_sheets: usize) -> Vec<(&'static str, Vec<u8>)> {
    let sheets: String = (1..=n_sheets).map(|n| format!(r#"<sheet name="s{n}" sheetId="{n}" r:id="rId1"/>"#)).collect();
    let kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let types = r#"<Types><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#;
    let relations = format!(
        r#"<Relationships><Relationship Id="rId1" Type="{kind}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{kind}/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="{kind}/styles" Target="styles.xml"/></Relationships>"#
    );
    vec![
        ("[Content_Types].xml", types.into()),
        (
            "_rels/.rels",
            format!(r#"<Relationships><Relationship Id="r" Type="{kind}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#)
                .into(),
        ),
        ("xl/workbook.xml", format!("<workbook {MAIN}><sheets>{sheets}</sheets></workbook>").into()),
        ("xl/_rels/workbook.xml.rels", relations.into()),
    ]
}

fn sheet(cells: &str) -> Vec<u8> {
    format!("<worksheet {MAIN}><sheetData>{cells}</sheetData></worksheet>").into()
}

fn book(worksheet: Vec<u8>, more: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    zip(&[around(1), vec![("xl/worksheets/sheet1.xml", worksheet)], more.to_vec()].concat())
}

fn strings(body: &str) -> (&'static str, Vec<u8>) {
    ("xl/sharedStrings.xml", format!("<sst {MAIN}>{body}</sst>").into())
}

fn styles(body: &str) -> (&'static str, Vec<u8>) {
    ("xl/styles.xml", format!("<styleSheet {MAIN}>{body}</styleSheet>").into())
}

/// A table of ODS, with what stands before it.
fn ods(before: &str, rows: &str) -> Vec<u8> {
    let content = format!(
        r#"<?xml version="1.0"?>{before}<c xmlns:office="o" xmlns:table="t" xmlns:text="x"><table:table table:name="t">{rows}</table:table></c>"#
    );
    let kind = b"application/vnd.oasis.opendocument.spreadsheet".to_vec();
    zip(&[("mimetype", kind), ("content.xml", content.into())])
}

/// What becomes of each file, `ok` or the fault's code and what its message holds; the server answers after each.
#[track_caller]
fn check(flags: &[&str], files: &[(&str, Vec<u8>, &str, &str)]) {
    let bench = Bench::new();
    let mut client = bench.serve_with(flags);
    let mut wrong = Vec::new();
    for (name, content, code, what) in files {
        bench.write(name, content);
        let outcome = client.call("import_file", &json!({"path": format!("$FILES/{name}")}));
        let said = match &outcome {
            Ok(reply) => reply.to_string(),
            Err(fault) => fault["message"].as_str().unwrap().to_owned(),
        };
        if code_of(&outcome) != *code || !said.contains(what) {
            wrong.push(format!("{name}: {} {}", code_of(&outcome), said.chars().take(300).collect::<String>()));
        }
        assert_eq!(client.rows("select 1"), json!([[1]]), "after {name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_inflates_to_much_is_refused_by_its_size() {
    // Each some hundred times as large as its file. A server's own limits are higher, and are met in the same way.
    let mut big = sheet(ROWS);
    let blanks = vec![b' '; 5 << 20];
    big.splice(10..10, blanks.iter().copied());
    let lying = {
        // A part that says of itself that it is small: sizes stand at the same places in its head and in the directory.
        let mut lying = book(big.clone(), &[]);
        let real = u32::try_from(big.len()).unwrap().to_le_bytes();
        while let Some(at) = lying.windows(4).position(|it| it == real) {
            lying[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
        }
        lying
    };
    check(
        &["--max-file-size", "1MB"],
        &[
            ("blanks.xlsx", book(big.clone(), &[]), "limit_exceeded", "once inflated"),
            ("lying.xlsx", lying, "unreadable_file", "damaged"),
            (
                "aside.xlsx",
                book(sheet(ROWS), &[("xl/media/image.bin", blanks.clone())]),
                "limit_exceeded",
                "once inflated",
            ),
            (
                "string.xlsx",
                book(sheet(ROWS), &[strings(&format!("<si><t>{}</t></si>", "a".repeat(5 << 20)))]),
                "limit_exceeded",
                "once inflated",
            ),
            ("blanks.ods", ods("", &" ".repeat(5 << 20)), "limit_exceeded", "once inflated"),
            ("overlapping.xlsx", overlapping(5), "limit_exceeded", "once inflated"),
        ],
    );
}

/// A workbook with parts beside it that are all the same bytes: directory entries that point to one place.
fn overlapping(n_parts: u8) -> Vec<u8> {
    let mut bytes = book(sheet(ROWS), &[("xl/media/a", vec![b' '; 1 << 20])]);
    let found = |what: &[u8], bytes: &[u8]| bytes.windows(what.len()).rposition(|it| it == what).unwrap();
    let end = found(b"PK\x05\x06", &bytes);
    let entry = bytes[found(b"PK\x01\x02", &bytes)..end].to_vec();
    let tail = bytes.split_off(end);
    for n in 0..n_parts {
        let mut entry = entry.clone();
        let name = found(b"xl/media/a", &entry);
        entry[name + 9] = b'b' + n;
        bytes.extend(entry);
    }
    let count = |at: usize| u16::from_le_bytes([tail[at], tail[at + 1]]) + u16::from(n_parts);
    let len =
        u32::from_le_bytes(tail[12..16].try_into().unwrap()) + u32::try_from(entry.len()).unwrap() * u32::from(n_parts);
    let (here, all) = (count(8).to_le_bytes(), count(10).to_le_bytes());
    [&bytes, &tail[..8], &here, &all, &len.to_le_bytes(), &tail[16..]].concat()
}

#[test]
fn cells_far_away_cost_no_more_than_near_ones() {
    let far = r#"<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>"#;
    let cells: String = (0..20_000).map(|n| format!("<c><v>{n}</v></c>")).collect();
    let merged = format!(
        "<worksheet {MAIN}><dimension ref=\"A1:XFD1048576\"/><sheetData>{ROWS}</sheetData><mergeCells>{}</mergeCells></worksheet>",
        r#"<mergeCell ref="A1:XFD1048576"/>"#.repeat(20_000)
    );
    check(
        &[],
        &[
            ("corner.xlsx", book(sheet(far), &[]), "ok", r#""n_rows":1"#),
            (
                "beyond.xlsx",
                book(sheet(r#"<row r="4294967295"><c r="ZZZZZZ4294967295"><v>1</v></c></row>"#), &[]),
                "limit_exceeded",
                "columns of a sheet",
            ),
            ("wide.xlsx", book(sheet(&format!("<row>{cells}</row>")), &[]), "limit_exceeded", "columns of a sheet"),
            ("rows.xlsx", book(sheet(&format!("{ROWS}{}", "<row/>".repeat(100_000))), &[]), "ok", r#""n_rows":2"#),
            ("merged.xlsx", book(merged.into(), &[]), "ok", r#""n_columns":2"#),
        ],
    );
}

#[test]
fn repeats_of_ods_are_counted_before_they_are_made() {
    let cell = "<table:table-cell><text:p>xx</text:p></table:table-cell>";
    let wide = cell.replace("<table:table-cell", r#"<table:table-cell table:number-columns-repeated="16384""#);
    let long = cell.replace("xx", &"x".repeat(20_000));
    let row =
        |n: u64, cells: &str| format!(r#"<table:table-row table:number-rows-repeated="{n}">{cells}</table:table-row>"#);
    let empties = row(1_048_000, "<table:table-cell/>").repeat(1_000);
    let hidden: String = (0..20_000)
        .map(|n| format!(r#"<style style:name="h{n}"><table-properties table:display="false"/></style>"#))
        .collect();
    let tables: String = (0..20_000)
        .map(|n| format!(r#"</table:table><table:table table:name="t{n}" table:style-name="x{n}">"#))
        .collect();
    let blanks = format!(
        "<table:table-cell><text:p>{}</text:p></table:table-cell>",
        r#"<text:s text:c="16384"/>"#.repeat(2_000)
    );
    check(
        &[],
        &[
            ("both.ods", ods("", &row(1 << 20, &wide)), "limit_exceeded", "cells of a file: 17179869184"),
            ("beyond.ods", ods("", &row(u64::MAX, &wide.replace("16384", "99999999999999999999"))), "ok", ""),
            ("long.ods", ods("", &row(1 << 20, &long)), "limit_exceeded", "once inflated"),
            ("empties.ods", ods("", &(empties + &row(1, cell))), "ok", "empty_sheets"),
            ("blanks.ods", ods("", &row(1, &blanks)), "unreadable_file", "longer than 16 MB"),
            ("tables.ods", ods("", &(hidden + &tables)), "limit_exceeded", "sheets of a workbook: 501"),
        ],
    );
}

#[test]
fn entities_are_neither_multiplied_nor_fetched() {
    let bench = Bench::new();
    std::fs::write(bench.outside().join("secret.txt"), "kanarienvogel").unwrap();
    let secret = bench.outside().join("secret.txt");
    let mut doctype =
        format!(r#"<!DOCTYPE x [<!ENTITY f SYSTEM "file://{}"><!ENTITY a0 "aaaaaaaaaa">"#, secret.display());
    for n in 1..12 {
        doctype += &format!(r#"<!ENTITY a{n} "{}">"#, format!("&a{};", n - 1).repeat(10));
    }
    doctype += "]>";
    let inline = |entity: &str| {
        let cells = format!(r#"<row r="1"><c r="A1" t="inlineStr"><is><t>&{entity};</t></is></c></row>{ROWS}"#);
        [doctype.as_bytes(), &sheet(&cells)].concat()
    };
    let mut client = bench.serve();
    for entity in ["a11", "f"] {
        let row = format!(
            "<table:table-row><table:table-cell><text:p>&{entity};</text:p></table:table-cell></table:table-row>"
        );
        for (name, content) in [("x.xlsx", book(inline(entity), &[])), ("x.ods", ods(&doctype, &row))] {
            bench.write(name, content);
            let outcome = client.call("import_file", &json!({"path": format!("$FILES/{name}")}));
            let said = format!("{outcome:?}");
            assert!(["ok", "unreadable_file"].contains(&code_of(&outcome).as_str()), "{said}");
            assert!(!said.contains("kanarienvogel") && !said.contains("aaaaaaaaaa"), "{said}");
            assert_eq!(client.rows("select 1"), json!([[1]]));
        }
    }
}

#[test]
fn many_parts_styles_sheets_and_tables_are_bounded() {
    let codes: String =
        (0..30_000).map(|n| format!(r#"<numFmt numFmtId="{}" formatCode="0.0&quot; u{n}&quot;"/>"#, 164 + n)).collect();
    let used: String = (0..30_000).map(|n| format!(r#"<xf numFmtId="{}"/>"#, 164 + n)).collect();
    let formats = format!("<numFmts>{codes}</numFmts><cellXfs>{used}</cellXfs>");
    let xfs =
        format!("<cellXfs>{}</cellXfs>", r#"<xf numFmtId="164" fontId="0" fillId="0" xfId="0"/>"#.repeat(700_000));
    let parts = {
        let mut out = ZipWriter::new_append(Cursor::new(book(sheet(ROWS), &[]))).unwrap();
        for n in 0..20_000 {
            out.start_file(format!("x{n}"), SimpleFileOptions::default()).unwrap();
        }
        out.finish().unwrap().into_inner()
    };
    let relations: String = (0..2_000)
        .map(|n| format!(r#"<Relationship Id="r{n}" Type="x/table" Target="../tables/table1.xml"/>"#))
        .collect();
    let table = |area: &str| {
        vec![
            ("xl/worksheets/_rels/sheet1.xml.rels", format!("<Relationships>{relations}</Relationships>").into()),
            (
                "xl/tables/table1.xml",
                format!(r#"<table {MAIN} displayName="Sales" ref="{area}" totalsRowCount="1"/>"#).repeat(1_000).into(),
            ),
        ]
    };
    let listed = |area: &str| book(sheet(ROWS), &table(area));
    check(
        &["--max-file-size", "64MB"],
        &[
            (
                "sheets.xlsx",
                zip(&[around(10_000), vec![("xl/worksheets/sheet1.xml", sheet(ROWS))]].concat()),
                "limit_exceeded",
                "sheets of a workbook: 10000",
            ),
            ("formats.xlsx", book(sheet(ROWS), &[styles(&formats)]), "ok", r#""n_rows":2"#),
            ("styles.xlsx", book(sheet(ROWS), &[styles(&xfs)]), "limit_exceeded", "bytes of styles"),
            (
                "strings.xlsx",
                book(sheet(ROWS), &[strings(r#"<si count="1" uniqueCount="4000000000"/>"#)]),
                "unreadable_file",
                "4000000000 shared strings",
            ),
            ("parts.xlsx", parts, "ok", r#""n_rows":2"#),
            ("reversed.xlsx", listed("B2:A1"), "ok", r#""n_columns":2"#),
            ("whole.xlsx", listed("A1:XFD1048576"), "ok", r#""n_columns":2"#),
            ("outside.xlsx", listed("A1:ZZZZZZZ99999999999999999999"), "ok", r#""n_columns":2"#),
        ],
    );
}

#[test]
fn a_line_without_an_end_and_a_row_without_one_are_bounded() {
    let line = [b"a,b\n".as_slice(), &vec![b'x'; 2 << 20], b"\n"].concat();
    let columns = [b"a,".repeat(100_000), b"a\n".to_vec(), b"1,".repeat(100_000), b"1\n".to_vec()].concat();
    let quoted = [b"a,b\n\"".as_slice(), &b"x,y\n".repeat(5_000)].concat();
    check(
        &["--memory", "256MB"],
        &[
            ("columns.csv", columns, "limit_exceeded", "columns of a sheet"),
            ("line.csv", line, "ok", r#""n_rows":1"#),
            ("quoted.csv", quoted, "ok", "n_rows"),
            ("nothing.csv", vec![b'\n'; 200_000], "ok", "empty"),
        ],
    );
}

#[test]
fn what_is_nested_too_deeply_is_refused_by_its_depth() {
    let json_of =
        |open: &str, close: &str, n: usize| format!(r#"[{{"a":{}1{}}}]"#, open.repeat(n), close.repeat(n)).into_bytes();
    let lines =
        [br#"{"a":1}"#.as_slice(), b"\n", br#"{"a":"#, &b"[".repeat(50_000), &b"]".repeat(50_000), b"}\n"].concat();
    let texts = format!("[{}]", vec![r#"{"a":"[[[[{\"[{"}"#; 200].join(","));
    let depth = "nested deeper than 128 lists and objects, in line ";
    let xml = |tag: &str, n: usize| format!("{}{}", format!("<{tag}>").repeat(n), format!("</{tag}>").repeat(n));
    let cell = format!(r#"<row r="1"><c r="A1">{}</c></row>{ROWS}"#, xml("a", 100_000));
    check(
        &[],
        &[
            ("lists.json", json_of("[", "]", 50_000), "limit_exceeded", &format!("{depth}1")),
            ("objects.json", json_of(r#"{"b":"#, "}", 50_000), "limit_exceeded", &format!("{depth}1")),
            ("lines.ndjson", lines, "limit_exceeded", &format!("{depth}2")),
            (
                "unclosed.json",
                br#"[{"a":"#.iter().copied().chain(b"[".repeat(500_000)).collect(),
                "limit_exceeded",
                depth,
            ),
            ("some.json", json_of("[", "]", 20), "ok", r#""n_rows":1"#),
            ("texts.json", texts.into_bytes(), "ok", r#""n_rows":200"#),
            ("cell.xlsx", book(sheet(&cell), &[]), "unreadable_file", "damaged"),
            (
                "cell.ods",
                ods(
                    "",
                    &format!(
                        "<table:table-row><table:table-cell>{}</table:table-cell></table:table-row>",
                        xml("text:p", 100_000)
                    ),
                ),
                "ok",
                "",
            ),
            ("tables.ods", ods("", &xml("table:table", 100_000)), "ok", ""),
            (
                "strings.xlsx",
                book(sheet(ROWS), &[strings(&format!("<si>{}</si>", xml("r", 100_000)))]),
                "ok",
                r#""n_columns":2"#,
            ),
        ],
    );
}

#[test]
fn deep_json_in_cells_and_deep_sql_are_bounded() {
    let bench = Bench::new();
    let deep = format!("n,j\n1,{}{}\n", "[".repeat(1_000_000), "]".repeat(1_000_000));
    bench.write("t.csv", deep);
    let mut client = bench.serve_files();
    let ended = |client: &mut Client<'_>, sql: &str, codes: &[&str]| {
        let outcome = client.call("query", &json!({"sql": sql}));
        let shown: String = sql.chars().take(60).collect();
        assert!(codes.contains(&code_of(&outcome).as_str()), "{shown}: {outcome:?}");
        assert_eq!(client.rows("select n from t"), json!([[1]]), "after {shown}");
    };
    for call in
        ["json_valid(j)", "json_type(j)", "json_array_length(j)", "json_extract(j, '$[0][0]')", "length(j::json)"]
    {
        ended(&mut client, &format!("select {call} is null from t"), &["ok"]);
    }
    // DuckDB goes down into it by recursion. Where that is beyond a stack, the worker ends, and the fault says why.
    let outcome = client.call("query", &json!({"sql": "select length(json_structure(j)::varchar) > 0 from t"}));
    let hint = outcome.as_ref().err().map(|fault| fault["hint"].to_string());
    assert!(hint.is_none_or(|hint| hint.contains("nested less deeply")), "{outcome:?}");
    assert_eq!(client.rows("select n from t"), json!([[1]]));
    for (open, close) in
        [("(", ")"), ("[", "]"), ("not ", ""), ("abs(", ")"), ("- ", ""), ("case when true then ", " end")]
    {
        let sql = format!("select {}1{}", open.repeat(5_000), close.repeat(5_000));
        ended(&mut client, &sql, &["ok", "invalid_sql", "limit_exceeded", "sql_refused"]);
    }
}

#[test]
fn arguments_that_are_nested_deeply_are_refused_and_not_the_server_s_end() {
    let bench = Bench::new().file("t.csv", "n,s\n1,one\n");
    let mut client = bench.serve_files();
    // Up to where the reader of messages stops; inside the frame for a worker everything is deeper by some.
    for depth in [90, 100, 110, 115, 118, 119, 120] {
        let value: Value = (0..depth).fold(json!(1), |inner, _| json!([inner]));
        for steps in [json!([{"op": "fill", "columns": ["s"], "value": value}]), value.clone()] {
            let outcome = client.call("transform_sheet", &json!({"sheet": "t", "steps": steps}));
            assert_eq!(code_of(&outcome), "invalid_arguments", "{depth}: {outcome:?}");
        }
        assert_eq!(client.rows("select n from t"), json!([[1]]));
    }
    let site = bench.site();
    for path in ["/v1/query", "/v1/tools/query", "/mcp"] {
        let body = format!(r#"{{"sql":{}{}}}"#, "[".repeat(500_000), "]".repeat(500_000));
        let response = site.send(
            &crate::harness::http::Request::new("POST", path)
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .body(body),
        );
        assert!([400, 415].contains(&response.status), "{path}: {}", response.text());
        assert!(
            path == "/mcp" || response.text().contains("nested deeper than 127 lists and objects"),
            "{}",
            response.text()
        );
    }
}
