//! `export_sheet`: formats, what they can't say, and where a file may go.

use std::{fs, process::Stdio};

use proptest::{
    prelude::{BoxedStrategy, Just, Strategy, any},
    prop_oneof,
    strategy::ValueTree,
};
use rust_xlsxwriter::{DocProperties, Workbook};
use serde_json::{Value, json};

use crate::harness::{Bench, Client, at, code_of, fault};

const SALES: &str = "region,zip,amount,day\nnorth,1234,1.50,2024-01-31\n\"so,uth\",00345,2.25,\n";

/// One value of every type that a sheet can have, and a row without.
const TYPED: &str = "select * from (values
    (1::bigint, true, 12.50::decimal(18,2), 0.1::double, date '2024-01-31', time '09:30:00',
     timestamp '2024-01-31 09:30:00.25', timestamptz '2024-01-31 09:30:00+01', interval '26 hours', 'é \"x\", y'),
    (null, null, null, null, null, null, null, null, null, 'no values'))
    t(whole, flag, price, ratio, day, clock, moment, instant, span, words)";

#[test]
fn a_sheet_comes_inline_as_csv() {
    let bench = Bench::new().file("sales.csv", SALES);
    let mut client = bench.serve_files();
    client.check(
        "export_sheet",
        json!({"sheet": "sales"}),
        json!({
            "format": "csv", "n_bytes": SALES.len(), "tables": [{"name": "sales", "n_rows": 2, "n_columns": 4}],
            "n_neutralised": 0, "content": SALES,
        }),
    );
}

#[test]
fn every_type_is_written_to_csv_and_json_as_replies_write_it() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let csv = client.call("export_sheet", &json!({"sql": TYPED})).unwrap();
    assert_eq!(
        csv["content"],
        "whole,flag,price,ratio,day,clock,moment,instant,span,words\n\
         1,true,12.50,0.1,2024-01-31,09:30:00,2024-01-31T09:30:00.250,2024-01-31T08:30:00Z,PT26H,\"é \"\"x\"\", y\"\n\
         ,,,,,,,,,no values\n"
    );
    assert_eq!(
        csv["notes"],
        json!(["the file can't tell these columns' types; read again, they come: `ratio` (DOUBLE) as DECIMAL(18,1)"])
    );
    let reply = client.call("export_sheet", &json!({"sql": TYPED, "format": "json"})).unwrap();
    let rows: Value = serde_json::from_str(reply["content"].as_str().unwrap()).unwrap();
    assert_eq!(
        rows,
        json!([
            {"whole": 1, "flag": true, "price": 12.50, "ratio": 0.1, "day": "2024-01-31", "clock": "09:30:00",
             "moment": "2024-01-31T09:30:00.250", "instant": "2024-01-31T08:30:00Z", "span": "PT26H",
             "words": "é \"x\", y"},
            {"whole": null, "flag": null, "price": null, "ratio": null, "day": null, "clock": null, "moment": null,
             "instant": null, "span": null, "words": "no values"},
        ])
    );
}

#[test]
fn a_formula_in_csv_is_neutralised_and_said_so_unless_it_is_to_be_kept() {
    let sql = "select * from (values ('=1+1'), ('@SUM(A1)'), ('-5'), ('-'), ('a=1'), ('+1+1')) t(\"=name\")";
    let bench = Bench::new();
    let mut client = bench.serve();
    let reply = client.call("export_sheet", &json!({"sql": sql})).unwrap();
    assert_eq!(reply["content"], "'=name\n'=1+1\n'@SUM(A1)\n-5\n-\na=1\n'+1+1\n");
    assert_eq!(reply["n_neutralised"], 4);
    assert!(at(&reply, "/notes/0").as_str().unwrap().contains("`keep_formulas`"), "{reply}");
    let reply = client.call("export_sheet", &json!({"sql": sql, "keep_formulas": true})).unwrap();
    assert_eq!(reply["content"], "=name\n=1+1\n@SUM(A1)\n-5\n-\na=1\n+1+1\n");
    assert_eq!(reply["n_neutralised"], 0);
    // A workbook has a type for text.
    client.call("export_sheet", &json!({"sql": sql, "path": "$FILES/f.xlsx"})).unwrap();
    client.call("import_file", &json!({"path": "$FILES/f.xlsx"})).unwrap();
    assert_eq!(client.rows("from f"), json!([["=1+1"], ["@SUM(A1)"], ["-5"], ["-"], ["a=1"], ["+1+1"]]));
}

