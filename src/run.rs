//! The exporter at work: the poller and the listener, from settings to shutdown.
//!
//! Not here: where settings come from, and signals.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tracing::info;

use crate::client::Client;
use crate::clock;
use crate::fleet::Fleet;
use crate::metrics::exporter::ExporterMetrics;
use crate::poller::{Ask, Poller};
use crate::server;
use crate::settings::Settings;

/// Everything that runs, set up and not yet started.
pub struct Exporter {
    /// The targets.
    pub fleet: Arc<Fleet>,
    /// The exporter's own metrics.
    pub metrics: ExporterMetrics,
    poller: Poller,
}

impl Exporter {
    /// Sets everything up.
    ///
    /// # Errors
    ///
    /// A sentence, when the HTTP client cannot be had.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let client = Client::new(&settings.polling)?;
        let ask: Ask = Arc::new(move |request| {
            let client = client.clone();
            Box::pin(async move { client.ask(request).await })
        });
        Self::with_ask(settings, ask)
    }

    /// Sets everything up, with another way to ask.
    ///
    /// # Errors
    ///
    /// A sentence, when the metrics cannot be had.
    pub fn with_ask(settings: Settings, ask: Ask) -> Result<Self, String> {
        let now = clock::now();
        let metrics = ExporterMetrics::new()
            .map_err(|error| format!("the metrics cannot be set up: {error}"))?;
        metrics.loaded(now.unix, settings.channels.len(), settings.tokens.len());
        let fleet = Arc::new(Fleet::new(settings.channels, settings.tokens, now));
        let poller =
            Poller::new(Arc::clone(&fleet), metrics.clone(), ask, settings.polling.concurrency);
        Ok(Self { fleet, metrics, poller })
    }

    /// Polls and serves until `shutdown` ends.
    pub async fn run(self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        if let Ok(address) = listener.local_addr() {
            info!(%address, "listening");
        }
        let state = Arc::new(server::State::new(self.fleet, self.metrics));
        let polling = tokio::spawn(self.poller.run());
        server::serve(listener, state, shutdown).await;
        polling.abort();
        info!("stopped");
    }

    /// Asks every target once, without serving.
    pub async fn ask_once(self) -> Arc<Fleet> {
        self.poller.run_once().await;
        self.fleet
    }
}
