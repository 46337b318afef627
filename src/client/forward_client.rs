//! Passing requests on to upstreams as they are, over pooled connections.
//!
//! Not here: what is passed on. reqwest cannot do this: it rewrites addresses (`%2e%2e`, `..`) and
//! adds headers of its own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use hyper::{Method, Request, Response};

use super::connector::Connector;
use super::failure;
use super::failure::Cause;
use super::outgoing_body::OutgoingBody;
use super::pool::{Pool, PoolLimits, SendError};
use super::upstream_body::UpstreamBody;
use crate::config::Polling;
use crate::domain::{Failure, FailureReason};

/// As many idle connections as a busy application needs, under 8 MB with TLS, and little memory
/// while many large bodies are under way.
const fn limits(connections: usize) -> PoolLimits {
    PoolLimits {
        idle: 100,
        all: connections,
        buffer: 32 * 1024,
        headers: Some(256),
        keeps_case: true,
        writes_together: true,
    }
}
/// Look-up, TCP, proxy and TLS together may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// So often an upstream may close a kept-alive connection in the very moment in which a request is
/// sent on it.
const ATTEMPTS: usize = 3;

/// Sends requests of others.
pub struct ForwardClient {
    pool: Arc<Pool>,
}

impl ForwardClient {
    /// A way to upstreams with the same trust and the same proxies as polls. It keeps idle
    /// connections while there are fewer than so many connections in all.
    ///
    /// # Errors
    ///
    /// When the extra CA cannot be read, in a sentence that names its setting.
    pub fn new(polling: &Polling, connections: usize) -> Result<Self, String> {
        Ok(Self { pool: Arc::new(Pool::new(Connector::new(polling)?, limits(connections))) })
    }

    /// Sends a request to its address, which is absolute and has this scheme and authority, and
    /// returns when an answer has begun. There is no limit on how long that takes.
    ///
    /// # Errors
    ///
    /// Why there is none, in words without anything of the request.
    pub async fn send<B>(
        &self,
        origin: &str,
        request: Request<B>,
    ) -> Result<Response<UpstreamBody>, Failure>
    where
        B: Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
    {
        let uri = request.uri().clone();
        let mut request = request.map(OutgoingBody::new);
        let mut attempts = 1;
        loop {
            let opening = tokio::time::timeout(CONNECT_TIMEOUT, self.pool.connection(origin, &uri));
            let (mut connection, used) = opening.await.map_err(|_| late())?.map_err(not_sent)?;
            // The end of a connection that was idle says nothing of the request.
            let again = (used && attempts < ATTEMPTS).then(|| copy(&request)).flatten();
            request = match (connection.send(request).await, again) {
                (Ok(answer), _) => return Ok(UpstreamBody::begun(answer, connection, &self.pool)),
                (Err((_, Some(unsent))), _) if used => unsent,
                (Err(_), Some(again)) => {
                    attempts += 1;
                    again
                }
                (Err((error, _)), None) => return Err(not_sent(error)),
            };
        }
    }
}

/// The same request once more, if it may be sent again when the connection broke: RFC 9110 §9.2.2
/// leaves that to idempotent methods.
pub(super) fn copy(request: &Request<OutgoingBody>) -> Option<Request<OutgoingBody>> {
    let repeatable = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && request.body().is_end_stream();
    repeatable.then(|| {
        let mut copy = Request::new(OutgoingBody::default());
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = request.headers().clone();
        *copy.extensions_mut() = request.extensions().clone();
        copy
    })
}

fn late() -> Failure {
    Failure::new(FailureReason::Timeout, "no connection in time")
}

fn not_sent(error: SendError) -> Failure {
    match Cause::of(&error) {
        Some(Cause::Io(std::io::ErrorKind::TimedOut)) => late(),
        _ => failure(&error),
    }
}
