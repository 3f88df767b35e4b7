//! Which encoding a text file is in, and its bytes as UTF-8, block by block.

use std::{fs::File, io::Read, path::Path};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::ReadError;

/// How a text file is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextEncoding {
    /// UTF-8 as it seems: the first byte that is not ends the reading with `ReadError::NotUtf8`.
    CheckedUtf8,
    /// UTF-8 with some bytes of Windows-1252 between, as in files that were put together.
    Mixed,
    /// Named, or detected over the whole file; what can't be decoded is replaced and counted.
    Fixed(&'static Encoding),
}

/// Bytes at a file's start that say whether it is UTF-16, and whether it seems to be UTF-8.
const HEAD: usize = 64 << 10;

impl TextEncoding {
    /// An encoding by its WHATWG label.
    pub(super) fn from_label(label: &str) -> Result<TextEncoding, ReadError> {
        let encoding = Encoding::for_label(label.as_bytes()).ok_or_else(|| ReadError::Option {
            message: format!("no encoding is called `{label}`"),
            hint: "use a WHATWG label such as `utf-8`, `windows-1252`, `utf-16le` or `shift_jis`".to_owned(),
        })?;
        Ok(TextEncoding::Fixed(encoding))
    }

    /// By the file's start: a byte-order mark, the zero bytes of UTF-16, else UTF-8 until it proves wrong.
    pub(super) fn at_first_sight(head: &[u8]) -> TextEncoding {
        match Encoding::for_bom(head) {
            Some((encoding, _)) if encoding != UTF_8 => TextEncoding::Fixed(encoding),
            Some(_) => TextEncoding::CheckedUtf8,
            None => utf_16(head).map_or(TextEncoding::CheckedUtf8, TextEncoding::Fixed),
        }
    }

    /// Over the whole file, once it proved not to be UTF-8.
    pub(super) fn by_all_bytes(file: &Path) -> Result<TextEncoding, ReadError> {
        let mut file = File::open(file)?;
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
        let mut decoder = UTF_8.new_decoder_without_bom_handling();
        let (mut n_wrong, mut n_right) = (0_u64, 0_u64);
        let mut bytes = vec![0; HEAD];
        let mut decoded = String::with_capacity(4 * HEAD);
        loop {
            let n_bytes = file.read(&mut bytes)?;
            let block = bytes.get(..n_bytes).unwrap_or_default();
            let at_end = n_bytes == 0;
            detector.feed(block, at_end);
            decoded.clear();
            n_wrong += decode_all(&mut decoder, block, at_end, &mut decoded);
            n_right += count(decoded.chars().filter(|c| !c.is_ascii() && *c != char::REPLACEMENT_CHARACTER).count());
            if at_end {
                break;
            }
        }
        // Other encodings hardly ever make sequences that are right in UTF-8: the wrong ones came from elsewhere.
        if n_right * 4 > n_wrong {
            return Ok(TextEncoding::Mixed);
        }
        Ok(TextEncoding::Fixed(detector.guess(None, Utf8Detection::Deny)))
    }

    /// As WHATWG names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            TextEncoding::CheckedUtf8 | TextEncoding::Mixed => UTF_8.name(),
            TextEncoding::Fixed(encoding) => encoding.name(),
        }
    }
}

