//! `quire convert`: a file's table in another format, to standard output.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::ValueEnum;

use super::{
    config::Settings,
    terminal::{Bar, context},
};
use crate::{
    export,
    fault::{Code, Fault},
    ingest::Options,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file to read
    file: PathBuf,
    /// The format to write
    #[arg(long, value_enum)]
    to: Format,
    /// Every row of the file's main table, cells as the text they were
    #[arg(long)]
    raw: bool,
    /// Of a workbook: this worksheet [default: all to xlsx, else the one with the most rows]
    #[arg(long)]
    sheet: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Csv,
    Json,
    Parquet,
    Xlsx,
}

pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let house = settings.house_for(std::slice::from_ref(&args.file))?;
    let format = match args.to {
        Format::Csv => export::Format::Csv,
        Format::Json => export::Format::Json,
        Format::Parquet => export::Format::Parquet,
        Format::Xlsx => export::Format::Xlsx,
    };
    if !format.is_text() && io::stdout().is_terminal() {
        return Err(Fault::new(
            Code::InvalidArguments,
            format!("a file of {} is no text for a terminal", format.name()),
        )
        .hint("send it to a file, such as `> out.xlsx`"));
    }
    let options = Options { sheet: args.sheet, ..Options::default() };
    let bar = Bar::default();
    let progress = |share: f64, words: &str| bar.show(share, words);
    let converted = house.local()?.convert(&args.file, options, format, args.raw, &context(&progress)).await;
    bar.clear();
    let converted = converted?;
    for note in converted.notes() {
        tracing::warn!("{note}");
    }
    let mut file = std::fs::File::open(converted.path()).map_err(Fault::internal)?;
    match io::copy(&mut file, &mut io::stdout().lock()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Fault::internal(error)),
        _ => Ok(()),
    }
}
