//! The gateway: passes the application's requests on to the upstreams, and counts how they end.
//!
//! Not here: what the counts mean, the application's connections (`http/`), and those to upstreams
//! (`client/`). Nothing of a request or an answer is kept or logged.

mod answer_body;
mod answer_inspector;
mod coding;
mod context;
mod credential_index;
mod error_inspector;
mod forward;
mod headers;
mod hold;
mod hold_room;
mod request_body;
mod request_metrics;
mod route;
mod send_inspector;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Request;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::http::{
    AnswerFuture, AnyBody, ConnectionRefusal, Descriptors, Handler, Limits, Listener, ListenerKind,
    Peer, ReceivedBody,
};
pub use context::Gateway;

/// The limits of the gateway. How long a request and its answer take is up to the application and
/// the upstream.
const fn limits(shares: Descriptors) -> Limits {
    Limits {
        connections: shares.gateway,
        served: shares.gateway,
        requests: shares.gateway_requests,
        // Longer than HTTP clients keep theirs, so that they close and never send on one that we
        // are just closing.
        idle: Duration::from_secs(20 * 60),
        head: Duration::from_secs(10),
        answer: None,
        stall: None,
        patience: Duration::from_secs(2),
        buffer: 32 * 1024,
        unsent: None,
        headers: Some(256),
        own_answers: false,
        writes_together: true,
    }
}

impl Gateway {
    /// Serves until `shutdown` ends, then lets requests under way finish for a few seconds.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shares: Descriptors,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        if let Ok(address) = listener.local_addr() {
            info!(%address, "gateway listening");
            if !address.ip().is_loopback() {
                warn!(%address, "the gateway can be reached from other machines, and credentials \
                    travel to it unencrypted; 127.0.0.1 is for this one alone");
            }
        }
        let metrics = self.metrics.clone();
        let count =
            move |why: ConnectionRefusal| metrics.connection_refused(ListenerKind::Gateway, why);
        let handler = Arc::<Self>::clone(&self);
        let listening = Listener::new(ListenerKind::Gateway, limits(shares), handler, count);
        let shutdown = async {
            shutdown.await;
            self.stopping.send_replace(true);
        };
        listening.serve(listener, pin!(shutdown)).await;
    }
}

impl Handler for Gateway {
    fn answer(self: Arc<Self>, request: Request<ReceivedBody>, _: Peer) -> AnswerFuture {
        Box::pin(async move {
            let answer = forward::answer(request, self).await;
            answer.map(|body| AnyBody::new(body.map_err(Into::into)))
        })
    }
}
