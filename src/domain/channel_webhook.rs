//! What webhooks tell of a channel's status, in whatever order they come.
//!
//! Not here: its messages; they are in `channel_messages.rs`.

use std::time::Duration;

use super::channel::{SentAt, StatusEvidence, read, time_of};
use super::time::as_millis;
use super::timeline::{Insertion, MIN_RESTART_SHIFT_MILLIS, StatusPoint, StatusSource};
use super::{
    ChannelEvent, ChannelObservation, ChannelState, Now, PollPolicy, Timestamp, Transition,
    WebhookOutcome, WebhookState,
};

/// An event can be younger than now by so much, since clocks differ.
const MAX_EVENT_LEAD: Duration = Duration::from_secs(60);

impl ChannelState {
    /// The same channel, of which webhooks may tell as well.
    pub fn with_webhooks(mut self) -> Self {
        self.webhooks_mut();
        self
    }

    fn webhooks_mut(&mut self) -> &mut WebhookState {
        self.webhooks.get_or_insert_with(|| {
            let mut webhooks = WebhookState::new();
            webhooks.timeline.restore(self.last.into_iter().collect());
            Box::new(webhooks)
        })
    }

    /// Applies a webhook's event. Returns what became of it, and the transition, if people should
    /// hear of one.
    pub fn apply_event(
        &mut self,
        now: Now,
        policy: PollPolicy,
        event: ChannelEvent,
    ) -> (WebhookOutcome, Option<Transition>) {
        let kind = event.kind();
        let new = |new| if new { WebhookOutcome::Applied } else { WebhookOutcome::Duplicate };
        let outcome = match event {
            ChannelEvent::Status(observation) => self.reported_by_webhook(now, policy, observation),
            ChannelEvent::NoStatus => WebhookOutcome::Malformed,
            ChannelEvent::Login => new(self.webhooks_mut().login()),
            ChannelEvent::Logout => new(self.webhooks_mut().logout()),
            // A message says nothing of a status: `message_told` takes it.
            ChannelEvent::Qr | ChannelEvent::Message(_) | ChannelEvent::Other => {
                WebhookOutcome::Ignored
            }
        };
        self.webhooks_mut().delivered(now.unix, kind, outcome);
        (outcome, self.announce(now, policy))
    }

    /// Applies a status that a webhook told.
    fn reported_by_webhook(
        &mut self,
        now: Now,
        policy: PollPolicy,
        mut observation: ChannelObservation,
    ) -> WebhookOutcome {
        let visible = self.status(now, policy);
        self.since = self.since(now, policy);
        let ahead = self.webhooks_mut().clock_lead_millis;
        let here = self.upstream_time(now, SentAt::now(now));
        let latest = here.max(now.unix).plus_millis(as_millis(MAX_EVENT_LEAD));
        let (status, evidence) = read(&observation.status);
        let own = time_of(&observation).filter(|at| *at <= latest);
        if own.is_none() {
            // Of an instance before the last, so whatever it was is over.
            if earlier_instance(observation.started, self.last) {
                return WebhookOutcome::Late;
            }
            if visible == status && self.evidence == evidence {
                return WebhookOutcome::Duplicate;
            }
        }
        // Without a time of its own, or with one that cannot be, it is judged by when it came.
        let at = own.unwrap_or_else(|| self.after(self.sent_at(now), here));
        let point = StatusPoint {
            at,
            source: StatusSource::Webhook,
            status,
            started: observation.started,
            observed_at: at.plus_millis(-ahead).min(now.unix),
        };
        let inserted = self.record(point);
        if inserted == Insertion::Newest {
            self.evidence = evidence;
            self.uptime_millis = observation.uptime_millis.or(self.uptime_millis);
            self.polls.updated_before(now, now.unix.millis_since(point.observed_at));
            self.authorized_at(status, point.observed_at);
            // A webhook tells of one thing; what it leaves out is as it was.
            let ChannelObservation { restrictions, quota, ref mut standing, .. } = observation;
            let (restrictions, quota, standing) = match self.terms.as_deref_mut() {
                Some(told) => (
                    restrictions.or(told.restrictions),
                    quota.or(told.quota),
                    standing.take().or_else(|| told.standing.take()),
                ),
                None => (restrictions, quota, standing.take()),
            };
            self.limit(restrictions, quota, standing);
            self.identify(now, observation);
        }
        if matches!(inserted, Insertion::Newest | Insertion::InPast) {
            let webhooks = self.webhooks_mut();
            let beginning = webhooks.timeline.beginning().copied().unwrap_or(point);
            if inserted == Insertion::Newest && visible != status {
                webhooks.since_at_least = (beginning != point).then_some(point.observed_at);
            }
            let since =
                webhooks.since_at_least.unwrap_or(beginning.observed_at).max(beginning.observed_at);
            if self.evidence != StatusEvidence::SessionUnauthorized {
                self.since = since;
            }
        }
        match inserted {
            Insertion::Newest => WebhookOutcome::Applied,
            Insertion::Duplicate => WebhookOutcome::Duplicate,
            Insertion::InPast | Insertion::TooOld => WebhookOutcome::Late,
        }
    }

    /// What webhooks told; `None` while none are received.
    pub fn webhooks(&self) -> Option<&WebhookState> {
        self.webhooks.as_deref()
    }
}

/// Whether something is told of an instance that was started before the one last known.
fn earlier_instance(started: Option<Timestamp>, last: Option<StatusPoint>) -> bool {
    let (Some(started), Some(last)) = (started, last.and_then(|last| last.started)) else {
        return false;
    };
    last.millis_since(started) >= MIN_RESTART_SHIFT_MILLIS
}
