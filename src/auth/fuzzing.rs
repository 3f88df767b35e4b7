//! A door for the fuzz target of tokens.

use std::path::Path;

use super::{Settings, access::Issuer, keys::Keys};
use crate::fault::Fault;

/// Whether a token passes for one of ours, of the keys in a folder.
pub fn is_let_in(folder: &Path, token: &str) -> Result<bool, Fault> {
    Ok(Issuer::new(Keys::open(folder)?, &Settings::default()).verify(token).is_ok())
}
