//! What to do about a Meta token, in the words of Meta's tools.
//!
//! Not here: which token has which problem.

use crate::domain::{FailureReason, RestrictionReason, Status};
use crate::provider::{AdviceTexts, TokenProblem};

pub(super) struct MetaAdvice;

const DEAD: &str = "Create a new token (best a System User's), put it in place of the old one, and \
    check it in Meta's Access Token Debugger.";

impl AdviceTexts for MetaAdvice {
    fn status(&self, status: Status) -> Option<&'static str> {
        match status {
            Status::Auth => None,
            Status::Unknown => Some("Not known. Find out why polls fail."),
            _ => Some("Look at the phone number in https://business.facebook.com/wa/manage."),
        }
    }

    fn session_unauthorized(&self) -> &'static str {
        "The number cannot send. Look at it in https://business.facebook.com/wa/manage."
    }

    fn unknown_word(&self) -> &'static str {
        "Meta reports a status this version does not know (the word is in the log). Look at \
         https://business.facebook.com/wa/manage, and update the exporter."
    }

    fn failure(&self, reason: FailureReason) -> Option<&'static str> {
        match reason {
            FailureReason::CredentialUnauthorized => Some(
                "The credential was refused. Check the app's id and secret that inspect the token.",
            ),
            _ => None,
        }
    }

    fn restriction(&self, _: RestrictionReason) -> Option<&'static str> {
        None
    }

    fn subscription(&self) -> Option<&'static str> {
        None
    }

    fn token(&self, problem: TokenProblem) -> Option<&'static str> {
        Some(match problem {
            TokenProblem::Expired | TokenProblem::Invalid => DEAD,
            TokenProblem::ScopeMissing => {
                "Grant the missing permission to the token, in the app's dashboard or by App \
                 Review."
            }
            TokenProblem::ExpiresVerySoon => {
                "Replace the token now: once it has expired it cannot be refreshed."
            }
            TokenProblem::ExpiresSoon => {
                "Refresh or replace the token: once it has expired it cannot be refreshed."
            }
            TokenProblem::DataAccessEnds => {
                "Let the user log in to the app again, to renew its access to data."
            }
        })
    }
}
