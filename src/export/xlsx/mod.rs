//! Workbooks, one worksheet per table, rows written as they come.

mod cells;
mod formats;
mod titles;

use rust_xlsxwriter::{DocProperties, Workbook, Worksheet, XlsxError};

use super::{
    Order, Table, Written, distinct_names,
    findings::{Findings, Place, is_carried},
    output, share,
};
use crate::{
    engine::{
        Engine,
        rows::{Batch, Sink},
    },
    fault::{Code, Fault},
    ingest::declared,
    value::Column,
};

use self::{
    cells::{Put, put},
    formats::{Formats, Kind},
};

/// What a worksheet can hold, its header included.
const MAX_ROWS: u64 = 1_048_576;
const MAX_COLUMNS: usize = 16_384;
/// UTF-16 units of a cell's text.
const MAX_UNITS: usize = 32_767;
/// Rows that say how wide the columns should be.
const N_MEASURED: u64 = 1_000;

pub(super) fn write(
    engine: &mut Engine,
    order: &Order,
    findings: &mut Findings,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<Written>, Fault> {
    let mut workbook = Workbook::new();
    let folder = order.target.parent().unwrap_or(&order.target);
    workbook.set_tempdir(folder).map_err(fault)?;
    let mut properties = DocProperties::new().set_comment("Written by Quire");
    let titles = titles::distinct(order.tables.iter().map(|table| table.title.as_str()));
    let mut written = Vec::new();
    for (table, title) in order.tables.iter().zip(titles) {
        if table.n_rows.is_some_and(|n_rows| n_rows >= MAX_ROWS) {
            return Err(too_many_rows(&table.title));
        }
        if title != table.title {
            findings.retitled(&table.title, &title);
        }
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(fault)?;
        sheet.set_name(&title).map_err(fault)?;
        let formats = Formats::new();
        let mut writer = Writer {
            sheet,
            formats: &formats,
            table,
            findings,
            progress,
            columns: Vec::new(),
            names: Vec::new(),
            kinds: Vec::new(),
            widths: Vec::new(),
            come_back: Vec::new(),
            n_rows: 0,
            text: String::new(),
        };
        engine.stream(&table.source, &mut writer)?;
        let types = writer.types(&title);
        written.push(writer.finish(&title)?);
        for (name, value) in types {
            properties = properties.set_custom_property(name, value);
        }
    }
    workbook.set_properties(&properties);
    workbook.save(&order.target).map_err(fault)?;
    Ok(written)
}

struct Writer<'a> {
    sheet: &'a mut Worksheet,
    formats: &'a Formats,
    table: &'a Table,
    findings: &'a mut Findings,
    progress: &'a mut dyn FnMut(f64),
    columns: Vec<Column>,
    names: Vec<String>,
    kinds: Vec<Kind>,
    /// In characters.
    widths: Vec<usize>,
    /// Whether every value can be read again as the column's type.
    come_back: Vec<bool>,
    n_rows: u64,
    text: String,
}

impl Sink for Writer<'_> {
    fn begin(&mut self, columns: &[Column]) -> Result<(), Fault> {
        if columns.len() > MAX_COLUMNS {
            return Err(Fault::new(
                Code::LimitExceeded,
                format!("`{}` has {} columns; a worksheet holds {MAX_COLUMNS}", self.table.title, columns.len()),
            )
            .hint("name fewer columns in `sql`, or use format csv or parquet"));
        }
        self.names = distinct_names(columns);
        self.findings.renamed(columns, &self.names);
        self.columns = columns.to_vec();
        self.come_back = vec![true; columns.len()];
        self.kinds = columns.iter().map(|column| Kind::of(&column.type_name)).collect();
        for (col_idx, name) in (0_u16..).zip(&self.names) {
            check_length(name, Place { column: name, row_number: 0 })?;
            self.sheet.write_string_with_format(0, col_idx, name, &self.formats.header).map_err(fault)?;
            // The button of the filter takes room.
            self.widths.push(name.chars().count() + 3);
        }
        self.sheet.set_freeze_panes(1, 0).map_err(fault)?;
        Ok(())
    }

    fn rows(&mut self, batch: &Batch) -> Result<(), Fault> {
        let columns: Vec<_> = (0..self.columns.len()).filter_map(|col_idx| batch.column(col_idx)).collect();
        for row_idx in 0..batch.n_rows() {
            self.n_rows += 1;
            if self.n_rows >= MAX_ROWS {
                return Err(too_many_rows(&self.table.title));
            }
            let row = u32::try_from(self.n_rows).map_err(Fault::internal)?;
            let mut is_blank = true;
            let described = columns.iter().zip(&self.columns).zip(&self.names).zip(&self.kinds);
            let measured = self.widths.iter_mut().zip(&mut self.come_back);
            for (col_idx, ((((values, column), name), kind), (width, comes_back))) in
                (0_u16..).zip(described.zip(measured))
            {
                let place = Place { column: name, row_number: self.n_rows };
                let wide = match put(*values, row_idx, *kind, &mut self.text) {
                    Put::Nothing => continue,
                    Put::Boolean(boolean) => {
                        self.sheet.write_boolean(row, col_idx, boolean).map_err(fault)?;
                        5
                    }
                    Put::Number { number, style, n_chars } => {
                        let format = self.formats.of(style);
                        self.sheet.write_number_with_format(row, col_idx, number, format).map_err(fault)?;
                        n_chars
                    }
                    Put::Text { text, is_fallback } => {
                        if text.is_empty() {
                            self.findings.empty_text(place);
                            is_blank = false;
                            continue;
                        }
                        if is_fallback {
                            self.findings.as_text(place, text);
                            *comes_back &= cells::comes_back(text, &column.type_name);
                        }
                        check_length(text, place)?;
                        self.sheet.write_string(row, col_idx, text).map_err(fault)?;
                        if self.n_rows <= N_MEASURED { longest_line(text) } else { 0 }
                    }
                    Put::NotFinite(double) => {
                        self.findings.not_finite(place, double);
                        *comes_back = false;
                        self.sheet.write_number(row, col_idx, double).map_err(fault)?;
                        8
                    }
                };
                is_blank = false;
                if self.n_rows <= N_MEASURED {
                    *width = wide.max(*width);
                }
            }
            if is_blank {
                self.findings.blank_row(self.n_rows);
            }
        }
        (self.progress)(share(self.n_rows, self.table.n_rows));
        Ok(())
    }
}

