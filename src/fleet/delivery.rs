//! What webhooks tell of channels and accounts, and the gateway of messages.
//!
//! Not here: whose signature a webhook has, and what its words mean.

use super::{Applied, Change, Fleet, TargetRef, TargetState, Watched, unknown_word};
use crate::domain::{
    AccountEvent, ChannelEvent, FailureReason, MessageId, MessageMemory, Now, TargetKind,
    Timestamp, WebhookOutcome,
};
use crate::lock::lock;
use crate::upstream::ProviderId;

/// What became of a webhook.
#[derive(Debug)]
pub enum DeliveryOutcome {
    /// It was a channel's.
    Channel {
        /// What it was: something new, or nothing.
        outcome: WebhookOutcome,
        /// What people should hear of, and whether its word is unknown.
        applied: Applied,
    },
    /// No channel has this id.
    Unknown,
    /// Several sources have a channel of this id, and none is named.
    Ambiguous,
    /// The channel is watched by another shard, or may be.
    OtherShard,
    /// No channel is known to have this id, but some have not answered or were not listed yet, and
    /// may have it.
    TooEarly,
}

/// What became of a webhook about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountDelivery {
    /// It was this account's.
    Account {
        /// The account.
        target: TargetRef,
        /// Whether it should be polled at once.
        has_changed: bool,
    },
    /// No account has this id.
    Unknown,
    /// None is known to have this id, but a source has not listed its accounts yet.
    TooEarly,
}

impl Fleet {
    /// Applies what a webhook tells of the channel with this id of the provider's; of this source,
    /// if one is named.
    pub fn deliver(
        &self,
        provider: ProviderId,
        source: Option<&str>,
        id: &str,
        now: Now,
        event: ChannelEvent,
    ) -> DeliveryOutcome {
        let mut table = self.changing();
        let Some(target) = table.find_by_id(TargetKind::Channel, provider, source, id) else {
            if source.is_none() && table.has_several(TargetKind::Channel, provider, id) {
                return DeliveryOutcome::Ambiguous;
            }
            let other_shards = table.other_shards();
            if other_shards.has_id(provider, source, id) {
                return DeliveryOutcome::OtherShard;
            }
            return match table.may_learn_ids(provider, now) {
                true => DeliveryOutcome::TooEarly,
                false if other_shards.may_have_id(provider) => DeliveryOutcome::OtherShard,
                false => DeliveryOutcome::Unknown,
            };
        };
        if source.is_none() && table.may_be_of_another_source(target, provider) {
            return DeliveryOutcome::TooEarly;
        }
        let event = match event {
            ChannelEvent::Message(mut message) => {
                message.id = message.id.on_line(target.row);
                ChannelEvent::Message(message)
            }
            other => other,
        };
        let delivered =
            table.change_messages(target, |watched, memory| deliver(watched, now, memory, event));
        let delivered = delivered.flatten();
        drop(table);
        self.updated.notify_waiters();
        delivered.unwrap_or(DeliveryOutcome::Unknown)
    }

    /// Takes that a provider accepted a message which the application sent through the gateway with
    /// a channel's credential, and the id that it gave it.
    pub fn accepted_message(&self, owner: TargetRef, now: Now, id: MessageId) {
        let line = owner.row;
        self.changing().change_messages(owner, |watched, memory| {
            if let TargetState::Channel(state) = &mut watched.state {
                state.accepted_message(now, memory, id.on_line(line));
            }
        });
    }

    /// The channel with this id of the provider's.
    pub fn channel_with_id(&self, provider: ProviderId, id: &str) -> Option<TargetRef> {
        lock(&self.table).find_by_id(TargetKind::Channel, provider, None, id)
    }

    /// Takes it that messages until then were told of before this exporter began.
    pub fn forget_messages_until(&self, at: Timestamp) {
        self.changing().messages.forget_until(Some(at));
    }

    /// Applies what a webhook tells of the account with this id of the provider's.
    pub fn deliver_to_account(
        &self,
        provider: ProviderId,
        id: &str,
        now: Now,
        event: AccountEvent,
    ) -> AccountDelivery {
        let mut table = self.changing();
        let Some(target) = table.find_by_id(TargetKind::Account, provider, None, id) else {
            let order = table.order();
            let may_list_it_yet = |source: TargetRef| {
                table.get(source).is_some_and(|watched| {
                    let polls = watched.polls();
                    watched.provider() == provider
                        && polls.last_success().is_none()
                        && polls.last_failure() != Some(FailureReason::CredentialUnauthorized)
                })
            };
            return match order.of(TargetKind::Source).any(may_list_it_yet) {
                true => AccountDelivery::TooEarly,
                false => AccountDelivery::Unknown,
            };
        };
        let has_changed = table.change(target, |watched| match &mut watched.state {
            TargetState::Account(state) => {
                let outcome = state.apply_event(now, event);
                outcome == WebhookOutcome::Applied && state.may_poll_for_event(now)
            }
            _ => false,
        });
        AccountDelivery::Account { target, has_changed: has_changed == Some(true) }
    }
}

fn deliver(
    watched: &mut Watched,
    now: Now,
    memory: &mut MessageMemory,
    event: ChannelEvent,
) -> Option<DeliveryOutcome> {
    let policy = watched.policy();
    let name = watched.target.name.clone();
    let TargetState::Channel(state) = &mut watched.state else { return None };
    let word = match &event {
        ChannelEvent::Status(observation) => unknown_word(&observation.status),
        _ => None,
    };
    let reported_before = state.reports_unknown_word();
    let (outcome, moved) = match event {
        ChannelEvent::Message(message) => (state.message_told(now, memory, &message), None),
        event => state.apply_event(now, policy, event),
    };
    let mut applied = Applied::default();
    let counts = matches!(outcome, WebhookOutcome::Applied | WebhookOutcome::Late);
    if let Some(word) = word.filter(|_| counts) {
        applied.unknown_word = true;
        if outcome == WebhookOutcome::Applied && !reported_before {
            applied.changes.push(Change::UnknownWord(name.clone(), word));
        }
    }
    applied.changes.extend(moved.map(|moved| Change::Moved(name, moved)));
    Some(DeliveryOutcome::Channel { outcome, applied })
}
