//! Who asks: the extractor that turns a request's token into a workspace. No argument names one.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{App, problem::Problem};
use crate::{catalog::User, workspace::Workspace};

/// Whom this server knows.
pub enum Auth {
    /// The one local user, without a token; on loopback only.
    Local(User),
}

/// One who may be answered, with what is theirs.
pub(super) struct Visitor {
    pub(super) workspace: Workspace,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(_parts: &mut Parts, app: &Arc<App>) -> Result<Visitor, Problem> {
        match &app.auth {
            Auth::Local(user) => Ok(Visitor { workspace: app.house.workspace(user.clone())? }),
        }
    }
}
