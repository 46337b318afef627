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

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use environment::VARIABLES;
pub use name::Name;
pub use problems::Problems;
pub use secret::{Fingerprint, SecretError, SecretSource, fingerprint};
pub use target::{App, ChannelOptions, ChannelTarget, TokenOptions, TokenTarget};

use environment::Environment;
use target::Targets;

/// Everything the exporter is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `LISTEN_ADDRESS`.
    pub listen: SocketAddr,
    /// `LOG_LEVEL` and `LOG_FORMAT`.
    pub log: Log,
    /// `POLL_TIMEOUT`, `POLL_CONCURRENCY` and `EXTRA_CA_FILE`.
    pub polling: Polling,
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

/// How targets are asked, all of them alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polling {
    /// `POLL_TIMEOUT`: the longest a whole answer may take.
    pub timeout: Duration,
    /// `POLL_CONCURRENCY`: how many requests may be under way at a time.
    pub concurrency: usize,
    /// `EXTRA_CA_FILE`: PEM certificates trusted beside the public roots.
    pub extra_ca_file: Option<PathBuf>,
    /// Whether the proxy that `HTTP_PROXY` and its like name is used; the demo's upstreams are on this machine.
    pub through_proxy: bool,
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
            log: environment.log(&mut problems),
            polling: Polling {
                timeout,
                concurrency: environment.poll_concurrency(&mut problems),
                extra_ca_file: environment.extra_ca_file(),
                through_proxy: true,
            },
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
        let (channels, tokens) = targets.finish(&mut problems);
        problems.into_result(Self { channels, tokens, ..settings })
    }
}

/// The address that `LISTEN_ADDRESS` names, from these variables, for a command that needs nothing else.
///
/// # Errors
///
/// A sentence that says what is wrong with it.
pub fn listen_address(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<SocketAddr, Problems> {
    let mut problems = Problems::default();
    let environment = Environment::read(
        variables.into_iter().filter(|(name, _)| name == "LISTEN_ADDRESS"),
        &mut problems,
    );
    let listen = environment.listen(&mut problems);
    problems.into_result(listen)
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
