//! Questions in plain words, answered as JSON or followed as events; and what is remembered for later ones.

use std::{convert::Infallible, sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    App,
    extract::{JsonBody, Named, Params, page_size},
    problem::Problem,
    visitor::Visitor,
};
use crate::{
    ask::{self, Asking},
    catalog,
    context::Context,
    fault::Fault,
    name::SheetName,
    workspace::Workspace,
};

/// Bytes of a question, or of a note.
const MAX_BODY: usize = 64 << 10;
/// Events that wait for one who reads slowly.
const MAX_WAITING: usize = 1_024;
/// Bytes of an answer as JSON.
const MAX_ANSWER: usize = 100_000;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(answers))
        .routes(routes!(verify, forget))
        .routes(routes!(notes, annotate))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// In plain words
    #[schema(example = "Which region sold most?")]
    question: String,
}

/// Ask in plain words
///
/// With `accept: text/event-stream` the way there comes as server-sent events: `turn`, `text`, `call` and `called`, and at
/// the end `answer` or `problem`.
#[utoipa::path(
    post, path = "/v1/ask", tag = "ask", request_body = Question,
    responses((status = 200, description = "What `ask` replies, or events", content(
        (Value = "application/json"), (String = "text/event-stream"),
    )))
)]
async fn ask(
    State(app): State<Arc<App>>,
    visitor: Visitor,
    headers: HeaderMap,
    JsonBody(asked): JsonBody<Question>,
) -> Result<Response, Problem> {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accepted.contains("text/event-stream") {
        let answer = app.answer(&visitor.workspace, &asked.question, &|_| ()).await?;
        return Ok(Json(answer).into_response());
    }
    Asking::of(&app.registry)?;
    let (sender, events) = mpsc::channel(MAX_WAITING);
    let stopped = CancellationToken::new();
    let ends = stopped.clone().drop_guard();
    tokio::spawn(async move {
        let told = |event: ask::Event<'_>| {
            // One who reads too slowly misses some of the way, and the answer never; one who has gone misses nothing.
            let _ = sender.try_send(shown(event));
        };
        let answering = app.answer(&visitor.workspace, &asked.question, &told);
        let outcome = tokio::select! {
            outcome = answering => outcome,
            // Dropping the work cancels it.
            () = stopped.cancelled() => return,
        };
        let last = match outcome {
            Ok(answer) => Event::default().event("answer").json_data(answer),
            Err(fault) => Event::default().event("problem").json_data(fault),
        };
        let sending = sender.send(last.unwrap_or_default());
        tokio::select! {
            _ = sending => {}
            () = stopped.cancelled() => {}
        }
    });
    let events = stream::unfold((events, ends), |(mut events, ends)| async move {
        events.recv().await.map(|event| (Ok::<Event, Infallible>(event), (events, ends)))
    });
    Ok(Sse::new(events.boxed()).keep_alive(KeepAlive::default()).into_response())
}

/// An event of the work as one of the stream.
fn shown(event: ask::Event<'_>) -> Event {
    let (name, told) = match event {
        ask::Event::Turn { n, of } => ("turn", json!({"n": n, "of": of})),
        ask::Event::Text(text) => ("text", json!({"text": text})),
        ask::Event::Call { n, tool, arguments, .. } => {
            ("call", json!({"turn": n, "tool": tool, "arguments": arguments}))
        }
        ask::Event::Called(step) => ("called", json!(step)),
    };
    Event::default().event(name).json_data(told).unwrap_or_default()
}

impl App {
    async fn answer(&self, workspace: &Workspace, question: &str, told: ask::Listener<'_>) -> Result<Value, Fault> {
        let asking = Asking::of(&self.registry)?;
        let cancel = self.stopping.ended.child_token();
        let _ends = cancel.clone().drop_guard();
        let context = Context { cancel, progress: &|_, _| () };
        let started = Instant::now();
        let outcome = asking.ask(&self.registry, workspace, question, told, &context).await;
        let code = outcome.as_ref().map_or_else(|fault| fault.code.name(), |_| "ok");
        workspace.record("ask", None, code, None, started.elapsed()).await;
        let mut answer = outcome.map_err(|fault| self.told(fault))?;
        answer.fit(MAX_ANSWER);
        serde_json::to_value(answer).map_err(Fault::internal)
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// `true`: only those that are verified
    #[serde(default)]
    verified: bool,
    /// Answers to return, newest first; 50 if absent
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u64>,
}

/// Answers that are kept
#[utoipa::path(
    get, path = "/v1/answers", tag = "ask", params(Listed),
    responses((status = 200, description = "Answers, newest first", body = Value))
)]
async fn answers(visitor: Visitor, Params(wanted): Params<Listed>) -> Result<Json<Value>, Problem> {
    let limit = u32::try_from(page_size("limit", wanted.limit, 500, 50)?).unwrap_or(500);
    Ok(Json(json!({"answers": visitor.workspace.answers(wanted.verified, limit).await?})))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Verdict {
    /// `true`: right, and an example for later questions
    #[schema(example = true)]
    verified: bool,
}

/// Mark an answer as right, or take the mark away
#[utoipa::path(
    put, path = "/v1/answers/{id}", tag = "ask", request_body = Verdict,
    params(("id" = String, Path, description = "The answer's id")),
    responses((status = 204, description = "Done"))
)]
async fn verify(
    visitor: Visitor,
    Named(id): Named,
    JsonBody(verdict): JsonBody<Verdict>,
) -> Result<StatusCode, Problem> {
    visitor.workspace.verify_answer(&id, verdict.verified).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forget an answer
#[utoipa::path(
    delete, path = "/v1/answers/{id}", tag = "ask",
    params(("id" = String, Path, description = "The answer's id")),
    responses((status = 204, description = "Done"))
)]
async fn forget(visitor: Visitor, Named(id): Named) -> Result<StatusCode, Problem> {
    visitor.workspace.delete_answer(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a sheet or a column means. One without any words takes the note away.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Note {
    /// A sheet's name
    #[schema(example = "sales")]
    sheet: String,
    /// A column; empty for the sheet itself
    #[serde(default)]
    #[schema(example = "amount")]
    column: String,
    /// What it holds
    #[serde(default)]
    #[schema(example = "net of tax")]
    meaning: String,
    /// What its numbers are counted in
    #[serde(default)]
    #[schema(example = "EUR")]
    unit: String,
    /// Other words for it
    #[serde(default)]
    synonyms: Vec<String>,
}

/// Notes on sheets and columns
#[utoipa::path(
    get, path = "/v1/notes", tag = "ask",
    responses((status = 200, description = "Notes, by sheet and column", body = Value))
)]
async fn notes(visitor: Visitor) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({"notes": visitor.workspace.notes().await?})))
}

/// Say what a sheet or a column means
#[utoipa::path(
    put, path = "/v1/notes", tag = "ask", request_body = Note,
    responses((status = 200, description = "The note, with names as they are stored", body = Note))
)]
async fn annotate(visitor: Visitor, JsonBody(note): JsonBody<Note>) -> Result<Json<Note>, Problem> {
    let note = catalog::Note {
        sheet: SheetName::try_from(note.sheet)?,
        column: note.column,
        meaning: note.meaning,
        unit: note.unit,
        synonyms: note.synonyms,
    };
    let catalog::Note { sheet, column, meaning, unit, synonyms } = visitor.workspace.annotate(note).await?;
    Ok(Json(Note { sheet: sheet.into(), column, meaning, unit, synonyms }))
}