/// Whether all the file's bytes are UTF-8.
pub(super) fn is_utf_8(file: &Path) -> Result<bool, ReadError> {
    let mut file = File::open(file)?;
    let mut decoder = Decoder::new(TextEncoding::CheckedUtf8);
    loop {
        match decoder.next(&mut file, HEAD, Vec::new()) {
            Ok((_, 0)) => return Ok(true),
            Ok(_) => {}
            Err(ReadError::NotUtf8) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// UTF-16 without a mark: digits, delimiters and line ends have a zero in every second byte, and the whole makes text.
pub(super) fn utf_16(head: &[u8]) -> Option<&'static Encoding> {
    let n_pairs = head.len() / 2;
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let encoding = if odd > 4 * even { UTF_16LE } else { UTF_16BE };
    if n_pairs == 0 || even.max(odd) <= n_pairs / 8 || even.max(odd) <= 4 * even.min(odd) {
        return None;
    }
    // What is plain text but for a few zeros is that, with a few zeros; UTF-16 without ASCII has no such bytes.
    if even.max(odd) <= n_pairs / 2 + 1 && is_plain_text(head) {
        return None;
    }
    let text = encoding.decode_without_bom_handling(head).0;
    let n_strange =
        text.chars().filter(|c| (c.is_control() && !c.is_whitespace()) || *c == char::REPLACEMENT_CHARACTER);
    (n_strange.count() <= text.chars().count() / 50).then_some(encoding)
}

/// Whether the bytes are UTF-8 without control characters, zeros and a sequence broken off at the end apart.
fn is_plain_text(head: &[u8]) -> bool {
    let is_plain = |text: &str| text.chars().all(|c| c == '\0' || c.is_whitespace() || !c.is_control());
    match str::from_utf8(head) {
        Ok(text) => is_plain(text),
        Err(error) => {
            let valid = head.get(..error.valid_up_to()).and_then(|valid| str::from_utf8(valid).ok());
            error.error_len().is_none() && valid.is_some_and(is_plain)
        }
    }
}

/// Decodes one file, block by block.
pub(super) struct Decoder {
    encoding: TextEncoding,
    inner: encoding_rs::Decoder,
    at_start: bool,
    /// The start of a UTF-8 sequence that the last block broke off.
    broken_off: Vec<u8>,
    raw: Vec<u8>,
    pub(super) n_undecodable: u64,
}

impl Decoder {
    pub(super) fn new(encoding: TextEncoding) -> Decoder {
        let inner = match encoding {
            TextEncoding::CheckedUtf8 | TextEncoding::Mixed => UTF_8.new_decoder_with_bom_removal(),
            TextEncoding::Fixed(encoding) => encoding.new_decoder_with_bom_removal(),
        };
        Decoder { encoding, inner, at_start: true, broken_off: Vec::new(), raw: Vec::new(), n_undecodable: 0 }
    }

    /// The next block as UTF-8 behind `rest`, the end of the block before; and how many bytes of the file it took, 0 at its end.
    pub(super) fn next(
        &mut self,
        file: &mut File,
        n_bytes: usize,
        mut rest: Vec<u8>,
    ) -> Result<(String, usize), ReadError> {
        match self.encoding {
            TextEncoding::CheckedUtf8 | TextEncoding::Mixed => {
                rest.append(&mut self.broken_off);
                let n_before = rest.len();
                let n_read = file.by_ref().take(u64::try_from(n_bytes).unwrap_or(0)).read_to_end(&mut rest)?;
                if self.at_start && rest.starts_with(b"\xEF\xBB\xBF") {
                    rest.drain(..3);
                }
                self.at_start &= n_read == 0 && n_before == 0;
                let text = match self.encoding {
                    TextEncoding::Mixed => self.mixed(&rest, n_read == 0),
                    TextEncoding::CheckedUtf8 | TextEncoding::Fixed(_) => self.checked(rest, n_read == 0)?,
                };
                let text = self.without_controls(text);
                Ok((text, n_read))
            }
            TextEncoding::Fixed(_) => {
                self.raw.clear();
                let n_read = file.by_ref().take(u64::try_from(n_bytes).unwrap_or(0)).read_to_end(&mut self.raw)?;
                let mut text = String::from_utf8(rest).map_err(|_| ReadError::NotUtf8)?;
                self.n_undecodable += decode_all(&mut self.inner, &self.raw, n_read == 0, &mut text);
                Ok((text, n_read))
            }
        }
    }

    /// UTF-8 as far as it is, and Windows-1252 where it is not.
    fn mixed(&mut self, bytes: &[u8], at_end: bool) -> String {
        let mut text = String::with_capacity(bytes.len() + 16);
        let mut left = bytes;
        while let Err(error) = str::from_utf8(left) {
            let (right, wrong) = left.split_at_checked(error.valid_up_to()).unwrap_or((left, &[]));
            text.push_str(str::from_utf8(right).unwrap_or_default());
            if error.error_len().is_none() && !at_end {
                self.broken_off = wrong.to_vec();
                return text;
            }
            let n_wrong = error.error_len().unwrap_or(wrong.len());
            let (wrong, behind) = wrong.split_at_checked(n_wrong).unwrap_or((wrong, &[]));
            text.push_str(&WINDOWS_1252.decode_without_bom_handling(wrong).0);
            self.n_undecodable += count(wrong.len());
            left = behind;
        }
        text.push_str(str::from_utf8(left).unwrap_or_default());
        text
    }

    /// No text has U+0080 to U+009F: they are bytes of Windows-1252 that someone took for Latin-1.
    fn without_controls(&mut self, text: String) -> String {
        let bytes = text.as_bytes();
        let is_control = |at: usize| matches!(bytes.get(at + 1), Some(0x80..=0x9F));
        if !memchr::memchr_iter(0xC2, bytes).any(is_control) {
            return text;
        }
        let mut mended = String::with_capacity(text.len() + 16);
        for c in text.chars() {
            match u8::try_from(c).ok().filter(|byte| (0x80..=0x9F).contains(byte)) {
                Some(byte) => {
                    mended.push_str(&WINDOWS_1252.decode_without_bom_handling(&[byte]).0);
                    self.n_undecodable += 1;
                }
                None => mended.push(c),
            }
        }
        mended
    }

    fn checked(&mut self, bytes: Vec<u8>, at_end: bool) -> Result<String, ReadError> {
        let error = match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(error) => error,
        };
        if error.utf8_error().error_len().is_some() || at_end {
            return Err(ReadError::NotUtf8);
        }
        let n_valid = error.utf8_error().valid_up_to();
        let mut bytes = error.into_bytes();
        self.broken_off = bytes.split_off(n_valid);
        String::from_utf8(bytes).map_err(|_| ReadError::NotUtf8)
    }
}

/// Decodes a block behind `text`; how many sequences had to be replaced.
fn decode_all(decoder: &mut encoding_rs::Decoder, mut block: &[u8], at_end: bool, text: &mut String) -> u64 {
    let mut n_replaced = 0;
    text.reserve(decoder.max_utf8_buffer_length(block.len()).unwrap_or(block.len()));
    loop {
        let (result, n_taken) = decoder.decode_to_string_without_replacement(block, text, at_end);
        block = block.get(n_taken..).unwrap_or_default();
        match result {
            DecoderResult::InputEmpty => return n_replaced,
            DecoderResult::OutputFull => text.reserve(block.len() * 3 + 16),
            DecoderResult::Malformed(..) => {
                text.push(char::REPLACEMENT_CHARACTER);
                n_replaced += 1;
            }
        }
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_without_a_mark_needs_more_than_a_zero_byte() {
        let check = |bytes: &[u8], expect: Option<&'static Encoding>| assert_eq!(utf_16(bytes), expect, "{bytes:?}");
        let little = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let big = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        for bytes in ["a,b\n1,\0\n", "1,\0\n", "\0\n", "a\0", "a,b\n\0,\0\n", "é,ü\n1,\0\n", "a,b\n1\0,2\n3,4\n"] {
            check(bytes.as_bytes(), None);
        }
        for text in ["a,b\n1,2\n", "имя;число\nанна;1\nборис;2\n", "名前,数\n太郎,1\n花子,2\n"]
        {
            check(&little(text), Some(UTF_16LE));
            check(&big(text), Some(UTF_16BE));
        }
    }
}
