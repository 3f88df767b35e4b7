//! One-time addresses: for callers who can't see this machine's disk, nor it theirs.
//!
//! They are kept in memory, by the hash of their token: they live for minutes and hold an open scratch folder, which ends
//! with the process anyway. So an address is good at the process that gave it out, and a restart voids it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{House, Workspace, quota::Hold, upload::file_name};
use crate::{
    export::Format,
    fault::{Code, Fault},
    store::Scratch,
};

/// How long an address can be used.
pub const LIFE: Duration = Duration::from_mins(10);
/// Addresses that one user may have open; the oldest give way.
const MAX_OPEN: usize = 32;

/// The one-time addresses of a server.
pub struct Remote {
    /// Without a slash at its end.
    base: String,
    tickets: Mutex<HashMap<[u8; 32], Ticket>>,
}

struct Ticket {
    /// With what its user showed, which is looked up again when it is used.
    workspace: Workspace,
    until: Instant,
    what: What,
}

enum What {
    /// Of a file with this name.
    Upload(String),
    Download(Box<Download>),
}

/// Who may send one file, under which name. Unless it was spent the address is good again once this is dropped.
pub struct UploadTicket {
    pub workspace: Workspace,
    pub name: String,
    key: [u8; 32],
    until: Instant,
    is_spent: bool,
}

impl UploadTicket {
    /// The file is there: the address ends.
    pub fn spend(&mut self) {
        self.is_spent = true;
    }
}

impl Drop for UploadTicket {
    fn drop(&mut self) {
        if let (false, Ok(remote)) = (self.is_spent, self.workspace.remote()) {
            let (workspace, what) = (self.workspace.clone(), What::Upload(std::mem::take(&mut self.name)));
            remote.lock().insert(self.key, Ticket { workspace, until: self.until, what });
        }
    }
}

/// A finished file to be fetched; it goes when this does.
#[derive(Debug)]
pub struct Download {
    pub(super) _held: Hold,
    pub(super) _scratch: Scratch,
    pub(super) path: PathBuf,
    pub name: String,
    pub format: Format,
    pub n_bytes: u64,
}

impl Download {
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Remote {
    /// `base`: the address that callers use, without a slash at its end.
    pub fn new(base: String) -> Remote {
        Remote { base, tickets: Mutex::default() }
    }

    /// Fails with `not_found`, also where whoever asked for the address may no longer come in.
    pub async fn take_upload(&self, token: &str) -> Result<UploadTicket, Fault> {
        let gone = || gone("upload", "ask for another with `request_upload`");
        match self.take(token, |what| matches!(what, What::Upload(_))) {
            Some(Ticket { workspace, until, what: What::Upload(name) }) => {
                workspace.check_standing().await.map_err(|fault| if_ended(fault, gone))?;
                Ok(UploadTicket { workspace, name, key: hash(token), until, is_spent: false })
            }
            _ => Err(gone()),
        }
    }

    /// Fails as `take_upload` does.
    pub async fn take_download(&self, token: &str) -> Result<Download, Fault> {
        let gone = || gone("download", "export again with `export_sheet`");
        match self.take(token, |what| matches!(what, What::Download(_))) {
            Some(Ticket { workspace, what: What::Download(download), .. }) => {
                workspace.check_standing().await.map_err(|fault| if_ended(fault, gone))?;
                Ok(*download)
            }
            _ => Err(gone()),
        }
    }

    /// Gives up the user's oldest export that nobody has fetched; answers whether there was one.
    pub(super) fn drop_oldest_download(&self, key: &str) -> bool {
        let mut tickets = self.lock();
        let downloads = tickets
            .iter()
            .filter(|(_, ticket)| ticket.workspace.key() == key && matches!(ticket.what, What::Download(_)));
        let oldest = downloads.min_by_key(|(_, ticket)| ticket.until).map(|(token, _)| *token);
        let dropped = oldest.and_then(|token| tickets.remove(&token));
        drop(tickets);
        dropped.is_some()
    }

    /// Forgets addresses that nobody used in time, and their files.
    pub fn tidy(&self) {
        let mut tickets = self.lock();
        let now = Instant::now();
        let old: Vec<_> = tickets.extract_if(|_, ticket| ticket.until <= now).collect();
        // Their folders are removed without the lock.
        drop(tickets);
        drop(old);
    }

    fn issue(&self, part: &str, workspace: &Workspace, what: What) -> String {
        // Two random UUIDs: 244 bits that no one guesses.
        let token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let ticket = Ticket { workspace: workspace.clone(), until: Instant::now() + LIFE, what };
        self.tidy();
        let mut tickets = self.lock();
        tickets.insert(hash(&token), ticket);
        let own = || tickets.iter().filter(|(_, ticket)| ticket.workspace.key() == workspace.key());
        let oldest = if own().count() > MAX_OPEN {
            own().min_by_key(|(_, ticket)| ticket.until).map(|(key, _)| *key)
        } else {
            None
        };
        let dropped = oldest.and_then(|key| tickets.remove(&key));
        drop(tickets);
        drop(dropped);
        format!("{}/v1/{part}/{token}", self.base)
    }

    /// Whoever takes a ticket has it alone.
    fn take(&self, token: &str, is_it: impl Fn(&What) -> bool) -> Option<Ticket> {
        let mut tickets = self.lock();
        let key = hash(token);
        let is_good = tickets.get(&key).is_some_and(|ticket| is_it(&ticket.what) && ticket.until > Instant::now());
        if is_good { tickets.remove(&key) } else { None }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Ticket>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl House {
    /// Where the callers are elsewhere.
    pub fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }
}

impl Workspace {
    /// An address to which anyone who knows it may send one file, for this workspace. Fails where callers are local.
    pub fn upload_address(&self, name: &str) -> Result<String, Fault> {
        self.check_writable()?;
        let remote = self.remote()?;
        Ok(remote.issue("uploads", self, What::Upload(file_name(name)?)))
    }

    /// An address from which anyone who knows it may fetch this file, once.
    pub fn download_address(&self, download: Download) -> Result<String, Fault> {
        let remote = self.remote()?;
        Ok(remote.issue("downloads", self, What::Download(Box::new(download))))
    }

    pub fn is_remote(&self) -> bool {
        self.inner.house.remote.is_some()
    }

    fn remote(&self) -> Result<&Remote, Fault> {
        self.inner.house.remote.as_ref().ok_or_else(|| Fault::internal("one-time addresses without a server"))
    }
}

/// Who may no longer come in is told no more than that the address is gone.
fn if_ended(fault: Fault, gone: impl Fn() -> Fault) -> Fault {
    if fault.code == Code::Unauthenticated { gone() } else { fault }
}

fn gone(what: &str, hint: &str) -> Fault {
    Fault::new(
        Code::NotFound,
        format!("this {what} address is not known: used already, older than 10 minutes, wrong, or given to someone whose access has ended"),
    )
    .hint(hint)
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
