//! The reading of whole files, as `DuckDB` sees what was written.

use std::{fmt::Write as _, fs, ops::ControlFlow};

use duckdb::Connection;
use proptest::prelude::*;

use super::{
    Limits, Options, ReadError, Table,
    cell::{Batch, Cell, Source},
    fixes::{Fixes, SheetFix},
    raw, read, read_tables,
    receipt::Receipt,
};

const LIMITS: Limits =
    Limits { file_bytes: 1 << 30, inflated_bytes: 1 << 30, cells: 1 << 30, columns: 20_000, sheets: 10 };

/// Reads the bytes as a file, and its Parquet file as text: a line of names and types, then the rows.
fn written(bytes: &[u8], options: &Options) -> (Receipt, Vec<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sales.csv");
    fs::write(&file, bytes).unwrap();
    let receipt = read(&file, "sales.csv", options, &LIMITS, Some(folder.path()), &mut |_| {}).unwrap();
    let table = seen(&receipt);
    (receipt, table)
}

/// A workbook's sheet of native cells, read the same way; the cells begin in row 1.
fn written_cells(rows: &'static [&'static [Cell<'static>]]) -> (Receipt, Vec<Vec<String>>) {
    struct Rows(&'static [&'static [Cell<'static>]]);
    impl Source for Rows {
        fn read(&self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
            let mut batch = Batch::default();
            for (number, cells) in (1..).zip(self.0) {
                batch.start_row(number);
                for (col_idx, cell) in (0..).zip(*cells) {
                    batch.push(col_idx, *cell);
                }
            }
            let _ = push(batch);
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let table = Table::of("sheet".to_owned(), Rows(rows));
    let receipt = read_tables(vec![table], &Options::default(), &LIMITS, Some(folder.path()), &mut |_| {}).unwrap();
    let table = seen(&receipt);
    (receipt, table)
}

/// The first sheet's Parquet file as `DuckDB` sees it.
fn seen(receipt: &Receipt) -> Vec<Vec<String>> {
    let Some(parquet) = receipt.sheets.first().and_then(|sheet| sheet.file.clone()) else {
        return Vec::new();
    };
    let duckdb = Connection::open_in_memory().unwrap();
    let from = format!("from read_parquet('{}')", parquet.display());
    let names: Vec<String> =
        texts(&duckdb, &format!("select column_name || ' ' || column_type from (describe {from})"), 1).concat();
    let mut table = vec![names.clone()];
    table.extend(texts(&duckdb, &format!("select coalesce(columns(*)::varchar, '') {from}"), names.len()));
    let columns: Vec<String> =
        receipt.sheets[0].columns.iter().map(|column| format!("{} {}", column.name, column.type_name)).collect();
    assert_eq!(columns, names, "the receipt says what DuckDB sees");
    table
}

fn texts(duckdb: &Connection, sql: &str, n_columns: usize) -> Vec<Vec<String>> {
    let mut statement = duckdb.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| (0..n_columns).map(|idx| row.get::<_, String>(idx)).collect()).unwrap();
    rows.map(Result::unwrap).collect()
}

fn check(text: &str, expect: &[&[&str]]) -> Receipt {
    let (receipt, table) = written(text.as_bytes(), &Options::default());
    assert_eq!(table, expect, "{text:?}");
    receipt
}

fn issues(receipt: &Receipt) -> Vec<String> {
    let all = receipt.sheets.iter().flat_map(|sheet| &sheet.issues).chain(&receipt.issues);
    all.map(|issue| format!("{} {} {}", issue.code, issue.count, issue.examples.join("; ")).trim_end().to_owned())
        .collect()
}

#[test]
fn every_type_comes_out_of_duckdb_by_its_name() {
    check(
        "i,d,f,b,day,time,stamp,zoned,text\n1,1.50,1e3,true,2024-01-31,10:00:00,2024-01-31 10:00:00,2024-01-31T10:00:00+01:00,x\n-2,2,0.12345678,FALSE,1970-01-01,23:59,2024-02-01,2024-01-31T10:00:00Z,007\n",
        &[
            &[
                "i BIGINT",
                "d DECIMAL(18,2)",
                "f DOUBLE",
                "b BOOLEAN",
                "day DATE",
                "time TIME",
                "stamp TIMESTAMP",
                "zoned TIMESTAMP WITH TIME ZONE",
                "text VARCHAR",
            ],
            &[
                "1",
                "1.50",
                "1000.0",
                "true",
                "2024-01-31",
                "10:00:00",
                "2024-01-31 10:00:00",
                "2024-01-31 09:00:00+00",
                "x",
            ],
            &[
                "-2",
                "2.00",
                "0.12345678",
                "false",
                "1970-01-01",
                "23:59:00",
                "2024-02-01 00:00:00",
                "2024-01-31 10:00:00+00",
                "007",
            ],
        ],
    );
}

#[test]
fn native_cells_keep_their_types() {
    let (receipt, table) = written_cells(&[
        &[
            Cell::Text("n"),
            Cell::Text("mix"),
            Cell::Text("long"),
            Cell::Text("day"),
            Cell::Text("code"),
            Cell::Text("any"),
        ],
        &[
            Cell::Number(1.0),
            Cell::Number(0.5),
            Cell::Duration(90_061_500),
            Cell::Date(1),
            Cell::Text("12"),
            Cell::Number(12.0),
        ],
        &[
            Cell::Error("#N/A"),
            Cell::Text("1,000"),
            Cell::Duration(-1_000),
            Cell::Timestamp(0),
            Cell::Text("7"),
            Cell::Text("x"),
        ],
        &[Cell::Number(-3.0), Cell::Unevaluated("")],
    ]);
    let expect: &[&[&str]] = &[
        &["n BIGINT", "mix DOUBLE", "long INTERVAL", "day TIMESTAMP", "code VARCHAR", "any VARCHAR"],
        &["1", "0.5", "1 day 01:01:01.5", "1970-01-02 00:00:00", "12", "12"],
        &["", "1000.0", "-1 day 23:59:59", "1970-01-01 00:00:00", "7", "x"],
        &["-3", "", "", "", "", ""],
    ];
    assert_eq!(table, expect);
    assert_eq!(issues(&receipt), ["error_cells 1 A3: #N/A", "unevaluated_formulas 1 B4:"]);
}

#[test]
fn blank_rows_are_counted_and_ragged_ones_kept() {
    let receipt = check(
        "a,b\n\n1,2\n3\n4,5,6\n\n",
        &[&["a BIGINT", "b BIGINT", "column_3 BIGINT"], &["1", "2", ""], &["3", "", ""], &["4", "5", "6"]],
    );
    assert_eq!(
        issues(&receipt),
        [
            "blank_rows 2 row 2; row 6",
            "short_rows 1 row 4: 1 cells instead of 2",
            "long_rows 1 row 5: 3 cells instead of 2"
        ]
    );
    let sheet = &receipt.sheets[0];
    assert_eq!((sheet.n_rows, sheet.first_data_row, sheet.last_data_row), (3, 3, 5));
    assert_eq!(sheet.header_rows, [1]);
}

#[test]
fn null_words_are_null_only_in_columns_that_convert() {
    let receipt = check("a,b\n1,x\n-,-\nN/A,y\n", &[&["a BIGINT", "b VARCHAR"], &["1", "x"], &["", "-"], &["", "y"]]);
    assert_eq!(issues(&receipt), ["null_words 2 A3: -; A4: N/A"]);
}

#[test]
fn a_file_without_header_is_all_data() {
    check("1,x\n2,y\n", &[&["column_1 BIGINT", "column_2 VARCHAR"], &["1", "x"], &["2", "y"]]);
    check(
        "n,2010,2011\nx,1,2\ny,3,4\n",
        &[&["n VARCHAR", "2010 BIGINT", "2011 BIGINT"], &["x", "1", "2"], &["y", "3", "4"]],
    );
}

#[test]
fn names_are_unique_and_never_blank() {
    check(
        " a ,A,,a_2,\n1,2,3,4,\n",
        &[&["a BIGINT", "A_3 BIGINT", "column_3 BIGINT", "a_2 BIGINT"], &["1", "2", "3", "4"]],
    );
}

#[test]
fn dates_that_decide_nothing_are_reported() {
    let receipt = check("d,e\n1/2/2024,1.2.2024\n", &[&["d DATE", "e DATE"], &["2024-01-02", "2024-02-01"]]);
    assert_eq!(issues(&receipt), ["ambiguous_dates 2 A2: 1/2/2024, month first; B2: 1.2.2024, day first"]);
}

#[test]
fn dates_behind_the_sample_are_evidence_too() {
    let rows = |late: &[&str]| {
        let mut text = String::from("n,day\n");
        for n in 0..25_000 {
            writeln!(text, "{n},2020-01-{:02}", n % 28 + 1).unwrap();
        }
        for day in late {
            writeln!(text, "1,{day}").unwrap();
        }
        let (receipt, table) = written(text.as_bytes(), &Options::default());
        let days: Vec<String> = table.iter().skip(25_001).map(|row| row[1].clone()).collect();
        (days, issues(&receipt))
    };
    let one = |day: &str, issue: &str| (vec![day.to_owned()], vec![format!("ambiguous_dates 1 B25002: {issue}")]);
    assert_eq!(rows(&["03/04/2020"]), one("2020-03-04", "03/04/2020, month first"));
    assert_eq!(rows(&["03.04.2020"]), one("2020-04-03", "03.04.2020, day first"));
    let certain = |days: &[&str]| (days.iter().map(|day| (*day).to_owned()).collect(), Vec::new());
    assert_eq!(rows(&["03/04/2020", "13/04/2020"]), certain(&["2020-04-03", "2020-04-13"]));
    assert_eq!(rows(&["03/04/2020", "04/13/2020"]), certain(&["2020-03-04", "2020-04-13"]));
    assert_eq!(rows(&["04/13/2020", "13/04/2020"]), certain(&["04/13/2020", "13/04/2020"]));
    assert_eq!(rows(&["04/04/2020"]), certain(&["2020-04-04"]));
}

#[test]
fn a_day_first_date_behind_a_month_first_sample_decides() {
    let mut text = String::from("n,day\n");
    for n in 0..25_000 {
        writeln!(text, "{n},{}/{}/2020", n % 12 + 1, n % 11 + 1).unwrap();
    }
    text.push_str("1,13/1/2020\n");
    let (receipt, table) = written(text.as_bytes(), &Options::default());
    assert_eq!((table[0][1].as_str(), table[3][1].as_str()), ("day DATE", "2020-03-03"));
    assert_eq!((table[13][1].as_str(), table[25_001][1].as_str()), ("2020-02-01", "2020-01-13"));
    assert_eq!(issues(&receipt), [""; 0]);
}

#[test]
fn a_second_plan_that_fails_leads_to_a_survey_of_all_rows() {
    let mut text = String::from("n\n");
    (0..25_000).for_each(|n| writeln!(text, "{n}").unwrap());
    text.push_str("12345678901234567\n1\n0.25\n");
    let (_, table) = written(text.as_bytes(), &Options::default());
    assert_eq!((table[0][0].as_str(), table[25_003][0].as_str()), ("n DOUBLE", "0.25"));
}

#[test]
fn points_group_digits_where_a_caller_says_that_the_numbers_are_whole() {
    let fix = SheetFix { types: [("a".to_owned(), "BIGINT".to_owned())].into(), ..SheetFix::default() };
    let fixes = Fixes { sheets: [("sales".to_owned(), fix)].into(), ..Fixes::default() };
    let options = Options { fixes, ..Options::default() };
    let (receipt, table) = written(b"a;b\n1.000;x\n950;y\n", &options);
    assert_eq!((table[1][0].as_str(), table[2][0].as_str()), ("1000", "950"));
    assert_eq!(issues(&receipt), Vec::<String>::new());
}

#[test]
fn what_stands_beside_percents_and_what_a_double_can_not_hold_is_reported() {
    let check = |file: &str, row: &str, expect: &str| {
        let (receipt, table) = written(file.as_bytes(), &Options::default());
        assert_eq!((table[1].join(" ").as_str(), issues(&receipt).join(" / ").as_str()), (row, expect), "{file}");
    };
    check("a,b\n12%,x\n0.15,y\n20,z\n0,z\n", "12.00 x", "mixed_percents 2 A3: 0.15; A4: 20");
    check("a,b\n12%,x\n15%,y\n", "12 x", "");
    check("a,b\n12345678901234567,x\n0.25,y\n", "1.2345678901234568e+16 x", "rounded_numbers 1 A2: 12345678901234567");
    check("a,b\n0.12345678901234567,x\n0.25,y\n", "0.12345678901234566 x", "");
}

#[test]
fn commas_that_may_be_decimal_ones_are_reported() {
    let fixed = |text: &str| {
        let options = Options { delimiter: Some(";".to_owned()), ..Options::default() };
        let (receipt, table) = written(text.as_bytes(), &options);
        (table[1].join(" "), issues(&receipt))
    };
    let found = |row: &str, issues: &[&str]| (row.to_owned(), issues.iter().map(|it| (*it).to_owned()).collect());
    assert_eq!(fixed("a;b\n1,115;x\n2,300;y\n"), found("1115 x", &["grouped_numbers 2 A2: 1,115; A3: 2,300"]));
    assert_eq!(fixed("a;b\n1,115;x\n300;y\n"), found("1115 x", &[]));
    assert_eq!(fixed("a;b\n1,115;x\n1,115,000;y\n"), found("1115 x", &[]));
    assert_eq!(fixed("a;b\n1.000;x\n950;y\n"), found("1.000 x", &["grouped_numbers 1 A2: 1.000"]));
    assert_eq!(fixed("a;b\n1.000;2.5\n950;3\n"), found("1.000 2.5", &[]));
    assert_eq!(fixed("a;b\n0.125;x\n1.000;y\n"), found("0.125 x", &[]));
    assert_eq!(fixed("a;b\n1,115;x\n12,5;y\n"), found("1.115 x", &[]));
    let receipt = check("a,b\n\"1,115\",x\n", &[&["a BIGINT", "b VARCHAR"], &["1115", "x"]]);
    assert_eq!(issues(&receipt), [""; 0]);
}

#[test]
fn empty_columns_before_a_stray_cell_far_right_are_left_out_and_reported() {
    let far = ",".repeat(16_000);
    let receipt = check(
        &format!("a,,b\n1,,2\n3,,4{far}stray\n"),
        &[&["a BIGINT", "b BIGINT", "column_16003 VARCHAR"], &["1", "2", ""], &["3", "4", "stray"]],
    );
    assert_eq!(
        issues(&receipt),
        ["long_rows 1 row 3: 16003 cells instead of 3", "empty_columns 16000 B to B; D to WQL"]
    );
    // Behind the sample, too, and where the cell is an error that has no value.
    let mut text = String::from("a,b\n");
    (0..25_000).for_each(|n| writeln!(text, "{n},1").unwrap());
    writeln!(text, "1,2,{}x,{}y", ",".repeat(100), ",".repeat(50)).unwrap();
    let (receipt, table) = written(text.as_bytes(), &Options::default());
    assert_eq!(table[0], ["a BIGINT", "b BIGINT", "column_103 VARCHAR", "column_154 VARCHAR"]);
    assert_eq!(table[25_001], ["1", "2", "x", "y"]);
    assert_eq!(issues(&receipt)[1..], ["empty_columns 150 C to CX; CZ to EW"]);
}

#[test]
fn what_the_last_row_shows_holds_for_all_rows() {
    let mut text = String::from("code,amount,day,late\n");
    for n in 0..50_000 {
        writeln!(text, "{n},{n},{}/{}/2020,", n % 12 + 1, n % 11 + 1).unwrap();
    }
    text.push_str("007,0.25,13/1/2020,3,wide\n");
    let (receipt, table) = written(text.as_bytes(), &Options::default());
    assert_eq!(table[0], ["code VARCHAR", "amount DECIMAL(18,2)", "day DATE", "late BIGINT", "column_5 VARCHAR"]);
    assert_eq!(table[2], ["1", "1.00", "2020-02-02", "", ""]);
    assert_eq!(table[3], ["2", "2.00", "2020-03-03", "", ""]);
    assert_eq!(table.last().unwrap(), &["007", "0.25", "2020-01-13", "3", "wide"]);
    assert_eq!((receipt.sheets[0].n_rows, receipt.sheets[0].last_data_row), (50_001, 50_002));
}

#[test]
fn encodings_are_found_however_late_they_show() {
    let mut latin = b"name,n\n".to_vec();
    for n in 0..100_000 {
        latin.extend_from_slice(format!("plain,{n}\n").as_bytes());
    }
    latin.extend_from_slice(b"caf\xE9,1\n");
    let (receipt, table) = written(&latin, &Options::default());
    assert_eq!((receipt.encoding.as_deref(), table.last().unwrap()[0].as_str()), (Some("windows-1252"), "café"));

    let utf_16: Vec<u8> = "name;n\ncafé;1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [utf_16.clone(), [b"\xFF\xFE".to_vec(), utf_16].concat()] {
        let (receipt, table) = written(&bytes, &Options::default());
        assert_eq!((receipt.encoding.as_deref(), table[1][0].as_str()), (Some("UTF-16LE"), "café"));
    }

    let (_, table) = written(b"\xEF\xBB\xBFname\nx\n", &Options::default());
    assert_eq!(table, [["name VARCHAR"], ["x"]]);

    let fixed = Options { encoding: Some("koi8-r".to_owned()), ..Options::default() };
    let (receipt, table) = written(b"n,x\n\xC1,1\n", &fixed);
    assert_eq!((receipt.encoding.as_deref(), table[1][0].as_str()), (Some("KOI8-R"), "а"));
}

#[test]
fn lines_of_another_encoding_are_read_beside_utf_8() {
    let text = [&"é,ü\n".repeat(50).into_bytes()[..], b"caf\xE9,\xFC\n"].concat();
    let (receipt, table) = written(&text, &Options::default());
    assert_eq!(issues(&receipt), ["mixed_encodings 2"]);
    assert_eq!(table.last().unwrap(), &["café", "ü"]);
}

#[test]
fn options_win() {
    let fixed = Options { delimiter: Some(";".to_owned()), header_row: Some(2), ..Options::default() };
    let (receipt, table) = written(b"title\na,1;b\nx,2;3\n", &fixed);
    assert_eq!(table, [["a,1 VARCHAR", "b BIGINT"], ["x,2", "3"]]);
    assert_eq!(issues(&receipt), ["rows_above_header 1 row 1: title"]);
}

#[test]
fn limits_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("wide.csv");
    fs::write(&file, "a,b,c\n1,2,3\n").unwrap();
    let fault =
        |limits: Limits| read(&file, "wide.csv", &Options::default(), &limits, None, &mut |_| {}).unwrap_err().message;
    assert_eq!(fault(Limits { columns: 2, ..LIMITS }), "columns of a sheet: 3 is over the limit of 2");
    assert_eq!(fault(Limits { cells: 5, ..LIMITS }), "cells of a file: 6 is over the limit of 5");
    assert_eq!(fault(Limits { file_bytes: 5, ..LIMITS }), "bytes of a file: 12 is over the limit of 5");
}

#[test]
fn what_is_no_table_is_a_clear_fault() {
    let folder = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8], expect: &str| {
        let file = folder.path().join("x");
        fs::write(&file, bytes).unwrap();
        let found = read(&file, "x.csv", &Options::default(), &LIMITS, None, &mut |_| {});
        assert_eq!(found.map_or_else(|fault| fault.message, |receipt| receipt.format), expect);
    };
    check(b"", "the file is empty: 0 bytes");
    check(b"%PDF-1.7", "the file is a PDF document");
    check(b"\x1F\x8B\x08", "the file is compressed with gzip");
    check(b"<html><table>", "the file is a web page, whatever its name says");
    check(&[0, 1, 2, 3, 4, 5, 6, 7], "the file is binary, and none of the formats known here");
    check(b"PAR1....PAR1", "parquet is not read as rows of cells");
    check(b"{\"a\": 1}\n{\"a\": 2}\n", "ndjson is not read as rows of cells");
    check(b"[{\"a\": 1}]", "json is not read as rows of cells");
    check(b"[x],y\n1,2\n", "csv");
}

fn as_it_was(bytes: &[u8]) -> Vec<Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.csv");
    fs::write(&file, bytes).unwrap();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut take = |row: &[&str]| {
        rows.push(row.iter().map(|cell| (*cell).to_owned()).collect());
        Ok(())
    };
    raw(&file, "x.csv", &Options::default(), &LIMITS, &mut take).unwrap();
    rows
}

