//! Connections to upstreams, kept open between requests.
//!
//! Not here: what is sent. Whoever waits for an answer drives its connection, in its own task: with
//! a task for each connection every answer would wake two, several times.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::client::conn::http1;
use hyper::header::PROXY_AUTHORIZATION;
use hyper::{Request, Response, Uri, body::Incoming};
use tokio::time::Instant;

use crate::clock;
use crate::lock::lock;

use super::connector::{Connector, HttpProxy, Link};
use super::failure::{self, BoxError};
use super::outgoing_body::OutgoingBody;

/// Shorter than most upstreams keep idle connections.
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);
/// Those that are more than are kept idle stay for as long as they are needed again and again.
const SURPLUS_TIMEOUT: Duration = Duration::from_secs(5);

/// How much a pool keeps.
#[derive(Debug, Clone, Copy)]
pub(super) struct PoolLimits {
    /// The connections to one upstream that stay while they are idle. One with TLS costs about
    /// 78 KB.
    pub(super) idle: usize,
    /// The connections to all upstreams together. More are opened if none of them is idle.
    pub(super) all: usize,
    /// The largest head of an answer, and most bytes read or written at a time. So much memory a
    /// connection keeps after a long answer.
    pub(super) buffer: usize,
    /// Most headers of an answer, if not hyper's 100, which cost no memory of their own.
    pub(super) headers: Option<usize>,
    /// Whether the names of headers stay as they are written.
    pub(super) keeps_case: bool,
    /// Whether short writes of all connections come together.
    pub(super) writes_together: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum SendError {
    /// There is no connection.
    Connect(BoxError),
    /// The connection broke.
    Http(hyper::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect(_) => "no connection",
            Self::Http(_) => "the connection broke",
        })
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Connect(error) => &**error,
            Self::Http(error) => error,
        })
    }
}

impl From<hyper::Error> for SendError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

type Connection = http1::Connection<Link, OutgoingBody>;

/// An open connection, which moves only while somebody drives it.
pub(super) struct PooledConnection {
    /// Its scheme and authority.
    origin: Box<str>,
    sender: http1::SendRequest<OutgoingBody>,
    /// `None` once it has ended.
    connection: Option<Connection>,
    /// The HTTP proxy that requests go to, if there is one.
    proxy: Option<HttpProxy>,
    /// Whether the body of a request is still being sent.
    sending: Arc<AtomicBool>,
    _counted: CountedConnection,
}

/// One of these is held by each connection, also while it is being opened.
type CountedConnection = Arc<()>;

impl PooledConnection {
    async fn open(pool: &Pool, origin: &str, uri: Uri) -> Result<Self, SendError> {
        let counted = pool.count_one_more();
        let link = pool.connector.clone().open(uri).await.map_err(SendError::Connect)?;
        let proxy = link.proxy().cloned();
        let mut builder = http1::Builder::new();
        builder.max_buf_size(pool.limits.buffer).preserve_header_case(pool.limits.keeps_case);
        if let Some(headers) = pool.limits.headers {
            builder.max_headers(headers);
        }
        let (sender, connection) = builder.handshake(link).await?;
        let (origin, connection) = (origin.into(), Some(connection));
        let sending = Arc::default();
        Ok(Self { origin, sender, connection, proxy, sending, _counted: counted })
    }

    /// Whether a request can be sent now.
    async fn is_ready(&mut self) -> bool {
        let Self { sender, connection, .. } = self;
        drive(connection, sender.ready()).await.is_ok()
    }

    /// Whether the body of the request is still being sent.
    pub(super) fn is_sending(&self) -> bool {
        self.sending.load(Ordering::Relaxed)
    }

    /// Sends a request, whose address is absolute, and waits for the head of its answer. The
    /// request comes back if it was not sent.
    pub(super) async fn send(
        &mut self,
        mut request: Request<OutgoingBody>,
    ) -> Result<Response<Incoming>, (SendError, Option<Request<OutgoingBody>>)> {
        match &self.proxy {
            None => *request.uri_mut() = origin_form(request.uri()),
            Some(HttpProxy { password: Some(password) }) => {
                request.headers_mut().insert(PROXY_AUTHORIZATION, password.clone());
            }
            Some(HttpProxy { password: None }) => {}
        }
        request.body_mut().is_sent_while(Arc::clone(&self.sending));
        let sent = self.sender.try_send_request(request);
        drive(&mut self.connection, sent).await.map_err(|mut error| {
            let request = error.take_message();
            (error.into_error().into(), request)
        })
    }

    /// Waits for what the connection brings, such as a part of an answer's body.
    pub(super) async fn drive<F: Future>(&mut self, what: F) -> F::Output {
        drive(&mut self.connection, what).await
    }

    /// The same for what is polled.
    pub(super) fn poll_driving<T>(
        &mut self,
        context: &mut Context<'_>,
        what: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        poll_driving(&mut self.connection, context, what)
    }
}

