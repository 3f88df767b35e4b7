//! A door for the fuzz target of requests' heads.

use std::{net::IpAddr, time::Duration};

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Request},
};
use url::Url;

use super::{Settings, origin, visitor};

/// Reads a head, an address and then a header per line, as a server behind a proxy does: who asks, from where, and whether
/// that is allowed. Whether all of it is.
pub fn read_head(head: &[u8]) -> Option<bool> {
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut request = Request::builder().uri(lines.next()?).body(Body::empty()).ok()?;
    for line in lines {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let (name, value) = (halves.next()?, halves.next()?);
        let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
        request.headers_mut().append(HeaderName::from_bytes(name).ok()?, value);
    }
    let proxy = IpAddr::from([127, 0, 0, 1]);
    let settings = Settings {
        address: (proxy, 8080).into(),
        public_url: Url::parse("https://quire.example.org").ok()?,
        allowed_hosts: vec!["inside.example.org".to_owned()],
        allowed_origins: vec!["https://page.example.org".to_owned()],
        trusted_proxies: vec![proxy.into()],
        max_connections: 1,
        head_timeout: Duration::ZERO,
        body_timeout: Duration::ZERO,
        grace: Duration::ZERO,
    };
    let is_placed = !origin::client(proxy, request.headers(), &settings).is_local;
    let is_allowed = origin::allowed(&request, &settings).is_ok();
    let (parts, _) = request.into_parts();
    Some(is_placed && is_allowed && visitor::bearer(&parts).is_ok())
}
