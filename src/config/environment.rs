//! The exporter's own variables: the listener, the log, polling, webhooks, the gateway and files.
//!
//! Not here: the providers' variables, which are in their folders.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::input::value::{self, FilePath, Flag, Header, Interval, Secret, setting_values};
use crate::input::{FromSetting, Policies, Problems, Setting, Variable, Variables, secret_setting};
use crate::providers;
use crate::secret::SecretSource;
use crate::target::Shard;
use secrecy::ExposeSecret;

use super::options::{self, GatewaySettings, Log, LogFormat, Polling, Webhooks};

/// The default of `LISTEN_ADDRESS`.
pub const DEFAULT_LISTEN: &str = "[::]:10401";

/// Variables that come before the providers' in lists for people.
pub(super) const BASIC: &[Variable] = &[
    Variable::new(
        "LISTEN_ADDRESS",
        DEFAULT_LISTEN,
        "where /metrics and the other pages are served; over IPv6 and IPv4, or on `0.0.0.0` if the \
         machine has no IPv6",
    ),
    Variable::new(
        "WEB_CONFIG_FILE",
        "",
        "Prometheus' web configuration file: TLS and basic authentication on the listener",
    ),
    Variable::new("CONFIG_FILE", "", "YAML file with channels, sources and tokens"),
    Variable::new(
        "LOG_LEVEL",
        "info",
        "`error`, `warn`, `info` or `debug`; `trace` is the same as `debug`",
    ),
    Variable::new("LOG_FORMAT", "text", "`text` or `json`"),
];

/// Variables that come after the providers' in lists for people.
pub(super) const FURTHER: &[Variable] = &[
    Variable::new("POLL_TIMEOUT", "10s", "timeout for a complete response"),
    Variable::new(
        "POLL_CONCURRENCY",
        "64",
        "maximum number of requests in flight, over all upstreams; each upstream can always have \
         one",
    ),
    Variable::new(
        "STALE_AFTER",
        "",
        "how long the last answer remains valid once polls fail; 5 intervals, at least `5m`, if \
         not set",
    ),
    Variable::new(
        "WEBHOOK_SECRET",
        "",
        "secret that webhook senders must present or sign with; webhooks are off without it",
    ),
    Variable::new("WEBHOOK_SECRET_FILE", "", "file that contains it, read again before each use"),
    Variable::new("WEBHOOK_SECRET_HEADER", "X-Webhook-Secret", "the header that carries it"),
    Variable::new(
        "WEBHOOK_URL",
        "",
        "the address at which a provider reaches the exporter's webhook path; `check` compares it \
         with the channels' settings",
    ),
    Variable::new(
        "GATEWAY_ADDRESS",
        "",
        "where the gateway to the upstreams listens, `127.0.0.1:10402` for a sidecar; off if not \
         set",
    ),
    Variable::new(
        "GATEWAY_MAX_CONNECTIONS",
        "4096",
        "connections of the application that may be open at a time; excess connections get a 503",
    ),
    Variable::new(
        "GATEWAY_HOLD",
        "",
        "how long the gateway holds a request while its channel reconnects, for example `5s`; off \
         if not set",
    ),
    Variable::new(
        "SHARD",
        "",
        "which part of the targets this process watches, `2/5` for the second of five; `auto/5` \
         takes the number from a StatefulSet pod's host name; all if not set",
    ),
    Variable::new("STATE_FILE", "", "file that keeps statuses and counters over a restart"),
    Variable::new(
        "ENABLE_LIFECYCLE",
        "false",
        "`true` answers `POST /-/reload` from every address, not only from loopback",
    ),
    Variable::new(
        "EXTRA_CA_FILE",
        "",
        "PEM certificates to trust in addition to the public roots, for a proxy or gateway with \
         its own CA",
    ),
];

setting_values! {
    /// Where the exporter listens.
    ListenAddress(SocketAddr) =
        |text: &str| value::address(text, &format!("`{}` or `127.0.0.1:10401`", DEFAULT_LISTEN));
    /// Where the gateway listens.
    GatewayAddress(SocketAddr) = |text: &str| value::address(text, "`127.0.0.1:10402`");
    /// Minimum log level.
    LogLevel(tracing::Level) = log_level;
    /// Log format.
    LogShape(LogFormat) = log_format;
    /// Requests in flight at a time.
    Concurrency(usize) = concurrency;
    /// Connections that may be open at a time.
    MaxConnections(usize) = max_connections;
    /// Where webhooks arrive.
    WebhookUrl(Arc<str>) = webhook_url;
}

