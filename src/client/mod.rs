//! The HTTP client: the only place that opens connections to upstreams.
//!
//! Not here: what to ask, or what an answer means. Nothing of a URL, a header or a body ever gets
//! into an error.

mod connector;
mod failure;
mod forward_client;
mod large_answers;
mod outgoing_body;
mod pool;
mod queued_stream;
mod resolver;
mod tls;
mod upstream_body;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, HOST, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT,
};
use hyper::{Response, Uri};
use secrecy::ExposeSecret;

use crate::clock;
use crate::config::Polling;
use crate::domain::{Failure, FailureReason};
use crate::upstream::{Answer, Credential, LONG_ANSWER_BYTES, MAX_ANSWER_BYTES, Request};
use connector::Connector;
use failure::Cause;
pub use forward_client::ForwardClient;
use large_answers::{LargeAnswers, Room};
use outgoing_body::OutgoingBody;
use pool::{Pool, PoolLimits, PooledConnection, SendError};
pub use upstream_body::UpstreamBody;

/// For polls. A busy upstream's further connections stay for as long as they are needed.
const fn limits(connections: usize) -> PoolLimits {
    PoolLimits {
        idle: 16,
        all: connections,
        buffer: 16 * 1024,
        headers: None,
        keeps_case: false,
        writes_together: false,
    }
}

/// Asks upstreams, over kept-alive connections, through the proxy that the usual variables name.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
    large: LargeAnswers,
    timeout: Duration,
}

impl Client {
    /// A client that trusts the public roots and, if there is one, an extra CA. It keeps idle
    /// connections while there are fewer than so many connections in all.
    ///
    /// # Errors
    ///
    /// When the extra CA cannot be read, in a sentence that names its setting.
    pub fn new(polling: &Polling, connections: usize) -> Result<Self, String> {
        let pool = Arc::new(Pool::new(Connector::new(polling)?, limits(connections)));
        Ok(Self { pool, large: LargeAnswers::default(), timeout: polling.timeout })
    }

    /// Sends a request and reads the whole answer, of at most so many bytes. A redirect is not
    /// followed: it would carry a credential to wherever it points.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn ask(&self, request: Request, max_bytes: usize) -> Result<Answer, Failure> {
        match tokio::time::timeout(self.timeout, self.exchange(request, max_bytes)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::new(
                FailureReason::Timeout,
                format!("no whole answer within {}", humantime::format_duration(self.timeout)),
            )),
        }
    }

    async fn exchange(&self, request: Request, max_bytes: usize) -> Result<Answer, Failure> {
        let url = request.url.expose_secret();
        let uri = Uri::try_from(url)
            .map_err(|_| Failure::new(FailureReason::Connect, "the address is not valid"))?;
        let origin = origin(url);
        let (mut connection, used) =
            self.pool.connection(origin, &uri).await.map_err(|error| failure(&error))?;
        let head = head(uri.clone(), request.credential)?;
        // The end of a connection that was idle says nothing of the upstream.
        let again = used.then(|| forward_client::copy(&head)).flatten();
        let mut response = match (connection.send(head).await, again) {
            (Err((_, unsent)), Some(again)) => {
                connection = self.pool.open(origin, &uri).await.map_err(|error| failure(&error))?;
                connection.send(unsent.unwrap_or(again)).await
            }
            (sent, _) => sent,
        }
        .map_err(|(error, _)| failure(&error))?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after);
        let body = self.read_body(&mut connection, &mut response, max_bytes).await?;
        self.pool.keep(connection);
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        Ok(Answer { status, retry_after, headers, body })
    }

    async fn read_body(
        &self,
        connection: &mut PooledConnection,
        response: &mut Response<Incoming>,
        max_bytes: usize,
    ) -> Result<Bytes, Failure> {
        let too_large = || {
            let what = format!("the answer is larger than {max_bytes} bytes");
            Failure::new(FailureReason::Decode, what)
        };
        let body = response.body_mut();
        if body.size_hint().lower() > max_bytes as u64 {
            return Err(too_large());
        }
        let (mut whole, mut room) = (BytesMut::new(), Room::default());
        while let Some(frame) = connection.drive(body.frame()).await {
            let frame = frame.map_err(|error| failure(&error.into()))?;
            let Ok(data) = frame.into_data() else { continue };
            let size = whole.len() + data.len();
            if size > max_bytes {
                return Err(too_large());
            }
            // Most answers come in one piece.
            if whole.is_empty() && body.is_end_stream() {
                return Ok(data);
            }
            self.large.grow(&mut room, size).await;
            if size > LONG_ANSWER_BYTES {
                // To its end at once, if that was told: growing by halves takes twice the memory.
                let left = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
                whole.reserve(data.len() + left.min(MAX_ANSWER_BYTES));
            }
            whole.extend_from_slice(&data);
        }
        Ok(large_answers::holding(whole.freeze(), room))
    }
}

const NAME: &str = concat!("whatsapp-exporter/", env!("CARGO_PKG_VERSION"));

/// The request of a poll.
fn head(uri: Uri, credential: Credential) -> Result<hyper::Request<OutgoingBody>, Failure> {
    let not_valid = |_| Failure::new(FailureReason::Connect, "the address is not valid");
    let mut request = hyper::Request::new(OutgoingBody::default());
    let host = HeaderValue::from_str(host(&uri)).map_err(not_valid)?;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(NAME));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    match credential {
        Credential::Bearer(token) => {
            let value = format!("Bearer {}", token.expose_secret());
            headers.insert(AUTHORIZATION, sensitive(value)?);
        }
        Credential::Header(name, value) => {
            let value = sensitive(value.expose_secret().to_owned())?;
            headers.insert(HeaderName::from_static(name), value);
        }
        Credential::InUrl => {}
    }
    Ok(request)
}

/// The scheme and the authority of an address.
fn origin(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |at| at + 3);
    let end = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
    &url[..end]
}

/// The host, and its port unless the scheme implies it.
fn host(uri: &Uri) -> &str {
    let default = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    match uri.authority() {
        Some(authority) if authority.port_u16() == Some(default) => authority.host(),
        Some(authority) => authority.as_str(),
        None => "",
    }
}

/// A header's value that is never printed.
fn sensitive(value: String) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        Failure::new(FailureReason::Secret, "the credential cannot be put into a header")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Seconds, or a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(clock::system_time()).unwrap_or_default())
}

/// The class of an error. Its own text may hold the address, so only its kind is used.
fn failure(error: &SendError) -> Failure {
    match (Cause::of(error), error) {
        (Some(cause), _) => cause.into(),
        (None, SendError::Connect(_)) => {
            Failure::new(FailureReason::Connect, "no connection; perhaps the proxy refuses it")
        }
        (None, SendError::Http(_)) => {
            Failure::new(FailureReason::Connect, "the request could not be sent")
        }
    }
}