#[test]
fn what_csv_and_xlsx_cannot_say_is_noted() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let sql = "select * from (values ('00', '12', '', 1e308::double, 'a'), (null, null, null, null, null), \
               ('x', '13', 'a', 'nan', 'b')) t(code, digits, gap, number, A) cross join (select [1, 2] as list, 1 as a)
               where code is not null or true";
    let reply = client.call("export_sheet", &json!({"sql": sql})).unwrap();
    assert_eq!(
        reply["notes"],
        json!([
            "cells that are NaN or infinite, written as text; read again, they have no value: 1, such as `NaN` in row 3 of \
             `number`",
            "empty texts, which most readers take for cells without a value: 1, such as row 1 of `gap`",
            "the file can't tell these columns' types; read again, they come: `digits` (VARCHAR) as BIGINT, \
             `list` (INTEGER[]) as VARCHAR, `a_2` (INTEGER) as BIGINT",
            "columns of the same name were renamed: `a` to `a_2`",
        ])
    );
    let sql = "select * from (values (123456789012345678, date '1850-05-01', interval '1 month'), (null, null, null), \
               (1, null, null)) t(big, day, span)";
    let reply = client.call("export_sheet", &json!({"sql": sql, "format": "xlsx"})).unwrap();
    assert_eq!(
        reply["notes"],
        json!([
            "values that are in the workbook as text, since it has no such number, date or time (beyond 15 digits, before \
             1900, finer than milliseconds, durations with months): 3, such as `123456789012345678` in row 1 of `big`",
            "rows without any value, which most readers skip: 1, such as row 2",
        ])
    );
}

#[test]
fn a_workbook_holds_several_sheets() {
    let bench = Bench::new().file("one.csv", "a\n1\n").file("two.csv", "b\nx\ny\n");
    let mut client = bench.serve_files();
    let reply = client.call("export_sheet", &json!({"sheets": ["one", "two"], "path": "$FILES/both.xlsx"})).unwrap();
    assert_eq!(
        reply,
        json!({
            "format": "xlsx", "path": "$FILES/both.xlsx",
            "n_bytes": fs::metadata(bench.path("both.xlsx")).unwrap().len(),
            "tables": [{"name": "one", "n_rows": 1, "n_columns": 1}, {"name": "two", "n_rows": 2, "n_columns": 1}],
            "n_neutralised": 0,
        })
    );
    client.call("import_file", &json!({"path": "$FILES/both.xlsx"})).unwrap();
    assert_eq!([client.rows("from one_2"), client.rows("from two_2")], [json!([[1]]), json!([["x"], ["y"]])]);
}

