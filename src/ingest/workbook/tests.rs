//! Workbooks made on the spot, read back cell by cell.

use std::{fmt::Write as _, fs, io::Write as _, ops::ControlFlow};

use rust_xlsxwriter::{Format as Style, Formula, Workbook};
use tempfile::NamedTempFile;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::super::{Limits, Options, ReadError, cell::Cell, format::Format};

fn limits() -> Limits {
    Limits { file_bytes: 1 << 30, inflated_bytes: 64 << 20, cells: 10_000_000, columns: 16_384, sheets: 100 }
}

fn saved(book: &mut Workbook) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    book.save(file.path()).unwrap();
    file
}

/// Everything read, one line a sheet, row or issue.
fn text_of(file: &NamedTempFile, format: Format, options: &Options, limits: &Limits) -> Result<String, ReadError> {
    let (tables, issues) = super::tables(file.path(), format, options, limits)?;
    let mut text = String::new();
    for table in tables {
        writeln!(text, "{}{}", table.title, if table.hidden { " (hidden)" } else { "" }).unwrap();
        for _ in 0..2 {
            let mut rows = String::new();
            table.source.read(&mut |batch| {
                for row in batch.rows() {
                    let cells: Vec<String> = row.cells().map(|(col, cell)| format!("{col}={}", show(cell))).collect();
                    writeln!(rows, " {}: {}", row.number, cells.join(" ")).unwrap();
                }
                ControlFlow::Continue(())
            })?;
            // A second reading gives the same.
            assert!(!text.ends_with(&rows) || rows.is_empty() || text.find(&rows) == text.rfind(&rows));
            if !text.ends_with(&rows) {
                text.push_str(&rows);
            }
        }
    }
    for issue in issues {
        writeln!(text, "{} {} {:?}", issue.code, issue.count, issue.examples).unwrap();
    }
    Ok(text)
}

fn show(cell: Cell<'_>) -> String {
    match cell {
        Cell::Empty => "-".to_owned(),
        Cell::Text(text) => format!("{text:?}"),
        Cell::Number(number) => number.to_string(),
        Cell::Boolean(boolean) => boolean.to_string(),
        Cell::Date(days) => {
            (chrono::NaiveDate::default() + chrono::TimeDelta::days(days.into())).format("%F").to_string()
        }
        Cell::Time(micros) => {
            let time = chrono::NaiveTime::MIN + chrono::TimeDelta::microseconds(micros);
            time.format("%T%.f").to_string()
        }
        Cell::Timestamp(micros) => {
            chrono::DateTime::from_timestamp_micros(micros).unwrap().naive_utc().format("%FT%T%.f").to_string()
        }
        Cell::Duration(millis) => format!("{millis}ms"),
        Cell::Error(text) => text.to_owned(),
        Cell::Unevaluated(_) => "?".to_owned(),
    }
}

#[track_caller]
fn check(file: &NamedTempFile, expect: &str) {
    assert_eq!(text_of(file, Format::Xlsx, &Options::default(), &limits()).unwrap(), expect);
}

#[track_caller]
fn check_error(file: &NamedTempFile, format: Format, expect: &str) {
    let error = text_of(file, format, &Options::default(), &limits()).unwrap_err();
    assert_eq!(error.to_string(), expect);
}

