//! `annotate_sheet`: what a sheet or a column means, for those who ask later.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    catalog::Note,
    fault::Fault,
    name::SheetName,
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct AnnotateSheet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// A sheet.
    sheet: String,
    /// Empty: the sheet itself.
    #[serde(default)]
    column: String,
    /// What it holds.
    #[serde(default)]
    meaning: String,
    /// Of its numbers.
    #[serde(default)]
    unit: String,
    /// Other words for it.
    #[serde(default)]
    synonyms: Vec<String>,
}

/// A note as it is kept.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Annotated {
    sheet: String,
    /// Empty for the sheet itself.
    column: String,
    meaning: String,
    unit: String,
    synonyms: Vec<String>,
}

impl From<Note> for Annotated {
    fn from(note: Note) -> Annotated {
        let Note { sheet, column, meaning, unit, synonyms } = note;
        Annotated { sheet: sheet.to_string(), column, meaning, unit, synonyms }
    }
}

impl Reply for Annotated {}

impl Tool for AnnotateSheet {
    type Args = Args;
    type Reply = Annotated;

    const NAME: &'static str = "annotate_sheet";
    const TITLE: &'static str = "Say what a sheet means";
    const ABOUT: &'static str = "Notes what a sheet or column means, for `describe_sheet` and `ask`; without words takes \
        its note away.";
    const EFFECT: Effect = Effect::Writes;

    async fn run(call: &Call<'_>, args: Args) -> Result<Annotated, Fault> {
        let Args { sheet, column, meaning, unit, synonyms } = args;
        let sheet = SheetName::try_from(sheet)?;
        Ok(call.workspace.annotate(Note { sheet, column, meaning, unit, synonyms }).await?.into())
    }
}
