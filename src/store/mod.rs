//! The files of every workspace: version files, results, originals, and scratch folders to make them in.
//!
//! A file is made in a scratch folder, sealed (hashed and synced), and published: renamed to its final name inside the
//! catalog's transaction that names it. So a crash leaves the old state or the new one, and orphans that a sweep removes.
//! Results alone are not sealed: they are a cache of an hour.

mod backup;
mod scratch;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{
    catalog::{self, storage_fault, sync_folder},
    digest::copy_hashed,
    fault::Fault,
};

pub use backup::Copied;
pub use scratch::Scratch;

/// A failure of the data folder.
#[derive(Debug, thiserror::Error)]
#[error("can't {what} `{path}`: {source}")]
pub struct StoreError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        storage_fault(error.to_string(), &error.source)
    }
}

/// Gives an input or output error its place.
fn at(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError { what, path: path.to_owned(), source }
}

/// The `workspaces/` of a data folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    pub fn open(data_dir: &Path) -> Result<Store, StoreError> {
        let root = data_dir.join("workspaces");
        create_folder(&root)?;
        Ok(Store { root })
    }

    /// Everything that Quire keeps in files of its own lies below it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file and removes it.
    pub fn is_writable(&self) -> Result<(), StoreError> {
        let file = self.root.join(format!("probe-{}", std::process::id()));
        fs::write(&file, "x").and_then(|()| fs::remove_file(&file)).map_err(at("write", &file))
    }

    /// The folder of the user with this key, which need not be there.
    pub fn peek(&self, key: &str) -> WorkspaceDir {
        WorkspaceDir { root: self.root.join(key) }
    }

    /// The folder of the user with this key, created when it is new.
    pub fn workspace(&self, key: &str) -> Result<WorkspaceDir, StoreError> {
        let dir = self.peek(key);
        for part in ["versions", "results", "originals", "scratch"] {
            create_folder(&dir.root.join(part))?;
        }
        Ok(dir)
    }
}

/// The folder of one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceDir {
    root: PathBuf,
}

impl WorkspaceDir {
    /// The folder of all versions.
    pub fn versions(&self) -> PathBuf {
        self.root.join("versions")
    }

    /// The folder of all scratch folders.
    fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// The Parquet file of a version, by the SHA-256 of its content.
    pub fn version_path(&self, hash: &str) -> PathBuf {
        self.versions().join(format!("{hash}.parquet"))
    }

    /// Whether a version file, by its hash, is there and what was written.
    pub fn state(&self, hash: &str) -> Result<FileState, StoreError> {
        let file = self.version_path(hash);
        state(&file).map_err(at("read", &file))
    }

    /// The rows of a result, one JSON array a line.
    pub fn result_path(&self, id: &str) -> PathBuf {
        self.root.join("results").join(format!("{id}.ndjson"))
    }

    /// The compressed original of an upload, by the SHA-256 of its bytes as they were uploaded.
    pub fn original_path(&self, sha256: &str) -> PathBuf {
        self.root.join("originals").join(format!("{sha256}.zst"))
    }

    /// A folder of one's own, to make files in.
    pub fn new_scratch(&self) -> Result<Scratch, StoreError> {
        Scratch::create(&self.scratch())
    }

    /// Puts a sealed version file into place. To be called in the catalog's `publish`.
    pub fn publish_version(&self, scratch_file: &Path, hash: &str) -> io::Result<()> {
        publish(scratch_file, &self.version_path(hash))
    }

    /// The same for sealed files with their hashes; their folder is synced once for all of them.
    pub fn publish_versions(&self, sealed: &[(PathBuf, String)]) -> io::Result<()> {
        for (file, hash) in sealed {
            put(file, &self.version_path(hash))?;
        }
        if sealed.is_empty() { Ok(()) } else { sync_folder(&self.versions()) }
    }

    /// Puts a finished result file into place. To be called in the catalog's `publish`. Its bytes are not synced: it is
    /// a cache of an hour, and a query whose result a power failure took can be run again.
    pub fn publish_result(&self, scratch_file: &Path, id: &str) -> io::Result<()> {
        publish(scratch_file, &self.result_path(id))
    }

    /// Puts a compressed original into place. To be called in the catalog's `publish`.
    pub fn publish_original(&self, original: &Original) -> io::Result<()> {
        publish(&original.path, &self.original_path(&original.sha256))
    }