#[test]
fn arguments_that_contradict_each_other_say_what_to_give() {
    let bench = Bench::new().file("one.csv", "a\n1\n").file("two.csv", "b\nx\n");
    let mut client = bench.serve_files();
    let unclear =
        fault("invalid_arguments", "it is not clear what to export", "give one of `sheet`, `sheets` and `sql`");
    client.check_fault("export_sheet", json!({}), unclear.clone());
    client.check_fault("export_sheet", json!({"sheet": "one", "sql": "from two"}), unclear);
    client.check_fault(
        "export_sheet",
        json!({"sheets": ["one", "two"]}),
        fault(
            "invalid_arguments",
            "a file of csv holds one table",
            "use format `xlsx` for several sheets in one workbook, or make one call per sheet",
        ),
    );
    client.check_fault(
        "export_sheet",
        json!({"sheet": "one", "format": "xls"}),
        fault(
            "invalid_arguments",
            "`xls` is no format to export to",
            "did you mean `xlsx`? the formats are csv, xlsx, parquet, json",
        ),
    );
    for (args, code) in [
        (json!({"sheet": "none"}), "sheet_not_found"),
        (json!({"sql": "from none"}), "sheet_not_found"),
        (json!({"sql": "selec 1"}), "invalid_sql"),
        (json!({"sql": "copy (select 1) to 'x.csv'"}), "sql_refused"),
        (json!({"sql": "from read_csv('/etc/passwd')", "format": "parquet"}), "sql_refused"),
        (json!({"sheets": ["one", "ONE"], "format": "xlsx"}), "invalid_arguments"),
        (json!({"sql": "select range as i from range(100000)"}), "limit_exceeded"),
        (json!({"sql": "select range as i, hash(i) as h from range(100000)", "format": "parquet"}), "limit_exceeded"),
        (json!({"sql": "select repeat('x', 40000) as long", "format": "xlsx"}), "limit_exceeded"),
        (json!({"sql": "select range as i from range(1048576)", "path": "$FILES/x.xlsx"}), "limit_exceeded"),
    ] {
        assert_eq!(code_of(&client.call("export_sheet", &args)), code, "{args}");
    }
    assert!(!bench.path("x.xlsx").exists());
}

#[test]
fn a_file_goes_only_where_it_may_and_replaces_nothing_unless_told_to() {
    let bench = Bench::new().file("one.csv", "a\n1\n").file("sub/old.csv", "old").file(".git/config", "");
    let mut client = bench.serve();
    client.call("import_file", &json!({"path": "$FILES/one.csv"})).unwrap();
    let outside = bench.outside().join("out.csv");
    for (path, code) in [
        ("$FILES/sub/old.csv", "conflict"),
        ("$FILES/none/out.csv", "file_not_found"),
        ("$FILES/out.sh", "invalid_arguments"),
        ("$FILES/out", "invalid_arguments"),
        ("$FILES/sub/", "invalid_arguments"),
        ("$FILES/..", "invalid_arguments"),
        ("$FILES/.out.csv", "path_not_allowed"),
        ("$FILES/.git/out.csv", "path_not_allowed"),
        ("$FILES/../out.csv", "path_not_allowed"),
        ("$FILES/../none/out.csv", "path_not_allowed"),
        (outside.to_str().unwrap(), "path_not_allowed"),
        ("/dev/null", "path_not_allowed"),
    ] {
        let args = json!({"sheet": "one", "path": path, "format": "csv"});
        assert_eq!(code_of(&client.call("export_sheet", &args)), code, "{path}");
    }
    assert_eq!(fs::read_to_string(bench.path("sub/old.csv")).unwrap(), "old");
    client.check_fault(
        "export_sheet",
        json!({"sheet": "one", "path": "$FILES/sub/old.csv"}),
        fault(
            "conflict",
            "`$FILES/sub/old.csv` exists",
            "export to another name, or set `overwrite` to replace the file",
        ),
    );
    let table = json!([{"name": "one", "n_rows": 1, "n_columns": 1}]);
    client.check(
        "export_sheet",
        json!({"sheet": "one", "path": "$FILES/sub/old.csv", "overwrite": true}),
        json!({"format": "csv", "path": "$FILES/sub/old.csv", "n_bytes": 4, "tables": table, "n_neutralised": 0}),
    );
    assert_eq!(fs::read_to_string(bench.path("sub/old.csv")).unwrap(), "a\n1\n");
    let left: Vec<_> = fs::read_dir(bench.path("sub")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["old.csv"]);
}

#[cfg(unix)]
#[test]
fn a_link_leads_nowhere_that_a_path_may_not() {
    use std::os::unix::fs::symlink;

    let bench = Bench::new().file("one.csv", "a\n1\n");
    fs::write(bench.outside().join("victim.csv"), "safe").unwrap();
    symlink(bench.outside().join("victim.csv"), bench.path("link.csv")).unwrap();
    symlink(bench.outside().join("nothing.csv"), bench.path("dangling.csv")).unwrap();
    symlink(bench.outside(), bench.path("folder")).unwrap();
    let mut client = bench.serve();
    client.call("import_file", &json!({"path": "$FILES/one.csv"})).unwrap();
    for path in ["$FILES/link.csv", "$FILES/dangling.csv", "$FILES/folder/new.csv"] {
        let args = json!({"sheet": "one", "path": path, "overwrite": true});
        assert_eq!(code_of(&client.call("export_sheet", &args)), "path_not_allowed", "{path}");
    }
    assert_eq!(fs::read_to_string(bench.outside().join("victim.csv")).unwrap(), "safe");
    assert!(!bench.outside().join("nothing.csv").exists() && !bench.outside().join("new.csv").exists());
}

