//! Every tool, one file each. To add one: its `mod` line, its `with` line, and its regenerated contract.

mod annotate_sheet;
mod ask;
mod delete_sheet;
mod describe_sheet;
mod export_sheet;
mod import_file;
mod list_sheets;
mod preview_rows;
mod query;
mod read_result;
mod reimport_sheet;
mod request_upload;
mod restore_version;
mod rows;
mod sheet_history;
mod summarize_sheet;
mod test_hypothesis;
mod transform_sheet;
mod verify_answer;

use serde_json::Value;

use crate::{fault::Fault, tool::Registry, workspace};

pub fn registry() -> Registry {
    Registry::default()
        .with::<annotate_sheet::AnnotateSheet>()
        .with::<ask::Ask>()
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
        .with::<verify_answer::VerifyAnswer>()
}

/// The same for callers who are elsewhere, and see no file of this machine.
pub fn remote() -> Registry {
    registry().with::<request_upload::RequestUpload>()
}

/// What `import_file` would answer to a file that came another way.
pub fn import_reply(outcome: workspace::Imported) -> Result<Value, Fault> {
    import_file::reply_of(outcome)
}
