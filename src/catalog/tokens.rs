//! Sessions with their refresh tokens, and personal access tokens: hashes of them, never they themselves.

use rusqlite::{ErrorCode, OptionalExtension, Row};

use super::{Account, Catalog, CatalogError, UserId, accounts::account_of, immediate};

/// The SHA-256 of a random secret.
pub type SecretHash = [u8; 32];

/// Sessions of one user; a further log-in ends the oldest.
const MAX_SESSIONS: u32 = 100;

/// Personal access tokens of one user.
const MAX_TOKENS: u32 = 100;

/// Times used are written when they are this much later, in milliseconds: not with every call of an agent.
const USED_STEP: i64 = 60_000;

/// When a session is opened or refreshed, and how long it then lasts. Milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct SessionTimes {
    pub at: i64,
    /// From now on, if it is not refreshed.
    pub idle: i64,
    /// From its log-in on, however often it is refreshed.
    pub longest: i64,
}

/// What became of a refresh token that was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// Its successor is kept.
    Rotated {
        account: Account,
        session: String,
    },
    /// It had been used before: the session is ended, since one of its two holders stole it.
    Reused(UserId),
    Unknown,
}

/// What a personal access token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Read,
    ReadWrite,
}

impl Scope {
    /// As callers read and write it.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::ReadWrite => "read_write",
        }
    }
}

/// What a user showed to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// An access token of the session with this id.
    Session(String),
    /// The personal access token with this id.
    Personal(String),
}

/// A personal access token to be kept.
#[derive(Debug, Clone, Copy)]
pub struct NewToken<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub hash: &'a SecretHash,
    pub scope: Scope,
    /// Unix milliseconds, as all times here.
    pub at: i64,
    pub expires_at: Option<i64>,
}

/// A personal access token, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: String,
    pub name: String,
    pub scope: Scope,
    pub created_at: i64,
    /// None: never.
    pub expires_at: Option<i64>,
    /// To the minute.
    pub used_at: Option<i64>,
}

const TOKEN: &str = "t.id AS token_id, t.name, t.scope, t.created_at AS made_at, t.expires_at, t.used_at";
const ACCOUNT: &str = "u.id, u.key, u.email, u.disabled_at, u.created_at";

