//! The HTTP surface, and the only axum: who asks, what they may, and thin routes over the registry and the workspace.

mod accounts;
mod ask;
mod body;
mod calls;
mod connections;
mod docs;
#[expect(clippy::indexing_slicing, reason = "of JSON objects that are made here: a member that is missing is added")]
mod document;
mod extract;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod health;
mod jobs;
mod layers;
mod mcp;
mod observe;
mod origin;
mod page;
mod problem;
mod request_id;
mod serve;
mod sheets;
mod transfers;
mod uploads;
mod visitor;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use ipnet::IpNet;
use url::Url;
use utoipa_axum::router::OpenApiRouter;

use crate::{context::Stopping, fault::Fault, mcp::Remote, tool::Registry, workspace::House};

pub use self::{
    body::{Bodies, MAX_MESSAGE},
    health::Readiness,
    jobs::Jobs,
    observe::Metrics,
    serve::serve,
    visitor::Auth,
};

/// What every route works with.
pub struct App {
    pub house: Arc<House>,
    pub registry: Arc<Registry>,
    pub auth: Auth,
    pub settings: Settings,
    pub stopping: Stopping,
    pub mcp: Remote,
    pub metrics: Metrics,
    pub jobs: Jobs,
    pub bodies: Bodies,
    pub readiness: Readiness,
}

/// How this server is reached and what it allows; `cli::http` fills it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub address: SocketAddr,
    /// The address that people and agents use, without a slash at its end.
    pub public_url: Url,
    /// Hosts besides the loopback names and the public one.
    pub allowed_hosts: Vec<String>,
    /// Origins besides the public one.
    pub allowed_origins: Vec<String>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections at once.
    pub max_connections: usize,
    /// For the whole head of a request, and between two requests of a connection.
    pub head_timeout: Duration,
    /// How long a request's body may pause.
    pub body_timeout: Duration,
    /// How long calls under way may still take once the server is told to stop.
    pub grace: Duration,
}

/// All routes with all their layers.
pub fn router(app: Arc<App>) -> Result<Router, Fault> {
    // A route that is added here can't be left out of `/openapi.json`.
    let documented = OpenApiRouter::new()
        .merge(health::routes())
        .merge(observe::routes())
        .merge(document::routes())
        .merge(docs::routes())
        .merge(page::routes())
        .merge(accounts::routes())
        .merge(ask::routes())
        .merge(calls::routes(&app))
        .merge(uploads::routes())
        .merge(sheets::routes(&app))
        .merge(jobs::routes())
        .merge(transfers::routes());
    let (routes, said) = documented.split_for_parts();
    let document = document::complete(&said, &app)?;
    let page = docs::page(&document);
    let routes = routes.merge(mcp::routes(&app));
    let routes = routes.fallback(problem::no_route).method_not_allowed_fallback(problem::no_method);
    let routes = routes.layer(Extension(document)).layer(Extension(page));
    Ok(layers::layered(routes, &app).with_state(app))
}
