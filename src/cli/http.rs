//! `quire http`: the HTTP surface.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::ValueEnum;
use ipnet::IpNet;
use serde_json::json;
use tokio::net::TcpListener;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::{
    MakeRemote,
    config::{Settings, Size},
    terminal::print_json,
};
use crate::{
    auth::{self, Accounts, Registration},
    context::Stopping,
    fault::{Code, Fault},
    http::{self, App, Auth, Bodies, Jobs, Metrics, Readiness},
    mcp::remote::RemoteLimits,
    secret::Secret,
    tools,
    worker::heap,
    workspace::{House, Quotas, Remote, SWEPT_EVERY},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7788", env = "QUIRE_LISTEN")]
    listen: SocketAddr,
    /// Who may use it
    #[arg(long, value_enum, default_value_t = AuthMode::Accounts)]
    auth: AuthMode,
    /// Who may make an account [default: open where only this machine can reach it, else invite]
    #[arg(long, value_enum, env = "QUIRE_REGISTRATION")]
    registration: Option<RegistrationMode>,
    /// The address that people and agents use, such as `https://quire.example.org` [default: where it listens]
    #[arg(long, value_name = "URL", env = "QUIRE_PUBLIC_URL")]
    public_url: Option<Url>,
    /// Network of a proxy whose forwarding headers are believed, such as 10.0.0.0/8; repeatable
    #[arg(long, value_name = "CIDR")]
    trusted_proxy: Vec<IpNet>,
    /// Origin whose pages may call, besides the public address; repeatable
    #[arg(long, value_name = "ORIGIN")]
    allowed_origin: Vec<String>,
    /// Host name to answer to, besides those of the loopback and of the public address; repeatable
    #[arg(long, value_name = "HOST")]
    allowed_host: Vec<String>,
    /// Connections at once
    #[arg(long, value_name = "N", default_value = "1024", value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,
    /// Seconds that the head of a request may take, and that a connection may idle
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = clap::value_parser!(u16).range(1..))]
    head_timeout: u16,
    /// Seconds that the body of a request may pause
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u16).range(1..))]
    body_timeout: u16,
    /// Seconds that calls under way may still take when the server is told to stop
    #[arg(long, value_name = "SECONDS", default_value = "20")]
    grace: u16,
    /// File with a token that opens `/metrics`; without it, they are for this machine only
    #[arg(long, value_name = "FILE")]
    metrics_token_file: Option<PathBuf>,
    /// Bytes that each user may keep: versions, those of deleted sheets too, and uploads
    #[arg(long, value_name = "SIZE", default_value = "20GB", env = "QUIRE_USER_STORAGE")]
    user_storage: Size,
    /// Sheets that each user may have
    #[arg(long, value_name = "N", default_value = "5000")]
    user_sheets: u64,
    /// Uploads that each user may have under way at once
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..))]
    user_uploads: u16,
}

