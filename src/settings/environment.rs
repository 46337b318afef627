//! The environment: every variable once, and how each is read.
//!
//! Not here: the settings file (`file.rs`), nor any variable that is not ours.

use std::ffi::OsString;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;
use serde::Deserialize;

use super::target::{App, ChannelOptions, Targets, TokenOptions};
use super::{
    DEFAULT_LISTEN, Defaults, Gateway, Log, LogFormat, Name, Problems, SecretSource, Webhooks,
    value,
};
use crate::domain::Provider;

macro_rules! variables {
    ($($field:ident = $name:literal: $default:literal, $meaning:literal;)+) => {
        /// Every variable: name, default (empty where there is none), meaning. `docs/settings.md` is held against it.
        pub const VARIABLES: &[(&str, &str, &str)] = &[$(($name, $default, $meaning)),+];

        /// The variables as they are, before any is understood. Empty ones are as good as unset.
        #[derive(Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Environment { $(#[serde(default)] $field: Option<String>),+ }
    };
}

variables! {
    listen_address = "LISTEN_ADDRESS": "[::]:10401", "where /metrics and the rest are served; both IP versions, and `0.0.0.0` where the machine has no IPv6";
    web_config_file = "WEB_CONFIG_FILE": "", "Prometheus' own web configuration file: TLS and basic authentication on the listener";
    config_file = "CONFIG_FILE": "", "YAML file with channels and tokens";
    log_level = "LOG_LEVEL": "info", "`error`, `warn`, `info`, `debug` or `trace`";
    log_format = "LOG_FORMAT": "text", "`text` or `json`";
    whapi_token = "WHAPI_TOKEN": "", "token of one Whapi channel";
    whapi_token_file = "WHAPI_TOKEN_FILE": "", "file that holds it, read again before each use";
    whapi_channel = "WHAPI_CHANNEL": "default", "that channel's name: the label `channel`";
    whapi_channel_id = "WHAPI_CHANNEL_ID": "", "that channel's id at Whapi, which its webhooks carry; learnt from its first answer when not set";
    whapi_api_url = "WHAPI_API_URL": "https://gate.whapi.cloud", "where Whapi is";
    whapi_poll_interval = "WHAPI_POLL_INTERVAL": "30s", "time between two polls of a channel";
    meta_token = "META_TOKEN": "", "one Meta access token";
    meta_token_file = "META_TOKEN_FILE": "", "file that holds it, read again before each use";
    meta_token_name = "META_TOKEN_NAME": "default", "that token's name: the label `token`";
    meta_app_id = "META_APP_ID": "", "the app that inspects the token; without it the token inspects itself";
    meta_app_secret = "META_APP_SECRET": "", "that app's secret";
    meta_app_secret_file = "META_APP_SECRET_FILE": "", "file that holds it, read again before each use";
    meta_api_url = "META_API_URL": "https://graph.facebook.com", "where the Graph API is";
    meta_api_version = "META_API_VERSION": "v25.0", "version of the Graph API";
    meta_poll_interval = "META_POLL_INTERVAL": "10m", "time between two inspections of a token";
    meta_required_scopes = "META_REQUIRED_SCOPES": "whatsapp_business_messaging,whatsapp_business_management", "scopes a token must have, separated by commas";
    poll_timeout = "POLL_TIMEOUT": "10s", "longest a whole answer may take";
    poll_concurrency = "POLL_CONCURRENCY": "64", "requests under way at a time, over all targets";
    stale_after = "STALE_AFTER": "", "how long the last answer counts after polls began to fail; 5 intervals, at least `5m`, when not set";
    webhook_secret = "WEBHOOK_SECRET": "", "secret that Whapi's webhooks must carry in a header; without it they are not received";
    webhook_secret_file = "WEBHOOK_SECRET_FILE": "", "file that holds it, read again before each use";
    webhook_secret_header = "WEBHOOK_SECRET_HEADER": "X-Webhook-Secret", "the header that carries it";
    webhook_url = "WEBHOOK_URL": "", "the address at which Whapi reaches `/webhook/whapi`; `check` compares it with the channels' settings";
    gateway_address = "GATEWAY_ADDRESS": "", "where the gateway to Whapi and Meta listens, `127.0.0.1:10402` for a sidecar; without it there is none";
    gateway_hold = "GATEWAY_HOLD": "", "how long the gateway holds a request while its channel reconnects, for example `5s`; not at all when not set";
    state_file = "STATE_FILE": "", "file that keeps statuses and counters over a restart";
    enable_lifecycle = "ENABLE_LIFECYCLE": "false", "`true` answers `POST /-/reload` to every address, not to loopback alone";
    extra_ca_file = "EXTRA_CA_FILE": "", "PEM certificates trusted beside the public roots, for a proxy or gateway with a CA of its own";
}

