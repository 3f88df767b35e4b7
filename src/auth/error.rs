//! What can go wrong with accounts, and what a caller is told of it.

use std::time::Duration;

use crate::{
    catalog::CatalogError,
    fault::{Code, Fault},
};

/// What is wrong with one field of what a caller sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: &'static str,
    /// Never holds the field's content.
    pub message: String,
}

impl FieldError {
    pub(super) fn new(field: &'static str, message: impl Into<String>) -> FieldError {
        FieldError { field, message: message.into() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("{}", in_words(.0))]
    Invalid(Vec<FieldError>),
    /// An unknown address, a wrong password, a disabled account: callers can't tell which.
    #[error("the e-mail address or the password is wrong")]
    Credentials,
    #[error("the token is not valid, or no longer")]
    Token,
    #[error("the refresh token is not valid, or no longer")]
    RefreshToken,
    #[error("too many attempts")]
    Throttled(Duration),
    #[error("too many passwords are being checked")]
    Overloaded,
    #[error("this server does not let people register")]
    RegistrationClosed,
    #[error("a personal access token can't do this")]
    SessionNeeded,
    #[error("{0}")]
    Fault(#[from] Fault),
}

impl AuthError {
    /// When the same may be tried again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            AuthError::Throttled(wait) => Some(*wait),
            AuthError::Overloaded => Some(Duration::from_secs(1)),
            AuthError::Invalid(_)
            | AuthError::Credentials
            | AuthError::Token
            | AuthError::RefreshToken
            | AuthError::RegistrationClosed
            | AuthError::SessionNeeded
            | AuthError::Fault(_) => None,
        }
    }
}

impl From<FieldError> for AuthError {
    fn from(error: FieldError) -> AuthError {
        AuthError::Invalid(vec![error])
    }
}

impl From<CatalogError> for AuthError {
    fn from(error: CatalogError) -> AuthError {
        AuthError::Fault(error.into())
    }
}

impl From<AuthError> for Fault {
    fn from(error: AuthError) -> Fault {
        let message = error.to_string();
        match error {
            AuthError::Invalid(_) => Fault::new(Code::InvalidArguments, message),
            AuthError::Credentials => Fault::new(Code::Unauthenticated, message)
                .hint("try again, or ask who runs this server for a new password (`quire user passwd`)"),
            AuthError::Token => Fault::new(Code::Unauthenticated, message)
                .hint("log in again, or refresh; a personal access token may have expired or been revoked"),
            AuthError::RefreshToken => Fault::new(Code::Unauthenticated, message).hint("log in again"),
            AuthError::Throttled(wait) => {
                Fault::new(Code::RateLimited, message).hint(format!("try again in {} s", whole_seconds(wait)))
            }
            AuthError::Overloaded => Fault::new(Code::Busy, message).hint("try again in a second"),
            AuthError::RegistrationClosed => Fault::new(Code::Forbidden, message)
                .hint("ask who runs it for an account (`quire user add`) or an invitation"),
            AuthError::SessionNeeded => {
                Fault::new(Code::Forbidden, message).hint("log in with e-mail address and password, and use that token")
            }
            AuthError::Fault(fault) => fault,
        }
    }
}

/// Seconds to wait, rounded up.
pub(super) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn in_words(errors: &[FieldError]) -> String {
    let each: Vec<String> = errors.iter().map(|error| format!("`{}` {}", error.field, error.message)).collect();
    each.join("; ")
}
