//! The environment: every variable once, and how each is read.
//!
//! Not here: the settings file (`file.rs`), nor any variable that is not ours.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;

use super::target::{App, ChannelOptions, Targets, TokenOptions};
use super::{
    DEFAULT_LISTEN, Defaults, Gateway, Log, LogFormat, Name, Problems, SecretSource, Webhooks,
    value,
};
use crate::domain::Provider;

/// Every variable: name, default (empty where there is none), meaning. `docs/settings.md` is held against it.
pub const VARIABLES: &[(&str, &str, &str)] = &[
    (
        "LISTEN_ADDRESS",
        "[::]:10401",
        "where /metrics and the rest are served; both IP versions, and `0.0.0.0` where the machine has no IPv6",
    ),
    (
        "WEB_CONFIG_FILE",
        "",
        "Prometheus' own web configuration file: TLS and basic authentication on the listener",
    ),
    ("CONFIG_FILE", "", "YAML file with channels and tokens"),
    ("LOG_LEVEL", "info", "`error`, `warn`, `info`, `debug` or `trace`"),
    ("LOG_FORMAT", "text", "`text` or `json`"),
    ("WHAPI_TOKEN", "", "token of one Whapi channel"),
    ("WHAPI_TOKEN_FILE", "", "file that holds it, read again before each use"),
    ("WHAPI_CHANNEL", "default", "that channel's name: the label `channel`"),
    (
        "WHAPI_CHANNEL_ID",
        "",
        "that channel's id at Whapi, which its webhooks carry; learnt from its first answer when not set",
    ),
    ("WHAPI_API_URL", "https://gate.whapi.cloud", "where Whapi is"),
    ("WHAPI_POLL_INTERVAL", "30s", "time between two polls of a channel"),
    ("META_TOKEN", "", "one Meta access token"),
    ("META_TOKEN_FILE", "", "file that holds it, read again before each use"),
    ("META_TOKEN_NAME", "default", "that token's name: the label `token`"),
    ("META_APP_ID", "", "the app that inspects the token; without it the token inspects itself"),
    ("META_APP_SECRET", "", "that app's secret"),
    ("META_APP_SECRET_FILE", "", "file that holds it, read again before each use"),
    ("META_API_URL", "https://graph.facebook.com", "where the Graph API is"),
    ("META_API_VERSION", "v25.0", "version of the Graph API"),
    ("META_POLL_INTERVAL", "10m", "time between two inspections of a token"),
    (
        "META_REQUIRED_SCOPES",
        "whatsapp_business_messaging,whatsapp_business_management",
        "scopes a token must have, separated by commas",
    ),
    ("POLL_TIMEOUT", "10s", "longest a whole answer may take"),
    ("POLL_CONCURRENCY", "64", "requests under way at a time, over all targets"),
    (
        "STALE_AFTER",
        "",
        "how long the last answer counts after polls began to fail; 5 intervals, at least `5m`, when not set",
    ),
    (
        "WEBHOOK_SECRET",
        "",
        "secret that Whapi's webhooks must carry in a header; without it they are not received",
    ),
    ("WEBHOOK_SECRET_FILE", "", "file that holds it, read again before each use"),
    ("WEBHOOK_SECRET_HEADER", "X-Webhook-Secret", "the header that carries it"),
    (
        "WEBHOOK_URL",
        "",
        "the address at which Whapi reaches `/webhook/whapi`; `check` compares it with the channels' settings",
    ),
    (
        "GATEWAY_ADDRESS",
        "",
        "where the gateway to Whapi and Meta listens, `127.0.0.1:10402` for a sidecar; without it there is none",
    ),
    (
        "GATEWAY_MAX_CONNECTIONS",
        "4096",
        "connections of the application that may be open at a time; a further one is answered 503",
    ),
    (
        "GATEWAY_HOLD",
        "",
        "how long the gateway holds a request while its channel reconnects, for example `5s`; not at all when not set",
    ),
    ("STATE_FILE", "", "file that keeps statuses and counters over a restart"),
    (
        "ENABLE_LIFECYCLE",
        "false",
        "`true` answers `POST /-/reload` to every address, not to loopback alone",
    ),
    (
        "EXTRA_CA_FILE",
        "",
        "PEM certificates trusted beside the public roots, for a proxy or gateway with a CA of its own",
    ),
];

