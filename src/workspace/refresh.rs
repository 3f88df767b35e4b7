//! Linked files: when one has changed on disk it is read again before its sheets are.

use std::path::{Path, PathBuf};

use super::Workspace;
use crate::{catalog::LinkedSource, context::Context, fault::Fault, name::SheetName};

impl Workspace {
    /// Reads changed files again whose sheets `is_wanted`. Only files within this process's roots are looked at.
    ///
    /// A file that is gone, or can't be read, leaves its sheets as they are; the notes say so.
    pub(super) async fn refresh(
        &self,
        is_wanted: &(dyn Fn(&str) -> bool + Send + Sync),
        context: &Context<'_>,
    ) -> Vec<String> {
        let linked = self.blocking(|inner| Ok(inner.house.catalog.linked_sources(inner.user.id)?)).await;
        let linked = match linked {
            Ok(linked) => linked,
            Err(fault) => {
                tracing::warn!(%fault, "linked files were not looked at");
                return Vec::new();
            }
        };
        let mut notes = Vec::new();
        for source in linked {
            let path = PathBuf::from(&source.path);
            let is_used = source.sheets.iter().any(|name| is_wanted(name.as_str()));
            if !is_used {
                continue;
            }
            if !self.inner.house.roots.contains(&path) || !has_changed(&path, &source) {
                notes.extend(held_notes(&source));
                continue;
            }
            match self.read_again(&path, &source, context).await {
                Ok(said) => notes.extend(said),
                Err(fault) => notes.push(format!(
                    "`{}` has changed or is gone and could not be read again ({}): {} as of its last reading",
                    path.display(),
                    fault.message,
                    names(&source)
                )),
            }
        }
        notes
    }

    async fn read_again(
        &self,
        path: &Path,
        source: &LinkedSource,
        context: &Context<'_>,
    ) -> Result<Vec<String>, Fault> {
        let options = serde_json::from_value(source.options.clone()).map_err(Fault::internal)?;
        let imported = self.import_linked(path, options, true, context).await?;
        let changed = imported.sheets.iter().any(|(_, state)| *state != "unchanged");
        let what = if changed { "has changed and was read again" } else { "was touched, and holds the same" };
        let mut notes = vec![format!("`{}` {what}: {}", path.display(), names(source))];
        notes.extend(imported.notes);
        Ok(notes)
    }
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

fn names(source: &LinkedSource) -> String {
    let names: Vec<String> = source.sheets.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn has_changed(path: &Path, source: &LinkedSource) -> bool {
    let Ok(metadata) = path.metadata() else { return true };
    metadata.len() != source.n_bytes || super::import::modified_ns(&metadata) != source.modified_ns
}
