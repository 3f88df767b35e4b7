//! SHA-256 sums in hex: by them version files are named, and known again.

use std::{
    fmt::Write as _,
    io::{self, Read, Write},
};

use sha2::{Digest, Sha256};

/// Hex digits of a sum.
pub const N_DIGITS: usize = 64;

/// Copies all bytes; their SHA-256 in hex and their number.
pub fn copy_hashed(from: &mut impl Read, to: &mut impl Write) -> io::Result<(String, u64)> {
    let (mut hasher, mut n_bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n_read = from.read(&mut buffer)?;
        let Some(bytes) = buffer.get(..n_read).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        to.write_all(bytes)?;
        n_bytes += u64::try_from(n_read).unwrap_or(0);
    }
    let mut hash = String::new();
    for byte in hasher.finalize() {
        // Writing to a string can't fail.
        let _ = write!(hash, "{byte:02x}");
    }
    Ok((hash, n_bytes))
}
