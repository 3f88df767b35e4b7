//! From sheets to a file: a worker makes it in a scratch folder, and the finished file goes to its place.

use std::path::Path;

use super::{Workspace, place::Target, remote::Download};
use crate::{
    context::Context,
    engine::rows::Source,
    export::{Exported, Format, Order, Table},
    fault::{Code, Fault},
    name::words,
    worker::{
        pool::CallLimits,
        task::{Manifest, Task},
    },
};

/// What to export.
pub enum Wanted {
    /// More than one only into a workbook.
    Sheets(Vec<String>),
    Sql(String),
}

/// Where to, and how.
pub struct Delivery<'a> {
    pub format: Format,
    /// Into the reply where there is none.
    pub path: Option<&'a Path>,
    pub overwrite: bool,
    pub keep_formulas: bool,
    /// Where there is no path: keep the file, to be fetched under this name without its ending.
    pub keep_as: Option<String>,
    /// What the reply, or who fetches it, can take.
    pub max_bytes: u64,
}

/// A file that was made.
pub struct Delivered {
    pub exported: Exported,
    /// Where it is.
    pub path: Option<String>,
    /// Its bytes, where no path was given.
    pub bytes: Option<Vec<u8>>,
    /// The file itself, where it was to be kept.
    pub kept: Option<Download>,
    pub notes: Vec<String>,
}

impl Workspace {
    /// Makes a file of sheets or of a query.
    pub async fn export(
        &self,
        wanted: Wanted,
        delivery: Delivery<'_>,
        context: &Context<'_>,
    ) -> Result<Delivered, Fault> {
        let format = delivery.format;
        let target = match delivery.path {
            None => None,
            Some(path) => {
                let (path, overwrite) = (path.to_owned(), delivery.overwrite);
                let parse = move |inner: &super::Inner| Target::parse(&path, format, overwrite, &inner.house.roots);
                Some(self.blocking(parse).await?)
            }
        };
        let (tables, mut notes) = self.tables(wanted, context).await?;
        let (scratch, manifest) = self
            .blocking(|inner| {
                let files = inner.house.catalog.manifest(inner.user.id)?.files.into_iter();
                let manifest: Manifest = files.map(|(name, hash)| (name, inner.dir.version_path(&hash))).collect();
                Ok((inner.dir.new_scratch()?, manifest))
            })
            .await?;
        let finished = scratch.path().join(format!("export.{}", format.name()));
        let order = Order {
            tables,
            format,
            target: finished.clone(),
            keep_formulas: delivery.keep_formulas,
            max_bytes: target.is_none().then_some(delivery.max_bytes),
        };
        let home = self.home_with(vec![self.inner.dir.versions()], vec![scratch.path().to_owned()]);
        let call = CallLimits {
            deadline: self.limits().import_timeout,
            too_slow: "select less with `sql`, filter or aggregate earlier, or start Quire with a higher `--import-timeout`",
            cancel: context.cancel.clone(),
        };
        let progress = |share: f64| (context.progress)(share, "writing the file");
        let task = Task::Export { manifest, order };
        let mut exported: Exported = self.in_own_worker(home, task, call, &progress).await?;
        notes.append(&mut exported.notes);
        if let Some(name) = delivery.keep_as {
            let name = format!("{name}.{}", format.name());
            let held = self.hold_export(exported.n_bytes).await?;
            let kept =
                Download { _held: held, _scratch: scratch, path: finished, name, format, n_bytes: exported.n_bytes };
            return Ok(Delivered { exported, path: None, bytes: None, kept: Some(kept), notes });
        }
        let (path, bytes) = self
            .blocking(move |_| {
                // The file lies in it until the end of this.
                let _scratch = scratch;
                match target {
                    Some(target) => {
                        target.fill(&finished)?;
                        Ok((Some(target.path().to_string_lossy().into_owned()), None))
                    }
                    None => Ok((None, Some(std::fs::read(&finished).map_err(Fault::internal)?))),
                }
            })
            .await?;
        Ok(Delivered { exported, path, bytes, kept: None, notes })
    }

    /// The tables to write, their files read again where they have changed.
    async fn tables(&self, wanted: Wanted, context: &Context<'_>) -> Result<(Vec<Table>, Vec<String>), Fault> {
        let names = match wanted {
            Wanted::Sheets(names) => names,
            Wanted::Sql(sql) => {
                let mentioned = words(&sql);
                let notes = self.refresh(&|name| mentioned.contains(name), context).await;
                let table = Table { title: "query".to_owned(), source: Source::Sql(sql), n_rows: None };
                return Ok((vec![table], notes));
            }
        };
        let (mut tables, mut notes) = (Vec::<Table>::new(), Vec::new());
        for name in names {
            let (sheet, more) = self.fresh_sheet(&name, context).await?;
            let title = sheet.name.to_string();
            if tables.iter().any(|table| table.title == title) {
                return Err(Fault::new(Code::InvalidArguments, format!("`{title}` is named twice in `sheets`")));
            }
            notes.extend(more);
            tables.push(Table { title, source: Source::Sheet(sheet.name), n_rows: Some(sheet.version.n_rows) });
        }
        Ok((tables, notes))
    }
}
