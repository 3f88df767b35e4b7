//! XLSX, XLSM and XLSB: opened once, read cell by cell.

use std::{
    collections::{HashMap, VecDeque},
    io::BufReader,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use calamine::{DataRef, Reader, Xlsb, Xlsx, XlsxError};

use super::{
    chosen, error_text,
    formats::Formats,
    guarded,
    inflated::{Inflated, Watch},
    left_out,
    listed::{self, Said},
    package,
    rows::Rows,
    serial::{self, Shown},
    worksheet,
};
use crate::ingest::{
    Limits, Options, ReadError, Table,
    cell::{Batch, Cell, Source},
    declared::{self, Declared},
    format::Format,
    layout::Listed,
    look::{self, Look, Markup},
    receipt::Issue,
};

type Push<'p> = dyn FnMut(Batch) -> ControlFlow<()> + 'p;

pub(super) fn tables(
    file: &Path,
    format: Format,
    options: &Options,
    limits: &Limits,
) -> Result<(Vec<Table>, Vec<Issue>), ReadError> {
    let zip = package::inflated(file, limits)?;
    let watch = zip.watch();
    let mut book = Book::open(zip, format)?;
    let (worksheets, mut issues) = chosen(book.sheets(), options, limits)?;
    let (mut blank, mut filled) = (Vec::new(), Vec::new());
    for sheet in worksheets {
        // What can't be read says so when it is read in earnest.
        if book.has_cells(&sheet.name).unwrap_or(true) { filled.push(sheet) } else { blank.push(sheet) }
    }
    issues.extend(left_out("empty_sheets", "no cells", &blank));
    let mut declared = if format == Format::Xlsb { HashMap::new() } else { declared::read(file) };
    let mut said = if format == Format::Xlsb { HashMap::new() } else { listed::read(file) };
    let formats = Arc::new(book.formats(filled.first()));
    let book = Arc::new(Mutex::new(book));
    let tables = filled
        .into_iter()
        .map(|sheet| {
            let Said { listed, markup } = said.remove(&sheet.name).unwrap_or_default();
            worksheet(
                &sheet,
                Worksheet {
                    book: Arc::clone(&book),
                    file: file.to_owned(),
                    watch: Arc::clone(&watch),
                    declared: declared.remove(&sheet.name),
                    listed,
                    markup: Arc::new(markup),
                    formats: Arc::clone(&formats),
                    name: sheet.name.clone(),
                    limits: limits.clone(),
                },
            )
        })
        .collect();
    Ok((tables, issues))
}

/// An opened workbook: its shared strings and formats are in memory, its sheets are not.
enum Book {
    Xlsx(Box<Xlsx<BufReader<Inflated>>>),
    Xlsb(Box<Xlsb<BufReader<Inflated>>>),
}

impl Book {
    fn open(zip: Inflated, format: Format) -> Result<Book, ReadError> {
        let reader = BufReader::new(zip);
        if format == Format::Xlsb {
            guarded(|| Xlsb::new(reader)).map(|book| Book::Xlsb(Box::new(book)))
        } else {
            guarded(|| Xlsx::new(reader)).map(|book| Book::Xlsx(Box::new(book)))
        }
    }

    fn sheets(&self) -> &[calamine::Sheet] {
        match self {
            Book::Xlsx(book) => book.sheets_metadata(),
            Book::Xlsb(book) => book.sheets_metadata(),
        }
    }

    /// What the workbook's styles make of cells; they are the same for all its worksheets.
    fn formats(&mut self, any: Option<&calamine::Sheet>) -> Formats {
        match (self, any) {
            (Book::Xlsx(book), Some(sheet)) => guarded(|| -> Result<Formats, ReadError> {
                Ok(Formats::new(book.worksheet_cells_reader(&sheet.name)?.styles()))
            })
            .unwrap_or_default(),
            (Book::Xlsb(_), _) | (Book::Xlsx(_), None) => Formats::default(),
        }
    }

    fn has_cells(&mut self, name: &str) -> Result<bool, ReadError> {
        guarded(|| -> Result<bool, ReadError> {
            match self {
                Book::Xlsx(book) => {
                    let mut cells = book.worksheet_cells_reader(name)?;
                    loop {
                        match cells.next_cell() {
                            Ok(Some(cell)) if *cell.get_value() == DataRef::Empty => {}
                            Ok(Some(_)) => return Ok(true),
                            Ok(None) => break,
                            Err(error) => return if is_of_a_cell(&error) { Ok(true) } else { Err(error.into()) },
                        }
                    }
                    drop(cells);
                    Ok(!formulas_without_value(book, name)?.is_empty())
                }
                Book::Xlsb(book) => Ok(book.worksheet_cells_reader(name)?.next_cell()?.is_some()),
            }
        })
    }
}

/// Formulas whose value was never stored, by position. Of more than some, their texts are left out.
fn formulas_without_value(
    book: &mut Xlsx<BufReader<Inflated>>,
    name: &str,
) -> Result<HashMap<(u32, u32), String>, ReadError> {
    let mut cells = book.worksheet_cells_reader(name)?;
    let mut formulas = HashMap::new();
    loop {
        match cells.next_cell_with_formula() {
            Ok(Some(record)) if record.value == DataRef::Empty => {
                let Some(formula) = record.formula else { continue };
                let is_told = formulas.len() < MAX_FORMULAS;
                let text = if is_told {
                    format!("={}", formula.chars().take(MAX_FORMULA).collect::<String>())
                } else {
                    String::new()
                };
                formulas.insert(record.pos, text);
            }
            Ok(Some(_)) => {}
            Ok(None) => return Ok(formulas),
            Err(error) if is_of_a_cell(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Formulas whose text is kept, and characters of each.
const MAX_FORMULAS: usize = 10_000;
const MAX_FORMULA: usize = 200;

/// Whether the error is one of a single cell: calamine then stands behind its value and can go on.
fn is_of_a_cell(error: &XlsxError) -> bool {
    matches!(
        error,
        XlsxError::CellError(_)
            | XlsxError::CellTAttribute(_)
            | XlsxError::ParseFloat(_)
            | XlsxError::Unexpected(_)
            | XlsxError::UnexpectedNode(_)
            | XlsxError::Unrecognized { .. }
    )
}

/// A cell that calamine does not read, and why or what it holds.
struct Unread {
    position: (u32, u32),
    text: String,
}

/// Most of them in a sheet; one that has more is not what it seems.
const MAX_UNREAD: usize = 1 << 20;

/// Cells that calamine does not read, in the sheet's order. Its errors don't say where: the formulas, read without values, do.
fn unread(book: &mut Xlsx<BufReader<Inflated>>, name: &str) -> Result<VecDeque<Unread>, ReadError> {
    let mut cells = book.worksheet_cells_reader(name)?;
    let mut errors = VecDeque::new();
    let mut n_cells = 0_u64;
    loop {
        match cells.next_cell() {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(XlsxError::CellError(text)) => errors.push_back((n_cells, text)),
            Err(error) if is_of_a_cell(&error) => errors.push_back((n_cells, error.to_string())),
            Err(error) => return Err(error.into()),
        }
        if errors.len() > MAX_UNREAD {
            return Err(ReadError::Damaged(format!("more than {MAX_UNREAD} cells of `{name}` can't be read")));
        }
        n_cells += 1;
    }
    drop(cells);
    let mut cells = book.worksheet_cells_reader(name)?;
    let mut unread = VecDeque::new();
    let mut n_cells = 0_u64;
    while !errors.is_empty()
        && let Some(cell) = cells.next_formula()?
    {
        if let Some((_, text)) = errors.pop_front_if(|(nth, _)| *nth == n_cells) {
            unread.push_back(Unread { position: cell.get_position(), text });
        }
        n_cells += 1;
    }
    Ok(unread)
}

/// One worksheet of an opened workbook, which its siblings share.
struct Worksheet {
    book: Arc<Mutex<Book>>,
    file: PathBuf,
    name: String,
    watch: Arc<Watch>,
    declared: Option<Declared>,
    listed: Vec<Listed>,
    markup: Arc<Markup>,
    formats: Arc<Formats>,
    limits: Limits,
}

impl Source for Worksheet {
    fn declared(&self) -> Option<&Declared> {
        self.declared.as_ref()
    }

    fn listed(&self) -> &[Listed] {
        &self.listed
    }

    fn formats(&self) -> &[look::Format] {
        &self.formats.all
    }

    fn markup(&self) -> Option<&Arc<Markup>> {
        Some(&self.markup)
    }

    fn read(&self, push: &mut Push<'_>) -> Result<(), ReadError> {
        // A panic of calamine leaves nothing half done in what it keeps of a workbook.
        match &mut *self.book.lock().unwrap_or_else(PoisonError::into_inner) {
            Book::Xlsx(book) => self.read_xlsx(book, push),
            Book::Xlsb(book) => self.read_xlsb(book, push),
        }
    }

    fn progress(&self) -> f64 {
        self.watch.share()
    }
}

impl Worksheet {
    /// Another reader of the same file, to look ahead with.
    fn again(&self) -> Result<Xlsx<BufReader<Inflated>>, ReadError> {
        Ok(Xlsx::new(BufReader::new(package::inflated(&self.file, &self.limits)?))?)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "another crate's enum, of which a few variants matter")]
    fn read_xlsx(&self, book: &mut Xlsx<BufReader<Inflated>>, push: &mut Push<'_>) -> Result<(), ReadError> {
        let is_1904 = book.has_1904_epoch();
        let mut unevaluated: Option<HashMap<(u32, u32), String>> = None;
        let mut cells = guarded(|| book.worksheet_cells_reader(&self.name))?;
        let mut known: Option<VecDeque<Unread>> = None;
        hand_on(&self.limits, push, |rows| {
            let (cell, style_id) = match cells.next_cell_with_style_id() {
                Ok(Some(cell)) => cell,
                Ok(None) => return Ok(false),
                Err(error) if is_of_a_cell(&error) => {
                    let unread = match &mut known {
                        Some(unread) => unread,
                        None => known.insert(unread(&mut self.again()?, &self.name)?),
                    };
                    let Unread { position, text } = unread.pop_front().ok_or(error)?;
                    rows.push(position.0, position.1, Cell::Error(&text))?;
                    return Ok(true);
                }
                Err(error) => return Err(error.into()),
            };
            let position = cell.get_position();
            let styled = self.formats.get(style_id);
            let look = styled.map_or(Look::default(), |styled| styled.look);
            let value = match cell.get_value() {
                DataRef::Empty if self.watch.lacks_values() => {
                    let formulas = match &mut unevaluated {
                        Some(formulas) => formulas,
                        None => unevaluated.insert(formulas_without_value(&mut self.again()?, &self.name)?),
                    };
                    formulas.get(&position).map_or(Cell::Empty, |formula| Cell::Unevaluated(formula))
                }
                DataRef::DateTime(value) => {
                    serial::cell(*value, styled.map_or(Shown::Unknown, |styled| styled.shown), is_1904)
                }
                DataRef::Float(number) => {
                    if let Some(shown) = styled.and_then(|it| it.code.as_ref()).and_then(|code| code.show(*number)) {
                        rows.push_as(position.0, position.1, look, Cell::Text(&shown))?;
                        return Ok(true);
                    }
                    Cell::Number(*number)
                }
                value => plain(value, is_1904),
            };
            rows.push_as(position.0, position.1, look, value)?;
            Ok(true)
        })
    }

    fn read_xlsb(&self, book: &mut Xlsb<BufReader<Inflated>>, push: &mut Push<'_>) -> Result<(), ReadError> {
        let is_1904 = book.has_1904_epoch();
        let mut cells = guarded(|| book.worksheet_cells_reader(&self.name))?;
        hand_on(&self.limits, push, |rows| {
            let Some(cell) = cells.next_cell()? else { return Ok(false) };
            let (row_idx, col_idx) = cell.get_position();
            rows.push(row_idx, col_idx, plain(cell.get_value(), is_1904))?;
            Ok(true)
        })
    }
}

/// Pushes batches for as long as `next` adds cells. Only `next` is guarded: a panic of `push` is not the file's.
fn hand_on(
    limits: &Limits,
    push: &mut Push<'_>,
    mut next: impl FnMut(&mut Rows) -> Result<bool, ReadError>,
) -> Result<(), ReadError> {
    let mut rows = Rows::new(limits);
    loop {
        let full = guarded(|| -> Result<Option<Batch>, ReadError> {
            while next(&mut rows)? {
                if let Some(full) = rows.take_full() {
                    return Ok(Some(full));
                }
            }
            Ok(None)
        })?;
        let Some(full) = full else { break };
        if push(full).is_break() {
            return Ok(());
        }
    }
    rows.finish(push);
    Ok(())
}

fn plain<'a>(value: &'a DataRef<'_>, is_1904: bool) -> Cell<'a> {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::String(text) => Cell::Text(text),
        DataRef::SharedString(text) => Cell::Text(text),
        DataRef::Float(number) => Cell::Number(*number),
        DataRef::Int(number) => number.to_string().parse().map_or(Cell::Empty, Cell::Number),
        DataRef::Bool(boolean) => Cell::Boolean(*boolean),
        DataRef::DateTime(value) => serial::cell(*value, Shown::Unknown, is_1904),
        DataRef::DateTimeIso(text) => serial::iso_cell(text),
        DataRef::DurationIso(text) => serial::iso_duration_cell(text),
        DataRef::Error(error) => Cell::Error(error_text(error)),
    }
}
