//! What Whapi's error answers mean. The text decides where a status code has two meanings.
//!
//! Not here: answers that bring what was asked for.

use crate::domain::{Failure, FailureReason, UnauthorizedReason};
use crate::upstream::Answer;

/// What an HTTP 401 of this text is for: its words decide.
pub(super) fn unauthorized(body: &[u8]) -> UnauthorizedReason {
    if beginning(body).contains("need channel authorization") {
        UnauthorizedReason::Session
    } else {
        UnauthorizedReason::Credential
    }
}

/// The beginning of an error's text in lower case: the real ones are short.
fn beginning(body: &[u8]) -> String {
    let start = body.get(..body.len().min(4096)).unwrap_or_default();
    String::from_utf8_lossy(start).to_ascii_lowercase()
}

/// What an answer other than 2xx means. The text decides where Whapi's status codes have two
/// meanings.
pub(super) fn refusal(answer: &Answer) -> Failure {
    let text = beginning(&answer.body);
    let speaks_of = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let json = text.trim_start().starts_with('{');
    match answer.status {
        401 if unauthorized(&answer.body) == UnauthorizedReason::Session => answer
            .failure(FailureReason::SessionUnauthorized, "HTTP 401: need channel authorization"),
        // Unpaid channels were seen as 403 and 404 too (not confirmed by Whapi), so their words
        // decide.
        402..=404
            if answer.status == 402
                || json
                    && speaks_of(&[
                        "unpaid", "payment", "billing", "suspend", "expired", "trial",
                    ]) =>
        {
            answer.failure(
                FailureReason::PaymentRequired,
                format!("HTTP {}: trial or subscription over", answer.status),
            )
        }
        // A page that is not Whapi's says that the address is wrong, not the token.
        404 if json || text.trim().is_empty() => {
            answer.failure(FailureReason::ChannelNotFound, "HTTP 404: channel not found")
        }
        404 => answer.failure(
            FailureReason::HttpOther,
            "HTTP 404 that is not Whapi's; is the API's address right?",
        ),
        _ => answer.failure_by_status(),
    }
}
