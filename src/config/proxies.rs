//! Whether the usual proxy variables can be used. The libraries that read them ignore a mistake,
//! and requests would then go out directly.
//!
//! Not here: connecting through a proxy (`client/`). No sentence repeats a value: it may hold a
//! password.

use std::ffi::OsString;

use hyper::Uri;

use crate::input::Problems;

/// The variables that name a proxy. Of two spellings the first that is set is in force.
const PROXIES: [[&str; 2]; 3] =
    [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];
/// The variables that name what is reached directly.
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Adds a sentence for each of the variables that cannot be used.
pub(super) fn check(all: &[(OsString, OsString)], problems: &mut Problems) {
    let value = |name: &str| all.iter().find(|(other, _)| other == name).map(|(_, value)| value);
    let is_set = |names: [&str; 2]| names.iter().any(|name| value(name).is_some());
    // ALL_PROXY is used for nothing when both kinds of addresses have a proxy of their own.
    let unused = is_set(PROXIES[0]) && is_set(PROXIES[1]);
    for name in PROXIES.iter().flatten() {
        let Some(value) = value(name).filter(|value| !value.is_empty()) else { continue };
        let checked = value.to_str().ok_or("is not UTF-8 text").and_then(proxy);
        match checked {
            Err(SOCKS) if unused && name.eq_ignore_ascii_case("ALL_PROXY") => {}
            Err(what) => problems.add(format!("{name}: {what}")),
            Ok(()) => {}
        }
    }
    for name in EXCEPTIONS {
        let Some(value) = value(name) else { continue };
        let checked = value.to_str().ok_or("is not UTF-8 text").and_then(exceptions);
        if let Err(what) = checked {
            problems.add(format!("{name}: {what}"));
        }
    }
}

const MALFORMED: &str = "is not the address of a proxy; write for example \
    `http://proxy.example.com:3128`, and percent-encode special characters of a password";
const SOCKS: &str =
    "must begin with `http://` or `https://`; other kinds of proxies are not supported";

/// Whether a text is the address of an HTTP proxy, and nothing of it would be dropped.
fn proxy(text: &str) -> Result<(), &'static str> {
    let uri: Uri = text.parse().map_err(|_| MALFORMED)?;
    let authority = uri.authority().ok_or(MALFORMED)?;
    let (userinfo, host_and_port) =
        authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
    let port = match host_and_port.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => port.parse::<u16>().is_ok(),
        _ => true,
    };
    let rest = uri.path_and_query().map_or("", |rest| rest.as_str());
    let whole = !authority.host().is_empty() && port && matches!(rest, "" | "/");
    if !whole || userinfo.contains('@') {
        return Err(MALFORMED);
    }
    match uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(SOCKS),
    }
}

/// Whether a text is a list of hosts.
fn exceptions(text: &str) -> Result<(), &'static str> {
    const WRONG: &str = "must be host names, IP addresses and networks such as `10.0.0.0/8`, \
        separated by commas; or `*`";
    let is_host = |entry: &str| {
        let network = match entry.split_once('/') {
            Some((address, prefix)) => {
                let longest = match address.parse() {
                    Ok(std::net::IpAddr::V4(_)) => 32,
                    Ok(std::net::IpAddr::V6(_)) => 128,
                    Err(_) => return false,
                };
                prefix.parse::<u8>().is_ok_and(|prefix| prefix <= longest)
            }
            None => true,
        };
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:*/[]".contains(&byte);
        network && entry.bytes().all(letter)
    };
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    if entries.into_iter().all(is_host) { Ok(()) } else { Err(WRONG) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(variables: &[(&str, &str)]) -> Vec<String> {
        let all: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mut problems = Problems::default();
        check(&all, &mut problems);
        problems.iter().map(str::to_owned).collect()
    }

    #[test]
    fn a_proxy_is_an_address_of_http() {
        for good in [
            "http://proxy:3128",
            "https://proxy.example.com",
            "http://user:pa%2Fss@proxy:3128/",
            "proxy:3128",
            "proxy.example.com",
            "http://[::1]:3128",
            "http://[::1]",
            "",
        ] {
            assert_eq!(problems(&[("HTTPS_PROXY", good)]), [""; 0], "{good}");
        }
        for bad in [
            "http://",
            "http:/proxy:3128",
            "http//proxy:3128",
            "http://proxy:port",
            "http://proxy:99999",
            "http://user:s3cret@",
            "http://user:s3/cret@proxy:3128",
            "http://user:s3#cret@proxy:3128",
            "http://user:s3@cret@proxy:3128",
            "http://pro xy:3128",
            "://proxy",
            "/proxy",
            "s3cret?",
            "socks5://proxy:1080",
            "ftp://proxy",
        ] {
            for name in PROXIES.iter().flatten() {
                let told = problems(&[(name, bad)]);
                assert_eq!(told.len(), 1, "{bad}");
                assert!(told[0].starts_with(&format!("{name}: ")), "{told:?}");
                assert!(!told[0].contains("s3"), "{told:?}");
            }
        }
    }

    #[test]
    fn a_proxy_that_nothing_uses_may_be_of_another_kind() {
        let http = [("HTTP_PROXY", "http://p:1"), ("https_proxy", "http://p:1")];
        let all = ("all_proxy", "socks://localhost:1080/");
        assert_eq!(problems(&[http[0], http[1], all]), [""; 0]);
        assert_eq!(problems(&[http[0], all]).len(), 1);
    }

    #[test]
    fn exceptions_are_hosts() {
        for good in
            ["", "*", "localhost, 127.0.0.1,.svc,10.0.0.0/8,fd00::/8", "*.internal,host:80,[::1],"]
        {
            assert_eq!(problems(&[("NO_PROXY", good)]), [""; 0], "{good}");
        }
        for bad in ["a b", "http://localhost", "10.0.0.0/99", "host/path", "a;b", "s3cret@host"] {
            for name in EXCEPTIONS {
                let told = problems(&[(name, bad)]);
                assert_eq!(told.len(), 1, "{bad}");
                assert!(told[0].starts_with(&format!("{name}: must be")), "{told:?}");
            }
        }
    }
}
