//! What a provider tells people to do, in its own terms: its panel, its words, its support.
//!
//! Not here: what is the same for all providers; that is `report/advice.rs`.

use crate::domain::{FailureReason, RestrictionReason, Status};

/// What is wrong with a token that can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenProblem {
    /// It has expired.
    Expired,
    /// It is not valid for another reason.
    Invalid,
    /// It lacks a required scope.
    ScopeMissing,
    /// It expires within two days.
    ExpiresVerySoon,
    /// It expires within a week.
    ExpiresSoon,
    /// Its access to user data ends within a week.
    DataAccessEnds,
}

/// What is wrong with a business account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountProblem {
    /// It may not do everything, or nothing at all.
    Restricted,
    /// Nobody gets its webhooks any longer.
    WebhookUnsubscribed,
    /// Some of its message templates are stopped.
    TemplatesPaused,
}

/// What to do about a channel whose status is not known.
pub const STATUS_NOT_KNOWN: &str = "Not known. Find out why polls fail.";

/// What to do about a number that WhatsApp has blocked, where the provider has no words of its own.
pub const BLOCKED_BY_WHATSAPP: &str = "Blocked by WhatsApp. Look at the number in the WhatsApp app \
    on the phone and request a review there.";

/// A provider's words for people. Each is one or two sentences that say what to do.
pub trait AdviceTexts: Sync {
    /// What to do about a channel of this status; `None` when it is well.
    fn status(&self, status: Status) -> Option<&'static str>;

    /// What to do about a channel whose WhatsApp session is not authorized.
    fn session_unauthorized(&self) -> &'static str;

    /// What to do about a status word that this version does not know.
    fn unknown_word(&self) -> &'static str;

    /// What to do about polls that fail for this reason; `None` where there is nothing to say but
    /// what holds for all providers.
    fn failure(&self, reason: FailureReason) -> Option<&'static str>;

    /// What to do about a line that may not do everything; `None` where the provider has no words
    /// of its own for it.
    fn restriction(&self, _: RestrictionReason) -> Option<&'static str> {
        None
    }

    /// What to do about a subscription that ends soon; `None` likewise.
    fn subscription(&self) -> Option<&'static str> {
        None
    }

    /// What to do about a token; `None` where the provider has none.
    fn token(&self, _: TokenProblem) -> Option<&'static str> {
        None
    }

    /// What to do about a channel that WhatsApp rates low; `None` where nothing is told of that.
    fn low_quality(&self) -> Option<&'static str> {
        None
    }

    /// What to do about an account; `None` where the provider has none.
    fn account(&self, _: AccountProblem) -> Option<&'static str> {
        None
    }

    /// What to do about a source that lists nothing, where that is no fault; elsewhere `None`.
    fn nothing_listed(&self) -> Option<&'static str> {
        None
    }
}
