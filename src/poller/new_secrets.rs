//! Whose secret files are looked at between polls, and who is polled for a new secret.
//!
//! Not here: the look itself; that is `secret_watch.rs`.

use std::collections::HashSet;
use std::sync::Arc;

use super::Poller;
use super::secret_watch::{Watch, changed};
use crate::clock;
use crate::domain::{FailureReason, TargetKind};
use crate::fleet::TargetRef;
use crate::target::Target;

impl Poller {
    /// Whether a target's secret files are looked at between polls although it is well.
    pub(super) fn is_watched(&self, target: &Target) -> bool {
        self.watches_all || target.kind != TargetKind::Channel
    }

    /// Looks, where nobody waits for it, at the secrets of targets that may need new ones.
    pub(super) fn watch_secrets(&mut self) {
        if self.secret_watch.is_some() {
            return;
        }
        let watches: Vec<Watch> = self
            .backoff
            .iter()
            .filter_map(|(target, state)| {
                let settings = self.fleet.look(*target, |watched| Arc::clone(&watched.target))?;
                let waits = state.failing.is_some_and(FailureReason::fixed_by_new_secret);
                (waits || self.is_watched(&settings)).then(|| Watch {
                    target: *target,
                    settings,
                    used: state.secrets,
                    unreadable: state.failing == Some(FailureReason::Secret),
                })
            })
            .collect();
        if !watches.is_empty() {
            let looking = tokio::task::spawn_blocking(move || changed(watches));
            self.secret_watch = Some(looking);
        }
    }

    /// Polls targets at once whose secrets have changed since the last poll.
    pub(super) fn try_new_secrets(&mut self, changed: Vec<TargetRef>) {
        if changed.is_empty() {
            return;
        }
        for target in &changed {
            self.backoff.entry(*target).and_modify(|state| state.refusals = 0);
        }
        let changed: HashSet<TargetRef> = changed.into_iter().collect();
        let now = clock::instant();
        self.queue.move_up(|target| changed.contains(&target).then_some(now));
    }
}
