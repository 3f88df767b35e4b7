//! Who asks: the extractor that turns a request's token into a workspace. No argument names one.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};

use super::{App, problem::Problem};
use crate::{
    auth::{Accounts, Caller},
    catalog::User,
    fault::{Code, Fault},
    workspace::Workspace,
};

/// Whom this server knows.
pub enum Auth {
    /// The one local user, without a token; on loopback only.
    Local(User),
    Accounts(Accounts),
}

/// One who may be answered, with what is theirs: read-only where their token is.
pub(super) struct Visitor {
    pub(super) workspace: Workspace,
    /// None for the one local user.
    pub(super) caller: Option<Caller>,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Visitor, Problem> {
        match &app.auth {
            Auth::Local(user) => Ok(Visitor { workspace: app.house.workspace(user.clone())?, caller: None }),
            Auth::Accounts(accounts) => {
                let caller = accounts.authenticate(bearer(parts)?).await?;
                Ok(Visitor { workspace: accounts.workspace(&caller)?, caller: Some(caller) })
            }
        }
    }
}

/// Only from the header: what is in an address ends up in logs and histories.
fn bearer(parts: &Parts) -> Result<&str, Fault> {
    let missing = || {
        Fault::new(Code::Unauthenticated, "this needs an access token")
            .hint("log in at `/v1/auth/login`, and send the token as `Authorization: Bearer …`")
    };
    let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else { return Err(missing()) };
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}
