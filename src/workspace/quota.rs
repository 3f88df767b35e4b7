//! What one user may take of a shared server, and how much all take of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::{House, Inner, Workspace, blocking, replay::Replayed};
use crate::{
    catalog::{NewSource, Usage},
    fault::{Code, Fault},
    ingest::receipt::Receipt,
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

/// What users have on its way through this process, by their workspaces' keys: no catalog knows of it yet. Each has a lock
/// of their own, which is held while the catalog is asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<String, Weak<Mutex<Flight>>>>>);

#[derive(Debug, Default)]
struct Flight {
    n_uploads: usize,
    n_exports: usize,
    n_sheets: u64,
    bytes: u64,
}

impl Flights {
    /// A user's; it is there for as long as a hold keeps it.
    fn of(&self, key: &str) -> Arc<Mutex<Flight>> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::default();
        flights.insert(key.to_owned(), Arc::downgrade(&flight));
        flight
    }
}

fn locked(flight: &Mutex<Flight>) -> MutexGuard<'_, Flight> {
    flight.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A part of a user's share that is taken for as long as this lives.
#[derive(Debug)]
pub(super) struct Hold {
    flight: Arc<Mutex<Flight>>,
    part: Part,
}

#[derive(Debug, Clone, Copy, Default)]
struct Part {
    is_upload: bool,
    is_export: bool,
    n_sheets: u64,
    n_bytes: u64,
}

impl Hold {
    pub(super) fn n_bytes(&self) -> u64 {
        self.part.n_bytes
    }

    /// Takes over the bytes of another one of the same user's.
    pub(super) fn add(&mut self, mut other: Hold) {
        self.part.n_bytes = self.part.n_bytes.saturating_add(std::mem::take(&mut other.part.n_bytes));
    }

    /// Gives back what is over `n_bytes`.
    pub(super) fn shrink_to(&mut self, n_bytes: u64) {
        let n_over = self.part.n_bytes.saturating_sub(n_bytes);
        self.part.n_bytes -= n_over;
        let mut flight = locked(&self.flight);
        flight.bytes = flight.bytes.saturating_sub(n_over);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut flight = locked(&self.flight);
        flight.n_uploads -= usize::from(self.part.is_upload);
        flight.n_exports -= usize::from(self.part.is_export);
        flight.n_sheets = flight.n_sheets.saturating_sub(self.part.n_sheets);
        flight.bytes = flight.bytes.saturating_sub(self.part.n_bytes);
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
        let part = Part { is_upload: true, ..Part::default() };
        let held = self.inner.hold(part, |flight| {
            if flight.n_uploads >= most {
                let what = format!("{} of your uploads are under way, as many as may be", flight.n_uploads);
                return Err(Fault::new(Code::Busy, what).hint("send this when one of them has ended"));
            }
            Ok(())
        })?;
        let slot = UploadSlot { _held: held };
        // Whoever has no room left is told before the first byte.
        drop(self.reserve(1).await?);
        Ok(slot)
    }

    /// Takes room for bytes that come in. Fails with `quota_exceeded` where they are over the user's share.
    pub(super) async fn reserve(&self, n_bytes: u64) -> Result<Hold, Fault> {
        self.blocking(move |inner| {
            let part = Part { n_bytes, ..Part::default() };
            inner.hold(part, |flight| inner.check_bytes(flight, n_bytes))
        })
        .await
    }

    /// Takes room for a file that waits to be fetched. Older ones make way; one is always allowed, since who has no room
    /// left must be able to take things home. Fails with `quota_exceeded`.
    pub(super) async fn hold_export(&self, n_bytes: u64) -> Result<Hold, Fault> {
        self.blocking(move |inner| {
            loop {
                let part = Part { is_export: true, n_bytes, ..Part::default() };
                let held = inner.hold(part, |flight| {
                    let is_only_one = flight.n_exports == 0;
                    if is_only_one { Ok(()) } else { inner.check_bytes(flight, n_bytes) }
                });
                let refused = match held {
                    Ok(held) => return Ok(held),
                    Err(refused) => refused,
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
    /// Takes a part of the share that `check` finds free: of many at once, no more than there is.
    fn hold(&self, part: Part, check: impl FnOnce(&Flight) -> Result<(), Fault>) -> Result<Hold, Fault> {
        let flight = self.house.flights.of(&self.user.key);
        {
            let mut flight = locked(&flight);
            check(&flight)?;
            flight.n_uploads += usize::from(part.is_upload);
            flight.n_exports += usize::from(part.is_export);
            flight.n_sheets = flight.n_sheets.saturating_add(part.n_sheets);
            flight.bytes = flight.bytes.saturating_add(part.n_bytes);
        }
        Ok(Hold { flight, part })
    }

    /// Takes room for what is to be committed, and is to be kept until it is. `n_sheets`: those that would be new.
    pub(super) fn hold_commit(&self, n_bytes: u64, n_sheets: u64) -> Result<Hold, Fault> {
        self.hold(Part { n_sheets, n_bytes, ..Part::default() }, |flight| {
            self.check_bytes(flight, n_bytes)?;
            self.check_sheets(flight, n_sheets)
        })
    }

    /// Room for what a file's reading adds. An upload's own bytes are reserved since they came.
    pub(super) fn hold_versions(
        &self,
        source: &NewSource,
        receipt: &Receipt,
        replays: &[Option<Replayed>],
    ) -> Result<Hold, Fault> {
        let files = receipt.sheets.iter().filter_map(|sheet| sheet.file.as_ref()?.metadata().ok());
        let replayed = replays.iter().flatten().filter_map(|it| it.outcome.as_ref().ok());
        let n_bytes = files.map(|file| file.len()).chain(replayed.map(|(version, _)| version.n_bytes)).sum();
        let titles: Vec<&str> = receipt.sheets.iter().map(|sheet| sheet.title.as_str()).collect();
        let known = self.house.catalog.match_import(self.user.id, source, &titles)?;
        let n_new = known.iter().filter(|known| known.is_none()).count();
        self.hold_commit(n_bytes, u64::try_from(n_new).unwrap_or(u64::MAX))
    }

    fn check_sheets(&self, flight: &Flight, n_sheets: u64) -> Result<(), Fault> {
        let most = self.house.limits.quotas.sheets;
        if n_sheets == 0 || most == u64::MAX {
            return Ok(());
        }
        let n_own = self.house.catalog.usage(Some(self.user.id))?.n_sheets.saturating_add(flight.n_sheets);
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
        let n_coming = locked(&self.house.flights.of(&self.user.key)).bytes;
        let used = self.house.catalog.usage(Some(self.user.id))?;
        Ok(share.saturating_sub(used.n_bytes.saturating_add(n_coming)).min(most))
    }

    /// Fails where `n_bytes` more are over the share. Results make way, as they can be had again.
    ///
    /// The catalog is asked while the flight is locked: whoever commits gives its part up afterwards, so that nothing is
    /// missed between the two.
    fn check_bytes(&self, flight: &Flight, n_bytes: u64) -> Result<(), Fault> {
        let share = self.house.limits.quotas.storage_bytes;
        if share == u64::MAX {
            return Ok(());
        }
        let n_coming = flight.bytes;
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
