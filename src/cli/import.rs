//! `quire import`: files into sheets.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    config::Settings,
    terminal::{Bar, context, print_json, print_line},
};
use crate::{fault::Fault, tools};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files to import
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The files one after another; the first fault, if any, is the command's, after all have been tried.
pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let house = settings.house_for(&args.files)?;
    let workspace = house.local()?;
    let registry = tools::registry();
    let bar = Bar::default();
    let mut first_fault = None;
    for file in &args.files {
        let shown = file.display().to_string();
        let progress = |share: f64, _: &str| bar.show(share, &shown);
        let outcome = registry.call(&workspace, "import_file", json!({"path": file}), context(&progress)).await;
        bar.clear();
        match outcome {
            Ok(reply) if settings.json => print_json(&reply)?,
            Ok(reply) => print_sheets(&shown, &reply)?,
            Err(fault) => {
                tracing::error!(file = shown, %fault, hint = fault.hint, "not imported");
                first_fault.get_or_insert(fault);
            }
        }
    }
    first_fault.map_or(Ok(()), Err)
}

fn print_sheets(file: &str, reply: &Value) -> Result<(), Fault> {
    for sheet in reply.get("sheets").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| sheet.get(key).and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| sheet.get(key).and_then(Value::as_u64).unwrap_or_default();
        print_line(&format!(
            "{file} -> {} ({}, {} rows, {} columns)",
            text("name"),
            text("state"),
            number("n_rows"),
            number("n_columns")
        ))?;
        for issue in sheet.get("issues").and_then(Value::as_array).into_iter().flatten() {
            let message = issue.get("message").and_then(Value::as_str).unwrap_or_default();
            print_line(&format!("  {message}"))?;
        }
    }
    Ok(())
}
