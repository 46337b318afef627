//! The life of one connection: it waits for a first byte, then for a whole head, and only then
//! costs memory.
//!
//! Not here: when its time is up; see `connections.rs`.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tracing::debug;

use super::body::ServedBody;
use super::connections::Slot;
use super::peer::Peer;
use super::received_body::ReceivedBody;
use super::refusal::{self, ConnectionRefusal};
use super::shared::Shared;
use super::socket::{bound_unsent, first_byte, has_unread, whole_head, whole_hello};
use super::stream::WatchedStream;

/// What requests come over, with TLS or without.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// How a connection begins.
enum Opened {
    /// With a place, and a request or a handshake.
    Served(Option<Arc<ServerConfig>>),
    /// Not at all: the other end is gone, or was told to leave.
    Gone,
    /// With a request that there is no place for.
    Refused(ConnectionRefusal),
}

/// Serves a connection until it ends, or is told to leave and has no request.
pub(super) async fn run(tcp: Arc<TcpStream>, ip: IpAddr, slot: Slot, shared: Arc<Shared>) {
    let slot = Arc::new(slot);
    match until_closed(&slot, open(&tcp, &slot, &shared)).await {
        Some(Opened::Served(tls)) => {
            let connections = Arc::clone(&shared.connections);
            let peer = Peer::new(ip, connections);
            let writer = shared.writes.as_ref().map(|queue| queue.writer(Arc::clone(&tcp)));
            let stream = WatchedStream::new(tcp, Arc::clone(&slot), writer);
            // On the heap, so that a connection that only waits is small.
            Box::pin(serve(stream, tls, slot, shared, peer)).await;
        }
        Some(Opened::Refused(why)) => shared.refuse(tcp, why),
        Some(Opened::Gone) | None => {}
    }
}

/// Runs to the end, or until the connection is to be closed at once.
async fn until_closed<T>(slot: &Slot, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = slot.closed() => {
            debug!("a connection was closed to make room, or at its deadline");
            None
        }
        done = work => Some(done),
    }
}

/// Waits for a request or a handshake, and for a place.
async fn open(tcp: &TcpStream, slot: &Slot, shared: &Shared) -> Opened {
    let first = tokio::select! {
        () = slot.leaving() => {
            slot.leave_later();
            has_unread(tcp)
        }
        came = first_byte(tcp) => came.is_ok(),
    };
    if !first {
        return Opened::Gone;
    }
    slot.begun();
    let tls = match &shared.auth {
        Some(auth) => auth.config().await.tls.clone(),
        None => None,
    };
    let largest = shared.connections.limits().buffer;
    let whole = match tls {
        None => whole_head(tcp, largest).await,
        Some(_) => whole_hello(tcp).await,
    };
    if whole.is_err() {
        return Opened::Gone;
    }
    match slot.serve().await {
        Ok(others) => {
            if let Some(bound) = shared.connections.limits().unsent {
                bound_unsent(tcp, bound, others);
            }
            Opened::Served(tls)
        }
        Err(why) => Opened::Refused(why),
    }
}

/// Serves the requests of a connection that has a place, after a handshake if there is TLS.
async fn serve(
    stream: WatchedStream,
    tls: Option<Arc<ServerConfig>>,
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    mut peer: Peer,
) {
    let Some(tls) = tls else { return drive(Box::new(stream), slot, shared, peer).await };
    match until_closed(&slot, TlsAcceptor::from(tls).accept(stream)).await {
        Some(Ok(stream)) => {
            slot.idle();
            peer.has_certificate = stream.get_ref().1.peer_certificates().is_some();
            drive(Box::new(stream), slot, shared, peer).await;
        }
        Some(Err(error)) => debug!(%error, "a TLS handshake failed"),
        None => {}
    }
}

/// Serves the requests of a connection.
async fn drive(stream: Box<dyn Transport>, slot: Arc<Slot>, shared: Arc<Shared>, peer: Peer) {
    let limits = shared.connections.limits();
    let mut builder = http1::Builder::new();
    builder
        // A sweep ends what is too slow, so that no request needs a timer.
        .header_read_timeout(None)
        .max_buf_size(limits.buffer)
        .preserve_header_case(!limits.own_answers)
        .auto_date_header(limits.own_answers);
    if let Some(headers) = limits.headers {
        builder.max_headers(headers);
    }
    let service = {
        let (slot, shared) = (Arc::clone(&slot), Arc::clone(&shared));
        service_fn(move |request| {
            let answering = slot.answering();
            let (shared, peer) = (Arc::clone(&shared), peer.clone());
            // On the heap, so that it takes no memory between requests.
            Box::pin(async move {
                Ok::<_, Infallible>(match answering {
                    Ok(answering) => {
                        let request = request.map(|body| ReceivedBody::new(body, &answering));
                        let answer = Arc::clone(&shared.handler).answer(request, peer).await;
                        ServedBody::given(answer, answering)
                    }
                    Err(why) => refused(&shared, why),
                })
            })
        })
    };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    loop {
        tokio::select! {
            biased;
            () = slot.closed() => {
                return debug!("a connection was closed to make room, or at its deadline");
            }
            ended = &mut connection => {
                if ended.is_err() {
                    debug!("a connection ended early");
                }
                return;
            }
            // After what has come was read, or a request might be lost.
            () = slot.leaving() => connection.as_mut().graceful_shutdown(),
        }
    }
}

/// The answer to a request that is one too many; the connection ends with it.
fn refused(shared: &Shared, why: ConnectionRefusal) -> Response<ServedBody> {
    shared.count(why);
    let mut answer = Response::new(ServedBody::sentence(refusal::sentence(shared.kind, why)));
    *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}
