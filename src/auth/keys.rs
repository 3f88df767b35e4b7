//! The keys that sign access tokens: a file in the data folder that its owner alone may read.
//!
//! Processes that share the data folder share the file; each looks before every use whether another has changed it.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{millis, secret};
use crate::{
    catalog::{now, storage_fault},
    fault::{Code, Fault},
    secret::Secret,
};

const FILE: &str = "signing-keys.json";
const LOCK: &str = "signing-keys.lock";

/// How long a retired key stays in the file; no access token lives that long.
const KEPT: Duration = Duration::from_hours(24);

/// What mends the file, and what that costs.
const RENEW: &str = "`quire token rotate-keys` makes a new one: access tokens are refused and refreshed once, nobody has \
     to log in again, and personal access tokens stay good";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    /// One of them is not retired.
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    id: String,
    /// 256 bits in base64url.
    #[serde(serialize_with = "Secret::serialize")]
    secret: Secret,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retired_at: Option<i64>,
}

/// The keys as they are now.
pub(super) struct KeySet {
    pub(super) id: String,
    pub(super) signing: EncodingKey,
    verifying: HashMap<String, VerifyingKey>,
}

pub(super) struct VerifyingKey {
    pub(super) key: DecodingKey,
    /// Unix milliseconds.
    pub(super) retired_at: Option<i64>,
}

impl KeySet {
    /// By the id that a token gives: looked up, and never part of a path.
    pub(super) fn verifying(&self, id: &str) -> Option<&VerifyingKey> {
        self.verifying.get(id)
    }
}

/// Tells one writing of the file from another.
#[derive(PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    n_bytes: u64,
    /// Each writing is a new file.
    inode: u64,
}

/// The file of keys.
pub(super) struct Keys {
    folder: PathBuf,
    loaded: Mutex<(Stamp, Arc<KeySet>)>,
}

impl Keys {
    /// Opens the file, and makes it with a first key where there is none.
    pub(super) fn open(folder: &Path) -> Result<Keys, Fault> {
        let lock = lock(folder)?;
        if !folder.join(FILE).try_exists().map_err(|error| failed("read", &error))? {
            write(folder, &KeyFile { keys: vec![new_key()?] })?;
        }
        drop(lock);
        let loaded = load(folder)?;
        Ok(Keys { folder: folder.to_owned(), loaded: Mutex::new(loaded) })
    }

    pub(super) fn current(&self) -> Result<Arc<KeySet>, Fault> {
        let stamp = stamp(&self.folder.join(FILE))?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.0 != stamp {
            *loaded = load(&self.folder)?;
        }
        Ok(Arc::clone(&loaded.1))
    }
}

/// What a change of the keys came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// Of the key that signs from now on.
    pub id: String,
    /// Why the old keys are gone, where they could not be used any more.
    pub replaced: Option<String>,
}

/// Signs with a new key from now on. The tokens of the old ones stay good until they have run out, unless `at_once`, or
/// where the file could not be used: then a new one takes its place.
pub fn rotate(folder: &Path, at_once: bool) -> Result<Rotated, Fault> {
    let _lock = lock(folder)?;
    let (mut file, replaced) = match usable(folder) {
        Ok(file) => (file, None),
        Err(fault) => (KeyFile { keys: Vec::new() }, Some(fault.message)),
    };
    let at = now();
    file.keys.retain(|key| !at_once && key.retired_at.is_none_or(|retired_at| at - retired_at < millis(KEPT)));
    for key in &mut file.keys {
        key.retired_at.get_or_insert(at);
    }
    let key = new_key()?;
    let id = key.id.clone();
    file.keys.push(key);
    write(folder, &file)?;
    Ok(Rotated { id, replaced })
}

/// Whether a server could use the keys: how many there are, none where there is no file yet.
pub fn check(folder: &Path) -> Result<usize, Fault> {
    if folder.join(FILE).try_exists().map_err(|error| failed("read", &error))? {
        Ok(load(folder)?.1.verifying.len())
    } else {
        Ok(0)
    }
}

