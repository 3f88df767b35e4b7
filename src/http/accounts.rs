//! `/v1/auth/…`: registering, logging in and out, passwords, and personal access tokens.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    App,
    extract::{JsonBody, Named},
    origin::Client,
    problem::{FieldError, FieldErrors, Problem},
    visitor::Known,
};
use crate::{
    auth::{AuthError, Credential, NewPersonalToken, Scope, Token, TokenPair},
    fault::Fault,
    secret::Secret,
};

/// Bytes of a body.
const MAX_BODY: usize = 16 << 10;

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(refresh))
        .routes(routes!(logout))
        .routes(routes!(change_password))
        .routes(routes!(me))
        .routes(routes!(tokens, create_token))
        .routes(routes!(revoke_token))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration {
    #[schema(example = "ann@example.org", max_length = 254)]
    email: String,
    /// 8 to 256 characters; not the address, and not among the most common.
    #[schema(example = "correct horse, other battery", min_length = 8, max_length = 256, value_type = String)]
    password: Secret,
    /// A code of `quire user invite`, where the server asks for one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    invitation: Option<Secret>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Login {
    #[schema(example = "ann@example.org", max_length = 254)]
    email: String,
    #[schema(example = "correct horse, other battery", max_length = 256, value_type = String)]
    password: Secret,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Refresh {
    /// Of the last log-in or refresh; it is good once.
    #[schema(value_type = String)]
    refresh_token: Secret,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    #[schema(max_length = 256, value_type = String)]
    current_password: Secret,
    /// As in a registration.
    #[schema(min_length = 8, max_length = 256, value_type = String)]
    new_password: Secret,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    /// What it is for; each of your tokens has another name.
    #[schema(example = "laptop", min_length = 1, max_length = 100)]
    name: String,
    #[serde(default)]
    scope: ScopeName,
    /// 1 to 3,650; null: it never expires.
    #[serde(default = "default_days")]
    #[schema(default = 90, minimum = 1, maximum = 3650)]
    expires_in_days: Option<u32>,
}

#[expect(clippy::unnecessary_wraps, reason = "the field's type")]
fn default_days() -> Option<u32> {
    Some(NewPersonalToken::DEFAULT_DAYS)
}

/// What a token may do.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ScopeName {
    #[default]
    Read,
    #[serde(alias = "read-write")]
    ReadWrite,
}

impl From<Scope> for ScopeName {
    fn from(scope: Scope) -> ScopeName {
        match scope {
            Scope::Read => ScopeName::Read,
            Scope::ReadWrite => ScopeName::ReadWrite,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Registered {
    id: String,
    email: String,
    /// ISO 8601, in UTC, as all times here.
    #[schema(example = "2026-01-31T09:30:00Z")]
    created_at: String,
}

#[derive(Serialize, ToSchema)]
struct Tokens {
    #[serde(serialize_with = "Secret::serialize")]
    #[schema(value_type = String)]
    access_token: Secret,
    #[serde(serialize_with = "Secret::serialize")]
    #[schema(value_type = String)]
    refresh_token: Secret,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    expires_in: u64,
}

impl From<TokenPair> for Tokens {
    fn from(pair: TokenPair) -> Tokens {
        Tokens {
            access_token: pair.access,
            refresh_token: pair.refresh,
            token_type: "Bearer",
            expires_in: pair.expires_in.as_secs(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct Me {
    id: String,
    email: String,
    scope: ScopeName,
    credential: CredentialKind,
}

/// What the request showed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CredentialKind {
    AccessToken,
    PersonalAccessToken,
}

#[derive(Serialize, ToSchema)]
struct PersonalToken {
    id: String,
    name: String,
    scope: ScopeName,
    created_at: String,
    /// Null: never.
    expires_at: Option<String>,
    /// To the minute.
    last_used_at: Option<String>,
}

impl From<Token> for PersonalToken {
    fn from(token: Token) -> PersonalToken {
        PersonalToken {
            id: token.id,
            name: token.name,
            scope: token.scope.into(),
            created_at: time(token.created_at),
            expires_at: token.expires_at.map(time),
            last_used_at: token.used_at.map(time),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct PersonalTokens {
    tokens: Vec<PersonalToken>,
}

#[derive(Serialize, ToSchema)]
struct CreatedToken {
    /// Shown this once.
    #[serde(serialize_with = "Secret::serialize")]
    #[schema(value_type = String)]
    token: Secret,
    #[serde(flatten)]
    about: PersonalToken,
}

/// Make an account
#[utoipa::path(
    post, path = "/v1/auth/register", tag = "accounts", request_body = Registration, security(()),
    responses(
        (status = 201, description = "The account", body = Registered),
    )
)]
async fn register(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    JsonBody(body): JsonBody<Registration>,
) -> Result<(StatusCode, Json<Registered>), Refused> {
    let Registration { email, password, invitation } = body;
    let account = app
        .auth
        .accounts()?
        .register(&email, password.reveal(), invitation.as_ref().map(Secret::reveal), client.address)
        .await?;
    let registered = Registered { id: account.user.key, email: account.email, created_at: time(account.created_at) };
    Ok((StatusCode::CREATED, Json(registered)))
}

/// Log in
#[utoipa::path(
    post, path = "/v1/auth/login", tag = "accounts", request_body = Login, security(()),
    responses((status = 200, description = "A session's first tokens", body = Tokens))
)]
async fn login(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    JsonBody(body): JsonBody<Login>,
) -> Result<Json<Tokens>, Refused> {
    let pair = app.auth.accounts()?.login(&body.email, body.password.reveal(), client.address).await?;
    Ok(Json(pair.into()))
}

/// Go on with a session
///
/// A refresh token that was used before ends its session, since someone else has it.
#[utoipa::path(
    post, path = "/v1/auth/refresh", tag = "accounts", request_body = Refresh, security(()),
    responses((status = 200, description = "The session's next tokens", body = Tokens))
)]
async fn refresh(
    State(app): State<Arc<App>>,
    Extension(client): Extension<Client>,
    JsonBody(body): JsonBody<Refresh>,
) -> Result<Json<Tokens>, Refused> {
    let pair = app.auth.accounts()?.refresh(body.refresh_token.reveal(), client.address).await?;
    Ok(Json(pair.into()))
}

/// End this session: its access tokens and its refresh tokens
#[utoipa::path(
    post, path = "/v1/auth/logout", tag = "accounts",
    responses((status = 204, description = "It is ended"))
)]
async fn logout(State(app): State<Arc<App>>, Known(caller): Known) -> Result<StatusCode, Refused> {
    app.auth.accounts()?.logout(&caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change the password
///
/// All sessions end, this one too: log in with the new password. Personal access tokens stay.
#[utoipa::path(
    post, path = "/v1/auth/password", tag = "accounts", request_body = PasswordChange,
    responses((status = 204, description = "It is changed"))
)]
async fn change_password(
    State(app): State<Arc<App>>,
    Known(caller): Known,
    Extension(client): Extension<Client>,
    JsonBody(body): JsonBody<PasswordChange>,
) -> Result<StatusCode, Refused> {
    let accounts = app.auth.accounts()?;
    accounts
        .change_password(&caller, body.current_password.reveal(), body.new_password.reveal(), client.address)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose token this is, and what it may do
#[utoipa::path(get, path = "/v1/auth/me", tag = "accounts", responses((status = 200, description = "You", body = Me)))]
async fn me(Known(caller): Known) -> Json<Me> {
    let credential = match caller.credential {
        Credential::Session(_) => CredentialKind::AccessToken,
        Credential::Personal(_) => CredentialKind::PersonalAccessToken,
    };
    Json(Me { id: caller.user.key, email: caller.email, scope: caller.scope.into(), credential })
}

/// Your personal access tokens
#[utoipa::path(
    get, path = "/v1/auth/tokens", tag = "accounts",
    responses((status = 200, description = "Oldest first, without the tokens themselves", body = PersonalTokens))
)]
async fn tokens(State(app): State<Arc<App>>, Known(caller): Known) -> Result<Json<PersonalTokens>, Refused> {
    let tokens = app.auth.accounts()?.tokens(&caller).await?.into_iter().map(PersonalToken::from).collect();
    Ok(Json(PersonalTokens { tokens }))
}

