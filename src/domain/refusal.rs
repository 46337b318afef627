//! A session 401 that the application met, until something newer is learnt of the channel.
//!
//! Not here: what follows from it for the channel; that is `availability.rs`.

use super::{Now, PollStats};

/// A session 401, and what was known of the channel then. Only what was updated since tells that it
/// is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    at: Now,
    updated: Option<Now>,
    polls: u64,
}

impl Refusal {
    /// A refusal that came at this time.
    pub(super) const fn of(polls: &PollStats, at: Now) -> Self {
        Self { at, updated: polls.last_updated(), polls: polls.polls() }
    }

    /// When it came.
    pub(super) const fn at(&self) -> Now {
        self.at
    }

    /// Whether something was updated of the channel since.
    pub(super) fn is_over(&self, polls: &PollStats) -> bool {
        // Within one millisecond the number of polls tells what the times cannot.
        let polled = polls.polls() > self.polls && polls.last_succeeded() == Some(true);
        let updated = polls.last_updated();
        updated.is_some_and(|updated| updated.steady >= self.at.steady)
            && (polled || updated != self.updated)
    }
}
