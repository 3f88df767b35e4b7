//! What a file is, by its content; its name only breaks ties.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use super::ReadError;

/// The formats that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Delimited text, whatever the delimiter.
    Csv,
    Xlsx,
    Xlsm,
    Xlsb,
    Xls,
    Ods,
    Parquet,
    Json,
    Ndjson,
}

impl Format {
    /// As receipts name it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Xlsx => "xlsx",
            Format::Xlsm => "xlsm",
            Format::Xlsb => "xlsb",
            Format::Xls => "xls",
            Format::Ods => "ods",
            Format::Parquet => "parquet",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
        }
    }
}

/// Bytes that are looked at, but for zipped files.
const HEAD: usize = 64 << 10;

/// Starts of files that are no tables, what they are, and what to do.
const STRANGERS: &[(&[u8], &str, &str)] = &[
    (b"%PDF", "a PDF document", "export its tables as CSV or XLSX first"),
    (b"\x89PNG", "an image", "export the table behind it as CSV or XLSX"),
    (b"\xFF\xD8\xFF", "an image", "export the table behind it as CSV or XLSX"),
    (b"GIF8", "an image", "export the table behind it as CSV or XLSX"),
    (b"\x1F\x8B", "compressed with gzip", "decompress it first"),
    (b"\x28\xB5\x2F\xFD", "compressed with zstd", "decompress it first"),
    (b"BZh", "compressed with bzip2", "decompress it first"),
    (b"\xFD7zXZ", "compressed with xz", "decompress it first"),
    (b"7z\xBC\xAF", "a 7-Zip archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"SQLite format 3\0", "an SQLite database", "export its tables as CSV"),
    (b"ARROW1", "an Arrow file", "save it as Parquet"),
    (b"ORC", "an ORC file", "save it as Parquet"),
    (b"Obj\x01", "an Avro file", "save it as Parquet"),
    (b"{\\rtf", "a rich text document", "export its tables as CSV or XLSX first"),
    (b"\x7FELF", "a program", "give a spreadsheet instead"),
    (b"\x09\x00\x04\x00", "a workbook of Excel 2", "save it as XLSX"),
    (b"\x09\x02\x06\x00", "a workbook of Excel 3", "save it as XLSX"),
    (b"\x09\x04\x06\x00", "a workbook of Excel 4", "save it as XLSX"),
];

/// The file's format.
pub(super) fn detect(file: &Path, name: &str) -> Result<Format, ReadError> {
    let mut reader = File::open(file)?;
    let mut head = Vec::new();
    reader.by_ref().take(u64::try_from(HEAD).unwrap_or(u64::MAX)).read_to_end(&mut head)?;
    reader.seek(SeekFrom::Start(0))?;
    if head.is_empty() {
        return Err(unsupported("empty: 0 bytes", "give a file with at least a header row"));
    }
    if head.starts_with(b"PAR1") {
        return Ok(Format::Parquet);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return zipped(reader);
    }
    if head.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return compound(reader);
    }
    if let Some((_, what, hint)) = STRANGERS.iter().find(|(magic, _, _)| is_stranger(&head, magic)) {
        return Err(unsupported(what, hint));
    }
    text(&head, name)
}

/// Magic of letters alone may also be how a text starts.
fn is_stranger(head: &[u8], magic: &[u8]) -> bool {
    let letters = magic.iter().all(u8::is_ascii_alphanumeric);
    head.starts_with(magic) && (!letters || head.iter().take(512).any(|byte| *byte < b'\t'))
}

fn unsupported(what: &str, hint: &str) -> ReadError {
    ReadError::Unsupported { what: format!("the file is {what}"), hint: hint.to_owned() }
}

