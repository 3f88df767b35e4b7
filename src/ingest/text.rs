//! Delimited text as a source of rows: UTF-8 blocks, split where they lie.

use std::{
    fs::File,
    io::Read,
    mem,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    Limits, Options, ReadError, Table, Totals,
    cell::{Batch, Source},
    dialect::Dialect,
    encoding::{self, Decoder, TextEncoding},
    format::Format,
    mended::Mended,
    read_tables,
    receipt::{Issue, Receipt},
    split::Splitter,
    stem, verbatim,
    verbatim::Extent,
};

/// Bytes that are read at once.
const BLOCK: usize = 256 << 10;

/// Bytes by which dialects are compared.
const SAMPLE: usize = 256 << 10;

/// The longest record: a quote that is never closed must not take the file into memory.
const MAX_RECORD: usize = 64 << 20;

/// Reads the file's one table.
pub(super) fn read(
    file: &Path,
    name: &str,
    options: &Options,
    limits: &Limits,
    out: Option<&Path>,
    progress: &mut dyn FnMut(f64),
) -> Result<Receipt, ReadError> {
    decoded(file, options, &mut |source| {
        let (encoding, dialect, undecodable) = (source.encoding, source.dialect, source.n_undecodable.clone());
        let mended = source.mended.clone();
        let mut receipt = read_tables(vec![Table::of(stem(name), source)], options, limits, out, progress)?;
        Format::Csv.name().clone_into(&mut receipt.format);
        receipt.encoding = Some(encoding.name().to_owned());
        receipt.delimiter = dialect.delimiter_text();
        let count = undecodable.load(Ordering::Relaxed);
        if count > 0 {
            let (code, message) = match encoding {
                TextEncoding::Mixed | TextEncoding::CheckedUtf8 => (
                    "mixed_encodings",
                    "characters that are not those of UTF-8 text were read as Windows-1252".to_owned(),
                ),
                TextEncoding::Fixed(_) => (
                    "undecodable_bytes",
                    format!("byte sequences that {} does not have were replaced by U+FFFD", encoding.name()),
                ),
            };
            receipt.issues.push(Issue { code: code.to_owned(), message, count, examples: Vec::new() });
        }
        let mended = mended.lock().map(|mended| mended.clone()).unwrap_or_default();
        receipt.issues.extend(mended.issues());
        Ok(receipt)
    })
}

/// Hands over every row of the file's main table; of a file without one, every record.
pub(super) fn raw(
    file: &Path,
    name: &str,
    options: &Options,
    limits: &Limits,
    row: &mut dyn FnMut(&[&str]) -> std::io::Result<()>,
) -> Result<(), ReadError> {
    let options = Options { totals: Totals::Keep, ..options.clone() };
    let receipt = read(file, name, &options, limits, None, &mut |_| {})?;
    // What was handed over can't be taken back, so that the encoding must be certain first.
    let encoding = match options.encoding.as_ref().or(options.fixes.encoding.as_ref()) {
        None if first_sight(file)? == TextEncoding::CheckedUtf8 && !encoding::is_utf_8(file)? => {
            TextEncoding::by_all_bytes(file)?
        }
        _ => chosen(file, &options)?,
    };
    let source = TextSource { keeps_strays: true, ..TextSource::open(file, encoding, &options)? };
    let table = Table::of(stem(name), source);
    match Extent::of_main(&receipt) {
        Some(extent) => extent.rows(&table, row),
        None => verbatim::largest(&[table], row),
    }
}

/// Runs `read` on the file as UTF-8 if it seems to be, and again in the encoding it is in should it prove not to be.
fn decoded(
    file: &Path,
    options: &Options,
    read: &mut dyn FnMut(TextSource) -> Result<Receipt, ReadError>,
) -> Result<Receipt, ReadError> {
    let source = TextSource::open(file, chosen(file, options)?, options);
    match source.and_then(&mut *read) {
        Err(ReadError::NotUtf8) => read(TextSource::open(file, TextEncoding::by_all_bytes(file)?, options)?),
        other => other,
    }
}

