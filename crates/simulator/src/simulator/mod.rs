//! The handle of a running simulator: starting it, its faults, and its records. Not the targets:
//! those have a file for each provider.

mod evolution;
mod green_api;
mod meta;
mod waha;
mod whapi;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use crate::connection;
use crate::delivery::DeliveryAttempt;
use crate::fault::Fault;
use crate::http::response::ResponseClass;
use crate::request_log::{RecordedRequest, ResponseCount};
use crate::state::SharedState;
use crate::webhook_sender;

/// A running simulator. Clones share it; when the last clone is dropped, it stops listening and
/// closes its connections.
#[derive(Clone)]
pub struct Simulator {
    state: Arc<SharedState>,
    tasks: Arc<BackgroundTasks>,
}

/// What runs until the last handle is dropped.
struct BackgroundTasks {
    address: SocketAddr,
    accepting: AbortHandle,
    sending: AbortHandle,
}

impl Drop for BackgroundTasks {
    fn drop(&mut self) {
        self.accepting.abort();
        self.sending.abort();
    }
}

impl Simulator {
    /// Listens on a free port of 127.0.0.1, plain HTTP. Call it within a tokio runtime.
    pub async fn start() -> io::Result<Simulator> {
        Simulator::from_listener(TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?)
    }

    /// Listens on what the caller has bound.
    pub fn from_listener(listener: TcpListener) -> io::Result<Simulator> {
        let address = listener.local_addr()?;
        let state = Arc::new(SharedState::default());
        let accepting = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        let sending = tokio::spawn(webhook_sender::run(Arc::clone(&state))).abort_handle();
        Ok(Simulator { state, tasks: Arc::new(BackgroundTasks { address, accepting, sending }) })
    }

    /// Serves a connection that the caller has accepted, for example a TLS stream. Returns when it
    /// is closed.
    pub async fn serve_connection<S: AsyncRead + AsyncWrite + Unpin>(&self, io: S) {
        connection::serve(&self.state, io).await;
    }

    /// The base URL of all APIs, without a trailing slash: `/health` is Whapi's,
    /// `/v25.0/debug_token` is Meta's.
    pub fn url(&self) -> String {
        format!("http://{}", self.tasks.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.tasks.address
    }

    /// Stops listening and cuts every accepted connection: from now on a connection is refused.
    pub fn stop(&self) {
        self.tasks.accepting.abort();
    }

    /// The last attempts to deliver webhooks, oldest first; at most [`RecordedRequest::KEPT`].
    pub fn deliveries(&self) -> Vec<DeliveryAttempt> {
        self.state.lock().log.deliveries()
    }

    /// Forgets the channel or token with this secret, and its faults: it is then as unknown as one
    /// never set.
    pub fn remove(&self, secret: &str) {
        self.state.lock().remove(secret);
    }

    /// From now on every response about this target is the fault's (`None`: as usual again). For an
    /// inspected token the target is the token; the credential `app_id|app_secret` can have faults
    /// of its own.
    pub fn set_fault(&self, secret: &str, fault: Option<Fault>) {
        self.state.lock().faults.of(secret).standing = fault;
    }

    /// The next response about this target is the fault's; queued faults are used up one by one,
    /// before a standing one.
    pub fn fault_once(&self, secret: &str, fault: Fault) {
        self.state.lock().faults.of(secret).queued.push_back(fault);
    }

    /// From now on every response is the fault's, except where a target has its own.
    pub fn set_fault_for_all(&self, fault: Option<Fault>) {
        self.state.lock().faults.for_all.standing = fault;
    }

    /// The next response, whatever it is about, is the fault's.
    pub fn fault_once_for_all(&self, fault: Fault) {
        self.state.lock().faults.for_all.queued.push_back(fault);
    }

    /// The last requests, oldest first; at most [`RecordedRequest::KEPT`].
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.lock().log.requests()
    }

    /// How many responses of which class each target got since the start (or
    /// [`Simulator::forget_requests`]), by the target's name.
    pub fn counts(&self) -> BTreeMap<(Arc<str>, ResponseClass), ResponseCount> {
        self.state.lock().log.counts()
    }

    /// How many requests arrived about the target of this name (`None`: all requests).
    pub fn asked(&self, name: Option<&str>) -> u64 {
        self.state.lock().log.asked(name)
    }

    /// The most requests that were being answered at one moment, all targets together.
    pub fn max_in_flight(&self) -> usize {
        self.state.lock().log.max_in_flight()
    }

    /// The most requests that were being answered at one moment for any single target.
    pub fn max_in_flight_per_target(&self) -> usize {
        self.state.lock().log.max_in_flight_per_target()
    }

    /// How many connections were opened: fewer than requests shows keep-alive.
    pub fn connections(&self) -> u64 {
        self.state.lock().log.connections
    }

    /// Clears what was recorded: requests, counts and maxima; what is in flight stays counted.
    pub fn forget_requests(&self) {
        self.state.lock().log.forget();
    }
}

/// Accepts until aborted; its connections end with it.
async fn accept(listener: TcpListener, state: Arc<SharedState>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((io, _)) => {
                    // Responses are small and written at once: waiting for more bytes would only
                    // add 40 ms.
                    let _ = io.set_nodelay(true);
                    let state = Arc::clone(&state);
                    connections.spawn(async move { connection::serve(&state, io).await });
                }
                // Out of file descriptors, most likely: let some connections end.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
