//! Sessions of the protocol's older versions: whose each is, how many there may be, and when they and their calls end.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures::Stream;
use rmcp::{
    model::{
        CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage, ClientNotification, RequestId,
        ServerJsonRpcMessage,
    },
    transport::streamable_http_server::{
        SessionId, SessionManager,
        session::{
            ServerSseMessage,
            local::{LocalSessionHandle, LocalSessionManager, LocalSessionManagerError},
        },
    },
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::remote::{RemoteLimits, not_found};
use crate::fault::{Code, Fault};

type Error = LocalSessionManagerError;

/// All users' sessions.
pub(super) struct Sessions {
    local: LocalSessionManager,
    limits: RemoteLimits,
    open: Mutex<HashMap<SessionId, Session>>,
}

struct Session {
    owner: String,
    last_used: Instant,
    n_streams: usize,
    /// Calls under way, by the number of their stream.
    calls: HashMap<u64, Call>,
}

struct Call {
    id: RequestId,
    n_listeners: usize,
    /// Since when no one listens.
    alone_since: Option<Instant>,
}

impl Session {
    fn is_idle(&self) -> bool {
        self.n_streams == 0 && self.calls.is_empty()
    }
}

impl Sessions {
    pub(super) fn new(limits: &RemoteLimits) -> Sessions {
        let mut local = LocalSessionManager::default();
        // rmcp counts silence, also that of a session which waits for a long call.
        local.session_config.keep_alive = None;
        Sessions { local, limits: limits.clone(), open: Mutex::default() }
    }

    async fn handle(&self, id: &SessionId) -> Result<LocalSessionHandle, Error> {
        let handle = self.local.sessions.read().await.get(id).cloned();
        handle.ok_or_else(|| Error::SessionNotFound(Arc::clone(id)))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One user's sessions: no other's can be reached through it.
pub(super) struct Own {
    pub(super) sessions: Arc<Sessions>,
    pub(super) owner: String,
}

impl Own {
    /// Notes that the session is in use.
    pub(super) fn touch(&self, id: &str) -> Result<(), Fault> {
        let mut open = self.sessions.open();
        let session = open.get_mut(id).filter(|session| session.owner == self.owner);
        session.ok_or_else(|| not_found("session", id))?.last_used = Instant::now();
        Ok(())
    }

    /// Ends the sessions that have idled longest where there are as many as there may be.
    pub(super) fn make_room(&self) -> Result<(), Fault> {
        let mut open = self.sessions.open();
        let limits = &self.sessions.limits;
        let n_own = open.values().filter(|session| session.owner == self.owner).count();
        if n_own >= limits.n_per_user {
            let evicted = idlest(&open, |session| session.owner == self.owner).ok_or_else(|| {
                Fault::new(Code::QuotaExceeded, format!("{n_own} of your MCP sessions are in use"))
                    .hint("end some of them, or let their calls end")
            })?;
            self.evict(&mut open, evicted);
        }
        if open.len() >= limits.n_in_all {
            // Of whoever has most: a crowd of sessions costs others none.
            let mut n_of: HashMap<&str, usize> = HashMap::new();
            open.values().for_each(|session| *n_of.entry(&session.owner).or_default() += 1);
            let most = n_of.values().max();
            let of_most = idlest(&open, |session| n_of.get(session.owner.as_str()) == most);
            let evicted = of_most.or_else(|| idlest(&open, |_| true)).ok_or_else(|| {
                Fault::new(Code::Busy, format!("{} MCP sessions are in use", open.len())).hint("try again in 10 s")
            })?;
            self.evict(&mut open, evicted);
        }
        Ok(())
    }

    fn evict(&self, open: &mut HashMap<SessionId, Session>, id: SessionId) {
        open.remove(&id);
        let sessions = Arc::clone(&self.sessions);
        tokio::spawn(async move { sessions.local.close_session(&id).await });
    }

    fn owns(&self, id: &SessionId) -> bool {
        self.sessions.open().get(id).is_some_and(|session| session.owner == self.owner)
    }

    async fn handle(&self, id: &SessionId) -> Result<LocalSessionHandle, Error> {
        if self.owns(id) { self.sessions.handle(id).await } else { Err(Error::SessionNotFound(Arc::clone(id))) }
    }

    fn listening(&self, id: &SessionId, call: Option<u64>) -> Listening {
        let listening = Listening {
            messages: None,
            has_ended: false,
            sessions: Arc::clone(&self.sessions),
            session: Arc::clone(id),
            call,
        };
        if let Some(session) = self.sessions.open().get_mut(id) {
            session.n_streams += 1;
            if let Some(call) = call.and_then(|call| session.calls.get_mut(&call)) {
                call.n_listeners += 1;
                call.alone_since = None;
            }
        }
        listening
    }
}

fn idlest(open: &HashMap<SessionId, Session>, of: impl Fn(&Session) -> bool) -> Option<SessionId> {
    let idle = open.iter().filter(|(_, session)| session.is_idle() && of(session));
    idle.min_by_key(|(_, session)| session.last_used).map(|(id, _)| Arc::clone(id))
}

impl SessionManager for Own {
    type Error = Error;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Error> {
        let (id, transport) = self.sessions.local.create_session().await?;
        let session =
            Session { owner: self.owner.clone(), last_used: Instant::now(), n_streams: 0, calls: HashMap::new() };
        self.sessions.open().insert(Arc::clone(&id), session);
        tokio::spawn(end_when_idle(Arc::clone(&self.sessions), Arc::clone(&id)));
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Error> {
        self.sessions.local.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Error> {
        Ok(self.owns(id) && self.sessions.local.has_session(id).await?)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Error> {
        if self.owns(id) {
            self.sessions.open().remove(id);
            self.sessions.local.close_session(id).await?;
        }
        Ok(())
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        let handle = self.handle(id).await?;
        let channel = handle.establish_request_wise_channel().await?;
        if let (ClientJsonRpcMessage::Request(request), Some(number)) = (&message, channel.http_request_id)
            && let Some(session) = self.sessions.open().get_mut(id)
        {
            let call = Call { id: request.id.clone(), n_listeners: 0, alone_since: None };
            session.calls.insert(number, call);
        }
        let listening = self.listening(id, channel.http_request_id);
        handle.push_message(message, channel.http_request_id).await?;
        Ok(listening.to(channel.inner))
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Error> {
        Ok(self.handle(id).await?.push_message(message, None).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        let channel = self.handle(id).await?.establish_common_channel().await?;
        Ok(self.listening(id, None).to(channel.inner))
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Error> {
        let handle = self.handle(id).await?;
        // rmcp's ids are `position/number of the stream`.
        let call = last_event_id.split_once('/').and_then(|(_, number)| number.parse().ok());
        let listening = self.listening(id, call);
        let channel = handle.resume(last_event_id.parse()?).await?;
        Ok(listening.to(channel.inner))
    }
}

/// Closes the session once nothing has come from it, and nothing gone to it, for as long as it may idle.
async fn end_when_idle(sessions: Arc<Sessions>, id: SessionId) {
    loop {
        let until = {
            let mut open = sessions.open();
            let Some(session) = open.get_mut(&id) else { return };
            if !session.is_idle() {
                session.last_used = Instant::now();
            }
            session.last_used + sessions.limits.idle_for
        };
        if until > Instant::now() {
            sleep_until(until).await;
            continue;
        }
        sessions.open().remove(&id);
        // One that is gone already is as good.
        let _ = sessions.local.close_session(&id).await;
        return;
    }
}

/// What a client hears; notices when it stops listening.
struct Listening {
    messages: Option<mpsc::Receiver<ServerSseMessage>>,
    has_ended: bool,
    sessions: Arc<Sessions>,
    session: SessionId,
    call: Option<u64>,
}

impl Listening {
    fn to(mut self, messages: mpsc::Receiver<ServerSseMessage>) -> Listening {
        self.messages = Some(messages);
        self
    }
}

impl Stream for Listening {
    type Item = ServerSseMessage;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ServerSseMessage>> {
        let polled = self.messages.as_mut().map_or(Poll::Ready(None), |messages| messages.poll_recv(context));
        self.has_ended = matches!(polled, Poll::Ready(None));
        polled
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut open = self.sessions.open();
        let Some(session) = open.get_mut(&self.session) else { return };
        session.n_streams = session.n_streams.saturating_sub(1);
        session.last_used = Instant::now();
        let Some(number) = self.call else { return };
        let Some(call) = session.calls.get_mut(&number) else { return };
        call.n_listeners = call.n_listeners.saturating_sub(1);
        if call.n_listeners > 0 {
            return;
        }
        if self.has_ended {
            session.calls.remove(&number);
            return;
        }
        let since = Instant::now();
        call.alone_since = Some(since);
        // Without a runtime the whole process is about to end.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (sessions, id) = (Arc::clone(&self.sessions), Arc::clone(&self.session));
            runtime.spawn(cancel_unless_resumed(sessions, id, number, since));
        }
    }
}

/// A lost connection is not a cancellation, says the protocol; a caller that does not come back is.
async fn cancel_unless_resumed(sessions: Arc<Sessions>, id: SessionId, number: u64, since: Instant) {
    sleep(sessions.limits.resumable_for).await;
    let cancelled = {
        let mut open = sessions.open();
        let Some(session) = open.get_mut(&id) else { return };
        let is_alone = session.calls.get(&number).is_some_and(|call| call.alone_since == Some(since));
        is_alone.then(|| session.calls.remove(&number)).flatten()
    };
    let (Some(call), Ok(handle)) = (cancelled, sessions.handle(&id).await) else { return };
    let why = CancelledNotificationParam::new(Some(call.id), Some("the client has gone".to_owned()));
    let notice = ClientNotification::CancelledNotification(CancelledNotification::new(why));
    // A session that has ended has cancelled its calls.
    let _ = handle.push_message(ClientJsonRpcMessage::notification(notice), None).await;
}