impl Writer<'_> {
    /// The types that the cells alone don't tell, as properties of the workbook.
    fn types(&self, title: &str) -> Vec<(String, String)> {
        let columns = self.columns.iter().zip(&self.names).zip(&self.come_back);
        let told = columns
            .zip(1_usize..)
            .filter(|(((column, _), comes_back), _)| **comes_back && column.type_name != "VARCHAR");
        told.filter_map(|(((column, name), _), position)| declared::property(title, position, name, &column.type_name))
            .collect()
    }

    fn finish(self, title: &str) -> Result<Written, Fault> {
        for (col_idx, width) in (0_u16..).zip(&self.widths) {
            let width = u16::try_from(*width).unwrap_or(u16::MAX).saturating_add(1).clamp(9, 60);
            self.sheet.set_column_width(col_idx, width).map_err(fault)?;
        }
        let last_column = u16::try_from(self.columns.len().saturating_sub(1)).map_err(Fault::internal)?;
        let last_row = u32::try_from(self.n_rows).map_err(Fault::internal)?;
        if self.n_rows > 0 && !self.columns.is_empty() {
            self.sheet.autofilter(0, 0, last_row, last_column).map_err(fault)?;
        }
        for ((column, name), comes_back) in self.columns.iter().zip(&self.names).zip(&self.come_back) {
            if !is_carried(&column.type_name) {
                self.findings.retyped(name, &column.type_name, "VARCHAR");
            } else if !comes_back && column.type_name.starts_with("DECIMAL") {
                self.findings.retyped(name, &column.type_name, "DOUBLE");
            }
        }
        Ok(Written::new(title, self.n_rows, &self.columns))
    }
}

fn check_length(text: &str, place: Place<'_>) -> Result<(), Fault> {
    // A unit takes at least one byte.
    if text.len() <= MAX_UNITS || text.encode_utf16().count() <= MAX_UNITS {
        return Ok(());
    }
    let n_chars = text.chars().count();
    Err(Fault::new(
        Code::LimitExceeded,
        format!(
            "row {} of `{}` has a text of {n_chars} characters; a cell of a workbook holds {MAX_UNITS}",
            place.row_number, place.column
        ),
    )
    .hint(format!(
        "use format csv or parquet, or cut the text with `sql`: left(\"{}\", {MAX_UNITS})",
        place.column.replace('"', "\"\"")
    )))
}

fn too_many_rows(title: &str) -> Fault {
    Fault::new(
        Code::LimitExceeded,
        format!("`{title}` has more rows than the {} that a worksheet holds below its header", MAX_ROWS - 1),
    )
    .hint("use format csv or parquet, or export parts of it with `sql`: where, or limit and offset")
}

fn longest_line(text: &str) -> usize {
    // Wider than any column is made; no need to count further.
    text.lines().map(|line| line.chars().take(100).count()).max().unwrap_or(0)
}

fn fault(error: XlsxError) -> Fault {
    if let XlsxError::IoError(error) = error {
        return output::storage(error);
    }
    Fault::internal(error)
}
