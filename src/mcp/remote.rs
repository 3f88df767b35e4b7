//! MCP over HTTP, for a surface that has told who asks: Streamable HTTP in both eras of the protocol, and HTTP with
//! server-sent events as it was in 2024-11-05. Knows requests and answers, not routes.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use rmcp::{
    ServerHandler, ServiceExt,
    model::ProtocolVersion,
    transport::{
        StreamableHttpServerConfig, StreamableHttpService,
        common::http_header::{HEADER_MCP_PROTOCOL_VERSION, HEADER_SESSION_ID},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    handler::{Handler, Whose},
    legacy::{Events, Inbox, Outbox, Streams},
    refusals,
    sessions::{Own, Sessions},
};
use crate::{
    context::Stopping,
    fault::{Code, Fault},
    tool::Registry,
    workspace::Workspace,
};

/// A request's body, as it comes in.
pub type Incoming = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
/// An answer's body: JSON, or a stream of events.
pub type Outgoing = BoxBody<Bytes, std::convert::Infallible>;

/// What remote agents may hold open.
#[derive(Debug, Clone)]
pub struct RemoteLimits {
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Sessions, and beside them event streams of older hosts: of one user, and of all.
    pub n_per_user: usize,
    pub n_in_all: usize,
    /// How long one is kept that nothing comes from.
    pub idle_for: Duration,
    /// How long a call goes on whose caller is no longer connected: it may connect again and ask for what it missed.
    pub resumable_for: Duration,
}

/// Who sent a request, as the surface has found out.
#[derive(Clone)]
pub struct Sender {
    pub workspace: Workspace,
    /// Names the request in the log, where its fault is no stranger's to read.
    pub request_id: String,
}

/// The MCP server for remote agents.
pub struct Remote {
    server: Box<dyn Serve>,
    limits: RemoteLimits,
    stopping: Stopping,
    sessions: Arc<Sessions>,
    streams: Arc<Streams>,
}

impl Remote {
    /// One that offers the tools of the registry.
    pub fn new(registry: Arc<Registry>, limits: RemoteLimits, stopping: Stopping) -> Remote {
        let handler = Remote::handler(registry);
        Remote::with(move || handler.clone(), limits, stopping)
    }

    /// What answers the requests of `new`, for one that wraps it.
    pub fn handler(registry: Arc<Registry>) -> Handler {
        Handler { registry, whose: Whose::Senders }
    }

    /// One with handlers of the caller's own.
    pub fn with<H: ServerHandler>(
        make: impl Fn() -> H + Send + Sync + 'static,
        limits: RemoteLimits,
        stopping: Stopping,
    ) -> Remote {
        Remote {
            server: Box::new(Maker(Arc::new(make))),
            sessions: Arc::new(Sessions::new(&limits)),
            streams: Arc::new(Streams::new(&limits)),
            limits,
            stopping,
        }
    }

    /// Streamable HTTP. The surface has checked the request's `Host` and `Origin`, and whose token it bears.
    ///
    /// Fails with `not_found` for a session of another user's, as for one that there is not; with `quota_exceeded` and
    /// `busy` where there are too many; and with what is wrong with a request that holds no message.
    pub async fn answer(&self, sender: Sender, mut request: Request<Incoming>) -> Result<Response<Outgoing>, Fault> {
        let own = Arc::new(Own { sessions: Arc::clone(&self.sessions), owner: sender.workspace.key().to_owned() });
        match header(&request, HEADER_SESSION_ID) {
            Some(id) => own.touch(id)?,
            None if may_open_session(&request) => own.make_room()?,
            None => {}
        }
        request.extensions_mut().insert(sender);
        // A stream for whatever the server may say belongs to no call: it ends as soon as the server begins to.
        let until = if request.method() == Method::GET { &self.stopping.begun } else { &self.stopping.ended };
        let config = StreamableHttpServerConfig::default()
            .with_json_response(true)
            .with_max_request_body_bytes(self.limits.message_bytes)
            .with_cancellation_token(until.clone())
            .disable_allowed_hosts()
            .disable_allowed_origins();
        let ends_session = *request.method() == Method::DELETE;
        let mut answer = self.server.answer(own, config, request).await;
        if ends_session && answer.status() == StatusCode::ACCEPTED {
            // The session has ended by now, and the Python SDK takes rmcp's 202 for a failure.
            *answer.status_mut() = StatusCode::NO_CONTENT;
        }
        refusals::told(answer).await
    }

    /// Opens an older host's stream of events; `endpoint` makes the address that its messages go to of the stream's id.
    pub fn open(&self, workspace: &Workspace, endpoint: impl FnOnce(&str) -> String) -> Result<Events, Fault> {
        let (events, transport, gone) = self.streams.open(workspace.key(), self.stopping.clone(), endpoint)?;
        tokio::spawn(self.server.serve(transport, gone));
        Ok(events)
    }

    /// Takes a message to the stream with this id. The answer goes out on the stream.
    ///
    /// Fails with `not_found` for a stream of another user's, as for one that there is not, and with
    /// `invalid_arguments` for what is no message.
    pub async fn post(&self, sender: Sender, id: &str, mut parts: Parts, body: &[u8]) -> Result<(), Fault> {
        let owner = sender.workspace.key().to_owned();
        parts.extensions.insert(sender);
        self.streams.post(id, &owner, parts, body).await
    }
}

/// A handler's type, forgotten.
trait Serve: Send + Sync {
    fn answer(
        &self,
        own: Arc<Own>,
        config: StreamableHttpServerConfig,
        request: Request<Incoming>,
    ) -> BoxFuture<'static, Response<Outgoing>>;

    fn serve(&self, transport: (Outbox, Inbox), gone: CancellationToken) -> BoxFuture<'static, ()>;
}

struct Maker<H>(Arc<dyn Fn() -> H + Send + Sync>);

impl<H: ServerHandler> Serve for Maker<H> {
    fn answer(
        &self,
        own: Arc<Own>,
        config: StreamableHttpServerConfig,
        request: Request<Incoming>,
    ) -> BoxFuture<'static, Response<Outgoing>> {
        let make = Arc::clone(&self.0);
        // rmcp's service has no sessions of its own, so one for each request is one for each user.
        let service = StreamableHttpService::new(move || Ok(make()), own, config);
        Box::pin(async move { service.handle(request).await })
    }

    fn serve(&self, transport: (Outbox, Inbox), gone: CancellationToken) -> BoxFuture<'static, ()> {
        let handler = (self.0)();
        Box::pin(async move {
            // One that leaves before it has said hello is no one's fault.
            if let Ok(running) = handler.serve_with_ct(transport, gone).await {
                let _ = running.waiting().await;
            }
        })
    }
}

/// Whether the request, which is of no session, may open one: the handshake is that of the older versions.
fn may_open_session(request: &Request<Incoming>) -> bool {
    let version = header(request, HEADER_MCP_PROTOCOL_VERSION);
    request.method() == Method::POST && version.is_none_or(|it| it < ProtocolVersion::V_2026_07_28.as_str())
}

fn header<'a>(request: &'a Request<Incoming>, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// There is none for this user.
pub(super) fn not_found(what: &str, id: &str) -> Fault {
    Fault::new(Code::NotFound, format!("no {what} has the id `{id}`")).hint(format!("open a new {what}"))
}
