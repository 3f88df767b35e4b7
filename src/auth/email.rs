//! E-mail addresses, which name accounts.

use email_address::{EmailAddress, Options};
use unicode_normalization::UnicodeNormalization as _;

use super::FieldError;

/// A plain address in lower case: `Ann@Example.org` and `ann@example.org` are one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Email(String);

impl Email {
    pub(super) fn parse(text: &str) -> Result<Email, FieldError> {
        let text = text.trim();
        let options = Options::default().without_display_text().without_domain_literal();
        let is_plain = text.len() <= 254 && !text.contains(|c: char| c == '"' || c.is_control() || c.is_whitespace());
        if !is_plain || EmailAddress::parse_with_options(text, options).is_err() {
            return Err(FieldError::new("email", "is not an e-mail address such as `ann@example.org`"));
        }
        Ok(Email(text.to_lowercase().nfc().collect()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}
