//! Passwords: which may be chosen, and argon2id off the async threads, a few at a time.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{
        PasswordHasher as _, PasswordVerifier as _,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization as _;

use super::{AuthError, FieldError, email::Email, secret};
use crate::{fault::Fault, secret::Secret, workspace::blocking};

/// OWASP's first choice for argon2id where 46 MiB are too much: KiB of memory, passes, lanes.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

const SHORTEST: usize = 8;
const LONGEST: usize = 256;

/// Callers that may wait for a hasher, for each that is being served.
const QUEUE: usize = 32;

/// Those that attackers try first and that are long enough.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password in the clear, in the normal form NFKC: keyboards write the same letters in different ways.
#[derive(Debug, Clone)]
pub(super) struct Password(Secret);

impl Password {
    /// One that is being chosen: long enough, not among the most common, not the address. No rule of composition, as
    /// NIST SP 800-63B advises.
    pub(super) fn chosen(field: &'static str, text: &str, email: &Email) -> Result<Password, FieldError> {
        let password = Password::shown(field, text)?;
        if text.chars().count() < SHORTEST {
            return Err(FieldError::new(field, format!("has fewer than {SHORTEST} characters")));
        }
        let lower = text.to_lowercase();
        let (local_part, _) = email.as_str().split_once('@').unwrap_or((email.as_str(), ""));
        if lower == email.as_str() || lower == local_part {
            return Err(FieldError::new(field, "is the e-mail address"));
        }
        if COMMON.lines().any(|common| common == lower) {
            return Err(FieldError::new(field, "is among the most common passwords"));
        }
        Ok(password)
    }

    /// One that is shown to log in.
    pub(super) fn shown(field: &'static str, text: &str) -> Result<Password, FieldError> {
        if text.chars().count() > LONGEST {
            return Err(FieldError::new(field, format!("has more than {LONGEST} characters")));
        }
        Ok(Password(normal_form(text)))
    }
}

/// As one piece of memory: a text that grows leaves its beginnings behind.
fn normal_form(text: &str) -> Secret {
    let mut normal = String::with_capacity(text.nfkc().map(char::len_utf8).sum());
    normal.extend(text.nfkc());
    Secret::new(normal)
}

/// What a check of a password came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Wrong,
    Right,
    /// Right, and hashed with parameters that are not today's.
    Outdated,
}

/// Hashes and checks passwords.
pub(super) struct Hasher {
    argon2: Argon2<'static>,
    at_work: Arc<Semaphore>,
    /// Those at work and those that wait for them.
    admitted: Arc<Semaphore>,
    /// The PHC string of no password.
    nobodys: String,
}

impl Hasher {
    pub(super) fn new(n_at_once: usize) -> Result<Hasher, Fault> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(Fault::internal)?;
        let nobodys = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(Fault::internal)?,
            salt: Some(Salt::generate()),
            hash: Some(Output::new(&*secret::random()?).map_err(Fault::internal)?),
        };
        let n_at_once = n_at_once.max(1);
        Ok(Hasher {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            at_work: Arc::new(Semaphore::new(n_at_once)),
            admitted: Arc::new(Semaphore::new(n_at_once.saturating_mul(QUEUE + 1))),
            nobodys: nobodys.to_string(),
        })
    }

    /// The PHC string of a password. Fails with `Overloaded` when too many wait.
    pub(super) async fn hash(&self, password: Password) -> Result<String, AuthError> {
        let permits = self.admit().await?;
        let argon2 = self.argon2.clone();
        let hashed = blocking(move || {
            // Held until the work is done: a caller who goes away does not end it.
            let _permits = permits;
            argon2.hash_password(password.0.reveal().as_bytes()).map(|hash| hash.to_string()).map_err(Fault::internal)
        });
        Ok(hashed.await?)
    }

    /// Checks a password against a PHC string. Without one it takes the same time, and is wrong.
    pub(super) async fn verify(&self, password: Password, phc: Option<String>) -> Result<Verdict, AuthError> {
        let permits = self.admit().await?;
        let argon2 = self.argon2.clone();
        let phc = phc.unwrap_or_else(|| self.nobodys.clone());
        let verdict = blocking(move || {
            let _permits = permits;
            let hash = PasswordHash::new(&phc).map_err(Fault::internal)?;
            if argon2.verify_password(password.0.reveal().as_bytes(), &hash).is_err() {
                return Ok(Verdict::Wrong);
            }
            Ok(if is_current(&argon2, &hash) { Verdict::Right } else { Verdict::Outdated })
        });
        Ok(verdict.await?)
    }

    async fn admit(&self) -> Result<[OwnedSemaphorePermit; 2], AuthError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| AuthError::Overloaded)?;
        let at_work = Arc::clone(&self.at_work).acquire_owned().await.map_err(Fault::internal)?;
        Ok([admitted, at_work])
    }
}

