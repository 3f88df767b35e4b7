//! Who asks: the extractors that turn a request's token into a caller and a workspace. No argument names one.

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
    /// Those who have an account, by their tokens.
    Accounts(Accounts),
}

impl Auth {
    /// Fails with `not_found` where there is but the local user.
    pub(super) fn accounts(&self) -> Result<&Accounts, Fault> {
        match self {
            Auth::Accounts(accounts) => Ok(accounts),
            Auth::Local(_) => Err(Fault::new(Code::NotFound, "this server has no accounts")
                .hint("it serves one local user without a token; start it with `--auth accounts` for more")),
        }
    }
}

/// One who may be answered, with what is theirs: read-only where their token is.
pub(super) struct Visitor {
    pub(super) workspace: Workspace,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Visitor, Problem> {
        let workspace = match &app.auth {
            Auth::Local(user) => app.house.workspace(user.clone())?,
            Auth::Accounts(accounts) => accounts.workspace(&accounts.authenticate(bearer(parts)?).await?)?,
        };
        Ok(Visitor { workspace })
    }
}

/// One who has an account, for the routes of accounts themselves.
pub(super) struct Known(pub(super) Caller);

impl FromRequestParts<Arc<App>> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Known, Problem> {
        Ok(Known(app.auth.accounts()?.authenticate(bearer(parts)?).await?))
    }
}

/// The token of the `Authorization` header. One in the address, where logs and histories keep it, is no token.
pub(super) fn bearer(parts: &Parts) -> Result<&str, Fault> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Fault::new(Code::Unauthenticated, "this needs an access token").hint(
            "send one as `Authorization: Bearer …`: `POST /v1/auth/login` gives one, and so does `quire token create`",
        ));
    };
    let token = value.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    token.ok_or_else(|| {
        Fault::new(Code::Unauthenticated, "the `Authorization` header holds no bearer token")
            .hint("send it as `Authorization: Bearer …`")
    })
}
