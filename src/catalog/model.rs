//! What the catalog holds, as its callers see it.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    ingest::receipt::{ColumnNote, Decision, Issue},
    name::SheetName,
    value::Column,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserId(pub i64);

/// The owner of one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// The random name of the workspace's folder on disk.
    pub key: String,
}

/// What makes a source the same one when it comes again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    Path(String),
    /// Of inline text or an upload.
    Name(String),
    /// Of a sheet that a transform saved: the name of the sheet it was made from.
    Sheet(String),
}

impl Identity {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Identity::Path(_) => "path",
            Identity::Name(_) => "name",
            Identity::Sheet(_) => "sheet",
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Identity::Path(text) | Identity::Name(text) | Identity::Sheet(text) => text,
        }
    }
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSource {
    pub identity: Identity,
    pub sha256: String,
    pub n_bytes: u64,
    /// Nanoseconds since 1970, as the file system says.
    pub modified_ns: Option<i64>,
    pub format: String,
    /// The options of the reading.
    pub options: Json,
    /// What concerns the file rather than one sheet.
    pub issues: Vec<Issue>,
    /// Read where it lies, not copied.
    pub linked: bool,
    /// Read again because it has changed, not because someone asked: tables that were deleted stay deleted, and where
    /// single worksheets were imported, no others come in.
    pub is_refresh: bool,
}

impl NewSource {
    /// Whether only one worksheet was asked for, by its name.
    pub(super) fn is_picked(&self) -> bool {
        self.options.get("sheet").is_some_and(|sheet| !sheet.is_null())
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub id: i64,
    pub identity: Identity,
    pub sha256: String,
    pub n_bytes: u64,
    pub modified_ns: Option<i64>,
    pub format: String,
    pub options: Json,
    pub issues: Vec<Issue>,
    pub linked: bool,
}

impl Source {
    /// For people: the path, the name it came with, or the sheet it was made from.
    pub fn shown(&self) -> String {
        match &self.identity {
            Identity::Path(text) | Identity::Name(text) => text.clone(),
            Identity::Sheet(name) => format!("made from `{name}`"),
        }
    }
}

/// A linked file, and the live sheets that were read from it.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkedSource {
    pub path: String,
    pub n_bytes: u64,
    pub modified_ns: Option<i64>,
    pub options: Json,
    pub sheets: Vec<SheetName>,
    /// Of those, the sheets that are not as of the file's last reading, and why.
    pub held: Vec<(SheetName, String)>,
}

/// A sheet that a transform saved, and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    pub name: SheetName,
    pub base: SheetName,
    /// The version of the base that it was made from.
    pub made_from: u64,
}

/// A table found in a source.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSheet {
    pub title: String,
    pub hidden: bool,
    /// Among the source's tables, from 0.
    pub position: u32,
    /// Made unique in the workspace when the sheet is new; a sheet that is known keeps its name.
    pub suggested: SheetName,
    pub version: NewVersion,
    /// For a sheet with steps: what they made of the new rows.
    pub replay: Option<Replay>,
}

/// A sheet's steps, applied to rows that were read anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// Number of the sheet's current version, whose steps these are.
    pub steps_of: u64,
    /// The new version, or why there is none.
    pub outcome: Result<NewVersion, String>,
}

/// Where a table lies in its source, rows counted from 1, and how the text was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub header_rows: Vec<u64>,
    pub first_data_row: u64,
    pub last_data_row: u64,
    /// Of a text file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// What stands above and below the data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub column_notes: Vec<ColumnNote>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decision>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewVersion {
    pub n_rows: u64,
    pub columns: Vec<Column>,
    pub issues: Vec<Issue>,
    /// None where the rows no longer lie in a source.
    pub layout: Option<Layout>,
    /// The SHA-256 of the Parquet file in hex, which is its name.
    pub file: String,
    pub n_bytes: u64,
    /// The tool with its steps or SQL.
    pub made_by: Json,
    /// Of a transform: what it did to the version that it builds on.
    pub steps: Vec<Json>,
}

impl NewVersion {
    /// What was said when it was made.
    pub fn notes(&self) -> Vec<String> {
        notes_of(&self.made_by)
    }
}

