//! Single values: durations, addresses, URLs, and the types that settings are read into.
//!
//! Not here: which setting they belong to. Errors never repeat the value.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderName;

use super::FromSetting;
use crate::secret::SecretSource;
use crate::target::Name;

/// Longer than anybody wants to wait, and short enough to be added to any time.
const MAX_DURATION: Duration = Duration::from_secs(366 * 86_400);

/// A duration as humantime reads it, longer than zero and at most a year.
pub fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if text.ends_with('M') {
        return Err("is in months, which `M` stands for; write minutes as `10m`".to_owned());
    }
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be longer than zero".to_owned()),
        Ok(duration) if duration > MAX_DURATION => Err("must not be longer than a year".to_owned()),
        Ok(duration) => Ok(duration),
        Err(_) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err("has no unit; write seconds as `30s`, minutes as `10m`".to_owned())
        }
        Err(humantime::DurationError::NumberOverflow) => {
            Err("must not be longer than a year".to_owned())
        }
        Err(_) => Err("is not a duration; write for example `30s`, `10m` or `1h 30m`".to_owned()),
    }
}

/// An address to listen on.
pub fn address(text: &str, example: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    // `:10401`, as other exporters take it, means every address.
    let whole = if text.starts_with(':') { format!("[::]{text}") } else { text.to_owned() };
    whole
        .replace("localhost:", "127.0.0.1:")
        .parse()
        .map_err(|_| format!("is not an IP address and a port; write for example {example}"))
}

/// The name of an HTTP header.
pub fn header(text: &str) -> Result<HeaderName, String> {
    text.trim().parse().map_err(|_| {
        "is not the name of an HTTP header; write for example `X-Webhook-Secret`".to_owned()
    })
}

/// The base address of an API.
pub fn api_url(text: &str) -> Result<Arc<str>, String> {
    http_url(text, "write for example `https://api.example.com`")
}

/// An address of http or https with a host, and nothing that could hold a secret; without a
/// trailing slash. `hint` says what to write.
pub fn http_url(text: &str, hint: &str) -> Result<Arc<str>, String> {
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

/// The name of a file, without blanks around it.
fn file_path(text: &str) -> Result<String, String> {
    Ok(text.trim().to_owned())
}

/// `true` or `false`.
pub fn flag(text: &str) -> Result<bool, String> {
    text.trim().parse().map_err(|_| "must be `true` or `false`".to_owned())
}

/// Declares types that wrap a value, each read from a setting by a function.
macro_rules! setting_values {
    ($($(#[$doc:meta])* $name:ident($inner:ty) = $read:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(pub $inner);

        impl FromSetting for $name {
            fn from_setting(text: &str) -> Result<Self, String> {
                $read(text).map(Self)
            }
        }
    )+};
}
pub(crate) use setting_values;

setting_values! {
    /// A duration longer than zero.
    Interval(Duration) = duration;
    /// The base address of an API.
    ApiUrl(Arc<str>) = api_url;
    /// The name of a header.
    Header(HeaderName) = header;
    /// The name of a file.
    FilePath(String) = file_path;
    /// A secret.
    Secret(SecretSource) =
        |text: &str| SecretSource::from_value(text).map_err(|error| error.to_string());
    /// A target's name.
    TargetName(Name) = Name::new;
    /// `true` or `false`.
    Flag(bool) = flag;
}