#[test]
fn quires_own_folder_takes_no_export() {
    let bench = Bench::new().file("one.csv", "a\n1\n");
    let data = bench.data_dir();
    let mut command = bench.bare_command(&["stdio"]);
    command.arg("--root").arg(bench.outside());
    let mut client = Client::of(&bench, &mut command, crate::harness::Era::November2025);
    client.greet();
    client.call("import_file", &json!({"path": "$FILES/one.csv"})).unwrap();
    let args = json!({"sheet": "one", "path": data.join("workspaces/x.parquet").to_str().unwrap()});
    assert_eq!(code_of(&client.call("export_sheet", &args)), "path_not_allowed");
}

#[test]
fn types_that_a_workbook_says_are_believed_only_where_every_cell_suits_them() {
    let workbook = |first_row: u32, edited: bool| {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet().set_name("t").unwrap();
        for (col, name) in [(0, "added"), (1, "price"), (2, "empty")] {
            sheet.write_string(first_row, col, name).unwrap();
        }
        sheet.write_string(first_row + 1, 0, "x").unwrap();
        sheet.write_number(first_row + 1, 1, 12.5).unwrap();
        sheet.write_number(first_row + 2, 1, if edited { 0.123 } else { 3.0 }).unwrap();
        let types = [("Quire t!1", "DECIMAL(18,2) price"), ("Quire t!2", "DATE empty"), ("Quire u!1", "DATE price")];
        let properties = types
            .into_iter()
            .fold(DocProperties::new(), |properties, (name, value)| properties.set_custom_property(name, value));
        workbook.set_properties(&properties);
        workbook.save_to_buffer().unwrap()
    };
    let bench = Bench::new()
        .file("same.xlsx", workbook(0, false))
        .file("edited.xlsx", workbook(0, true))
        .file("moved.xlsx", workbook(2, false));
    let mut client = bench.serve_files();
    for (name, types, rows) in [
        ("same", ["VARCHAR", "DECIMAL(18,2)", "DATE"], json!([["x", 12.50, null], [null, 3.00, null]])),
        ("moved", ["VARCHAR", "DECIMAL(18,2)", "DATE"], json!([["x", 12.50, null], [null, 3.00, null]])),
        ("edited", ["VARCHAR", "DOUBLE", "VARCHAR"], json!([["x", 12.5, null], [null, 0.123, null]])),
    ] {
        let reply = client.call("query", &json!({"sql": format!("from {name}")})).unwrap();
        let found: Vec<&str> =
            reply["columns"].as_array().unwrap().iter().map(|column| column["type"].as_str().unwrap()).collect();
        assert_eq!(found, types, "{name}");
        assert_eq!(reply["rows"], rows, "{name}");
    }
}

#[test]
fn a_date_whose_order_is_open_suits_no_type_that_a_workbook_says() {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet().set_name("t").unwrap();
    for (row, (n, day)) in (0..).zip([("n", "day"), ("a", "1850-05-01"), ("b", "03/04/2024")]) {
        sheet.write_string(row, 0, n).unwrap();
        sheet.write_string(row, 1, day).unwrap();
    }
    workbook.set_properties(&DocProperties::new().set_custom_property("Quire t!2", "DATE day"));
    let bench = Bench::new().file("t.xlsx", workbook.save_to_buffer().unwrap());
    let mut client = bench.serve_files();
    assert_eq!(
        client.rows("select typeof(day), day from t"),
        json!([["VARCHAR", "1850-05-01"], ["VARCHAR", "03/04/2024"]])
    );
}