/// An XLSX of one worksheet, from the inside of its `sheetData`.
fn by_hand(workbook_pr: &str, sheet_data: &str) -> NamedTempFile {
    package(&[
        (
            "_rels/.rels",
            r#"<Relationships><Relationship Id="rId1" Type="x/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            &format!(
                r#"<workbook xmlns:r="r">{workbook_pr}<sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        ),
        (
            "xl/styles.xml",
            r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#,
        ),
        ("xl/worksheets/sheet1.xml", &format!("<worksheet><sheetData>{sheet_data}</sheetData></worksheet>")),
    ])
}

fn package(parts: &[(&str, &str)]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    let mut zip = ZipWriter::new(file.reopen().unwrap());
    for (name, text) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    file
}

#[test]
fn dates_come_out_as_their_number_format_shows_them() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, (serial, format)) in [
        (45_292.0, "yyyy-mm-dd"),
        (45_292.5, "yyyy-mm-dd"),
        (45_292.0, "yyyy-mm-dd hh:mm"),
        (45_292.75, "m/d/yy h:mm AM/PM"),
        (43_831.999_999, "dd.mm.yyyy hh:mm:ss"),
        (43_831.999_999_999_9, "d mmm yyyy"),
        (0.25, "h:mm"),
        (0.5, "mm:ss"),
        (1.5, "[h]:mm"),
        (-0.5, "[h]:mm"),
        (0.0, "h:mm:ss"),
        (1.0, "mmm-yy"),
        (59.0, "yyyy-mm-dd"),
        (60.0, "yyyy-mm-dd"),
        (61.0, "yyyy-mm-dd"),
        (2_958_465.0, "yyyy-mm-dd"),
        (2_958_466.0, "yyyy-mm-dd"),
        (-1.0, "yyyy-mm-dd"),
        (45_292.0, "[$-409]dddd, mmmm dd, yyyy;@"),
        (45_292.0, "yyyy\"年\"m\"月\"d\"日\""),
        (12.5, "0.0 \"days\""),
        (12.5, "[Red]#,##0.00 \\m"),
    ]
    .into_iter()
    .enumerate()
    {
        let style = Style::new().set_num_format(format);
        sheet.write_number_with_format(u32::try_from(row).unwrap(), 0, serial, &style).unwrap();
    }
    check(
        &saved(&mut book),
        "Sheet1\n 1: 0=2024-01-01\n 2: 0=2024-01-01T12:00:00\n 3: 0=2024-01-01T00:00:00\n 4: 0=2024-01-01T18:00:00\n 5: 0=2020-01-01T23:59:59.914\n 6: 0=2020-01-02\n 7: 0=06:00:00\n 8: 0=12:00:00\n 9: 0=129600000ms\n 10: 0=-43200000ms\n 11: 0=00:00:00\n 12: 0=1900-01-01\n 13: 0=1900-02-28\n 14: 0=60\n 15: 0=1900-03-01\n 16: 0=9999-12-31\n 17: 0=2958466\n 18: 0=-1\n 19: 0=2024-01-01\n 20: 0=2024-01-01\n 21: 0=12.5\n 22: 0=12.5\n",
    );
}

#[test]
fn the_1904_flag_moves_every_date() {
    let file = by_hand(
        r#"<workbookPr date1904="1"/>"#,
        r#"<row r="1"><c r="A1" s="1"><v>0</v></c><c r="B1" s="1"><v>43830</v></c></row>"#,
    );
    check(&file, "S\n 1: 0=1904-01-01 1=2024-01-01\n");
}

#[test]
fn every_kind_of_cell_is_read() {
    let file = by_hand(
        "",
        concat!(
            r#"<row r="2"><c r="B2" t="inlineStr"><is><r><t>a </t></r><r><t xml:space="preserve"> b_x000D_</t></r><rPh><t>no</t></rPh></is></c>"#,
            r#"<c r="C2" t="b"><v>1</v></c><c r="D2" t="e"><v>#N/A</v></c><c r="E2" t="d"><v>2024-01-02T03:04:05</v></c>"#,
            r#"<c r="F2" t="d"><v>2024-01-02</v></c><c r="G2" s="1"/><c r="H2"><v>1.5</v></c></row>"#,
            r#"<row r="4"><c r="A4"><f>1+1</f></c><c r="B4"><f>1+1</f><v></v></c><c r="C4"><f>1+1</f><v>2</v></c>"#,
            r#"<c r="D4" t="str"><f>""</f><v></v></c><c r="E4" t="str"><f>"x"</f><v>x &amp; y</v></c><c r="F4"/></row>"#,
        ),
    );
    check(
        &file,
        "S\n 2: 1=\"a b\\r\" 2=true 3=#N/A 4=2024-01-02T03:04:05 5=2024-01-02 7=1.5\n 4: 0=? 1=? 2=2 4=\"x & y\"\n",
    );
}

#[test]
fn one_far_cell_costs_nothing() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "near").unwrap();
    sheet.write_string(200_000, 16_383, "far").unwrap();
    check(&saved(&mut book), "Sheet1\n 1: 0=\"near\"\n 200001: 16383=\"far\"\n");
}