#[test]
fn raw_leaves_no_row_of_the_main_table_out_and_none_in_that_is_not_of_it() {
    let table = [vec![" a", "b\nc", ""], vec!["007", "caf\u{e9}"], vec!["total", "12", ""]];
    assert_eq!(as_it_was(b"title\n\n a,\"b\nc\",\n007,caf\xE9\n\ntotal,12,\n\n"), table);
    assert_eq!(as_it_was(b""), Vec::<Vec<String>>::new());
    assert_eq!(as_it_was(b"a,b\n"), [["a", "b"]]);
}

#[test]
fn raw_keeps_a_quote_that_opens_nothing() {
    assert_eq!(as_it_was(b"a,b,c\n1,2,3\n4,\"5,6\n7,8,9\n")[2], ["4", "\"5", "6"]);
}

#[test]
fn a_table_that_starts_right_below_another_is_one_of_its_own() {
    let text = "day,sold\n2024-01-01,5\n2024-01-02,6\n2024-01-03,7\n\
                name,price,stock\nnail,1.50,3\nscrew,2.50,4\nbolt,3.25,5\n";
    let (receipt, _) = written(text.as_bytes(), &Options::default());
    let found: Vec<_> = receipt.sheets.iter().map(|sheet| (sheet.header_rows.clone(), sheet.n_rows)).collect();
    assert_eq!(found, [(vec![1], 3), (vec![5], 3)]);
    let ragged = "day,sold\n2024-01-01,5\n2024-01-02,6\n2024-01-03,7,late\n2024-01-04,8,late\n2024-01-05,9,late\n";
    assert_eq!(written(ragged.as_bytes(), &Options::default()).0.sheets.len(), 1);
}

