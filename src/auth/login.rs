//! From an address and a password to a session, and on from there.

use std::{net::IpAddr, time::Duration};

use uuid::Uuid;

use super::{
    Accounts, AuthError, Caller, Credential, FieldError, Registration,
    email::Email,
    millis,
    password::{Password, Verdict},
    secret,
};
use crate::{
    catalog::{Account, CatalogError, Invitation, Rotation, SessionTimes, now},
    secret::Secret,
};

const REFRESH_PREFIX: &str = "quire_ref_";

/// What a log-in or a refresh gives out.
#[derive(Debug)]
pub struct TokenPair {
    pub access: Secret,
    /// Good for one refresh.
    pub refresh: Secret,
    /// How long `access` is good for.
    pub expires_in: Duration,
}

impl Accounts {
    /// Makes an account where the server lets people register.
    ///
    /// Fails with `conflict` when the address has an account: with no e-mail sent there is no hiding that, so attempts
    /// are counted by address.
    pub async fn register(
        &self,
        email: &str,
        password: &str,
        invitation: Option<&str>,
        from: IpAddr,
    ) -> Result<Account, AuthError> {
        let code = match self.registration() {
            Registration::Closed => return Err(AuthError::RegistrationClosed),
            Registration::Open => None,
            Registration::Invite => Some(secret::hash(invitation.unwrap_or_default())),
        };
        self.inner.throttles.admit_registration(from)?;
        let (email, password) = parsed(email, password)?;
        if let Some(code) = code {
            // Before a password is hashed for someone without one; the code is used up when the account is made.
            let email = email.clone();
            let invited = self
                .catalog(move |catalog| Ok(catalog.is_invited(email.as_str(), Invitation { code: &code, at: now() })?));
            if !invited.await? {
                return Err(CatalogError::InvitationNotFound.into());
            }
        }
        let phc = self.inner.hasher.hash(password).await?;
        let added = self.catalog(move |catalog| {
            let invitation = code.as_ref().map(|code| Invitation { code, at: now() });
            Ok(catalog.add_account(email.as_str(), &phc, invitation)?)
        });
        let account = added.await?;
        tracing::info!(user = account.user.key, "registered");
        Ok(account)
    }

    /// Opens a session.
    ///
    /// An unknown address, a disabled account and a wrong password take the same way, through one check of a hash, to
    /// the same answer.
    pub async fn login(&self, email: &str, password: &str, from: IpAddr) -> Result<TokenPair, AuthError> {
        let (email, password) = both(Email::parse(email), Password::shown("password", password))?;
        let (account, phc) = self.check_password(&email, password, from).await?;
        let session = Uuid::new_v4().simple().to_string();
        let refresh = secret::fresh(REFRESH_PREFIX)?;
        let (user, key, sid, hash, times) =
            (account.user.id, account.user.key, session.clone(), secret::hash(refresh.reveal()), self.times());
        let opened = self.catalog(move |catalog| Ok(catalog.open_session(user, &phc, &sid, &hash, times)?));
        if !opened.await? {
            // The password was changed or the account disabled just now.
            return Err(AuthError::Credentials);
        }
        tracing::info!(user = key, "logged in");
        self.pair(&key, &session, refresh)
    }

    /// The next pair of tokens of a session. A refresh token that was used before ends its session.
    pub async fn refresh(&self, refresh: &str, from: IpAddr) -> Result<TokenPair, AuthError> {
        self.inner.throttles.admit_refresh(from)?;
        let (shown, times) = (secret::hash(refresh), self.times());
        let next = secret::fresh(REFRESH_PREFIX)?;
        let next_hash = secret::hash(next.reveal());
        match self.catalog(move |catalog| Ok(catalog.rotate_refresh(&shown, &next_hash, times)?)).await? {
            Rotation::Rotated { account, session } => {
                self.inner.throttles.refreshed(from);
                self.pair(&account.user.key, &session, next)
            }
            Rotation::Reused(user) => {
                tracing::warn!(user = user.0, "a refresh token was used twice: its session is ended");
                Err(AuthError::RefreshToken)
            }
            Rotation::Unknown => Err(AuthError::RefreshToken),
        }
    }

