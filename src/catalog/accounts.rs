//! Accounts: users with an address and a password, and invitations to become one.

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row};
use uuid::Uuid;

use super::{Catalog, CatalogError, SecretHash, User, UserId, immediate, now};

/// A user who can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub user: User,
    /// In lower case.
    pub email: String,
    /// Unix milliseconds; none while the account may be used.
    pub disabled_at: Option<i64>,
    pub created_at: i64,
}

/// What a registration shows to be let in.
#[derive(Debug, Clone, Copy)]
pub struct Invitation<'a> {
    pub code: &'a SecretHash,
    /// Unix milliseconds.
    pub at: i64,
}

const ACCOUNT: &str = "SELECT id, key, email, disabled_at, created_at, password FROM users";

impl Catalog {
    /// Adds an account; with an invitation, uses that up in the same transaction.
    ///
    /// `password` is a PHC string. Fails with `EmailTaken` and `InvitationNotFound`; a taken address leaves the
    /// invitation as it is.
    pub fn add_account(
        &self,
        email: &str,
        password: &str,
        invitation: Option<Invitation<'_>>,
    ) -> Result<Account, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        if let Some(Invitation { code, at }) = invitation {
            let n_used = tx.execute(
                "DELETE FROM invitations WHERE hash = ?1 AND expires_at > ?2 AND coalesce(email, ?3) = ?3",
                (code, at, email),
            )?;
            if n_used == 0 {
                return Err(CatalogError::InvitationNotFound);
            }
        }
        let inserted = tx.execute(
            "INSERT INTO users (key, email, password, created_at) VALUES (?1, ?2, ?3, ?4)",
            (Uuid::new_v4().simple().to_string(), email, password, now()),
        );
        match inserted {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Err(CatalogError::EmailTaken);
            }
            inserted => inserted?,
        };
        let (account, _) = by_email(&tx, email)?.ok_or_else(|| CatalogError::AccountNotFound(email.to_owned()))?;
        tx.commit()?;
        Ok(account)
    }

    /// Whether an invitation could be used for an address at the time `at`, in Unix milliseconds.
    pub fn is_invited(&self, email: &str, invitation: Invitation<'_>) -> Result<bool, CatalogError> {
        let find = "SELECT 1 FROM invitations WHERE hash = ?1 AND expires_at > ?2 AND coalesce(email, ?3) = ?3";
        Ok(self.reads().prepare_cached(find)?.exists((invitation.code, invitation.at, email))?)
    }

    /// Keeps an invitation until it is used or has expired.
    pub fn add_invitation(
        &self,
        code: &SecretHash,
        email: Option<&str>,
        at: i64,
        expires_at: i64,
    ) -> Result<(), CatalogError> {
        self.durable().execute(
            "INSERT INTO invitations (hash, email, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
            (code, email, at, expires_at),
        )?;
        Ok(())
    }

    /// All accounts in the order of their addresses.
    pub fn accounts(&self) -> Result<Vec<Account>, CatalogError> {
        let conn = self.reads();
        let mut statement = conn.prepare_cached(&format!("{ACCOUNT} WHERE email IS NOT NULL ORDER BY email"))?;
        let accounts = statement.query_map([], account_of)?.collect::<Result<_, _>>()?;
        Ok(accounts)
    }

    /// The account of an address, disabled or not.
    pub fn account(&self, email: &str) -> Result<Account, CatalogError> {
        let found = by_email(&self.reads(), email)?;
        found.map(|(account, _)| account).ok_or_else(|| CatalogError::AccountNotFound(email.to_owned()))
    }

    /// The account of an address, if it may be used, with the PHC string of its password.
    pub fn credentials(&self, email: &str) -> Result<Option<(Account, String)>, CatalogError> {
        let found = by_email(&self.reads(), email)?.filter(|(account, _)| account.disabled_at.is_none());
        Ok(found.and_then(|(account, password)| Some((account, password?))))
    }

    /// Disables an account and ends its sessions, or enables it again. Its sheets stay.
    pub fn set_disabled(&self, user: UserId, is_disabled: bool) -> Result<(), CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let at = is_disabled.then(now);
        tx.execute(
            "UPDATE users SET disabled_at = iif(?2 IS NULL, NULL, coalesce(disabled_at, ?2)) WHERE id = ?1",
            (user.0, at),
        )?;
        if is_disabled {
            end_sessions(&tx, user)?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Sets a password and ends all sessions. With `old`, only where that is still the password's PHC string; answers
    /// whether it was.
    pub fn set_password(&self, user: UserId, old: Option<&str>, password: &str) -> Result<bool, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        if !replace_password(&tx, user, old, password)? {
            return Ok(false);
        }
        end_sessions(&tx, user)?;
        tx.commit()?;
        Ok(true)
    }

    /// Keeps the same password under another PHC string, and the sessions with it.
    pub fn rehash_password(&self, user: UserId, old: &str, password: &str) -> Result<bool, CatalogError> {
        replace_password(&self.durable(), user, Some(old), password)
    }
}

fn replace_password(conn: &Connection, user: UserId, old: Option<&str>, new: &str) -> Result<bool, CatalogError> {
    let n_changed = conn.execute(
        "UPDATE users SET password = ?3 WHERE id = ?1 AND email IS NOT NULL AND (?2 IS NULL OR password = ?2)",
        (user.0, old, new),
    )?;
    Ok(n_changed == 1)
}

fn end_sessions(conn: &Connection, user: UserId) -> Result<(), CatalogError> {
    conn.execute("DELETE FROM sessions WHERE user_id = ?1", [user.0])?;
    Ok(())
}

fn by_email(conn: &Connection, email: &str) -> Result<Option<(Account, Option<String>)>, CatalogError> {
    let found = conn
        .prepare_cached(&format!("{ACCOUNT} WHERE email = ?1"))?
        .query_row([email], |row| Ok((account_of(row)?, row.get("password")?)))
        .optional()?;
    Ok(found)
}

/// From a row with the columns `id` (the user's), `key`, `email`, `disabled_at` and `created_at`.
pub(super) fn account_of(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        user: User { id: UserId(row.get("id")?), key: row.get("key")? },
        email: row.get("email")?,
        disabled_at: row.get("disabled_at")?,
        created_at: row.get("created_at")?,
    })
}
