//! What it means for an account and its channels that it is polled less often than usual.
//!
//! Not here: how much less often; that is `domain/api_usage.rs`.

use std::sync::Arc;
use std::time::Duration;

use super::{Fleet, TargetRef, TargetState};
use crate::domain::{ApiUsage, TargetKind};

impl Fleet {
    /// Takes how much of the upstream's limit of requests an account's polls have used, if that was
    /// told. As long as polls keep away from the limit, what is known of the account and of its
    /// channels counts longer.
    pub fn apply_usage(&self, account: TargetRef, usage: Option<ApiUsage>) {
        let mut table = self.changing();
        let spaced = table.change(account, |watched| {
            let interval = watched.policy().interval;
            let TargetState::Account(state) = &mut watched.state else { return None };
            if let Some(usage) = usage {
                state.used(usage);
            }
            let until_next = usage.map_or(interval, |usage| usage.spacing(interval));
            let beyond: Duration = until_next.saturating_sub(interval);
            let seconds = u16::try_from(beyond.as_millis().div_ceil(1000)).unwrap_or(u16::MAX);
            state.space_out(seconds).then(|| (seconds, Arc::clone(&watched.target)))
        });
        let Some((seconds, lister)) = spaced.flatten() else { return };
        let order = table.order();
        for target in order.of(TargetKind::Channel) {
            if table.get(target).is_some_and(|watched| watched.target.is_known_by(&lister)) {
                table.change(target, |watched| {
                    if let TargetState::Channel(state) = &mut watched.state {
                        state.space_out(seconds);
                    }
                });
            }
        }
    }
}
