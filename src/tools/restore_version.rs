//! `restore_version`: undo, and undo of the undo.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    fault::Fault,
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct RestoreVersion;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// May be a deleted one.
    sheet: String,
    /// As in `sheet_history`; 0: the one before, or a deleted sheet as it was.
    #[serde(default)]
    version: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[expect(clippy::struct_field_names, reason = "the words of the reply")]
pub(super) struct Restored {
    sheet: String,
    /// The new current version.
    version: u64,
    /// The version whose rows it has.
    restored: u64,
    n_rows: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(default)]
    notes: Vec<String>,
}

impl Reply for Restored {
    fn n_rows(&self) -> Option<u64> {
        Some(self.n_rows)
    }
}

impl Tool for RestoreVersion {
    type Args = Args;
    type Reply = Restored;

    const NAME: &'static str = "restore_version";
    const TITLE: &'static str = "Restore a version";
    const ABOUT: &'static str =
        "Makes an old version current again, as a new one; or brings back a sheet deleted in the last 30 days.";
    const EFFECT: Effect = Effect::Changes;

    async fn run(call: &Call<'_>, args: Args) -> Result<Restored, Fault> {
        let number = (args.version > 0).then_some(args.version);
        let done = call.workspace.restore(&args.sheet, number).await?;
        let sheet = done.sheet;
        let mut notes = Vec::new();
        if !done.is_change {
            notes.push(format!("version {} was the current one already: nothing was done", done.number));
        }
        if done.is_parted {
            notes.push(format!(
                "`{}` keeps these rows: its file was imported again since, and that sheet follows the file's changes",
                sheet.name
            ));
        }
        let (version, restored, n_rows) = (sheet.version.number, done.number, sheet.version.n_rows);
        Ok(Restored { sheet: sheet.name.to_string(), version, restored, n_rows, notes })
    }
}
