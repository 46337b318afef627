//! Reading single values: durations, addresses, lists.
//!
//! Not here: which setting they belong to. Errors never repeat the value.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderName;

/// Longer than anybody wants to wait, and short enough to be added to any time.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// A duration as humantime reads it, longer than zero and at most a year.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than zero".to_owned()),
        Ok(duration) if duration > LONGEST => Err("must not be longer than a year".to_owned()),
        Ok(duration) => Ok(duration),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err("has no unit; write seconds as `30s`, minutes as `10m`".to_owned())
        }
        Err(_) => Err("is not a duration; write for example `30s`, `10m` or `1h 30m`".to_owned()),
    }
}

/// An address to listen on.
pub(super) fn address(text: &str, example: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    // `:10401`, as other exporters take it, means every address.
    let whole = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    whole
        .replace("localhost:", "127.0.0.1:")
        .parse()
        .map_err(|_| format!("is not an IP address and a port; write for example {example}"))
}

/// Whapi's id of a channel, such as `MANTIS-M72HC`. Its documented shape is not insisted on.
pub(super) fn channel_id(text: &str) -> Result<Box<str>, String> {
    let text = text.trim();
    let good = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    good.then(|| text.into()).ok_or_else(|| {
        "is not a channel's id, which looks like `MANTIS-M72HC` and stands in Whapi's dashboard"
            .to_owned()
    })
}

/// The name of an HTTP header.
pub(super) fn header(text: &str) -> Result<HeaderName, String> {
    text.trim().parse().map_err(|_| {
        "is not the name of an HTTP header; write for example `X-Webhook-Secret`".to_owned()
    })
}

/// The base address of an API.
pub(super) fn api_url(text: &str) -> Result<Arc<str>, String> {
    http_url(text, "write for example `https://gate.whapi.cloud` or `https://graph.facebook.com`")
}

/// The address at which Whapi reaches the receiver of webhooks.
pub(super) fn webhook_url(text: &str) -> Result<Arc<str>, String> {
    http_url(text, "write for example `https://exporter.example.com/webhook/whapi`")
}

/// http or https, a host, and nothing that could hold a secret; without a trailing slash.
fn http_url(text: &str, hint: &str) -> Result<Arc<str>, String> {
    let url = reqwest::Url::parse(text.trim()).map_err(|_| format!("is not an address; {hint}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("must begin with `https://` (or `http://`); {hint}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("must not hold a user name or a password; {hint}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("must end before any `?` or `#`; {hint}"));
    }
    Ok(url.as_str().trim_end_matches('/').into())
}

/// A version of the Graph API.
pub(super) fn api_version(text: &str) -> Result<Arc<str>, String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let numbers = text.trim().strip_prefix('v').and_then(|rest| rest.split_once('.'));
    match numbers {
        Some((major, minor)) if digits(major) && digits(minor) && text.len() < 12 => {
            Ok(text.trim().into())
        }
        _ => Err("is not a version of the Graph API; write for example `v25.0`".to_owned()),
    }
}

/// The id of a Meta app.
pub(super) fn app_id(text: &str) -> Result<Box<str>, String> {
    let text = text.trim();
    let good = (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    good.then(|| text.into()).ok_or_else(|| {
        "is not an app id, which is made of digits only; it stands at the top of the app's dashboard at Meta".to_owned()
    })
}

/// Scopes, as Meta spells them.
pub(super) fn scopes<'a>(
    words: impl IntoIterator<Item = &'a str>,
) -> Result<Arc<[Box<str>]>, String> {
    let mut scopes: Vec<Box<str>> = Vec::new();
    for word in words.into_iter().map(str::trim).filter(|word| !word.is_empty()) {
        let good = word.len() <= 64
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !good {
            return Err(format!(
                "scope {} is not one of Meta's, which are made of a-z, 0-9 and `_`, such as `whatsapp_business_messaging`",
                scopes.len() + 1
            ));
        }
        if !scopes.iter().any(|scope| **scope == *word) {
            scopes.push(word.into());
        }
    }
    Ok(scopes.into())
}
