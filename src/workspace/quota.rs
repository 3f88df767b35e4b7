//! What one user may take of a shared server, and how much all take of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{House, Inner, Workspace, blocking};
use crate::{
    catalog::Usage,
    fault::{Code, Fault},
};

/// The share of each user. How many calls run and wait is for the workers' queues.
#[derive(Debug, Clone, Copy)]
pub struct Quotas {
    /// Of versions, those of deleted sheets too, of uploads, of results, and of what comes in or waits to be fetched.
    pub storage_bytes: u64,
    pub sheets: u64,
    /// Uploads under way at once.
    pub uploads: usize,
}

impl Quotas {
    /// For a person's own machine.
    pub const NONE: Quotas = Quotas { storage_bytes: u64::MAX, sheets: u64::MAX, uploads: usize::MAX };
}

/// What users have on its way through this process, by their workspaces' keys: no catalog knows of it yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<String, Flight>>>);

#[derive(Debug, Default)]
struct Flight {
    n_uploads: usize,
    n_exports: usize,
    bytes: u64,
}

impl Flights {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Upload,
    Bytes,
    Export,
}

/// A part of a user's share that is taken for as long as this lives.
#[derive(Debug)]
pub(super) struct Hold {
    flights: Flights,
    key: String,
    kind: Kind,
    n_bytes: u64,
}

impl Hold {
    fn new(inner: &Inner, flights: &mut HashMap<String, Flight>, kind: Kind, n_bytes: u64) -> Hold {
        let flight = flights.entry(inner.user.key.clone()).or_default();
        flight.n_uploads += usize::from(kind == Kind::Upload);
        flight.n_exports += usize::from(kind == Kind::Export);
        flight.bytes = flight.bytes.saturating_add(n_bytes);
        Hold { flights: inner.house.flights.clone(), key: inner.user.key.clone(), kind, n_bytes }
    }

    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Takes over the bytes of another one of the same user's.
    pub(super) fn add(&mut self, mut other: Hold) {
        self.n_bytes = self.n_bytes.saturating_add(std::mem::take(&mut other.n_bytes));
    }

