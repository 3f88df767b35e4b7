//! Every tool, one file each. To add one: its `mod` line, its `with` line, and its regenerated contract.

mod delete_sheet;
mod describe_sheet;
mod export_sheet;
mod import_file;
mod list_sheets;
mod preview_rows;
mod query;
mod read_result;
mod reimport_sheet;
mod restore_version;
mod rows;
mod sheet_history;
mod summarize_sheet;
mod test_hypothesis;
mod transform_sheet;

use crate::tool::Registry;

pub fn registry() -> Registry {
    Registry::default()
        .with::<delete_sheet::DeleteSheet>()
        .with::<describe_sheet::DescribeSheet>()
        .with::<export_sheet::ExportSheet>()
        .with::<import_file::ImportFile>()
        .with::<list_sheets::ListSheets>()
        .with::<preview_rows::PreviewRows>()
        .with::<query::Query>()
        .with::<read_result::ReadResult>()
        .with::<reimport_sheet::ReimportSheet>()
        .with::<restore_version::RestoreVersion>()
        .with::<sheet_history::SheetHistory>()
        .with::<summarize_sheet::SummarizeSheet>()
        .with::<test_hypothesis::TestHypothesis>()
        .with::<transform_sheet::TransformSheet>()
}