/// Make a personal access token
///
/// For an agent's configuration. It can't change the password or make further tokens.
#[utoipa::path(
    post, path = "/v1/auth/tokens", tag = "accounts", request_body = TokenRequest,
    responses(
        (status = 201, description = "The token, shown this once", body = CreatedToken),
    )
)]
async fn create_token(
    State(app): State<Arc<App>>,
    Known(caller): Known,
    JsonBody(body): JsonBody<TokenRequest>,
) -> Result<(StatusCode, Json<CreatedToken>), Refused> {
    let scope = match body.scope {
        ScopeName::Read => Scope::Read,
        ScopeName::ReadWrite => Scope::ReadWrite,
    };
    let new = NewPersonalToken { name: body.name, scope, days: body.expires_in_days };
    let created = app.auth.accounts()?.create_token(&caller, new).await?;
    Ok((StatusCode::CREATED, Json(CreatedToken { token: created.secret, about: created.token.into() })))
}

/// Revoke a personal access token
#[utoipa::path(
    delete, path = "/v1/auth/tokens/{id}", tag = "accounts",
    params(("id" = String, Path, description = "As the list gives it")),
    responses(
        (status = 204, description = "It is revoked"),
    )
)]
async fn revoke_token(
    State(app): State<Arc<App>>,
    Known(caller): Known,
    Named(id): Named,
) -> Result<StatusCode, Refused> {
    app.auth.accounts()?.revoke_token(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A failure on its way to a problem document.
struct Refused(AuthError);

impl<E: Into<AuthError>> From<E> for Refused {
    fn from(error: E) -> Refused {
        Refused(error.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let retry_after = self.0.retry_after();
        let fields = match &self.0 {
            AuthError::Invalid(errors) => {
                let of = |error: &crate::auth::FieldError| FieldError {
                    field: error.field.to_owned(),
                    detail: error.message.clone(),
                };
                errors.iter().map(of).collect()
            }
            AuthError::Credentials
            | AuthError::Token
            | AuthError::RefreshToken
            | AuthError::Throttled(_)
            | AuthError::Overloaded
            | AuthError::RegistrationClosed
            | AuthError::SessionNeeded
            | AuthError::Fault(_) => Vec::new(),
        };
        let mut response = Problem(Fault::from(self.0)).into_response();
        response.extensions_mut().insert(FieldErrors(fields));
        if let Some(wait) = retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// ISO 8601 in UTC, from Unix milliseconds.
fn time(at: i64) -> String {
    DateTime::from_timestamp_millis(at).map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}
