//! From a file to sheets: one worker reads it, then its version files are published and committed together.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{
    Inner, Workspace,
    file::{is_as_before, modified_ns, regular, unreadable},
    replay::Replayed,
    titles::{n_worksheets, name_sheets, suggest},
};
use crate::{
    catalog::{Change, Identity, ImportedSheet, Layout, NewSheet, NewSource, NewVersion, Replay, Sheet, Source},
    context::Context,
    fault::{Code, Fault},
    ingest::{
        Options,
        receipt::{Issue, Receipt},
    },
    store::{self, FileState, Scratch},
    transform::TRANSFORMED,
    worker::{
        pool::CallLimits,
        task::{ImportTask, Task},
    },
};

/// What an import did.
pub struct Imported {
    /// Each with `new`, `changed`, `unchanged` or `held`.
    pub sheets: Vec<(Sheet, &'static str)>,
    /// For people: format, encoding, delimiter.
    pub format: String,
    pub issues: Vec<Issue>,
    pub notes: Vec<String>,
}

impl Workspace {
    /// Links a local file. The same path again gives the same sheets, as new versions if its bytes have changed.
    pub async fn import_path(&self, path: &str, options: Options, context: &Context<'_>) -> Result<Imported, Fault> {
        if self.is_remote() {
            return Err(Fault::new(
                Code::PathNotAllowed,
                format!("`{path}` is on your machine or on none: this server is elsewhere, and reads no paths"),
            )
            .hint("send the file to the address that `request_upload` gives, or give `name` with `content`"));
        }
        let path = self.inner.house.roots.allow(Path::new(path))?;
        regular(&path)?;
        let options = self.with_fixes(Identity::Path(path.to_string_lossy().into_owned()), options).await?;
        if let Some(same) = self.already(&path, &options).await? {
            return Ok(same);
        }
        self.import_linked(&path, options, None, "import_file", context).await
    }

    /// Imports bytes that came with a name. The same name again gives the same sheets.
    pub async fn import_bytes(
        &self,
        name: &str,
        bytes: Vec<u8>,
        options: Options,
        context: &Context<'_>,
    ) -> Result<Imported, Fault> {
        let name = Path::new(name).file_name().map_or_else(|| name.to_owned(), |it| it.to_string_lossy().into_owned());
        let n_bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.check_size(n_bytes)?;
        let _held = self.reserve(n_bytes).await?;
        let (scratch, file) = self
            .blocking(move |inner| {
                let scratch = inner.dir.new_scratch()?;
                let file = scratch.path().join("upload");
                std::fs::write(&file, bytes).map_err(|error| {
                    Fault::new(Code::StorageFailed, format!("the content can't be stored: {error}"))
                        .hint("free some disk space")
                })?;
                Ok((scratch, file))
            })
            .await?;
        let options = self.with_fixes(Identity::Name(name.clone()), options).await?;
        let origin = Origin::upload(name, n_bytes);
        self.import(&file, origin, options, scratch, context).await
    }

    /// Reads a linked file, whatever is known of it. `imported_with`: in a refresh, the options of its import, which stay.
    pub(super) async fn import_linked(
        &self,
        path: &Path,
        options: Options,
        imported_with: Option<&Json>,
        tool: &'static str,
        context: &Context<'_>,
    ) -> Result<Imported, Fault> {
        let before = regular(path)?;
        self.check_size(before.len())?;
        let scratch = self.blocking(|inner| Ok(inner.dir.new_scratch()?)).await?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let identity = Identity::Path(path.to_string_lossy().into_owned());
        let origin = Origin {
            identity,
            name,
            n_bytes: before.len(),
            modified_ns: modified_ns(&before),
            linked: true,
            imported_with: imported_with.cloned(),
            tool,
        };
        self.import(path, origin, options, scratch, context).await
    }