#[test]
fn an_export_may_go_to_the_home_folder_by_its_short_name() {
    let bench = Bench::new();
    let args = json!({"sql": "select 1 as n", "path": "~/out.csv"}).to_string();
    let ended = bench.ended(bench.bare_command(&["call", "export_sheet", &args, "--json"]).stdin(Stdio::null()));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(fs::read_to_string(bench.home().join("out.csv")).unwrap(), "n\n1\n");
}

#[test]
fn quire_convert_writes_json_that_any_parser_takes_and_keeps_every_digit() {
    let bench = Bench::new().file("big.json", r#"[{"n": 18446744073709551615}, {"n": 1}]"#);
    let mut client = bench.serve();
    let sql = "select * from (values ('nan'::double, 9007199254740993::bigint, 12345678901234.56789::decimal(38,5)), \
               ('inf', 9007199254740992, 1.5), ('-inf', null, null)) t(ratio, whole, price)";
    client.call("export_sheet", &json!({"sql": sql, "path": "$FILES/odd [1].parquet"})).unwrap();
    let json_of =
        |file: &str| -> Value { serde_json::from_str(&bench.run(&["convert", file, "--to", "json"]).out).unwrap() };
    assert_eq!(
        json_of("$FILES/odd [1].parquet"),
        json!([
            {"ratio": "NaN", "whole": "9007199254740993", "price": "12345678901234.56789"},
            {"ratio": "Infinity", "whole": 9_007_199_254_740_992_u64, "price": 1.5},
            {"ratio": "-Infinity", "whole": null, "price": null},
        ])
    );
    assert_eq!(json_of("$FILES/big.json"), json!([{"n": "18446744073709551615"}, {"n": "1"}]));
}

#[test]
fn quire_convert_writes_a_workbook() {
    let bench = Bench::new().file("sales.csv", SALES);
    let mut convert = bench.command(&["convert"]);
    let output = convert.arg(bench.path("sales.csv")).args(["--to", "xlsx"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    bench.write("again.xlsx", output.stdout);
    let mut client = bench.serve_files();
    let table = |reply: Value| json!([reply["columns"], reply["rows"]]);
    let [again, sales] =
        ["again", "sales"].map(|name| table(client.call("query", &json!({"sql": format!("from {name}")})).unwrap()));
    assert_eq!(again, sales);
    let raw = bench.run(&["convert", "$FILES/sales.csv", "--to", "xlsx", "--raw", "--json"]);
    assert_eq!(raw.code, Some(2), "{}", raw.err);
}

/// A column's type, and texts that DuckDB casts to it.
#[derive(Debug, Clone)]
struct Typed {
    type_name: String,
    values: Vec<Option<String>>,
}

impl Typed {
    /// As SQL writes the table, behind a column that numbers the rows, so that none of them is blank.
    fn sql(columns: &[Typed]) -> String {
        let n_rows = columns.first().map_or(0, |column| column.values.len());
        let row = |row_idx: usize| {
            let cells = columns.iter().map(|column| match &column.values[row_idx] {
                Some(text) => format!("'{}'", text.replace('\'', "''")),
                None => "null".to_owned(),
            });
            format!("({row_idx}, {})", cells.collect::<Vec<_>>().join(", "))
        };
        let casts: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(idx, column)| format!("cast(c{idx} as {}) as \"column {idx}\"", column.type_name))
            .collect();
        let names: Vec<String> = (0..columns.len()).map(|idx| format!("c{idx}")).collect();
        format!(
            "select n::bigint as n, {} from (values {}) t(n, {})",
            casts.join(", "),
            (0..n_rows).map(row).collect::<Vec<_>>().join(", "),
            names.join(", ")
        )
    }
}

/// Columns of every type that a sheet gets from a file. `texts`: those of a text column.
fn tables(texts: BoxedStrategy<String>, with_intervals: bool) -> BoxedStrategy<Vec<Typed>> {
    let micros = || -62_135_596_800_000_000_i64..253_402_300_800_000_000;
    let moment = |format: &'static str| {
        move |micros: i64| chrono::DateTime::from_timestamp_micros(micros).unwrap().format(format).to_string()
    };
    let to_micros = "%Y-%m-%d %H:%M:%S%.6f";
    let kind = |name: &str, values: BoxedStrategy<String>| (Just(name.to_owned()), Just(values)).boxed();
    let decimal = (0_u8..=6).prop_map(|scale| {
        let values = prop_oneof![-999_999_999_999_999_999..=999_999_999_999_999_999_i64, -9_999..10_000_i64];
        let power = 10_i128.pow(scale.into());
        let shown = move |mantissa: i64| {
            let (mantissa, sign) = (i128::from(mantissa).abs(), if mantissa < 0 { "-" } else { "" });
            match usize::from(scale) {
                0 => format!("{sign}{mantissa}"),
                scale => format!("{sign}{}.{:0scale$}", mantissa / power, mantissa % power),
            }
        };
        (format!("DECIMAL(18,{scale})"), values.prop_map(shown).boxed())
    });
    let mut kinds = vec![
        kind("BOOLEAN", any::<bool>().prop_map(|it| it.to_string()).boxed()),
        kind("BIGINT", prop_oneof![any::<i64>(), -99..100_i64].prop_map(|it| it.to_string()).boxed()),
        kind(
            "DOUBLE",
            prop_oneof![any::<i32>().prop_map(f64::from), proptest::num::f64::NORMAL]
                .prop_map(|it| format!("{it:e}"))
                .boxed(),
        ),
        decimal.boxed(),
        kind("DATE", micros().prop_map(moment("%Y-%m-%d")).boxed()),
        kind("TIME", micros().prop_map(moment("%H:%M:%S%.6f")).boxed()),
        kind("TIMESTAMP", micros().prop_map(moment(to_micros)).boxed()),
        kind(
            "TIMESTAMP",
            (-2_000_000_000_000..4_000_000_000_000_i64)
                .prop_map(move |millis| moment(to_micros)(millis * 1_000))
                .boxed(),
        ),
        kind("TIMESTAMP WITH TIME ZONE", micros().prop_map(moment("%Y-%m-%d %H:%M:%S%.6f+00")).boxed()),
        kind("VARCHAR", texts),
    ];
    if with_intervals {
        let spans =
            (0..3_000_i32, 0..86_400_000_i32).prop_map(|(days, millis)| format!("{days} days {millis} milliseconds"));
        kinds.push(kind("INTERVAL", spans.boxed()));
    }
    let column = |n_rows: usize| {
        proptest::strategy::Union::new(kinds.clone()).prop_flat_map(move |(type_name, values)| {
            proptest::collection::vec(proptest::option::weighted(0.8, values), n_rows)
                .prop_map(move |values| Typed { type_name: type_name.clone(), values })
        })
    };
    let columns: Vec<_> = (1..12_usize).map(|n_rows| proptest::collection::vec(column(n_rows), 1..7).boxed()).collect();
    proptest::strategy::Union::new(columns).boxed()
}

/// Exports, imports what was exported, and answers the columns and rows of both.
fn there_and_back(client: &mut Client, sql: &str, format: &str) -> (Value, Value, Value) {
    let table = |reply: Value| json!([reply["columns"], reply["rows"]]);
    let before = table(client.call("query", &json!({"sql": sql, "max_bytes": 1_000_000})).unwrap());
    let path = format!("$FILES/back.{format}");
    let exported = client.call("export_sheet", &json!({"sql": sql, "path": path, "overwrite": true})).unwrap();
    let imported = client.call("import_file", &json!({"path": path})).unwrap();
    let name = at(&imported, "/sheets/0/name").as_str().unwrap();
    let again = client.call("query", &json!({"sql": format!("from {name}"), "max_bytes": 1_000_000})).unwrap();
    (before, table(again), exported)
}

fn for_random_tables(tables: &BoxedStrategy<Vec<Typed>>, mut check: impl FnMut(&[Typed])) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..40 {
        check(&tables.new_tree(&mut runner).unwrap().current());
    }
}

