//! What a workbook shows besides its values, as evidence: formats, merged cells, hidden ones, tables, filters.

use rust_xlsxwriter::{ExcelDateTime, Format, Table, TableColumn, TableFunction, Workbook, Worksheet};
use serde_json::{Value, json};

use crate::harness::{Bench, Client};

/// A workbook of one worksheet.
fn book(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    fill(book.add_worksheet().set_name("data").unwrap());
    book.save_to_buffer().unwrap()
}

/// Imports it and tells what is asked of it.
fn with(book: Vec<u8>, check: impl FnOnce(&mut Client<'_>, Value)) {
    let bench = Bench::new().file("data.xlsx", book);
    let mut client = bench.serve();
    let reply = client.call("import_file", &json!({"path": "$FILES/data.xlsx"})).unwrap();
    check(&mut client, reply);
}

fn types(reply: &Value) -> Vec<(String, String)> {
    let columns = reply["sheets"][0]["columns"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    columns.iter().map(|column| (text(&column["name"]), text(&column["type"]))).collect()
}

fn names(reply: &Value) -> Vec<String> {
    types(reply).into_iter().map(|(name, _)| name).collect()
}

/// The decisions about one thing, in words.
fn decided(client: &mut Client<'_>, about: &str) -> Vec<Value> {
    let said = client.call("describe_sheet", &json!({"sheet": "data"})).unwrap();
    let decisions = said["decisions"].as_array().unwrap();
    decisions.iter().filter(|decision| decision["about"] == about).cloned().collect()
}

/// The steps that a decision offers, as they stand there.
fn offered(decision: &Value) -> Value {
    let other = decision["alternatives"][0].as_str().unwrap();
    let (_, steps) = other.split_once("transform_sheet with the steps ").unwrap();
    serde_json::from_str(steps).unwrap()
}

fn text(page: &mut Worksheet, row: u32, cells: &[&str]) {
    for (column, cell) in (0..).zip(cells) {
        if !cell.is_empty() {
            page.write(row, column, *cell).unwrap();
        }
    }
}

#[test]
fn number_formats_say_what_numbers_mean() {
    let shown = [
        ("zip", "00000", 501.0),
        ("rate", "0.0%", 0.125),
        ("price", "$#,##0.00", 9.5),
        ("cost", "#,##0.00\\ [$€-407]", 8.25),
        ("length", "0.0\" km\"", 12.5),
        ("day", "[$-409]mmmm d, yyyy;@", 45_352.0),
        ("took", "[h]:mm", 1.25),
        ("ssn", "000\\-00\\-0000", 12_345_678.0),
    ];
    let book = book(|page| {
        for (column, (name, format, number)) in (0..).zip(shown) {
            page.write(0, column, name).unwrap();
            for row in 1..3 {
                page.write_with_format(row, column, number, &Format::new().set_num_format(format)).unwrap();
            }
        }
        page.write_with_format(2, 0, 90_210, &Format::new().set_num_format("00000")).unwrap();
    });
    with(book, |client, reply| {
        let types: Vec<String> = types(&reply).into_iter().map(|(_, type_name)| type_name).collect();
        assert_eq!(types, ["VARCHAR", "DOUBLE", "DOUBLE", "DOUBLE", "DOUBLE", "DATE", "INTERVAL", "VARCHAR"]);
        assert_eq!(
            client.rows("from data"),
            json!([
                ["00501", 0.125, 9.5, 8.25, 12.5, "2024-03-01", "P1DT6H", "012-34-5678"],
                ["90210", 0.125, 9.5, 8.25, 12.5, "2024-03-01", "P1DT6H", "012-34-5678"],
            ])
        );
        let said = client.call("describe_sheet", &json!({"sheet": "data"})).unwrap();
        assert_eq!(
            said["column_notes"],
            json!([
                {"column": "rate", "note": "unit: % as a fraction (0.25 is shown as 25%)"},
                {"column": "price", "note": "unit: $"},
                {"column": "cost", "note": "unit: €"},
                {"column": "length", "note": "unit: km"},
            ])
        );
        assert_eq!(said["columns"][5]["because"], "all 2 values are dates; number format `[$-409]mmmm d, yyyy;@`");
    });
}

#[test]
fn one_column_of_several_currencies_says_so() {
    let book = book(|page| {
        text(page, 0, &["item", "price"]);
        for (row, format) in (1..).zip(["$0.00", "$0.00", "[$€-407]0.00"]) {
            page.write(row, 0, "x").unwrap();
            page.write_with_format(row, 1, 2.5, &Format::new().set_num_format(format)).unwrap();
        }
    });
    with(book, |client, _| {
        let said = client.call("describe_sheet", &json!({"sheet": "data"})).unwrap();
        let note = json!([{"column": "price", "note": "unit by cell: $ in 2 cells, € in 1 cells, of 3"}]);
        assert_eq!(said["column_notes"], note);
    });
}

#[test]
fn merged_cells_name_columns_and_rows_and_never_double_numbers() {
    let plain = Format::new();
    let book = book(|page| {
        page.merge_range(0, 0, 0, 5, "Sales of two years", &plain).unwrap();
        page.merge_range(2, 0, 3, 0, "Region", &plain).unwrap();
        page.merge_range(2, 1, 3, 1, "City", &plain).unwrap();
        page.merge_range(2, 2, 2, 3, "2023", &plain).unwrap();
        page.merge_range(2, 4, 2, 5, "2024", &plain).unwrap();
        text(page, 3, &["", "", "Units", "Sales", "Units", "Sales"]);
        page.merge_range(4, 0, 6, 0, "North", &plain).unwrap();
        page.merge_range(7, 0, 8, 0, "South", &plain).unwrap();
        for (row, city) in (4..).zip(["Kiel", "Bremen", "Hamburg", "Ulm", "Bonn"]) {
            page.write(row, 1, city).unwrap();
            for column in 2..6 {
                page.write(row, column, f64::from(row) + f64::from(column) / 4.0).unwrap();
            }
        }
        page.merge_range(7, 5, 8, 5, "", &plain).unwrap();
        page.write(7, 5, 100).unwrap();
    });
    with(book, |client, reply| {
        assert_eq!(names(&reply), ["Region", "City", "2023 Units", "2023 Sales", "2024 Units", "2024 Sales"]);
        assert_eq!(
            client.rows("select Region, City, \"2024 Sales\" from data"),
            json!([
                ["North", "Kiel", 5.25],
                ["North", "Bremen", 6.25],
                ["North", "Hamburg", 7.25],
                ["South", "Ulm", 100],
                ["South", "Bonn", null],
            ])
        );
        let fills = decided(client, "fill");
        let words: Vec<&str> = fills.iter().map(|fill| fill["decided"].as_str().unwrap()).collect();
        assert_eq!(
            words,
            [
                "merged cells of column A hold their value in each of their rows: A5:A7: North; A8:A9: South",
                "numbers in merged cells of column F stand in their first row only: F8:F9: 100",
            ]
        );
        client.call("transform_sheet", &json!({"sheet": "data", "steps": offered(&fills[1])})).unwrap();
        assert_eq!(client.rows("select \"2024 Sales\" from data where City = 'Bonn'"), json!([[100]]));
    });
}

#[test]
fn a_header_cell_over_two_rows_of_words_takes_both_into_the_header() {
    let plain = Format::new();
    let book = book(|page| {
        page.merge_range(0, 0, 1, 0, "Name", &plain).unwrap();
        page.merge_range(0, 1, 0, 2, "Contact", &plain).unwrap();
        page.merge_range(0, 3, 1, 3, "Kind", &plain).unwrap();
        text(page, 1, &["", "Mail", "Town", ""]);
        text(page, 2, &["Ann", "ann@a.b", "Ulm", "x"]);
        text(page, 3, &["Bob", "bob@a.b", "Bonn", "y"]);
        text(page, 4, &["Cid", "cid@a.b", "Kiel", "x"]);
    });
    with(book, |client, reply| {
        assert_eq!(names(&reply), ["Name", "Contact Mail", "Contact Town", "Kind"]);
        assert_eq!(client.rows("select count(*) from data"), json!([[3]]));
    });
}

#[test]
fn what_is_hidden_is_read_and_said() {
    let book = book(|page| {
        text(page, 0, &["a", "secret"]);
        for row in 1..7 {
            page.write(row, 0, row).unwrap().write(row, 1, row * row).unwrap();
        }
        page.set_column_hidden(1).unwrap();
        page.set_row_hidden(2).unwrap().set_row_hidden(3).unwrap();
    });
    with(book, |client, reply| {
        assert_eq!(client.rows("select sum(secret) from data"), json!([[91]]));
        let issues = reply["sheets"][0]["issues"].as_array().unwrap();
        let found: Vec<Value> =
            issues.iter().map(|issue| json!([issue["code"], issue["count"], issue["examples"]])).collect();
        assert_eq!(found, [json!(["hidden_rows", 2, ["row 3", "row 4"]]), json!(["hidden_columns", 1, ["B: secret"]])]);
        let said = client.call("describe_sheet", &json!({"sheet": "data"})).unwrap();
        assert_eq!(said["column_notes"][0]["note"], "the column is hidden in the workbook");
    });
}

#[test]
fn a_very_hidden_worksheet_says_so() {
    let mut book = Workbook::new();
    text(book.add_worksheet().set_name("shown").unwrap(), 0, &["a"]);
    let page = book.add_worksheet().set_name("data").unwrap();
    page.set_very_hidden(true);
    text(page, 0, &["key", "value"]);
    text(page, 1, &["a", "b"]);
    with(book.save_to_buffer().unwrap(), |client, reply| {
        assert_eq!(reply["sheets"][1]["hidden"], true);
        let said = client.call("describe_sheet", &json!({"sheet": "data"})).unwrap();
        assert!(said["sheet_notes"].to_string().contains("only a program can show it"), "{said}");
    });
}

#[test]
fn a_worksheet_of_several_tables_is_several_sheets() {
    let book = book(|page| {
        text(page, 0, &["Two tables"]);
        let columns = [
            TableColumn::new().set_header("item").set_total_label("Altogether"),
            TableColumn::new().set_header("qty").set_total_function(TableFunction::Sum),
        ];
        let orders = Table::new().set_name("Orders").set_columns(&columns).set_total_row(true);
        page.add_table(2, 0, 5, 1, &orders).unwrap();
        text(page, 3, &["tea"]);
        text(page, 4, &["milk"]);
        page.write(3, 1, 5).unwrap().write(4, 1, 7).unwrap();
        let columns = ["who", "cost"].map(|name| TableColumn::new().set_header(name));
        page.add_table(2, 4, 4, 5, &Table::new().set_name("Costs").set_columns(&columns)).unwrap();
        page.write(3, 4, "Ann").unwrap().write(3, 5, 1.5).unwrap();
        page.write(4, 4, "Bob").unwrap().write(4, 5, 2.5).unwrap();
    });
    with(book, |client, reply| {
        let titles: Vec<&Value> = reply["sheets"].as_array().unwrap().iter().map(|sheet| &sheet["title"]).collect();
        assert_eq!(titles, ["Orders", "Costs"]);
        assert_eq!(client.rows("from orders"), json!([["tea", 5], ["milk", 7]]));
        assert_eq!(client.rows("from costs"), json!([["Ann", 1.5], ["Bob", 2.5]]));
        let said = client.call("describe_sheet", &json!({"sheet": "orders"})).unwrap();
        let said = said["decisions"].to_string();
        assert!(said.contains("the workbook's own table says it") && said.contains("row 6 left out"), "{said}");
    });
}

#[test]
fn a_filter_starts_at_the_header() {
    let book = book(|page| {
        text(page, 0, &["Made", "by", "the", "office"]);
        text(page, 2, &["Code", "Name", "Kind", "Note"]);
        for row in 3..8 {
            text(page, row, &["x", "some words", "kind", "note"]);
        }
        page.autofilter(2, 0, 7, 3).unwrap();
    });
    with(book, |client, reply| {
        assert_eq!(names(&reply), ["Code", "Name", "Kind", "Note"]);
        let because = decided(client, "header")[0]["because"].to_string();
        assert!(because.contains("the workbook's filter starts there"), "{because}");
    });
}

#[test]
fn bold_numbers_above_others_are_a_header() {
    let numbers = |format: &Format| {
        book(|page| {
            for column in 0..3 {
                page.write_with_format(0, column, [1, 4, 9][usize::from(column)], format).unwrap();
                for row in 1..6 {
                    page.write(row, column, f64::from(row) * 1.5).unwrap();
                }
            }
        })
    };
    with(numbers(&Format::new().set_bold()), |_, reply| assert_eq!(names(&reply), ["1", "4", "9"]));
    with(numbers(&Format::new()), |_, reply| assert_eq!(names(&reply), ["column_1", "column_2", "column_3"]));
}

#[test]
fn groups_are_nested_as_the_workbook_indents_them() {
    let book = book(|page| {
        text(page, 0, &["Account", "Amount"]);
        let rows = [
            ("Assets", 0, None),
            ("Current", 1, None),
            ("Cash", 2, Some(1)),
            ("Bills", 2, Some(2)),
            ("Fixed", 1, None),
            ("Plant", 2, Some(3)),
            ("Debts", 0, None),
            ("Loan", 1, Some(4)),
            ("Tax", 1, Some(5)),
        ];
        for (row, (name, indent, amount)) in (1..).zip(rows) {
            page.write_with_format(row, 0, name, &Format::new().set_indent(indent)).unwrap();
            if let Some(amount) = amount {
                page.write(row, 1, amount).unwrap();
            }
        }
    });
    with(book, |client, _| {
        assert_eq!(
            client.rows("select \"group\", Account from data"),
            json!([
                ["Assets / Current", "Cash"],
                ["Assets / Current", "Bills"],
                ["Assets / Fixed", "Plant"],
                ["Debts", "Loan"],
                ["Debts", "Tax"],
            ])
        );
    });
}

#[test]
fn dates_across_can_be_unpivoted_as_the_receipt_says() {
    let month = Format::new().set_num_format("mmm yy");
    let book = book(|page| {
        page.write(0, 0, "Product").unwrap();
        for column in 1..5_u16 {
            let day = ExcelDateTime::from_ymd(2024, u8::try_from(column).unwrap(), 1).unwrap();
            page.write_with_format(0, column, &day, &month).unwrap();
            page.write(1, column, column * 10).unwrap().write(2, column, column * 20).unwrap();
        }
        page.write(1, 0, "tea").unwrap().write(2, 0, "milk").unwrap();
    });
    with(book, |client, _| {
        let shape = decided(client, "shape");
        client.call("transform_sheet", &json!({"sheet": "data", "steps": offered(&shape[0])})).unwrap();
        assert_eq!(
            client.rows("select Product, date, value from data where date like '2024-03%' order by 1"),
            json!([["milk", "2024-03-01", 60], ["tea", "2024-03-01", 30]])
        );
        assert_eq!(client.rows("select count(*) from data"), json!([[8]]));
    });
}

#[test]
fn records_across_can_be_turned_as_the_receipt_says() {
    let day = Format::new().set_num_format("yyyy-mm-dd");
    let book = book(|page| {
        text(page, 0, &["Name", "Ann", "Bob", "Cid"]);
        text(page, 1, &["Age"]);
        text(page, 2, &["Born"]);
        text(page, 3, &["City", "Ulm", "Bonn", "Kiel"]);
        for column in 1..4_u16 {
            page.write(1, column, 30 + column).unwrap();
            let born = ExcelDateTime::from_ymd(1990 + column, 1, 2).unwrap();
            page.write_with_format(2, column, &born, &day).unwrap();
        }
    });
    with(book, |client, _| {
        let shape = decided(client, "shape");
        assert_eq!(
            shape[0]["decided"],
            "kept as it is: fields go down column `Name`, and each other column is one record"
        );
        client.call("transform_sheet", &json!({"sheet": "data", "steps": offered(&shape[0])})).unwrap();
        assert_eq!(
            client.rows("select record, Age, Born, City from data order by record"),
            json!([
                ["Ann", "31", "1991-01-02", "Ulm"],
                ["Bob", "32", "1992-01-02", "Bonn"],
                ["Cid", "33", "1993-01-02", "Kiel"],
            ])
        );
    });
}