/// The keys, where a server would take them; none where there is no file.
fn usable(folder: &Path) -> Result<KeyFile, Fault> {
    if check(folder)? == 0 { Ok(KeyFile { keys: Vec::new() }) } else { read(folder) }
}

fn new_key() -> Result<StoredKey, Fault> {
    let secret = secret::fresh("")?;
    Ok(StoredKey { id: Uuid::new_v4().simple().to_string(), secret, retired_at: None })
}

/// Held while the file is changed.
fn lock(folder: &Path) -> Result<File, Fault> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(LOCK)).map_err(|error| failed("lock", &error))?;
    file.lock().map_err(|error| failed("lock", &error))?;
    Ok(file)
}

fn load(folder: &Path) -> Result<(Stamp, Arc<KeySet>), Fault> {
    // Stamped first: a change after it is seen the next time.
    let stamp = stamp(&folder.join(FILE))?;
    let file = read(folder)?;
    let damaged = || unusable(folder, "holds no usable keys");
    let mut verifying = HashMap::new();
    let mut signing = None;
    for key in file.keys {
        let secret = URL_SAFE_NO_PAD.decode(key.secret.reveal()).ok().map(Zeroizing::new);
        let secret = secret.filter(|it| it.len() >= 32).ok_or_else(damaged)?;
        if key.retired_at.is_none() {
            signing = Some((key.id.clone(), EncodingKey::from_secret(&secret)));
        }
        let key_of = VerifyingKey { key: DecodingKey::from_secret(&secret), retired_at: key.retired_at };
        verifying.insert(key.id, key_of);
    }
    let (id, signing) = signing.ok_or_else(damaged)?;
    Ok((stamp, Arc::new(KeySet { id, signing, verifying })))
}

fn read(folder: &Path) -> Result<KeyFile, Fault> {
    let path = folder.join(FILE);
    check_private(&path)?;
    let text = Zeroizing::new(fs::read(&path).map_err(|error| failed("read", &error))?);
    // The parser's own words could quote a key.
    serde_json::from_slice(&text).map_err(|_| unusable(folder, "holds no usable keys"))
}

/// Copies the keys of one data folder into another, where there are any.
pub fn copy(from: &Path, to: &Path) -> Result<(), Fault> {
    if check(from)? > 0 { write(to, &read(from)?) } else { Ok(()) }
}

/// Replaces the file in one step.
fn write(folder: &Path, file: &KeyFile) -> Result<(), Fault> {
    let text = Zeroizing::new(serde_json::to_vec_pretty(file).map_err(Fault::internal)?);
    // The lock is held, so one that is there was left by a process that was killed.
    let fresh = folder.join(".signing-keys.tmp");
    let _ = fs::remove_file(&fresh);
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&fresh)
        .and_then(|mut out| out.write_all(&text).and_then(|()| out.sync_all()))
        .and_then(|()| fs::rename(&fresh, folder.join(FILE)));
    written.map_err(|error| {
        let _ = fs::remove_file(&fresh);
        failed("write", &error)
    })
}

/// Refuses a file that others than its owner may read or write: they could sign for anyone.
fn check_private(path: &Path) -> Result<(), Fault> {
    #[cfg(unix)]
    {
        let metadata = fs::metadata(path).map_err(|error| failed("read", &error))?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let message = format!("`{FILE}` in the data folder may be read by others (mode {mode:o})");
            return Err(Fault::new(Code::StorageFailed, message)
                .hint(format!("{RENEW}; or `chmod 600` it, if nobody but you has read it")));
        }
    }
    // Elsewhere the folder of the user's profile keeps others out.
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}

fn stamp(path: &Path) -> Result<Stamp, Fault> {
    let metadata = fs::metadata(path).map_err(|error| failed("read", &error))?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Ok(Stamp { modified: metadata.modified().ok(), n_bytes: metadata.len(), inode })
}

fn unusable(folder: &Path, what: &str) -> Fault {
    Fault::new(Code::StorageFailed, format!("`{}` {what}", folder.join(FILE).display()))
        .hint(format!("{RENEW}; or restore it from a backup"))
}

fn failed(what: &str, error: &io::Error) -> Fault {
    storage_fault(format!("can't {what} `{FILE}` in the data folder: {error}"), error)
}
