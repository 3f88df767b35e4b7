//! Where a request comes from and where it thinks it goes: forwarding headers, `Host`, `Origin`.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use url::Url;

use super::{App, Auth, Settings, problem::Problem, serve::Peer};
use crate::fault::{Code, Fault};

/// Who asks, as far as proxies are believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// Straight from this machine, with no proxy between.
    pub(super) is_local: bool,
}

/// Headers in which proxies say for whom they ask.
const FORWARDING: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"];

/// Finds out who asks, and refuses what a foreign web page may have sent.
pub(super) async fn check(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_canonical());
    if let Some(peer) = peer {
        let client = client(peer, request.headers(), &app.settings);
        request.extensions_mut().insert(client);
    }
    // Without accounts, whoever reaches this machine's own port is its user; a proxy would make that the world.
    let is_stranger = peer.is_some_and(|peer| !client(peer, request.headers(), &app.settings).is_local);
    if matches!(app.auth, Auth::Local(_)) && is_stranger {
        let fault =
            Fault::new(Code::Forbidden, "a server without accounts answers to this machine alone, not through a proxy");
        return Problem(fault.hint("start it with `--auth accounts`")).into_response();
    }
    // Probes name the machine by its address, and learn nothing but that it works.
    if !["/healthz", "/readyz"].contains(&request.uri().path())
        && let Err(fault) = allowed(&request, &app.settings)
    {
        return Problem(fault).into_response();
    }
    next.run(request).await
}

pub(super) fn client(peer: IpAddr, headers: &HeaderMap, settings: &Settings) -> Client {
    let is_trusted = |address: &IpAddr| settings.trusted_proxies.iter().any(|net| net.contains(address));
    if !is_trusted(&peer) {
        let is_forwarded = FORWARDING.iter().any(|name| headers.contains_key(*name));
        return Client { address: peer, is_local: peer.is_loopback() && !is_forwarded };
    }
    // Each proxy adds whom it heard from at the end: the last that is no proxy of ours is the client.
    let address = hops(headers).into_iter().rev().map_while(|hop| hop).find(|hop| !is_trusted(hop)).unwrap_or(peer);
    Client { address, is_local: false }
}

/// The addresses of `X-Forwarded-For`; none for one that can't be read.
///
/// `Forwarded` (RFC 7239) is not believed: the usual proxies pass on what a client sent of it, and add theirs to the other.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(|item| parse_address(item.trim())).collect()
}

/// With or without a port; IPv6 with or without its brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse::<IpAddr>().ok();
    let address = address.or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|it| it.ip()));
    address.map(|address| address.to_canonical())
}

/// A page that has bound its own name to this address sends that name; one of another origin sends its origin.
pub(super) fn allowed(request: &Request, settings: &Settings) -> Result<(), Fault> {
    let headers = request.headers();
    let host = request.uri().authority().map(|it| it.as_str().to_owned());
    let host = host.or_else(|| Some(headers.get(header::HOST)?.to_str().ok()?.to_owned())).unwrap_or_default();
    if headers.get_all(header::HOST).iter().count() > 1 || !is_allowed_host(&host, settings) {
        return Err(Fault::new(Code::Forbidden, format!("this server does not answer to the host `{}`", short(&host)))
            .hint("use its public address; whoever runs it can add a host with `--allowed-host`")
            .field("host"));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    if is_allowed_origin(origin, &host, settings) {
        return Ok(());
    }
    let what = if *request.method() == Method::OPTIONS { "ask for" } else { "call" };
    Err(Fault::new(Code::Forbidden, format!("pages of `{}` may not {what} this server", short(origin)))
        .hint("whoever runs it can allow an origin with `--allowed-origin`")
        .field("origin"))
}

fn is_allowed_host(host: &str, settings: &Settings) -> bool {
    let Ok(url) = Url::parse(&format!("http://{host}/")) else { return false };
    let is_bare = url.path() == "/"
        && url.username().is_empty()
        && url.password().is_none()
        && !host.contains(['/', '?', '#', '\\']);
    let Some(name) = url.host_str().filter(|_| is_bare) else { return false };
    is_loopback(&url)
        || settings.public_url.host_str().is_some_and(|public| public.eq_ignore_ascii_case(name))
        || settings
            .allowed_hosts
            .iter()
            .any(|given| given.eq_ignore_ascii_case(name) || given.eq_ignore_ascii_case(host))
}

fn is_allowed_origin(origin: &str, host: &str, settings: &Settings) -> bool {
    let same = |allowed: &str| allowed.trim_end_matches('/').eq_ignore_ascii_case(origin);
    if same(&settings.public_url.origin().ascii_serialization()) || settings.allowed_origins.iter().any(|it| same(it)) {
        return true;
    }
    // The host has been checked; on loopback a page of this very server names it as its origin.
    let Ok(url) = Url::parse(origin) else { return false };
    is_loopback(&url) && same(&format!("http://{host}"))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name.trim_end_matches('.').eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}
