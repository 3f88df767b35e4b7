//! What an import found, and every decision and loss on the way: it crosses the process boundary as JSON.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::format::Format;
use crate::{name::SheetName, value::Column};

/// The reading of one file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    /// `csv`, `xlsx`, `xlsm`, `xlsb`, `xls`, `ods`, `parquet`, `json` or `ndjson`.
    pub format: String,
    /// Of a text file: its encoding as WHATWG names it, and the delimiter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// In the file's order. Worksheets without any cell are left out, and said so in `issues`.
    pub sheets: Vec<SheetReceipt>,
    /// What concerns the file rather than one sheet of it.
    #[serde(default)]
    pub issues: Vec<Issue>,
}

/// The reading of one table. Rows are counted from 1 over all the file's records, blank ones included.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SheetReceipt {
    /// What an import would call the sheet in an empty workspace; the workspace says it, not the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<SheetName>,
    /// The worksheet's name, or the file's stem; of several tables there, its own title.
    pub title: String,
    /// The worksheet's name, or the file's stem, where the table is one of several in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worksheet: Option<String>,
    /// Hidden in the workbook.
    #[serde(default)]
    pub hidden: bool,
    pub n_rows: u64,
    pub columns: Vec<Column>,
    /// Empty where the file heads no column.
    pub header_rows: Vec<u64>,
    /// 0 where there are no rows.
    pub first_data_row: u64,
    /// Totals rows included; 0 where there are no rows.
    pub last_data_row: u64,
    #[serde(default)]
    pub issues: Vec<Issue>,
    /// What stands above and below the data, each with its row, such as "row 1: Sales by region".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub column_notes: Vec<ColumnNote>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
    /// The Parquet file written, where one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// Something that a person would want to know of a reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Issue {
    /// A stable name in `snake_case`, such as `ragged_rows`.
    pub code: String,
    /// What is, in words.
    pub message: String,
    /// Cells or rows concerned.
    pub count: u64,
    /// The first few: address and text, such as "C7: #N/A".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// What the file says of a column besides its name: its unit, a footnote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ColumnNote {
    pub column: String,
    pub note: String,
}

/// Something that could have been read otherwise. `reimport_sheet` changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// `region`, `header`, `totals`, `groups`, `fill`, `shape` or `type`.
    pub about: String,
    /// What was decided, with cell addresses.
    pub decided: String,
    pub because: String,
    /// Of 100.
    pub confidence: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
}

impl Issue {
    /// With no more than a few examples.
    #[must_use]
    pub fn short(mut self) -> Issue {
        self.examples.truncate(5);
        self
    }
}

impl Receipt {
    /// The reading of a file that holds exactly one table with named columns, as Parquet and JSON do.
    pub fn of_table(format: Format, name: &str, columns: Vec<Column>, n_rows: u64, file: Option<PathBuf>) -> Receipt {
        let sheet = SheetReceipt {
            name: None,
            title: Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            worksheet: None,
            hidden: false,
            n_rows,
            columns,
            header_rows: Vec::new(),
            first_data_row: n_rows.min(1),
            last_data_row: n_rows,
            issues: Vec::new(),
            notes: Vec::new(),
            column_notes: Vec::new(),
            decisions: Vec::new(),
            file,
        };
        Receipt {
            format: format.name().to_owned(),
            encoding: None,
            delimiter: None,
            sheets: vec![sheet],
            issues: Vec::new(),
        }
    }
}
