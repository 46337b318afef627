//! The gateway: passes the application's requests on to Whapi and Meta, and counts how they end.
//!
//! Not here: what the counts mean, the application's connections (`http/`), and those to upstreams (`client/`). Nothing of a request or an answer is kept or logged.

mod body;
mod forward;
mod headers;
mod hold;
mod keyring;
mod route;
mod tally;
mod witness;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::client::Passage;
use crate::domain::Provider;
use crate::fleet::Fleet;
use crate::http::{
    Client, ConnectionRefusal, Descriptors, Handler, Limits, Listener, ListenerKind,
};
use crate::metrics::exporter::ExporterMetrics;
use crate::poller::Hurry;
use crate::settings::{self, Polling};
use hold::Hold;
use keyring::Keyring;
use route::Base;

/// The limits of the gateway. How long a request and its answer take is up to the application and the upstream.
const fn limits(shares: Descriptors) -> Limits {
    Limits {
        connections: shares.gateway,
        served: shares.gateway,
        requests: shares.gateway_requests,
        // Longer than HTTP clients keep theirs, so that they close and never send on one that we are just closing.
        idle: Duration::from_secs(20 * 60),
        head: Duration::from_secs(10),
        answer: None,
        stall: None,
        patience: Duration::from_secs(2),
        buffer: 32 * 1024,
        unsent: None,
        headers: Some(256),
        own_answers: false,
    }
}

/// Everything a request is passed on with.
pub struct Gateway {
    fleet: Arc<Fleet>,
    metrics: ExporterMetrics,
    hurry: Hurry,
    passage: Passage<body::Sent>,
    keyring: Keyring,
    whapi: Arc<Base>,
    meta: Arc<Base>,
    hold: Option<Hold>,
    /// Turns true when nothing is to be waited for any more.
    stopping: watch::Sender<bool>,
}

impl Gateway {
    /// A gateway with these settings.
    ///
    /// # Errors
    ///
    /// A sentence, when the extra CA cannot be read or an address is none.
    pub fn new(
        settings: &settings::Gateway,
        polling: &Polling,
        fleet: Arc<Fleet>,
        metrics: ExporterMetrics,
        hurry: Hurry,
    ) -> Result<Self, String> {
        let base = |name: &str, url: &str| {
            Base::new(url).ok_or_else(|| format!("{name}: is no address that the gateway can use"))
        };
        Ok(Self {
            passage: Passage::new(polling)?,
            keyring: Keyring::new(Arc::clone(&fleet)),
            whapi: base("WHAPI_API_URL", &settings.whapi_url)?,
            meta: base("META_API_URL", &settings.meta_url)?,
            hold: settings.hold.map(Hold::new),
            stopping: watch::Sender::new(false),
            fleet,
            metrics,
            hurry,
        })
    }

    /// Where requests with an unknown credential go.
    const fn base(&self, provider: Provider) -> &Arc<Base> {
        match provider {
            Provider::Whapi => &self.whapi,
            Provider::Meta => &self.meta,
        }
    }

    /// Serves until `shutdown` ends, then lets requests under way finish for a few seconds.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shares: Descriptors,
        shutdown: impl Future<Output = ()>,
    ) {
        if let Ok(address) = listener.local_addr() {
            info!(%address, "the gateway is open");
            if !address.ip().is_loopback() {
                warn!(%address, "the gateway can be reached from other machines, and credentials travel to it unencrypted; 127.0.0.1 is for this one alone");
            }
        }
        let metrics = self.metrics.clone();
        let count =
            move |why: ConnectionRefusal| metrics.connection_refused(ListenerKind::Gateway, why);
        let listening =
            Listener::new(ListenerKind::Gateway, limits(shares), Arc::clone(&self), count);
        let shutdown = async {
            shutdown.await;
            self.stopping.send_replace(true);
        };
        listening.serve(listener, shutdown).await;
    }
}

impl Handler for Gateway {
    type Body = body::Answered;

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        _: Client,
    ) -> Response<body::Answered> {
        forward::answer(request, self).await
    }
}
