//! What to do about a token, a number or an account, in the words of Meta's tools.
//!
//! Not here: which has which problem, and what Meta itself proposes; that is told beside.

use crate::domain::{FailureReason, RestrictionReason, Status};
use crate::provider::{AccountProblem, AdviceTexts, STATUS_NOT_KNOWN, TokenProblem};

pub(super) struct MetaAdvice;

const DEAD: &str = "Create a new token (best a System User's), put it in place of the old one, and \
    check it in Meta's Access Token Debugger.";

impl AdviceTexts for MetaAdvice {
    fn status(&self, status: Status) -> Option<&'static str> {
        match status {
            Status::Auth => None,
            Status::Unknown => Some(STATUS_NOT_KNOWN),
            Status::Blocked => Some(
                "Meta blocks all sending. Read its message in this row, add a payment method or \
                 appeal in https://business.facebook.com/business-support-home.",
            ),
            Status::Stop => Some(
                "The number is not connected. Register it again in \
                 https://business.facebook.com/wa/manage, or leave it out with `except`.",
            ),
            Status::Init => Some(
                "The number is being set up. Verify it in https://business.facebook.com/wa/manage, \
                 or leave it out with `except`.",
            ),
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

    fn restriction(&self, reason: RestrictionReason) -> Option<&'static str> {
        Some(match reason {
            RestrictionReason::Quota => {
                "The number has begun as many conversations in 24 hours as it may. Hold campaigns \
                 back; answers still go out."
            }
            RestrictionReason::Rate => "Meta slows the number down. Send fewer messages a second.",
            RestrictionReason::NewChats | RestrictionReason::Policy => {
                "Read Meta's notice in https://business.facebook.com/business-support-home, and \
                 appeal there."
            }
        })
    }

    fn low_quality(&self) -> Option<&'static str> {
        Some(
            "Receivers block or report the number. Stop campaigns, and look at \
             https://business.facebook.com/wa/manage, Insights, for the templates they report.",
        )
    }

    fn account(&self, problem: AccountProblem) -> Option<&'static str> {
        Some(match problem {
            AccountProblem::Restricted => {
                "Read why in https://business.facebook.com/business-support-home, and appeal there."
            }
            AccountProblem::WebhookUnsubscribed => {
                "Subscribe the app again: POST /<account>/subscribed_apps with its token. Nothing \
                 that customers write arrives until then."
            }
            AccountProblem::TemplatesPaused => {
                "Receivers do not like these templates. Change or retire them in \
                 https://business.facebook.com/wa/manage/message-templates before Meta disables \
                 them."
            }
        })
    }

    fn nothing_listed(&self) -> Option<&'static str> {
        Some(
            "No number was discovered. Grant the token whatsapp_business_management for an \
             account; if it has that for all accounts, name them in META_WABA_IDS. \
             META_DISCOVER=false ends the search.",
        )
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