    /// The file's reading, without importing it, with the names that its sheets would get.
    pub async fn inspect(&self, path: &Path, options: Options, context: &Context<'_>) -> Result<Receipt, Fault> {
        let path = self.inner.house.roots.allow(path)?;
        self.check_size(regular(&path)?.len())?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let limits = self.limits().ingest.clone();
        let task = ImportTask { file: path, name: name.clone(), options, limits, out: None };
        let mut receipt: Receipt = self.read(Task::Import(task), Vec::new(), context).await?;
        name_sheets(&mut receipt, &name);
        Ok(receipt)
    }

    pub(super) async fn import(
        &self,
        file: &Path,
        origin: Origin,
        options: Options,
        scratch: Scratch,
        context: &Context<'_>,
    ) -> Result<Imported, Fault> {
        let out = scratch.path().to_owned();
        let task = ImportTask {
            file: file.to_owned(),
            name: origin.name.clone(),
            options: options.clone(),
            limits: self.limits().ingest.clone(),
            out: Some(out.clone()),
        };
        // Beside the worker; it ends with this call, however that ends.
        let wanted = context.cancel.child_token();
        let _ends = wanted.clone().drop_guard();
        let (hashed, n_bytes) = (file.to_owned(), origin.n_bytes);
        let hash = tokio::spawn(super::blocking(move || {
            store::hash(&hashed, n_bytes, || !wanted.is_cancelled()).map_err(|error| unreadable(&hashed, &error))
        }));
        let receipt: Receipt = self.read(Task::Import(task), vec![out], context).await?;
        let hashed = hash.await.map_err(Fault::internal)?;
        if context.cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, "the call was cancelled"));
        }
        let (sha256, n_bytes) = hashed?;
        if origin.linked && !is_as_before(file, n_bytes, origin.modified_ns) {
            return Err(Fault::new(Code::Conflict, format!("`{}` changed while it was read", file.display()))
                .hint("import it again when it is saved"));
        }
        let is_refresh = origin.imported_with.is_some();
        let options = match origin.imported_with {
            Some(options) => options,
            None => serde_json::to_value(&options).map_err(Fault::internal)?,
        };
        let source = NewSource {
            identity: origin.identity,
            sha256,
            n_bytes,
            modified_ns: origin.modified_ns,
            format: receipt.format.clone(),
            options,
            issues: receipt.issues.clone(),
            linked: origin.linked,
            is_refresh,
        };
        let replays = self.replays(&source, &receipt, context).await?;
        let (file, name, tool) = (file.to_owned(), origin.name, origin.tool);
        self.blocking(move |inner| {
            let _held = inner.hold_versions(&source, &receipt, &replays)?;
            inner.commit(&source, receipt, replays, &Came { name: &name, file: &file, tool }, &scratch)
        })
        .await
    }

    /// A plain import of what is known leaves the decisions that were changed as they are.
    pub(super) async fn with_fixes(&self, identity: Identity, options: Options) -> Result<Options, Fault> {
        if options != Options::default() {
            return Ok(options);
        }
        let known = self.blocking(move |inner| Ok(inner.house.catalog.find_source(inner.user.id, &identity)?)).await?;
        let before = known.first().map(|sheet| serde_json::from_value::<Options>(sheet.source.options.clone()));
        let fixes = before.and_then(Result::ok).map(|before| before.fixes).unwrap_or_default();
        Ok(Options { fixes, ..options })
    }

    /// What is known of a linked file that has not changed since it was read with the same options.
    async fn already(&self, path: &Path, options: &Options) -> Result<Option<Imported>, Fault> {
        let Ok(metadata) = path.metadata() else { return Ok(None) };
        let identity = Identity::Path(path.to_string_lossy().into_owned());
        let (sheets, has_deleted) = self
            .blocking(move |inner| {
                let (catalog, user) = (&inner.house.catalog, inner.user.id);
                let sheets = catalog.find_source(user, &identity)?;
                // What was damaged since is read again.
                let is_sound = |sheet: &Sheet| matches!(inner.dir.state(&sheet.version.file), Ok(FileState::Sound));
                let sheets = if sheets.iter().all(is_sound) { sheets } else { Vec::new() };
                Ok((sheets, catalog.has_deleted(user, &identity)?))
            })
            .await?;
        let Some(source) = sheets.first().map(|sheet| &sheet.source) else { return Ok(None) };
        let is_same = source.n_bytes == metadata.len()
            && source.modified_ns == modified_ns(&metadata)
            && serde_json::from_value::<Options>(source.options.clone()).is_ok_and(|it| it == *options);
        // Of a worksheet that was picked, its own sheet alone would have to be answered.
        if !is_same || has_deleted || (options.sheet.is_some() && sheets.len() > 1) {
            return Ok(None);
        }
        let layout = sheets.first().and_then(|sheet| sheet.version.layout.clone()).unwrap_or_default();
        let format = shown_format(&source.format, layout.encoding, layout.delimiter);
        let issues = source.issues.clone();
        let sheets = sheets.into_iter().map(|sheet| (sheet, "unchanged")).collect();
        Ok(Some(Imported { sheets, format, issues, notes: Vec::new() }))
    }

    pub(super) async fn read<T: serde::de::DeserializeOwned>(
        &self,
        task: Task,
        folders: Vec<PathBuf>,
        context: &Context<'_>,
    ) -> Result<T, Fault> {
        let call = CallLimits {
            deadline: self.limits().import_timeout,
            too_slow: "split the file, or start Quire with a higher `--import-timeout`",
            cancel: context.cancel.clone(),
        };
        let progress = |share: f64| (context.progress)(share, "reading the file");
        self.in_own_worker(self.home_with(task.reads(), folders), task, call, &progress).await
    }

    pub(super) fn check_size(&self, n_bytes: u64) -> Result<(), Fault> {
        let limit = self.limits().ingest.file_bytes;
        if n_bytes <= limit {
            return Ok(());
        }
        Err(Fault::new(Code::LimitExceeded, format!("the file has {n_bytes} bytes, over the limit of {limit}"))
            .hint("split it, or start Quire with a higher `--max-file-size`"))
    }
}

