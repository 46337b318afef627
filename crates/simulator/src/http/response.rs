//! An HTTP response and the class it is counted under. Not how it is sent: see `fault.rs` and
//! `connection.rs`.

use bytes::Bytes;
use serde_json::Value;

/// What a response means, as the simulator intended it; tests compare these with what the exporter
/// counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResponseClass {
    /// The response that was asked for.
    Ok,
    /// Meta: a 200 that says that the inspected token is dead.
    DeadToken,
    /// 401 "need channel authorization": the token is fine, the WhatsApp session is not.
    SessionUnauthorized,
    /// Any other 401 of Whapi's.
    Unauthorized,
    /// Whapi's response to a wrong bearer token.
    ChannelNotFound,
    /// 402.
    PaymentRequired,
    /// 403.
    Forbidden,
    /// 429.
    RateLimited,
    /// 5xx.
    ServerError,
    /// Any other HTTP status that is not a success.
    OtherHttp,
    /// Meta: a top-level error.
    Graph {
        /// Meta's `code`.
        code: i64,
        /// Meta's `error_subcode`, 0 when there is none.
        subcode: i64,
    },
    /// A success that cannot be read: garbage, HTML, truncated, wrong shape, empty.
    Nonsense,
    /// A body too large to be taken, or without an end.
    Oversized,
    /// No whole HTTP response: closed early, or not HTTP.
    Broken,
    /// The same before a whole head, on a connection that had brought an answer before. A client
    /// may take that for the end of an idle connection, and send a GET again (RFC 9110 §9.2.2).
    BrokenWhenKept,
    /// No response ever.
    Hung,
}

impl ResponseClass {
    /// The class that a bare HTTP status suggests.
    pub fn of_status(status: u16) -> ResponseClass {
        match status {
            200..=299 => ResponseClass::Ok,
            401 => ResponseClass::Unauthorized,
            402 => ResponseClass::PaymentRequired,
            403 => ResponseClass::Forbidden,
            429 => ResponseClass::RateLimited,
            500..=599 => ResponseClass::ServerError,
            _ => ResponseClass::OtherHttp,
        }
    }
}

/// A complete HTTP response.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Beside `Content-Length`, `Transfer-Encoding` and `Date`, which are written for it.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// What it is counted under.
    pub class: ResponseClass,
}

impl Response {
    /// Any status with any body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Response {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Response { status, headers, body: body.into(), class: ResponseClass::of_status(status) }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Response {
        Response::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// An HTML page, as an edge or a proxy sends it.
    pub fn html(status: u16, title: &str) -> Response {
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1></\
                center></body>\r\n</html>\r\n"
        );
        Response::new(status, "text/html", page)
    }

    /// No body at all, as 204 has none.
    pub fn no_content() -> Response {
        Response { status: 204, headers: Vec::new(), body: Bytes::new(), class: ResponseClass::Ok }
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Response {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Counted under another class than its status suggests.
    pub fn with_class(mut self, class: ResponseClass) -> Response {
        self.class = class;
        self
    }
}
