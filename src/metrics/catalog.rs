//! The catalog: every metric once, with its labels and their values. The single source of names.
//!
//! Not here: how rows are written. Documentation, dashboards and rules are held against this list.

pub use super::account::{ACCOUNT, ACCOUNT_WEBHOOK};
pub use super::declaration::{Family, Kind, Label, Metric, Rows, Value, Values};
use super::declaration::{closed, metric, operator};
pub use super::delivery::DELIVERY;
pub use super::delivery_count::DELIVERY_COUNT;
pub use super::polls::poll_families;
use super::standing::STANDING;
use super::terms::TERMS;
use crate::domain::{
    AnswerClass, ChannelState, ErrorSource, HeldOutcome, RequestCounts, ShortText, Status,
    TargetKind, TokenErrorReason, TokenState, UnauthorizedReason, WebhookEvent, WebhookOutcome,
    WebhookRefusal, WebhookState,
};
use crate::fleet::Watched;
use crate::http::{ConnectionRefusal, ListenerKind};
use crate::providers;

const fn upstream(name: &'static str) -> Label {
    Label { name, values: Values::Upstream }
}

const fn build(name: &'static str) -> Label {
    Label { name, values: Values::Build }
}

const PROVIDER: Label = closed("provider", providers::LABELS);
const STATUS: Label = closed("status", Status::LABELS);
const TO: Label = closed("to", Status::REPORTED_LABELS);
const ERROR_SOURCE: Label = closed("source", ErrorSource::LABELS);

/// The labels of the series of a kind of target, beside the metric's own.
pub const fn target_labels(kind: TargetKind) -> &'static [Label] {
    macro_rules! labels {
        ($name:literal) => {
            const { &[PROVIDER, operator($name)] }
        };
    }
    match kind {
        TargetKind::Channel => labels!("channel"),
        TargetKind::Token => labels!("token"),
        TargetKind::Source => labels!("source"),
        TargetKind::Account => labels!("account"),
    }
}

