//! Headers that end at the gateway, and those that go through it.
//!
//! Not here: anything about what a header means to an application. What is not in the way of
//! forwarding stays as it came.

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, Entry, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING,
};
use hyper::{Method, Request, Version};

/// Whether this is a header of one connection only (RFC 9110 §7.6.1), whether `Connection` names it
/// or not. `Trailer` goes through, as trailers do.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What is wrong with the shape of a request, if it could be read in two ways or is not meant for a
/// server.
///
/// hyper has refused by now: a `Content-Length` that is no number or not always the same one, a
/// `Transfer-Encoding` that does not end in `chunked`, folded lines, blanks before a colon, control
/// characters. It reads a `Content-Length` beside `chunked` as not there (RFC 9112 §6.3), closes
/// the connection after that request, and nothing of the length is passed on.
pub(super) fn malformed<B>(request: &Request<B>) -> Option<&'static str> {
    let headers = request.headers();
    if request.method() == Method::CONNECT || request.uri().authority().is_some() {
        return Some("it is not a forward proxy: use its address as the base URL of the API");
    }
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => return Some("the request has two Host headers"),
        (None, None) if request.version() == Version::HTTP_11 => {
            return Some("the request has no Host header");
        }
        _ => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (Some(_), Some(_)) => Some("the request has two Transfer-Encoding headers"),
        (Some(coding), None) if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Some("the request has a Transfer-Encoding other than chunked")
        }
        _ => None,
    }
}

/// The headers for the upstream. A body of unknown length is sent in chunks.
pub(super) fn to_upstream(headers: HeaderMap, host: &HeaderValue, chunked: bool) -> HeaderMap {
    let trailers = headers.get_all(TE).iter().any(|te| names(te).any(|name| name == "trailers"));
    let mut passed = end_to_end(headers);
    match passed.entry(HOST) {
        Entry::Occupied(mut host_asked) => {
            host_asked.insert(host.clone());
        }
        Entry::Vacant(place) => {
            place.insert(host.clone());
        }
    }
    if trailers {
        passed.insert(CONNECTION, HeaderValue::from_static("te"));
        passed.insert(TE, HeaderValue::from_static("trailers"));
    }
    if chunked {
        passed.remove(CONTENT_LENGTH);
        passed.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    passed
}

/// The headers for the application, of an answer whose body has this length, if that is known.
pub(super) fn to_application(headers: HeaderMap, bodiless: bool, length: Option<u64>) -> HeaderMap {
    let mut passed = end_to_end(headers);
    if !bodiless && passed.contains_key(CONTENT_LENGTH) {
        match length {
            // It may have come several times, or beside `Transfer-Encoding`.
            Some(length) => drop(passed.insert(CONTENT_LENGTH, HeaderValue::from(length))),
            None => drop(passed.remove(CONTENT_LENGTH)),
        }
    }
    passed
}

/// Everything but what belongs to the one connection, in its order.
fn end_to_end(headers: HeaderMap) -> HeaderMap {
    // Most have none of these, and a new map costs more than all that is done here.
    if !headers.keys().any(is_hop_by_hop) {
        return headers;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(names)
        .filter(|name| !matches!(&**name, "close" | "keep-alive"))
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        .collect();
    let mut passed = HeaderMap::with_capacity(headers.len() + 2);
    let mut current = None;
    for (name, value) in headers {
        // A header's further values come without its name.
        if let Some(name) = name {
            let stays = !is_hop_by_hop(&name) && !named.contains(&name);
            current = stays.then_some(name);
        }
        if let Some(name) = &current {
            passed.append(name.clone(), value);
        }
    }
    passed
}

/// The names in a list, in lower case.
fn names(value: &HeaderValue) -> impl Iterator<Item = String> {
    let list = value.to_str().unwrap_or_default().to_ascii_lowercase();
    list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    fn list(headers: &HeaderMap) -> Vec<(&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn what_belongs_to_one_connection_ends_here_and_the_order_stays() {
        let sent = map(&[
            ("host", "localhost"),
            ("connection", "keep-alive, X-Mine"),
            ("x-mine", "1"),
            ("accept", "a"),
            ("keep-alive", "timeout=5"),
            ("upgrade", "websocket"),
            ("accept", "b"),
            ("proxy-authorization", "Basic x"),
            ("content-length", "3"),
            ("te", "gzip"),
            ("trailer", "x-sum"),
        ]);
        let passed = to_upstream(sent, &HeaderValue::from_static("gate"), false);
        let expected = [
            ("host", "gate"),
            ("accept", "a"),
            ("accept", "b"),
            ("content-length", "3"),
            ("trailer", "x-sum"),
        ];
        assert_eq!(list(&passed), expected);
    }

    #[test]
    fn chunks_stay_chunks_and_trailers_are_still_wanted() {
        let sent =
            map(&[("host", "x"), ("transfer-encoding", "chunked"), ("te", "trailers, deflate")]);
        let passed = to_upstream(sent, &HeaderValue::from_static("gate"), true);
        let expected = [
            ("host", "gate"),
            ("connection", "te"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
        ];
        assert_eq!(list(&passed), expected);
    }

    #[test]
    fn an_answers_length_is_said_once_and_only_if_it_is_so() {
        let length = |headers: &[(&str, &str)], bodiless, length| {
            list(&to_application(map(headers), bodiless, length))
                .iter()
                .map(|(_, value)| (*value).to_owned())
                .collect::<Vec<_>>()
        };
        let twice = [("content-length", "5"), ("content-length", "5")];
        assert_eq!(length(&twice, false, Some(5)), ["5"]);
        let both = [("content-length", "7"), ("transfer-encoding", "chunked")];
        assert_eq!(length(&both, false, None), Vec::<String>::new());
        assert_eq!(length(&[("content-length", "7")], true, Some(0)), ["7"]);
    }
}