/// The encoding that the caller fixed, else that of the file's start.
fn chosen(file: &Path, options: &Options) -> Result<TextEncoding, ReadError> {
    match options.encoding.as_ref().or(options.fixes.encoding.as_ref()) {
        Some(label) => TextEncoding::from_label(label),
        None => first_sight(file),
    }
}

fn first_sight(file: &Path) -> Result<TextEncoding, ReadError> {
    let mut head = Vec::new();
    File::open(file)?.take(64 << 10).read_to_end(&mut head)?;
    Ok(TextEncoding::at_first_sight(&head))
}

#[derive(Debug)]
struct TextSource {
    file: PathBuf,
    encoding: TextEncoding,
    dialect: Dialect,
    /// Whether quotes that open no cell are a part of it.
    keeps_strays: bool,
    n_bytes: u64,
    n_read: AtomicU64,
    /// Byte sequences that the encoding does not have, of the last `read`.
    n_undecodable: Arc<AtomicU64>,
    /// What was wrong with its records.
    mended: Arc<Mutex<Mended>>,
}

impl TextSource {
    fn open(file: &Path, encoding: TextEncoding, options: &Options) -> Result<TextSource, ReadError> {
        let delimiter = options.delimiter.as_ref().or(options.fixes.delimiter.as_ref());
        let delimiter = delimiter.map(String::as_str).map(Dialect::parse_delimiter).transpose()?;
        let mut reader = File::open(file)?;
        let (sample, n_sample) = Decoder::new(encoding).next(&mut reader, SAMPLE, Vec::new())?;
        let n_bytes = reader.metadata()?.len();
        let is_whole = u64::try_from(n_sample).is_ok_and(|n_sample| n_sample >= n_bytes);
        Ok(TextSource {
            file: file.to_owned(),
            encoding,
            dialect: Dialect::detect(&sample, is_whole, delimiter),
            keeps_strays: false,
            n_bytes,
            n_read: AtomicU64::new(0),
            n_undecodable: Arc::default(),
            mended: Arc::default(),
        })
    }
}

impl Source for TextSource {
    fn read(&self, push: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), ReadError> {
        let mut file = File::open(&self.file)?;
        let mut decoder = Decoder::new(self.encoding);
        let mut splitter =
            if self.keeps_strays { Splitter::keeping_strays(self.dialect) } else { Splitter::new(self.dialect) };
        let mut n_read = 0;
        // The text of the record that the last block broke off.
        let mut rest = Vec::new();
        loop {
            // A record longer than a block is looked at again from its start: twice as much of it each time.
            let n_bytes = BLOCK.max(rest.len());
            let (text, n_block) = decoder.next(&mut file, n_bytes, mem::take(&mut rest))?;
            n_read += u64::try_from(n_block).unwrap_or(0);
            self.n_read.store(n_read, Ordering::Relaxed);
            let at_end = n_block == 0;
            self.n_undecodable.store(decoder.n_undecodable, Ordering::Relaxed);
            let mut batch = Batch::over(text);
            let n_taken = splitter.split(&mut batch, at_end);
            let left = batch.text().as_bytes().get(n_taken.own..n_taken.len).unwrap_or_default();
            if left.len() > MAX_RECORD {
                return Err(ReadError::Damaged(format!(
                    "record {} is longer than {} MB: a quote may be left open",
                    splitter.n_records + 1,
                    MAX_RECORD >> 20
                )));
            }
            rest = Vec::with_capacity(left.len() + BLOCK + 4);
            rest.extend_from_slice(left);
            if batch.n_rows() > 0 && push(batch).is_break() {
                return Ok(());
            }
            if at_end {
                if let Ok(mut mended) = self.mended.lock() {
                    *mended = splitter.mended;
                }
                return Ok(());
            }
        }
    }

    fn is_text(&self) -> bool {
        true
    }

    fn leaves_commas(&self) -> bool {
        self.dialect.delimiter.first() != b','
    }

    fn progress(&self) -> f64 {
        share(self.n_read.load(Ordering::Relaxed), self.n_bytes)
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a share for a progress bar")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { (part as f64 / whole as f64).min(1.0) }
}
