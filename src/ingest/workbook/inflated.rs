//! A workbook's zip as calamine is given it: with every part stored, because a thread of its own inflates it meanwhile.
//!
//! What a part says of its size is a stranger's word; here it is also where the part ends.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use memchr::memmem;
use zip::ZipArchive;

use super::records::Records;

pub(super) type Archive = ZipArchive<BufReader<File>>;

const CHUNK_BYTES: usize = 1 << 17;
/// Chunks under way from the inflating thread.
const N_WAITING: usize = 4;
/// Longer than whatever is looked for.
const OVERLAP_BYTES: usize = 64;

/// What stands between a formula and the end of its cell where no value was stored.
const NO_VALUE: [&[u8]; 5] = [b"f></", b"/></c>", b"<v></", b"<v/>", b"<v />"];

/// One part, as the archive's directory has it.
pub(super) struct Part {
    pub(super) idx: usize,
    pub(super) name: Vec<u8>,
    pub(super) n_bytes: u64,
    pub(super) crc32: u32,
}

/// What is known of the part being read.
#[derive(Debug, Default)]
pub(super) struct Watch {
    n_read: AtomicU64,
    n_bytes: AtomicU64,
    lacks_values: AtomicBool,
}

impl Watch {
    /// The share of the part that was read, 0 to 1.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a share for a progress bar")]
    pub(super) fn share(&self) -> f64 {
        let n_bytes = self.n_bytes.load(Ordering::Relaxed).max(1);
        (self.n_read.load(Ordering::Relaxed) as f64 / n_bytes as f64).min(1.0)
    }

    /// Whether some formula of the part, as far as it was read, may lack a stored value.
    pub(super) fn lacks_values(&self) -> bool {
        self.lacks_values.load(Ordering::Acquire)
    }
}

/// The zip with its parts stored.
pub(super) struct Inflated {
    archive: Arc<Mutex<Archive>>,
    pieces: Vec<Piece>,
    position: u64,
    stream: Option<Stream>,
    watch: Arc<Watch>,
}

struct Piece {
    start: u64,
    end: u64,
    body: Body,
}

enum Body {
    Bytes(Vec<u8>),
    Part(usize),
}

struct Stream {
    receiver: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    n_taken: usize,
    position: u64,
}

impl Inflated {
    pub(super) fn new(archive: Archive, parts: &[Part]) -> Inflated {
        let archive = Arc::new(Mutex::new(archive));
        Inflated { archive, pieces: pieces(parts), position: 0, stream: None, watch: Arc::default() }
    }

    pub(super) fn watch(&self) -> Arc<Watch> {
        Arc::clone(&self.watch)
    }

    fn end(&self) -> u64 {
        self.pieces.last().map_or(0, |piece| piece.end)
    }
}

impl Read for Inflated {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let at = self.pieces.partition_point(|piece| piece.end <= self.position);
        let Some(piece) = self.pieces.get(at) else { return Ok(0) };
        let behind = self.position - piece.start;
        let n = match &piece.body {
            Body::Bytes(bytes) => {
                let mut rest = usize::try_from(behind).ok().and_then(|from| bytes.get(from..)).unwrap_or_default();
                rest.read(out)?
            }
            Body::Part(idx) => {
                self.watch.n_bytes.store(piece.end - piece.start, Ordering::Relaxed);
                self.watch.n_read.store(behind, Ordering::Relaxed);
                let limit = usize::try_from(piece.end - self.position).unwrap_or(usize::MAX);
                let n = out.len().min(limit);
                let out = out.get_mut(..n).unwrap_or_default();
                let stream = match &mut self.stream {
                    Some(stream) if stream.position == self.position => stream,
                    stream => {
                        // The thread before gives the archive back once nobody takes what it inflates.
                        *stream = None;
                        self.watch.lacks_values.store(false, Ordering::Release);
                        stream.insert(Stream::start(&self.archive, *idx, &self.watch, behind, self.position)?)
                    }
                };
                stream.read(out)?
            }
        };
        self.position += u64::try_from(n).unwrap_or(0);
        Ok(n)
    }
}

impl Seek for Inflated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.end().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Stream {
    fn start(
        archive: &Arc<Mutex<Archive>>,
        part_idx: usize,
        watch: &Arc<Watch>,
        behind: u64,
        position: u64,
    ) -> io::Result<Stream> {
        let (sender, receiver) = sync_channel(N_WAITING);
        let (archive, watch) = (Arc::clone(archive), Arc::clone(watch));
        thread::Builder::new().name("inflate".to_owned()).spawn(move || {
            let mut archive = archive.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = inflate(&mut archive, part_idx, behind, &watch, &sender) {
                // Nobody may be there to hear it.
                drop(sender.send(Err(error)));
            }
        })?;
        Ok(Stream { receiver, chunk: Vec::new(), n_taken: 0, position })
    }

    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.n_taken >= self.chunk.len() {
            self.chunk = self.receiver.recv().unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into()))?;
            self.n_taken = 0;
        }
        let n = self.chunk.get(self.n_taken..).unwrap_or_default().read(out)?;
        self.n_taken += n;
        self.position += u64::try_from(n).unwrap_or(0);
        Ok(n)
    }
}

