//! A listener: it accepts connections within its limits, and lets requests under way finish at the
//! end.
//!
//! Not here: what becomes of a connection (`connection.rs`).

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::MissedTickBehavior;
use tracing::debug;

use super::auth::Auth;
use super::connection;
use super::connections::Connections;
use super::handler::Handler;
use super::limits::Limits;
use super::refusal::{ConnectionRefusal, ListenerKind};
use super::shared::{OnRefusal, Shared};

/// How long requests under way are waited for at the end.
const DRAIN: Duration = Duration::from_secs(5);
/// How often connections are looked at whose time may be up.
const SWEEP: Duration = Duration::from_secs(1);
/// The pause after a connection could not be accepted, in which others can be closed.
const PAUSE: Duration = Duration::from_millis(50);
/// A peer that is gone without a word is found out after this.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// A listener's limits, its handler, and who is let in.
pub(crate) struct Listener {
    kind: ListenerKind,
    limits: Limits,
    auth: Option<Arc<Auth>>,
    handler: Arc<dyn Handler>,
    on_refusal: OnRefusal,
}

impl Listener {
    /// A listener with these limits. Each connection that is not served is given to `on_refusal`.
    pub fn new(
        kind: ListenerKind,
        limits: Limits,
        handler: Arc<dyn Handler>,
        on_refusal: impl Fn(ConnectionRefusal) + Send + Sync + 'static,
    ) -> Self {
        Self { kind, limits, auth: None, handler, on_refusal: Box::new(on_refusal) }
    }

    /// The same with TLS, while the web configuration asks for it.
    pub fn secured(self, auth: Arc<Auth>) -> Self {
        Self { auth: Some(auth), ..self }
    }

    /// Serves until `shutdown` ends, then lets requests under way finish for a few seconds.
    pub async fn serve(
        self,
        listener: TcpListener,
        mut shutdown: Pin<&mut (dyn Future<Output = ()> + Send)>,
    ) {
        let connections = Connections::new(self.limits);
        let shared = Shared::new(self.kind, connections, self.auth, self.handler, self.on_refusal);
        let shared = Arc::new(shared);
        let connections = &shared.connections;
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                _ = sweep.tick(), if !connections.is_empty() => {
                    connections.sweep();
                    shared.log_the_rest();
                }
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        take(&shared, stream, peer);
                        if connections.is_full() {
                            // Those that made room have to be closed before more come.
                            tokio::task::yield_now().await;
                        }
                    }
                    // It was gone before it could be accepted.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                    Err(error) => {
                        debug!(%error, "a connection could not be accepted");
                        shared.count(ConnectionRefusal::Descriptors);
                        connections.give_way();
                        tokio::time::sleep(PAUSE).await;
                    }
                },
            }
        }
        drop(listener);
        connections.leave();
        if tokio::time::timeout(DRAIN, connections.all_closed()).await.is_err() {
            debug!("some requests were cut off at the end");
        }
    }
}

/// Serves a connection, if there is a place for it.
fn take(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let _ = stream.set_nodelay(true);
    let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
    let tcp = Arc::new(stream);
    match shared.connections.open(Some(Arc::clone(&tcp))) {
        Ok(slot) => {
            tokio::spawn(connection::run(tcp, peer.ip(), slot, Arc::clone(shared)));
        }
        Err(why) => shared.refuse(tcp, why),
    }
}

/// Opens the listener. An unspecified IPv6 address takes IPv4 too, and falls back to it where there
/// is no IPv6.
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
