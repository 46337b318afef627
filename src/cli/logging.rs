//! The log: lines for people or JSON, of this crate alone.
//!
//! Not here: what is logged. Other crates' lines are left out at every level: theirs hold addresses
//! and headers.

use std::panic::PanicHookInfo;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::{Log, LogFormat};

/// Starts the log on standard error, and puts panics into it without their messages, which may hold
/// anything.
pub fn start(log: Log) {
    let ours = Targets::new().with_target("whatsapp_exporter", log.level);
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = match log.format {
        LogFormat::Text => layer.with_ansi(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    // Set twice only in tests; the first one stays.
    let _ = tracing_subscriber::registry().with(layer.with_filter(ours)).try_init();
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}