fn default_of(name: &str) -> &'static str {
    VARIABLES.iter().find(|(variable, ..)| *variable == name).map_or("", |(_, default, _)| default)
}

impl Environment {
    /// Picks our variables out of these. Others are never looked at, so theirs can hold anything.
    pub(super) fn read(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        problems: &mut Problems,
    ) -> Self {
        let mut ours = Vec::new();
        for (name, value) in variables {
            let Some((name, ..)) = VARIABLES.iter().find(|(ours, ..)| name == *ours) else {
                continue;
            };
            match value.into_string() {
                Ok(value) if value.trim().is_empty() => {}
                Ok(value) => ours.push(((*name).to_owned(), value)),
                Err(_) => problems.add(format!("{name}: is not UTF-8 text")),
            }
        }
        // Every field is an optional string and every name is one of the fields, so this cannot fail;
        // and should it ever, envy's own text would repeat the value.
        envy::from_iter(ours).unwrap_or_else(|_| {
            problems.add("the environment cannot be read");
            Self::default()
        })
    }

    fn value<T>(
        &self,
        name: &str,
        set: Option<&String>,
        problems: &mut Problems,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = set.map_or_else(|| default_of(name), String::as_str);
        if text.is_empty() {
            return None;
        }
        match parse(text) {
            Ok(value) => Some(value),
            Err(what) => {
                problems.add(format!("{name}: {what}"));
                // The default stands in, so that the search for mistakes can go on.
                parse(default_of(name)).ok()
            }
        }
    }

