//! What is polled: channels and tokens, as configured.
//!
//! Not here: what is known of them; that is `domain/`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::{Name, Problems, SecretSource};
use crate::domain::{Limits, Provider};

/// One channel to watch.
#[derive(Debug, Clone)]
pub struct ChannelTarget {
    /// The label `channel`.
    pub name: Name,
    /// Whapi's id of it, if it is configured.
    pub channel_id: Option<Box<str>>,
    /// Its token at the provider.
    pub credential: SecretSource,
    /// What it shares with others that are configured alike.
    pub options: Arc<ChannelOptions>,
}

/// How channels are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelOptions {
    /// The label `provider`.
    pub provider: Provider,
    /// The API's base address, without a trailing slash.
    pub api_url: Arc<str>,
    /// How often it is asked, and how long an answer counts.
    pub limits: Limits,
}

/// One token to watch.
#[derive(Debug, Clone)]
pub struct TokenTarget {
    /// The label `token`.
    pub name: Name,
    /// The token.
    pub credential: SecretSource,
    /// The app that inspects it; without one the token inspects itself.
    pub app: Option<App>,
    /// What it shares with others that are configured alike.
    pub options: Arc<TokenOptions>,
}

/// A Meta app that may inspect tokens.
#[derive(Debug, Clone)]
pub struct App {
    /// The app's id.
    pub id: Box<str>,
    /// The app's secret.
    pub secret: SecretSource,
}

/// How tokens are inspected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenOptions {
    /// The label `provider`.
    pub provider: Provider,
    /// The API's base address, without a trailing slash.
    pub api_url: Arc<str>,
    /// The version of the Graph API, such as `v25.0`.
    pub api_version: Arc<str>,
    /// The scopes the token must have been granted.
    pub required_scopes: Arc<[Box<str>]>,
    /// How often it is inspected, and how long an answer counts.
    pub limits: Limits,
}

/// What the metrics of the gateway call a credential that is not configured.
pub const UNKNOWN_CREDENTIAL: &str = "other";

/// Collects targets, and finds duplicate names and intervals that cannot work.
pub(super) struct Targets {
    timeout: Duration,
    stale_after: Option<Duration>,
    channels: Vec<ChannelTarget>,
    tokens: Vec<TokenTarget>,
}

impl Targets {
    pub(super) const fn new(timeout: Duration, stale_after: Option<Duration>) -> Self {
        Self { timeout, stale_after, channels: Vec::new(), tokens: Vec::new() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.tokens.is_empty()
    }

    /// The limits for an interval that was set at `place`.
    pub(super) fn limits(
        &self,
        place: &str,
        interval: Duration,
        problems: &mut Problems,
    ) -> Limits {
        if interval < self.timeout {
            problems.add(format!(
                "{place}: {} is shorter than POLL_TIMEOUT ({}), so a poll could still be under way when the next is due; \
                 make the interval longer or POLL_TIMEOUT shorter",
                humantime::format_duration(interval),
                humantime::format_duration(self.timeout),
            ));
        }
        let stale_after = self.stale_after.unwrap_or_else(|| Limits::default_stale_after(interval));
        Limits { interval, stale_after }
    }

    pub(super) fn add_channel(
        &mut self,
        name: Name,
        channel_id: Option<Box<str>>,
        credential: SecretSource,
        options: ChannelOptions,
    ) {
        // Thousands of channels are configured alike; they share one copy.
        let shared = self.channels.last().filter(|last| *last.options == options);
        let options =
            shared.map_or_else(|| Arc::new(options), |channel| Arc::clone(&channel.options));
        self.channels.push(ChannelTarget { name, channel_id, credential, options });
    }

    pub(super) fn add_token(
        &mut self,
        name: Name,
        credential: SecretSource,
        app: Option<App>,
        options: TokenOptions,
    ) {
        self.tokens.push(TokenTarget { name, credential, app, options: Arc::new(options) });
    }

    /// With the gateway on, this word stands for credentials that are not configured.
    pub(super) fn refuse_unknown_credentials_name(&self, problems: &mut Problems) {
        let names = self.channels.iter().map(|channel| &channel.name);
        if names
            .chain(self.tokens.iter().map(|token| &token.name))
            .any(|name| name.as_str() == UNKNOWN_CREDENTIAL)
        {
            problems.add(format!(
                "a channel or token is named `{UNKNOWN_CREDENTIAL}`, which is the gateway's word for credentials that are not configured; \
                 give it another name, or leave GATEWAY_ADDRESS unset"
            ));
        }
    }

    pub(super) fn finish(
        mut self,
        problems: &mut Problems,
    ) -> (Vec<ChannelTarget>, Vec<TokenTarget>) {
        let channels = self.channels.iter().map(|target| (&target.name, &target.credential));
        check_names("channel", channels, problems);
        let tokens = self.tokens.iter().map(|target| (&target.name, &target.credential));
        check_names("token", tokens, problems);
        check_ids(&self.channels, problems);
        self.channels.shrink_to_fit();
        (self.channels, self.tokens)
    }
}

/// A webhook must find one channel.
fn check_ids(channels: &[ChannelTarget], problems: &mut Problems) {
    let mut seen = HashSet::new();
    for channel in channels {
        if let Some(id) = &channel.channel_id
            && !seen.insert(id)
        {
            problems.add(format!(
                "channel `{}` has the channel_id of another; the id is at Whapi, one for each channel",
                channel.name
            ));
        }
    }
}

fn check_names<'a>(
    kind: &str,
    targets: impl Iterator<Item = (&'a Name, &'a SecretSource)>,
    problems: &mut Problems,
) {
    let mut seen = HashSet::new();
    for (name, credential) in targets {
        if let SecretSource::Value(secret) = credential
            && secret.expose_secret() == name.as_str()
        {
            problems.add(format!(
                "a {kind}'s name is its own secret, and names are shown to everybody; give it a name such as `default`"
            ));
        } else if !seen.insert(name) {
            problems.add(format!(
                "two {kind}s are named `{name}`; a name must be the only one of its kind, over the environment and the file together"
            ));
        }
    }
}
