//! What is worth keeping of a channel or an account while the exporter is away, as plain values.
//!
//! Not here: the counters (`kept_counters.rs`), and where all is kept and in which form.

use super::account_event::AccountRestrictions;
use super::info;
use super::timeline::{StatusPoint, StatusSource};
use super::{
    AccountRestriction, ChannelState, Direction, Expiry, Now, PollPolicy, Status, StatusEvidence,
    Timestamp,
};

/// A status at a time, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SavedStatus {
    /// When, by the upstream's clock.
    pub at: Timestamp,
    /// Whether a webhook told it, not a poll.
    pub by_webhook: bool,
    /// The status.
    pub status: Status,
    /// When the instance started.
    pub started: Option<Timestamp>,
    /// When, by our clock.
    pub observed_at: Timestamp,
}

/// What is kept of a channel, but for its counters. Restrictions, quotas, ratings and subscriptions
/// are not: the first polls after a start tell them, those that a webhook told before too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSnapshot {
    /// What the status rests on.
    pub evidence: StatusEvidence,
    /// The last statuses, the newest last; without webhooks the newest alone.
    pub statuses: Vec<SavedStatus>,
    /// Since when the status is what it is.
    pub since: Option<Timestamp>,
    /// When something was last learnt.
    pub updated: Option<Timestamp>,
    /// When the channel was last told to be able to send.
    pub last_authorized: Option<Timestamp>,
    /// Since when polls fail.
    pub failing_since: Option<Timestamp>,
    /// When a poll last succeeded.
    pub last_success: Option<Timestamp>,
    /// When a webhook last came.
    pub last_event: Option<Timestamp>,
    /// Whether the next login, and the next logout, would be a new one.
    pub expects: Option<(bool, bool)>,
    /// The provider's id of the channel.
    pub channel_id: Option<Box<str>>,
    /// The version of its gate.
    pub version: Option<Box<str>>,
    /// What moved on it; `None` if nothing was told of messages.
    pub messages: Option<MessageSnapshot>,
}

/// What is kept of a channel's messages, but for their counters. Which of them wait is not: their
/// ids are hashed with a key that dies with the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MessageSnapshot {
    /// When the last message of each direction was sent.
    pub last: [Option<Timestamp>; Direction::COUNT],
    /// When the phone itself was last seen to send.
    pub phone_active: Option<Timestamp>,
    /// When a message was last acknowledged.
    pub acknowledged: Option<Timestamp>,
}

impl From<&StatusPoint> for SavedStatus {
    fn from(point: &StatusPoint) -> Self {
        let StatusPoint { at, source, status, started, observed_at } = *point;
        Self { at, by_webhook: source == StatusSource::Webhook, status, started, observed_at }
    }
}

impl From<&SavedStatus> for StatusPoint {
    fn from(kept: &SavedStatus) -> Self {
        let source = if kept.by_webhook { StatusSource::Webhook } else { StatusSource::Poll };
        let SavedStatus { at, status, started, observed_at, .. } = *kept;
        Self { at, source, status, started, observed_at }
    }
}

impl ChannelState {
    /// What is worth keeping.
    pub fn snapshot(&self) -> ChannelSnapshot {
        let statuses = match &self.webhooks {
            Some(webhooks) => webhooks.timeline.points().iter().map(SavedStatus::from).collect(),
            None => self.last.iter().map(SavedStatus::from).collect(),
        };
        let webhooks = self.webhooks.as_deref();
        ChannelSnapshot {
            evidence: self.evidence,
            statuses,
            since: Some(self.since),
            last_authorized: self.last_authorized,
            updated: self.polls.last_updated().map(|moment| moment.unix),
            failing_since: self.polls.failing_since().map(|moment| moment.unix),
            last_success: self.polls.last_success(),
            last_event: webhooks.and_then(|webhooks| webhooks.last_event()),
            expects: webhooks.map(|webhooks| (webhooks.expects_login, webhooks.expects_logout)),
            channel_id: self.channel_id.as_deref().map(Into::into),
            version: self.version.as_deref().map(Into::into),
            messages: self.messages().map(|messages| MessageSnapshot {
                last: messages.last,
                phone_active: messages.phone_active,
                acknowledged: messages.acknowledged,
            }),
        }
    }

