//! The exporter at work: the poller, the listener and the reloader, from settings to shutdown.
//!
//! Not here: where settings come from, and which signals there are.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tracing::info;

use crate::client::Client;
use crate::clock;
use crate::config::{Settings, Webhooks};
use crate::fleet::Fleet;
use crate::gateway::Gateway;
use crate::http::{Auth, Descriptors};
use crate::metrics::Features;
use crate::metrics::exporter::ExporterMetrics;
use crate::poller::{Ask, PollCauses, Poller};
use crate::reload::Reloader;
use crate::server;
use crate::state_file::StateFile;
use crate::target::TargetSet;
use crate::tasks::{TaskEnded, Tasks};

/// Everything that runs, set up and not yet started.
pub struct Exporter {
    /// The targets.
    pub fleet: Arc<Fleet>,
    /// The exporter's own metrics.
    pub metrics: ExporterMetrics,
    poller: Poller,
    auth: Auth,
    descriptors: Descriptors,
    gateway: Option<Arc<Gateway>>,
    gateway_listener: Option<TcpListener>,
    reloader: Option<Arc<Reloader>>,
    lifecycle_from_anywhere: bool,
    webhooks: Option<Webhooks>,
    state_file: Option<Arc<StateFile>>,
    tasks: Tasks,
}

impl Exporter {
    /// Sets everything up.
    ///
    /// # Errors
    ///
    /// A sentence, when the HTTP client cannot be had or the web configuration has an error.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let descriptors = descriptors(&settings);
        let client = Client::new(&settings.polling, descriptors.poll_connections)?;
        let ask: Ask = Arc::new(move |request, max_bytes| {
            let client = client.clone();
            Box::pin(async move { client.ask(request, max_bytes).await })
        });
        Self::assembled(settings, ask, descriptors)
    }

    /// Sets everything up, with another way to ask.
    ///
    /// # Errors
    ///
    /// A sentence, when the metrics cannot be had or the web configuration has an error.
    pub fn with_ask(settings: Settings, ask: Ask) -> Result<Self, String> {
        let descriptors = descriptors(&settings);
        Self::assembled(settings, ask, descriptors)
    }

    fn assembled(settings: Settings, ask: Ask, descriptors: Descriptors) -> Result<Self, String> {
        let now = clock::now();
        let features = Features {
            webhooks: settings.webhooks.is_some(),
            gateway: settings.gateway.is_some(),
            state_file: settings.state_file.is_some(),
            shard: settings.shard,
        };
        let metrics = ExporterMetrics::new(features, now.unix)
            .map_err(|error| format!("the metrics cannot be set up: {error}"))?;
        metrics.loaded(now.unix, settings.count_by_kind());
        let mut targets =
            TargetSet::sharded(settings.targets, settings.shard, settings.gateway.is_some());
        let fleet = Arc::new(Fleet::new(targets.select(), now, features.webhooks));
        let poller =
            Poller::new(Arc::clone(&fleet), targets, metrics.clone(), ask, descriptors.polls);
        let gateway = match &settings.gateway {
            Some(gateway) => {
                let (fleet, metrics) = (Arc::clone(&fleet), metrics.clone());
                let polling = &settings.polling;
                let connections = descriptors.upstream_connections;
                let poll_now = poller.poll_now();
                Some(Arc::new(Gateway::new(
                    gateway,
                    polling,
                    connections,
                    fleet,
                    metrics,
                    poll_now,
                )?))
            }
            None => None,
        };
        Ok(Self {
            tasks: Tasks::new(metrics.clone()),
            auth: Auth::new(settings.web_config_file)?,
            descriptors,
            lifecycle_from_anywhere: settings.lifecycle_from_anywhere,
            fleet,
            metrics,
            poller,
            gateway,
            gateway_listener: None,
            reloader: None,
            webhooks: settings.webhooks,
            state_file: None,
        })
    }

    /// The same exporter, with its gateway on this listener. Without settings for one, nothing
    /// answers there.
    pub fn gateway_on(self, listener: TcpListener) -> Self {
        Self { gateway_listener: Some(listener), ..self }
    }

    /// The same exporter, reloading the settings that these variables name when they change.
    pub fn reloading(self, variables: Vec<(OsString, OsString)>) -> Self {
        let (sender, receiver) = mpsc::channel(1);
        let reloader =
            Reloader::new(variables, sender, Arc::clone(&self.fleet), self.metrics.clone());
        Self { poller: self.poller.reloading(receiver), reloader: Some(reloader), ..self }
    }

    /// The same exporter, keeping what it knows in this file and taking up what is there.
    ///
    /// # Errors
    ///
    /// A sentence, when the file cannot be used.
    pub fn keeping(self, path: Option<PathBuf>) -> Result<Self, String> {
        let open = |path| StateFile::open(path, Arc::clone(&self.fleet), self.metrics.clone());
        let state_file = path.map(open).transpose()?;
        let mut poller = self.poller;
        if let Some(file) = &state_file {
            poller.keep_names(file.kept_names());
        }
        Ok(Self { state_file, poller, ..self })
    }

    /// The same exporter, with another task that runs as long as it does.
    pub fn with_task(
        mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.tasks.spawn(name, task);
        self
    }

    /// What reloads the settings, if anything does.
    pub fn reloader(&self) -> Option<Arc<Reloader>> {
        self.reloader.clone()
    }

    /// Polls and serves until `shutdown` ends.
    ///
    /// # Errors
    ///
    /// The task that ended before `shutdown`; the exporter then stops in the same order.
    pub async fn run(
        mut self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), TaskEnded> {
        if let Ok(address) = listener.local_addr() {
            info!(%address, "listening");
        }
        let (stop, stopped) = watch::channel(());
        let stopped = || {
            let mut stopped = stopped.clone();
            // Its only change is its end.
            async move { drop(stopped.changed().await) }
        };
        let mut listeners = Tasks::new(self.metrics.clone());
        if let Some((gateway, listener)) = self.gateway.zip(self.gateway_listener) {
            listeners.spawn("gateway", gateway.serve(listener, self.descriptors, stopped()));
        }
        let state = server::State::new(self.fleet, self.metrics, self.auth)
            .reloading(self.reloader.clone(), self.lifecycle_from_anywhere)
            .receiving(self.webhooks, self.descriptors.metrics)
            .polling(self.poller.poll_now());
        listeners.spawn(
            "listener",
            server::serve(listener, Arc::new(state), self.descriptors.metrics, stopped()),
        );
        self.tasks.spawn("poller", self.poller.run());
        if let Some(reloader) = self.reloader {
            self.tasks.spawn("watch of the settings file", reloader.watch());
        }
        if let Some(file) = self.state_file.clone() {
            self.tasks.spawn("writer of the state file", file.keep());
        }
        let outcome = tokio::select! {
            () = shutdown => Ok(()),
            ended = listeners.ended() => Err(ended),
            ended = self.tasks.ended() => Err(ended),
        };
        drop(stop);
        listeners.finish().await;
        drop(self.tasks);
        if let Some(file) = self.state_file {
            file.write().await;
        }
        info!("stopped");
        outcome
    }

    /// Asks every target once, without serving. Also tells why polls failed.
    pub async fn ask_once(self) -> (Arc<Fleet>, PollCauses) {
        let causes = self.poller.run_once().await;
        (self.fleet, causes)
    }
}

/// How many descriptors each part may have.
fn descriptors(settings: &Settings) -> Descriptors {
    let connections = settings.gateway.as_ref().map(|gateway| gateway.max_connections);
    Descriptors::raise(settings.polling.concurrency, connections)
}
