//! Which upstream a request is for, by the first part of its path, and what is left of the address
//! there.
//!
//! Not here: judging the rest of a path. It is the upstream's, `..`, `%2e` and double slashes too.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::{Authority, InvalidUri, Parts, PathAndQuery, Scheme};

use crate::provider::GatewayApi;
use crate::providers;
use crate::upstream::ProviderId;

/// Where requests to an upstream go.
#[derive(Debug, Clone)]
pub(super) struct Base {
    /// The scheme and the authority in one.
    pub(super) origin: Box<str>,
    scheme: Scheme,
    authority: Authority,
    /// Without a slash at its end.
    path: Box<str>,
    /// What `Host` says there.
    pub(super) host: HeaderValue,
}

impl Base {
    /// The upstream at this address, which the settings have checked.
    pub(super) fn new(url: &str) -> Option<Arc<Self>> {
        let Parts { scheme, authority, path_and_query, .. } = url.parse::<Uri>().ok()?.into_parts();
        let (scheme, authority) = (scheme?, authority?);
        let path = path_and_query.map(|path| path.path().trim_end_matches('/').into());
        Some(Arc::new(Self {
            origin: format!("{scheme}://{authority}").into(),
            scheme,
            host: HeaderValue::from_str(authority.as_str()).ok()?,
            authority,
            path: path.unwrap_or_default(),
        }))
    }

    /// The address of this path and query there.
    pub(super) fn address(&self, rest: &str) -> Result<Uri, InvalidUri> {
        let slash = if rest.starts_with('/') { "" } else { "/" };
        let whole = Bytes::from([&self.path, slash, rest].concat());
        let mut parts = Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(whole)?);
        // With all three there is nothing left that could be missing.
        Ok(Uri::from_parts(parts).unwrap_or_default())
    }
}

/// The upstream that a path and query name first, its side of the gateway, and what follows.
pub(super) fn split(target: &str) -> Option<(ProviderId, &'static dyn GatewayApi, &str)> {
    routes().find_map(|(provider, api)| {
        let rest = target.strip_prefix('/')?.strip_prefix(provider.label())?;
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((provider, api, rest))
    })
}

/// What to say where nothing is.
pub(super) fn nowhere() -> String {
    let routes: Vec<_> = routes()
        .map(|(provider, _)| {
            let name = providers::get(provider).display_name();
            format!("/{}/ for {name}", provider.label())
        })
        .collect();
    format!(
        "unknown path: paths begin with {} (metrics are at LISTEN_ADDRESS)",
        routes.join(" or ")
    )
}

fn routes() -> impl Iterator<Item = (ProviderId, &'static dyn GatewayApi)> {
    providers::all().filter_map(|provider| Some((provider, providers::get(provider).gateway()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_names_the_upstream_and_the_rest_stays_as_it_is() {
        fn split(target: &str) -> Option<(&str, &str)> {
            super::split(target).map(|(provider, _, rest)| (provider.label(), rest))
        }
        let labels: Vec<_> = routes().map(|(provider, _)| provider.label()).collect();
        assert!(labels.len() > 1);
        for label in &labels {
            let rests = ["/messages/text?a=b", "//%2e%2e/../x", "/../other", "/v1.0/me", "?x", ""];
            for rest in rests {
                assert_eq!(split(&format!("/{label}{rest}")), Some((*label, rest)));
            }
            let upper = label.to_uppercase();
            for other in [
                format!("/{label}x"),
                format!("/{label}%2f"),
                format!("//{label}/x"),
                format!("/{upper}/x"),
                format!("/../{label}/x"),
            ] {
                assert_eq!(split(&other), None, "{other}");
            }
        }
        for other in ["/", "", "*"] {
            assert_eq!(split(other), None, "{other}");
        }
    }

    #[test]
    fn an_address_is_the_base_and_the_rest() {
        let address = |base: &str, rest: &str| {
            Base::new(base).expect("a base").address(rest).expect("an address").to_string()
        };
        assert_eq!(address("https://api.example", "/a?b"), "https://api.example/a?b");
        assert_eq!(address("http://h:81/base", "//x/../%2e"), "http://h:81/base//x/../%2e");
        assert_eq!(address("http://h:81/base/", "?q=1"), "http://h:81/base/?q=1");
        assert_eq!(address("http://[::1]:81", ""), "http://[::1]:81/");
    }
}
