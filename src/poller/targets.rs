//! Which targets are polled: what new settings and new lists change of the queue.
//!
//! Not here: which targets there are (`target/`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::queue::Due;
use super::secret_watch::MAX_WATCHED;
use super::{NewTargets, Poller};
use crate::clock;
use crate::domain::{TargetKind, backoff};
use crate::fleet::{Replacement, TargetRef};
use crate::report::log_events;

/// Targets that are replaced between two turns of everybody else.
const REPLACED_AT_A_TIME: usize = 500;

/// New targets that are put on the queue between two turns of everybody else.
const SCHEDULED_AT_A_TIME: usize = 2000;

impl Poller {
    /// Puts targets on the queue that were never polled, the few first: tokens and sources tell of
    /// many.
    pub(super) async fn begin(&mut self, mut refs: Vec<TargetRef>) {
        self.watches_all = self.fleet.refs().len() <= MAX_WATCHED;
        let now = clock::instant();
        refs.sort_by_cached_key(|target| {
            self.fleet.look(*target, |watched| watched.target.kind == TargetKind::Channel)
        });
        let count = refs.len();
        // Where every target is polled once, none of them waits for a later time.
        let once = self.until;
        self.schedule(refs, |at, interval| {
            let delay = backoff::first_delay(at, count, interval, fastrand::f64());
            once.unwrap_or(now + delay)
        })
        .await;
    }

    /// Puts targets on the queue whose place in it is a wrong one, or who may have none.
    pub(super) async fn begin_anew(&mut self, mut refs: Vec<TargetRef>) {
        if refs.is_empty() {
            return;
        }
        let chosen: HashSet<TargetRef> = refs.iter().copied().collect();
        self.queue.remove(|target| chosen.contains(&target));
        self.backoff.retain(|target, _| !chosen.contains(target));
        // A poll that is in flight brings its target back by itself.
        let in_flight: HashSet<TargetRef> =
            self.tasks.values().map(|poll| poll.due.target).collect();
        refs.retain(|target| !in_flight.contains(target));
        self.begin(refs).await;
    }

    /// Puts those of the targets on the queue that are polled themselves.
    pub(super) async fn schedule(
        &mut self,
        refs: Vec<TargetRef>,
        when: impl Fn(usize, Duration) -> Instant,
    ) {
        for (at, target) in refs.into_iter().enumerate() {
            if at % SCHEDULED_AT_A_TIME == SCHEDULED_AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
            let settings = self.fleet.look(target, |watched| Arc::clone(&watched.target));
            if let Some(settings) = settings.filter(|one| one.options.endpoint.is_some()) {
                let upstream = self.queue.upstream(&settings.options.api_url);
                self.queue.push(Due { at: when(at, settings.policy().interval), target, upstream });
            }
        }
    }

    /// Takes the targets of new settings.
    pub(super) async fn reload(&mut self, new: NewTargets) {
        self.targets.configure(new.targets);
        self.replace_targets().await;
        // Whoever asked for the reload may have gone.
        let _ = new.done.send(());
    }

    /// Puts the targets of the set in the place of the fleet's. Those that stay keep their state
    /// and their time, unless that is now beyond their interval.
    pub(super) async fn replace_targets(&mut self) {
        let mut replacement = Replacement::new(self.targets.select(), clock::now());
        let replaced = loop {
            match self.fleet.replace(&mut replacement, REPLACED_AT_A_TIME) {
                Some(replaced) => break replaced,
                None => tokio::task::yield_now().await,
            }
        };
        // Polls in flight for targets that are gone end without a trace.
        self.backoff.retain(|target, _| self.fleet.look(*target, |_| ()).is_some());
        self.out_of_turn.retain(|target, _| self.fleet.look(*target, |_| ()).is_some());
        // An account that another source has as well is now that one's.
        for (source, listed) in self.targets.listed_by_source() {
            self.fleet.relist(source, listed);
        }
        log_events::log_replaced(&replaced);
        self.begin_anew(replaced.moved).await;
        self.begin(replaced.added).await;
        if !replaced.changed_listers.is_empty() {
            // What they listed by their old settings stays until they have answered.
            let changed: HashSet<TargetRef> = replaced.changed_listers.into_iter().collect();
            self.backoff.retain(|target, _| !changed.contains(target));
            let at = self.at_once();
            self.queue.move_up(|target| changed.contains(&target).then_some(at));
        }
        if !replaced.rescheduled.is_empty() {
            let now = clock::instant();
            let rescheduled: HashSet<TargetRef> = replaced.rescheduled.into_iter().collect();
            let (fleet, backoff) = (&self.fleet, &self.backoff);
            self.queue.reschedule(|due| {
                let refused = backoff.get(&due.target).is_some_and(|state| state.refusals > 0);
                if refused || !rescheduled.contains(&due.target) {
                    return None;
                }
                let interval = fleet.look(due.target, |one| one.policy().interval)?;
                let beyond = due.at > now + interval.mul_f64(1.1);
                beyond.then(|| now + interval.mul_f64(fastrand::f64()))
            });
        }
        self.queue.forget_unused();
    }
}