    pub(super) fn listen(&self, problems: &mut Problems) -> SocketAddr {
        let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 10401));
        self.value("LISTEN_ADDRESS", self.listen_address.as_ref(), problems, |text| {
            value::address(text, &format!("`{DEFAULT_LISTEN}` or `127.0.0.1:10401`"))
        })
        .unwrap_or(any)
    }

    pub(super) fn log(&self, problems: &mut Problems) -> Log {
        let level = self.value("LOG_LEVEL", self.log_level.as_ref(), problems, |text| {
            let known = ["error", "warn", "info", "debug", "trace"];
            known
                .iter()
                .find(|word| text.trim().eq_ignore_ascii_case(word))
                .and_then(|word| word.parse().ok())
                .ok_or_else(|| "must be one of error, warn, info, debug, trace".to_owned())
        });
        let format =
            self.value("LOG_FORMAT", self.log_format.as_ref(), problems, |text| {
                match text.trim() {
                    "text" => Ok(LogFormat::Text),
                    "json" => Ok(LogFormat::Json),
                    _ => Err("must be `text` or `json`".to_owned()),
                }
            });
        Log {
            level: level.unwrap_or(tracing::Level::INFO),
            format: format.unwrap_or(LogFormat::Text),
        }
    }

    pub(super) fn poll_timeout(&self, problems: &mut Problems) -> Duration {
        self.value("POLL_TIMEOUT", self.poll_timeout.as_ref(), problems, value::duration)
            .unwrap_or(Duration::from_secs(10))
    }

    pub(super) fn poll_concurrency(&self, problems: &mut Problems) -> usize {
        self.value("POLL_CONCURRENCY", self.poll_concurrency.as_ref(), problems, |text| {
            text.trim()
                .parse()
                .ok()
                .filter(|number| (1..=10_000).contains(number))
                .ok_or_else(|| "must be a number from 1 to 10000".to_owned())
        })
        .unwrap_or(64)
    }

    pub(super) fn stale_after(&self, problems: &mut Problems) -> Option<Duration> {
        self.value("STALE_AFTER", self.stale_after.as_ref(), problems, value::duration)
    }

    pub(super) fn enable_lifecycle(&self, problems: &mut Problems) -> bool {
        self.value("ENABLE_LIFECYCLE", self.enable_lifecycle.as_ref(), problems, |text| {
            text.trim().parse().map_err(|_| "must be `true` or `false`".to_owned())
        })
        .unwrap_or(false)
    }

    pub(super) fn state_file(&self) -> Option<PathBuf> {
        self.state_file.as_ref().map(PathBuf::from)
    }

    pub(super) fn webhooks(&self, problems: &mut Problems) -> Option<Webhooks> {
        let secret = secret(
            "WEBHOOK_SECRET",
            self.webhook_secret.as_ref(),
            self.webhook_secret_file.as_ref(),
            problems,
        );
        let header = self.value(
            "WEBHOOK_SECRET_HEADER",
            self.webhook_secret_header.as_ref(),
            problems,
            value::header,
        );
        let url =
            self.value("WEBHOOK_URL", self.webhook_url.as_ref(), problems, value::webhook_url);
        if url.is_some() && self.webhook_secret.is_none() && self.webhook_secret_file.is_none() {
            problems.add("WEBHOOK_URL is set, but neither WEBHOOK_SECRET nor WEBHOOK_SECRET_FILE, without which no webhook is received");
        }
        if let (Some(SecretSource::Value(secret)), Some(header)) = (&secret, &header)
            && secret.expose_secret().eq_ignore_ascii_case(header.as_str())
        {
            problems.add("WEBHOOK_SECRET_HEADER: is the secret itself; write the name of the header that carries it, such as `X-Webhook-Secret`");
        }
        Some(Webhooks { secret: secret?, header: header?, url })
    }

    pub(super) fn gateway(&self, defaults: &Defaults, problems: &mut Problems) -> Option<Gateway> {
        let address =
            self.value("GATEWAY_ADDRESS", self.gateway_address.as_ref(), problems, |text| {
                value::address(text, "`127.0.0.1:10402`")
            });
        let hold =
            self.value("GATEWAY_HOLD", self.gateway_hold.as_ref(), problems, value::duration);
        if hold.is_some() && self.gateway_address.is_none() {
            problems.add("GATEWAY_HOLD is set, but GATEWAY_ADDRESS is not, so there is no gateway that could hold a request");
        }
        let (whapi_url, meta_url) = (defaults.whapi_api_url.clone(), defaults.meta_api_url.clone());
        Some(Gateway { address: address?, hold, whapi_url, meta_url })
    }

    pub(super) fn extra_ca_file(&self) -> Option<PathBuf> {
        self.extra_ca_file.as_ref().map(PathBuf::from)
    }

    pub(super) fn web_config_file(&self) -> Option<PathBuf> {
        self.web_config_file.as_ref().map(PathBuf::from)
    }

    pub(super) fn config_file(&self) -> Option<&str> {
        self.config_file.as_deref()
    }

    pub(super) fn defaults(&self, problems: &mut Problems) -> Defaults {
        let nothing = || "".into();
        Defaults {
            whapi_api_url: self
                .value("WHAPI_API_URL", self.whapi_api_url.as_ref(), problems, value::api_url)
                .unwrap_or_else(nothing),
            whapi_poll_interval: self
                .value(
                    "WHAPI_POLL_INTERVAL",
                    self.whapi_poll_interval.as_ref(),
                    problems,
                    value::duration,
                )
                .unwrap_or_default(),
            meta_api_url: self
                .value("META_API_URL", self.meta_api_url.as_ref(), problems, value::api_url)
                .unwrap_or_else(nothing),
            meta_api_version: self
                .value(
                    "META_API_VERSION",
                    self.meta_api_version.as_ref(),
                    problems,
                    value::api_version,
                )
                .unwrap_or_else(nothing),
            meta_poll_interval: self
                .value(
                    "META_POLL_INTERVAL",
                    self.meta_poll_interval.as_ref(),
                    problems,
                    value::duration,
                )
                .unwrap_or_default(),
            meta_required_scopes: self
                .value(
                    "META_REQUIRED_SCOPES",
                    self.meta_required_scopes.as_ref(),
                    problems,
                    |text| value::scopes(text.split(',')),
                )
                .unwrap_or_default(),
        }
    }

    /// The one channel and the one token that the environment can name.
    pub(super) fn targets(
        &self,
        defaults: &Defaults,
        targets: &mut Targets,
        problems: &mut Problems,
    ) {
        let credential = secret(
            "WHAPI_TOKEN",
            self.whapi_token.as_ref(),
            self.whapi_token_file.as_ref(),
            problems,
        );
        let name = self.name("WHAPI_CHANNEL", self.whapi_channel.as_ref(), problems);
        let id = self.value(
            "WHAPI_CHANNEL_ID",
            self.whapi_channel_id.as_ref(),
            problems,
            value::channel_id,
        );
        // Also checked when only the file has channels, since they take it as their default.
        let limits = targets.limits("WHAPI_POLL_INTERVAL", defaults.whapi_poll_interval, problems);
        if let (Some(credential), Some(name)) = (credential, name) {
            let options = ChannelOptions {
                provider: Provider::Whapi,
                api_url: defaults.whapi_api_url.clone(),
                limits,
            };
            targets.add_channel(name, id, credential, options);
        }

        let credential =
            secret("META_TOKEN", self.meta_token.as_ref(), self.meta_token_file.as_ref(), problems);
        let name = self.name("META_TOKEN_NAME", self.meta_token_name.as_ref(), problems);
        let app = self.app(credential.is_some(), problems);
        let limits = targets.limits("META_POLL_INTERVAL", defaults.meta_poll_interval, problems);
        if let (Some(credential), Some(name)) = (credential, name) {
            let options = TokenOptions {
                provider: Provider::Meta,
                api_url: defaults.meta_api_url.clone(),
                api_version: defaults.meta_api_version.clone(),
                required_scopes: defaults.meta_required_scopes.clone(),
                limits,
            };
            targets.add_token(name, credential, app, options);
        }
    }

    fn name(&self, variable: &str, set: Option<&String>, problems: &mut Problems) -> Option<Name> {
        self.value(variable, set, problems, Name::new)
    }

    fn app(&self, has_token: bool, problems: &mut Problems) -> Option<App> {
        let secret = secret(
            "META_APP_SECRET",
            self.meta_app_secret.as_ref(),
            self.meta_app_secret_file.as_ref(),
            problems,
        );
        let id = self.value("META_APP_ID", self.meta_app_id.as_ref(), problems, value::app_id);
        let id_is_set = self.meta_app_id.is_some();
        if (id_is_set || secret.is_some())
            && !has_token
            && self.meta_token.is_none()
            && self.meta_token_file.is_none()
        {
            problems.add(
                "META_APP_ID and META_APP_SECRET inspect the token in META_TOKEN, which is not set; for tokens in CONFIG_FILE \
                 write `app_id` and `app_secret_file` there",
            );
        }
        match (id, secret) {
            (Some(id), Some(secret)) => Some(App { id, secret }),
            (Some(_), None)
                if self.meta_app_secret.is_none() && self.meta_app_secret_file.is_none() =>
            {
                problems.add("META_APP_ID is set, but neither META_APP_SECRET nor META_APP_SECRET_FILE; an app needs both to inspect a token");
                None
            }
            (None, Some(_)) if !id_is_set => {
                problems.add("META_APP_SECRET is set, but META_APP_ID is not; an app needs both to inspect a token");
                None
            }
            _ => None,
        }
    }
}

/// `X` or the file in `X_FILE`, never both.
fn secret(
    name: &str,
    value: Option<&String>,
    file: Option<&String>,
    problems: &mut Problems,
) -> Option<SecretSource> {
    match (value, file) {
        (None, None) => None,
        (None, Some(path)) => Some(SecretSource::File(Path::new(path).into())),
        (Some(value), None) => match SecretSource::from_value(value) {
            Ok(source) => Some(source),
            Err(error) => {
                problems.add(format!("{name}: {error}"));
                None
            }
        },
        (Some(_), Some(_)) => {
            problems.add(format!("{name} and {name}_FILE are both set; set one of them"));
            None
        }
    }
}
