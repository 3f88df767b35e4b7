//! What can go wrong with the catalog, and what a caller is told of it.

use std::io;

use rusqlite::ErrorCode;

use crate::{
    fault::{Code, Fault},
    name::SheetName,
};

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the catalog was written by a newer Quire (schema {found}, this one knows up to {known})")]
    Newer { found: i64, known: i64 },
    #[error("the catalog file is damaged: {0}")]
    Damaged(rusqlite::Error),
    #[error("the catalog is lost: {0}")]
    Lost(String),
    #[error("`{0}` holds an unfinished copy of a data folder: a backup or restore is under way, or was killed")]
    Unfinished(String),
    #[error("another Quire uses this data folder")]
    InUse,
    #[error("another process holds the catalog")]
    Busy(rusqlite::Error),
    #[error("can't store in the data folder: {0}")]
    Io(#[from] io::Error),
    #[error("can't write the catalog: {0}")]
    Unwritable(rusqlite::Error),
    #[error("the sheet `{sheet}` is at version {current}, and the change builds on version {based_on}")]
    Conflict { sheet: SheetName, based_on: u64, current: u64 },
    #[error("no sheet is named `{name}`")]
    SheetNotFound { name: String, nearest: Vec<String> },
    #[error("the sheet `{0}` was deleted")]
    SheetDeleted(String),
    #[error("the sheet `{sheet}` has no version before version {number}")]
    NothingBefore { sheet: SheetName, number: u64, deleted: Option<String> },
    #[error("the sheet `{sheet}` has no version {number}")]
    VersionNotFound { sheet: SheetName, number: u64 },
    #[error("the rows of version {number} of the sheet `{sheet}` are lost: their file is missing or damaged")]
    VersionDamaged { sheet: SheetName, number: u64 },
    #[error("there is a sheet named `{0}` already")]
    NameTaken(SheetName),
    #[error("there is no result `{0}`, or it has expired")]
    ResultNotFound(String),
    #[error("there is an account for this address already")]
    EmailTaken,
    #[error("no account has the address `{0}`")]
    AccountNotFound(String),
    #[error("the invitation is not valid, or no longer")]
    InvitationNotFound,
    #[error("there is a token named `{0}` already")]
    TokenNameTaken(String),
    #[error("there is no token `{0}`")]
    TokenNotFound(String),
    #[error("there are {0} tokens already")]
    TooManyTokens(u32),
    #[error("the catalog holds text that can't be read back: {0}")]
    Text(#[from] serde_json::Error),
    #[error("catalog: {0}")]
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> CatalogError {
        let Some(code) = error.sqlite_error_code() else { return CatalogError::Sql(error) };
        if [ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked].contains(&code) {
            CatalogError::Busy(error)
        } else if [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase].contains(&code) {
            CatalogError::Damaged(error)
        } else if [ErrorCode::DiskFull, ErrorCode::ReadOnly, ErrorCode::CannotOpen, ErrorCode::SystemIoFailure]
            .contains(&code)
        {
            CatalogError::Unwritable(error)
        } else {
            CatalogError::Sql(error)
        }
    }
}

impl From<CatalogError> for Fault {
    fn from(error: CatalogError) -> Fault {
        let message = error.to_string();
        match error {
            CatalogError::Newer { .. } => {
                Fault::new(Code::CatalogUnusable, message).hint("update Quire, or use another `--data-dir`")
            }
            CatalogError::Damaged(_) | CatalogError::Text(_) | CatalogError::Lost(_) => {
                Fault::new(Code::CatalogUnusable, message).hint(REPAIR)
            }
            CatalogError::Unfinished(_) => Fault::new(Code::CatalogUnusable, message).hint(
                "wait for the one under way; after a kill run the same `quire restore` or `quire backup` again: it begins anew",
            ),
            CatalogError::InUse => {
                Fault::new(Code::Busy, message).hint("stop the other processes first, then try again")
            }
            CatalogError::VersionDamaged { .. } => {
                Fault::new(Code::SheetDamaged, message).hint("`sheet_history` lists the others; nothing was changed")
            }
            CatalogError::Busy(_) => Fault::new(Code::Busy, message).hint("try again in a few seconds"),
            CatalogError::Io(source) => storage_fault(message, &source),
            CatalogError::Unwritable(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::ReadOnly => {
                Fault::new(Code::StorageFailed, message).hint(READ_ONLY)
            }
            CatalogError::Unwritable(_) => Fault::new(Code::StorageFailed, message)
                .hint("see that the data folder exists, is writable and has free space"),
            CatalogError::Conflict { .. } => {
                Fault::new(Code::Conflict, message).hint("look at the sheet as it is now and apply the change again")
            }
            CatalogError::SheetNotFound { nearest, .. } => {
                Fault::new(Code::SheetNotFound, message).hint(if nearest.is_empty() {
                    "call `list_sheets` to see the names, or `import_file` to add a sheet".to_owned()
                } else {
                    let names: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
                    format!("did you mean {}?", names.join(" or "))
                })
            }
            CatalogError::SheetDeleted(name) => Fault::new(Code::SheetNotFound, message)
                .hint(format!("`restore_version` with sheet `{name}` brings it back")),
            CatalogError::NothingBefore { deleted: Some(handle), .. } => Fault::new(Code::VersionNotFound, message)
                .hint(format!("a deleted sheet of this name is kept: `restore_version` brings it back as `{handle}`")),
            CatalogError::NothingBefore { deleted: None, .. } => {
                Fault::new(Code::VersionNotFound, message).hint("`sheet_history` lists the versions that are kept")
            }
            CatalogError::VersionNotFound { .. } => Fault::new(Code::VersionNotFound, message)
                .hint("`sheet_history` lists the versions that are kept: the newest 20"),
            CatalogError::NameTaken(_) => Fault::new(Code::InvalidArguments, message)
                .hint("give another name, or leave `save_as` out to make a new version of the sheet"),
            CatalogError::ResultNotFound(_) => Fault::new(Code::ResultNotFound, message)
                .hint("results are kept for an hour and within a quota: run the query again"),
            CatalogError::EmailTaken => Fault::new(Code::Conflict, message).hint("log in, or use another address"),
            CatalogError::AccountNotFound(_) => {
                Fault::new(Code::NotFound, message).hint("`quire user list` lists the accounts")
            }
            CatalogError::InvitationNotFound => Fault::new(Code::Forbidden, message)
                .hint("ask who runs this server for a new one (`quire user invite`), and use the address it is for"),
            CatalogError::TokenNameTaken(_) => {
                Fault::new(Code::Conflict, message).hint("give another name, or revoke that token first")
            }
            CatalogError::TokenNotFound(_) => {
                Fault::new(Code::NotFound, message).hint("list the tokens to see their ids")
            }
            CatalogError::TooManyTokens(_) => {
                Fault::new(Code::QuotaExceeded, message).hint("revoke some that are not used any more")
            }
            CatalogError::Sql(_) => Fault::internal(message),
        }
    }
}

/// What to do about a catalog that is damaged or lost.
pub const REPAIR: &str = "stop all processes on this data folder and run `quire doctor --repair`, or `quire restore` a \
     backup into another folder";

/// Reading alone keeps a history and locks, too.
const READ_ONLY: &str =
    "make the data folder writable, or copy it to where you may write and name the copy with `--data-dir`";

/// A failure of the data folder, with what to do about it.
pub(crate) fn storage_fault(message: String, source: &io::Error) -> Fault {
    let kind = source.kind();
    let hint = if kind == io::ErrorKind::StorageFull || kind == io::ErrorKind::QuotaExceeded {
        "the disk is full: free some space, or use a `--data-dir` on another disk"
    } else if kind == io::ErrorKind::PermissionDenied || kind == io::ErrorKind::ReadOnlyFilesystem {
        READ_ONLY
    } else {
        "see that the data folder exists, is writable and has free space"
    };
    Fault::new(Code::StorageFailed, message).hint(hint)
}
