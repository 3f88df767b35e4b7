//! ODS, streamed: calamine has no streaming reader for it, and its dense one grows with what a few bytes repeat.

use std::{
    collections::HashSet,
    fs::File,
    io::{BufReader, Read},
    mem,
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
};

use calamine::{Sheet, SheetType, SheetVisible};
use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};
use zip::{ZipArchive, result::ZipError};

use super::{check_count, chosen, left_out, package, serial, spread::Spread, worksheet};
use crate::ingest::{
    Limits, Options, ReadError, Table,
    cell::{Batch, Cell, Source},
    receipt::Issue,
};

/// What spreadsheets hold at most.
const MAX_ROWS: u32 = 1 << 20;
const MAX_COLUMNS: u32 = 1 << 14;
/// Bytes of a cell with counted blanks, which cost the file next to nothing.
const MAX_TEXT: usize = 16 << 20;
const MICROS_PER_DAY: i64 = 86_400_000_000;

pub(super) fn tables(file: &Path, options: &Options, limits: &Limits) -> Result<(Vec<Table>, Vec<Issue>), ReadError> {
    package::inspect(file, limits)?;
    refuse_encrypted(file)?;
    let mut sheets: Vec<Sheet> = Vec::new();
    let mut filled = Vec::new();
    walk(file, limits, &mut |met| {
        match met {
            Met::Table { name, hidden } => {
                let visible = if hidden { SheetVisible::Hidden } else { SheetVisible::Visible };
                sheets.push(Sheet { name, typ: SheetType::WorkSheet, visible });
                filled.push(false);
                check_count(&sheets, limits)?;
            }
            Met::Cells { .. } => filled.iter_mut().rev().take(1).for_each(|filled| *filled = true),
            Met::SameRows { .. } => {}
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let (chosen, mut issues) = chosen(&sheets, options, limits)?;
    let (mut blank, mut tables) = (Vec::new(), Vec::new());
    for sheet in chosen {
        let Some(table_idx) = sheets.iter().position(|other| other.name == sheet.name) else { continue };
        if !filled.get(table_idx).copied().unwrap_or_default() {
            blank.push(sheet);
            continue;
        }
        tables.push(worksheet(&sheet, Worksheet { file: file.to_owned(), table_idx, limits: limits.clone() }));
    }
    issues.extend(left_out("empty_sheets", "no cells", &blank));
    Ok((tables, issues))
}

fn refuse_encrypted(file: &Path) -> Result<(), ReadError> {
    let mut manifest = String::new();
    let mut archive = open(file)?;
    if let Ok(part) = archive.by_name("META-INF/manifest.xml") {
        let _ = part.take(1 << 20).read_to_string(&mut manifest);
    }
    if manifest.contains("encryption-data") { Err(ReadError::Encrypted) } else { Ok(()) }
}

struct Worksheet {
    file: PathBuf,
    table_idx: usize,
    limits: Limits,
}

impl Source for Worksheet {
    fn read(&self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
        let mut spread = Spread::new(&self.limits);
        // Tables begun: the one wanted is open while they are one more than its index.
        let mut n_tables = 0;
        walk(&self.file, &self.limits, &mut |met| match met {
            Met::Table { .. } => {
                n_tables += 1;
                Ok(if n_tables > self.table_idx + 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            }
            Met::Cells { .. } | Met::SameRows { .. } if n_tables <= self.table_idx => Ok(ControlFlow::Continue(())),
            Met::Cells { row_idx, run } => {
                spread.spend(1, run.columns.len(), run.cell.n_bytes())?;
                spread.push(row_idx, run.columns.clone(), run.cell.cell(), push)
            }
            Met::SameRows { rows, runs } => {
                for run in runs {
                    spread.spend(rows.len(), run.columns.len(), run.cell.n_bytes())?;
                }
                for row_idx in rows {
                    for run in runs {
                        if spread.push(row_idx, run.columns.clone(), run.cell.cell(), push)?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                }
                Ok(ControlFlow::Continue(()))
            }
        })?;
        spread.finish(push);
        Ok(())
    }
}

enum Met<'a> {
    Table {
        name: String,
        hidden: bool,
    },
    /// Cells side by side that hold the same, and not nothing; those of a table come in order.
    Cells {
        row_idx: u32,
        run: &'a Run,
    },
    /// All cells of the row before once more, in each of these rows.
    SameRows {
        rows: Range<u32>,
        runs: &'a [Run],
    },
}

/// A cell and the columns that it fills.
#[derive(Debug)]
struct Run {
    columns: Range<u32>,
    cell: CellXml,
}

type Visit<'v> = dyn FnMut(Met<'_>) -> Result<ControlFlow<()>, ReadError> + 'v;

fn open(file: &Path) -> Result<ZipArchive<BufReader<File>>, ReadError> {
    ZipArchive::new(BufReader::new(File::open(file)?)).map_err(package::zip_error)
}

/// Goes through `content.xml` once.
fn walk(file: &Path, limits: &Limits, visit: &mut Visit<'_>) -> Result<(), ReadError> {
    let mut archive = open(file)?;
    let part = match archive.by_name("content.xml") {
        Ok(part) => part,
        Err(ZipError::FileNotFound) => return Err(ReadError::Damaged("it has no content.xml".to_owned())),
        Err(error) => return Err(package::zip_error(error)),
    };
    let mut xml = Reader::from_reader(BufReader::new(part.take(limits.inflated_bytes)));
    xml.config_mut().expand_empty_elements = true;
    let mut content = Content::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let flow = match xml.read_event_into(&mut buffer).map_err(|error| ReadError::Damaged(error.to_string()))? {
            Event::Start(element) => content.start(&element, visit)?,
            Event::End(element) => content.end(element.local_name().as_ref(), visit)?,
            Event::Text(text) => content.text(&text.xml10_content()),
            Event::CData(text) => content.text(&text.xml10_content()),
            Event::GeneralRef(entity) => {
                let text = match entity.resolve_char_ref() {
                    Ok(Some(c)) => c.to_string(),
                    Ok(None) | Err(_) => quick_xml::escape::resolve_xml_entity(&entity).unwrap_or_default().to_owned(),
                };
                content.text(&text)
            }
            Event::Eof if content.tables_open > 0 => {
                return Err(ReadError::Damaged("content.xml ends inside a table".to_owned()));
            }
            Event::Eof => return Ok(()),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {
                ControlFlow::Continue(())
            }
        };
        if flow.is_break() {
            return Ok(());
        }
    }
}

/// Where in the content the walk stands.
#[derive(Debug, Default)]
struct Content {
    /// The style being defined, and those that hide a table.
    style: String,
    hiding: HashSet<String>,
    tables_open: u32,
    row_idx: u32,
    /// Rows that the open one stands for, and its cells, kept where there are more than one.
    n_same_rows: u32,
    runs: Vec<Run>,
    col_idx: u32,
    cell: Option<CellXml>,
    /// Depth within annotations and drawings, whose text is not the cell's.
    aside: u32,
}

/// A cell's attributes and text.
#[derive(Debug, Clone, Default)]
struct CellXml {
    n_same: u32,
    kind: String,
    value: String,
    text: String,
    n_paragraphs: u32,
    formula: bool,
    error: bool,
}

impl Content {
    fn start(&mut self, element: &BytesStart<'_>, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, ReadError> {
        let name = element.local_name();
        match name.as_ref() {
            "annotation" | "shapes" | "frame" | "custom-shape" | "g" => self.aside += 1,
            _ if self.aside > 0 => {}
            "style" => self.style = attribute(element, "name"),
            "table-properties" if attribute(element, "display") == "false" => {
                self.hiding.insert(self.style.clone());
            }
            "table" => {
                self.tables_open += 1;
                if self.tables_open == 1 {
                    self.row_idx = 0;
                    let hidden = self.hiding.contains(&attribute(element, "style-name"));
                    return visit(Met::Table { name: attribute(element, "name"), hidden });
                }
            }
            "table-row" => {
                self.n_same_rows = repeats(element, "number-rows-repeated");
                self.col_idx = 0;
                self.runs.clear();
            }
            "table-cell" | "covered-table-cell" if self.tables_open == 1 => self.cell = Some(CellXml::of(element)),
            "p" => {
                if let Some(cell) = &mut self.cell {
                    if cell.n_paragraphs > 0 {
                        cell.text.push('\n');
                    }
                    cell.n_paragraphs += 1;
                }
            }
            "s" => self.blanks(repeats(element, "c").min(MAX_COLUMNS))?,
            "tab" => return Ok(self.text("\t")),
            "line-break" => return Ok(self.text("\n")),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn text(&mut self, text: &str) -> ControlFlow<()> {
        if let Some(cell) = &mut self.cell
            && cell.n_paragraphs > 0
            && self.aside == 0
        {
            cell.text.push_str(text);
        }
        ControlFlow::Continue(())
    }

    /// Blanks that the file only counts.
    fn blanks(&mut self, n_blanks: u32) -> Result<(), ReadError> {
        let n_bytes = self.cell.as_ref().map_or(0, |cell| cell.text.len());
        if n_bytes > MAX_TEXT {
            return Err(ReadError::Damaged(format!("a cell's text is longer than {} MB", MAX_TEXT >> 20)));
        }
        let _ = self.text(&" ".repeat(usize::try_from(n_blanks).unwrap_or(0)));
        Ok(())
    }

    fn end(&mut self, name: &str, visit: &mut Visit<'_>) -> Result<ControlFlow<()>, ReadError> {
        match name {
            "annotation" | "shapes" | "frame" | "custom-shape" | "g" => self.aside = self.aside.saturating_sub(1),
            _ if self.aside > 0 => {}
            "table" => self.tables_open = self.tables_open.saturating_sub(1),
            "table-cell" | "covered-table-cell" => {
                let Some(cell) = self.cell.take() else { return Ok(ControlFlow::Continue(())) };
                let first = self.col_idx;
                self.col_idx = first.saturating_add(cell.n_same).min(MAX_COLUMNS);
                if cell.cell() == Cell::Empty || self.row_idx >= MAX_ROWS {
                    return Ok(ControlFlow::Continue(()));
                }
                let run = Run { columns: first..self.col_idx, cell };
                let flow = visit(Met::Cells { row_idx: self.row_idx, run: &run })?;
                if self.n_same_rows > 1 {
                    self.runs.push(run);
                }
                return Ok(flow);
            }
            "table-row" if self.tables_open == 1 => {
                let first = self.row_idx;
                self.row_idx = first.saturating_add(self.n_same_rows).min(MAX_ROWS);
                let runs = mem::take(&mut self.runs);
                if !runs.is_empty() {
                    return visit(Met::SameRows { rows: first.saturating_add(1)..self.row_idx, runs: &runs });
                }
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl CellXml {
    fn of(element: &BytesStart<'_>) -> CellXml {
        let kind = attribute(element, "office:value-type");
        let value = match kind.as_str() {
            "date" => attribute(element, "date-value"),
            "time" => attribute(element, "time-value"),
            "boolean" => attribute(element, "boolean-value"),
            "string" => attribute(element, "string-value"),
            _ => attribute(element, "office:value"),
        };
        CellXml {
            n_same: repeats(element, "number-columns-repeated"),
            kind,
            value,
            formula: !attribute(element, "formula").is_empty(),
            error: attribute(element, "calcext:value-type") == "error",
            ..CellXml::default()
        }
    }

    /// Bytes of text.
    fn n_bytes(&self) -> usize {
        self.value.len().max(self.text.len())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is no duration stays what it is")]
    fn cell(&self) -> Cell<'_> {
        let text = if self.value.is_empty() { self.text.as_str() } else { self.value.as_str() };
        match self.kind.as_str() {
            _ if self.error => Cell::Error(&self.text),
            "float" | "percentage" | "currency" => {
                self.value.parse().ok().filter(|number: &f64| number.is_finite()).map_or(text_cell(text), Cell::Number)
            }
            "boolean" => Cell::Boolean(self.value == "true"),
            "date" => serial::iso_cell(&self.value),
            "time" => match serial::iso_duration_cell(&self.value) {
                // Without the number format, what fits into a day is taken for a time of day.
                Cell::Duration(millis) if (0..MICROS_PER_DAY / 1_000).contains(&millis) => Cell::Time(millis * 1_000),
                other => other,
            },
            "" if self.formula && self.text.is_empty() => Cell::Unevaluated(""),
            _ => text_cell(text),
        }
    }
}

fn text_cell(text: &str) -> Cell<'_> {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text) }
}

/// An attribute by its local name, or by its whole name where it has a prefix; empty where it is missing.
fn attribute(element: &BytesStart<'_>, name: &str) -> String {
    element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| {
            if name.contains(':') {
                attribute.key.as_ref() == name
            } else {
                attribute.key.local_name().as_ref() == name
            }
        })
        .and_then(|attribute| attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok().map(Into::into))
        .unwrap_or_default()
}

fn repeats(element: &BytesStart<'_>, name: &str) -> u32 {
    attribute(element, name).parse().unwrap_or(1).clamp(1, MAX_ROWS)
}
