//! The gateway: passes the application's requests on to the upstreams, and counts how they end.
//!
//! Not here: what the counts mean, and connections to upstreams (`client/`). Nothing of a request or an answer is kept or logged.

mod body;
mod context;
mod credential_index;
mod error_inspector;
mod forward;
mod headers;
mod hold;
mod hold_room;
mod request_metrics;
mod route;

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tracing::{debug, info, warn};

pub use context::Gateway;

/// An application's idle connection is kept this long: longer than HTTP clients keep theirs, so that they close and never send on
/// one that we are just closing.
const IDLE: Duration = Duration::from_secs(20 * 60);
/// With more connections than this, idle ones are closed.
const MANY: usize = 512;
/// Largest head of a request, and most bytes read or written at a time.
const BUFFER: usize = 32 * 1024;
/// How long requests under way are waited for at the end, as on the other listener.
const DRAIN: Duration = Duration::from_secs(5);

impl Gateway {
    /// Serves until `shutdown` ends, then lets requests under way finish for a few seconds.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        if let Ok(address) = listener.local_addr() {
            info!(%address, "the gateway is open");
            if !address.ip().is_loopback() {
                warn!(%address, "the gateway can be reached from other machines, and credentials travel to it unencrypted; 127.0.0.1 is for this one alone");
            }
        }
        let (leave, _) = watch::channel(());
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    if leave.receiver_count() >= MANY {
                        leave.send_replace(());
                    }
                    tokio::spawn(Arc::clone(&self).connection(stream, leave.subscribe()));
                }
                Err(error) => {
                    // Out of descriptors, mostly; the pause lets some be closed.
                    warn!(%error, "a connection to the gateway could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        self.stopping.send_replace(true);
        leave.send_replace(());
        if tokio::time::timeout(DRAIN, leave.closed()).await.is_err() {
            debug!("some requests through the gateway were cut off at the end");
        }
    }

    /// Serves the requests of one connection until it ends, or is told to leave and has nothing under way.
    async fn connection(self: Arc<Self>, stream: TcpStream, mut leave: watch::Receiver<()>) {
        let _ = stream.set_nodelay(true);
        let service = service_fn(move |request| {
            let gateway = Arc::clone(&self);
            async move { Ok::<_, Infallible>(forward::answer(request, gateway).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(BUFFER)
            .preserve_header_case(true)
            // The upstream's answers have theirs.
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        loop {
            tokio::select! {
                ended = &mut connection => {
                    if ended.is_err() {
                        debug!("a connection to the gateway ended early");
                    }
                    return;
                }
                Ok(()) = leave.changed() => connection.as_mut().graceful_shutdown(),
            }
        }
    }
}
