//! What GREEN-API's error answers mean. Its partner API sends them with HTTP 200 and a `code` in
//! the body.
//!
//! Not here: answers that bring what was asked for. An error's text is never repeated: it holds the
//! request's path, and with it the token.

use serde::Deserialize;

use crate::domain::{Failure, FailureReason};
use crate::upstream::Answer;
use crate::upstream::lenient::Lenient;

/// `{"code":401,"description":"Unauthorized"}`.
#[derive(Deserialize)]
struct ErrorBody {
    #[serde(default)]
    code: Lenient,
}

/// The failure of an answer that does not bring what was asked for; `expected` says what that is.
pub(super) fn refusal(answer: &Answer, expected: &str) -> Failure {
    if !answer.is_success() {
        return answer.failure_by_status();
    }
    match error_code(&answer.body) {
        Some(code) => {
            let by_code = Answer { status: code, ..answer.clone() }.failure_by_status();
            Failure { detail: format!("an answer with the code {code}"), ..by_code }
        }
        None => answer.failure(FailureReason::Decode, format!("the answer is not {expected}")),
    }
}

/// The code of an error in a body, if it is one.
fn error_code(body: &[u8]) -> Option<u16> {
    let error: ErrorBody = serde_json::from_slice(body).ok()?;
    let code = u16::try_from(error.code.integer()?).ok()?;
    (400..=599).contains(&code).then_some(code)
}
