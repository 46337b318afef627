//! The exporter's own listener: the metrics, the page, and what else is asked of it.
//!
//! Not here: connections (`http/`), and what is served; see `routes.rs` and the files it names.

mod answer;
mod body;
mod negotiate;
mod page;
mod routes;
mod status_json;
mod webhook;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::net::TcpListener;

use crate::config::Webhooks;
use crate::fleet::Fleet;
use crate::http::{Auth, Client, ConnectionRefusal, Handler, Limits, Listener, ListenerKind};
use crate::metrics::exporter::ExporterMetrics;
use crate::reload::Reloader;
use body::{AnswerBody, AnswerMemory};
use webhook::Receiver;

/// The limits of the exporter's own listener, with so many connections at a time.
const fn limits(connections: usize) -> Limits {
    Limits {
        connections,
        served: 512,
        requests: 512,
        // Longer than the usual scrape interval of a minute.
        idle: Duration::from_secs(65),
        head: Duration::from_secs(10),
        answer: Some(Duration::from_secs(60)),
        stall: Some(Duration::from_secs(10)),
        patience: Duration::from_secs(1),
        buffer: 16 * 1024,
        unsent: Some(128 * 1024),
        headers: None,
        own_answers: true,
    }
}

/// What requests are answered from.
pub struct State {
    /// The targets.
    pub fleet: Arc<Fleet>,
    /// The exporter's own metrics.
    pub metrics: ExporterMetrics,
    memory: AnswerMemory,
    auth: Arc<Auth>,
    reloader: Option<Arc<Reloader>>,
    lifecycle_from_anywhere: bool,
    webhooks: Option<Receiver>,
}

impl State {
    /// What requests are answered from.
    pub fn new(fleet: Arc<Fleet>, metrics: ExporterMetrics, auth: Auth) -> Self {
        Self {
            fleet,
            metrics,
            memory: AnswerMemory::default(),
            auth: Arc::new(auth),
            reloader: None,
            lifecycle_from_anywhere: false,
            webhooks: None,
        }
    }

    /// The same, receiving webhooks if there are settings for them.
    pub fn receiving(self, webhooks: Option<Webhooks>) -> Self {
        Self { webhooks: webhooks.map(Receiver::new), ..self }
    }

    /// The same, with what `POST /-/reload` does, and whether others than loopback may ask for it.
    pub fn reloading(self, reloader: Option<Arc<Reloader>>, from_anywhere: bool) -> Self {
        Self { reloader, lifecycle_from_anywhere: from_anywhere, ..self }
    }
}

impl Handler for State {
    type Body = AnswerBody;

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        client: Client,
    ) -> Response<AnswerBody> {
        routes::answer(request, &self, client).await
    }
}

/// Serves with at most so many connections until `shutdown` ends, then lets requests under way finish for a few seconds.
pub async fn serve(
    listener: TcpListener,
    state: Arc<State>,
    connections: usize,
    shutdown: impl Future<Output = ()>,
) {
    let (auth, metrics) = (Arc::clone(&state.auth), state.metrics.clone());
    let count =
        move |why: ConnectionRefusal| metrics.connection_refused(ListenerKind::Metrics, why);
    let listening =
        Listener::new(ListenerKind::Metrics, limits(connections), state, count).secured(auth);
    listening.serve(listener, shutdown).await;
}
