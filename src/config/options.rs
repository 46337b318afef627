//! What the settings say of each part of the exporter.
//!
//! Not here: targets, and how anything is read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderName;
use secrecy::{ExposeSecret, SecretString};

use crate::secret::SecretSource;
use crate::upstream::ProviderId;

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

/// How webhooks are received.
#[derive(Debug, Clone)]
pub struct Webhooks {
    /// `WEBHOOK_SECRET`: what each must carry.
    pub secret: SecretSource,
    /// `WEBHOOK_SECRET_HEADER`: where.
    pub header: HeaderName,
    /// `WEBHOOK_URL`: the address at which they arrive, without a trailing slash.
    pub url: Option<Arc<str>>,
    /// What providers sign with that have a secret of their own.
    pub own_secrets: Vec<(ProviderId, SecretSource)>,
}

impl Webhooks {
    /// The secret as it is now.
    ///
    /// # Errors
    ///
    /// When its file cannot be read or holds a short one, in words that do not repeat it.
    pub fn read_secret(&self) -> Result<SecretString, String> {
        let secret = self.secret.read().map_err(|error| error.to_string())?;
        long_enough(&secret).map(|()| secret)
    }

    /// The secret that a provider signs with itself, as it is now; `None` when none is set.
    ///
    /// # Errors
    ///
    /// When its file cannot be read, in words that do not repeat it.
    pub fn read_own_secret(&self, provider: ProviderId) -> Option<Result<SecretString, String>> {
        let (_, secret) = self.own_secrets.iter().find(|(other, _)| *other == provider)?;
        Some(secret.read().map_err(|error| error.to_string()))
    }
}

/// Whoever guesses the secret can say that a line is well, and may try as often as the network lets
/// them.
const MIN_WEBHOOK_SECRET: usize = 16;

/// Refuses a secret that can be guessed.
pub(super) fn long_enough(secret: &SecretString) -> Result<(), String> {
    if secret.expose_secret().len() < MIN_WEBHOOK_SECRET {
        return Err(format!(
            "has fewer than {MIN_WEBHOOK_SECRET} characters; make one with `openssl rand -hex 32`"
        ));
    }
    Ok(())
}

/// The gateway between the application and the upstreams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewaySettings {
    /// `GATEWAY_ADDRESS`: where it listens.
    pub address: SocketAddr,
    /// `GATEWAY_MAX_CONNECTIONS`: how many connections of the application may be open.
    pub max_connections: usize,
    /// `GATEWAY_HOLD`: how long a request is held while its channel reconnects.
    pub hold: Option<Duration>,
    /// Where the routes of providers lead, but for targets with an address of their own.
    pub routes: Vec<(ProviderId, Arc<str>)>,
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