async fn drive<F: Future>(connection: &mut Option<Connection>, what: F) -> F::Output {
    let mut what = pin!(what);
    std::future::poll_fn(|context| {
        poll_driving(connection, context, |context| what.as_mut().poll(context))
    })
    .await
}

fn poll_driving<T>(
    connection: &mut Option<Connection>,
    context: &mut Context<'_>,
    mut what: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Poll<T> {
    // What is waited for may be there already, and else what it asks for moves the connection.
    if let Poll::Ready(output) = what(context) {
        return Poll::Ready(output);
    }
    if let Some(open) = connection
        && Pin::new(open).poll(context).is_ready()
    {
        // Its error is told to whoever waits for an answer.
        *connection = None;
    }
    what(context)
}

/// An address as its own server is told it.
fn origin_form(uri: &Uri) -> Uri {
    uri.path_and_query().cloned().map(Uri::from).unwrap_or_default()
}

/// Idle connections, by scheme and authority.
type Idle = HashMap<Box<str>, Vec<(Instant, Box<PooledConnection>)>>;

/// Opens connections, and keeps those that are idle.
pub(super) struct Pool {
    connector: Connector,
    limits: PoolLimits,
    idle: Arc<Mutex<Idle>>,
    counted: CountedConnection,
}

impl Pool {
    pub(super) fn new(connector: Connector, limits: PoolLimits) -> Self {
        let connector = connector.with_writes_together(limits.writes_together);
        Self { connector, limits, idle: Arc::default(), counted: Arc::default() }
    }

    /// A connection on which a request can be sent, and whether it was used before.
    pub(super) async fn connection(
        &self,
        origin: &str,
        uri: &Uri,
    ) -> Result<(Box<PooledConnection>, bool), SendError> {
        loop {
            let idle = lock(&self.idle).get_mut(origin).and_then(Vec::pop);
            let Some((_, mut connection)) = idle else { break };
            if connection.is_ready().await {
                return Ok((connection, true));
            }
        }
        Ok((self.open(origin, uri).await?, false))
    }

    /// A new connection.
    pub(super) async fn open(
        &self,
        origin: &str,
        uri: &Uri,
    ) -> Result<Box<PooledConnection>, SendError> {
        let opened = loop {
            match PooledConnection::open(self, origin, uri.clone()).await {
                // Something else has more than its share.
                Err(SendError::Connect(error))
                    if failure::lacks_descriptors(&*error) && self.close_oldest() => {}
                opened => break opened?,
            }
        };
        let mut connection = Box::new(opened);
        let PooledConnection { sender, connection: driven, .. } = &mut *connection;
        drive(driven, sender.ready()).await?;
        Ok(connection)
    }

    /// Counts a connection that is about to be opened. While there are too many, closes the one
    /// that has been idle for longest.
    fn count_one_more(&self) -> CountedConnection {
        let counted = Arc::clone(&self.counted);
        // The pool itself holds one.
        while Arc::strong_count(&self.counted) - 1 > self.limits.all && self.close_oldest() {}
        counted
    }

    /// Closes the connection that has been idle for longest. Whether there was one.
    fn close_oldest(&self) -> bool {
        let mut idle = lock(&self.idle);
        // They are taken from the end, so the first of each upstream's idles longest.
        let some = idle.values_mut().filter(|connections| !connections.is_empty());
        let oldest = some.min_by_key(|connections| connections[0].0);
        oldest.map(|connections| connections.remove(0)).is_some()
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn keep(&self, connection: Box<PooledConnection>) {
        if connection.connection.is_none() {
            return;
        }
        let mut idle = lock(&self.idle);
        if idle.is_empty() {
            tokio::spawn(close_idle(Arc::downgrade(&self.idle), self.limits.idle));
        }
        let since = clock::instant();
        match idle.get_mut(&connection.origin) {
            Some(idle) => idle.push((since, connection)),
            None => drop(idle.insert(connection.origin.clone(), vec![(since, connection)])),
        }
    }

    /// Drives a connection whose request is still being sent in a task of its own, and keeps it
    /// when the request and its answer are over.
    pub(super) fn keep_later(self: &Arc<Self>, mut connection: Box<PooledConnection>) {
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            if connection.is_ready().await {
                pool.keep(connection);
            }
        });
    }
}

/// Closes connections that nobody needs, until none is left.
async fn close_idle(idle: Weak<Mutex<Idle>>, most: usize) {
    const EVERY: Duration = Duration::from_secs(2);
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = lock(&idle);
        idle.retain(|_, connections| {
            // They are taken from the end, so the first ones idle longest.
            let mut surplus = connections.len().saturating_sub(most);
            connections.retain(|(since, _)| {
                let longest = if surplus > 0 { SURPLUS_TIMEOUT } else { IDLE_TIMEOUT };
                surplus = surplus.saturating_sub(1);
                since.elapsed() < longest
            });
            !connections.is_empty()
        });
        if idle.is_empty() {
            return;
        }
    }
}
