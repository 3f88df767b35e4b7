//! Linked files: when one has changed on disk it is read again before its sheets are.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use tokio::time::{Instant, timeout_at};

use super::{Inner, Workspace};
use crate::{
    catalog::{Identity, LinkedSource, Outdated, Sheet},
    context::Context,
    fault::{Code, Fault},
    ingest::Options,
    name::SheetName,
};

/// Readings that failed, each with the file as it was then: it is not read again until it changes.
#[derive(Default)]
pub(super) struct Failures(Mutex<HashMap<PathBuf, (Stamp, Fault)>>);

/// A reply has other things to say as well.
const MAX_NOTES: usize = 10;

/// Size, and nanoseconds since 1970 of the last change.
type Stamp = (u64, Option<i64>);

impl Workspace {
    /// Reads changed files again whose sheets `is_wanted`, for as long as a query may take. Only files within this
    /// process's roots are looked at.
    ///
    /// A file that is gone, or can't be read, leaves its sheets as they are; the notes say so.
    pub(super) async fn refresh(
        &self,
        is_wanted: &(dyn Fn(&str) -> bool + Send + Sync),
        context: &Context<'_>,
    ) -> Vec<String> {
        let known = self.blocking(|inner| Ok((inner.linked()?, inner.outdated()?))).await;
        let (linked, mut outdated) = match known {
            Ok(known) => known,
            Err(fault) => {
                tracing::warn!(code = fault.code.name(), "linked files were not looked at");
                return Vec::new();
            }
        };
        let end = Instant::now() + self.limits().query_timeout;
        let (mut notes, mut out_of_reach, mut held, mut is_first) = (Vec::new(), Vec::new(), Vec::new(), true);
        let mut was_read = false;
        for mut source in linked {
            let path = PathBuf::from(&source.path);
            if !source.sheets.iter().any(|name| is_wanted(name.as_str())) {
                continue;
            }
            source.held.retain(|(name, _)| is_wanted(name.as_str()));
            if context.cancel.is_cancelled() {
                break;
            }
            if let Some(why) = self.out_of_reach(&path) {
                let note = format!("`{}` {why}: {} as of its last reading", path.display(), names(&source));
                out_of_reach.push(with_held(note, &source));
                continue;
            }
            let stamp = stamp(&path);
            if stamp == Some((source.n_bytes, source.modified_ns)) {
                held.extend(held_notes(&source));
                continue;
            }
            let outcome = match self.failed_before(&path, stamp) {
                Some(fault) => Err(fault),
                None if Instant::now() >= end => Err(out_of_time(false)),
                None => {
                    was_read = true;
                    let done = timeout_at(end, self.read_again(&path, &source, context)).await;
                    let outcome = done.unwrap_or_else(|_| Err(out_of_time(is_first)));
                    // One that had less than the whole time may well succeed when it is the first.
                    let is_last_word = is_first || !matches!(&outcome, Err(fault) if fault.code == Code::TimedOut);
                    if let (Err(fault), true, Some(stamp)) = (&outcome, is_last_word, stamp) {
                        self.remember(&path, stamp, fault);
                    }
                    is_first = false;
                    outcome
                }
            };
            notes.push(outcome.unwrap_or_else(|fault| {
                let note = format!(
                    "`{}` has changed or is gone and could not be read again ({}): {} as of its last reading",
                    path.display(),
                    fault.message,
                    names(&source)
                );
                with_held(note, &source)
            }));
        }
        notes.append(&mut out_of_reach);
        let n_more = notes.len().saturating_sub(MAX_NOTES);
        notes.truncate(MAX_NOTES);
        let mut notes: Vec<String> = notes.into_iter().flatten().collect();
        if n_more > 0 {
            notes.push(format!("{n_more} more linked files were read again, or could not be"));
        }
        notes.extend(held);
        if was_read {
            outdated = self.blocking(Inner::outdated).await.unwrap_or(outdated);
        }
        notes.extend(outdated.iter().filter(|it| is_wanted(it.name.as_str())).take(MAX_NOTES).map(outdated_note));
        notes
    }