    /// Removes the files of results that the catalog dropped.
    pub fn remove_results(&self, ids: &[String]) {
        for id in ids {
            // What can't be removed now is an orphan for the next sweep.
            let _ = fs::remove_file(self.result_path(id));
        }
    }
}

/// An upload, compressed in a scratch folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    path: PathBuf,
    /// Of the bytes as they were uploaded.
    pub sha256: String,
    pub n_bytes: u64,
}

/// A finished file: hashed, and safe on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// SHA-256 in hex.
    pub hash: String,
    pub n_bytes: u64,
}

/// Syncs a finished file and hashes it.
pub fn seal(file: &Path) -> Result<Sealed, StoreError> {
    // Windows syncs only a handle that may write.
    let mut open = OpenOptions::new().read(true).write(true).open(file).map_err(at("open", file))?;
    let (hash, n_bytes) = copy_hashed(&mut open, &mut io::sink()).map_err(at("read", file))?;
    open.sync_all().map_err(at("write", file))?;
    Ok(Sealed { hash, n_bytes })
}

/// The SHA-256 of a file's first `n_bytes` in hex, and how many there were. Ends with an error once `is_wanted` no more.
pub fn hash(file: &Path, n_bytes: u64, is_wanted: impl Fn() -> bool) -> io::Result<(String, u64)> {
    copy_hashed(&mut Wanted { bytes: File::open(file)?.take(n_bytes), is_wanted }, &mut io::sink())
}

/// Bytes that are read as long as someone wants them.
struct Wanted<R, F> {
    bytes: R,
    is_wanted: F,
}

impl<R: Read, F: Fn() -> bool> Read for Wanted<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if (self.is_wanted)() { self.bytes.read(buffer) } else { Err(io::Error::other("no longer wanted")) }
    }
}

/// The bytes of an upload as they came, in a scratch folder.
pub fn unpack_original(from: &Path, scratch: &Scratch) -> Result<PathBuf, StoreError> {
    let path = scratch.path().join("upload");
    let mut decoder = File::open(from).and_then(zstd::Decoder::new).map_err(at("open", from))?;
    let mut file = File::create(&path).map_err(at("create", &path))?;
    io::copy(&mut decoder, &mut file).map_err(at("copy", from))?;
    Ok(path)
}

/// Compresses an upload into a scratch folder, keeping the file itself.
pub fn keep_original(from: &Path, scratch: &Scratch) -> Result<Original, StoreError> {
    let path = scratch.path().join("original.zst");
    let mut upload = File::open(from).map_err(at("open", from))?;
    let compressed = File::create(&path).map_err(at("create", &path))?;
    let mut encoder = zstd::Encoder::new(compressed, 3).map_err(at("write", &path))?;
    let (sha256, n_bytes) = copy_hashed(&mut upload, &mut encoder).map_err(at("copy", from))?;
    encoder.finish().and_then(|file| file.sync_all()).map_err(at("write", &path))?;
    Ok(Original { path, sha256, n_bytes })
}

/// Renames a finished file to its final name, unless a sound one is there, and syncs the folder.
fn publish(from: &Path, to: &Path) -> io::Result<()> {
    put(from, to)?;
    // Even when the file was there: whoever renamed it may have died before this.
    to.parent().map_or(Ok(()), sync_folder)
}

fn put(from: &Path, to: &Path) -> io::Result<()> {
    let n_bytes = fs::metadata(from)?.len();
    let is_there = fs::metadata(to).is_ok_and(|there| there.len() == n_bytes);
    // One that was damaged since is made anew by whoever stores the same rows again.
    if is_there && state(to)? == FileState::Sound { Ok(()) } else { fs::rename(from, to) }
}

/// What a file that is named by the sum of its content is found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    Sound,
    Missing,
    Damaged,
}

/// Reads the whole of a version file. Of files that are named otherwise only whether they are there can be told.
pub fn state(file: &Path) -> io::Result<FileState> {
    let mut open = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FileState::Missing),
        open => open?,
    };
    let Some(sum) =
        file.file_stem().and_then(|stem| stem.to_str()).filter(|_| file.extension().is_some_and(|it| it == "parquet"))
    else {
        return Ok(FileState::Sound);
    };
    let (found, _) = copy_hashed(&mut open, &mut io::sink())?;
    Ok(if found == sum { FileState::Sound } else { FileState::Damaged })
}

/// Creates a folder that only its owner may enter, and makes it last.
fn create_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    catalog::create_folder(folder).map_err(at("create", folder))?;
    folder.parent().map_or(Ok(()), sync_folder).map_err(at("write", folder))
}