/// OOXML and `OpenDocument` say in a part of their own what they are.
fn zipped(reader: File) -> Result<Format, ReadError> {
    let mut archive = zip::ZipArchive::new(reader).map_err(|error| ReadError::Damaged(error.to_string()))?;
    let types = part(&mut archive, "[Content_Types].xml");
    let kind = part(&mut archive, "mimetype");
    let has = |name: &str| archive.file_names().flatten().any(|part| part.eq_ignore_ascii_case(name));
    if kind.starts_with("application/vnd.oasis.opendocument.spreadsheet") {
        return Ok(Format::Ods);
    }
    if types.contains("sheet.binary.macroEnabled.main") || has("xl/workbook.bin") {
        return Ok(Format::Xlsb);
    }
    if types.contains("sheet.macroEnabled.main") || types.contains("template.macroEnabled.main") {
        return Ok(Format::Xlsm);
    }
    if types.contains("spreadsheetml") || has("xl/workbook.xml") {
        return Ok(Format::Xlsx);
    }
    if archive.file_names().flatten().any(|part| part.starts_with("Index/")) {
        return Err(unsupported("an Apple Numbers document", "export it as XLSX or CSV"));
    }
    if kind.starts_with("application/vnd.oasis") || !types.is_empty() {
        return Err(unsupported("an office document, but no spreadsheet", "export its tables as CSV or XLSX"));
    }
    Err(unsupported("a zip archive, but no workbook", "unpack it and give one of its files"))
}

/// A small part of a zipped file as text, or nothing.
fn part(archive: &mut zip::ZipArchive<File>, name: &str) -> String {
    let mut text = Vec::new();
    if let Ok(part) = archive.by_name(name) {
        // What can't be inflated says nothing; the workbook's reader will name the damage.
        let _ = part.take(1 << 20).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A compound file is an old workbook, an encrypted new one, or another old document: its streams' names tell.
fn compound(mut reader: File) -> Result<Format, ReadError> {
    let wide = |name: &str| name.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let encrypted = wide("EncryptedPackage");
    // Some programs write the names in capitals.
    let books = ["Workbook\0", "Book\0", "WORKBOOK\0", "BOOK\0"].map(wide);
    let mut window = Vec::new();
    let mut is_book = false;
    loop {
        let keep = window.len().saturating_sub(64);
        window.drain(..keep);
        let n_read = reader.by_ref().take(1 << 20).read_to_end(&mut window)?;
        let holds = |name: &[u8]| memchr::memmem::find(&window, name).is_some();
        if holds(&encrypted) {
            return Err(ReadError::Encrypted);
        }
        is_book |= books.iter().any(|name| holds(name));
        if n_read == 0 {
            break;
        }
    }
    if is_book {
        Ok(Format::Xls)
    } else {
        Err(unsupported("an office document, but no workbook", "export its tables as CSV or XLSX"))
    }
}

fn text(head: &[u8], name: &str) -> Result<Format, ReadError> {
    let is_marked = encoding_rs::Encoding::for_bom(head).is_some() || super::encoding::utf_16(head).is_some();
    let n_control = head.iter().filter(|byte| **byte < b'\t' || (0x0E..0x20).contains(*byte)).count();
    if !is_marked && n_control > head.len() / 20 {
        return Err(unsupported("binary, and none of the formats known here", "export it as CSV, XLSX or Parquet"));
    }
    let start = String::from_utf8_lossy(head);
    let start = start.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let tag: String = start.chars().take(512).collect::<String>().to_ascii_lowercase();
    if ["<!doctype html", "<html", "<table", "<head", "<body"].iter().any(|html| tag.starts_with(html)) {
        return Err(unsupported(
            "a web page, whatever its name says",
            "open it in a spreadsheet program and save it as XLSX",
        ));
    }
    if tag.starts_with("<?xml") || tag.starts_with("<workbook") {
        return Err(unsupported("XML", "open it in a spreadsheet program and save it as XLSX"));
    }
    Ok(json(start, name).unwrap_or(Format::Csv))
}

/// JSON or NDJSON, if the text starts as one.
fn json(start: &str, name: &str) -> Option<Format> {
    if !start.starts_with(['{', '[']) {
        return None;
    }
    let lines = [".ndjson", ".jsonl"].iter().any(|end| name.to_ascii_lowercase().ends_with(end));
    let mut values = serde_json::Deserializer::from_str(start).into_iter::<serde::de::IgnoredAny>();
    match values.next()? {
        Err(error) if error.is_eof() => Some(if lines { Format::Ndjson } else { Format::Json }),
        Err(_) => None,
        Ok(_) => match values.next() {
            // The second value is whole, or broken off by the end of what was looked at.
            Some(Ok(_)) => Some(Format::Ndjson),
            Some(Err(error)) if error.is_eof() => Some(Format::Ndjson),
            Some(Err(_)) => None,
            None => Some(if lines { Format::Ndjson } else { Format::Json }),
        },
    }
}