impl Catalog {
    /// Opens a session with its first refresh token, if the account may be used and `password` (a PHC string) still is
    /// its password; answers whether it was.
    pub fn open_session(
        &self,
        user: UserId,
        password: &str,
        session: &str,
        refresh: &SecretHash,
        times: SessionTimes,
    ) -> Result<bool, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let n_opened = tx.execute(
            "INSERT INTO sessions (id, user_id, created_at, expires_at)
             SELECT ?3, id, ?4, ?5 FROM users WHERE id = ?1 AND password = ?2 AND disabled_at IS NULL",
            (user.0, password, session, times.at, times.at + times.idle.min(times.longest)),
        )?;
        if n_opened == 0 {
            return Ok(false);
        }
        tx.execute("INSERT INTO refresh_tokens (hash, session_id) VALUES (?1, ?2)", (refresh, session))?;
        tx.execute(
            "DELETE FROM sessions WHERE user_id = ?1 AND id NOT IN (
                 SELECT id FROM sessions WHERE user_id = ?1 ORDER BY created_at DESC, rowid DESC LIMIT ?2)",
            (user.0, MAX_SESSIONS),
        )?;
        tx.commit()?;
        Ok(true)
    }

    /// Uses up a refresh token, and keeps the next one of its session.
    ///
    /// One transaction decides: of two that come with the same token, one rotates it and the other has reused it.
    pub fn rotate_refresh(
        &self,
        shown: &SecretHash,
        next: &SecretHash,
        times: SessionTimes,
    ) -> Result<Rotation, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let found = tx
            .prepare_cached(&format!(
                "SELECT s.id AS session, r.used_at, {ACCOUNT} FROM refresh_tokens r
                 JOIN sessions s ON s.id = r.session_id JOIN users u ON u.id = s.user_id
                 WHERE r.hash = ?1 AND s.expires_at > ?2 AND u.disabled_at IS NULL"
            ))?
            .query_row((shown, times.at), |row| {
                Ok((row.get::<_, String>("session")?, row.get::<_, Option<i64>>("used_at")?, account_of(row)?))
            })
            .optional()?;
        let Some((session, used_at, account)) = found else { return Ok(Rotation::Unknown) };
        if used_at.is_some() {
            tx.execute("DELETE FROM sessions WHERE id = ?1", [&session])?;
            tx.commit()?;
            return Ok(Rotation::Reused(account.user.id));
        }
        tx.execute("UPDATE refresh_tokens SET used_at = ?2 WHERE hash = ?1", (shown, times.at))?;
        tx.execute("INSERT INTO refresh_tokens (hash, session_id) VALUES (?1, ?2)", (next, &session))?;
        tx.execute(
            "UPDATE sessions SET expires_at = min(?2, created_at + ?3) WHERE id = ?1",
            (&session, times.at + times.idle, times.longest),
        )?;
        tx.commit()?;
        Ok(Rotation::Rotated { account, session })
    }

    /// Whose session it is, while it lasts and the account may be used.
    pub fn session_account(&self, session: &str, at: i64) -> Result<Option<Account>, CatalogError> {
        Ok(self
            .reads()
            .prepare_cached(&format!(
                "SELECT {ACCOUNT} FROM sessions s JOIN users u ON u.id = s.user_id
                 WHERE s.id = ?1 AND s.expires_at > ?2 AND u.disabled_at IS NULL"
            ))?
            .query_row((session, at), account_of)
            .optional()?)
    }

    /// Whether a user may still be let in by what was shown before.
    pub fn admits(&self, user: UserId, credential: &Credential, at: i64) -> Result<bool, CatalogError> {
        let (find, id) = match credential {
            Credential::Session(id) => {
                ("SELECT 1 FROM sessions c JOIN users u ON u.id = c.user_id WHERE c.id = ?1", id)
            }
            Credential::Personal(id) => ("SELECT 1 FROM tokens c JOIN users u ON u.id = c.user_id WHERE c.id = ?1", id),
        };
        let find = format!("{find} AND u.id = ?2 AND coalesce(c.expires_at > ?3, 1) AND u.disabled_at IS NULL");
        Ok(self.reads().prepare_cached(&find)?.exists((id, user.0, at))?)
    }

    /// Ends a session: its access tokens and refresh tokens are worth nothing any more.
    pub fn end_session(&self, session: &str) -> Result<(), CatalogError> {
        self.durable().execute("DELETE FROM sessions WHERE id = ?1", [session])?;
        Ok(())
    }

    /// Keeps a personal access token. Fails with `TokenNameTaken` and `TooManyTokens`.
    pub fn add_token(&self, user: UserId, new: NewToken<'_>) -> Result<Token, CatalogError> {
        let mut conn = self.durable();
        let tx = immediate(&mut conn)?;
        let n_tokens: u32 =
            tx.query_row("SELECT count(*) FROM tokens WHERE user_id = ?1", [user.0], |row| row.get(0))?;
        if n_tokens >= MAX_TOKENS {
            return Err(CatalogError::TooManyTokens(n_tokens));
        }
        let inserted = tx.execute(
            "INSERT INTO tokens (id, user_id, name, hash, scope, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (new.id, user.0, new.name, new.hash, new.scope.name(), new.at, new.expires_at),
        );
        match inserted {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                return Err(CatalogError::TokenNameTaken(new.name.to_owned()));
            }
            inserted => inserted?,
        };
        tx.commit()?;
        Ok(Token {
            id: new.id.to_owned(),
            name: new.name.to_owned(),
            scope: new.scope,
            created_at: new.at,
            expires_at: new.expires_at,
            used_at: None,
        })
    }

    /// A user's personal access tokens, oldest first, the expired among them.
    pub fn tokens(&self, user: UserId) -> Result<Vec<Token>, CatalogError> {
        let conn = self.reads();
        let mut statement =
            conn.prepare_cached(&format!("SELECT {TOKEN} FROM tokens t WHERE user_id = ?1 ORDER BY created_at, id"))?;
        let tokens = statement.query_map([user.0], token_of)?.collect::<Result<_, _>>()?;
        Ok(tokens)
    }

    /// Whose token it is and which, if it has not expired and the account may be used; keeps that it was used.
    pub fn use_token(&self, hash: &SecretHash, at: i64) -> Result<Option<(Account, Token)>, CatalogError> {
        let found = self
            .reads()
            .prepare_cached(&format!(
                "SELECT {TOKEN}, {ACCOUNT} FROM tokens t JOIN users u ON u.id = t.user_id
                 WHERE t.hash = ?1 AND coalesce(t.expires_at > ?2, 1) AND u.disabled_at IS NULL"
            ))?
            .query_row((hash, at), |row| Ok((account_of(row)?, token_of(row)?)))
            .optional()?;
        if let Some((_, token)) = &found
            && token.used_at.is_none_or(|used_at| at - used_at >= USED_STEP)
        {
            let kept = self.casual().execute("UPDATE tokens SET used_at = ?2 WHERE id = ?1", (&token.id, at));
            if let Err(error) = kept {
                // No reason to keep its holder out.
                tracing::warn!(%error, "when a token was used could not be kept");
            }
        }
        Ok(found)
    }

    /// Revokes a user's token by its id.
    pub fn revoke_token(&self, user: UserId, id: &str) -> Result<(), CatalogError> {
        let n_revoked = self.durable().execute("DELETE FROM tokens WHERE user_id = ?1 AND id = ?2", (user.0, id))?;
        if n_revoked == 0 { Err(CatalogError::TokenNotFound(id.to_owned())) } else { Ok(()) }
    }
}

fn token_of(row: &Row<'_>) -> rusqlite::Result<Token> {
    let is_read = row.get_ref("scope")?.as_str()? == Scope::Read.name();
    Ok(Token {
        id: row.get("token_id")?,
        name: row.get("name")?,
        scope: if is_read { Scope::Read } else { Scope::ReadWrite },
        created_at: row.get("made_at")?,
        expires_at: row.get("expires_at")?,
        used_at: row.get("used_at")?,
    })
}
