//! How deep a file of JSON is nested, counted as it streams by: DuckDB reads it by recursion, which costs it minutes, all its
//! memory or its stack.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::fault::{Code, Fault};

/// Brackets open at once. People's tables have a few; reading 200 takes DuckDB half a second, and 1,000 seven.
const MAX_DEPTH: u32 = 128;
const CHUNK_BYTES: usize = 1 << 16;

/// Refuses a file that is nested too deeply. Whether it is JSON at all is for its reader to find.
pub(super) fn check(source: &Path) -> Result<(), Fault> {
    let unreadable = |error: io::Error| Fault::new(Code::UnreadableFile, format!("can't read the file: {error}"));
    let mut file = File::open(source).map_err(unreadable)?;
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut nesting = Nesting::default();
    loop {
        let n = file.read(&mut chunk).map_err(unreadable)?;
        if n == 0 {
            return Ok(());
        }
        if chunk.iter().take(n).any(|byte| nesting.pass(*byte) > MAX_DEPTH) {
            let line = nesting.line;
            return Err(Fault::new(
                Code::LimitExceeded,
                format!("the JSON is nested deeper than {MAX_DEPTH} lists and objects, in line {line}"),
            )
            .hint("flatten it, or keep what is that deep as text, in quotes"));
        }
    }
}

/// Where in the JSON the reading stands.
#[derive(Debug)]
struct Nesting {
    depth: u32,
    is_text: bool,
    is_escaped: bool,
    /// From 1.
    line: u64,
}

impl Default for Nesting {
    fn default() -> Nesting {
        Nesting { depth: 0, is_text: false, is_escaped: false, line: 1 }
    }
}

impl Nesting {
    /// Brackets open behind this byte.
    fn pass(&mut self, byte: u8) -> u32 {
        match byte {
            // JSON has no line break in a text: what looks like one goes on was never closed.
            b'\n' => {
                (self.is_text, self.is_escaped) = (false, false);
                self.line += 1;
            }
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = self.is_text,
            b'"' => self.is_text = !self.is_text,
            b'[' | b'{' if !self.is_text => self.depth += 1,
            b']' | b'}' if !self.is_text => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.depth
    }
}
