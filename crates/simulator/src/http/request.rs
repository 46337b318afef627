//! An HTTP request, read from bytes. Lenient where it may be (the exporter's client is what is
//! tested, not this), but never a guess: what it cannot read is an error.

/// A request with what the APIs look at.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Decoded.
    pub(crate) query: Vec<(String, String)>,
    /// In the order they came, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) keep_alive: bool,
}

/// Why bytes are no request, with the HTTP status that says so.
#[derive(Debug, PartialEq)]
pub(crate) struct BadRequest(pub(crate) u16, pub(crate) &'static str);

impl Request {
    /// The first value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The last value of a header; its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rfind(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What follows `Bearer ` in `Authorization`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, secret) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(secret.trim())
    }
}

/// Reads a head (all up to the blank line), and how many bytes of body follow it.
pub(crate) fn read_head(head: &[u8]) -> Result<(Request, usize), BadRequest> {
    let head = std::str::from_utf8(head).map_err(|_| BadRequest(400, "The head is not UTF-8"))?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (first.next(), first.next(), first.next(), first.next())
    else {
        return Err(BadRequest(400, "The first line is not a request line"));
    };
    if version != "HTTP/1.1" && version != "HTTP/1.0" {
        return Err(BadRequest(505, "Neither HTTP/1.1 nor HTTP/1.0"));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.split('&').filter(|pair| !pair.is_empty()).map(decode_pair).collect(),
        keep_alive: version == "HTTP/1.1",
        ..Request::default()
    };
    let mut length = 0;
    for line in lines.filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else {
            return Err(BadRequest(400, "A header without a colon"));
        };
        let value = value.trim();
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "content-length" => {
                length =
                    value.parse().map_err(|_| BadRequest(400, "Content-Length is not a number"))?
            }
            "transfer-encoding" => {
                return Err(BadRequest(411, "Only bodies with a Content-Length are read"));
            }
            "connection" if value.eq_ignore_ascii_case("close") => request.keep_alive = false,
            "connection" if value.eq_ignore_ascii_case("keep-alive") => request.keep_alive = true,
            _ => {}
        }
        request.headers.push((name, value.to_owned()));
    }
    Ok((request, length))
}

fn decode_pair(pair: &str) -> (String, String) {
    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
    (decode(key), decode(value))
}

/// Percent-decodes; what is no valid escape stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        match (byte, escaped) {
            (_, Some(value)) => {
                out.push(value);
                rest = &after[2..];
            }
            (b'+', None) => {
                out.push(b' ');
                rest = after;
            }
            (other, None) => {
                out.push(other);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<(Request, usize), BadRequest> {
        read_head(head.as_bytes())
    }

    #[test]
    fn a_head_is_read_with_its_query_and_bearer() {
        let (request, length) = read(
            "GET /v25.0/debug_token?input_token=EAA%7Cx&a=b+c HTTP/1.1\r\nHost: h\r\n\
                authorization: bearer 1|s\r\n",
        )
        .expect("a request");
        assert_eq!((request.path.as_str(), length), ("/v25.0/debug_token", 0));
        assert_eq!(request.parameter("input_token"), Some("EAA|x"));
        assert_eq!(request.parameter("a"), Some("b c"));
        assert_eq!(request.bearer(), Some("1|s"));
        assert_eq!((request.header("host"), request.header("apikey")), (Some("h"), None));
        assert!(request.keep_alive);
    }

    #[test]
    fn another_scheme_than_bearer_is_no_bearer() {
        let (request, _) =
            read("GET / HTTP/1.1\r\nAuthorization: Basic eDp5\r\n").expect("a request");
        assert_eq!(request.bearer(), None);
    }

    #[test]
    fn the_connection_header_decides_about_keep_alive() {
        assert!(!read("GET / HTTP/1.1\r\nConnection: close\r\n").expect("a request").0.keep_alive);
        assert!(!read("GET / HTTP/1.0\r\n").expect("a request").0.keep_alive);
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        for (head, status) in [
            ("", 400),
            ("GET /", 400),
            ("GET / HTTP/2.0", 505),
            ("GET / HTTP/1.1\r\nnonsense", 400),
            ("POST / HTTP/1.1\r\nContent-Length: x", 400),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked", 411),
        ] {
            assert_eq!(read(head).map_err(|bad| bad.0), Err(status), "{head:?}");
        }
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
    }
}