#[test]
fn a_workbook_or_parquet_file_that_is_imported_again_is_the_same_types_included() {
    let odd =
        ["=1+1", "00123", "12", "true", "NA", "-", " x ", "_x0041_", "a\r\nb\tc", "2024-01-31", "\u{1}", "'", "1e5"];
    let texts = prop_oneof![
        proptest::sample::select(odd.to_vec()).prop_map(str::to_owned),
        "[^\\p{C}\\p{Z}][^\\p{C}]{0,12}".prop_map(|it| it)
    ];
    let bench = Bench::new();
    let mut client = bench.serve();
    for_random_tables(&tables(texts.boxed(), true), |table| {
        for format in ["parquet", "xlsx"] {
            let (before, after, exported) = there_and_back(&mut client, &Typed::sql(table), format);
            assert_eq!(before, after, "{format} {exported}\n{table:?}");
        }
    });
}

#[test]
fn a_csv_file_that_is_imported_again_has_the_same_values() {
    let bench = Bench::new();
    let mut client = bench.serve();
    let texts = "[a-z][a-z,;\" '\n\u{e9}]{0,8}x".prop_map(|it| it);
    for_random_tables(&tables(texts.boxed(), false), |table| {
        let sql = Typed::sql(table);
        let (before, _, exported) = there_and_back(&mut client, &sql, "csv");
        let casts: Vec<String> = table
            .iter()
            .enumerate()
            .map(|(idx, column)| format!("cast(\"column {idx}\" as {}) as \"column {idx}\"", column.type_name))
            .collect();
        let again = client.call("query", &json!({"sql": format!("select n, {} from back", casts.join(", "))})).unwrap();
        assert_eq!(before, json!([again["columns"], again["rows"]]), "{exported}\n{table:?}");
    });
}

