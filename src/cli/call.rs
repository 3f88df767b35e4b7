//! `quire call`: one tool, from a script.

use std::io::Read;

use serde_json::Value;

use super::{
    config::Settings,
    terminal::{Bar, context, print_json, sweep},
};
use crate::{
    fault::{Code, Fault},
    tools,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A tool's name, as `quire tools` lists it
    tool: String,
    /// Its arguments: JSON, `@FILE`, or `-` for standard input
    #[arg(default_value = "{}", value_name = "JSON | @FILE | -")]
    arguments: String,
}

pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let arguments = read(&args.arguments)?;
    let registry = settings.equipped(tools::registry())?;
    let house = settings.house()?;
    let workspace = house.local()?;
    let bar = Bar::default();
    let progress = |share: f64, words: &str| bar.show(share, words);
    let outcome = registry.call(&workspace, &args.tool, arguments, context(&progress)).await;
    bar.clear();
    house.write_log().await;
    if args.tool == "import_file" {
        sweep(&house).await;
    }
    print_json(&outcome?)
}

fn read(arguments: &str) -> Result<Value, Fault> {
    let unreadable = |what: &str, error: &dyn std::fmt::Display| {
        Fault::new(Code::InvalidArguments, format!("the arguments can't be read from {what}: {error}"))
    };
    let text = match (arguments, arguments.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(|error| unreadable("standard input", &error))?;
            text
        }
        (_, Some(file)) => std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?,
        _ => arguments.to_owned(),
    };
    serde_json::from_str(&text).map_err(|error| {
        Fault::new(Code::InvalidArguments, format!("the arguments are not JSON: {error}"))
            .hint("such as '{\"sheet\": \"sales\"}', quoted for your shell; or `@FILE`, or `-`")
    })
}
