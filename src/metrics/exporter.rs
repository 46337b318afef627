//! The exporter's own metrics, kept in the prometheus crate's registry.
//!
//! Not here: channels and tokens; theirs are drawn from the fleet.

use std::time::Duration;

use prometheus::proto::MetricFamily;
use prometheus::{
    Gauge, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use super::Features;
use super::catalog::{self, Metric, Values};
use super::process::Process;
use crate::domain::{HeldOutcome, TargetKind, Timestamp, WebhookRefusal};
use crate::http::{ConnectionRefusal, ListenerKind};
use crate::providers;
use crate::upstream::ProviderId;

/// The exporter's own metrics.
#[derive(Clone)]
pub struct ExporterMetrics {
    registry: Registry,
    poll_duration: HistogramVec,
    targets: IntGaugeVec,
    reload_successful: IntGauge,
    reload_timestamp: Gauge,
    unknown_status: IntCounterVec,
    connections_refused: IntCounterVec,
    panics: IntCounter,
    gateway_duration: HistogramVec,
    gateway_held: IntCounterVec,
    webhooks_refused: IntCounterVec,
    state_written: IntGauge,
    features: Features,
    created: Timestamp,
}

/// From a keep-alive answer nearby to `POLL_TIMEOUT`'s default.
const BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The same, and as long as an application may wait for a large answer to begin.
const GATEWAY_BUCKETS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

fn opts(metric: &Metric) -> Opts {
    Opts::new(metric.name, metric.help)
}

fn histogram(metric: &Metric, buckets: &[f64]) -> prometheus::Result<HistogramVec> {
    let opts = HistogramOpts::from(opts(metric)).buckets(buckets.to_vec());
    HistogramVec::new(opts, &names(metric))
}

fn names(metric: &Metric) -> Vec<&'static str> {
    metric.labels.iter().map(|label| label.name).collect()
}

impl ExporterMetrics {
    /// The metrics of these features, every row at zero, counting from `now` on.
    ///
    /// # Errors
    ///
    /// Only when the catalog declares what the prometheus crate refuses; a test holds that it does
    /// not.
    pub fn new(features: Features, now: Timestamp) -> prometheus::Result<Self> {
        let metrics = Self {
            registry: Registry::new(),
            poll_duration: histogram(&catalog::POLL_DURATION, BUCKETS)?,
            targets: IntGaugeVec::new(opts(&catalog::TARGETS), &names(&catalog::TARGETS))?,
            reload_successful: IntGauge::with_opts(opts(&catalog::RELOAD_SUCCESSFUL))?,
            reload_timestamp: Gauge::with_opts(opts(&catalog::RELOAD_TIMESTAMP))?,
            unknown_status: IntCounterVec::new(
                opts(&catalog::UNKNOWN_STATUS),
                &names(&catalog::UNKNOWN_STATUS),
            )?,
            connections_refused: IntCounterVec::new(
                opts(&catalog::CONNECTIONS_REFUSED),
                &names(&catalog::CONNECTIONS_REFUSED),
            )?,
            panics: IntCounter::with_opts(opts(&catalog::PANICS))?,
            gateway_duration: histogram(&catalog::GATEWAY_DURATION, GATEWAY_BUCKETS)?,
            gateway_held: IntCounterVec::new(
                opts(&catalog::GATEWAY_HELD),
                &names(&catalog::GATEWAY_HELD),
            )?,
            webhooks_refused: IntCounterVec::new(
                opts(&catalog::WEBHOOKS_REFUSED),
                &names(&catalog::WEBHOOKS_REFUSED),
            )?,
            state_written: IntGauge::with_opts(opts(&catalog::STATE_WRITTEN))?,
            features,
            created: now,
        };
        let info = IntGaugeVec::new(opts(&catalog::BUILD_INFO), &names(&catalog::BUILD_INFO))?;
        info.with_label_values(&[
            env!("CARGO_PKG_VERSION"),
            option_env!("BUILD_REVISION").unwrap_or("unknown"),
            option_env!("BUILD_RUSTC").unwrap_or("unknown"),
        ])
        .set(1);
        for provider in providers::LABELS {
            metrics.poll_duration.with_label_values(&[provider]);
            metrics.unknown_status.with_label_values(&[provider]);
            metrics.gateway_duration.with_label_values(&[provider]);
        }
        for listener in ListenerKind::LABELS {
            for reason in ConnectionRefusal::LABELS {
                metrics.connections_refused.with_label_values(&[listener, reason]);
            }
        }
        for reason in WebhookRefusal::LABELS {
            metrics.webhooks_refused.with_label_values(&[reason]);
        }
        for outcome in HeldOutcome::LABELS {
            metrics.gateway_held.with_label_values(&[outcome]);
        }
        if let Values::Closed(kinds) = catalog::TARGETS.labels[0].values {
            kinds.iter().for_each(|kind| metrics.targets.with_label_values(&[kind]).set(0));
        }
        let registry = &metrics.registry;
        registry.register(Box::new(info))?;
        registry.register(Box::new(metrics.poll_duration.clone()))?;
        registry.register(Box::new(metrics.targets.clone()))?;
        registry.register(Box::new(metrics.reload_successful.clone()))?;
        registry.register(Box::new(metrics.reload_timestamp.clone()))?;
        registry.register(Box::new(metrics.unknown_status.clone()))?;
        registry.register(Box::new(metrics.connections_refused.clone()))?;
        registry.register(Box::new(metrics.panics.clone()))?;
        registry.register(Box::new(Process::new()?))?;
        if features.webhooks {
            registry.register(Box::new(metrics.webhooks_refused.clone()))?;
        }
        if features.state_file {
            registry.register(Box::new(metrics.state_written.clone()))?;
        }
        if let Some(shard) = features.shard {
            let info = IntGaugeVec::new(opts(&catalog::SHARD_INFO), &names(&catalog::SHARD_INFO))?;
            let labels = [shard.number(), shard.shards()].map(|number| number.to_string());
            info.with_label_values(&labels).set(1);
            registry.register(Box::new(info))?;
            let shards = IntGauge::with_opts(opts(&catalog::SHARDS))?;
            shards.set(i64::from(shard.shards()));
            registry.register(Box::new(shards))?;
        }
        if features.gateway {
            registry.register(Box::new(metrics.gateway_duration.clone()))?;
            registry.register(Box::new(metrics.gateway_held.clone()))?;
        }
        Ok(metrics)
    }

