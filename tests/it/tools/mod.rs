//! One file per tool.

mod annotate_sheet;
mod ask;
mod delete_sheet;
mod describe_sheet;
mod export_sheet;
pub(crate) mod import_file;
mod list_sheets;
mod preview_rows;
mod query;
mod read_result;
mod reimport_sheet;
mod request_upload;
mod restore_version;
mod sheet_history;
mod summarize_sheet;
mod test_hypothesis;
mod transform_sheet;
mod verify_answer;
