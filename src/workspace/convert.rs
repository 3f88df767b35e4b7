//! `quire convert`: a file's table in another format, without importing it.

use std::path::{Path, PathBuf};

use super::{Workspace, file::regular};
use crate::{
    context::Context,
    engine::rows,
    export::{Exported, Format, Order, Table},
    fault::{Code, Fault},
    ingest::{
        Options,
        receipt::{Receipt, SheetReceipt},
    },
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
        let mut notes = Vec::new();
        let mut tables: Vec<Table> = receipt.sheets.into_iter().filter_map(table_of).collect();
        if format != Format::Xlsx && tables.len() > 1 {
            let titles: Vec<String> = tables.iter().map(|table| format!("`{}`", table.title)).collect();
            tables.sort_by_key(|table| std::cmp::Reverse(table.n_rows));
            tables.truncate(1);
            let written = tables.first().map_or("", |table| table.title.as_str());
            notes.push(format!(
                "the file has the tables {}, and this holds only `{written}`: name another with `--sheet`, or convert `--to xlsx`",
                titles.join(", ")
            ));
        }
        if tables.is_empty() {
            return Err(Fault::new(Code::UnreadableFile, "the file holds no table")
                .hint("`quire inspect` shows how it is read"));
        }
        // A script that converts wants the values as they are.
        let order = Order { tables, format, target: target.clone(), keep_formulas: true, max_bytes: None };
        let task = Task::Export { manifest: Manifest::new(), order };
        let exported: Exported = self.read(task, vec![folder], context).await?;
        notes.extend(exported.notes);
        Ok(Converted { file: target, notes, _scratch: scratch })
    }
}

fn table_of(sheet: SheetReceipt) -> Option<Table> {
    Some(Table { title: sheet.title, source: rows::Source::File(sheet.file?), n_rows: Some(sheet.n_rows) })
}
