//! What polls bring: to the fleet, to the set of targets, and to the log.
//!
//! Not here: when a target is polled again.

use std::sync::Arc;
use std::time::Duration;

use super::Poller;
use super::confirmation::Confirmation;
use super::poll::Completed;
use super::poll_backoff::PollBackoff;
use crate::clock;
use crate::domain::{Failure, Listed, SentAt, TargetKind};
use crate::fleet::{Applied, Fleet, TargetRef};
use crate::report::log_events;
use crate::target::Target;
use crate::upstream::{Fact, Reading};

/// A list is applied to so many channels between two turns of everybody else.
const APPLIED_AT_A_TIME: usize = 100;

/// Lists at longer intervals are asked for again when a channel left AUTH.
const LONGEST_UNCONFIRMED: Duration = Duration::from_secs(60);

impl Poller {
    /// Applies what a poll says, and logs what changed.
    pub(super) async fn apply(
        &mut self,
        polled: TargetRef,
        target: &Arc<Target>,
        sent_at: SentAt,
        state: &mut PollBackoff,
        completed: Completed,
    ) {
        let now = clock::now();
        let Completed { took, secrets, reading } = completed;
        let Reading { polled: fact, others, listed, usage } = reading;
        let replaced = match (state.secrets, secrets) {
            (Some(before), Some(after)) => !before.same_own(after),
            _ => false,
        };
        state.secrets = secrets.or(state.secrets);
        if let Some(took) = took {
            self.metrics.poll_took(target.provider(), took);
        }
        let lists = listed.is_some();
        if let Some(channels) = listed {
            let (listed, changed) = self.targets.list(target, channels);
            if let Some((source, listed)) = target.source().zip(listed) {
                let before = self.fleet.relist(source, listed);
                log_events::log_list(source, before, listed);
            }
            if changed {
                self.replace_targets().await;
            }
        }
        if target.kind == TargetKind::Source
            && matches!(fact, Fact::Channels(Err(_)) | Fact::Accounts(Err(_)))
        {
            self.targets.list_failed(&target.name);
        }
        match fact {
            Fact::Channels(list) => {
                let told = list.as_ref().map_or(0, Vec::len);
                let list = list.map(|channels| self.targets.list(target, channels));
                if let Ok((Some(listed), true)) = &list {
                    log_events::log_none_chosen(&target.name, told, *listed);
                }
                self.apply_list(polled, target, list).await;
            }
            Fact::Accounts(list) => {
                let list = list.map(|accounts| self.targets.list_accounts(target, accounts));
                self.apply_list(polled, target, list).await;
            }
            fact => {
                if let Fact::Account(Err(failure)) = &fact
                    && !lists
                {
                    self.fail_listed(target, failure).await;
                }
                let applied = self.fleet.apply(polled, now, sent_at, replaced, fact);
                state.confirmation = Confirmation::after_poll(
                    state.confirmation,
                    applied.statuses,
                    clock::instant(),
                );
                self.log_changes(target, applied);
            }
        }
        // Also of the channels that it has just listed.
        if target.kind == TargetKind::Account
            && let Some(seconds) = self.fleet.apply_usage(polled, usage)
        {
            self.for_listed(target, |fleet, channels| {
                fleet.space_out_listed(channels, target, seconds);
            })
            .await;
        }
        let mut statuses = Vec::new();
        for (at, (id, fact)) in others.into_iter().enumerate() {
            if at % APPLIED_AT_A_TIME == APPLIED_AT_A_TIME - 1 {
                self.let_others().await;
            }
            let applied = self.fleet.apply_to_listed(target, &id, now, sent_at, fact);
            if let Some((name, failure)) = &applied.failure {
                log_events::log_listed_failure(target.provider(), name, failure);
            }
            statuses.extend(applied.statuses);
            self.log_changes(target, applied);
        }
        // At a short interval the next list confirms what this one says soon enough.
        if target.kind != TargetKind::Channel && target.policy().interval > LONGEST_UNCONFIRMED {
            let now = clock::instant();
            state.confirmation = Confirmation::after_list(state.confirmation, &statuses, now);
        }
    }

    /// Applies a source's list, which the set has taken: what is on it is watched from now on, and
    /// what it no longer has is gone. A list that fails changes nothing.
    pub(super) async fn apply_list(
        &mut self,
        source: TargetRef,
        target: &Arc<Target>,
        list: Result<(Option<Listed>, bool), Failure>,
    ) {
        match list {
            Ok((listed, changed)) => {
                let before = self.fleet.look(source, |watched| watched.source()?.listed());
                self.fleet.apply_list(source, clock::now(), Ok(listed));
                if let Some(listed) = listed {
                    log_events::log_list(&target.name, before.flatten(), listed);
                }
                if changed {
                    self.replace_targets().await;
                }
            }
            Err(failure) => {
                self.fleet.apply_list(source, clock::now(), Err(&failure));
                self.fail_listed(target, &failure).await;
            }
        }
    }

    /// Applies the failure of a list to the channels that are known by it alone.
    async fn fail_listed(&mut self, lister: &Target, failure: &Failure) {
        let now = clock::now();
        self.for_listed(lister, |fleet, channels| {
            let changes = fleet.fail_listed(channels, lister, now, failure);
            log_events::log_changes(lister.provider(), &changes);
        })
        .await;
    }

    /// Does something with the channels that are known by this source or account alone, a few
    /// between two turns of everybody else.
    async fn for_listed(&mut self, lister: &Target, apply: impl Fn(&Fleet, &[TargetRef])) {
        for (at, channels) in self.fleet.listed_by(lister).chunks(APPLIED_AT_A_TIME).enumerate() {
            if at > 0 {
                self.let_others().await;
            }
            apply(&self.fleet, channels);
        }
    }

    /// Gives everybody else a turn, and the polls that are due.
    async fn let_others(&mut self) {
        tokio::task::yield_now().await;
        self.start_due();
    }

    pub(super) fn log_changes(&self, target: &Target, applied: Applied) {
        if applied.unknown_word {
            self.metrics.unknown_status(target.provider());
        }
        log_events::log_changes(target.provider(), &applied.changes);
    }
}