fn inflate(
    archive: &mut Archive,
    part_idx: usize,
    behind: u64,
    watch: &Watch,
    sender: &SyncSender<io::Result<Vec<u8>>>,
) -> io::Result<()> {
    let mut part = archive.by_index(part_idx).map_err(io::Error::other)?;
    let mut records = part.name_raw().ends_with(b".bin").then_some(Records::Kind);
    skip(&mut part, behind, &mut records)?;
    let mut formula = false;
    let mut tail = Vec::new();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let limit = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
        let n = part.by_ref().take(limit).read_to_end(&mut chunk)?;
        if n == 0 {
            return Ok(());
        }
        if let Some(records) = &mut records {
            records.mend(&mut chunk)?;
        }
        if !watch.lacks_values() {
            tail.extend_from_slice(chunk.get(..n.min(OVERLAP_BYTES)).unwrap_or_default());
            for window in [tail.as_slice(), chunk.as_slice()] {
                formula = formula || memmem::find(window, b"<f").is_some();
                if formula && NO_VALUE.iter().any(|pattern| memmem::find(window, pattern).is_some()) {
                    watch.lacks_values.store(true, Ordering::Release);
                }
            }
            tail.clear();
            tail.extend_from_slice(chunk.get(n.saturating_sub(OVERLAP_BYTES)..).unwrap_or_default());
        }
        if sender.send(Ok(chunk)).is_err() {
            return Ok(());
        }
    }
}

/// Passes over what is not asked for.
fn skip(part: &mut impl Read, n_bytes: u64, records: &mut Option<Records>) -> io::Result<()> {
    let mut left = part.take(n_bytes);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let n = left.read(&mut chunk)?;
        if n == 0 {
            return Ok(());
        }
        if let Some(records) = records {
            records.mend(chunk.get_mut(..n).unwrap_or_default())?;
        }
    }
}

/// A zip's structure around stored parts, with sizes and offsets of 64 bits: APPNOTE.TXT, 4.3.
fn pieces(parts: &[Part]) -> Vec<Piece> {
    let mut pieces = Pieces::default();
    let mut directory = Vec::new();
    for part in parts {
        let name_len = u16::try_from(part.name.len()).unwrap_or(0).to_le_bytes();
        let offset = pieces.end;
        // Version 4.5, names in UTF-8, stored, no time; sizes are in the extra field.
        let common = [&[45, 0, 0, 8, 0, 0, 0, 0, 0, 0][..], &part.crc32.to_le_bytes(), &[0xFF; 8], &name_len].concat();
        let sizes = [part.n_bytes.to_le_bytes(), part.n_bytes.to_le_bytes()].concat();
        pieces.bytes([&b"PK\x03\x04"[..], &common, &[20, 0], &part.name, &[1, 0, 16, 0], &sizes].concat());
        pieces.push(part.n_bytes, Body::Part(part.idx));
        directory.extend_from_slice(
            &[
                &b"PK\x01\x02\x2D\x00"[..],
                &common,
                &[28, 0],
                &[0; 10],
                &[0xFF; 4],
                &part.name,
                &[1, 0, 24, 0],
                &sizes,
                &offset.to_le_bytes(),
            ]
            .concat(),
        );
    }
    let (start, n_parts) = (pieces.end, u64::try_from(parts.len()).unwrap_or(0).to_le_bytes());
    let len = u64::try_from(directory.len()).unwrap_or(0);
    pieces.bytes(directory);
    let end = pieces.end.to_le_bytes();
    pieces.bytes(
        [
            &b"PK\x06\x06"[..],
            &44_u64.to_le_bytes(),
            &[45, 0, 45, 0],
            &[0; 8],
            &n_parts,
            &n_parts,
            &len.to_le_bytes(),
            &start.to_le_bytes(),
            b"PK\x06\x07",
            &[0; 4],
            &end,
            &[1, 0, 0, 0],
            b"PK\x05\x06",
            &[0; 4],
            &[0xFF; 12],
            &[0; 2],
        ]
        .concat(),
    );
    pieces.list
}

#[derive(Default)]
struct Pieces {
    list: Vec<Piece>,
    end: u64,
}

impl Pieces {
    fn bytes(&mut self, bytes: Vec<u8>) {
        self.push(u64::try_from(bytes.len()).unwrap_or(0), Body::Bytes(bytes));
    }

    fn push(&mut self, len: u64, body: Body) {
        let start = self.end;
        self.end += len;
        if len > 0 {
            self.list.push(Piece { start, end: self.end, body });
        }
    }
}