/// The metrics of each channel.
pub const CHANNEL: &[Family] = &[
    Family {
        metric: metric!(Gauge "whatsapp_channel_status", [STATUS]
            "Status of the channel: 1 for the current status, 0 for every other. AUTH is the only \
             healthy one; UNKNOWN is never seen, stale, or a new word of the provider's.",
            "Exactly one row of a channel is 1. The last known status stays while polls fail, \
             until `STALE_AFTER`; then it is `UNKNOWN`. After a session 401 it is `UNKNOWN` at \
             once, and `whatsapp_channel_authorized` is 0.",
            "whatsapp_channel_status{status!=\"AUTH\"} == 1"),
        rows: Rows::OneOf(|w, now| Some(w.channel()?.status(now, w.policy()).index())),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_status_code", []
            "Status of the channel as a number: 0 NOT_INIT, 1 INIT, 2 LAUNCH, 3 QR, 4 AUTH, 5 \
             ERROR, 6 SYNC_ERROR, 7 STOP, 8 BLOCKED, -1 UNKNOWN.",
            "For a state timeline with value mappings; alerts read better with \
             `whatsapp_channel_status`.",
            "whatsapp_channel_status_code != 4"),
        rows: Rows::One(|w, now| Some(Value::Int(w.channel()?.status(now, w.policy()).code()))),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_authorized", []
            "Whether the channel is in AUTH: 1, or 0 in any other state we know of; absent while \
             we do not know.",
            "In SYNC_ERROR, where it is 0, messages can be sent all the same. 0 also after a poll \
             was answered 401 \"need channel authorization\". Absent before the first answer, once \
             the last answer is stale, and when the provider says a word we do not know.",
            "max_over_time(whatsapp_channel_authorized[3m]) == 0"),
        rows: Rows::One(|w, now| w.channel()?.authorized(now, w.policy()).map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_status_since_timestamp_seconds", []
            "When the current status began, in seconds since the epoch. After a start of the \
             exporter: when it was first seen.",
            "What was before the exporter's first answer is not known, so the first status begins \
             with that answer. Before it: when the channel was configured.",
            "time() - whatsapp_channel_status_since_timestamp_seconds"),
        rows: Rows::One(|w, now| Some(w.channel()?.since(now, w.policy()).into())),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_last_authorized_timestamp_seconds", []
            "When the channel was last reported to be in AUTH, in seconds since the epoch; absent \
             until it was.",
            "Kept over restarts with `STATE_FILE`. It does not go stale: alerts on a channel that \
             never recovers use its age.",
            "time() - whatsapp_channel_last_authorized_timestamp_seconds > 600 unless \
             whatsapp_channel_authorized == 1"),
        rows: Rows::One(|w, _| w.channel()?.last_authorized().map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_last_known_status", [STATUS]
            "The last known status, however old: 1 for it, 0 for every other. UNKNOWN before the \
             first, and when the last that was learnt is no status.",
            "Does not go stale as `whatsapp_channel_status` does. Kept over restarts with \
             `STATE_FILE`.",
            "whatsapp_channel_last_known_status{status=\"QR\"} == 1 and on (provider, channel) \
             whatsapp_channel_status{status=\"UNKNOWN\"} == 1"),
        rows: Rows::OneOf(|w, _| Some(w.channel()?.last_known_status().index())),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_status_transitions_total", [TO]
            "Times the channel was seen to move to this status from another. The first status \
             after a start is no transition, and a failed poll never is.",
            "Counts edges between two answers. A reconnect shorter than the poll interval is not \
             seen here; see `whatsapp_channel_restarts_total`. Coming back to the same status \
             after a gap in the answers is no edge.",
            "increase(whatsapp_channel_status_transitions_total{to=\"QR\"}[1d])"),
        rows: Rows::Counts(|w| w.channel().map(ChannelState::transition_counts)),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_restarts_total", []
            "Times the channel's start_at moved between two answers, which shows a reconnect too \
             short to be seen as a status.",
            "One or a few a day are normal; one every few minutes is an unstable session or proxy.",
            "increase(whatsapp_channel_restarts_total[1h]) > 3"),
        rows: Rows::One(|w, _| Some(w.channel()?.restarts().into())),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_uptime_seconds", []
            "How long the channel's instance has been up, as last reported by the provider; absent \
             until reported.",
            "Not extrapolated between polls: it is as old as the last answer.",
            "whatsapp_channel_uptime_seconds < 300"),
        rows: Rows::One(|w, _| w.channel()?.uptime_millis().map(Value::Millis)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_start_timestamp_seconds", []
            "When the channel's instance started (start_at), in seconds since the epoch, as last \
             reported; absent until reported.",
            "",
            "time() - whatsapp_channel_start_timestamp_seconds"),
        rows: Rows::One(|w, _| w.channel()?.started().map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_info", [upstream("channel_id"), upstream("version")]
            "Always 1; the provider's id of the channel and the version that its API reports. \
             Absent until reported.",
            "At most 64 letters, digits, `.`, `_`, `-`, `+` and `:`; other characters of a version \
             are shown as `_`, and an id with others is not shown. After the first change a \
             further one waits for an hour, so that an upstream that returns a new value with \
             every answer does not create a new series each time.",
            "whatsapp_channel_authorized == 0 and on (provider, channel) \
             whatsapp_channel_info{channel_id=\"MANTIS-M72HC\"}"),
        rows: Rows::Info(|w| {
            let (id, version) = (w.channel()?.channel_id(), w.channel()?.version());
            (id.is_some() || version.is_some())
                .then(|| [id, version, None].map(|text| text.map_or(&[][..], ShortText::as_bytes)))
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_source_info",
            [operator("source"), operator("account")]
            "Always 1; the source that lists the channel, and the account if the source lists by \
             account. Absent for a channel of the settings.",
            "Brings the source to other metrics of the channel.",
            "(whatsapp_channel_authorized == 0) * on (provider, channel) group_left (source) \
             whatsapp_channel_source_info"),
        rows: Rows::Info(|w| {
            let options = &w.target.options;
            Some(
                [Some(options.source.as_ref()?), options.account.as_ref(), None]
                    .map(|name| name.map_or(&[][..], |name| name.as_str().as_bytes())),
            )
        }),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_unauthorized_errors_total",
            [ERROR_SOURCE, closed("reason", UnauthorizedReason::LABELS)]
            "HTTP 401 answers for the channel: session means the WhatsApp session is gone (need \
             channel authorization), credential means the token was refused.",
            "`source` tells who met the answer: `poll` is the exporter itself, `gateway` the \
             application through the gateway.",
            "increase(whatsapp_channel_unauthorized_errors_total{reason=\"session\"}[10m]) > 0"),
        rows: Rows::Counts(|w| w.channel().map(ChannelState::unauthorized_counts)),
    },
];

