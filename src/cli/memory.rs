//! `quire memory`: what `ask` remembers, to look at and to correct.

use serde_json::json;

use super::{config::Settings, terminal::print_json};
use crate::{catalog::Note, fault::Fault, name::SheetName};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print answers and notes as JSON (what `quire memory` does by itself)
    List {
        /// Only the answers that are verified
        #[arg(long)]
        verified: bool,
        /// Answers to print, newest first
        #[arg(long, default_value = "50", value_name = "N")]
        limit: u32,
    },
    /// Mark an answer as right: later questions are given it as an example
    Verify {
        /// The answer's id
        answer: String,
    },
    /// Take that mark away
    Unverify {
        /// The answer's id
        answer: String,
    },
    /// Forget an answer
    Forget {
        /// The answer's id
        answer: String,
    },
    /// Say what a sheet or a column means; without any words the note is taken away
    Note {
        sheet: String,
        /// A column; the sheet itself where there is none
        column: Option<String>,
        /// What it holds
        #[arg(long, default_value = "", hide_default_value = true)]
        meaning: String,
        /// What its numbers are counted in
        #[arg(long, default_value = "", hide_default_value = true)]
        unit: String,
        /// Another word for it; repeatable
        #[arg(long, value_name = "WORD")]
        synonym: Vec<String>,
    },
}

pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let house = settings.house()?;
    let workspace = house.local()?;
    match args.command.unwrap_or(Command::List { verified: false, limit: 50 }) {
        Command::List { verified, limit } => {
            let (answers, notes) = (workspace.answers(verified, limit).await?, workspace.notes().await?);
            print_json(&json!({"answers": answers, "notes": notes}))
        }
        Command::Verify { answer } => workspace.verify_answer(&answer, true).await,
        Command::Unverify { answer } => workspace.verify_answer(&answer, false).await,
        Command::Forget { answer } => workspace.delete_answer(&answer).await,
        Command::Note { sheet, column, meaning, unit, synonym } => {
            let (sheet, column) = (SheetName::try_from(sheet)?, column.unwrap_or_default());
            let note = Note { sheet, column, meaning, unit, synonyms: synonym };
            print_json(&workspace.annotate(note).await?)
        }
    }
}
