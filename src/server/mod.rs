//! The listener: accepts connections, bounds them, and serves the routes.
//!
//! Not here: what is served; see `routes.rs` and the files it names.

mod answer;
mod body;
mod connections;
mod guard;
mod negotiate;
mod page;
mod peer;
mod receiver;
mod routes;
mod state;
mod status_json;
mod web_config;
mod webhook;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use connections::{Connections, Slot};
pub use guard::Guard;
use peer::Peer;
pub use state::State;
pub use web_config::WebConfig;

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
            Ok((stream, address)) => {
                serve_connection(stream, address, &state, &connections, &graceful)
            }
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
    address: SocketAddr,
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
        let peer = Peer { ip: address.ip(), has_certificate: false, activity: slot.activity() };
        let Some(tls) = state.guard.config().tls.clone() else {
            return drive(stream, state, peer, slot, watcher).await;
        };
        let handshake = TlsAcceptor::from(tls).accept(stream);
        match tokio::time::timeout(HANDSHAKE, handshake).await {
            Ok(Ok(stream)) => {
                let has_certificate = stream.get_ref().1.peer_certificates().is_some();
                drive(stream, state, Peer { has_certificate, ..peer }, slot, watcher).await;
            }
            Ok(Err(error)) => debug!(%error, "a TLS handshake failed"),
            Err(_) => debug!("a TLS handshake took too long"),
        }
    });
}

/// Serves the requests of one connection.
async fn drive<S>(stream: S, state: Arc<State>, peer: Peer, slot: Slot, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request| {
        let (state, peer) = (Arc::clone(&state), peer.clone());
        async move { Ok::<_, std::convert::Infallible>(routes::answer(request, &state, peer).await) }
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