/// The variables as they are, before any is understood. Empty ones are as good as unset.
#[derive(Default)]
pub(super) struct Environment(BTreeMap<String, String>);

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
        // Strings into strings cannot fail; and should it ever, envy's own text would repeat the value.
        match envy::from_iter(ours) {
            Ok(variables) => Self(variables),
            Err(_) => {
                problems.add("the environment cannot be read");
                Self::default()
            }
        }
    }

    /// What a variable is set to. envy spells names in small letters, as fields are.
    fn get(&self, name: &str) -> Option<&String> {
        debug_assert!(
            VARIABLES.iter().any(|(ours, ..)| *ours == name),
            "{name} is not in the list"
        );
        self.0.get(&name.to_ascii_lowercase())
    }

    /// `X` or the file in `X_FILE`, never both.
    fn secret(&self, name: &str, problems: &mut Problems) -> Option<SecretSource> {
        match (self.get(name), self.get(&format!("{name}_FILE"))) {
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

    fn value<T>(
        &self,
        name: &str,
        problems: &mut Problems,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.get(name).map_or_else(|| default_of(name), String::as_str);
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
        self.value("LISTEN_ADDRESS", problems, |text| {
            value::address(text, &format!("`{DEFAULT_LISTEN}` or `127.0.0.1:10401`"))
        })
        .unwrap_or(any)
    }

    pub(super) fn log(&self, problems: &mut Problems) -> Log {
        let level = self.value("LOG_LEVEL", problems, |text| {
            let known = ["error", "warn", "info", "debug", "trace"];
            known
                .iter()
                .find(|word| text.trim().eq_ignore_ascii_case(word))
                .and_then(|word| word.parse().ok())
                .ok_or_else(|| "must be one of error, warn, info, debug, trace".to_owned())
        });
        let format = self.value("LOG_FORMAT", problems, |text| match text.trim() {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("must be `text` or `json`".to_owned()),
        });
        Log {
            level: level.unwrap_or(tracing::Level::INFO),
            format: format.unwrap_or(LogFormat::Text),
        }
    }

    pub(super) fn poll_timeout(&self, problems: &mut Problems) -> Duration {
        self.value("POLL_TIMEOUT", problems, value::duration).unwrap_or(Duration::from_secs(10))
    }

    pub(super) fn poll_concurrency(&self, problems: &mut Problems) -> usize {
        self.value("POLL_CONCURRENCY", problems, |text| {
            text.trim()
                .parse()
                .ok()
                .filter(|number| (1..=10_000).contains(number))
                .ok_or_else(|| "must be a number from 1 to 10000".to_owned())
        })
        .unwrap_or(64)
    }

    pub(super) fn stale_after(&self, problems: &mut Problems) -> Option<Duration> {
        self.value("STALE_AFTER", problems, value::duration)
    }

    pub(super) fn enable_lifecycle(&self, problems: &mut Problems) -> bool {
        self.value("ENABLE_LIFECYCLE", problems, |text| {
            text.trim().parse().map_err(|_| "must be `true` or `false`".to_owned())
        })
        .unwrap_or(false)
    }

    pub(super) fn state_file(&self) -> Option<PathBuf> {
        self.get("STATE_FILE").map(PathBuf::from)
    }

    pub(super) fn webhooks(&self, problems: &mut Problems) -> Option<Webhooks> {
        let secret = self.secret("WEBHOOK_SECRET", problems);
        let header = self.value("WEBHOOK_SECRET_HEADER", problems, value::header);
        let url = self.value("WEBHOOK_URL", problems, value::webhook_url);
        if url.is_some()
            && self.get("WEBHOOK_SECRET").is_none()
            && self.get("WEBHOOK_SECRET_FILE").is_none()
        {
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
        let address = self
            .value("GATEWAY_ADDRESS", problems, |text| value::address(text, "`127.0.0.1:10402`"));
        let hold = self.value("GATEWAY_HOLD", problems, value::duration);
        let max_connections = self.value("GATEWAY_MAX_CONNECTIONS", problems, |text| {
            let number = text.trim().parse().ok().filter(|number| (1..=100_000).contains(number));
            number.ok_or_else(|| "must be a number from 1 to 100000".to_owned())
        });
        if hold.is_some() && self.get("GATEWAY_ADDRESS").is_none() {
            problems.add("GATEWAY_HOLD is set, but GATEWAY_ADDRESS is not, so there is no gateway that could hold a request");
        }
        if self.get("GATEWAY_MAX_CONNECTIONS").is_some() && self.get("GATEWAY_ADDRESS").is_none() {
            problems.add("GATEWAY_MAX_CONNECTIONS is set, but GATEWAY_ADDRESS is not, so there is no gateway that could have connections");
        }
        let (whapi_url, meta_url) = (defaults.whapi_api_url.clone(), defaults.meta_api_url.clone());
        Some(Gateway {
            address: address?,
            max_connections: max_connections?,
            hold,
            whapi_url,
            meta_url,
        })
    }

    pub(super) fn extra_ca_file(&self) -> Option<PathBuf> {
        self.get("EXTRA_CA_FILE").map(PathBuf::from)
    }

    pub(super) fn web_config_file(&self) -> Option<PathBuf> {
        self.get("WEB_CONFIG_FILE").map(PathBuf::from)
    }

    pub(super) fn config_file(&self) -> Option<&str> {
        self.get("CONFIG_FILE").map(String::as_str)
    }

    pub(super) fn defaults(&self, problems: &mut Problems) -> Defaults {
        let nothing = || "".into();
        Defaults {
            whapi_api_url: self
                .value("WHAPI_API_URL", problems, value::api_url)
                .unwrap_or_else(nothing),
            whapi_poll_interval: self
                .value("WHAPI_POLL_INTERVAL", problems, value::duration)
                .unwrap_or_default(),
            meta_api_url: self
                .value("META_API_URL", problems, value::api_url)
                .unwrap_or_else(nothing),
            meta_api_version: self
                .value("META_API_VERSION", problems, value::api_version)
                .unwrap_or_else(nothing),
            meta_poll_interval: self
                .value("META_POLL_INTERVAL", problems, value::duration)
                .unwrap_or_default(),
            meta_required_scopes: self
                .value("META_REQUIRED_SCOPES", problems, |text| value::scopes(text.split(',')))
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
        let credential = self.secret("WHAPI_TOKEN", problems);
        let name = self.value("WHAPI_CHANNEL", problems, Name::new);
        let id = self.value("WHAPI_CHANNEL_ID", problems, value::channel_id);
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

        let credential = self.secret("META_TOKEN", problems);
        let name = self.value("META_TOKEN_NAME", problems, Name::new);
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

    fn app(&self, has_token: bool, problems: &mut Problems) -> Option<App> {
        let secret = self.secret("META_APP_SECRET", problems);
        let id = self.value("META_APP_ID", problems, value::app_id);
        let id_is_set = self.get("META_APP_ID").is_some();
        if (id_is_set || secret.is_some())
            && !has_token
            && self.get("META_TOKEN").is_none()
            && self.get("META_TOKEN_FILE").is_none()
        {
            problems.add(
                "META_APP_ID and META_APP_SECRET inspect the token in META_TOKEN, which is not set; for tokens in CONFIG_FILE \
                 write `app_id` and `app_secret_file` there",
            );
        }
        match (id, secret) {
            (Some(id), Some(secret)) => Some(App { id, secret }),
            (Some(_), None)
                if self.get("META_APP_SECRET").is_none()
                    && self.get("META_APP_SECRET_FILE").is_none() =>
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
