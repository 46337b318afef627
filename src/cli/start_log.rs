//! What the log says first: which version runs, what it watches, and what is on.
//!
//! Not here: secrets and addresses of upstreams.

use tracing::{info, warn};

use crate::config::{Settings, UnknownVariable};
use crate::domain::TargetKind;
use crate::http::WebConfig;
use crate::secret::printable_path;

/// So many unknown variables are named.
const NAMED: usize = 10;

/// Warns of variables that look like settings and are none.
pub(super) fn unknown(variables: &[UnknownVariable]) {
    for unknown in variables.iter().take(NAMED) {
        let UnknownVariable { name, nearest } = unknown;
        warn!(variable = name, did_you_mean = nearest, "unknown variable looks like a setting");
    }
    if let Some(more @ 1..) = variables.len().checked_sub(NAMED) {
        warn!(more, "more unknown variables look like settings");
    }
}

/// Tells what starts.
pub(super) fn settings(settings: &Settings) {
    // A mistake in it is told by whoever opens the listener.
    let web_config = settings.web_config_file.as_deref().map(WebConfig::read);
    let tls = web_config.and_then(Result::ok).is_some_and(|config| config.speaks_tls());
    let gateway = settings.gateway.as_ref().map(|gateway| gateway.address);
    info!(
        version = env!("CARGO_PKG_VERSION"),
        revision = option_env!("BUILD_REVISION").unwrap_or("unknown"),
        targets = targets(settings),
        shard = settings.shard.map(tracing::field::display),
        tls,
        gateway = gateway.map_or_else(|| "off".to_owned(), |address| address.to_string()),
        webhooks = if settings.webhooks.is_some() { "on" } else { "off" },
        state_file =
            settings.state_file.as_deref().map_or_else(|| "off".to_owned(), printable_path),
        "whatsapp-exporter starts"
    );
}

/// How many targets of each kind are configured.
pub(super) fn targets(settings: &Settings) -> String {
    let counts = settings.count_by_kind();
    let some = TargetKind::ALL.iter().zip(counts).filter(|(_, count)| *count > 0);
    let words = some.map(|(kind, count)| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} {}{plural}", kind.as_str())
    });
    words.collect::<Vec<_>>().join(", ")
}
