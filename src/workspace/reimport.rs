//! A sheet's file again, with a decision of its reading changed.

use std::path::Path;

use super::{
    Workspace,
    import::{Imported, Origin},
};
use crate::{
    catalog::Identity,
    context::Context,
    fault::{Code, Fault},
    ingest::{Options, fixes::SheetFix},
    store,
};

/// What to read differently; what is absent stays as it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub delimiter: Option<String>,
    pub encoding: Option<String>,
    pub sheet: SheetFix,
}

impl Workspace {
    /// Reads the file of a sheet again. Of its sheets, those that come out otherwise get a new version, and their steps
    /// are applied to it.
    pub async fn reimport(&self, name: &str, change: Change, context: &Context<'_>) -> Result<Imported, Fault> {
        let (sheet, notes) = self.fresh_sheet(name, context).await?;
        let source = &sheet.source;
        let mut options: Options = serde_json::from_value(source.options.clone()).map_err(Fault::internal)?;
        if options.sheet.as_ref().is_some_and(|picked| *picked != sheet.title) {
            options.sheet = None;
        }
        check_types(&change, &sheet.version.columns.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), name)?;
        options.delimiter = options.delimiter.filter(|_| change.delimiter.is_none());
        options.encoding = options.encoding.filter(|_| change.encoding.is_none());
        options.fixes.delimiter = change.delimiter.or(options.fixes.delimiter);
        options.fixes.encoding = change.encoding.or(options.fixes.encoding);
        options.fixes.sheets.entry(sheet.title.clone()).or_default().change(change.sheet);
        let stored = serde_json::to_value(&options).map_err(Fault::internal)?;
        let tool = "reimport_sheet";
        let mut imported = match &source.identity {
            Identity::Path(path) => {
                let path = self.inner.house.roots.allow(Path::new(path))?;
                self.import_linked(&path, options, Some(&stored), tool, context).await?
            }
            Identity::Name(file_name) => {
                let (sha256, n_bytes) = (source.sha256.clone(), source.n_bytes);
                let (scratch, file) = self
                    .blocking(move |inner| {
                        let scratch = inner.dir.new_scratch()?;
                        let file = store::unpack_original(&inner.dir.original_path(&sha256), &scratch)?;
                        Ok((scratch, file))
                    })
                    .await?;
                let mut origin = Origin::upload(file_name.clone(), n_bytes);
                (origin.imported_with, origin.tool) = (Some(stored), tool);
                self.import(&file, origin, options, scratch, context).await?
            }
            Identity::Sheet(from) => {
                return Err(Fault::new(Code::InvalidArguments, format!("`{name}` was not read from a file")).hint(
                    format!("it was made from `{from}`: read that again, or change this one by `transform_sheet`"),
                ));
            }
        };
        imported.sheets.retain(|(other, state)| other.id == sheet.id || *state != "unchanged");
        imported.notes.splice(0..0, notes);
        Ok(imported)
    }
}

/// Types are given by columns that the sheet has, and are types that a file can be read as.
fn check_types(change: &Change, columns: &[&str], name: &str) -> Result<(), Fault> {
    for (column, type_name) in &change.sheet.types {
        // Another header or another region brings other columns.
        let is_same_table = change.sheet.header_rows.is_none() && change.sheet.region.is_none();
        if is_same_table && !columns.iter().any(|it| it.to_lowercase() == column.to_lowercase()) {
            return Err(Fault::new(Code::ColumnNotFound, format!("`{name}` has no column `{column}`"))
                .hint("`describe_sheet` lists them"));
        }
        if !SheetFix::can_be(type_name) {
            return Err(Fault::new(Code::InvalidArguments, format!("a column can't be read as `{type_name}`")).hint(
                "use VARCHAR, BIGINT, DOUBLE, DECIMAL(18,2), BOOLEAN, DATE, TIME, TIMESTAMP, TIMESTAMP WITH TIME ZONE or \
                 INTERVAL",
            ));
        }
    }
    Ok(())
}
