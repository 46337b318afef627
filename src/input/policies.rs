//! The poll policy of an interval: how long answers count, and whether the interval can work.
//!
//! Not here: which target has which interval.

use std::time::Duration;

use super::Problems;
use crate::domain::PollPolicy;

/// What all policies share.
#[derive(Debug, Clone, Copy)]
pub struct Policies {
    /// `POLL_TIMEOUT`.
    pub timeout: Duration,
    /// `STALE_AFTER`, if it is set.
    pub stale_after: Option<Duration>,
}

impl Policies {
    /// The policy of an interval.
    pub fn policy(&self, interval: Duration) -> PollPolicy {
        let stale_after =
            self.stale_after.unwrap_or_else(|| PollPolicy::default_stale_after(interval));
        PollPolicy { interval, stale_after }
    }

    /// The policy of an interval that was set at `place`.
    pub fn checked(&self, place: &str, interval: Duration, problems: &mut Problems) -> PollPolicy {
        if interval < self.timeout {
            problems.add(format!(
                "{place}: {} is shorter than POLL_TIMEOUT ({}), so a poll could still be under way \
                 when the next is due; \
                 make the interval longer or POLL_TIMEOUT shorter",
                humantime::format_duration(interval),
                humantime::format_duration(self.timeout),
            ));
        }
        self.policy(interval)
    }
}
