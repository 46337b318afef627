//! Answers: how they are made.
//!
//! Not here: which request gets which.

use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::body::ReplyBody;

/// An answer of the server.
pub(super) type Reply = Response<ReplyBody>;

const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn ok(content_type: &'static str, body: ReplyBody) -> Reply {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Everything here is true only now.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

pub(super) fn text(status: StatusCode, words: impl Into<bytes::Bytes>) -> Reply {
    let mut answer = ok(TEXT, ReplyBody::whole(words));
    *answer.status_mut() = status;
    answer
}

pub(super) fn with(mut answer: Reply, name: HeaderName, value: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().append(name, value);
    }
    answer
}
