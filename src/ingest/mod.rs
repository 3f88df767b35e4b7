//! Reads files that people made: format, encoding, tables, headers and types, and a receipt for every decision.
//!
//! The only module that knows calamine and the CSV parser. It never fails on bad spreadsheet data: that becomes issues.

mod cell;
pub mod receipt;

use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

use cell::Source;

/// What a caller may fix instead of leaving it to detection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Text files: what stands between two cells.
    pub delimiter: Option<String>,
    /// Text files: an encoding's WHATWG label.
    pub encoding: Option<String>,
    /// The row that heads the columns, counted from 1; 0 says that none does.
    pub header_row: Option<u64>,
    /// Workbooks: only this worksheet.
    pub sheet: Option<String>,
}

/// What a file may cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub file_bytes: u64,
    /// Of a zipped workbook, all parts together once inflated.
    pub inflated_bytes: u64,
    /// Cells that hold something, per file.
    pub cells: u64,
    /// Per sheet.
    pub columns: u32,
    /// Per workbook.
    pub sheets: u32,
}

/// Why a file can't be read at all.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("can't read the file: {0}")]
    Io(#[from] std::io::Error),
    /// The format is known and not read here; the hint says what to do.
    #[error("{what}")]
    Unsupported { what: String, hint: String },
    /// Damaged, or not what it seems.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    #[error("the workbook is encrypted")]
    Encrypted,
    #[error("{what}: {found} is over the limit of {limit}")]
    Limit { what: &'static str, found: u64, limit: u64 },
    #[error("{message}")]
    Option { message: String, hint: String },
}

/// A table that a reader found in a file.
struct Table {
    /// The worksheet's name, or the file's stem.
    title: String,
    hidden: bool,
    source: Box<dyn Source>,
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Fault {
        let message = error.to_string();
        match error {
            ReadError::Io(_) => Fault::new(Code::UnreadableFile, message),
            ReadError::Unsupported { hint, .. } => Fault::new(Code::UnsupportedFormat, message).hint(hint),
            ReadError::Damaged(_) => Fault::new(Code::UnreadableFile, message)
                .hint("open it in the program that made it and save it again, or export the sheet as CSV"),
            ReadError::Encrypted => Fault::new(Code::UnreadableFile, message).hint("save it without a password"),
            ReadError::Limit { .. } => Fault::new(Code::LimitExceeded, message)
                .hint("split the file, or raise the limit in Quire's configuration"),
            ReadError::Option { hint, .. } => Fault::new(Code::InvalidArguments, message).hint(hint),
        }
    }
}