/// The metrics of each channel that there are only with `WEBHOOK_SECRET`.
pub const WEBHOOK: &[Family] = &[
    Family {
        metric: metric!(Counter "whatsapp_channel_logins_total", []
            "Logins that webhooks told of (users.post).",
            "The event carries no time, so the same one delivered again is told from a new one by \
             what came between: a logout or a QR status.",
            "increase(whatsapp_channel_logins_total[1d])"),
        rows: Rows::One(|w, _| Some(webhook_count(w, WebhookState::logins).into())),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_logouts_total", []
            "Logouts that webhooks told of (users.delete), by a person or by WhatsApp.",
            "",
            "increase(whatsapp_channel_logouts_total[1d]) > 0"),
        rows: Rows::One(|w, _| Some(webhook_count(w, WebhookState::logouts).into())),
    },
    Family {
        metric: metric!(Counter "whatsapp_channel_webhook_events_total",
            [closed("event", WebhookEvent::LABELS), closed("outcome", WebhookOutcome::LABELS)]
            "Accepted webhooks about the channel, by event and outcome.",
            "`applied` told something new. `duplicate` was delivered before. `late` is older than \
             what is known: the moves it reveals are counted, the status stays. `ignored` says \
             nothing of a status. `malformed` does not hold what its event should.",
            "sum by (channel, outcome) \
             (increase(whatsapp_channel_webhook_events_total{event=\"channel.post\"}[1h]))"),
        rows: Rows::Counts(|w| w.channel()?.webhooks().map(WebhookState::event_counts)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_channel_last_webhook_timestamp_seconds", []
            "When a webhook of the channel last came, in seconds since the epoch; absent until one \
             did.",
            "",
            "time() - whatsapp_channel_last_webhook_timestamp_seconds"),
        rows: Rows::One(|w, _| w.channel()?.webhooks()?.last_event().map(Value::from)),
    },
];

fn webhook_count(watched: &Watched, count: impl Fn(&WebhookState) -> u32) -> u32 {
    watched.channel().and_then(ChannelState::webhooks).map_or(0, count)
}

/// The metrics of each source.
pub const SOURCE: &[Family] = &[
    Family {
        metric: metric!(Gauge "whatsapp_source_channels", []
            "Channels that the source listed and that are watched; absent until it listed any.",
            "With `SHARD` those of all shards, at each of them.",
            "sum by (provider) (whatsapp_source_channels)"),
        rows: Rows::One(|w, _| w.source()?.listed().map(|listed| listed.watched.into())),
    },
    Family {
        metric: metric!(Gauge "whatsapp_source_channels_ignored", []
            "Channels that the source listed and that are not watched: beyond `max_channels`, or \
             without a valid name; absent until it listed any.",
            "",
            "whatsapp_source_channels_ignored > 0"),
        rows: Rows::One(|w, _| w.source()?.listed().map(|listed| listed.ignored.into())),
    },
];