#[test]
fn sheets_are_marked_chosen_and_left_out() {
    let mut book = Workbook::new();
    book.add_worksheet().set_name("One").unwrap().write_number(0, 0, 1).unwrap();
    book.add_worksheet().set_name("Blank").unwrap();
    book.add_worksheet()
        .set_name("Two")
        .unwrap()
        .set_hidden(true)
        .write_formula(0, 0, Formula::new("=1+1").set_result("2"))
        .unwrap();
    book.add_worksheet().set_name("Three").unwrap().set_very_hidden(true).write_number(0, 0, 3).unwrap();
    let file = saved(&mut book);
    check(&file, "One\n 1: 0=1\nTwo (hidden)\n 1: 0=2\nThree (hidden)\n 1: 0=3\nempty_sheets 1 [\"Blank\"]\n");
    let one = |sheet: &str| {
        let options = Options { sheet: Some(sheet.to_owned()), ..Options::default() };
        text_of(&file, Format::Xlsx, &options, &limits())
    };
    assert_eq!(one("two").unwrap(), "Two (hidden)\n 1: 0=2\n");
    assert_eq!(one("Four").unwrap_err().to_string(), "the workbook has no worksheet named `Four`");
}

#[test]
fn limits_are_faults() {
    let mut book = Workbook::new();
    book.add_worksheet().write_number(0, 20, 1).unwrap();
    book.add_worksheet().write_number(0, 0, 1).unwrap();
    let file = saved(&mut book);
    let with = |limits: Limits| text_of(&file, Format::Xlsx, &Options::default(), &limits).unwrap_err().to_string();
    assert_eq!(with(Limits { columns: 20, ..limits() }), "columns of a sheet: 21 is over the limit of 20");
    assert_eq!(with(Limits { sheets: 1, ..limits() }), "sheets of a workbook: 2 is over the limit of 1");
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let file = by_hand("", &" ".repeat(65 << 20));
    let error = text_of(&file, Format::Xlsx, &Options::default(), &limits()).unwrap_err();
    assert!(matches!(error, ReadError::Limit { what: "bytes of the workbook once inflated", .. }), "{error}");
    assert!(fs::metadata(file.path()).unwrap().len() < 1 << 20);
    let strings = package(&[("xl/sharedStrings.xml", r#"<sst uniqueCount="99999999999999"></sst>"#)]);
    check_error(&strings, Format::Xlsx, "the file is damaged: it says that it has 99999999999999 shared strings");
}

#[test]
fn a_damaged_workbook_says_so() {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), b"PK\x03\x04 and then nothing").unwrap();
    let error = text_of(&file, Format::Xlsx, &Options::default(), &limits()).unwrap_err();
    assert!(matches!(error, ReadError::Damaged(_)), "{error}");
    let file = by_hand("", r#"<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>"#);
    check_error(&file, Format::Xlsx, "the file is damaged: the cell A1 comes after those of row 2");
    let file = by_hand("", r#"<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>"#);
    check_error(&file, Format::Xlsx, "the file is damaged: the cell A1 is there twice");
}

#[test]
fn a_cell_that_is_damaged_is_an_error_cell() {
    let file = by_hand(
        "",
        concat!(
            r##"<row r="1"><c r="A1"><v>1</v></c><c r="B1" t="e"><f>X()</f><v>#SPILL!</v></c><c r="C1" t="s"><v>7</v></c><c r="D1"><v>4</v></c></row>"##,
            r#"<row r="2"><c r="C2" t="n"><v>x</v></c><c r="A2"><f>1</f></c><c r="B2"><v>2</v></c></row>"#,
        ),
    );
    check(
        &file,
        "S\n 1: 0=1 1=#SPILL! 2=Cell string index not found in shared strings table 3=4\n 2: 0=? 1=2 2=Parse float error: invalid float literal\n",
    );
}

#[test]
fn a_part_is_held_to_the_size_it_declares() {
    let file = by_hand("", &"<row><c><v>1</v></c></row>".repeat(10_000));
    let mut bytes = fs::read(file.path()).unwrap();
    let entry = bytes.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    bytes[entry + 24..entry + 28].copy_from_slice(&1_000_u32.to_le_bytes());
    fs::write(file.path(), bytes).unwrap();
    let text = text_of(&file, Format::Xlsx, &Options::default(), &limits());
    assert!(matches!(text, Err(ReadError::Damaged(_))), "{text:?}");
}

#[test]
fn a_damaged_sheet_leaves_the_others() {
    let mut book = Workbook::new();
    book.add_worksheet().set_name("Good").unwrap().write_number(0, 0, 1).unwrap();
    book.add_worksheet().set_name("Bad").unwrap().write_number(0, 0, 2).unwrap();
    let whole = saved(&mut book);
    let file = NamedTempFile::new().unwrap();
    let mut zip = ZipWriter::new(file.reopen().unwrap());
    let mut archive = zip::ZipArchive::new(whole.reopen().unwrap()).unwrap();
    for idx in 0..archive.len() {
        let part = archive.by_index_raw(idx).unwrap();
        if part.name().unwrap() == "xl/worksheets/sheet2.xml" {
            zip.start_file("xl/worksheets/sheet2.xml", SimpleFileOptions::default()).unwrap();
            zip.write_all(br#"<worksheet><sheetData><row r="1"><c r="A1"><v>1"#).unwrap();
        } else {
            zip.raw_copy_file(part).unwrap();
        }
    }
    zip.finish().unwrap();
    let read = |sheet: Option<&str>| {
        let options = Options { sheet: sheet.map(str::to_owned), ..Options::default() };
        super::super::read(file.path(), "book.xlsx", &options, &limits(), None, &mut |_| {})
    };
    let receipt = read(None).unwrap();
    assert_eq!(receipt.sheets.iter().map(|sheet| sheet.title.as_str()).collect::<Vec<_>>(), ["Good"]);
    assert_eq!(
        receipt.issues.iter().map(|issue| (issue.code.as_str(), issue.count)).collect::<Vec<_>>(),
        [("unreadable_sheets", 1)]
    );
    assert!(receipt.issues[0].examples[0].starts_with("Bad: "), "{:?}", receipt.issues);
    assert!(read(Some("Bad")).unwrap_err().message.starts_with("the file is damaged: "));
}

/// A compound file of one stream.
fn container(stream: &str, content: &[u8]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    let mut container = cfb::CompoundFile::create(file.reopen().unwrap()).unwrap();
    container.create_stream(stream).unwrap().write_all(content).unwrap();
    container.flush().unwrap();
    file
}

#[test]
fn what_a_password_protects_is_refused() {
    // BIFF8: the begin of the globals, the record of a password, the end.
    let begin = [&[0x09, 0x08, 16, 0, 0, 6, 5, 0][..], &[0; 12]].concat();
    let password = [0x2F, 0, 6, 0, 0, 0, 1, 2, 3, 4];
    let book = [&begin[..], &password, &[0x0A, 0, 0, 0]].concat();
    check_error(&container("/Workbook", &book), Format::Xls, "the workbook is encrypted");
    check_error(&container("/EncryptedPackage", &[0; 64]), Format::Xls, "the workbook is encrypted");
}

/// An ODS from the inside of its `office:spreadsheet`.
fn ods(tables: &str) -> NamedTempFile {
    let styles = r#"<style:style style:name="ta2"><style:table-properties table:display="false"/></style:style>"#;
    package(&[
        ("mimetype", "application/vnd.oasis.opendocument.spreadsheet"),
        ("content.xml", &format!("<office:document-content>{styles}{tables}</office:document-content>")),
    ])
}

#[test]
fn an_ods_is_read_cell_by_cell() {
    let file = ods(concat!(
        r#"<table:table table:name="A"><table:table-row table:number-rows-repeated="2"><table:table-cell/>"#,
        r#"<table:table-cell office:value-type="float" office:value="1.5" table:number-columns-repeated="2"><text:p>1,5</text:p></table:table-cell></table:table-row>"#,
        r#"<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>"#,
        r#"<table:table table:name="B" table:style-name="ta2"><table:table-row>"#,
        r#"<table:table-cell office:value-type="date" office:date-value="2024-01-02"/>"#,
        r#"<table:table-cell office:value-type="date" office:date-value="2024-01-02T03:04:05.5"/>"#,
        r#"<table:table-cell office:value-type="time" office:time-value="PT10H30M00S"/>"#,
        r#"<table:table-cell office:value-type="time" office:time-value="PT100H00M00S"/>"#,
        r#"<table:table-cell office:value-type="boolean" office:boolean-value="true"/>"#,
        r#"<table:table-cell office:value-type="string"><office:annotation><text:p>no</text:p></office:annotation><text:p>a &amp;<text:s text:c="2"/>b</text:p><text:p>c</text:p></table:table-cell>"#,
        r##"<table:table-cell table:formula="of:=1/0" office:value-type="string" office:string-value="" calcext:value-type="error"><text:p>#DIV/0!</text:p></table:table-cell>"##,
        r#"<table:table-cell table:formula="of:=1+1"/></table:table-row></table:table><table:table table:name="C"/>"#,
    ));
    let text = text_of(&file, Format::Ods, &Options::default(), &limits()).unwrap();
    assert_eq!(
        text,
        "A\n 1: 1=1.5 2=1.5\n 2: 1=1.5 2=1.5\nB (hidden)\n 1: 0=2024-01-02 1=2024-01-02T03:04:05.500 2=10:30:00 3=360000000ms 4=true 5=\"a &  b\\nc\" 6=#DIV/0! 7=?\nempty_sheets 1 [\"C\"]\n"
    );
    check_error(
        &ods("<table:table table:name=\"A\">"),
        Format::Ods,
        "the file is damaged: ill-formed document: expected `</table:table>`, but `</office:document-content>` was found",
    );
}

#[test]
fn what_an_ods_repeats_counts_before_it_is_written_out() {
    let cell = |repeated: u32, text: &str| {
        format!(
            "<table:table-cell office:value-type=\"string\" table:number-columns-repeated=\"{repeated}\"><text:p>{text}</text:p></table:table-cell>"
        )
    };
    let table = |n_rows: u32, cells: &str| {
        ods(&format!(
            "<table:table table:name=\"A\"><table:table-row table:number-rows-repeated=\"{n_rows}\">{cells}</table:table-row></table:table>"
        ))
    };
    check_error(
        &table(1 << 20, &cell(16_384, "x")),
        Format::Ods,
        "cells of a file: 17179869184 is over the limit of 10000000",
    );
    check_error(
        &table(1_000, &cell(1, &"x".repeat(100_000))),
        Format::Ods,
        "bytes of the workbook once inflated: 100000000 is over the limit of 67108864",
    );
    check_error(
        &table(1, &cell(1, &"<text:s text:c=\"16384\"/>".repeat(10_000))),
        Format::Ods,
        "the file is damaged: a cell's text is longer than 16 MB",
    );
    // Where a blank row or column is repeated to the end of the sheet, nothing is there.
    let padded = table(1, &format!("{}<table:table-cell table:number-columns-repeated=\"16383\"/>", cell(1, "x")));
    assert_eq!(text_of(&padded, Format::Ods, &Options::default(), &limits()).unwrap(), "A\n 1: 0=\"x\"\n");
}

#[test]
fn an_encrypted_ods_is_refused() {
    let file = package(&[("META-INF/manifest.xml", "<m><manifest:encryption-data/></m>"), ("content.xml", "?")]);
    check_error(&file, Format::Ods, "the workbook is encrypted");
}

/// An XLSB with one sheet of these cells: kind of record, and what follows row, column and style.
fn xlsb(cells: &[(u8, &[u8])]) -> NamedTempFile {
    let record = |kind: u16, body: &[u8]| {
        let kind = if kind < 0x80 {
            vec![kind.to_le_bytes()[0]]
        } else {
            vec![(kind & 0x7F | 0x80).to_le_bytes()[0], (kind >> 7).to_le_bytes()[0]]
        };
        [&kind, &[u8::try_from(body.len()).unwrap()][..], body].concat()
    };
    let wide = |text: &str| {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [&u32::try_from(units.len() / 2).unwrap().to_le_bytes()[..], &units].concat()
    };
    let bundle = [&[0; 4][..], &[1, 0, 0, 0], &wide("rId1"), &wide("A")].concat();
    let workbook = [record(0x9C, &bundle), record(0x90, &[]), record(0x84, &[])].concat();
    let mut sheet = [record(0x81, &[]), record(0x94, &[0; 16]), record(0x91, &[]), record(0x00, &[0; 17])].concat();
    for (col_idx, (kind, value)) in (0_u32..).zip(cells) {
        sheet.extend(record(u16::from(*kind), &[&col_idx.to_le_bytes()[..], &[0; 4], value].concat()));
    }
    sheet.extend([record(0x92, &[]), record(0x82, &[])].concat());
    let relations = r#"<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.bin"/></Relationships>"#;
    let file = NamedTempFile::new().unwrap();
    let mut zip = ZipWriter::new(file.reopen().unwrap());
    for (name, bytes) in [
        ("xl/_rels/workbook.bin.rels", relations.as_bytes()),
        ("xl/workbook.bin", &workbook),
        ("xl/worksheets/sheet1.bin", &sheet),
    ] {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    file
}

#[test]
fn errors_of_an_xlsb_are_error_cells_whatever_made_them() {
    let file = xlsb(&[
        (0x05, &1.5_f64.to_le_bytes()),
        (0x03, &[0x2A]),
        (0x0B, &[0x07, 0, 0, 0, 0, 0, 0]),
        (0x03, &[0x99]),
        (0x04, &[1]),
    ]);
    let text = text_of(&file, Format::Xlsb, &Options::default(), &limits()).unwrap();
    assert_eq!(text, "A\n 1: 0=1.5 1=#N/A 2=#DIV/0! 3=#REF! 4=true\n");
}
