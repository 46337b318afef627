//! What a target's last polls say about its next one, and what of that is news for the log.
//!
//! Not here: how long a refusal keeps polls away; that is `domain/backoff.rs`.

use tracing::{debug, info, warn};

use super::confirmation::Confirmation;
use crate::domain::{Failure, FailureReason};
use crate::report::advice;
use crate::secret::Fingerprint;
use crate::target::Target;

/// What the next poll of a target depends on. Kept only for targets that are not simply well.
#[derive(Clone, Copy, Default)]
pub(super) struct PollBackoff {
    /// Failures in a row that ask for distance.
    pub(super) refusals: u32,
    /// The reason of the last failure, so that a streak is logged once.
    pub(super) failing: Option<FailureReason>,
    /// The secrets that were last used.
    pub(super) secrets: Option<Fingerprint>,
    /// A departure from AUTH that is to be confirmed soon.
    pub(super) confirmation: Option<Confirmation>,
}

impl PollBackoff {
    /// Logs how a poll ended, given what was known before it.
    pub(super) fn log(&self, target: &Target, failure: Option<&Failure>) {
        let (kind, name) = (target.kind.as_str(), &target.name);
        match failure {
            Some(failure) if self.failing == Some(failure.reason) => {
                debug!(
                    target_kind = kind,
                    name = name.as_str(),
                    reason = failure.reason.as_str(),
                    detail = failure.detail,
                    "a poll failed again"
                );
            }
            Some(failure) => {
                warn!(
                    target_kind = kind,
                    name = name.as_str(),
                    reason = failure.reason.as_str(),
                    detail = failure.detail,
                    todo = advice::failure(target.provider(), failure.reason),
                    "polls fail"
                );
            }
            None if self.failing.is_some() => {
                info!(target_kind = kind, name = name.as_str(), "polls succeed again")
            }
            None => {}
        }
    }
}
