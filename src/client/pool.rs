//! Connections for polls, kept open between them.
//!
//! Not here: hyper-util's pool, which the gateway uses. A poll drives its connection itself, in its
//! own task: with a task for each connection every answer would wake two, several times.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::{Request, Response, Uri, body::Incoming};
use tokio::time::Instant;

use crate::clock;

use super::connector::{BoxError, Connector, Link};

/// Shorter than most upstreams keep idle connections.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// An idle TLS connection costs about 78 KB, so only so many are kept to one upstream for long.
const IDLE_CONNECTIONS: usize = 16;
/// The others are kept for as long as they are needed again and again.
const SURPLUS_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest head of an answer. So much memory a connection keeps after a long answer.
const LARGEST_HEAD: usize = 16 * 1024;

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

/// An open connection, which moves only while somebody drives it.
pub(super) struct PooledConnection {
    sender: http1::SendRequest<Empty<Bytes>>,
    /// `None` once it has ended.
    connection: Option<http1::Connection<Link, Empty<Bytes>>>,
    /// Whether requests need the whole address, and the proxy's password.
    to_proxy: bool,
}

impl PooledConnection {
    async fn open(connector: &Connector, uri: Uri) -> Result<Self, SendError> {
        let link = connector.clone().open(uri).await.map_err(SendError::Connect)?;
        let to_proxy = link.is_to_proxy();
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LARGEST_HEAD);
        let (sender, connection) = builder.handshake(link).await?;
        Ok(Self { sender, connection: Some(connection), to_proxy })
    }

    pub(super) const fn is_to_proxy(&self) -> bool {
        self.to_proxy
    }

    /// Whether a request can be sent now.
    async fn is_ready(&mut self) -> bool {
        let Self { sender, connection, .. } = self;
        drive(connection, sender.ready()).await.is_ok()
    }

    /// Sends a request and waits for the head of its answer. The request comes back if it was not
    /// sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
    ) -> Result<Response<Incoming>, (SendError, Option<Request<Empty<Bytes>>>)> {
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
}

async fn drive<F: Future>(
    connection: &mut Option<http1::Connection<Link, Empty<Bytes>>>,
    what: F,
) -> F::Output {
    let mut driven = Driven { connection, what: pin!(what) };
    std::future::poll_fn(|context| driven.poll(context)).await
}

/// A future, and the connection that it waits for.
struct Driven<'a, F> {
    connection: &'a mut Option<http1::Connection<Link, Empty<Bytes>>>,
    what: Pin<&'a mut F>,
}

impl<F: Future> Driven<'_, F> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        // What is waited for may be there already, and else what it asks for moves the connection.
        if let Poll::Ready(output) = self.what.as_mut().poll(context) {
            return Poll::Ready(output);
        }
        if let Some(connection) = self.connection
            && Pin::new(connection).poll(context).is_ready()
        {
            // Its error is told to whoever waits for an answer.
            *self.connection = None;
        }
        self.what.as_mut().poll(context)
    }
}

/// Idle connections, by scheme and authority.
type Idle = HashMap<Box<str>, Vec<(Instant, PooledConnection)>>;

/// Opens connections, and keeps those that are idle.
pub(super) struct Pool {
    connector: Connector,
    idle: Arc<Mutex<Idle>>,
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        Self { connector, idle: Arc::default() }
    }

    /// A connection on which a request can be sent, and whether it was used before.
    pub(super) async fn connection(
        &self,
        origin: &str,
        uri: &Uri,
    ) -> Result<(PooledConnection, bool), SendError> {
        loop {
            let idle = lock(&self.idle).get_mut(origin).and_then(Vec::pop);
            let Some((_, mut connection)) = idle else { break };
            if connection.is_ready().await {
                return Ok((connection, true));
            }
        }
        Ok((self.open(uri).await?, false))
    }

    /// A new connection.
    pub(super) async fn open(&self, uri: &Uri) -> Result<PooledConnection, SendError> {
        let mut connection = PooledConnection::open(&self.connector, uri.clone()).await?;
        let PooledConnection { sender, connection: driven, .. } = &mut connection;
        drive(driven, sender.ready()).await?;
        Ok(connection)
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn keep(&self, origin: &str, connection: PooledConnection) {
        if connection.connection.is_none() {
            return;
        }
        let mut idle = lock(&self.idle);
        if idle.is_empty() {
            tokio::spawn(close_idle(Arc::downgrade(&self.idle)));
        }
        let entry = (clock::instant(), connection);
        match idle.get_mut(origin) {
            Some(idle) => idle.push(entry),
            None => drop(idle.insert(origin.into(), vec![entry])),
        }
    }
}

/// Closes connections that nobody needs, until none is left.
async fn close_idle(idle: Weak<Mutex<Idle>>) {
    const EVERY: Duration = Duration::from_secs(2);
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(idle) = idle.upgrade() else { return };
        let mut idle = lock(&idle);
        idle.retain(|_, connections| {
            // They are taken from the end, so the first ones idle longest.
            let mut surplus = connections.len().saturating_sub(IDLE_CONNECTIONS);
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