/// What the notes of an export say of types.
fn retyped(client: &mut crate::harness::Client<'_>, format: &str, values: &str) -> String {
    let args = json!({"sql": format!("select a, 'some words' as k from (values ({values})) t(a), range(3)"), "path": "$FILES/again.".to_owned() + format,
                      "overwrite": true});
    let reply = client.call("export_sheet", &args).unwrap();
    let imported = client.call("import_file", &json!({"path": "$FILES/again.".to_owned() + format})).unwrap();
    let found = at(&imported, "/sheets/0/columns/0/type").as_str().unwrap().to_owned();
    client.call("delete_sheet", &json!({"sheet": "again"})).unwrap();
    let notes = reply["notes"].to_string();
    let noted = notes.split("as ").last().unwrap_or_default().trim_end_matches(['"', ']']).to_owned();
    if !notes.contains("read again, they come: ") {
        assert!(!notes.contains("types"), "{notes}");
        return found;
    }
    assert_eq!(noted, found, "{values} in {format}: {notes}");
    format!("! {found}")
}

#[test]
fn every_type_that_is_lost_is_noted() {
    let bench = Bench::new();
    let mut client = bench.serve();
    for (values, csv, json) in [
        ("1::bigint", "BIGINT", "BIGINT"),
        ("9007199254740993::bigint", "! VARCHAR", "! VARCHAR"),
        ("1::smallint", "! BIGINT", "! BIGINT"),
        ("2::double", "! BIGINT", "! BIGINT"),
        ("1.5::decimal(18,2)", "DECIMAL(18,2)", "! DOUBLE"),
        ("12345678901234567890.12::decimal(38,2)", "! DOUBLE", "! VARCHAR"),
        ("timestamptz '2024-01-31 08:30:00+00'", "TIMESTAMP WITH TIME ZONE", "! TIMESTAMP"),
        ("date '2024-01-31'", "DATE", "DATE"),
        ("interval '2 days'", "INTERVAL", "! VARCHAR"),
        ("interval '2 months'", "INTERVAL", "! VARCHAR"),
        ("'x'", "VARCHAR", "VARCHAR"),
    ] {
        let found = ["csv", "json"].map(|format| retyped(&mut client, format, values));
        assert_eq!(found, [csv, json], "{values}");
    }
}
