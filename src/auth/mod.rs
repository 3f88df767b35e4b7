//! Who is calling: accounts, passwords, sessions and tokens. The only argon2 and the only jsonwebtoken; knows no protocol.
//!
//! An access token is a JWT that names a session of the catalog, and every call looks the session up: to end one, to
//! change a password or to disable an account is to delete rows, and what was given out stops working with that.

mod access;
mod admin;
mod email;
mod error;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod keys;
mod login;
mod password;
mod personal;
mod secret;
#[cfg(test)]
mod tests;
mod throttle;

use std::{sync::Arc, time::Duration};

use self::{access::Issuer, keys::Keys, password::Hasher, throttle::Throttles};
use crate::{
    catalog::{Account, Catalog, User, now},
    fault::Fault,
    workspace::{House, Workspace, blocking},
};

pub use self::{
    error::{AuthError, FieldError},
    keys::{Rotated, check as check_keys, copy as copy_keys, rotate as rotate_keys},
    login::TokenPair,
    personal::{NewPersonalToken, PersonalToken},
};
pub use crate::catalog::{Credential, Scope, Token};

/// Who may make an account of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    Open,
    /// Who has a code of `quire user invite`.
    Invite,
    Closed,
}

/// What `cli` decides about accounts.
#[derive(Debug, Clone)]
pub struct Settings {
    pub registration: Registration,
    /// The `iss` of access tokens.
    pub issuer: String,
    /// Their `aud`.
    pub audience: String,
    pub access_life: Duration,
    /// How long a session lasts that is not refreshed.
    pub session_idle: Duration,
    /// How long a session lasts at most.
    pub session_life: Duration,
    /// Passwords that are hashed at once; each takes 19 MiB and a core.
    pub n_hashers: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            registration: Registration::Closed,
            issuer: "quire".to_owned(),
            audience: "quire".to_owned(),
            access_life: Duration::from_mins(15),
            session_idle: Duration::from_hours(30 * 24),
            session_life: Duration::from_hours(90 * 24),
            // Half of the cores: a flood of log-ins leaves the others to those who are in.
            n_hashers: std::thread::available_parallelism().map_or(1, |n_cores| n_cores.get().div_ceil(2)),
        }
    }
}

/// A caller whose token was good.
#[derive(Debug, Clone)]
pub struct Caller {
    pub user: User,
    pub email: String,
    pub scope: Scope,
    pub credential: Credential,
}

/// The accounts of one data folder; cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    house: Arc<House>,
    settings: Settings,
    issuer: Issuer,
    hasher: Hasher,
    throttles: Throttles,
}

impl Accounts {
    /// Opens the accounts of a data folder. The first to do so makes the key that signs access tokens.
    ///
    /// Fails when others than its owner may read the file of keys.
    pub fn open(house: &Arc<House>, settings: Settings) -> Result<Accounts, Fault> {
        let issuer = Issuer::new(Keys::open(house.data_dir())?, &settings);
        let hasher = Hasher::new(settings.n_hashers)?;
        let house = Arc::clone(house);
        Ok(Accounts { inner: Arc::new(Inner { house, settings, issuer, hasher, throttles: Throttles::default() }) })
    }

    pub fn registration(&self) -> Registration {
        self.inner.settings.registration
    }

    /// Who shows this access token or personal access token.
    ///
    /// Fails with `unauthenticated`, for whatever reason in the same words.
    pub async fn authenticate(&self, bearer: &str) -> Result<Caller, Fault> {
        let caller = if bearer.starts_with(personal::PREFIX) {
            let hash = secret::hash(bearer);
            let found = self.catalog(move |catalog| Ok(catalog.use_token(&hash, now())?)).await?;
            found.map(|(account, token)| caller(account, token.scope, Credential::Personal(token.id)))
        } else {
            let claims = self.inner.issuer.verify(bearer)?;
            let sid = claims.sid.clone();
            let found = self.catalog(move |catalog| Ok(catalog.session_account(&sid, now())?)).await?;
            found
                .filter(|account| account.user.key == claims.sub)
                .map(|account| caller(account, Scope::ReadWrite, Credential::Session(claims.sid)))
        };
        caller.ok_or_else(|| AuthError::Token.into())
    }

    /// The caller's own sheets, read-only where the token is.
    pub fn workspace(&self, caller: &Caller) -> Result<Workspace, Fault> {
        let workspace = self.inner.house.workspace_by(caller.user.clone(), Some(caller.credential.clone()))?;
        Ok(match caller.scope {
            Scope::Read => workspace.read_only(),
            Scope::ReadWrite => workspace,
        })
    }

    /// Asks the catalog, on a thread that may wait for it.
    async fn catalog<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Catalog) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let inner = Arc::clone(&self.inner);
        blocking(move || ask(inner.house.catalog())).await
    }
}

fn caller(account: Account, scope: Scope, credential: Credential) -> Caller {
    Caller { user: account.user, email: account.email, scope, credential }
}

/// For the catalog, which counts milliseconds.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
