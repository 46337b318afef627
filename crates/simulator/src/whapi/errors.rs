//! The bodies of Whapi's errors. Not when they are given: see `mod.rs` and `faults.rs`.

use serde_json::json;

use crate::http::response::{Response, ResponseClass};

/// Whapi's error body.
pub(super) fn error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "error": { "code": status, "message": message } }))
}

/// The response to session-bound calls without a session; the live body is in lower case.
pub(super) fn session_unauthorized() -> Response {
    error(401, "need channel authorization for send message")
        .with_class(ResponseClass::SessionUnauthorized)
}

/// The response to a wrong bearer token.
pub(super) fn channel_not_found() -> Response {
    let error = json!({
        "code": 404, "message": "Channel not found", "details": "Check the token of the channel",
        "href": "https://example.invalid/docs", "support": "https://example.invalid/support",
    });
    Response::json(404, &json!({ "error": error })).with_class(ResponseClass::ChannelNotFound)
}