#[test]
fn blanks_between_cells_are_known_by_the_quotes_beside_them() {
    let mut text = String::from("day what \"said of it\"\n");
    for n in 10..30 {
        let loose = if n % 3 == 0 { "a thing" } else { "thing" };
        writeln!(text, "2024-01-{n} {loose} \"good, they say, {n}\"").unwrap();
    }
    let (receipt, _) = written(text.as_bytes(), &Options::default());
    assert_eq!(receipt.delimiter.as_deref(), Some(" "));
}

#[test]
fn control_characters_are_the_signs_that_windows_has_for_them() {
    let (receipt, table) = written("a,b\nd\u{92}or,1\nx,2\n".as_bytes(), &Options::default());
    assert_eq!((table[1][0].as_str(), issues(&receipt)), ("d\u{2019}or", vec!["mixed_encodings 1".to_owned()]));
}

fn types(head: &str, cells: &[&str]) -> String {
    let mut text = format!("n\t{head}\n");
    for cell in cells {
        text.extend(["x\t", cell, "\n"]);
    }
    let (_, table) = written(text.as_bytes(), &Options::default());
    let values: Vec<&str> = table[1..].iter().map(|row| row[1].as_str()).collect();
    format!("{}: {}", table[0][1].strip_prefix(head).unwrap().trim(), values.join(", "))
}

