//! Random secrets that are given out once and kept as hashes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRng as _, rngs::SysRng};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{catalog::SecretHash, fault::Fault, secret::Secret};

/// 256 bits of the operating system's randomness.
pub(super) fn random() -> Result<Zeroizing<[u8; 32]>, Fault> {
    let mut bytes = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(bytes.as_mut_slice()).map_err(Fault::internal)?;
    Ok(bytes)
}

/// A new secret as text; the prefix says to people and to scanners for leaked secrets what it is.
pub(super) fn fresh(prefix: &str) -> Result<Secret, Fault> {
    let bytes = random()?;
    // As one piece of memory: a text that grows leaves its beginnings behind.
    let mut text = String::with_capacity(prefix.len() + bytes.len() * 2);
    text.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(*bytes, &mut text);
    Ok(Secret::new(text))
}

/// What is kept of a secret. Plain SHA-256 will do: nobody guesses 256 random bits, so nothing need be slow.
pub(super) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}
