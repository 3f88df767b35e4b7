//! `reimport_sheet`: the same file, one decision of its reading changed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::import_file::{Imported, given};
use crate::{
    fault::{Code, Fault},
    ingest::{Totals, fixes::SheetFix},
    tool::{Call, Effect, Tool},
    workspace::reimport::Change,
};

pub(super) struct ReimportSheet;

#[expect(clippy::doc_markdown, reason = "the words that models read are short")]
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A sheet.
    sheet: String,
    /// Some of: header_rows: [5, 6] or []; region: "A5:H20"; types: {"day": "DATE"}; day_first; totals: "keep"; delimiter; encoding.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    change: Changed,
}

/// Fields that are absent stay as they are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Changed {
    header_rows: Option<Vec<u64>>,
    region: Option<String>,
    types: BTreeMap<String, String>,
    day_first: Option<bool>,
    totals: Option<Totals>,
    delimiter: Option<String>,
    encoding: Option<String>,
}

impl Tool for ReimportSheet {
    type Args = Args;
    type Reply = Imported;

    const NAME: &'static str = "reimport_sheet";
    const TITLE: &'static str = "Read a sheet's file differently";
    const ABOUT: &'static str = "Reads a sheet's file again, with decisions that `describe_sheet` lists changed, as a \
        new version.";
    const EFFECT: Effect = Effect::Writes;

    async fn run(call: &Call<'_>, args: Args) -> Result<Imported, Fault> {
        let text = |text: Option<String>| text.and_then(given);
        let Changed { header_rows, region, types, day_first, totals, delimiter, encoding } = args.change;
        let change = Change {
            delimiter: text(delimiter),
            encoding: text(encoding),
            sheet: SheetFix { header_rows, region: text(region), types, day_first, totals },
        };
        if change == Change::default() {
            return Err(Fault::new(Code::InvalidArguments, "nothing is to be read differently").hint(
                "give one of `header_rows`, `region`, `types`, `day_first`, `totals`, `delimiter` and `encoding`",
            ));
        }
        call.workspace.reimport(&args.sheet, change, &call.context).await.map(Imported::of)
    }
}
