//! `quire tools`: what a model is told of the tools.

use clap::ValueEnum;

use super::terminal::print_json;
use crate::{fault::Fault, mcp, tool::openai, tools};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// As MCP's `tools/list` answers, or as an OpenAI `tools` array
    #[arg(long, value_enum, default_value_t = Format::Mcp)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Mcp,
    Openai,
}

pub(super) fn run(args: &Args) -> Result<(), Fault> {
    let registry = tools::registry();
    match args.format {
        Format::Mcp => print_json(&registry.contracts().map(mcp::announce::tool).collect::<Vec<_>>()),
        Format::Openai => print_json(&openai::array(&registry)),
    }
}
