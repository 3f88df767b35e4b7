//! `quire convert`: a file's table in another format, without importing it.

use std::path::{Path, PathBuf};

use super::{Workspace, file::regular};
use crate::{
    context::Context,
    engine::rows,
    export::{Exported, Format, Order, Table},
    fault::{Code, Fault},
    ingest::{Options, receipt::Receipt},
    store::Scratch,
    worker::task::{ImportTask, Manifest, Task},
};

/// A converted file.
pub struct Converted {
    file: PathBuf,
    notes: Vec<String>,
    _scratch: Scratch,
}

impl Converted {
    pub fn path(&self) -> &Path {
        &self.file
    }

    /// What the format could not say.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Workspace {
    /// The file's table in another format, as a file of its own that goes when the answer is dropped. `raw`: every row
    /// of the main table as text, as CSV or JSON.
    pub async fn convert(
        &self,
        path: &Path,
        options: Options,
        format: Format,
        raw: bool,
        context: &Context<'_>,
    ) -> Result<Converted, Fault> {
        let path = self.inner.house.roots.allow(path)?;
        self.check_size(regular(&path)?.len())?;
        let scratch = self.blocking(|inner| Ok(inner.dir.new_scratch()?)).await?;
        let (folder, target) = (scratch.path().to_owned(), scratch.path().join("converted"));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let limits = self.limits().ingest.clone();
        let import = ImportTask { file: path, name, options, limits, out: (!raw).then(|| folder.clone()) };
        if raw {
            if !format.is_text() {
                return Err(Fault::new(
                    Code::InvalidArguments,
                    format!("`--raw` writes text, and {} has types", format.name()),
                )
                .hint("use `--to csv` or `--to json`"));
            }
            let task = Task::Raw { import, format, target: target.clone() };
            self.read::<()>(task, vec![folder], context).await?;
            return Ok(Converted { file: target, notes: Vec::new(), _scratch: scratch });
        }
        let receipt: Receipt = self.read(Task::Import(import), vec![folder.clone()], context).await?;
        let main = receipt.sheets.into_iter().max_by_key(|sheet| sheet.n_rows);
        let table = main.and_then(|sheet| {
            Some(Table { title: sheet.title, source: rows::Source::File(sheet.file?), n_rows: Some(sheet.n_rows) })
        });
        let table = table.ok_or_else(|| {
            Fault::new(Code::UnreadableFile, "the file holds no table").hint("`quire inspect` shows how it is read")
        })?;
        // A script that converts wants the values as they are.
        let order = Order { tables: vec![table], format, target: target.clone(), keep_formulas: true, max_bytes: None };
        let task = Task::Export { manifest: Manifest::new(), order };
        let exported: Exported = self.read(task, vec![folder], context).await?;
        Ok(Converted { file: target, notes: exported.notes, _scratch: scratch })
    }
}
