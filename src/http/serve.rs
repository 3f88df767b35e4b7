//! Connections: how many, how long they may take to ask, and how they end when the server does.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::extract::Request;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower::ServiceExt;

use super::{
    App,
    connections::{Admitted, Connections},
    router,
};
use crate::fault::Fault;

/// Bytes of a request's head.
const MAX_HEAD: usize = 64 << 10;
/// After calls were cancelled: for their answers to be written.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The connection's other end, as the socket says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Serves until `shutdown`; then calls under way have the grace period to end, and are cancelled after it.
///
/// HTTP/1.1: a proxy that does TLS speaks HTTP/2 to the world, and this to its back end.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: impl Future<Output = ()>) -> Result<(), Fault> {
    let routes = router(Arc::clone(&app))?;
    let mut connections = Connections::new(app.settings.max_connections, app.settings.trusted_proxies.clone());
    let open = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &mut connections) => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer, admitted) = accepted;
        // Replies are small and whole; waiting for more bytes only delays them.
        let _ = stream.set_nodelay(true);
        let service = routes.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(app.settings.head_timeout)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = open.watch(connection);
        tokio::spawn(async move {
            let _admitted = admitted;
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    app.stopping.begun.cancel();
    let ending = futures::future::join(open.shutdown(), app.jobs.all_ended());
    let mut ending = std::pin::pin!(ending);
    if timeout(app.settings.grace, &mut ending).await.is_err() {
        tracing::warn!("calls still under way are cancelled");
        app.stopping.ended.cancel();
        // What has not ended by then is cut off.
        let _ = timeout(LAST_WORDS, ending).await;
    }
    Ok(())
}

/// The next connection, once there is room for one: until then, others wait in the system's queue.
async fn accept(listener: &TcpListener, connections: &mut Connections) -> (TcpStream, SocketAddr, Admitted) {
    loop {
        let room = connections.room().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Some(admitted) = connections.admit(peer, room) {
                    return (stream, peer, admitted);
                }
            }
            Err(error) => {
                // Out of file handles, as a rule: some connection will end.
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