/// Longer content is to be uploaded; the time to come back is longer than the delay that clients are told to take.
const MCP: RemoteLimits = RemoteLimits {
    message_bytes: http::MAX_MESSAGE,
    n_per_user: 256,
    n_in_all: 2_048,
    idle_for: Duration::from_mins(30),
    resumable_for: Duration::from_secs(5),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuthMode {
    /// Those who have an account, by their tokens
    Accounts,
    /// One local user, without a token; on loopback only
    None,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RegistrationMode {
    /// Anyone
    Open,
    /// Who has a code of `quire user invite`
    Invite,
    /// Nobody: `quire user add` makes accounts
    Closed,
}

impl Args {
    fn registration(&self) -> Registration {
        match self.registration {
            Some(RegistrationMode::Open) => Registration::Open,
            Some(RegistrationMode::Invite) => Registration::Invite,
            Some(RegistrationMode::Closed) => Registration::Closed,
            None if self.is_for_this_machine() => Registration::Open,
            None => Registration::Invite,
        }
    }

    /// A server behind a proxy listens on loopback as well, and is there for others.
    fn is_for_this_machine(&self) -> bool {
        let is_public = self.public_url.as_ref().is_some_and(|url| match url.host() {
            Some(Host::Ipv4(address)) => !address.is_loopback(),
            Some(Host::Ipv6(address)) => !address.is_loopback(),
            Some(Host::Domain(name)) => name != "localhost",
            None => true,
        });
        self.listen.ip().is_loopback() && self.trusted_proxy.is_empty() && !is_public
    }
}

pub(super) async fn run(settings: Settings, args: Args, mcp: MakeRemote) -> Result<(), Fault> {
    if args.auth == AuthMode::None && !args.is_for_this_machine() {
        return Err(Fault::new(
            Code::InvalidArguments,
            format!(
                "`--auth none` serves anyone who can reach it, and `{}` may be reached from elsewhere",
                args.listen
            ),
        )
        .hint(
            "use `--auth accounts`; or listen on 127.0.0.1, with no `--trusted-proxy` and no `--public-url` elsewhere",
        ));
    }
    heap::share_arenas();
    let metrics = Metrics::start(args.metrics_token_file.as_deref().map(read_token).transpose()?)?;
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        Fault::new(Code::InvalidArguments, format!("can't listen on `{}`: {error}", args.listen))
            .hint("choose another port with `--listen`; port 0 takes a free one")
    })?;
    let address = listener.local_addr().map_err(Fault::internal)?;
    let public_url = match &args.public_url {
        Some(url) => url.clone(),
        None => Url::parse(&format!("http://{address}")).map_err(Fault::internal)?,
    };
    let remote = Remote::new(public_url.as_str().trim_end_matches('/').to_owned());
    let quotas =
        Quotas { storage_bytes: args.user_storage.0, sheets: args.user_sheets, uploads: args.user_uploads.into() };
    let house = settings.remote_house(remote, quotas)?;
    house.check_sandbox().await?;
    let auth = match args.auth {
        AuthMode::None => Auth::Local(house.local_user()?),
        AuthMode::Accounts => Auth::Accounts(Accounts::open(
            &house,
            auth::Settings { registration: args.registration(), ..auth::Settings::default() },
        )?),
    };
    let (registry, stopping) = (Arc::new(settings.equipped(tools::remote())?), Stopping::default());
    let app = Arc::new(App {
        house: Arc::clone(&house),
        mcp: mcp(Arc::clone(&registry), MCP, stopping.clone()),
        registry,
        auth,
        settings: http::Settings {
            address,
            public_url,
            allowed_hosts: args.allowed_host,
            allowed_origins: args.allowed_origin,
            trusted_proxies: args.trusted_proxy,
            max_connections: args.max_connections.into(),
            head_timeout: Duration::from_secs(args.head_timeout.into()),
            body_timeout: Duration::from_secs(args.body_timeout.into()),
            grace: Duration::from_secs(args.grace.into()),
        },
        stopping,
        metrics,
        jobs: Jobs::default(),
        bodies: Bodies::default(),
        readiness: Readiness::default(),
    });
    let tidying = [tokio::spawn(sweep(Arc::clone(&house))), tokio::spawn(tidy(Arc::clone(&app)))];
    print_json(&json!({"listening": format!("http://{address}")}))?;
    let outcome = http::serve(listener, app, told_to_stop()).await;
    tidying.iter().for_each(tokio::task::JoinHandle::abort);
    house.write_log().await;
    outcome
}

fn read_token(file: &Path) -> Result<Secret, Fault> {
    let unusable = |why: &str| {
        Fault::new(Code::InvalidArguments, format!("`{}` holds no token: {why}", file.display()))
            .hint("write at least 16 characters to it, such as `openssl rand -hex 32` gives")
    };
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| unusable(&error.to_string()))?);
    let token = text.trim();
    if token.len() < 16 { Err(unusable("it is too short")) } else { Ok(Secret::new(token)) }
}

/// Ctrl-C, or what service managers send.
async fn told_to_stop() {
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    #[cfg(unix)]
    {
        let terminated = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => drop(signal.recv().await),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = interrupted => (),
            () = terminated => (),
        }
    }
    #[cfg(not(unix))]
    interrupted.await;
}

async fn sweep(house: Arc<House>) {
    let mut hours = tokio::time::interval(SWEPT_EVERY);
    loop {
        hours.tick().await;
        if let Err(fault) = house.sweep().await {
            tracing::warn!(%fault, "old files could not be removed");
        }
    }
}

/// What is kept in memory for a while only.
async fn tidy(app: Arc<App>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(10));
    loop {
        seconds.tick().await;
        if let Err(fault) = app.house.shrink().await {
            tracing::warn!(%fault, "the catalog keeps its memory");
        }
        heap::give_back();
        app.metrics.tidy();
        app.jobs.tidy();
        if let Some(remote) = app.house.remote() {
            remote.tidy();
        }
    }
}
