//! The HTTP client: the only file that opens a connection to an upstream.
//!
//! Not here: what to ask, or what an answer means. Nothing of a URL, a header or a body ever gets into an error.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, RETRY_AFTER};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::ExposeSecret;

use crate::domain::{Failure, FailureReason};
use crate::providers::{Answer, Request};
use crate::settings::Polling;

/// The largest answer that is read: the real ones are about 1 KB.
pub const LARGEST_ANSWER: usize = 1024 * 1024;

/// An idle TLS connection costs about 78 KB, so only so many are kept, for less than most upstreams keep theirs.
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
    pub fn new(polling: &Polling) -> Result<Self, String> {
        let builder = reqwest::Client::builder();
        let builder = if polling.use_proxy { builder } else { builder.no_proxy() };
        let http = builder
            .tls_backend_preconfigured(tls(polling.extra_ca_file.as_deref())?)
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
        let unusable =
            || Failure::new(FailureReason::Secret, "the credential cannot be put into a header");
        let bearer = format!("Bearer {}", request.bearer.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer).map_err(|_| unusable())?;
        bearer.set_sensitive(true);
        let sent = self
            .http
            .get(request.url.expose_secret())
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .send();
        let mut response = sent.await.map_err(|error| failure(&error))?;
        let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after);
        let body = read_body(&mut response).await?;
        Ok(Answer { status: response.status().as_u16(), retry_after, body })
    }
}

async fn read_body(response: &mut reqwest::Response) -> Result<Bytes, Failure> {
    let too_large = || {
        Failure::new(
            FailureReason::Decode,
            format!("the answer is larger than {LARGEST_ANSWER} bytes"),
        )
    };
    if response.content_length().is_some_and(|length| length > LARGEST_ANSWER as u64) {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Seconds, or a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The class of an error of reqwest's. Its own text holds the URL, so only its kind is used.
fn failure(error: &reqwest::Error) -> Failure {
    let mut source = error.source();
    let mut io = None;
    while let Some(cause) = source {
        let cause = innermost(cause);
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return Failure::new(FailureReason::Tls, tls_words(tls));
        }
        if let Some(http) = cause.downcast_ref::<hyper::Error>() {
            if http.is_parse() {
                return Failure::new(FailureReason::Decode, "the answer is not HTTP");
            }
            if http.is_incomplete_message() {
                return Failure::new(
                    FailureReason::Connect,
                    "the connection was closed before the answer was whole",
                );
            }
        }
        if let Some(cause) = cause.downcast_ref::<std::io::Error>() {
            io = Some(cause.kind());
        }
        source = cause.source();
    }
    if error.is_timeout() {
        return Failure::new(FailureReason::Timeout, "no connection in time");
    }
    match io {
        Some(kind) => Failure::new(FailureReason::Connect, format!("no connection: {kind}")),
        None if error.is_connect() => {
            Failure::new(FailureReason::Connect, "no connection: the host name may be wrong")
        }
        None if error.is_decode() || error.is_body() => Failure::new(
            FailureReason::Connect,
            "the connection was closed before the answer was whole",
        ),
        None => Failure::new(FailureReason::Connect, "the request could not be sent"),
    }
}

/// What an I/O error is wrapped around, be it in several layers: `source` leads past it, so rustls' errors would never be met.
fn innermost<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) if inner.is::<std::io::Error>() || inner.is::<rustls::Error>() => {
            innermost(inner)
        }
        _ => error,
    }
}

fn tls_words(error: &rustls::Error) -> String {
    use rustls::{CertificateError, Error};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the certificate is signed by nobody that is trusted; a proxy's own CA goes into EXTRA_CA_FILE".to_owned()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the certificate has expired".to_owned()
        }
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "the certificate is for another host".to_owned()
        }
        Error::InvalidCertificate(_) => "the certificate is not valid".to_owned(),
        _ => "the TLS handshake failed".to_owned(),
    }
}

fn tls(extra_ca_file: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(path) = extra_ca_file {
        let place = format!("EXTRA_CA_FILE {}", path.display());
        let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| format!("{place}: cannot be read as PEM certificates: {error}"))?;
        if certificates.is_empty() {
            return Err(format!("{place}: holds no certificate"));
        }
        for certificate in certificates {
            roots
                .add(certificate)
                .map_err(|error| format!("{place}: a certificate is not valid: {error}"))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // reqwest leaves ALPN to whoever brings a configuration.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
