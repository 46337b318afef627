//! The listener: accepts connections, bounds them, and serves the routes.
//!
//! Not here: what is served; see `routes.rs` and the files it names.

mod answer;
mod body;
mod connections;
mod guard;
mod negotiate;
mod page;
mod routes;
mod status_json;
mod web_config;
mod webhook;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use crate::config::Webhooks;
use crate::fleet::Fleet;
use crate::metrics::exporter::ExporterMetrics;
use crate::reload::Reloader;
use connections::{Activity, Connections, Slot};
pub use guard::Guard;
pub use web_config::WebConfig;
use webhook::Receiver;

/// Idle connections and slow headers are closed after this; longer than the usual scrape interval of a minute.
const IDLE: Duration = Duration::from_secs(65);
/// A reader that takes nothing for this long is closed.
const STALL: Duration = Duration::from_secs(10);
/// A TLS handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long requests under way are waited for at the end.
const DRAIN: Duration = Duration::from_secs(5);
/// Largest request head, and most bytes of an answer that wait for a slow reader.
const BUFFER: usize = 16 * 1024;
/// Pages of metrics written at a time; a further one waits its turn.
const SCRAPES: usize = 8;

/// What requests are answered from.
pub struct State {
    /// The targets.
    pub fleet: Arc<Fleet>,
    /// The exporter's own metrics.
    pub metrics: ExporterMetrics,
    scrapes: Arc<Semaphore>,
    guard: Guard,
    reloader: Option<Arc<Reloader>>,
    lifecycle_from_anywhere: bool,
    webhooks: Option<Receiver>,
}

impl State {
    /// What requests are answered from.
    pub fn new(fleet: Arc<Fleet>, metrics: ExporterMetrics, guard: Guard) -> Self {
        let scrapes = Arc::new(Semaphore::new(SCRAPES));
        Self {
            fleet,
            metrics,
            scrapes,
            guard,
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

/// Opens the listener. An unspecified IPv6 address takes IPv4 too, and falls back to it where there is no IPv6.
///
/// # Errors
///
/// When the address cannot be had.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = match open(address) {
        Err(error) if address.ip().is_unspecified() && address.is_ipv6() && no_ipv6(&error) => {
            open((Ipv4Addr::UNSPECIFIED, address.port()).into())?
        }
        other => other?,
    };
    TcpListener::from_std(listener)
}

fn no_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT: no IPv6 in the kernel. EADDRNOTAVAIL: switched off by sysctl.
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || error.raw_os_error() == Some(97)
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Serves until `shutdown` ends, then lets requests under way finish for a few seconds.
pub async fn serve(listener: TcpListener, state: Arc<State>, shutdown: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let connections = Arc::new(Connections::default());
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => serve_connection(stream, peer, &state, &connections, &graceful),
            Err(error) => {
                // Out of descriptors, mostly; the pause lets some be closed.
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        debug!("some requests were cut off at the end");
    }
}

fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    state: &Arc<State>,
    connections: &Arc<Connections>,
    graceful: &GracefulShutdown,
) {
    let _ = stream.set_nodelay(true);
    let slot = connections.open();
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALL));
    let stream = Box::pin(stream);
    let (state, watcher) = (Arc::clone(state), graceful.watcher());
    tokio::spawn(async move {
        let client = Client { ip: peer.ip(), has_certificate: false, activity: slot.activity() };
        let Some(tls) = state.guard.config().tls.clone() else {
            return drive(stream, state, client, slot, watcher).await;
        };
        let handshake = TlsAcceptor::from(tls).accept(stream);
        match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok(stream)) => {
                let has_certificate = stream.get_ref().1.peer_certificates().is_some();
                drive(stream, state, Client { has_certificate, ..client }, slot, watcher).await;
            }
            Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
            Err(_) => debug!("a TLS handshake took too long"),
        }
    });
}

/// What is known of who asks.
#[derive(Clone)]
struct Client {
    ip: IpAddr,
    /// Whether it gave a certificate, which then is one of the CA's.
    has_certificate: bool,
    activity: Activity,
}

/// Serves the requests of one connection.
async fn drive<S>(stream: S, state: Arc<State>, client: Client, slot: Slot, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let (state, client) = (Arc::clone(&state), client.clone());
        async move { Ok::<_, std::convert::Infallible>(routes::answer(request, &state, client).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        ended = watcher.watch(connection) => {
            if let Err(error) = ended {
                debug!(%error, "a connection ended early");
            }
        }
        () = slot.closed() => debug!("a connection was closed to make room, or at its deadline"),
    }
}
