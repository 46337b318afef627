//! What a target's last polls say about its next one.
//!
//! Not here: how long a refusal keeps polls away; that is `domain/backoff.rs`.

use super::confirmation::Confirmation;
use crate::domain::FailureReason;
use crate::secret::Fingerprint;

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
