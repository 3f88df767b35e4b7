//! Reading passwords: from a terminal without echo, or from standard input; never from an argument, which others see.

use std::io::{self, IsTerminal, Read};

use zeroize::Zeroizing;

use crate::{
    fault::{Code, Fault},
    secret::Secret,
};

/// More than any password.
const MAX_BYTES: u64 = 4_096;

#[derive(Debug, clap::Args)]
pub(super) struct PasswordArgs {
    /// Read the password from standard input, without its last line break
    #[arg(long)]
    password_stdin: bool,
}

/// A password that someone chooses; asked for twice at a terminal.
pub(super) fn new_password(args: &PasswordArgs) -> Result<Secret, Fault> {
    if args.password_stdin {
        return from_stdin();
    }
    if !io::stdin().is_terminal() {
        return Err(Fault::new(Code::InvalidArguments, "there is no terminal to ask for the password")
            .hint("add `--password-stdin` and send the password to standard input"));
    }
    let first = Secret::new(rpassword::prompt_password("Password: ").map_err(unread)?);
    let second = Secret::new(rpassword::prompt_password("Once more: ").map_err(unread)?);
    if first != second {
        return Err(Fault::new(Code::InvalidArguments, "the two passwords differ").hint("try again"));
    }
    Ok(first)
}

fn from_stdin() -> Result<Secret, Fault> {
    let mut text = Zeroizing::new(String::new());
    io::stdin().lock().take(MAX_BYTES).read_to_string(&mut text).map_err(unread)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn unread(error: io::Error) -> Fault {
    Fault::new(Code::InvalidArguments, format!("the password can't be read: {error}"))
}
