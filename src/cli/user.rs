//! `quire user`: accounts of those who use this Quire over HTTP.

use chrono::DateTime;
use serde_json::{Value, json};

use super::{
    config::Settings,
    secrets::{PasswordArgs, new_password},
    terminal::{print_json, print_line},
};
use crate::{
    auth::{self, Accounts},
    catalog::Account,
    fault::Fault,
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Add an account
    Add {
        /// Its e-mail address
        email: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List the accounts
    List,
    /// Keep someone out at once; sheets and tokens stay for when the account is enabled again
    Disable { email: String },
    /// Let someone in again
    Enable { email: String },
    /// Set a password, and end the sessions of whoever used the old one
    Passwd {
        email: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Print a code with which someone can register, once
    Invite {
        /// Whom it is for [default: anyone who has the code]
        #[arg(long)]
        email: Option<String>,
        /// Days until it expires
        #[arg(long, value_name = "N", default_value = "7", value_parser = clap::value_parser!(u32).range(1..=365))]
        days: u32,
    },
}

pub(super) async fn run(settings: Settings, command: Command) -> Result<(), Fault> {
    let accounts = accounts(&settings)?;
    let admin = accounts.admin();
    let said = |email: &str, what: &str| {
        if settings.json {
            print_json(&json!({"email": email, "state": what}))
        } else {
            print_line(&format!("{email} is {what}"))
        }
    };
    match command {
        Command::Add { email, password } => {
            let account = admin.add(&email, new_password(&password)?.reveal()).await?;
            if settings.json { print_json(&shown(&account)) } else { said(&account.email, "added") }
        }
        Command::List => {
            let accounts = admin.accounts().await?;
            if settings.json {
                return print_json(&accounts.iter().map(shown).collect::<Vec<_>>());
            }
            accounts.iter().try_for_each(|account| {
                let state = if account.disabled_at.is_some() { "disabled" } else { "enabled" };
                print_line(&format!("{}  {state}  since {}", account.email, time(account.created_at)))
            })
        }
        Command::Disable { email } => {
            admin.set_disabled(&email, true).await?;
            said(&email, "disabled")
        }
        Command::Enable { email } => {
            admin.set_disabled(&email, false).await?;
            said(&email, "enabled")
        }
        Command::Passwd { email, password } => {
            // Before anyone types a password for nobody.
            admin.account(&email).await?;
            admin.set_password(&email, new_password(&password)?.reveal()).await?;
            said(&email, "given a new password")
        }
        Command::Invite { email, days } => {
            let code = admin.invite(email.as_deref(), days).await?;
            if settings.json {
                return print_json(&json!({"invitation": code.reveal(), "email": email, "expires_in_days": days}));
            }
            print_line(code.reveal())
        }
    }
}

/// The accounts of the data folder; no file of a user's is read here.
pub(super) fn accounts(settings: &Settings) -> Result<Accounts, Fault> {
    Accounts::open(&settings.house_for(&[])?, auth::Settings::default())
}

/// ISO 8601 in UTC, from Unix milliseconds.
pub(super) fn time(at: i64) -> String {
    DateTime::from_timestamp_millis(at).map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default()
}

fn shown(account: &Account) -> Value {
    json!({
        "id": account.user.key,
        "email": account.email,
        "created_at": time(account.created_at),
        "disabled_at": account.disabled_at.map(time),
    })
}