    /// Records how long a poll took.
    pub fn poll_took(&self, provider: ProviderId, took: Duration) {
        self.poll_duration.with_label_values(&[provider.label()]).observe(took.as_secs_f64());
    }

    /// Records a status word that is not in the list.
    pub fn unknown_status(&self, provider: ProviderId) {
        self.unknown_status.with_label_values(&[provider.label()]).inc();
    }

    /// Counts a connection that was not served.
    pub fn connection_refused(&self, kind: ListenerKind, why: ConnectionRefusal) {
        self.connections_refused.with_label_values(&[kind.as_str(), why.as_str()]).inc();
    }

    /// Records a panic.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Records that settings with so many targets of each kind were loaded.
    pub fn loaded(&self, now: Timestamp, targets: [usize; TargetKind::COUNT]) {
        self.reload_successful.set(1);
        self.reload_timestamp.set(now.millis() as f64 / 1000.0);
        for (kind, count) in TargetKind::ALL.iter().zip(targets) {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.targets.with_label_values(&[kind.as_str()]).set(count);
        }
    }

    /// Records that the settings had a mistake.
    pub fn load_failed(&self) {
        self.reload_successful.set(0);
    }

    /// Records how long an application waited through the gateway for an answer to begin.
    pub fn gateway_answered(&self, provider: ProviderId, took: Duration) {
        self.gateway_duration.with_label_values(&[provider.label()]).observe(took.as_secs_f64());
    }

    /// Records what became of a request that was held.
    pub fn gateway_held(&self, outcome: HeldOutcome) {
        self.gateway_held.with_label_values(&[outcome.as_str()]).inc();
    }

    /// Records a webhook that was not taken as any channel's.
    pub fn webhook_refused(&self, why: WebhookRefusal) {
        self.webhooks_refused.with_label_values(&[why.as_str()]).inc();
    }

    /// Records whether the state file could be written.
    pub fn state_written(&self, well: bool) {
        self.state_written.set(i64::from(well));
    }

    /// What these are the metrics of.
    pub(super) const fn features(&self) -> Features {
        self.features
    }

    /// Since when they count.
    pub(super) const fn created(&self) -> Timestamp {
        self.created
    }

    /// Every family as it is now.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}
