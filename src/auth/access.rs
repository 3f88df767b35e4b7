//! Access tokens: short-lived JWTs, signed and checked with HMAC-SHA-256 alone.
//!
//! Symmetric, since whoever checks them is who signed them: there is no public key to confuse with a secret.

use std::time::Duration;

use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuthError, Settings, keys::Keys, millis};
use crate::{catalog::now, fault::Fault, secret::Secret};

/// RFC 9068, so that no other JWT signed with these keys could pass for one.
const TYPE: &str = "at+jwt";

/// More than any token of ours.
const MAX_BYTES: usize = 4_096;

/// Seconds by which the clocks of processes that share a data folder may differ.
const LEEWAY: u32 = 5;

/// The claims of an access token. Times are Unix seconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: String,
    /// The user's key.
    pub(super) sub: String,
    /// The session.
    pub(super) sid: String,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Makes access tokens and checks them.
pub(super) struct Issuer {
    keys: Keys,
    validation: Validation,
    iss: String,
    aud: String,
    life: Duration,
}

impl Issuer {
    pub(super) fn new(keys: Keys, settings: &Settings) -> Issuer {
        let Settings { issuer, audience, access_life, .. } = settings.clone();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY.into();
        validation.validate_nbf = true;
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "nbf", "exp"]);
        Issuer { keys, validation, iss: issuer, aud: audience, life: access_life }
    }

    pub(super) fn life(&self) -> Duration {
        self.life
    }

    /// A new access token of a session.
    pub(super) fn issue(&self, user_key: &str, session: &str) -> Result<Secret, Fault> {
        let keys = self.keys.current()?;
        let at = now() / 1_000;
        let claims = Claims {
            iss: self.iss.clone(),
            aud: self.aud.clone(),
            sub: user_key.to_owned(),
            sid: session.to_owned(),
            jti: Uuid::new_v4().simple().to_string(),
            iat: at,
            nbf: at,
            exp: at + millis(self.life) / 1_000,
        };
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.to_owned());
        header.kid = Some(keys.id.clone());
        jsonwebtoken::encode(&header, &claims, &keys.signing).map(Secret::new).map_err(Fault::internal)
    }

    /// The claims of a token that is ours and has not run out; whether its session goes on is another question.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, AuthError> {
        let keys = self.keys.current()?;
        let invalid = |_| AuthError::Token;
        if token.len() > MAX_BYTES {
            return Err(AuthError::Token);
        }
        let header = jsonwebtoken::decode_header(token).map_err(invalid)?;
        if header.typ.as_deref() != Some(TYPE) {
            return Err(AuthError::Token);
        }
        let key = header.kid.and_then(|kid| keys.verifying(&kid)).ok_or(AuthError::Token)?;
        // Whatever the header says, `validation` knows one algorithm.
        let claims = jsonwebtoken::decode::<Claims>(token, &key.key, &self.validation).map_err(invalid)?.claims;
        let is_too_late = |retired_at: i64| claims.iat > retired_at / 1_000 + i64::from(LEEWAY);
        if key.retired_at.is_some_and(is_too_late) {
            return Err(AuthError::Token);
        }
        Ok(claims)
    }
}
