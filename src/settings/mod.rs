//! Settings: the environment and the settings file, read into targets and listener options.
//!
//! Not here: anything that acts on them. No secret is read here but those that the environment holds itself.

mod environment;
mod file;
mod name;
mod problems;
mod secret;
mod target;
mod value;
pub(crate) mod yaml;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use environment::VARIABLES;
pub use name::Name;
pub use problems::Problems;
pub(crate) use secret::shown as shown_path;
pub use secret::{Fingerprint, SecretError, SecretSource, fingerprint};
pub use target::{
    App, ChannelOptions, ChannelTarget, TokenOptions, TokenTarget, UNKNOWN_CREDENTIAL,
};

use hyper::header::HeaderName;

use environment::Environment;
use target::Targets;

/// Everything the exporter is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `LISTEN_ADDRESS`.
    pub listen: SocketAddr,
    /// `WEB_CONFIG_FILE`: TLS and authentication on the listener.
    pub web_config_file: Option<PathBuf>,
    /// `LOG_LEVEL` and `LOG_FORMAT`.
    pub log: Log,
    /// `POLL_TIMEOUT`, `POLL_CONCURRENCY` and `EXTRA_CA_FILE`.
    pub polling: Polling,
    /// Whapi's webhooks, if they are received.
    pub webhooks: Option<Webhooks>,
    /// The gateway, if there is one.
    pub gateway: Option<Gateway>,
    /// `STATE_FILE`: keeps statuses and counters over a restart.
    pub state_file: Option<PathBuf>,
    /// `ENABLE_LIFECYCLE`: whether `POST /-/reload` is answered to others than loopback too.
    pub lifecycle_from_anywhere: bool,
    /// The channels to watch, of the environment and of the file.
    pub channels: Vec<ChannelTarget>,
    /// The tokens to watch, of the environment and of the file.
    pub tokens: Vec<TokenTarget>,
}

/// How the exporter logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// `LOG_LEVEL`: the least severe level that is written.
    pub level: tracing::Level,
    /// `LOG_FORMAT`.
    pub format: LogFormat,
}

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How Whapi's webhooks are received.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// `WEBHOOK_SECRET`: what each must carry.
    pub secret: SecretSource,
    /// `WEBHOOK_SECRET_HEADER`: where.
    pub header: HeaderName,
    /// `WEBHOOK_URL`: the address at which Whapi reaches them, without a trailing slash.
    pub url: Option<Arc<str>>,
}

/// The gateway between the application and the upstreams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// `GATEWAY_ADDRESS`: where it listens.
    pub address: SocketAddr,
    /// `GATEWAY_MAX_CONNECTIONS`: how many connections of the application may be open.
    pub max_connections: usize,
    /// `GATEWAY_HOLD`: how long a request is held while its channel reconnects.
    pub hold: Option<Duration>,
    /// Where `/whapi` leads, but for channels with an address of their own.
    pub whapi_url: Arc<str>,
    /// Where `/meta` leads, but for tokens with an address of their own.
    pub meta_url: Arc<str>,
}

/// How targets are asked, all of them alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polling {
    /// `POLL_TIMEOUT`: the longest a whole answer may take.
    pub timeout: Duration,
    /// `POLL_CONCURRENCY`: how many requests may be under way at a time.
    pub concurrency: usize,
    /// `EXTRA_CA_FILE`: PEM certificates trusted beside the public roots.
    pub extra_ca_file: Option<PathBuf>,
    /// Whether the usual proxy variables are honoured; the demo's simulator is on this machine.
    pub use_proxy: bool,
}

/// The default of `LISTEN_ADDRESS`.
pub const DEFAULT_LISTEN: &str = "[::]:10401";

impl Settings {
    /// Reads the settings from these variables and from the file that `CONFIG_FILE` names.
    ///
    /// # Errors
    ///
    /// Every mistake found, each as a sentence that names the setting and never prints a value that could be a secret.
    pub fn load(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let environment = Environment::read(variables, &mut problems);
        let timeout = environment.poll_timeout(&mut problems);
        let mut targets = Targets::new(timeout, environment.stale_after(&mut problems));
        let settings = Self {
            listen: environment.listen(&mut problems),
            web_config_file: environment.web_config_file(),
            log: environment.log(&mut problems),
            polling: Polling {
                timeout,
                concurrency: environment.poll_concurrency(&mut problems),
                extra_ca_file: environment.extra_ca_file(),
                use_proxy: true,
            },
            webhooks: environment.webhooks(&mut problems),
            gateway: None,
            state_file: environment.state_file(),
            lifecycle_from_anywhere: environment.enable_lifecycle(&mut problems),
            channels: Vec::new(),
            tokens: Vec::new(),
        };
        let defaults = environment.defaults(&mut problems);
        environment.targets(&defaults, &mut targets, &mut problems);
        if let Some(path) = environment.config_file() {
            file::read(Path::new(path), &defaults, &mut targets, &mut problems);
        }
        if targets.is_empty() && problems.is_empty() {
            problems.add(
                "nothing to watch: set WHAPI_TOKEN (or WHAPI_TOKEN_FILE) for a channel, META_TOKEN (or META_TOKEN_FILE) \
                 for a token, or CONFIG_FILE for several; to see the exporter without any of them, run `whatsapp-exporter demo`",
            );
        }
        let gateway = environment.gateway(&defaults, &mut problems);
        if gateway.is_some() {
            targets.refuse_unknown_credentials_name(&mut problems);
        }
        let (channels, tokens) = targets.finish(&mut problems);
        problems.into_result(Self { gateway, channels, tokens, ..settings })
    }
}

/// The address that `LISTEN_ADDRESS` names and the file that `WEB_CONFIG_FILE` names, for a command that needs nothing else.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub fn listener(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(SocketAddr, Option<PathBuf>), Problems> {
    let mut problems = Problems::default();
    let environment = Environment::read(
        variables
            .into_iter()
            .filter(|(name, _)| name == "LISTEN_ADDRESS" || name == "WEB_CONFIG_FILE"),
        &mut problems,
    );
    let listen = environment.listen(&mut problems);
    problems.into_result((listen, environment.web_config_file()))
}

/// What targets take when they do not say otherwise.
#[derive(Debug, Clone)]
struct Defaults {
    whapi_api_url: Arc<str>,
    whapi_poll_interval: Duration,
    meta_api_url: Arc<str>,
    meta_api_version: Arc<str>,
    meta_poll_interval: Duration,
    meta_required_scopes: Arc<[Box<str>]>,
}
