//! Personal access tokens, for the configuration files of agents.

use std::time::Duration;

use uuid::Uuid;

use super::{Accounts, AuthError, Caller, FieldError, login::session_of, millis, secret};
use crate::{
    catalog::{NewToken, Scope, Token, UserId, now},
    secret::Secret,
};

pub(super) const PREFIX: &str = "quire_pat_";

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewPersonalToken {
    /// 1 to 100 characters; each of a user's tokens has another.
    pub name: String,
    pub scope: Scope,
    /// 1 to 3,650 days; none: it never expires.
    pub days: Option<u32>,
}

impl NewPersonalToken {
    /// Days where nothing else is said.
    pub const DEFAULT_DAYS: u32 = 90;
    const MOST_DAYS: u32 = 3_650;

    fn check(self) -> Result<NewPersonalToken, AuthError> {
        let name = self.name.trim().to_owned();
        let mut errors = Vec::new();
        if name.is_empty() || name.chars().count() > 100 || name.contains(char::is_control) {
            errors.push(FieldError::new("name", "must have 1 to 100 characters, on one line"));
        }
        if self.days.is_some_and(|days| !(1..=Self::MOST_DAYS).contains(&days)) {
            errors.push(FieldError::new("expires_in_days", format!("must be from 1 to {}", Self::MOST_DAYS)));
        }
        if errors.is_empty() { Ok(NewPersonalToken { name, ..self }) } else { Err(AuthError::Invalid(errors)) }
    }
}

/// A new token; its secret is shown once.
#[derive(Debug)]
pub struct PersonalToken {
    pub secret: Secret,
    pub token: Token,
}

impl Accounts {
    /// Makes a token for the caller, who must have logged in.
    pub async fn create_token(&self, caller: &Caller, new: NewPersonalToken) -> Result<PersonalToken, AuthError> {
        session_of(caller)?;
        self.create_token_of(caller.user.id, new).await
    }

    /// The caller's tokens, oldest first, the expired among them.
    pub async fn tokens(&self, caller: &Caller) -> Result<Vec<Token>, AuthError> {
        session_of(caller)?;
        self.tokens_of(caller.user.id).await
    }

    /// Revokes one of the caller's tokens.
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> Result<(), AuthError> {
        session_of(caller)?;
        self.revoke_token_of(caller.user.id, id).await
    }

    pub(super) async fn create_token_of(
        &self,
        user: UserId,
        new: NewPersonalToken,
    ) -> Result<PersonalToken, AuthError> {
        let new = new.check()?;
        let secret = secret::fresh(PREFIX)?;
        let hash = secret::hash(secret.reveal());
        let added = self.catalog(move |catalog| {
            let at = now();
            let life = new.days.map(|days| millis(Duration::from_hours(24) * days));
            let id = Uuid::new_v4().simple().to_string();
            let (name, scope, expires_at) = (new.name.as_str(), new.scope, life.map(|life| at + life));
            Ok(catalog.add_token(user, NewToken { id: &id, name, hash: &hash, scope, at, expires_at })?)
        });
        Ok(PersonalToken { secret, token: added.await? })
    }

    pub(super) async fn tokens_of(&self, user: UserId) -> Result<Vec<Token>, AuthError> {
        Ok(self.catalog(move |catalog| Ok(catalog.tokens(user)?)).await?)
    }

    pub(super) async fn revoke_token_of(&self, user: UserId, id: &str) -> Result<(), AuthError> {
        let id = id.to_owned();
        Ok(self.catalog(move |catalog| Ok(catalog.revoke_token(user, &id)?)).await?)
    }
}