    /// Why a linked file may not be read by this process, if that is so: a link may have taken its place, or that of a
    /// folder above it. One that is gone is another matter.
    fn out_of_reach(&self, path: &Path) -> Option<&'static str> {
        match self.inner.house.roots.allow(path) {
            Ok(found) if found == path => None,
            Ok(_) => Some("is out of reach (a symbolic link is in its place now)"),
            Err(fault) if fault.code == Code::PathNotAllowed => {
                Some("is out of reach (it lies outside the folders that Quire may read)")
            }
            Err(_) => None,
        }
    }

    async fn read_again(
        &self,
        path: &Path,
        source: &LinkedSource,
        context: &Context<'_>,
    ) -> Result<Vec<String>, Fault> {
        let identity = Identity::Path(source.path.clone());
        let known = self.blocking(move |inner| Ok(inner.house.catalog.find_source(inner.user.id, &identity)?)).await?;
        let mut options: Options = serde_json::from_value(source.options.clone()).map_err(Fault::internal)?;
        // One worksheet was asked for last, and others before: all of them may have changed.
        if known.iter().any(|sheet| options.sheet.as_ref().is_some_and(|picked| *picked != sheet.title)) {
            options.sheet = None;
        }
        let imported = self.import_linked(path, options, Some(&source.options), "import_file", context).await?;
        let changed = imported.sheets.iter().any(|(_, state)| *state != "unchanged");
        let what = if changed { "has changed and was read again" } else { "was touched, and holds the same" };
        let read: Vec<String> = imported.sheets.iter().map(|(sheet, _)| format!("`{}`", sheet.name)).collect();
        let note = format!("`{}` {what}: {}", path.display(), read.join(", "));
        let is_left = |sheet: &&Sheet| !imported.sheets.iter().any(|(other, _)| other.id == sheet.id);
        let left: Vec<String> = known.iter().filter(is_left).map(|sheet| format!("`{}`", sheet.name)).collect();
        let note = if left.is_empty() {
            note
        } else {
            format!("{note}; its worksheet is gone, empty or unreadable: {} as of the last version", left.join(", "))
        };
        Ok([note].into_iter().chain(imported.notes).collect())
    }

    fn failed_before(&self, path: &Path, now: Option<Stamp>) -> Option<Fault> {
        let failures = self.inner.failures.0.lock().unwrap_or_else(PoisonError::into_inner);
        failures.get(path).filter(|(then, _)| Some(*then) == now).map(|(_, fault)| fault.clone())
    }

    /// Only what the file itself is the cause of: a full disk, say, is none of its doing.
    fn remember(&self, path: &Path, stamp: Stamp, fault: &Fault) {
        let passing = [Code::Cancelled, Code::Busy, Code::Conflict, Code::StorageFailed, Code::CatalogUnusable];
        if !passing.contains(&fault.code) {
            let mut failures = self.inner.failures.0.lock().unwrap_or_else(PoisonError::into_inner);
            failures.insert(path.to_owned(), (stamp, fault.clone()));
        }
    }
}

impl Inner {
    fn linked(&self) -> Result<Vec<LinkedSource>, Fault> {
        Ok(self.house.catalog.linked_sources(self.user.id)?)
    }

    fn outdated(&self) -> Result<Vec<Outdated>, Fault> {
        Ok(self.house.catalog.outdated(self.user.id)?)
    }
}

/// What to say of a sheet that was saved from rows which were read again since.
fn outdated_note(it: &Outdated) -> String {
    format!(
        "`{name}` is as of version {} of `{base}`, whose file was read again since: make it anew from `{base}` with the \
         steps that `sheet_history` has",
        it.made_from,
        name = it.name,
        base = it.base
    )
}

fn out_of_time(had_it_all: bool) -> Fault {
    Fault::new(
        Code::TimedOut,
        if had_it_all {
            "that takes longer than a query may: call `import_file` for it"
        } else {
            "other files took the time of this call: call again"
        },
    )
}

/// What to say of the sheets on whose new rows a step has failed.
pub(super) fn held_notes(source: &LinkedSource) -> Vec<String> {
    let note = |(name, why): &(SheetName, String)| {
        format!(
            "`{name}` is as of an earlier reading: the file has changed, and {why}; `sheet_history` has the version with \
             the new rows, which `restore_version` brings, then apply mended steps"
        )
    };
    source.held.iter().map(note).collect()
}

fn with_held(note: String, source: &LinkedSource) -> Vec<String> {
    [note].into_iter().chain(held_notes(source)).collect()
}

fn names(source: &LinkedSource) -> String {
    let names: Vec<String> = source.sheets.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// None where the file is gone.
fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some((metadata.len(), super::file::modified_ns(&metadata)))
}
