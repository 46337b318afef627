//! Reloading the settings: all or nothing, by their content, by signal or by request.
//!
//! Not here: what a reload does to the fleet's states (`fleet.rs`) and to the schedule (`poller.rs`).

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use crate::clock;
use crate::metrics::exporter::ExporterMetrics;
use crate::settings::{ChannelTarget, Problems, Settings, TokenTarget};

/// How often the settings file is looked at.
const WATCH: Duration = Duration::from_secs(5);

/// New targets for the poller, which answers when they are in force.
pub struct NewTargets {
    /// The channels to watch from now on.
    pub channels: Vec<ChannelTarget>,
    /// The tokens to watch from now on.
    pub tokens: Vec<TokenTarget>,
    /// Told when they are in force.
    pub done: oneshot::Sender<()>,
}

/// Reads the settings anew and puts them in force.
pub struct Reloader {
    /// The environment as it was at the start; it cannot change from outside.
    variables: Vec<(OsString, OsString)>,
    poller: mpsc::Sender<NewTargets>,
    metrics: ExporterMetrics,
    /// One reload at a time, and what the file held when it was last read.
    seen: tokio::sync::Mutex<u64>,
}

impl Reloader {
    /// A reloader of the settings that these variables name.
    pub fn new(
        variables: Vec<(OsString, OsString)>,
        poller: mpsc::Sender<NewTargets>,
        metrics: ExporterMetrics,
    ) -> Arc<Self> {
        let seen = tokio::sync::Mutex::new(content(&variables));
        Arc::new(Self { variables, poller, metrics, seen })
    }

    /// Reloads now.
    ///
    /// # Errors
    ///
    /// What is wrong with the settings; the ones in force then stay.
    pub async fn reload(&self) -> Result<(), Problems> {
        let mut seen = self.seen.lock().await;
        *seen = content(&self.variables);
        self.load().await
    }

    /// Reloads whenever the settings file's content has changed.
    pub async fn watch(self: Arc<Self>) {
        let mut tick = tokio::time::interval(WATCH);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let mut seen = self.seen.lock().await;
            let now = content(&self.variables);
            if now != *seen {
                *seen = now;
                // The mistakes are in the log and in a metric.
                let _ = self.load().await;
            }
        }
    }

    async fn load(&self) -> Result<(), Problems> {
        match Settings::load(self.variables.iter().cloned()) {
            Ok(settings) => {
                let (channels, tokens) = (settings.channels.len(), settings.tokens.len());
                let (done, in_force) = oneshot::channel();
                let new = NewTargets { channels: settings.channels, tokens: settings.tokens, done };
                // Both fail only while the exporter is stopping.
                if self.poller.send(new).await.is_ok() && in_force.await.is_ok() {
                    self.metrics.loaded(clock::now().unix, channels, tokens);
                    info!(channels, tokens, "the settings were reloaded");
                }
                Ok(())
            }
            Err(problems) => {
                self.metrics.load_failed();
                for problem in problems.iter() {
                    error!(problem, "the settings have a mistake; the ones in force stay");
                }
                Err(problems)
            }
        }
    }
}

/// A fingerprint of the settings file's bytes: what counts is the content, whatever a link or a time stamp does.
fn content(variables: &[(OsString, OsString)]) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Some((_, path)) = variables.iter().find(|(name, _)| name == "CONFIG_FILE") {
        std::fs::read(path).ok().hash(&mut hasher);
    }
    hasher.finish()
}
