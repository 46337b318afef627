//! The exporter's own listener: the metrics, the page, and what else is asked of it.
//!
//! Not here: connections (`http/`), and what is served; see `routes.rs` and the files it names.

mod body;
mod negotiate;
mod page;
mod receiver;
mod reply;
mod routes;
mod state;
mod status_json;
mod webhook;
mod webhook_body;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Request;

use tokio::net::TcpListener;

use crate::http::{
    AnswerFuture, AnyBody, ConnectionRefusal, Handler, Limits, Listener, ListenerKind, Peer,
    ReceivedBody,
};
pub use state::State;

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
        writes_together: false,
    }
}

impl Handler for State {
    fn answer(self: Arc<Self>, request: Request<ReceivedBody>, peer: Peer) -> AnswerFuture {
        Box::pin(async move {
            let answer = routes::answer(request, &self, peer).await;
            answer.map(|body| AnyBody::new(body.map_err(|never| match never {})))
        })
    }
}

/// Serves with at most so many connections until `shutdown` ends, then lets requests under way
/// finish for a few seconds.
pub async fn serve(
    listener: TcpListener,
    state: Arc<State>,
    connections: usize,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (auth, metrics) = (Arc::clone(&state.auth), state.metrics.clone());
    let count =
        move |why: ConnectionRefusal| metrics.connection_refused(ListenerKind::Metrics, why);
    let listening =
        Listener::new(ListenerKind::Metrics, limits(connections), state, count).secured(auth);
    listening.serve(listener, pin!(shutdown)).await;
}