/// Where an import comes from.
pub(super) struct Origin {
    identity: Identity,
    name: String,
    /// When the import began.
    n_bytes: u64,
    modified_ns: Option<i64>,
    linked: bool,
    /// In a refresh, the options of the import.
    pub(super) imported_with: Option<Json>,
    /// What made the versions.
    pub(super) tool: &'static str,
}

impl Origin {
    pub(super) fn upload(name: String, n_bytes: u64) -> Origin {
        Origin {
            identity: Identity::Name(name.clone()),
            name,
            n_bytes,
            modified_ns: None,
            linked: false,
            imported_with: None,
            tool: "import_file",
        }
    }
}

/// Where what is committed came from.
struct Came<'a> {
    name: &'a str,
    file: &'a Path,
    tool: &'static str,
}

impl Inner {
    fn commit(
        &self,
        source: &NewSource,
        receipt: Receipt,
        replays: Vec<Option<Replayed>>,
        came: &Came<'_>,
        scratch: &Scratch,
    ) -> Result<Imported, Fault> {
        let Came { name, file, tool } = *came;
        let original = if source.linked { None } else { Some(store::keep_original(file, scratch)?) };
        let n_worksheets = n_worksheets(&receipt);
        let Receipt { encoding, delimiter, .. } = receipt;
        let format = shown_format(&receipt.format, encoding.clone(), delimiter.clone());
        let (mut sheets, mut files, mut folders) = (Vec::new(), Vec::new(), Vec::new());
        let mut replayed_steps = Vec::new();
        for ((position, found), replayed) in (0_u32..).zip(receipt.sheets).zip(replays) {
            let Some(version_file) = found.file.clone() else {
                return Err(Fault::internal(format!("the worker wrote no file for `{}`", found.title)));
            };
            let sealed = store::seal(&version_file)?;
            let suggested = suggest(&found, name, n_worksheets);
            let layout = Layout {
                header_rows: found.header_rows,
                first_data_row: found.first_data_row,
                last_data_row: found.last_data_row,
                encoding: encoding.clone(),
                delimiter: delimiter.clone(),
                notes: found.notes,
                column_notes: found.column_notes,
                decisions: found.decisions,
            };
            let version = NewVersion {
                n_rows: found.n_rows,
                columns: found.columns,
                issues: found.issues,
                layout: Some(layout),
                file: sealed.hash.clone(),
                n_bytes: sealed.n_bytes,
                made_by: serde_json::json!({"tool": tool}),
                steps: Vec::new(),
            };
            let (title, hidden) = (found.title, found.hidden);
            let mut new = NewSheet { title, hidden, position, suggested, version, replay: None };
            files.push((version_file, sealed.hash));
            if let Some(Replayed { steps_of, n_steps: n, outcome }) = replayed {
                let told = outcome.as_ref().map(|(version, _)| version.notes()).unwrap_or_default();
                replayed_steps.push((new.title.clone(), n, told));
                let outcome = outcome.map(|(version, scratch)| {
                    files.push((scratch.path().join(TRANSFORMED), version.file.clone()));
                    folders.push(scratch);
                    version
                });
                new.replay = Some(Replay { steps_of, outcome });
            }
            sheets.push(new);
        }
        let mut publish = || {
            self.dir.publish_versions(&files)?;
            original.iter().try_for_each(|original| self.dir.publish_original(original))
        };
        self.check_standing()?;
        let imported = self.house.catalog.commit_import(self.user.id, source, sheets, &mut publish)?;
        drop(folders);
        let mut notes = Vec::new();
        let sheets = imported.into_iter().map(|ImportedSheet { sheet, change }| {
            let steps = replayed_steps.iter().find(|(title, ..)| *title == sheet.title);
            if let (Some((_, n, told)), Change::Changed) = (steps, change) {
                notes.push(format!("the {n} steps of `{}` were applied to the new rows", sheet.name));
                notes.extend(told.iter().map(|note| format!("`{}`, {note}", sheet.name)));
            }
            (sheet, change.word())
        });
        let sheets: Vec<(Sheet, &str)> = sheets.collect();
        let first = sheets.iter().map(|(sheet, _)| &sheet.source).find(|first| first.identity != source.identity);
        let held = self.held_notes(first.map_or(&source.identity, |first| &first.identity).text())?;
        let mut said: Vec<String> = first.map(|first| same_bytes(source, first)).into_iter().collect();
        said.extend(notes);
        said.extend(held);
        Ok(Imported { sheets, format, issues: source.issues.clone(), notes: said })
    }

    /// What to say of a file's sheets that are not as of its last reading.
    fn held_notes(&self, path: &str) -> Result<Vec<String>, Fault> {
        let linked = self.house.catalog.linked_sources(self.user.id)?;
        Ok(linked.iter().filter(|it| it.path == path).flat_map(super::refresh::held_notes).collect())
    }
}

/// What to say of an import that answers the sheets of a source that came first.
fn same_bytes(again: &NewSource, first: &Source) -> String {
    let (again_shown, first_shown) = (again.identity.text(), first.shown());
    let what = if again.linked { "; changes of the new one are not followed" } else { "" };
    format!(
        "`{again_shown}` has the same bytes as `{first_shown}`, which was imported before: these are its sheets{what}"
    )
}

/// For people: the format, and how a text file was read.
fn shown_format(format: &str, encoding: Option<String>, delimiter: Option<String>) -> String {
    let delimiter = delimiter.map(|delimiter| format!("delimiter {delimiter:?}"));
    [Some(format.to_owned()), encoding, delimiter].into_iter().flatten().collect::<Vec<_>>().join(", ")
}
