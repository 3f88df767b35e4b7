//! The steps of a sheet again, on the rows of its file that were read anew.

use std::path::PathBuf;

use serde_json::json;

use super::{
    Workspace,
    transform::{SPILL, told},
};
use crate::{
    catalog::{NewSource, NewVersion, Sheet},
    context::Context,
    fault::{Code, Fault},
    ingest::receipt::Receipt,
    store::{self, Scratch},
    transform::Request,
};

/// What the steps of a sheet made of its new rows.
pub(super) struct Replayed {
    /// The sheet's current version.
    pub(super) steps_of: u64,
    pub(super) n_steps: usize,
    /// The new version and the folder that its file is in, or why there is none.
    pub(super) outcome: Result<(NewVersion, Scratch), String>,
}

impl Workspace {
    /// For each table that is a known sheet with steps, what they make of its new rows.
    pub(super) async fn replays(
        &self,
        source: &NewSource,
        receipt: &Receipt,
        context: &Context<'_>,
    ) -> Result<Vec<Option<Replayed>>, Fault> {
        let (source, titles) = (source.clone(), receipt.sheets.iter().map(|it| it.title.clone()).collect::<Vec<_>>());
        let known = self
            .blocking(move |inner| {
                let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
                Ok(inner.house.catalog.match_import(inner.user.id, &source, &titles)?)
            })
            .await?;
        let mut replays = Vec::new();
        for (sheet, found) in known.into_iter().zip(&receipt.sheets) {
            let with_steps = sheet.filter(|sheet| !sheet.version.steps.is_empty()).zip(found.file.clone());
            replays.push(match with_steps {
                None => None,
                Some((sheet, raw)) => {
                    let outcome = self.replay(&sheet, raw, context).await?;
                    Some(Replayed { steps_of: sheet.version.number, n_steps: sheet.version.steps.len(), outcome })
                }
            });
        }
        Ok(replays)
    }

    /// What the steps of a sheet make of rows that were read anew, or why they fail.
    async fn replay(
        &self,
        sheet: &Sheet,
        raw: PathBuf,
        context: &Context<'_>,
    ) -> Result<Result<(NewVersion, Scratch), String>, Fault> {
        let scratch = self.blocking(|inner| Ok(inner.dir.new_scratch()?)).await?;
        let steps = sheet.version.steps.clone();
        let out = Some(scratch.path().to_owned());
        let spill = scratch.path().join(SPILL);
        let request = Request { sheet: sheet.name.clone(), steps, scratch: spill, out };
        let transformed = match self.apply(request, raw, &scratch, context).await {
            Ok(transformed) => transformed,
            Err(fault)
                if [Code::Cancelled, Code::Busy, Code::StorageFailed, Code::CatalogUnusable].contains(&fault.code) =>
            {
                return Err(fault);
            }
            Err(fault) => return Ok(Err(fault.message)),
        };
        let notes = told(&transformed);
        let Some(file) = transformed.file else { return Err(Fault::internal("a replay without a file")) };
        let sealed = super::blocking(move || {
            let sealed = store::seal(&file)?;
            Ok((file, sealed))
        });
        let (_, sealed) = sealed.await?;
        let new = NewVersion {
            n_rows: transformed.n_rows,
            columns: transformed.columns,
            issues: Vec::new(),
            layout: None,
            file: sealed.hash,
            n_bytes: sealed.n_bytes,
            made_by: json!({"tool": "transform_sheet", "replayed": true, "sql": transformed.sql, "notes": notes}),
            steps: transformed.steps,
        };
        Ok(Ok((new, scratch)))
    }
}
