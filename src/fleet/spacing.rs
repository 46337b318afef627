//! What it means for an account and its channels that it is polled less often than usual.
//!
//! Not here: how much less often; that is `domain/api_usage.rs`.

use std::time::Duration;

use super::{Fleet, TargetRef, TargetState};
use crate::domain::ApiUsage;
use crate::target::Target;

impl Fleet {
    /// Takes how much of the upstream's limit of requests an account's polls have used, if that was
    /// told. As long as polls keep away from the limit, what is known of the account and of its
    /// channels counts longer: by these seconds, if they have to be told.
    pub fn apply_usage(&self, account: TargetRef, usage: Option<ApiUsage>) -> Option<u16> {
        let spaced = self.changing().change(account, |watched| {
            let interval = watched.policy().interval;
            let TargetState::Account(state) = &mut watched.state else { return None };
            if let Some(usage) = usage {
                state.used(usage);
            }
            let until_next = usage.map_or(interval, |usage| usage.spacing(interval));
            let beyond: Duration = until_next.saturating_sub(interval);
            let seconds = u16::try_from(beyond.as_millis().div_ceil(1000)).unwrap_or(u16::MAX);
            state.space_out(seconds).then_some(seconds)
        });
        spaced.flatten()
    }

    /// Has what is known of those of these channels that are known by this account alone count for
    /// so many seconds longer.
    pub fn space_out_listed(&self, channels: &[TargetRef], lister: &Target, seconds: u16) {
        let mut table = self.changing();
        for channel in channels {
            table.change(*channel, |watched| {
                let is_known_by = watched.target.is_known_by(lister);
                if let TargetState::Channel(state) = &mut watched.state
                    && is_known_by
                {
                    state.space_out(seconds);
                }
            });
        }
    }
}
