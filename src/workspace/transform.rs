//! New versions of a sheet by steps.

use std::{collections::HashSet, path::PathBuf};

use serde_json::{Value as Json, json};

use super::Workspace;
use crate::{
    catalog::{NewVersion, Sheet},
    context::Context,
    fault::{Code, Fault},
    name::{SheetName, words},
    store::{self, Scratch},
    transform::{self, Request, Transformed},
    worker::{
        pool::CallLimits,
        task::{Manifest, Task},
    },
};

/// What to do to a sheet.
pub struct TransformCall {
    pub sheet: String,
    pub steps: Vec<Json>,
    /// A sheet whose steps come first.
    pub steps_of: String,
    /// The name of the new sheet; empty for a new version.
    pub save_as: String,
    /// The version that the steps are meant for; 0 for whatever is current.
    pub based_on: u64,
    pub dry_run: bool,
}

/// What came of it.
pub struct TransformDone {
    /// As it was.
    pub before: Sheet,
    /// As it is: a new version of the same, or the new sheet. None after a dry run.
    pub after: Option<Sheet>,
    pub transformed: Transformed,
    pub notes: Vec<String>,
}

/// The folder of a scratch that takes what a transform's memory does not hold.
pub(super) const SPILL: &str = "spill";

/// What is to be said of a transform to those who see its rows later: cells that became null first.
pub(super) fn told(transformed: &Transformed) -> Vec<String> {
    let lost = transformed.unconverted.iter().map(|it| {
        let examples: Vec<String> = it.examples.iter().map(|it| format!("`{it}`")).collect();
        format!("step {}: {} became null, being no {}, such as {}", it.step, it.cells(), it.to, examples.join(", "))
    });
    lost.chain(transformed.notes.iter().cloned()).take(MAX_TOLD).collect()
}

const MAX_TOLD: usize = 10;

impl Workspace {
    /// Applies steps to a sheet: a new version, a new sheet, or only a look at what would happen.
    pub async fn transform(&self, call: TransformCall, context: &Context<'_>) -> Result<TransformDone, Fault> {
        let save_as = if call.save_as.is_empty() { None } else { Some(SheetName::try_from(call.save_as.clone())?) };
        let mut steps = match call.steps_of.as_str() {
            "" => Vec::new(),
            name => self.steps_of(name).await?,
        };
        steps.extend(call.steps);
        if steps.is_empty() {
            return Err(Fault::new(Code::InvalidArguments, "there are no steps")
                .hint("give `steps`, such as [{\"op\": \"filter\", \"expr\": \"price > 0\"}]"));
        }
        transform::check(&steps)?;
        // The sheets that the steps read are to be fresh too.
        let mut mentioned = HashSet::new();
        for step in &steps {
            add_words(step, &mut mentioned);
        }
        let wanted = call.sheet.to_lowercase();
        let mut notes = self.refresh(&|name| name == wanted || mentioned.contains(name), context).await;
        let name = call.sheet.clone();
        let before = self.blocking(move |inner| Ok(inner.house.catalog.sheet(inner.user.id, &name)?)).await?;
        if call.based_on > 0 && call.based_on != before.version.number {
            return Err(Fault::new(
                Code::Conflict,
                format!("the sheet `{}` is at version {}, not {}", before.name, before.version.number, call.based_on),
            )
            .hint("look at the sheet as it is now, and leave `based_on` out or give its version"));
        }
        let scratch = self.blocking(|inner| Ok(inner.dir.new_scratch()?)).await?;
        let out = (!call.dry_run).then(|| scratch.path().to_owned());
        let spill = scratch.path().join(SPILL);
        let request = Request { sheet: before.name.clone(), steps, scratch: spill, out };
        let file = before.version.file.clone();
        let base = self.blocking(move |inner| Ok(inner.dir.version_path(&file))).await?;
        let transformed = self.apply(request, base, &scratch, context).await?;
        notes.extend(transformed.notes.iter().cloned());
        let Some(file) = transformed.file.clone() else {
            return Ok(TransformDone { before, after: None, transformed, notes });
        };
        let mut made_by = json!({"tool": "transform_sheet", "sql": transformed.sql, "notes": told(&transformed)});
        let steps = transformed.steps.clone();
        if let Some(fields) = made_by.as_object_mut().filter(|_| save_as.is_some()) {
            let (name, number) = (before.name.as_str(), before.version.number);
            fields.insert("from".to_owned(), json!({"sheet": name, "version": number}));
        }
        let (columns, n_rows) = (transformed.columns.clone(), transformed.n_rows);
        let after = self
            .blocking(move |inner| {
                let sealed = store::seal(&file)?;
                let _held = inner.hold_commit(sealed.n_bytes, u64::from(save_as.is_some()))?;
                inner.check_standing()?;
                let new = NewVersion {
                    n_rows,
                    columns,
                    // What was met when a file was read is told with the sheet that was read from it.
                    issues: if save_as.is_some() { Vec::new() } else { before.version.issues.clone() },
                    layout: None,
                    file: sealed.hash.clone(),
                    n_bytes: sealed.n_bytes,
                    made_by,
                    steps,
                };
                let mut publish = || inner.dir.publish_version(&file, &sealed.hash);
                let (catalog, user) = (&inner.house.catalog, inner.user.id);
                let after = if let Some(name) = &save_as {
                    catalog.commit_derived(user, &before, name, &new, &mut publish)?
                } else {
                    let version = catalog.commit_version(user, before.id, before.version.number, &new, &mut publish)?;
                    Sheet { version, ..before.clone() }
                };
                drop(scratch);
                Ok((before, after))
            })
            .await?;
        let (before, after) = after;
        Ok(TransformDone { before, after: Some(after), transformed, notes })
    }

