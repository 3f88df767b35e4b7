//! The file that a text format is written to, within its bound.

use std::{
    fs::File,
    io::{BufWriter, Write},
};

use super::Order;
use crate::fault::{Code, Fault};

pub(super) struct Output {
    file: BufWriter<File>,
    n_left: Option<u64>,
    limit: u64,
}

impl Output {
    pub(super) fn create(order: &Order) -> Result<Output, Fault> {
        let file = File::create(&order.target).map_err(storage)?;
        let limit = order.max_bytes.unwrap_or(u64::MAX);
        Ok(Output { file: BufWriter::with_capacity(1 << 18, file), n_left: order.max_bytes, limit })
    }

    pub(super) fn write(&mut self, text: &str) -> Result<(), Fault> {
        if let Some(n_left) = &mut self.n_left {
            let n_bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
            *n_left = n_left.checked_sub(n_bytes).ok_or_else(|| too_long(self.limit))?;
        }
        self.file.write_all(text.as_bytes()).map_err(storage)
    }

    pub(super) fn finish(mut self) -> Result<(), Fault> {
        self.file.flush().map_err(storage)
    }
}

pub(super) fn too_long(limit: u64) -> Fault {
    Fault::new(Code::LimitExceeded, format!("the file has more than the {limit} bytes that a reply can take here"))
        .hint("give a `path` to write it to or select less with `sql`")
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn storage(error: std::io::Error) -> Fault {
    Fault::new(Code::StorageFailed, format!("the file can't be written: {error}")).hint("free some disk space")
}