fn webhook_url(text: &str) -> Result<Arc<str>, String> {
    let mut receiving = providers::all().filter(|one| providers::get(*one).webhooks().is_some());
    let label = receiving.next().map_or("", |provider| provider.label());
    let hint = format!("write for example `https://exporter.example.com/webhook/{label}`");
    value::http_url(text, &hint)
}

fn log_level(text: &str) -> Result<tracing::Level, String> {
    let known = ["error", "warn", "info", "debug", "trace"];
    let found = known.iter().find(|word| text.trim().eq_ignore_ascii_case(word));
    found
        .and_then(|word| word.parse().ok())
        .ok_or_else(|| "must be one of error, warn, info, debug, trace".to_owned())
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be `text` or `json`".to_owned()),
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| "must be a number from 1 to 10000".to_owned())
}

fn max_connections(text: &str) -> Result<usize, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=100_000).contains(number));
    number.ok_or_else(|| "must be a number from 1 to 100000".to_owned())
}

/// `LISTEN_ADDRESS` and `WEB_CONFIG_FILE`.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ListenerVariables {
    listen_address: Setting<ListenAddress>,
    web_config_file: Setting<FilePath>,
}

/// Where the exporter listens, and the file that says how.
pub(super) fn listener(
    variables: &Variables,
    problems: &mut Problems,
) -> (SocketAddr, Option<PathBuf>) {
    let read: ListenerVariables = variables.read(BASIC);
    let ListenAddress(listen) =
        read.listen_address.get_or_default("LISTEN_ADDRESS", BASIC, problems);
    (listen, path(read.web_config_file, "WEB_CONFIG_FILE", problems))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct LogVariables {
    log_level: Setting<LogLevel>,
    log_format: Setting<LogShape>,
}

/// How the exporter logs.
pub(super) fn log(variables: &Variables, problems: &mut Problems) -> Log {
    let read: LogVariables = variables.read(BASIC);
    let LogLevel(level) = read.log_level.get_or_default("LOG_LEVEL", BASIC, problems);
    let LogShape(format) = read.log_format.get_or_default("LOG_FORMAT", BASIC, problems);
    Log { level, format }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PollVariables {
    poll_timeout: Setting<Interval>,
    poll_concurrency: Setting<Concurrency>,
    stale_after: Setting<Interval>,
    extra_ca_file: Setting<FilePath>,
}

/// How targets are polled, and how long their answers count.
pub(super) fn polling(variables: &Variables, problems: &mut Problems) -> (Polling, Policies) {
    let read: PollVariables = variables.read(FURTHER);
    let Interval(timeout) = read.poll_timeout.get_or_default("POLL_TIMEOUT", FURTHER, problems);
    let stale_after = read.stale_after.get("STALE_AFTER", problems);
    let Concurrency(concurrency) =
        read.poll_concurrency.get_or_default("POLL_CONCURRENCY", FURTHER, problems);
    let polling = Polling {
        timeout,
        concurrency,
        extra_ca_file: path(read.extra_ca_file, "EXTRA_CA_FILE", problems),
        use_proxy: true,
    };
    let stale_after = stale_after.map(|Interval(stale_after)| stale_after);
    (polling, Policies { timeout, stale_after })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WebhookVariables {
    webhook_secret: Setting<Secret>,
    webhook_secret_file: Setting<FilePath>,
    webhook_secret_header: Setting<Header>,
    webhook_url: Setting<WebhookUrl>,
}

/// How webhooks are received, if they are.
pub(super) fn webhooks(variables: &Variables, problems: &mut Problems) -> Option<Webhooks> {
    let read: WebhookVariables = variables.read(FURTHER);
    let has_secret = read.webhook_secret.is_set() || read.webhook_secret_file.is_set();
    let secret =
        secret_setting("WEBHOOK_SECRET", read.webhook_secret, read.webhook_secret_file, problems);
    let Header(header) =
        read.webhook_secret_header.get_or_default("WEBHOOK_SECRET_HEADER", FURTHER, problems);
    let url = read.webhook_url.get("WEBHOOK_URL", problems).map(|WebhookUrl(url)| url);
    if url.is_some() && !has_secret {
        problems.add(
            "WEBHOOK_URL is set, but neither WEBHOOK_SECRET nor WEBHOOK_SECRET_FILE, \
            without which no webhook is received",
        );
    }
    if let Some(Ok(known)) = secret.as_ref().map(SecretSource::read)
        && let Err(what) = options::long_enough(&known)
    {
        let name = match &secret {
            Some(SecretSource::File(_)) => "WEBHOOK_SECRET_FILE",
            _ => "WEBHOOK_SECRET",
        };
        problems.add(format!("{name}: {what}"));
    }
    if let Some(SecretSource::Value(secret)) = &secret
        && secret.expose_secret().eq_ignore_ascii_case(header.as_str())
    {
        problems.add(
            "WEBHOOK_SECRET_HEADER: is the secret itself; write the name of the header \
            that carries it, such as `X-Webhook-Secret`",
        );
    }
    Some(Webhooks { secret: secret?, header, url, own_secrets: Vec::new() })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct GatewayVariables {
    gateway_address: Setting<GatewayAddress>,
    gateway_max_connections: Setting<MaxConnections>,
    gateway_hold: Setting<Interval>,
}

/// The gateway, if there is one.
pub(super) fn gateway(variables: &Variables, problems: &mut Problems) -> Option<GatewaySettings> {
    let read: GatewayVariables = variables.read(FURTHER);
    let has_address = read.gateway_address.is_set();
    let limits_connections = read.gateway_max_connections.is_set();
    let address = read.gateway_address.get("GATEWAY_ADDRESS", problems);
    let hold = read.gateway_hold.get("GATEWAY_HOLD", problems);
    if hold.is_some() && !has_address {
        problems.add(
            "GATEWAY_HOLD is set, but GATEWAY_ADDRESS is not, so there is no gateway that \
            could hold a request",
        );
    }
    let MaxConnections(max_connections) =
        read.gateway_max_connections.get_or_default("GATEWAY_MAX_CONNECTIONS", FURTHER, problems);
    if limits_connections && !has_address {
        problems.add(
            "GATEWAY_MAX_CONNECTIONS is set, but GATEWAY_ADDRESS is not, so there is no \
            gateway that could have connections",
        );
    }
    let GatewayAddress(address) = address?;
    let hold = hold.map(|Interval(hold)| hold);
    Some(GatewaySettings { address, max_connections, hold, routes: Vec::new() })
}

/// The two listeners need an address each.
pub(super) fn refuse_shared_port(listen: SocketAddr, gateway: SocketAddr, problems: &mut Problems) {
    let any = |one: SocketAddr| one.ip().is_unspecified();
    let meet = listen.ip() == gateway.ip() || any(listen) || any(gateway);
    if listen.port() != 0 && listen.port() == gateway.port() && meet {
        problems.add(
            "GATEWAY_ADDRESS: is the address of LISTEN_ADDRESS as well; give the gateway a port of \
             its own, such as `127.0.0.1:10402`",
        );
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct FurtherVariables {
    state_file: Setting<FilePath>,
    enable_lifecycle: Setting<Flag>,
}

/// `STATE_FILE`, and whether `ENABLE_LIFECYCLE` is set.
pub(super) fn rest(variables: &Variables, problems: &mut Problems) -> (Option<PathBuf>, bool) {
    let read: FurtherVariables = variables.read(FURTHER);
    let state_file = path(read.state_file, "STATE_FILE", problems);
    let Flag(lifecycle) =
        read.enable_lifecycle.get_or_default("ENABLE_LIFECYCLE", FURTHER, problems);
    (state_file, lifecycle)
}

/// `SHARD`: which part of the targets is watched. `HOSTNAME` is the pod's, unless the operator has
/// set it to another.
pub(super) fn shard(
    variables: &Variables,
    hostname: Option<&str>,
    problems: &mut Problems,
) -> Option<Shard> {
    match Shard::parse(variables.get("SHARD")?, hostname) {
        Ok(shard) => Some(shard),
        Err(what) => {
            problems.add(format!("SHARD: {what}"));
            None
        }
    }
}

fn path(setting: Setting<FilePath>, name: &str, problems: &mut Problems) -> Option<PathBuf> {
    setting.get(name, problems).map(|FilePath(path)| PathBuf::from(path))
}
