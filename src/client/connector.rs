//! Opening connections to upstreams: TCP, TLS, and the proxy that the usual variables name.
//!
//! Not here: which connection a request takes; see `pool.rs`.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::failure::BoxError;
use super::queued_stream::QueuedStream;
use super::resolver::Resolver;
use super::tls;
use crate::config::Polling;
use crate::write_queue::WriteQueue;

/// There is no limit on how long an answer may take, so a peer that is gone without a word has to
/// be found out.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

type Opening<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection of either kind, through a proxy or not.
type Stream = TokioIo<Box<dyn Io>>;

/// Connects to the host that an address names, with TLS if it says so.
#[derive(Clone)]
struct Direct {
    tcp: HttpConnector<Resolver>,
    tls: TlsConnector,
    /// Where short writes wait for those of other connections, if they do.
    writes: Option<WriteQueue>,
}

impl Service<Uri> for Direct {
    type Response = Stream;
    type Error = BoxError;
    type Future = Opening<Stream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.tcp.call(uri.clone());
        let (tls, writes) = (self.tls.clone(), self.writes.clone());
        Box::pin(async move {
            let tcp = connecting.await?.into_inner();
            let stream: Stream = TokioIo::new(match writes {
                Some(queue) => Box::new(QueuedStream::new(tcp, &queue)),
                None => Box::new(tcp),
            });
            secure(stream, &uri, &tls).await
        })
    }
}

/// Puts TLS on a connection whose address asks for it.
async fn secure(stream: Stream, uri: &Uri, tls: &TlsConnector) -> Result<Stream, BoxError> {
    if uri.scheme_str() != Some("https") {
        return Ok(stream);
    }
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(host.to_owned())?;
    Ok(TokioIo::new(Box::new(tls.connect(name, stream.into_inner()).await?)))
}

/// Connects directly, or through a proxy.
#[derive(Clone)]
pub(super) struct Connector {
    direct: Direct,
    proxies: Option<Arc<Matcher>>,
}

impl Connector {
    /// A way to upstreams with the trust and the proxies of these settings.
    ///
    /// # Errors
    ///
    /// When the extra CA cannot be read, in a sentence that names its setting.
    pub(super) fn new(polling: &Polling) -> Result<Self, String> {
        let tls = tls::configuration(polling.extra_ca_file.as_deref())?;
        let proxies = polling.use_proxy.then(|| Arc::new(Matcher::from_system()));
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new());
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        let direct = Direct { tcp, tls: TlsConnector::from(Arc::new(tls)), writes: None };
        Ok(Self { direct, proxies })
    }

    /// Has short writes come together, or not.
    pub(super) fn with_writes_together(mut self, together: bool) -> Self {
        self.direct.writes = together.then(WriteQueue::default);
        self
    }

    /// Opens a connection that requests to `uri` can be sent on.
    pub(super) async fn open(mut self, uri: Uri) -> Result<Link, BoxError> {
        let proxy = self.proxies.as_ref().and_then(|proxies| proxies.intercept(&uri));
        let Some(proxy) = proxy else {
            return Ok(Link::new(self.direct.call(uri).await?, None));
        };
        if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
            return Err("the proxy is not an HTTP proxy".into());
        }
        if uri.scheme_str() != Some("https") {
            let stream = self.direct.call(proxy.uri().clone()).await?;
            let password = proxy.basic_auth().cloned();
            return Ok(Link::new(stream, Some(HttpProxy { password })));
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.direct.clone());
        if let Some(credentials) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credentials.clone());
        }
        let stream = tunnel.call(uri.clone()).await?;
        Ok(Link::new(secure(stream, &uri, &self.direct.tls).await?, None))
    }
}

/// A proxy that wants to be told the whole address.
#[derive(Clone)]
pub(super) struct HttpProxy {
    /// What it wants with each request; in a tunnel it had it before.
    pub(super) password: Option<HeaderValue>,
}

/// An open connection.
pub(super) struct Link {
    stream: Stream,
    /// The proxy at the other end, unless it is a tunnel.
    proxy: Option<HttpProxy>,
    /// Whether the other end takes nothing any more.
    write_closed: bool,
}

impl Link {
    const fn new(stream: Stream, proxy: Option<HttpProxy>) -> Self {
        Self { stream, proxy, write_closed: false }
    }

    /// The HTTP proxy that requests go to, if there is one.
    pub(super) const fn proxy(&self) -> Option<&HttpProxy> {
        self.proxy.as_ref()
    }

    /// An upstream may answer early and close while much is still to be sent. hyper would give up
    /// at the failed write and never read the answer; so what cannot be sent is dropped, and
    /// reading tells whether there is an answer or an end.
    fn written(
        &mut self,
        wrote: io::Result<usize>,
        length: impl FnOnce() -> usize,
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(wrote.or_else(|_| {
            self.write_closed = true;
            Ok(length())
        }))
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.write_closed {
            return Poll::Ready(Ok(bytes.len()));
        }
        let wrote = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.written(wrote, || bytes.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.write_closed {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(Pin::new(&mut self.stream).poll_flush(context));
        self.written(flushed.map(|()| 0), || 0).map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = || slices.iter().map(|slice| slice.len()).sum();
        if self.write_closed {
            return Poll::Ready(Ok(length()));
        }
        let wrote = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices));
        self.written(wrote, length)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_short_request_waits_for_others_where_writes_come_together() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let polling = Polling {
            timeout: Duration::from_secs(1),
            concurrency: 1,
            extra_ca_file: None,
            use_proxy: false,
        };
        for together in [true, false] {
            let connector = Connector::new(&polling).unwrap().with_writes_together(together);
            let mut link = connector.open(address.parse().unwrap()).await.unwrap();
            let (upstream, _) = listener.accept().await.unwrap();
            let wrote = poll_fn(|context| Pin::new(&mut link).poll_write(context, b"x")).await;
            assert_eq!(wrote.unwrap(), 1);
            poll_fn(|context| Pin::new(&mut link).poll_flush(context)).await.unwrap();
            if !together {
                upstream.readable().await.unwrap();
            }
            let seen = rustix::net::recv(&upstream, &mut [0; 1][..], rustix::net::RecvFlags::PEEK);
            assert_eq!(seen.is_err(), together);
            tokio::task::yield_now().await;
            upstream.readable().await.unwrap();
        }
    }
}
