//! Evolution's error answers, and the failures that they are.
//!
//! Not here: answers that bring what was asked for.

use serde::Deserialize;

use crate::domain::{Failure, FailureReason};
use crate::upstream::Answer;
use crate::upstream::lenient::{Lenient, is_object};

/// `{"status":404,"error":"Not Found","response":{"message":["…"]}}`, or `{"error":true,…}`
/// with 200.
#[derive(Deserialize, Default)]
struct ErrorBody {
    #[serde(default)]
    error: Lenient,
    #[serde(default)]
    response: Option<ErrorResponse>,
}

#[derive(Deserialize)]
struct ErrorResponse {
    /// A text or a list of texts.
    #[serde(default)]
    message: Lenient,
}

/// The failure that an answer speaks of; `None` if it is no error.
pub(super) fn refusal(answer: &Answer) -> Option<Failure> {
    let body: ErrorBody = match is_object(&answer.body) {
        true => serde_json::from_slice(&answer.body).unwrap_or_default(),
        false => ErrorBody::default(),
    };
    if answer.is_success() {
        let says_so = body.error.flag() == Some(true);
        return says_so.then(|| {
            answer.failure(FailureReason::ServerError, "an error with the status of a success")
        });
    }
    if answer.status == 404 && speaks_of_an_instance(&body) {
        let what = "the server has no instance of this name";
        return Some(answer.failure(FailureReason::ChannelNotFound, what));
    }
    Some(answer.failure_by_status())
}

/// A server without the route, which may be none of Evolution's, answers 404 too.
fn speaks_of_an_instance(body: &ErrorBody) -> bool {
    let Some(ErrorResponse { message }) = &body.response else { return false };
    let says = |text: &str| text.ends_with("instance does not exist");
    message.raw_text().is_some_and(says)
        || message.texts("").is_some_and(|texts| texts.iter().any(|text| says(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(status: u16, body: &str) -> Option<FailureReason> {
        let body = body.as_bytes().to_vec().into();
        refusal(&Answer { status, retry_after: None, headers: Default::default(), body })
            .map(|failure| failure.reason)
    }

    #[test]
    fn the_body_decides_what_kind_of_error_it_is() {
        for (status, body, expected) in [
            (200, r#"{"instance":{"instanceName":"shop","state":"open"}}"#, None),
            (200, r#"[{"name":"shop"}]"#, None),
            (200, "", None),
            (
                200,
                r#"{"error":true,"message":"[object Object]"}"#,
                Some(FailureReason::ServerError),
            ),
            (
                401,
                r#"{"status":401,"error":"Unauthorized","response":{"message":"Unauthorized"}}"#,
                Some(FailureReason::CredentialUnauthorized),
            ),
            (
                404,
                r#"{"status":404,"error":"Not Found",
                    "response":{"message":["The \"ghost\" instance does not exist"]}}"#,
                Some(FailureReason::ChannelNotFound),
            ),
            (
                404,
                r#"{"status":404,"error":"Not Found",
                    "response":{"message":"The \"ghost\" instance does not exist"}}"#,
                Some(FailureReason::ChannelNotFound),
            ),
            (
                404,
                r#"{"status":404,"error":"Not Found","response":{"message":["Cannot GET /nope"]}}"#,
                Some(FailureReason::HttpOther),
            ),
            (404, r#"{"response":null}"#, Some(FailureReason::HttpOther)),
            (404, "<html>", Some(FailureReason::HttpOther)),
            (
                500,
                r#"{"status":500,"error":"Internal Server Error",
                    "response":{"message":["PrismaClientKnownRequestError: x"]}}"#,
                Some(FailureReason::ServerError),
            ),
        ] {
            assert_eq!(reason(status, body), expected, "{status} {body}");
        }
    }
}
