//! One HTTP answer and the class it is counted under. Not how it travels: see `fault.rs` and `http.rs`.

use bytes::Bytes;
use serde_json::Value;

/// What an answer means, as the simulator intended it; a test compares these with what the exporter counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// The answer that was asked for.
    Ok,
    /// Meta: a 200 that says that the inspected token is dead.
    DeadToken,
    /// 401 "need channel authorization": the token is fine, the WhatsApp session is not.
    SessionUnauthorized,
    /// Any other 401 of Whapi's.
    Unauthorized,
    /// Whapi's answer to a wrong bearer token.
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
    /// No whole HTTP answer: closed early, or not HTTP.
    Broken,
    /// No answer ever.
    Hung,
}

impl Class {
    /// The class that a bare HTTP status suggests.
    pub fn of_status(status: u16) -> Class {
        match status {
            200..=299 => Class::Ok,
            401 => Class::Unauthorized,
            402 => Class::PaymentRequired,
            403 => Class::Forbidden,
            429 => Class::RateLimited,
            500..=599 => Class::ServerError,
            _ => Class::OtherHttp,
        }
    }
}

/// A complete HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Beside `Content-Length`, `Transfer-Encoding` and `Date`, which are written for it.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// What it is counted under.
    pub class: Class,
}

impl Answer {
    /// Any status with any body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Answer { status, headers, body: body.into(), class: Class::of_status(status) }
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Answer {
        Answer::new(status, "application/json; charset=utf-8", body.to_string())
    }

    /// An HTML page, as an edge or a proxy sends it.
    pub fn html(status: u16, title: &str) -> Answer {
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body><center><h1>{title}</h1></center></body>\r\n</html>\r\n"
        );
        Answer::new(status, "text/html", page)
    }

    /// No body at all, as 204 has none.
    pub fn no_content() -> Answer {
        Answer { status: 204, headers: Vec::new(), body: Bytes::new(), class: Class::Ok }
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Answer {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Counted under another class than its status suggests.
    pub fn classed(mut self, class: Class) -> Answer {
        self.class = class;
        self
    }
}