#[test]
fn two_numbers_with_a_colon_are_what_the_column_says() {
    assert_eq!(types("at", &["3:45", "12:10"]), "TIME: 03:45:00, 12:10:00");
    assert_eq!(types("departure", &["3:45", "4:10"]), "TIME: 03:45:00, 04:10:00");
    assert_eq!(types("length", &["3:45", "72:10"]), "INTERVAL: 00:03:45, 01:12:10");
    assert_eq!(types("hours", &["3:45", "72:10"]), "INTERVAL: 03:45:00, 3 days 00:10:00");
    assert_eq!(types("lap", &["3:45.2", "4:10"]), "INTERVAL: 00:03:45.2, 00:04:10");
    assert_eq!(types("result", &["3:45", "4:10"]), "VARCHAR: 3:45, 4:10");
    assert_eq!(types("result", &["25:23", "31:28"]), "VARCHAR: 25:23, 31:28");
}

#[test]
fn long_digits_of_one_length_name_something() {
    assert_eq!(types("v", &["4006381333931", "5901234123457"]), "VARCHAR: 4006381333931, 5901234123457");
    assert_eq!(types("v", &["400638133393", "5901234123457"]), "BIGINT: 400638133393, 5901234123457");
    assert_eq!(types("v", &["1709251200000", "1709337600000"]), "BIGINT: 1709251200000, 1709337600000");
}

