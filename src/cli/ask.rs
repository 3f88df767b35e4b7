//! `quire ask`: a question in plain words. Steps stream to standard error, the answer goes to standard output.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    config::Settings,
    terminal::{ctrl_c, print_json, print_line},
};
use crate::{
    ask::{Answer, Asking, Event, Status, Table},
    context::Context,
    fault::{Code, Fault},
    ingest::Options,
    llm::{
        plain::plain,
        transcript::{Recorder, Replay, Transcript},
    },
    tools,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The question; with `--replay` that of the transcript
    #[arg(required_unless_present = "replay")]
    question: Option<String>,
    /// Write all that is said between Quire and the model to a file
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    transcript: Option<PathBuf>,
    /// Take the model's part from a transcript instead of a model
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    /// Print the whole answer as JSON: the rows, steps and tokens too
    #[arg(long)]
    full: bool,
}

pub(super) async fn run(settings: Settings, args: Args) -> Result<(), Fault> {
    let registry = tools::registry();
    let replay = args.replay.as_deref().map(read).transpose()?;
    let question = args.question.or_else(|| replay.as_ref().map(|it| it.question.clone())).unwrap_or_default();
    let mut recorder = None;
    let mut replaying = None;
    let asking = match replay {
        Some(transcript) => {
            let model = Arc::new(Replay::new(transcript)?);
            replaying = Some(Arc::clone(&model));
            Asking { uses_cache: false, ..settings.model.with_model(model) }
        }
        None => match (settings.model.asking()?, &args.transcript) {
            (None, _) => return Asking::of(&registry).map(|_| ()),
            (Some(asking), None) => asking,
            (Some(asking), Some(_)) => {
                let model = Arc::new(Recorder::new(Arc::clone(&asking.model)));
                recorder = Some(Arc::clone(&model));
                // A remembered answer would leave nothing to write down.
                Asking { model, uses_cache: false, ..asking }
            }
        },
    };
    let house = settings.house()?;
    let workspace = house.local()?;
    let context = Context { cancel: ctrl_c(), progress: &|_, _| () };
    for path in &settings.open {
        workspace.import_path(&path.to_string_lossy(), Options::default(), &context).await?;
    }
    let teller = Teller::default();
    let outcome = asking.ask(&registry, &workspace, &question, &|event| teller.show(event), &context).await;
    house.write_log().await;
    // What was said up to a failure is worth having too.
    if let (Some(recorder), Some(file)) = (recorder, &args.transcript) {
        write(file, &recorder.transcript(&question))?;
    }
    let mut answer = outcome?;
    let n_other = replaying.map(|it| it.n_other()).unwrap_or_default();
    if n_other > 0 {
        answer.caveats.push(format!(
            "{n_other} turns were asked otherwise than in the transcript: the sheets or Quire have changed"
        ));
    }
    if args.full || settings.json { print_json(&answer) } else { print(&answer) }
}

/// Tells what happens on standard error: a line for each thing. What the model says waits for the call that follows it, since
/// what no call follows is an answer, which is printed once, on standard output.
#[derive(Default)]
struct Teller {
    said: Mutex<String>,
}

impl Teller {
    fn show(&self, event: Event<'_>) {
        let said = {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Event::Text(text) => return said.push_str(text),
                Event::Turn { .. } => return,
                Event::Call { .. } | Event::Called(_) => std::mem::take(&mut *said),
            }
        };
        let mut err = std::io::stderr().lock();
        // A standard error that is closed is no reason to stop.
        let _ = match event {
            Event::Turn { .. } | Event::Text(_) => Ok(()),
            Event::Call { tool, .. } => writeln!(err, "{said}> {tool}"),
            Event::Called(step) => {
                let call = step.call.split_whitespace().collect::<Vec<_>>().join(" ");
                let call: String = call.chars().take(400).collect();
                writeln!(err, "  {call}  [{}, {} ms]", step.outcome, step.milliseconds)
            }
        };
        let _ = err.flush();
    }
}

fn print(answer: &Answer) -> Result<(), Fault> {
    let mut out = String::new();
    if answer.status == Status::Clarify {
        out.push_str(&answer.question);
        answer.options.iter().for_each(|option| out.extend(["\n- ", option]));
        return print_line(&plain(&out));
    }
    out.push_str(&answer.answer);
    if let Some(table) = answer.table.as_ref().filter(|table| table.n_rows > 0) {
        out.extend(["\n\n", &text(table)]);
    }
    if !answer.sql.is_empty() {
        out.extend(["\n\nSQL: ", &answer.sql]);
    }
    let versions = answer.sheets.iter().map(|sheet| format!("{} v{}", sheet.name, sheet.version)).collect::<Vec<_>>();
    if !versions.is_empty() {
        out.extend(["\nSheets: ", &versions.join(", ")]);
    }
    answer.caveats.iter().for_each(|caveat| out.extend(["\nNote: ", caveat]));
    // Names of columns and sheets among it, which no one has cleaned.
    print_line(&plain(&out))?;
    let mut err = std::io::stderr().lock();
    let source = if answer.cached {
        "remembered".to_owned()
    } else {
        format!("{} + {} tokens", answer.tokens.prompt, answer.tokens.completion)
    };
    let cost = answer.cost.map(|cost| format!(", cost {cost:.4}")).unwrap_or_default();
    // The same as above.
    let _ = writeln!(err, "[{}, {source}{cost}, {} ms; answer {}]", answer.model, answer.milliseconds, answer.id);
    Ok(())
}

/// Rows that a person looks at.
const N_SHOWN: usize = 20;
/// Characters of a cell in a terminal.
const MAX_CELL: usize = 40;

/// The table as aligned text.
fn text(table: &Table) -> String {
    let max_cell = if std::io::stdout().is_terminal() { MAX_CELL } else { usize::MAX };
    let cell = |value: &serde_json::Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = plain(&text);
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max_cell).collect::<String>()
    };
    let head: Vec<String> = table.columns.iter().map(|column| cell(&column.name.as_str().into())).collect();
    let rows = table
        .rows
        .iter()
        .take(N_SHOWN)
        .filter_map(|row| serde_json::from_str::<Vec<serde_json::Value>>(row.get()).ok());
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows.map(|row| row.iter().map(cell).collect())).collect();
    let width = |col_idx: usize| {
        lines.iter().filter_map(|line| line.get(col_idx)).map(|it| it.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let padded = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = lines.iter().map(padded).collect::<Vec<_>>().join("\n");
    if table.truncated || table.rows.len() > N_SHOWN {
        text.push_str("\n…");
    }
    text
}

fn read(file: &Path) -> Result<Transcript, Fault> {
    let wrong = |error: String| {
        Fault::new(Code::InvalidArguments, format!("the transcript can't be read from `{}`: {error}", file.display()))
            .hint("give a file that `quire ask --transcript` wrote")
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}

fn write(file: &Path, transcript: &Transcript) -> Result<(), Fault> {
    let text = serde_json::to_string_pretty(transcript).map_err(Fault::internal)?;
    std::fs::write(file, text + "\n").map_err(|error| {
        Fault::new(Code::StorageFailed, format!("the transcript can't be written to `{}`: {error}", file.display()))
            .hint("give another `--transcript FILE`")
    })
}
