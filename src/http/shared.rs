//! What all connections of a listener share, and how one is refused.
//!
//! Not here: how connections are accepted (`listener.rs`) and served (`connection.rs`).

use std::sync::{Arc, Mutex};

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tracing::warn;

use super::auth::Auth;
use super::connections::Connections;
use super::handler::Handler;
use super::refusal::{ConnectionRefusal, ListenerKind, answer_503, sentence};
use super::throttle::Throttle;
use crate::lock::lock;
use crate::write_queue::WriteQueue;

/// Refused clients that are told so at a time. A further one is just closed.
const REFUSALS: usize = 32;
/// What each connection that is not served is given to.
pub(super) type OnRefusal = Box<dyn Fn(ConnectionRefusal) + Send + Sync>;

/// What all connections of a listener share.
pub(super) struct Shared {
    pub(super) kind: ListenerKind,
    pub(super) connections: Arc<Connections>,
    pub(super) auth: Option<Arc<Auth>>,
    pub(super) handler: Arc<dyn Handler>,
    /// Where short writes wait for those of other connections, if they do.
    pub(super) writes: Option<WriteQueue>,
    on_refusal: OnRefusal,
    refusals: Arc<Semaphore>,
    /// What was logged of each kind of refusal.
    throttles: Mutex<[Throttle; ConnectionRefusal::COUNT]>,
}

impl Shared {
    pub(super) fn new(
        kind: ListenerKind,
        connections: Arc<Connections>,
        auth: Option<Arc<Auth>>,
        handler: Arc<dyn Handler>,
        on_refusal: OnRefusal,
    ) -> Self {
        let refusals = Arc::new(Semaphore::new(REFUSALS));
        let throttles = Mutex::default();
        let writes = connections.limits().writes_together.then(WriteQueue::default);
        Self { kind, connections, auth, handler, writes, on_refusal, refusals, throttles }
    }

    /// Tells a client that there is no place for it, if it can be told so.
    pub(super) fn refuse(&self, tcp: Arc<TcpStream>, why: ConnectionRefusal) {
        self.count(why);
        if self.auth.as_ref().is_some_and(|auth| auth.current().tls.is_some()) {
            return;
        }
        if let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() {
            let sentence = sentence(self.kind, why);
            tokio::spawn(async move {
                answer_503(tcp, sentence).await;
                drop(permit);
            });
        }
    }

    /// Counts a connection that is not served.
    pub(super) fn count(&self, why: ConnectionRefusal) {
        (self.on_refusal)(why);
        let mut throttles = lock(&self.throttles);
        if let Some(times) = throttles[why.index()].happened() {
            log_refusals(self.kind, why, times);
        }
    }

    /// Logs the refusals that came too close upon others to be logged then.
    pub(super) fn log_the_rest(&self) {
        let mut throttles = lock(&self.throttles);
        for (throttle, why) in throttles.iter_mut().zip(ConnectionRefusal::ALL) {
            if let Some(times) = throttle.due() {
                log_refusals(self.kind, *why, times);
            }
        }
    }
}

fn log_refusals(kind: ListenerKind, why: ConnectionRefusal, times: u64) {
    let (listener, reason) = (kind.as_str(), why.as_str());
    warn!(
        listener,
        reason, times, "connections were refused; this is logged at most once a minute"
    );
}
