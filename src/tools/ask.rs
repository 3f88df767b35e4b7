//! `ask`: a question in plain words, answered by the configured model over the read tools.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    ask::{Answer, Asking, Event},
    fault::Fault,
    tool::{Call, Effect, Tool, reply::Reply},
};

pub(super) struct Ask;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// In plain words.
    question: String,
}

impl Reply for Answer {
    fn n_rows(&self) -> Option<u64> {
        self.table.as_ref().map(|table| table.n_rows)
    }
}

impl Tool for Ask {
    type Args = Args;
    type Reply = Answer;

    const NAME: &'static str = "ask";
    const TITLE: &'static str = "Ask in plain words";
    const ABOUT: &'static str = "Has the language model that Quire is configured with answer: text, SQL, rows, caveats. You can do the same with `query`.";
    const EFFECT: Effect = Effect::Reads;

    async fn run(call: &Call<'_>, args: Args) -> Result<Answer, Fault> {
        let asking = Asking::of(call.registry)?;
        let progress = |event: Event<'_>| {
            if let Some((share, words)) = progress(event) {
                (call.context.progress)(share, &words);
            }
        };
        let mut answer = asking.ask(call.registry, call.workspace, &args.question, &progress, &call.context).await?;
        answer.fit(call.max_bytes);
        Ok(answer)
    }
}

/// How far an event says that the question is, and in what words; pieces of text say nothing of that.
fn progress(event: Event<'_>) -> Option<(f64, String)> {
    match event {
        Event::Turn { n, of } => {
            Some((f64::from(n.saturating_sub(1)) / f64::from(of), format!("step {n} of at most {of}")))
        }
        Event::Call { n, of, tool, .. } => Some(((f64::from(n) - 0.5) / f64::from(of), format!("step {n}: {tool}"))),
        Event::Text(_) | Event::Called(_) => None,
    }
}