#[test]
fn months_with_short_years_are_dates_and_days_without_a_year_are_none() {
    assert_eq!(types("v", &["Mar-24", "Mar-98"]), "DATE: 2024-03-01, 1998-03-01");
    assert_eq!(types("v", &["3/2024", "11/2024"]), "DATE: 2024-03-01, 2024-11-01");
    assert_eq!(types("v", &["24-Mar", "25-Mar"]), "VARCHAR: 24-Mar, 25-Mar");
    assert_eq!(types("v", &["да", "нет"]), "BOOLEAN: true, false");
}

/// Whole cents as people write them: what groups digits, and what comes before decimals.
fn grouped(cents: i64, (group, decimal): (&str, &str)) -> String {
    let (digits, mut whole) = ((cents.abs() / 100).to_string(), String::new());
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx) % 3 == 0 {
            whole.push_str(group);
        }
        whole.push(digit);
    }
    format!("{whole}{decimal}{:02}", cents.abs() % 100)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn numbers_are_read_back_equal_however_they_are_written(
        cents in prop::collection::vec(-9_999_999_999_i64..9_999_999_999, 2..20),
        separators in prop::sample::select(vec![(",", "."), (".", ","), (" ", ","), ("'", "."), ("\u{a0}", ","), ("\u{202f}", ","), ("", ".")]),
        (before, behind) in prop::sample::select(vec![("-", ""), ("\u{2212}", ""), ("(", ")"), ("", "-")]),
        (sign, unit) in prop::sample::select(vec![("", ""), ("$", ""), ("", " €"), ("", " km"), ("", "%")]),
    ) {
        // A minus behind and a unit behind are never together; parentheses need a number without them.
        let (before, behind) = if unit.is_empty() { (before, behind) } else { ("-", "") };
        let cells: Vec<String> = cents.iter().chain(&[123_456_789]).map(|cents| {
            let number = format!("{sign}{}{unit}", grouped(*cents, separators));
            if *cents < 0 { format!("{before}{number}{behind}") } else { number }
        }).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let expect: Vec<String> = cents.iter().chain(&[123_456_789]).map(|cents| {
            format!("{}{}.{:02}", if *cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100)
        }).collect();
        prop_assert_eq!(types("v", &cells), format!("DECIMAL(18,2): {}", expect.join(", ")));
    }

    #[test]
    fn dates_are_read_back_equal_however_they_are_written(
        days in prop::collection::vec(0_i32..40_000, 1..20),
        form in prop::sample::select(vec!["%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%b %d, %Y", "%A, %-d %B %Y", "%Y/%m/%d", "%d-%b-%Y"]),
    ) {
        let dates: Vec<_> = days.iter().chain(&[30]).filter_map(|day| chrono::DateTime::from_timestamp(i64::from(*day) * 86_400, 0)).collect();
        let cells: Vec<String> = dates.iter().map(|date| date.format(form).to_string()).collect();
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let expect: Vec<String> = dates.iter().map(|date| date.format("%Y-%m-%d").to_string()).collect();
        prop_assert_eq!(types("v", &cells), format!("DATE: {}", expect.join(", ")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn typed_tables_written_as_csv_are_read_back_equal(
        rows in prop::collection::vec((any::<i32>(), -99_999_i64..99_999, 0_i32..40_000, any::<bool>(), "[a-zé\",;\n ]{0,12}"), 1..40),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
    ) {
        let mut text = ["n", "price", "day", "ok", "words"].join(&delimiter.to_string()) + "\n";
        let mut expect = Vec::new();
        for (n, cents, day, ok, words) in &rows {
            let price = format!("{}{}.{:02}", if *cents < 0 { "-" } else { "" }, cents.abs() / 100, cents.abs() % 100);
            let day = super::show::date(*day);
            let words = format!("w{words}w");
            let cells = [n.to_string(), price, day, ok.to_string(), words];
            writeln!(text, "{}", [&cells[..4], &[format!("\"{}\"", cells[4].replace('"', "\"\""))]].concat().join(&delimiter.to_string())).unwrap();
            expect.push(cells.to_vec());
        }
        let fixed = Options { delimiter: Some(delimiter.to_string()), ..Options::default() };
        let (_, table) = written(text.as_bytes(), &fixed);
        prop_assert_eq!(&table[0].join(" "), "n BIGINT price DECIMAL(18,2) day DATE ok BOOLEAN words VARCHAR");
        prop_assert_eq!(&table[1..], &expect[..]);
    }
}

#[test]
fn letters_and_words_behind_digits_are_units_only_where_something_says_so() {
    let check = |file: &str, expect: &str| {
        let (receipt, table) = written(file.as_bytes(), &Options::default());
        let rows: Vec<String> = table.iter().skip(1).map(|row| row.last().cloned().unwrap_or_default()).collect();
        let kind = receipt.sheets[0].columns.last().unwrap().type_name.clone();
        assert_eq!(format!("{kind}: {}", rows.join(", ")), expect, "{file}");
    };
    check("apt,v\n5B,1\n6B,2\n7B,3\n", "BIGINT: 1, 2, 3");
    check("v,apt\n1,5B\n2,6B\n3,7B\n", "VARCHAR: 5B, 6B, 7B");
    check("v,users\n1,5K\n2,6M\n3,7K\n", "BIGINT: 5000, 6000000, 7000");
    check("v,users\n1,$5M\n2,$6M\n", "BIGINT: 5000000, 6000000");
    check("v,addr\n1,12 Main\n2,14 Main\n3,15 Main\n", "VARCHAR: 12 Main, 14 Main, 15 Main");
    check("v,class\n1,10 A\n2,11 A\n3,12 A\n", "VARCHAR: 10 A, 11 A, 12 A");
    check("v,current\n1,10 A\n2,11 A\n3,12 A\n", "BIGINT: 10, 11, 12");
    check("v,stock\n1,10 boxes\n2,11 boxes\n3,12 boxes\n", "BIGINT: 10, 11, 12");
    check("v,age\n1,18+\n2,65+\n3,5+\n", "VARCHAR: 18+, 65+, 5+");
    check("v,code\n1,1E5\n2,2E7\n3,3E9\n", "VARCHAR: 1E5, 2E7, 3E9");
    check("v,lang\n1,no\n2,si\n3,no\n", "VARCHAR: no, si, no");
    check("v,student\n1,20010101\n2,20010102\n3,20010203\n", "BIGINT: 20010101, 20010102, 20010203");
    check("v,start_date\n1,20010101\n2,20010102\n3,20010203\n", "DATE: 2001-01-01, 2001-01-02, 2001-02-03");
    check("v,net\n1,+1200\n2,-5000\n3,+2500000\n4,+3\n", "BIGINT: 1200, -5000, 2500000, 3");
    check("v,phone_of\n1,+4915112345\n2,+4915112346\n", "VARCHAR: +4915112345, +4915112346");
    check("v,took\n1,45m\n2,1h\n", "INTERVAL: 00:45:00, 01:00:00");
    check("v,took\n1,1h 30m\n2,2h 05m\n3,45m\n", "INTERVAL: 01:30:00, 02:05:00, 00:45:00");
    check("v,period\n1,1Q24\n2,3Q24\n", "DATE: 2024-01-01, 2024-07-01");
}
