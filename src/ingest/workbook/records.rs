//! XLSB records on their way to calamine, which does not read the errors of formulas, gives up a sheet at an error code
//! that it does not know, and makes room for whatever length a record claims (MS-XLSB, 2.1.4).

use std::io;

const CELL_ERROR: u8 = 0x03;
const FORMULA_ERROR: u8 = 0x0B;

/// Where a cell's error code is in its record, and those that Excel knows.
const CODE_AT: usize = 8;
const CODES: [u8; 8] = [0x00, 0x07, 0x0F, UNKNOWN, 0x1D, 0x24, 0x2A, 0x2B];
/// `#REF!`, which a code that nobody knows is read as.
const UNKNOWN: u8 = 0x17;

/// No cell's text or formula comes near it.
const MAX_BYTES: usize = 16 << 20;

/// Where in a part's records the bytes so far end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Records {
    Kind,
    /// Behind the first byte of a kind that has two.
    LongKind,
    Length {
        is_error: bool,
        n_bytes: u32,
        len: usize,
    },
    Body {
        is_error: bool,
        at: usize,
        left: usize,
    },
}

impl Records {
    /// Makes what comes next of a part fit for calamine.
    pub(super) fn mend(&mut self, mut bytes: &mut [u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if let Records::Body { is_error, at, left } = *self {
                let n = left.min(bytes.len());
                let (body, rest) = bytes.split_at_mut(n);
                let code = CODE_AT.checked_sub(at).and_then(|idx| body.get_mut(idx)).filter(|_| is_error);
                if let Some(code) = code
                    && !CODES.contains(code)
                {
                    *code = UNKNOWN;
                }
                bytes = rest;
                *self = if n == left { Records::Kind } else { Records::Body { is_error, at: at + n, left: left - n } };
                continue;
            }
            let Some((byte, rest)) = bytes.split_first_mut() else { break };
            *self = self.behind(byte)?;
            bytes = rest;
        }
        Ok(())
    }

    /// What comes behind a byte of a record's head.
    fn behind(self, byte: &mut u8) -> io::Result<Records> {
        Ok(match self {
            Records::Kind if *byte & 0x80 != 0 => Records::LongKind,
            Records::Kind => {
                if *byte == FORMULA_ERROR {
                    *byte = CELL_ERROR;
                }
                Records::Length { is_error: *byte == CELL_ERROR, n_bytes: 0, len: 0 }
            }
            Records::LongKind => Records::Length { is_error: false, n_bytes: 0, len: 0 },
            Records::Length { is_error, n_bytes, len } => {
                let len = len + (usize::from(*byte & 0x7F) << (7 * n_bytes));
                if *byte & 0x80 != 0 && n_bytes < 3 {
                    Records::Length { is_error, n_bytes: n_bytes + 1, len }
                } else if len > MAX_BYTES {
                    let message = format!("a record claims {len} bytes");
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                } else if len == 0 {
                    Records::Kind
                } else {
                    Records::Body { is_error, at: 0, left: len }
                }
            }
            body @ Records::Body { .. } => body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mends the bytes at once, and again in pieces of every size, which must not change anything.
    fn check(bytes: &[u8], expect: &[u8]) {
        for size in 1..=bytes.len() {
            let (mut mended, mut records) = (bytes.to_vec(), Records::Kind);
            mended.chunks_mut(size).for_each(|piece| records.mend(piece).unwrap());
            assert_eq!(mended, expect, "in pieces of {size}");
        }
    }

    #[test]
    fn errors_are_such_as_calamine_reads() {
        let cell = |kind: u8, code: u8| [&[kind, 11][..], &[0; 8], &[code, 0x0B, 0x0B]].concat();
        let others = [&[0x91, 0x01, 0][..], &[0x00, 4, 0x0B, 3, 0x0B, 3], &[0x93, 0x01, 0x81, 0x00, 0x0B]].concat();
        let all = |cells: [Vec<u8>; 3]| [&others[..], &cells.concat(), &others[..]].concat();
        check(
            &all([cell(FORMULA_ERROR, 0x07), cell(CELL_ERROR, 0x2A), cell(CELL_ERROR, 0x99)]),
            &all([cell(CELL_ERROR, 0x07), cell(CELL_ERROR, 0x2A), cell(CELL_ERROR, UNKNOWN)]),
        );
    }

    #[test]
    fn a_record_that_claims_too_much_is_an_error() {
        let error = Records::Kind.mend(&mut [0x06, 0xFF, 0xFF, 0xFF, 0x7F]).unwrap_err();
        assert_eq!(error.to_string(), "a record claims 268435455 bytes");
    }
}
