//! The bookkeeping of a target's polls, and how long its last answer counts.
//!
//! Not here: what the answers said.

use std::time::Duration;

use super::time::as_millis;
use super::{FailureReason, Now, Timestamp};

/// How often a target is asked, and how long its last answer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PollPolicy {
    /// Time between polls.
    pub interval: Duration,
    /// Time an answer counts after polls began to fail.
    pub stale_after: Duration,
}

/// Counts of polls and the times that freshness is judged by.
#[derive(Debug, Clone)]
#[repr(C)] // The order is that of `fleet::Watched`.
pub struct PollStats {
    /// When something was last updated; a session 401 teaches something although it is a failure.
    last_updated: Option<Now>,
    /// The first failure since then.
    failing_since: Option<Now>,
    last_success: Option<Timestamp>,
    pub(super) polls: u64,
    /// Polls that failed since the last one that succeeded.
    failed_in_a_row: u32,
    /// The outcome of the last poll; `None` before the first.
    last: Option<Result<(), FailureReason>>,
    /// For how many seconds beyond the interval no poll is due, to keep away from a limit.
    pub(super) spaced: u16,
    /// `None` before the first.
    pub(super) failures: Option<Box<FailureCounts>>,
}

/// Failed polls, by reason.
pub type FailureCounts = [u32; FailureReason::COUNT];

impl PollStats {
    /// A record of no polls.
    pub const fn new() -> Self {
        Self {
            last_updated: None,
            failing_since: None,
            last_success: None,
            polls: 0,
            failed_in_a_row: 0,
            last: None,
            spaced: 0,
            failures: None,
        }
    }

    /// Records a poll that brought an observation.
    pub(super) fn succeeded(&mut self, now: Now) {
        self.polls = self.polls.saturating_add(1);
        self.last = Some(Ok(()));
        self.failed_in_a_row = 0;
        self.last_success = Some(now.unix);
        self.updated(now);
    }

    /// Records a failed poll.
    pub(super) fn failed(&mut self, now: Now, reason: FailureReason) {
        self.polls = self.polls.saturating_add(1);
        self.last = Some(Err(reason));
        self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
        let count = &mut self.failures.get_or_insert_default()[reason.index()];
        *count = count.saturating_add(1);
        self.failing_since.get_or_insert(now);
    }

    /// Records that the target's condition is known as of `now`.
    pub(super) const fn updated(&mut self, now: Now) {
        self.last_updated = Some(now);
        self.failing_since = None;
    }

    /// The same as of some time ago, as a webhook tells it.
    pub(super) fn updated_before(&mut self, now: Now, ago_millis: i64) {
        let updated = now.minus_millis(ago_millis);
        if self.last_updated.is_none_or(|last| last.steady < updated.steady) {
            self.last_updated = Some(updated);
        }
        if self.failing_since.is_some_and(|failing| failing.steady <= updated.steady) {
            self.failing_since = None;
        }
    }

    /// Takes up what was known before the exporter was away.
    pub(super) const fn restore(
        &mut self,
        updated: Option<Now>,
        failing_since: Option<Now>,
        last_success: Option<Timestamp>,
    ) {
        self.last_updated = updated;
        self.failing_since = failing_since;
        self.last_success = last_success;
    }

    /// Forgets what was updated, as when the credential was replaced.
    pub(super) const fn forget(&mut self) {
        self.last_updated = None;
        self.failing_since = None;
    }

    /// Polls so far.
    pub const fn polls(&self) -> u64 {
        self.polls
    }

    /// Failed polls so far with this reason.
    pub fn failures(&self, reason: FailureReason) -> u32 {
        self.failure_counts().map_or(0, |counts| counts[reason.index()])
    }

    /// Failed polls so far, by reason; `None` before the first.
    pub fn failure_counts(&self) -> Option<&FailureCounts> {
        self.failures.as_deref()
    }

    /// Whether the last poll succeeded; `None` before the first.
    pub fn last_succeeded(&self) -> Option<bool> {
        self.last.map(|outcome| outcome.is_ok())
    }

    /// The reason of the last poll's failure; `None` when it succeeded or none was made.
    pub fn last_failure(&self) -> Option<FailureReason> {
        self.last.and_then(Result::err)
    }

    /// How many polls in a row have failed, and why the last of them did; `None` unless the last
    /// poll failed.
    pub fn consecutive_failures(&self) -> Option<(FailureReason, u32)> {
        self.last_failure().map(|reason| (reason, self.failed_in_a_row))
    }

    /// When a poll last succeeded.
    pub const fn last_success(&self) -> Option<Timestamp> {
        self.last_success
    }

    /// When polls began to fail; `None` while they succeed.
    pub const fn failing_since(&self) -> Option<Now> {
        self.failing_since
    }

    /// When what was updated stopped counting; `None` while it counts, or when nothing was updated.
    ///
    /// It counts for `stale_after` from the first failed poll, or, should no poll end at all, from
    /// the time the next was due.
    #[inline]
    pub fn stale_since(&self, now: Now, policy: PollPolicy) -> Option<Now> {
        let updated = self.last_updated?;
        let silent = updated.plus(policy.interval + Duration::from_secs(self.spaced.into()));
        let began = match self.failing_since {
            Some(failing) if failing.steady < silent.steady => failing,
            _ => silent,
        };
        let stale = began.plus(policy.stale_after);
        (now.steady >= stale.steady).then_some(stale)
    }

    /// When something was last updated.
    pub const fn last_updated(&self) -> Option<Now> {
        self.last_updated
    }

    /// Milliseconds since something was last updated.
    pub fn age_millis(&self, now: Now) -> Option<i64> {
        self.last_updated.map(|updated| now.millis_since(updated))
    }
}

impl Default for PollStats {
    fn default() -> Self {
        Self::new()
    }
}

impl PollPolicy {
    /// The time an answer counts when nothing else was set: 5 intervals, at least 5 minutes.
    pub fn default_stale_after(interval: Duration) -> Duration {
        (interval * 5).max(Duration::from_secs(300))
    }

    /// The interval in milliseconds.
    pub fn interval_millis(&self) -> i64 {
        as_millis(self.interval)
    }
}
