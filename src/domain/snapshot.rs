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
        let points: Vec<StatusPoint> = saved
            .statuses
            .iter()
            .map(|saved| {
                let mut point = StatusPoint::from(saved);
                let ahead = point.observed_at.millis_since(now.unix).max(0);
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
            webhooks.last_event = saved.last_event;
            (webhooks.expects_login, webhooks.expects_logout) =
                saved.expects.unwrap_or((true, true));
        }
        self.since = saved.since.unwrap_or(now.unix).min(now.unix);
        self.polls.restore(
            saved.updated.map(moment),
            saved.failing_since.map(moment),
            saved.last_success.map(|at| at.min(now.unix)),
        );
        self.last_authorized = saved.last_authorized.map(|at| at.min(now.unix));
        self.channel_id = saved.channel_id.and_then(info::id);
        self.version = saved.version.map(|version| info::label(&version));
        if let Some(saved) = saved.messages {
            let messages = self.messages.get_or_insert_default();
            let past = |at: Option<Timestamp>| at.map(|at| at.min(now.unix));
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
            self.restrictions.impose(&in_force, imposed);
            self.restrictions.lifted = lifted;
        }
    }
}
