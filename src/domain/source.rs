//! A source's state: how the polls of its list went, and how many channels the list has.
//!
//! Not here: the channels themselves; each has a state of its own.

use super::{Failure, Now, PollStats};

/// All that is known of one source.
#[derive(Debug, Clone, Default)]
pub struct SourceState {
    pub(super) polls: PollStats,
    listed: Option<Listed>,
}

/// How many channels a list had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Channels that are watched.
    pub watched: u32,
    /// Channels that are not watched: the source has more than it may have, or they have no valid
    /// name.
    pub ignored: u32,
    /// Of these, those without a valid name.
    pub unnamed: u32,
}

impl SourceState {
    /// Applies the outcome of a poll of the list; `None` when it does not tell how many channels
    /// there are.
    pub fn apply(&mut self, now: Now, outcome: Result<Option<Listed>, &Failure>) {
        match outcome {
            Ok(listed) => {
                self.polls.succeeded(now);
                self.listed = listed.or(self.listed);
            }
            Err(failure) => self.polls.failed(now, failure.reason),
        }
    }

    /// Takes how many channels there are, as one of the source's accounts listed others.
    pub const fn relisted(&mut self, listed: Listed) {
        self.listed = Some(listed);
    }

    /// What the last whole list had; `None` before the first.
    pub const fn listed(&self) -> Option<Listed> {
        self.listed
    }

    /// The statistics of its polls.
    pub const fn polls(&self) -> &PollStats {
        &self.polls
    }
}
