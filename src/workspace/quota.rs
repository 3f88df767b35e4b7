//! What one user may take of a shared server, and how much all take of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::{House, Inner, Workspace, blocking};
use crate::{
    catalog::Usage,
    fault::{Code, Fault},
};

/// The share of each user. How many calls run and wait is for the workers' queues.
#[derive(Debug, Clone, Copy)]
pub struct Quotas {
    /// Of versions, those of deleted sheets too, and of uploads.
    pub storage_bytes: u64,
    pub sheets: u64,
    /// Uploads under way at once.
    pub uploads: usize,
}

impl Quotas {
    /// For a person's own machine.
    pub const NONE: Quotas = Quotas { storage_bytes: u64::MAX, sheets: u64::MAX, uploads: usize::MAX };
}

/// One upload under way, of one file or of several; dropping it makes room for the next.
#[derive(Debug)]
pub struct UploadSlot {
    under_way: Arc<AtomicUsize>,
    /// Bytes that the user's share still has room for.
    pub(super) room: u64,
}

impl Drop for UploadSlot {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::AcqRel);
    }
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
        let mut slot = UploadSlot { under_way: self.inner.house.uploads_of(self.key()), room: u64::MAX };
        // Counted before it is compared, so that two at once can't both take the last.
        let before = slot.under_way.fetch_add(1, Ordering::AcqRel);
        let Quotas { uploads, storage_bytes, .. } = self.limits().quotas;
        if before >= uploads {
            return Err(Fault::new(Code::Busy, format!("{before} of your uploads are under way, as many as may be"))
                .hint("send this when one of them has ended"));
        }
        if storage_bytes < u64::MAX {
            slot.room = self
                .blocking(move |inner| {
                    inner.check_quota(1, 0)?;
                    let used = inner.house.catalog.usage(Some(inner.user.id))?;
                    Ok(storage_bytes.saturating_sub(used.n_bytes))
                })
                .await?;
        }
        Ok(slot)
    }

    /// Fails with `quota_exceeded` where `n_bytes` more would be over the user's share.
    pub(super) async fn check_room(&self, n_bytes: u64) -> Result<(), Fault> {
        let quotas = self.limits().quotas;
        if quotas.storage_bytes == u64::MAX && quotas.sheets == u64::MAX {
            return Ok(());
        }
        self.blocking(move |inner| inner.check_quota(n_bytes, 0)).await
    }
}

impl Inner {
    /// `n_sheets`: those that would be new.
    pub(super) fn check_quota(&self, n_bytes: u64, n_sheets: u64) -> Result<(), Fault> {
        let quotas = self.house.limits.quotas;
        let used = self.house.catalog.usage(Some(self.user.id))?;
        if used.n_bytes.saturating_add(n_bytes) > quotas.storage_bytes {
            return Err(Fault::new(
                Code::QuotaExceeded,
                format!(
                    "{n_bytes} bytes more would be over your share: {} of {} bytes are used, deleted sheets counted",
                    used.n_bytes, quotas.storage_bytes
                ),
            )
            .hint("remove sheets for good with `DELETE /v1/sheets/{name}?purge=true`, or ask whoever runs this server for a larger share"));
        }
        if n_sheets > 0 && used.n_sheets.saturating_add(n_sheets) > quotas.sheets {
            return Err(Fault::new(
                Code::QuotaExceeded,
                format!(
                    "{n_sheets} sheets more would be over your share: you have {} of {}",
                    used.n_sheets, quotas.sheets
                ),
            )
            .hint("delete sheets that you don't need, or import only one worksheet with `sheet`"));
        }
        Ok(())
    }
}
