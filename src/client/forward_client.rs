//! Passing requests on to upstreams as they are, over pooled connections.
//!
//! Not here: what is passed on. reqwest cannot do this: it rewrites addresses (`%2e%2e`, `..`) and
//! adds headers of its own.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::PROXY_AUTHORIZATION;
use hyper::http::Extensions;
use hyper::{Method, Request, Response};
use hyper_util::client::legacy;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::connector::{AnsweredFlag, Connector};
use super::failure::Cause;
use super::{IDLE_TIMEOUT, tls};
use crate::config::Polling;
use crate::domain::{Failure, FailureReason};

/// Idle connections kept to one upstream: as many as a busy application needs, and at 78 KB of TLS
/// each under 8 MB.
const IDLE_CONNECTIONS: usize = 100;
/// Largest head of an answer, and most bytes read or written at a time: little memory while many
/// large bodies are under way.
const BUFFER: usize = 32 * 1024;
/// So often an upstream may close a kept-alive connection in the very moment in which a request is
/// sent on it.
const ATTEMPTS: usize = 3;

/// Sends requests of others.
pub struct ForwardClient<B> {
    http: legacy::Client<Connector, B>,
    proxies: Option<Arc<Matcher>>,
}

impl<B> ForwardClient<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Default + Send + Unpin + 'static,
{
    /// A way to upstreams with the same trust and the same proxies as polls.
    ///
    /// # Errors
    ///
    /// When the extra CA cannot be read, in a sentence that names its setting.
    pub fn new(polling: &Polling) -> Result<Self, String> {
        let tls = tls::configuration(polling.extra_ca_file.as_deref())?;
        let proxies = polling.use_proxy.then(|| Arc::new(Matcher::from_system()));
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_max_buf_size(BUFFER)
            .http1_preserve_header_case(true)
            .set_host(false)
            .build(Connector::new(tls, proxies.clone()));
        Ok(Self { http, proxies })
    }

    /// Sends a request whose address is absolute, and returns when an answer has begun. There is no
    /// limit on how long that takes.
    ///
    /// # Errors
    ///
    /// Why there is none, in words without anything of the request.
    pub async fn send(&self, mut request: Request<B>) -> Result<Response<Incoming>, Failure> {
        self.introduce(&mut request);
        for _ in 1..ATTEMPTS {
            let again = repeatable(&request).then(|| copy(&request));
            let error = match self.http.request(request).await {
                Ok(response) => return Ok(noted(response)),
                Err(error) => error,
            };
            match again {
                Some(again) if was_reused(&error) => request = again,
                _ => return Err(failure(&error)),
            }
        }
        self.http.request(request).await.map(noted).map_err(|error| failure(&error))
    }

    /// A proxy that is told the whole address wants its password with each request; in a tunnel it
    /// had it before.
    fn introduce(&self, request: &mut Request<B>) {
        if request.uri().scheme_str() == Some("http")
            && let Some(proxies) = &self.proxies
            && let Some(proxy) = proxies.intercept(request.uri())
            && let Some(credentials) = proxy.basic_auth()
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, credentials.clone());
        }
    }
}

/// Whether a request may be sent again when the connection broke: RFC 9110 §9.2.2 leaves that to
/// idempotent methods.
fn repeatable<B: Body>(request: &Request<B>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && request.body().is_end_stream()
}

fn copy<B: Default>(request: &Request<B>) -> Request<B> {
    let mut copy = Request::new(B::default());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}

fn noted(mut response: Response<Incoming>) -> Response<Incoming> {
    if let Some(answered) = response.extensions_mut().remove::<AnsweredFlag>() {
        answered.set();
    }
    response
}

/// Whether the connection had brought an answer before, so that its end says nothing of this
/// request.
fn was_reused(error: &legacy::Error) -> bool {
    let mut extras = Extensions::new();
    error.connect_info().inspect(|info| info.get_extras(&mut extras));
    !error.is_connect() && extras.get::<AnsweredFlag>().is_some_and(AnsweredFlag::seen)
}

fn failure(error: &legacy::Error) -> Failure {
    match Cause::of(error) {
        Some(Cause::Io(std::io::ErrorKind::TimedOut)) => {
            Failure::new(FailureReason::Timeout, "no connection in time")
        }
        Some(cause) => cause.into(),
        None if error.is_connect() => {
            Failure::new(FailureReason::Connect, "no connection; perhaps the proxy refuses it")
        }
        None => Failure::new(FailureReason::Connect, "the request could not be sent"),
    }
}
