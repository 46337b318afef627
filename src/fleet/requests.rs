//! Counts of the application's requests, as the gateway tells of them.
//!
//! Not here: what is sent, and what answers mean.

use super::{Fleet, PassedRequests, TargetRef, TargetState};
use crate::domain::{AnswerClass, ErrorSource, Now, TokenErrorReason, UnauthorizedReason};
use crate::target::Target;
use crate::upstream::ProviderId;

impl Fleet {
    /// Counts how a request of the application with a target's credential ended, or with an unknown
    /// one.
    pub fn count_request(
        &self,
        provider: ProviderId,
        owner: Option<TargetRef>,
        class: AnswerClass,
    ) {
        let mut table = self.changing();
        match owner.filter(|owner| table.get(*owner).is_some()) {
            Some(owner) => {
                table
                    .change(owner, |watched| watched.requests.get_or_insert_default().count(class));
            }
            None => {
                let unattributed = table.unattributed.get_mut(provider.index());
                unattributed.into_iter().for_each(|one| one.requests.count(class));
            }
        }
    }

    /// Counts how a request of the application with the credential of another shard's target ended.
    pub fn count_elsewhere(&self, target: &Target, class: AnswerClass) {
        let mut table = self.changing();
        let (kind, name, provider) = (target.kind, &target.name, target.provider());
        // It may have been removed, or have moved here, while its request was under way.
        let is_of_other_shard = table.other_shards().has_name(kind, name.as_str())
            && table.find(kind, name.as_str()).is_none();
        let index = provider.index();
        let Some(created) = table.unattributed.get(index).map(|one| one.created) else { return };
        match is_of_other_shard {
            true => table.passed.count(kind, provider, name, created, class),
            false => table.unattributed[index].requests.count(class),
        }
    }

    /// Restores such counts of targets that other shards watch.
    pub fn restore_passed(&self, saved: impl IntoIterator<Item = PassedRequests>) {
        let mut table = self.changing();
        let other_shards = table.other_shards();
        let known =
            saved.into_iter().filter(|one| other_shards.has_name(one.kind, one.name.as_str()));
        known.for_each(|one| table.passed.put(one));
    }

    /// Counts an HTTP 401 that the application met with a channel's credential. One about the
    /// session is remembered until something newer is learnt.
    pub fn count_unauthorized(&self, owner: TargetRef, now: Now, reason: UnauthorizedReason) {
        self.changing().change(owner, |watched| {
            if let TargetState::Channel(state) = &mut watched.state {
                state.unauthorized(ErrorSource::Gateway, reason);
                if reason == UnauthorizedReason::Session {
                    state.refused(now);
                }
            }
        });
    }

    /// Counts an error answer that the application met with a token.
    pub fn count_token_error(
        &self,
        owner: TargetRef,
        error: Option<TokenErrorReason>,
        unauthorized: bool,
    ) {
        self.changing().change(owner, |watched| {
            if let TargetState::Token(state) = &mut watched.state {
                state.refused(ErrorSource::Gateway, error, unauthorized);
            }
        });
    }
}
