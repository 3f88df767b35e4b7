//! What the person who runs the server may do, named by address; no limits on attempts, since nobody guesses here.

use std::time::Duration;

use super::{Accounts, AuthError, NewPersonalToken, PersonalToken, Token, email::Email, login::parsed, millis, secret};
use crate::{
    catalog::{Account, now},
    secret::Secret,
};

const INVITATION_PREFIX: &str = "quire_inv_";

/// Access to all accounts.
pub struct Admin<'a>(&'a Accounts);

impl Accounts {
    /// For whoever may write the data folder.
    pub fn admin(&self) -> Admin<'_> {
        Admin(self)
    }
}

impl Admin<'_> {
    pub async fn add(&self, email: &str, password: &str) -> Result<Account, AuthError> {
        let (email, password) = parsed(email, password)?;
        let phc = self.0.inner.hasher.hash(password).await?;
        Ok(self.0.catalog(move |catalog| Ok(catalog.add_account(email.as_str(), &phc, None)?)).await?)
    }

    /// All accounts, in the order of their addresses.
    pub async fn accounts(&self) -> Result<Vec<Account>, AuthError> {
        Ok(self.0.catalog(|catalog| Ok(catalog.accounts()?)).await?)
    }

    pub async fn account(&self, email: &str) -> Result<Account, AuthError> {
        let email = Email::parse(email)?;
        Ok(self.0.catalog(move |catalog| Ok(catalog.account(email.as_str())?)).await?)
    }

    /// Disables an account, which ends its sessions and stops its tokens, or enables it again.
    pub async fn set_disabled(&self, email: &str, is_disabled: bool) -> Result<(), AuthError> {
        let user = self.account(email).await?.user.id;
        Ok(self.0.catalog(move |catalog| Ok(catalog.set_disabled(user, is_disabled)?)).await?)
    }

    /// Sets an account's password and ends its sessions.
    pub async fn set_password(&self, email: &str, password: &str) -> Result<(), AuthError> {
        let account = self.account(email).await?;
        let (_, password) = parsed(&account.email, password)?;
        let phc = self.0.inner.hasher.hash(password).await?;
        self.0.catalog(move |catalog| Ok(catalog.set_password(account.user.id, None, &phc)?)).await?;
        Ok(())
    }

    /// A code to register with, once, within so many days; with an address, for that one alone.
    pub async fn invite(&self, email: Option<&str>, days: u32) -> Result<Secret, AuthError> {
        let email = email.map(Email::parse).transpose()?;
        let code = secret::fresh(INVITATION_PREFIX)?;
        let hash = secret::hash(code.reveal());
        let kept = self.0.catalog(move |catalog| {
            let at = now();
            let expires_at = at + millis(Duration::from_hours(24) * days);
            Ok(catalog.add_invitation(&hash, email.as_ref().map(Email::as_str), at, expires_at)?)
        });
        kept.await?;
        Ok(code)
    }

    pub async fn create_token(&self, email: &str, new: NewPersonalToken) -> Result<PersonalToken, AuthError> {
        let user = self.account(email).await?.user.id;
        self.0.create_token_of(user, new).await
    }

    pub async fn tokens(&self, email: &str) -> Result<Vec<Token>, AuthError> {
        let user = self.account(email).await?.user.id;
        self.0.tokens_of(user).await
    }

    pub async fn revoke_token(&self, email: &str, id: &str) -> Result<(), AuthError> {
        let user = self.account(email).await?.user.id;
        self.0.revoke_token_of(user, id).await
    }
}