    /// Takes up what was kept, as of `now`. Only for a channel that was never asked.
    pub fn restore(&mut self, now: Now, policy: PollPolicy, saved: ChannelSnapshot) {
        // A clock that was set back makes no age negative.
        let moment = |at: Timestamp| now.minus_millis(now.unix.millis_since(at).max(0));
        let past = |at: Option<Timestamp>| at.map(|at| at.min(now.unix));
        // All by as much, so that they stay in order.
        let leads = saved.statuses.iter().map(|saved| saved.observed_at.millis_since(now.unix));
        let ahead = leads.max().unwrap_or(0).max(0);
        let points: Vec<StatusPoint> = saved
            .statuses
            .iter()
            .map(|saved| {
                let mut point = StatusPoint::from(saved);
                point.observed_at = point.observed_at.plus_millis(-ahead);
                point.at = point.at.plus_millis(-ahead);
                point
            })
            .collect();
        self.evidence = saved.evidence;
        self.last = points.last().copied();
        let lacks_status = self.evidence == StatusEvidence::Reported && self.last.is_none();
        // What is not known to be young is nothing that still counts.
        if lacks_status || saved.updated.is_none() {
            self.evidence = StatusEvidence::Nothing;
        }
        if let Some(webhooks) = &mut self.webhooks {
            webhooks.timeline.restore(points);
            self.last = webhooks.timeline.newest().copied();
            webhooks.last_event = past(saved.last_event);
            (webhooks.expects_login, webhooks.expects_logout) =
                saved.expects.unwrap_or((true, true));
        }
        self.since = saved.since.unwrap_or(now.unix).min(now.unix);
        self.polls.restore(
            saved.updated.map(moment),
            saved.failing_since.map(moment),
            past(saved.last_success),
        );
        self.last_authorized = past(saved.last_authorized);
        self.channel_id = saved.channel_id.and_then(info::id);
        self.version = saved.version.map(|version| info::label(&version));
        if let Some(saved) = saved.messages {
            let messages = self.messages.get_or_insert_default();
            messages.last = saved.last.map(past);
            messages.phone_active = past(saved.phone_active);
            messages.acknowledged = past(saved.acknowledged);
        }
        self.announced = self.status(now, policy);
    }
}

/// The restrictions of an account that webhooks told of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestrictionSnapshot {
    /// Each with its end, if that was told.
    pub in_force: Vec<(AccountRestriction, Option<Expiry>)>,
    /// When the newest was imposed, by the upstream's clock.
    pub imposed: Option<Timestamp>,
    /// When all were last lifted.
    pub lifted: Option<Timestamp>,
}

impl super::AccountState {
    /// What no poll tells again.
    pub fn kept_restrictions(&self) -> RestrictionSnapshot {
        let AccountRestrictions { imposed, lifted, .. } = self.restrictions;
        RestrictionSnapshot { in_force: self.restrictions.all().collect(), imposed, lifted }
    }

    /// Takes up the restrictions that were kept and are not over. Where webhooks are no longer
    /// received nobody would tell of their end, so they are not.
    pub fn restore_restrictions(&mut self, now: Now, kept: RestrictionSnapshot) {
        let RestrictionSnapshot { mut in_force, imposed, lifted } = kept;
        in_force.retain(|(_, end)| !end.is_some_and(|end| end.is_past(now.unix)));
        if self.webhooks.is_some() {
            let past = |at: Option<Timestamp>| at.map(|at| at.min(now.unix));
            self.restrictions.impose(&in_force, past(imposed));
            self.restrictions.lifted = past(lifted);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::time::at;
    use crate::domain::{AccountEvent, AccountEventKind, AccountFact, AccountState};

    const POLICY: PollPolicy =
        PollPolicy { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };

    fn restored(now: Now, saved: ChannelSnapshot) -> ChannelState {
        let mut state = ChannelState::new(now).with_webhooks();
        state.restore(now, POLICY, saved);
        state
    }

    #[test]
    fn after_the_clock_was_set_back_the_last_status_stays_the_last_over_any_number_of_restarts() {
        let now = at(1000);
        let status = |secs, status| SavedStatus {
            at: Timestamp::from_secs(secs),
            by_webhook: false,
            status,
            started: None,
            observed_at: Timestamp::from_secs(secs),
        };
        let saved = ChannelSnapshot {
            evidence: StatusEvidence::Reported,
            statuses: vec![status(1100, Status::Auth), status(1130, Status::Qr)],
            since: Some(Timestamp::from_secs(1130)),
            updated: Some(Timestamp::from_secs(1130)),
            last_event: Some(Timestamp::from_secs(1130)),
            ..ChannelState::new(now).snapshot()
        };
        let once = restored(now, saved);
        let twice = restored(now, once.snapshot());
        for state in [once, twice] {
            assert_eq!(state.status(now, POLICY), Status::Qr);
            assert_eq!(state.authorized(now, POLICY), Some(false));
            assert_eq!(state.since(now, POLICY), now.unix);
            let last = state.webhooks().and_then(|webhooks| webhooks.last_event());
            assert_eq!(last, Some(now.unix));
        }
    }

    #[test]
    fn times_of_an_accounts_restrictions_are_not_in_the_future() {
        let banned = || vec![(AccountRestriction::Banned, None)];
        let ahead = Some(Timestamp::from_secs(9_000_000_000));
        for (imposed, lifted) in [(ahead, None), (None, ahead)] {
            let mut account = AccountState::with_webhooks();
            let kept = RestrictionSnapshot { in_force: banned(), imposed, lifted };
            account.restore_restrictions(at(1000), kept);
            let fact = match lifted {
                Some(_) => AccountFact::Restricted(banned()),
                None => AccountFact::Reinstated,
            };
            let event = AccountEvent {
                kind: AccountEventKind::AccountUpdate,
                at: Some(Timestamp::from_secs(1010)),
                fact,
                fingerprint: 1,
            };
            account.apply_event(at(1010), event);
            let is_banned = account.is_restricted(AccountRestriction::Banned, at(1010));
            assert_eq!(is_banned, lifted.is_some());
        }
    }
}