fn is_current(argon2: &Argon2<'_>, hash: &PasswordHash) -> bool {
    let now = argon2.params();
    let is_same =
        |then: &Params| (then.m_cost(), then.t_cost(), then.p_cost()) == (now.m_cost(), now.t_cost(), now.p_cost());
    hash.algorithm == Algorithm::Argon2id.ident() && Params::try_from(hash).is_ok_and(|then| is_same(&then))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Hasher {
        /// Takes all places until what it answers is dropped.
        pub(crate) fn occupy(&self) -> OwnedSemaphorePermit {
            let n_places = u32::try_from(self.admitted.available_permits()).unwrap();
            Arc::clone(&self.admitted).try_acquire_many_owned(n_places).unwrap()
        }
    }

    fn email() -> Email {
        Email::parse("ann.miller@example.org").unwrap()
    }

    #[test]
    fn what_may_be_chosen() {
        let check = |text: &str, expect: &str| {
            let found = Password::chosen("password", text, &email()).map_or_else(|it| it.message, |_| String::new());
            assert_eq!(found, expect, "{text}");
        };
        check("", "has fewer than 8 characters");
        check("1234567", "has fewer than 8 characters");
        check("äöüäöüä", "has fewer than 8 characters");
        check("Password1", "is among the most common passwords");
        check("ANN.miller@example.org", "is the e-mail address");
        check("ann.Miller", "is the e-mail address");
        check("äöüäöüäö", "");
        check("just some words", "");
        check(&"x".repeat(256), "");
        check(&"x".repeat(257), "has more than 256 characters");
    }

    #[test]
    fn the_common_passwords_are_such_as_could_be_chosen() {
        let mut seen = std::collections::HashSet::new();
        for line in COMMON.lines() {
            assert!(line.len() >= SHORTEST && line == line.to_lowercase() && seen.insert(line), "{line}");
        }
    }

    #[tokio::test]
    async fn a_password_is_right_for_its_own_hash_alone() {
        let hasher = Hasher::new(1).unwrap();
        let password = |text: &str| Password::shown("password", text).unwrap();
        let composed = hasher.hash(password("\u{fc}ber allem")).await.unwrap();
        assert_eq!(hasher.verify(password("u\u{308}ber allem"), Some(composed)).await.unwrap(), Verdict::Right);
        let phc = hasher.hash(password("just some words")).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(phc, hasher.hash(password("just some words")).await.unwrap());
        assert_eq!(hasher.verify(password("just some words"), Some(phc.clone())).await.unwrap(), Verdict::Right);
        assert_eq!(hasher.verify(password("just some word"), Some(phc)).await.unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify(password("just some words"), None).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn nobodys_hash_costs_what_a_real_one_does() {
        let hasher = Hasher::new(1).unwrap();
        let hash = PasswordHash::new(&hasher.nobodys).unwrap();
        assert!(is_current(&hasher.argon2, &hash));
        assert_eq!(hash.hash.unwrap().len(), 32);
        assert_eq!(hash.salt.unwrap().len(), 16);
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_outdated() {
        let hasher = Hasher::new(1).unwrap();
        let weak = Argon2::from(Params::new(1024, 1, 1, None).unwrap());
        let phc = weak.hash_password(b"just some words").unwrap().to_string();
        let verdict = hasher.verify(Password::shown("password", "just some words").unwrap(), Some(phc)).await.unwrap();
        assert_eq!(verdict, Verdict::Outdated);
    }

    #[tokio::test]
    async fn beyond_the_queue_callers_are_told_to_come_back() {
        let hasher = Hasher::new(1).unwrap();
        let all = hasher.occupy();
        let password = || Password::shown("password", "just some words").unwrap();
        assert!(matches!(hasher.hash(password()).await, Err(AuthError::Overloaded)));
        assert!(matches!(hasher.verify(password(), None).await, Err(AuthError::Overloaded)));
        drop(all);
        assert!(hasher.hash(password()).await.is_ok());
    }
}
