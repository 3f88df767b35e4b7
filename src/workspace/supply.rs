//! What a workspace gives to its workers for queries: its sheets, and a folder for results.

use super::Workspace;
use crate::{
    fault::{Code, Fault},
    worker::{
        pool::{Folder, Supply},
        task::Manifest,
    },
};

impl Workspace {
    /// Starts a worker ahead of the first call, and says in the log what its sandbox lacks. Fails where that is required.
    pub async fn warm(&self) -> Result<(), Fault> {
        let house = &self.inner.house;
        house.said(house.pool.warm(&self.home(), self).await)
    }

    /// Whether `warm` may fail.
    pub fn requires_sandbox(&self) -> bool {
        self.inner.house.requires_sandbox()
    }
}

impl Supply for Workspace {
    async fn manifest(&self) -> Result<Manifest, Fault> {
        self.blocking(|inner| {
            let files = inner.house.catalog.manifest(inner.user.id)?.files.into_iter();
            Ok(files.map(|(name, hash)| (name, inner.dir.version_path(&hash))).collect())
        })
        .await
    }

    async fn folder(&self) -> Result<Option<Folder>, Fault> {
        match self.blocking(|inner| Ok(inner.dir.new_scratch()?)).await {
            Ok(scratch) => Ok(Some(Folder { path: scratch.path().to_owned(), held: Box::new(scratch) })),
            // Reading needs none.
            Err(fault) if fault.code == Code::StorageFailed => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}