    /// All the steps from a sheet's reading to what it is now.
    async fn steps_of(&self, name: &str) -> Result<Vec<Json>, Fault> {
        let name = name.to_owned();
        let sheet = self.blocking(move |inner| Ok(inner.house.catalog.sheet(inner.user.id, &name)?)).await?;
        if sheet.version.steps.is_empty() {
            return Err(Fault::new(Code::InvalidArguments, format!("`{}` has no steps", sheet.name))
                .hint("`sheet_history` shows how a sheet was made"));
        }
        Ok(sheet.version.steps)
    }

    /// Runs steps in a worker of their own, `base` standing for the sheet.
    pub(super) async fn apply(
        &self,
        request: Request,
        base: PathBuf,
        scratch: &Scratch,
        context: &Context<'_>,
    ) -> Result<Transformed, Fault> {
        let sheet = request.sheet.clone();
        let (manifest, versions) = self
            .blocking(move |inner| {
                let files = inner.house.catalog.manifest(inner.user.id)?.files.into_iter();
                let mut manifest: Manifest = files.map(|(name, hash)| (name, inner.dir.version_path(&hash))).collect();
                manifest.insert(sheet, base);
                Ok((manifest, inner.dir.versions()))
            })
            .await?;
        let raw_folder = manifest.get(&request.sheet).and_then(|file| file.parent()).map(std::path::Path::to_path_buf);
        let reads = std::iter::once(versions).chain(raw_folder).collect();
        let home = self.home_with(reads, vec![scratch.path().to_owned()]);
        let call = CallLimits {
            deadline: self.limits().import_timeout,
            too_slow: "filter earlier, split the steps over several calls, or start Quire with a higher `--import-timeout`",
            cancel: context.cancel.clone(),
        };
        let progress = |share: f64| (context.progress)(share, "applying the steps");
        self.in_own_worker(home, Task::Transform { manifest, request }, call, &progress).await
    }
}

/// The words of all texts in a step.
fn add_words(step: &Json, found: &mut HashSet<String>) {
    match step {
        Json::String(text) => found.extend(words(text)),
        Json::Array(items) => items.iter().for_each(|item| add_words(item, found)),
        Json::Object(fields) => fields.values().for_each(|field| add_words(field, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
