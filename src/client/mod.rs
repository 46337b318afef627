//! The HTTP client: the only place that opens connections to upstreams.
//!
//! Not here: what to ask, or what an answer means. Nothing of a URL, a header or a body ever gets
//! into an error.

mod connector;
mod failure;
mod forward_client;
mod tls;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER};
use secrecy::ExposeSecret;

use crate::clock;
use crate::config::Polling;
use crate::domain::{Failure, FailureReason};
use crate::upstream::{Answer, Credential, MAX_ANSWER_BYTES, Request};
use failure::Cause;
pub use forward_client::ForwardClient;

/// An idle TLS connection costs about 78 KB, so only so many are kept, for less than most upstreams
/// keep theirs.
const IDLE_CONNECTIONS: usize = 16;
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// Asks upstreams, over kept-alive connections, through the proxy that the usual variables name.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    timeout: Duration,
}

impl Client {
    /// A client that trusts the public roots and, if there is one, an extra CA.
    ///
    /// # Errors
    ///
    /// When the extra CA cannot be read, in a sentence that names its setting.
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    pub fn new(polling: &Polling) -> Result<Self, String> {
        let builder = reqwest::Client::builder();
        let builder = if polling.use_proxy { builder } else { builder.no_proxy() };
        let http = builder
            .tls_backend_preconfigured(tls::configuration(polling.extra_ca_file.as_deref())?)
            .user_agent(concat!("whatsapp-exporter/", env!("CARGO_PKG_VERSION")))
            // A redirect would carry a token to wherever it points.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .connect_timeout(polling.timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .map_err(|error| {
                format!("the HTTP client cannot be set up (are HTTP_PROXY, HTTPS_PROXY and NO_PROXY right?): {}", error.without_url())
            })?;
        Ok(Self { http, timeout: polling.timeout })
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn ask(&self, request: Request) -> Result<Answer, Failure> {
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::new(
                FailureReason::Timeout,
                format!("no whole answer within {}", humantime::format_duration(self.timeout)),
            )),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Failure> {
        let Request { url, credential } = request;
        let mut sent = self
            .http
            .get(url.expose_secret())
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        match credential {
            Credential::Bearer(token) => {
                let value = format!("Bearer {}", token.expose_secret());
                sent = sent.header(AUTHORIZATION, sensitive(value)?);
            }
            Credential::Header(name, value) => {
                let value = sensitive(value.expose_secret().to_owned())?;
                sent = sent.header(HeaderName::from_static(name), value);
            }
            Credential::InUrl => {}
        }
        let mut response = sent.send().await.map_err(|error| failure(&error))?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after);
        let body = read_body(&mut response).await?;
        Ok(Answer { status: response.status().as_u16(), retry_after, body })
    }
}

async fn read_body(response: &mut reqwest::Response) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::new(
            FailureReason::Decode,
            format!("the answer is larger than {MAX_ANSWER_BYTES} bytes"),
        )
    };
    if response.content_length().is_some_and(|length| length > MAX_ANSWER_BYTES as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
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

/// The class of an error of reqwest's. Its own text holds the URL, so only its kind is used.
fn failure(error: &reqwest::Error) -> Failure {
    match Cause::of(error) {
        None | Some(Cause::Io(_)) if error.is_timeout() => {
            Failure::new(FailureReason::Timeout, "no connection in time")
        }
        Some(cause) => cause.into(),
        None if error.is_connect() => Cause::HostName.into(),
        None if error.is_decode() || error.is_body() => Cause::CutOff.into(),
        None => Failure::new(FailureReason::Connect, "the request could not be sent"),
    }
}