fn notes_of(made_by: &Json) -> Vec<String> {
    let notes = made_by.get("notes").and_then(Json::as_array);
    notes.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// A snapshot of a sheet's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    pub id: i64,
    /// From 1.
    pub number: u64,
    pub n_rows: u64,
    pub columns: Vec<Column>,
    pub issues: Vec<Issue>,
    pub layout: Option<Layout>,
    pub file: String,
    pub n_bytes: u64,
    pub made_by: Json,
    /// The version that it was made from; none for a sheet's first.
    pub based_on: Option<u64>,
    /// The version that holds the rows as they were read.
    pub reading: u64,
    /// All steps from `reading` to here.
    pub steps: Vec<Json>,
    /// An address, or `local`.
    pub author: String,
    pub pinned: bool,
    /// Unix milliseconds.
    pub created_at: i64,
}

impl Version {
    /// Whether it holds the rows as they were read.
    pub fn is_reading(&self) -> bool {
        self.reading == self.number
    }

    /// The sheet and its version that this was saved from, where it was.
    pub fn saved_from(&self) -> Option<(&str, u64)> {
        let from = self.made_by.get("from")?;
        Some((from.get("sheet")?.as_str()?, from.get("version")?.as_u64()?))
    }

    /// The tool that made it.
    pub fn tool(&self) -> &str {
        self.made_by.get("tool").and_then(Json::as_str).unwrap_or_default()
    }

    /// What was said when it was made.
    pub fn notes(&self) -> Vec<String> {
        notes_of(&self.made_by)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    pub id: i64,
    pub name: SheetName,
    pub title: String,
    pub hidden: bool,
    pub position: u32,
    pub source: Source,
    /// The current one.
    pub version: Version,
    /// Unix milliseconds; none while it lives.
    pub deleted_at: Option<i64>,
}

/// A sheet that can still be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedSheet {
    /// What `restore` finds it by: its name, or `name#id` where that is another sheet's by now.
    pub handle: String,
    pub n_rows: u64,
    /// Unix milliseconds.
    pub deleted_at: i64,
}

/// A sheet with an old version's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Restored {
    pub sheet: Sheet,
    /// The version whose rows are back.
    pub number: u64,
    /// Nothing was done where that was the current one of a live sheet.
    pub is_change: bool,
    /// Whether the sheet's file is followed by another sheet by now, and no longer by this one.
    pub is_parted: bool,
}

/// What is gone for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    pub names: Vec<String>,
    /// Sheets that had one of these names before, were deleted, and can still be restored: as `name#id`.
    pub kept: Vec<String>,
}

/// What an import did to a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    New,
    Changed,
    Same,
    /// A step failed on the new rows: the last version stays the current one.
    Held,
}

impl Change {
    /// What replies call it.
    pub fn word(self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Changed => "changed",
            Change::Same => "unchanged",
            Change::Held => "held",
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct ImportedSheet {
    pub sheet: Sheet,
    pub change: Change,
}

/// Sheets in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub struct SheetPage {
    pub sheets: Vec<Sheet>,
    /// Of all pages together.
    pub n_total: u64,
    /// More follow: ask again with the last name of this page as `after`.
    pub more: bool,
}

/// The live sheets and their files, at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub generation: u64,
    pub files: Vec<(SheetName, String)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewResult {
    pub id: String,
    pub sql: String,
    pub columns: Vec<Column>,
    pub n_rows: u64,
    /// Holds all rows of the query, not only the first ones.
    pub complete: bool,
    pub n_bytes: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredResult {
    pub id: String,
    pub sql: String,
    pub columns: Vec<Column>,
    pub n_rows: u64,
    pub complete: bool,
    pub n_bytes: u64,
    pub created_at: i64,
    pub expires_at: i64,
}

/// A call to a tool, for audit and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewQuery {
    pub tool: String,
    pub sql: Option<String>,
    /// `ok`, or a fault's code.
    pub outcome: &'static str,
    pub n_rows: Option<u64>,
    pub milliseconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedQuery {
    pub at: i64,
    pub tool: String,
    pub sql: Option<String>,
    pub outcome: String,
    pub n_rows: Option<u64>,
    pub milliseconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub schema: i64,
    /// What the database's own check found; empty when all is well.
    pub problems: Vec<String>,
}
