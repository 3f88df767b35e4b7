//! `quire inspect`: how an import would read a file.

use std::path::PathBuf;

use super::{
    config::Settings,
    terminal::{Bar, context, print_json, print_line},
};
use crate::{fault::Fault, ingest::Options, ingest::receipt::Receipt};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to read
    file: PathBuf,
}

pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let house = settings.house_for(std::slice::from_ref(&args.file))?;
    let bar = Bar::default();
    let progress = |share: f64, words: &str| bar.show(share, words);
    let receipt = house.local()?.inspect(&args.file, Options::default(), &context(&progress)).await;
    bar.clear();
    let receipt = receipt?;
    if settings.json { print_json(&receipt) } else { print(&receipt) }
}

fn print(receipt: &Receipt) -> Result<(), Fault> {
    let parts = [Some(&receipt.format), receipt.encoding.as_ref(), receipt.delimiter.as_ref()];
    let parts: Vec<String> = parts.into_iter().flatten().map(|part| part.escape_debug().to_string()).collect();
    print_line(&parts.join(", "))?;
    for sheet in &receipt.sheets {
        print_line(&format!(
            "{}: {} rows, header rows {:?}, data rows {} to {}",
            sheet.title, sheet.n_rows, sheet.header_rows, sheet.first_data_row, sheet.last_data_row
        ))?;
        for column in &sheet.columns {
            print_line(&format!("  {} {}", column.name, column.type_name))?;
        }
        for decision in &sheet.decisions {
            let alternatives = match decision.alternatives.as_slice() {
                [] => String::new(),
                others => format!("; or {}", others.join(", or ")),
            };
            print_line(&format!(
                "  = {}: {} ({}%: {}{alternatives})",
                decision.about, decision.decided, decision.confidence, decision.because
            ))?;
        }
        for note in &sheet.column_notes {
            print_line(&format!("  # {}: {}", note.column, note.note))?;
        }
        for note in &sheet.notes {
            print_line(&format!("  # {note}"))?;
        }
        for issue in &sheet.issues {
            print_line(&format!("  ! {} {}", issue.message, issue.examples.join("; ")))?;
        }
    }
    receipt.issues.iter().try_for_each(|issue| print_line(&format!("! {}", issue.message)))
}
