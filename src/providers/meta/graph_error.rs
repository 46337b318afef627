//! Error answers of Meta's Graph API: their codes, and the classes that are counted.
//!
//! Not here: what an error means for the token or the line that was asked about.
//!
//! Source: Meta's Graph error handling guide and the Cloud API's error codes.

use serde::Deserialize;

use crate::domain::{FailureReason, TokenErrorReason};
use crate::upstream::Answer;
use crate::upstream::lenient::Lenient;

/// An error's message is never read: it may repeat the token.
#[derive(Deserialize, Default)]
pub(super) struct GraphError {
    #[serde(default)]
    pub(super) code: Lenient,
    #[serde(default)]
    error_subcode: Lenient,
    #[serde(default)]
    subcode: Lenient,
}

impl GraphError {
    fn subcode(&self) -> Option<i64> {
        self.error_subcode.integer().or_else(|| self.subcode.integer())
    }

    /// Whether the object that was asked for does not exist, or not for this token.
    pub(super) fn is_not_found(&self) -> bool {
        matches!((self.code.integer(), self.subcode()), (Some(803 | 33), _) | (Some(100), Some(33)))
    }

    pub(super) fn class(&self) -> Option<TokenErrorReason> {
        let subcode = self.subcode();
        self.code.integer().map(|code| classify(code, subcode))
    }

    pub(super) fn describe(&self) -> String {
        match (self.code.integer(), self.subcode()) {
            (Some(code), Some(subcode)) => format!("Meta's error {code} with subcode {subcode}"),
            (Some(code), None) => format!("Meta's error {code}"),
            (None, _) => "an error of Meta's without a code".to_owned(),
        }
    }
}

/// The class of an error of Meta's, by code and subcode.
const fn classify(code: i64, subcode: Option<i64>) -> TokenErrorReason {
    match (code, subcode) {
        (0, _) => TokenErrorReason::AuthException,
        (190, Some(463)) => TokenErrorReason::TokenExpired,
        (190 | 102 | 2500, _) => TokenErrorReason::TokenInvalid,
        (3, _) => TokenErrorReason::Capability,
        (10 | 131_005, _) => TokenErrorReason::PermissionDenied,
        (200..=299, _) => TokenErrorReason::PermissionMissing,
        (
            4 | 17 | 32 | 341 | 613 | 80_007 | 80_008 | 130_429 | 131_048 | 131_056 | 131_064
            | 133_016,
            _,
        ) => TokenErrorReason::RateLimited,
        (33 | 100 | 133_010, _) => TokenErrorReason::Config,
        (368 | 130_497 | 131_031, _) => TokenErrorReason::Integrity,
        (1 | 2, _) => TokenErrorReason::Transient,
        _ => TokenErrorReason::Other,
    }
}

/// Why a poll that was answered with an error of this class brought nothing. The code decides,
/// never the HTTP status: the same code is documented with several.
pub(super) fn failure_reason(answer: &Answer, class: TokenErrorReason) -> FailureReason {
    match class {
        dead if dead.credential_is_dead() => FailureReason::CredentialUnauthorized,
        TokenErrorReason::RateLimited => FailureReason::RateLimited,
        TokenErrorReason::Transient => FailureReason::ServerError,
        TokenErrorReason::Capability
        | TokenErrorReason::PermissionDenied
        | TokenErrorReason::PermissionMissing
        | TokenErrorReason::Integrity => FailureReason::Forbidden,
        _ => match answer.failure_by_status().reason {
            FailureReason::Decode => FailureReason::HttpOther,
            by_status => by_status,
        },
    }
}

/// The class of the error that this answer tells, if it is one of Meta's.
pub(super) fn error(body: &[u8]) -> Option<TokenErrorReason> {
    let envelope: ErrorEnvelope = serde_json::from_slice(body).ok()?;
    envelope.error?.class()
}

#[derive(Deserialize)]
struct ErrorEnvelope {
    error: Option<GraphError>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_the_class() {
        use TokenErrorReason as R;
        for (code, subcode, class) in [
            (0, None, R::AuthException),
            (190, Some(463), R::TokenExpired),
            (190, Some(460), R::TokenInvalid),
            (190, None, R::TokenInvalid),
            (102, None, R::TokenInvalid),
            (2500, None, R::TokenInvalid),
            (3, None, R::Capability),
            (10, None, R::PermissionDenied),
            (131_005, Some(2_494_010), R::PermissionDenied),
            (200, None, R::PermissionMissing),
            (299, None, R::PermissionMissing),
            (300, None, R::Other),
            (4, None, R::RateLimited),
            (80_007, None, R::RateLimited),
            (100, Some(33), R::Config),
            (368, None, R::Integrity),
            (2, None, R::Transient),
            (-1, None, R::Other),
        ] {
            assert_eq!(classify(code, subcode), class, "{code} {subcode:?}");
        }
    }
}
