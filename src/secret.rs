//! Texts that are sent and compared, and neither printed nor left in memory: passwords, tokens, keys, codes.
//!
//! What a crate makes of one on the way, such as a buffer of the network or of a terminal, is out of reach here.

use std::fmt;

use serde::{Deserialize, Serializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A text whose `Debug` shows nothing of it, and whose memory is zeroed when it goes.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(Zeroizing::new(text.into()))
    }

    /// For what must have it: a hash, a header, the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// For a field that is meant to be sent: serialising a secret is no default.
    pub fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.reveal())
    }
}

/// In a time that tells nothing of where they differ.
impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl From<String> for Secret {
    fn from(text: String) -> Secret {
        Secret::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_debug_shows_it() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only its `Debug` is looked at")]
        struct Holder {
            key: Option<Secret>,
            list: Vec<(String, Secret)>,
        }
        let holder: Holder = serde_json::from_str(r#"{"key": "abc123", "list": [["name", "abc123"]]}"#).unwrap();
        assert_eq!(holder.key.as_ref().unwrap().reveal(), "abc123");
        let shown = format!("{holder:?} {holder:#?}");
        assert!(!shown.contains("abc") && shown.contains("Secret(…)"), "{shown}");
    }
}
