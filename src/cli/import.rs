//! `quire import`: files into sheets.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    config::Settings,
    terminal::{Bar, ctrl_c, print_fault, print_json, print_line, sweep},
};
use crate::{
    context::Context,
    fault::{Code, Fault},
    tools,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files to import
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The files one after another; the first fault, if any, is the command's, after all have been tried. Ctrl-C ends it.
pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let house = settings.house_for(&args.files)?;
    let workspace = house.local()?;
    let registry = tools::registry();
    let bar = Bar::default();
    let cancel = ctrl_c();
    let mut first_fault = None;
    for file in &args.files {
        let shown = file.display().to_string();
        let progress = |share: f64, _: &str| bar.show(share, &shown);
        let context = Context { cancel: cancel.clone(), progress: &progress };
        let outcome = registry.call(&workspace, "import_file", json!({"path": file}), context).await;
        bar.clear();
        match outcome {
            Ok(reply) if settings.json => print_json(&reply)?,
            Ok(reply) => print_sheets(&shown, &reply)?,
            // A terminal sends Ctrl-C to the worker as well, whose end may come first.
            Err(_) if cancel.is_cancelled() => {
                return Err(Fault::new(Code::Cancelled, format!("cancelled: `{shown}` was not imported")));
            }
            Err(fault) => {
                tracing::error!(file = shown, code = fault.code.name(), "not imported");
                if first_fault.is_some() {
                    // The first one is told of at the end.
                    print_fault(&shown, &fault);
                }
                first_fault.get_or_insert(fault);
            }
        }
        if cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, format!("cancelled after `{shown}`")));
        }
    }
    sweep(&house).await;
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
