//! HTTP with server-sent events, as it was in 2024-11-05: one stream of events out, messages in by POST.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{SinkExt, Stream, StreamExt, channel::mpsc, stream::BoxStream};
use http::request::Parts;
use rmcp::{
    RoleServer,
    model::JsonRpcMessage,
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

use super::{
    refusals::no_message,
    remote::{RemoteLimits, not_found},
};
use crate::{
    context::Stopping,
    fault::{Code, Fault},
};

pub(super) type Inbox = BoxStream<'static, RxJsonRpcMessage<RoleServer>>;
pub(super) type Outbox = mpsc::Sender<TxJsonRpcMessage<RoleServer>>;

/// Messages on their way to a stream's handler, and from it.
const CAPACITY: usize = 64;

/// All users' streams.
pub(super) struct Streams {
    limits: RemoteLimits,
    open: Mutex<HashMap<String, Open>>,
}

struct Open {
    owner: String,
    messages: mpsc::Sender<RxJsonRpcMessage<RoleServer>>,
    n_unanswered: Arc<AtomicUsize>,
}

impl Streams {
    pub(super) fn new(limits: &RemoteLimits) -> Streams {
        Streams { limits: limits.clone(), open: Mutex::default() }
    }

    /// A new stream, what its handler speaks through, and what tells the handler that the client has gone.
    pub(super) fn open(
        self: &Arc<Streams>,
        owner: &str,
        stopping: Stopping,
        endpoint: impl FnOnce(&str) -> String,
    ) -> Result<(Events, (Outbox, Inbox), CancellationToken), Fault> {
        let mut open = self.lock();
        let n_own = open.values().filter(|stream| stream.owner == owner).count();
        if n_own >= self.limits.n_per_user {
            return Err(Fault::new(Code::QuotaExceeded, format!("{n_own} of your MCP streams are open"))
                .hint("close some of them"));
        }
        if open.len() >= self.limits.n_in_all {
            return Err(
                Fault::new(Code::Busy, format!("{} MCP streams are open", open.len())).hint("try again in 10 s")
            );
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        let (messages, inbox) = mpsc::channel(CAPACITY);
        let (outbox, answers) = mpsc::channel(CAPACITY);
        let n_unanswered = Arc::new(AtomicUsize::new(0));
        open.insert(id.clone(), Open { owner: owner.to_owned(), messages, n_unanswered: Arc::clone(&n_unanswered) });
        drop(open);
        let gone = stopping.ended.child_token();
        let events = Events {
            first: Some(endpoint(&id)),
            answers,
            n_unanswered,
            begun: Box::pin(stopping.begun.cancelled_owned()),
            _open: Entry { streams: Arc::clone(self), id },
            _gone: gone.clone().drop_guard(),
        };
        Ok((events, (outbox, until_idle(inbox, self.limits.idle_for)), gone))
    }

    pub(super) async fn post(&self, id: &str, owner: &str, parts: Parts, body: &[u8]) -> Result<(), Fault> {
        let found = {
            let open = self.lock();
            let stream = open.get(id).filter(|stream| stream.owner == owner);
            stream.map(|stream| (stream.messages.clone(), Arc::clone(&stream.n_unanswered)))
        };
        let (mut messages, n_unanswered) = found.ok_or_else(|| not_found("stream", id))?;
        let mut message: RxJsonRpcMessage<RoleServer> =
            serde_json::from_slice(body).map_err(|error| no_message(&error.to_string()))?;
        if matches!(message, JsonRpcMessage::Request(_)) {
            n_unanswered.fetch_add(1, Ordering::SeqCst);
        }
        message.insert_extension(parts);
        messages.send(message).await.map_err(|_| not_found("stream", id))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when nothing has come for so long.
fn until_idle(inbox: mpsc::Receiver<RxJsonRpcMessage<RoleServer>>, idle_for: Duration) -> Inbox {
    let next = move |mut inbox: mpsc::Receiver<_>| async move {
        let message = timeout(idle_for, inbox.next()).await.ok().flatten()?;
        Some((message, inbox))
    };
    futures::stream::unfold(inbox, next).boxed()
}

/// A stream's events, each its name and its text; the client is gone when it is dropped.
pub struct Events {
    first: Option<String>,
    answers: mpsc::Receiver<TxJsonRpcMessage<RoleServer>>,
    n_unanswered: Arc<AtomicUsize>,
    begun: Pin<Box<WaitForCancellationFutureOwned>>,
    _open: Entry,
    _gone: DropGuard,
}

impl Stream for Events {
    type Item = (&'static str, String);

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(endpoint) = self.first.take() {
            return Poll::Ready(Some(("endpoint", endpoint)));
        }
        match self.answers.poll_next_unpin(context) {
            Poll::Ready(Some(message)) => {
                if matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) {
                    let one_less = |n: usize| Some(n.saturating_sub(1));
                    let _ = self.n_unanswered.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
                }
                // Whatever rmcp has made can be written as JSON.
                Poll::Ready(serde_json::to_string(&message).ok().map(|text| ("message", text)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            // Once the server is about to end, only for those who wait for an answer.
            Poll::Pending if self.n_unanswered.load(Ordering::SeqCst) == 0 => {
                self.begun.as_mut().poll(context).map(|()| None)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// A stream's place among the open ones.
struct Entry {
    streams: Arc<Streams>,
    id: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.streams.lock().remove(&self.id);
    }
}