/// The metrics of each token.
pub const TOKEN: &[Family] = &[
    Family {
        metric: metric!(Gauge "whatsapp_token_valid", []
            "Whether the token works: 1 or 0; absent until known and once the last answer is \
             stale.",
            "0 when the upstream says so, and as soon as the known expiry has passed.",
            "whatsapp_token_valid == 0"),
        rows: Rows::One(|w, now| w.token()?.valid(now, w.policy()).map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_token_expiry_timestamp_seconds", []
            "When the token expires, in seconds since the epoch; +Inf when it never does; absent \
             until known.",
            "Stays after the token has expired and while polls fail, so that an alert on it does \
             not resolve by itself. Forgotten when the token's file holds another token.",
            "whatsapp_token_expiry_timestamp_seconds - time() < 7 * 86400"),
        rows: Rows::One(|w, _| w.token()?.expiry().map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_token_expires_in_seconds", []
            "Time until the token expires, computed at the scrape; negative once it has; +Inf when \
             it never does; absent until known.",
            "For people. Alerts compute it from `whatsapp_token_expiry_timestamp_seconds`, which \
             does not change while scrapes are lost.",
            "whatsapp_token_expires_in_seconds / 86400"),
        rows: Rows::One(|w, now| {
            let expiry = w.token()?.expiry()?;
            Some(expiry.millis_left(now.unix).map_or(Value::Infinity, Value::Millis))
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_token_data_access_expiry_timestamp_seconds", []
            "When the token's access to user data ends in seconds since the epoch; +Inf for never; \
             absent until known.",
            "A token may still be valid when this has passed; reading user data then fails.",
            "whatsapp_token_data_access_expiry_timestamp_seconds - time() < 7 * 86400"),
        rows: Rows::One(|w, _| w.token()?.data_access_expiry().map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_token_issued_timestamp_seconds", []
            "When the token was issued, in seconds since the epoch; absent until known.",
            "",
            "time() - whatsapp_token_issued_timestamp_seconds"),
        rows: Rows::One(|w, _| w.token()?.issued().map(Value::from)),
    },
    Family {
        metric: metric!(Gauge "whatsapp_token_scope_granted",
            [operator("scope")]
            "Whether the token is valid and was granted this required scope: 1 or 0; 0 until \
             known.",
            "One row for each scope that the settings require. A dead token grants nothing, so \
             look at it together with `whatsapp_token_valid`.",
            "whatsapp_token_scope_granted == 0 and on (provider, token) whatsapp_token_valid == 1"),
        rows: Rows::Scopes(|w, at| {
            let scope = w.target.options.required_scopes.get(at)?;
            Some((scope, w.token()?.granted(at).into()))
        }),
    },
    Family {
        metric: metric!(Gauge "whatsapp_token_info",
            [upstream("app_id"), upstream("type"), upstream("application")]
            "Always 1; the app the token belongs to and the token's type, in the upstream's words. \
             Absent until known.",
            "After the first change a further one waits for an hour, so that an upstream that \
             returns a new value with every answer does not create a new series each time.",
            "count by (application) (whatsapp_token_info)"),
        rows: Rows::Info(|w| {
            let info = w.token()?.info()?;
            Some([&info.app_id, &info.kind, &info.application].map(|text| text.as_bytes()))
        }),
    },
    Family {
        metric: metric!(Counter "whatsapp_token_errors_total",
            [ERROR_SOURCE, closed("reason", TokenErrorReason::LABELS)]
            "Error answers about the token, by the class of their code. token_expired is 190 with \
             subcode 463; permission_missing is 200-299.",
            "The class follows `error.code` and the subcode, never the HTTP status. With an app \
             that inspects the token, a refused app is counted here too; `whatsapp_token_valid` is \
             about the token alone.",
            "sum by (token, reason) (increase(whatsapp_token_errors_total[1h])) > 0"),
        rows: Rows::Counts(|w| w.token().map(TokenState::error_counts)),
    },
    Family {
        metric: metric!(Counter "whatsapp_token_unauthorized_errors_total", [ERROR_SOURCE]
            "HTTP 401 answers for the token.",
            "",
            "increase(whatsapp_token_unauthorized_errors_total[1h]) > 0"),
        rows: Rows::Counts(|w| w.token().map(TokenState::unauthorized_counts)),
    },
];

/// `whatsapp_gateway_requests_total`, of channels and of tokens.
pub const GATEWAY_REQUESTS: Metric = metric!(Counter "whatsapp_gateway_requests_total",
    [closed("code", AnswerClass::LABELS)]
    "Requests of the application through the gateway, by how they ended and whose credential they \
     carried; the channel other is any credential that is not configured.",
    "A row has the label `channel` or, for a token's credential, `token`. `failed` is a request \
     without an answer: no connection, a connection that ended before the answer began, or an \
     application that went away first. A held request counts once, by the answer that was passed \
     on. With `SHARD` a request counts where it passed, also with the credential of another \
     shard's target: such a row begins with the first request.",
    "sum by (provider, channel, token) \
     (rate(whatsapp_gateway_requests_total{code=~\"4..|4xx|5xx|failed\"}[5m])) / sum by (provider, \
     channel, token) (rate(whatsapp_gateway_requests_total[5m]))");

/// The kinds of targets whose credentials requests through the gateway carry.
pub const GATEWAY_KINDS: &[TargetKind] = &[TargetKind::Channel, TargetKind::Token];

/// Requests through the gateway with a target's credential.
pub const GATEWAY_TARGET: Family = Family {
    metric: GATEWAY_REQUESTS,
    rows: Rows::LargeCounts(|w| w.requests.as_deref().map(RequestCounts::answer_counts)),
};

/// `whatsapp_poll_duration_seconds`.
pub const POLL_DURATION: Metric = metric!(Histogram "whatsapp_poll_duration_seconds", [PROVIDER]
    "How long polls took, from sending to the whole answer or the failure.",
    "",
    "histogram_quantile(0.99, sum by (le, provider) \
     (rate(whatsapp_poll_duration_seconds_bucket[5m])))");
/// `whatsapp_exporter_build_info`.
pub const BUILD_INFO: Metric = metric!(Gauge "whatsapp_exporter_build_info",
    [build("version"), build("revision"), build("rustversion")]
    "Always 1; the version of the exporter, the commit it was built from and the compiler.",
    "",
    "count by (version) (whatsapp_exporter_build_info)");
/// `whatsapp_exporter_targets`.
pub const TARGETS: Metric = metric!(Gauge "whatsapp_exporter_targets", [closed("kind", KINDS)]
    "Targets that are configured.",
    "With `SHARD` those that this shard watches; it watches every source.",
    "sum by (kind) (whatsapp_exporter_targets)");
/// `whatsapp_exporter_config_last_reload_successful`.
pub const RELOAD_SUCCESSFUL: Metric = metric!(Gauge
    "whatsapp_exporter_config_last_reload_successful",
    []
    "Whether the settings were last loaded without a mistake: 1 or 0.",
    "Loading them at the start counts.",
    "whatsapp_exporter_config_last_reload_successful == 0");
/// `whatsapp_exporter_config_last_reload_success_timestamp_seconds`.
pub const RELOAD_TIMESTAMP: Metric = metric!(Gauge
    "whatsapp_exporter_config_last_reload_success_timestamp_seconds",
    []
    "When the settings were last loaded without a mistake, in seconds since the epoch.",
    "",
    "time() - whatsapp_exporter_config_last_reload_success_timestamp_seconds");
/// `whatsapp_exporter_unknown_status_total`.
pub const UNKNOWN_STATUS: Metric = metric!(Counter "whatsapp_exporter_unknown_status_total",
    [PROVIDER]
    "Answers with a status word that this version does not know; the word is in the log.",
    "",
    "increase(whatsapp_exporter_unknown_status_total[1h]) > 0");
/// `whatsapp_exporter_connections_refused_total`.
pub const CONNECTIONS_REFUSED: Metric = metric!(Counter
    "whatsapp_exporter_connections_refused_total",
    [closed("listener", ListenerKind::LABELS), closed("reason", ConnectionRefusal::LABELS)]
    "Connections that were not served, by listener and reason; their clients were answered 503 \
     where that was possible.",
    "`full`: as many are open as may be, for the gateway `GATEWAY_MAX_CONNECTIONS`. `requests`: as \
     many requests are under way as the limit of open files allows. `descriptors`: the process has \
     no descriptor left. `passwords`: too many passwords wait to be checked.",
    "sum by (listener, reason) (increase(whatsapp_exporter_connections_refused_total[15m])) > 0");
/// `whatsapp_exporter_panics_total`.
pub const PANICS: Metric = metric!(Counter "whatsapp_exporter_panics_total", []
    "Panics that were caught: bugs in the exporter; please report them.",
    "",
    "increase(whatsapp_exporter_panics_total[1d]) > 0");

/// `whatsapp_gateway_request_duration_seconds`.
pub const GATEWAY_DURATION: Metric = metric!(Histogram "whatsapp_gateway_request_duration_seconds",
    [PROVIDER]
    "How long the application waited through the gateway until an answer began, time held \
     included.",
    "Until the answer's head, since a body may be streamed for as long as it likes. Requests \
     without an answer are not in it.",
    "histogram_quantile(0.99, sum by (le, provider) \
     (rate(whatsapp_gateway_request_duration_seconds_bucket[5m])))");
/// `whatsapp_gateway_held_total`.
pub const GATEWAY_HELD: Metric = metric!(Counter "whatsapp_gateway_held_total",
    [closed("outcome", HeldOutcome::LABELS)]
    "Requests that the gateway held while their channel reconnected, by outcome.",
    "Only with `GATEWAY_HOLD`. `sent` and `sent_again` are requests that the reconnect did not \
     fail; `abandoned` are those whose application went away first.",
    "sum by (outcome) (increase(whatsapp_gateway_held_total[1d]))");

/// `whatsapp_exporter_webhooks_refused_total`.
pub const WEBHOOKS_REFUSED: Metric = metric!(Counter "whatsapp_exporter_webhooks_refused_total",
    [closed("reason", WebhookRefusal::LABELS)]
    "Webhooks that were not taken as any channel's, by reason.",
    "`unknown_channel` is answered 200 all the same, so that it is not delivered again; compare \
     `channel_id` with the settings. `other_shard` is of a channel that another shard watches, or \
     may watch, and is answered 421: compare the address that the provider has with what `check` \
     prints.",
    "sum by (reason) (increase(whatsapp_exporter_webhooks_refused_total[1h])) > 0");
/// `whatsapp_exporter_state_file_last_write_successful`.
pub const STATE_WRITTEN: Metric = metric!(Gauge
    "whatsapp_exporter_state_file_last_write_successful",
    []
    "Whether STATE_FILE was last written without an error: 1 or 0.",
    "Only with `STATE_FILE`.",
    "whatsapp_exporter_state_file_last_write_successful == 0");

/// `whatsapp_exporter_shard_info`.
pub const SHARD_INFO: Metric = metric!(Gauge "whatsapp_exporter_shard_info",
    [operator("shard"), operator("shards")]
    "Always 1; which shard of how many this is, numbered from 1.",
    "Only with `SHARD`.",
    "count by (job, shards) (whatsapp_exporter_shard_info)");
/// `whatsapp_exporter_shards`.
pub const SHARDS: Metric = metric!(Gauge "whatsapp_exporter_shards", []
    "How many shards there are, as configured.",
    "Only with `SHARD`. The label `shards` as a number: a rule cannot compute with labels.",
    "max by (job) (whatsapp_exporter_shards) > count by (job) (group by (job, shard) \
     (whatsapp_exporter_shard_info))");

/// The values of `kind`.
pub const KINDS: &[&str] = TargetKind::LABELS;

/// The standard metrics of the process. Only on Linux.
pub const PROCESS: &[Metric] = &[
    metric!(Counter "process_cpu_seconds_total", []
        "Total user and system CPU time spent in seconds.",
        "", "rate(process_cpu_seconds_total[5m])"),
    metric!(Gauge "process_open_fds", []
        "Number of open file descriptors.", "", "process_open_fds / process_max_fds"),
    metric!(Gauge "process_max_fds", []
        "Maximum number of open file descriptors.", "", "process_max_fds"),
    metric!(Gauge "process_virtual_memory_bytes", []
        "Virtual memory size in bytes.", "", "process_virtual_memory_bytes"),
    metric!(Gauge "process_resident_memory_bytes", []
        "Resident memory size in bytes.", "", "process_resident_memory_bytes"),
    metric!(Gauge "process_start_time_seconds", []
        "Start time of the process since unix epoch in seconds.",
        "", "time() - process_start_time_seconds"),
    metric!(Gauge "process_threads", []
        "Number of OS threads in the process.", "", "process_threads"),
];

/// The exporter's own metrics.
pub const EXPORTER: &[Metric] = &[
    POLL_DURATION,
    BUILD_INFO,
    TARGETS,
    RELOAD_SUCCESSFUL,
    RELOAD_TIMESTAMP,
    UNKNOWN_STATUS,
    CONNECTIONS_REFUSED,
    PANICS,
];

/// The exporter's own metrics that there are only with `WEBHOOK_SECRET`, `STATE_FILE` and
/// `SHARD`.
pub const OPTIONAL: &[Metric] = &[WEBHOOKS_REFUSED, STATE_WRITTEN, SHARD_INFO, SHARDS];

/// The exporter's own metrics that there are only with `GATEWAY_ADDRESS`.
pub const GATEWAY: &[Metric] = &[GATEWAY_DURATION, GATEWAY_HELD];

/// The metrics of each target of a kind, in order, but for those of optional features.
pub fn families(kind: TargetKind) -> impl Iterator<Item = &'static Family> {
    let parts: [&[Family]; 3] = match kind {
        TargetKind::Channel => [CHANNEL, TERMS, STANDING],
        TargetKind::Token => [TOKEN, &[], &[]],
        TargetKind::Source => [SOURCE, &[], &[]],
        TargetKind::Account => [ACCOUNT, &[], &[]],
    };
    parts.into_iter().flatten().chain(poll_families(kind))
}