    /// Gives back what is over `n_bytes`.
    pub(super) fn shrink_to(&mut self, n_bytes: u64) {
        let n_over = self.n_bytes.saturating_sub(n_bytes);
        self.n_bytes -= n_over;
        if let Some(flight) = self.flights.lock().get_mut(&self.key) {
            flight.bytes = flight.bytes.saturating_sub(n_over);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut flights = self.flights.lock();
        let Some(flight) = flights.get_mut(&self.key) else { return };
        flight.n_uploads -= usize::from(self.kind == Kind::Upload);
        flight.n_exports -= usize::from(self.kind == Kind::Export);
        flight.bytes = flight.bytes.saturating_sub(self.n_bytes);
        if let Flight { n_uploads: 0, n_exports: 0, bytes: 0 } = flight {
            flights.remove(&self.key);
        }
    }
}

/// One upload under way, of one file or of several; dropping it makes room for the next.
#[derive(Debug)]
pub struct UploadSlot {
    _held: Hold,
}

/// What a server that is watched shows.
#[derive(Debug)]
pub struct Gauges {
    /// Name, calls that run, calls that wait.
    pub queues: [(&'static str, usize, usize); 2],
    pub n_idle: usize,
    pub n_users: u64,
    pub usage: Usage,
}

impl House {
    pub async fn gauges(self: &Arc<House>) -> Result<Gauges, Fault> {
        let house = Arc::clone(self);
        let (usage, n_users) = blocking(move || Ok((house.catalog.usage(None)?, house.catalog.n_users()?))).await?;
        Ok(Gauges { queues: self.pool.queues(), n_idle: self.pool.n_idle(), n_users, usage })
    }
}

impl Workspace {
    /// The right to send files. Fails with `forbidden`, `busy` and `quota_exceeded`.
    pub async fn begin_upload(&self) -> Result<UploadSlot, Fault> {
        self.check_writable()?;
        let most = self.limits().quotas.uploads;
        let slot = {
            let mut flights = self.inner.house.flights.lock();
            let n_uploads = flights.get(self.key()).map_or(0, |flight| flight.n_uploads);
            if n_uploads >= most {
                let what = format!("{n_uploads} of your uploads are under way, as many as may be");
                return Err(Fault::new(Code::Busy, what).hint("send this when one of them has ended"));
            }
            UploadSlot { _held: Hold::new(&self.inner, &mut flights, Kind::Upload, 0) }
        };
        // Whoever has no room left is told before the first byte.
        drop(self.reserve(1).await?);
        Ok(slot)
    }

    /// Takes room for bytes that come in. Fails with `quota_exceeded` where they are over the user's share.
    pub(super) async fn reserve(&self, n_bytes: u64) -> Result<Hold, Fault> {
        self.blocking(move |inner| {
            let mut flights = inner.house.flights.lock();
            inner.check_bytes(&flights, n_bytes)?;
            Ok(Hold::new(inner, &mut flights, Kind::Bytes, n_bytes))
        })
        .await
    }

    /// Takes room for a file that waits to be fetched. Older ones make way; one is always allowed, since who has no room
    /// left must be able to take things home. Fails with `quota_exceeded`.
    pub(super) async fn hold_export(&self, n_bytes: u64) -> Result<Hold, Fault> {
        self.blocking(move |inner| {
            loop {
                let refused = {
                    let mut flights = inner.house.flights.lock();
                    let is_only_one = flights.get(&inner.user.key).is_none_or(|flight| flight.n_exports == 0);
                    let checked = if is_only_one { Ok(()) } else { inner.check_bytes(&flights, n_bytes) };
                    match checked {
                        Ok(()) => return Ok(Hold::new(inner, &mut flights, Kind::Export, n_bytes)),
                        Err(refused) => refused,
                    }
                };
                // Without the lock: what is dropped takes it.
                let has_dropped = inner.house.remote().is_some_and(|it| it.drop_oldest_download(&inner.user.key));
                if !has_dropped {
                    return Err(refused.hint("wait until the exports under way have been fetched, or export less"));
                }
            }
        })
        .await
    }
}

impl Inner {
    /// For what is about to be committed. `n_sheets`: those that would be new.
    pub(super) fn check_quota(&self, n_bytes: u64, n_sheets: u64) -> Result<(), Fault> {
        self.check_bytes(&self.house.flights.lock(), n_bytes)?;
        let most = self.house.limits.quotas.sheets;
        if n_sheets == 0 || most == u64::MAX {
            return Ok(());
        }
        let n_own = self.house.catalog.usage(Some(self.user.id))?.n_sheets;
        if n_own.saturating_add(n_sheets) > most {
            let what = format!("{n_sheets} sheets more would be over your share: you have {n_own} of {most}");
            return Err(Fault::new(Code::QuotaExceeded, what)
                .hint("delete sheets that you don't need, or import only one worksheet with `sheet`"));
        }
        Ok(())
    }

    /// Bytes that the user's results may have: what is left of the share, up to their own limit.
    pub(super) fn room_for_results(&self) -> Result<u64, Fault> {
        let (share, most) = (self.house.limits.quotas.storage_bytes, self.house.limits.results_bytes);
        if share == u64::MAX {
            return Ok(most);
        }
        let n_coming = self.house.flights.lock().get(&self.user.key).map_or(0, |flight| flight.bytes);
        let used = self.house.catalog.usage(Some(self.user.id))?;
        Ok(share.saturating_sub(used.n_bytes.saturating_add(n_coming)).min(most))
    }

    /// Fails where `n_bytes` more are over the share. Results make way, as they can be had again.
    ///
    /// The catalog is asked while the flights are locked: whoever commits gives its flight up afterwards, so that nothing
    /// is missed between the two.
    fn check_bytes(&self, flights: &HashMap<String, Flight>, n_bytes: u64) -> Result<(), Fault> {
        let share = self.house.limits.quotas.storage_bytes;
        if share == u64::MAX {
            return Ok(());
        }
        let n_coming = flights.get(&self.user.key).map_or(0, |flight| flight.bytes);
        let used = self.house.catalog.usage(Some(self.user.id))?;
        let n_over = used.n_all_bytes().saturating_add(n_coming).saturating_add(n_bytes).saturating_sub(share);
        if n_over == 0 {
            return Ok(());
        }
        if n_over <= used.n_result_bytes {
            let dropped = self.house.catalog.drop_results(self.user.id, n_over)?;
            self.dir.remove_results(&dropped);
            return Ok(());
        }
        let what = format!(
            "{n_bytes} bytes more would be over your share of {share}: {} are kept, deleted sheets counted, and {n_coming} \
             are in uploads and exports under way",
            used.n_bytes
        );
        Err(Fault::new(Code::QuotaExceeded, what).hint(
            "remove sheets for good with `DELETE /v1/sheets/{name}?purge=true`, or ask whoever runs this server for a larger share",
        ))
    }
}
