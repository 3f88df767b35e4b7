//! `quire token`: personal access tokens of accounts, and the keys that sign what log-ins give out.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{
    config::Settings,
    terminal::{print_json, print_line},
    user::{accounts, time},
};
use crate::{
    auth::{NewPersonalToken, Scope, Token, rotate_keys},
    fault::Fault,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Print a new token for an agent's configuration; it is shown this once
    Create {
        /// The e-mail address of whose sheets it opens
        email: String,
        /// What it is for, such as `laptop`
        #[arg(long)]
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value_t = ScopeArg::Read)]
        scope: ScopeArg,
        /// Days until it expires
        #[arg(long, value_name = "N", default_value_t = NewPersonalToken::DEFAULT_DAYS, conflicts_with = "never")]
        days: u32,
        /// It never expires
        #[arg(long)]
        never: bool,
    },
    /// List an account's tokens, without the tokens themselves
    List { email: String },
    /// Revoke a token by its id
    Revoke { email: String, id: String },
    /// Sign with a new key from now on
    RotateKeys {
        /// Refuse what the old keys signed; people's sessions go on with their refresh tokens
        #[arg(long)]
        at_once: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ScopeArg {
    Read,
    #[value(alias = "read_write")]
    ReadWrite,
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<(), Fault> {
    // Before all else: keys that can't be used keep the accounts from being opened.
    if let Command::RotateKeys { at_once } = command {
        return rotate(&settings, at_once);
    }
    let accounts = accounts(&settings)?;
    let admin = accounts.admin();
    match command {
        Command::Create { email, name, scope, days, never } => {
            let scope = match scope {
                ScopeArg::Read => Scope::Read,
                ScopeArg::ReadWrite => Scope::ReadWrite,
            };
            let new = NewPersonalToken { name, scope, days: (!never).then_some(days) };
            let created = admin.create_token(&email, new).await?;
            if !settings.json {
                return print_line(created.secret.reveal());
            }
            let mut shown = shown(&created.token);
            shown.insert("token".to_owned(), created.secret.reveal().into());
            print_json(&shown)
        }
        Command::List { email } => {
            let tokens = admin.tokens(&email).await?;
            if settings.json {
                return print_json(&tokens.iter().map(shown).collect::<Vec<_>>());
            }
            tokens.iter().try_for_each(|token| print_line(&line(token)))
        }
        Command::Revoke { email, id } => {
            admin.revoke_token(&email, &id).await?;
            if settings.json { print_json(&json!({"revoked": id})) } else { print_line(&format!("{id} is revoked")) }
        }
        Command::RotateKeys { .. } => Ok(()),
    }
}

fn rotate(settings: &Settings, at_once: bool) -> Result<(), Fault> {
    let house = settings.house_for(&[])?;
    let rotated = rotate_keys(house.data_dir(), at_once)?;
    if settings.json {
        return print_json(&json!({"key": rotated.id, "replaced": rotated.replaced}));
    }
    if let Some(why) = &rotated.replaced {
        print_line(&format!("{why}: the old keys are gone, and people's sessions go on with their refresh tokens"))?;
    }
    print_line(&format!("signing with key {}", rotated.id))
}

fn line(token: &Token) -> String {
    let expires = token.expires_at.map_or_else(|| "never expires".to_owned(), |at| format!("expires {}", time(at)));
    let used = token.used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", time(at)));
    format!("{}  {}  {}  {expires}  {used}", token.id, token.name, token.scope.name())
}

fn shown(token: &Token) -> serde_json::Map<String, Value> {
    let fields = [
        ("id", json!(token.id)),
        ("name", json!(token.name)),
        ("scope", json!(token.scope.name())),
        ("created_at", json!(time(token.created_at))),
        ("expires_at", json!(token.expires_at.map(time))),
        ("last_used_at", json!(token.used_at.map(time))),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}