/// Whether only channels of whose terms something was told have rows of this family.
pub fn is_of_terms(family: &Family) -> bool {
    let of_terms = TERMS.iter().chain(STANDING).chain(DELIVERY_COUNT);
    of_terms.map(|one| one.metric.name).any(|name| name == family.metric.name)
}

/// The metrics of each target of a kind that there are only with `WEBHOOK_SECRET`.
pub const fn webhook_families(kind: TargetKind) -> &'static [Family] {
    match kind {
        TargetKind::Channel => WEBHOOK,
        TargetKind::Account => ACCOUNT_WEBHOOK,
        TargetKind::Token | TargetKind::Source => &[],
    }
}

/// Every metric, with the labels of its target.
pub fn all() -> impl Iterator<Item = (&'static [Label], &'static Metric)> {
    let of_targets = TargetKind::ALL
        .iter()
        .flat_map(|kind| families(*kind).map(move |family| (target_labels(*kind), &family.metric)));
    let channel = target_labels(TargetKind::Channel);
    let delivery = DELIVERY.iter().chain(DELIVERY_COUNT);
    let delivery = delivery.map(move |family| (channel, &family.metric));
    let webhook = TargetKind::ALL.iter().flat_map(|kind| {
        webhook_families(*kind).iter().map(move |family| (target_labels(*kind), &family.metric))
    });
    let gateway = GATEWAY_KINDS.iter().map(|kind| (target_labels(*kind), &GATEWAY_REQUESTS));
    let own = EXPORTER.iter().chain(OPTIONAL).chain(GATEWAY).chain(PROCESS);
    of_targets
        .chain(webhook)
        .chain(delivery)
        .chain(gateway)
        .chain(own.map(|metric| (&[] as &[Label], metric)))
}