    /// Ends the caller's session: its access tokens and its refresh tokens.
    pub async fn logout(&self, caller: &Caller) -> Result<(), AuthError> {
        let session = session_of(caller)?.to_owned();
        Ok(self.catalog(move |catalog| Ok(catalog.end_session(&session)?)).await?)
    }

    /// Sets the caller's password, and ends all of the caller's sessions, this one too. Personal access tokens stay.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: &str,
        new: &str,
        from: IpAddr,
    ) -> Result<(), AuthError> {
        session_of(caller)?;
        let email = Email::parse(&caller.email)?;
        let (current, new) =
            both(Password::shown("current_password", current), Password::chosen("new_password", new, &email))?;
        // Not 401: the caller is known, and its token is good.
        let wrong = || FieldError::new("current_password", "is not the password").into();
        let checked = self.check_password(&email, current, from).await;
        let (account, phc) =
            checked.map_err(|error| if matches!(error, AuthError::Credentials) { wrong() } else { error })?;
        let new = self.inner.hasher.hash(new).await?;
        let user = account.user.id;
        if !self.catalog(move |catalog| Ok(catalog.set_password(user, Some(&phc), &new)?)).await? {
            // Someone else changed it meanwhile.
            return Err(wrong());
        }
        tracing::info!(user = account.user.key, "changed the password");
        Ok(())
    }

    /// The account, if the password is its, with the password's PHC string as it is kept from now on.
    async fn check_password(
        &self,
        email: &Email,
        password: Password,
        from: IpAddr,
    ) -> Result<(Account, String), AuthError> {
        self.inner.throttles.admit_password(email, from)?;
        let address = email.as_str().to_owned();
        let found = self.catalog(move |catalog| Ok(catalog.credentials(&address)?)).await?;
        let (account, phc) = found.unzip();
        let verdict = self.inner.hasher.verify(password.clone(), phc.clone()).await?;
        let (Some(account), Some(phc), Verdict::Right | Verdict::Outdated) = (account, phc, verdict) else {
            return Err(AuthError::Credentials);
        };
        self.inner.throttles.succeeded(email, from);
        if verdict == Verdict::Right {
            return Ok((account, phc));
        }
        let (user, fresh) = (account.user.id, self.inner.hasher.hash(password).await?);
        let kept = fresh.clone();
        let replaced = self.catalog(move |catalog| Ok(catalog.rehash_password(user, &phc, &fresh)?));
        if replaced.await? { Ok((account, kept)) } else { Err(AuthError::Credentials) }
    }

    fn pair(&self, user_key: &str, session: &str, refresh: Secret) -> Result<TokenPair, AuthError> {
        let issuer = &self.inner.issuer;
        Ok(TokenPair { access: issuer.issue(user_key, session)?, refresh, expires_in: issuer.life() })
    }

    fn times(&self) -> SessionTimes {
        let settings = &self.inner.settings;
        SessionTimes { at: now(), idle: millis(settings.session_idle), longest: millis(settings.session_life) }
    }
}

/// The caller's session. A personal access token has none: whoever finds one can't lock its owner out.
pub(super) fn session_of(caller: &Caller) -> Result<&str, AuthError> {
    match &caller.credential {
        Credential::Session(session) => Ok(session),
        Credential::Personal(_) => Err(AuthError::SessionNeeded),
    }
}

/// An address and a password for it.
pub(super) fn parsed(email: &str, password: &str) -> Result<(Email, Password), AuthError> {
    match Email::parse(email) {
        Ok(email) => {
            let password = Password::chosen("password", password, &email)?;
            Ok((email, password))
        }
        Err(error) => both(Err(error), Password::shown("password", password)),
    }
}

/// Both, or what is wrong with either.
fn both<A, B>(a: Result<A, FieldError>, b: Result<B, FieldError>) -> Result<(A, B), AuthError> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(a), Err(b)) => Err(AuthError::Invalid(vec![a, b])),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error.into()),
    }
}
