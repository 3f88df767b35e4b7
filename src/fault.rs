//! The one error that crosses a surface, and the one table of its codes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A failure that a caller can act on.
///
/// The message says what is, with the offending value; the hint says what to do next, and is empty when there is nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Fault {
    pub code: Code,
    pub message: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The one argument that is wrong, where it is one: its name, or its path such as `steps[0].op`.
    #[serde(skip)]
    pub field: Option<String>,
    /// Seconds after which to call again, where that may help.
    #[serde(skip)]
    pub wait: Option<u64>,
}

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into(), hint: String::new(), field: None, wait: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = hint.into();
        self
    }

    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Fault {
        self.field = Some(field.into());
        self
    }

    #[must_use]
    pub fn wait(mut self, seconds: u64) -> Fault {
        self.wait = Some(seconds);
        self
    }

    /// With words that fit a reply: what they quote may be of any length.
    #[must_use]
    pub fn bounded(mut self) -> Fault {
        for words in [&mut self.message, &mut self.hint] {
            if let Some((end, _)) = words.char_indices().nth(MAX_WORDS) {
                words.truncate(end);
                words.push('…');
            }
        }
        self
    }

    /// As a stranger may read it: of what broke inside Quire only under which id the log has it.
    #[must_use]
    pub fn redacted(&self, request_id: &str) -> Fault {
        if !self.code.is_ours() {
            return self.clone();
        }
        let hint = if self.code == Code::WorkerCrashed {
            format!(
                "nothing is lost; try a smaller form of this call, or name request `{request_id}` to whoever runs this server"
            )
        } else {
            format!("call again; if it stays, name request `{request_id}` to whoever runs this server")
        };
        Fault::new(self.code, format!("something failed inside Quire under request `{request_id}`")).hint(hint)
    }

    /// A defect or an environment that broke under us: nothing the caller did.
    pub fn internal(source: impl fmt::Display) -> Fault {
        Fault::new(Code::Internal, source.to_string())
    }
}

/// Characters of a message, and of a hint.
const MAX_WORDS: usize = 4_000;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $http:literal $exit:literal;)*) => {
        /// Stable codes. Adding one is adding a line to the table below: name, HTTP status, exit code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// The code as callers read it.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// The status of an HTTP answer with this fault.
            pub fn http_status(self) -> u16 {
                match self { $(Code::$variant => $http,)* }
            }

            /// Whether the message is for whoever runs Quire, rather than for who called.
            pub fn is_ours(self) -> bool {
                matches!(
                    self,
                    Code::Internal | Code::CatalogUnusable | Code::StorageFailed | Code::WorkerCrashed
                )
            }

            /// The exit code of a command that ends with this fault.
            pub fn exit_code(self) -> u8 {
                match self { $(Code::$variant => $exit,)* }
            }
        }
    };
}

// Exit codes by kind: 2 the call is wrong, 3 not found, 4 the file is bad, 5 not allowed, 6 a limit, 7 try again, 70 our defect, 74 storage.
codes! {
    InvalidArguments "invalid_arguments" 400 2;
    UnknownTool "unknown_tool" 404 2;
    /// The SQL does not parse, bind or run.
    InvalidSql "invalid_sql" 400 2;
    SheetNotFound "sheet_not_found" 404 3;
    /// The sheet is there, and has no such version.
    VersionNotFound "version_not_found" 404 3;
    ColumnNotFound "column_not_found" 404 3;
    ResultNotFound "result_not_found" 404 3;
    FileNotFound "file_not_found" 404 3;
    /// An account, a token, a job or a route that there is not.
    NotFound "not_found" 404 3;
    /// The path is there, and does not take this HTTP method.
    MethodNotAllowed "method_not_allowed" 405 2;
    /// The client takes none of the forms that the answer has.
    NotAcceptable "not_acceptable" 406 2;
    /// The request did not come to its end in time.
    TooSlow "too_slow" 408 7;
    /// The body is not of the kind that the route takes.
    UnsupportedMediaType "unsupported_media_type" 415 2;
    UnsupportedFormat "unsupported_format" 415 4;
    /// Damaged, encrypted, or not what its name says.
    UnreadableFile "unreadable_file" 422 4;
    /// The SQL is understood, and does more than read sheets.
    SqlRefused "sql_refused" 403 5;
    PathNotAllowed "path_not_allowed" 403 5;
    /// No token, or one that is not valid (any more).
    Unauthenticated "unauthenticated" 401 5;
    /// The token is valid and does not allow this.
    Forbidden "forbidden" 403 5;
    LimitExceeded "limit_exceeded" 413 6;
    /// The user's own share of this server is used up.
    QuotaExceeded "quota_exceeded" 403 6;
    RateLimited "rate_limited" 429 7;
    TimedOut "timed_out" 504 6;
    OutOfMemory "out_of_memory" 507 6;
    Cancelled "cancelled" 499 6;
    /// The worker died under this call; the next call gets another.
    WorkerCrashed "worker_crashed" 500 6;
    Conflict "conflict" 409 7;
    Busy "busy" 503 7;
    /// No language model is configured.
    ModelNotConfigured "model_not_configured" 424 2;
    /// The language model's server failed, or answered what can't be understood.
    ModelFailed "model_failed" 502 7;
    StorageFailed "storage_failed" 507 74;
    /// The file that holds the sheet's rows is missing, or is not what was written.
    SheetDamaged "sheet_damaged" 500 74;
    /// The catalog can't be used: damaged, or written by a newer Quire.
    CatalogUnusable "catalog_unusable" 500 74;
    Internal "internal" 500 70;
}
