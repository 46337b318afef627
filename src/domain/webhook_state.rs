//! What webhooks told of one channel: the order of its statuses, logins and logouts, and what was
//! delivered.
//!
//! Not here: what its status is; that is `channel.rs`.

use super::timeline::Timeline;
use super::{Status, Timestamp, WebhookEvent, WebhookOutcome};

/// All that webhooks told of one channel, and the history that its polls share with them.
#[derive(Debug, Clone)]
pub struct WebhookState {
    pub(super) timeline: Timeline,
    pub(super) events: [[u32; WebhookOutcome::COUNT]; WebhookEvent::COUNT],
    pub(super) logins: u32,
    pub(super) logouts: u32,
    /// Whether the next login is one, and not the last one delivered again: these events carry no
    /// time of their own.
    pub(super) expects_login: bool,
    /// The same for logouts.
    pub(super) expects_logout: bool,
    pub(super) last_event: Option<Timestamp>,
    /// The status that people see began no earlier than this.
    pub(super) since_at_least: Option<Timestamp>,
    /// How far the upstream's clock is ahead of ours, as the last poll with a time showed.
    pub(super) clock_lead_millis: i64,
}

impl WebhookState {
    pub(super) fn new() -> Self {
        Self {
            timeline: Timeline::default(),
            events: [[0; WebhookOutcome::COUNT]; WebhookEvent::COUNT],
            logins: 0,
            logouts: 0,
            expects_login: true,
            expects_logout: true,
            last_event: None,
            since_at_least: None,
            clock_lead_millis: 0,
        }
    }

    /// Records a delivery.
    pub(super) fn delivered(
        &mut self,
        now: Timestamp,
        event: WebhookEvent,
        outcome: WebhookOutcome,
    ) {
        let count = &mut self.events[event.index()][outcome.index()];
        *count = count.saturating_add(1);
        self.last_event = Some(now);
    }

    /// A login; false when it was told before.
    pub(super) const fn login(&mut self) -> bool {
        let new = self.expects_login;
        if new {
            self.logins = self.logins.saturating_add(1);
        }
        self.expects_login = false;
        self.expects_logout = true;
        new
    }

    /// A logout; false when it was told before.
    pub(super) const fn logout(&mut self) -> bool {
        let new = self.expects_logout;
        if new {
            self.logouts = self.logouts.saturating_add(1);
        }
        self.expects_logout = false;
        self.expects_login = true;
        new
    }

    /// A move to this status: it shows that a login or logout happened, should its own webhook be
    /// lost.
    pub(super) const fn moved(&mut self, to: Status) {
        match to {
            Status::Qr => self.expects_login = true,
            Status::Auth => self.expects_logout = true,
            _ => {}
        }
    }

    /// How often somebody logged in.
    pub const fn logins(&self) -> u32 {
        self.logins
    }

    /// How often somebody logged out or was logged out.
    pub const fn logouts(&self) -> u32 {
        self.logouts
    }

    /// How many webhooks of this event had this outcome.
    pub const fn events(&self, event: WebhookEvent, outcome: WebhookOutcome) -> u32 {
        self.events[event.index()][outcome.index()]
    }

    /// How many webhooks there were, by event and outcome, the outcome running fastest.
    pub const fn event_counts(&self) -> &[u32] {
        self.events.as_flattened()
    }

    /// When the last webhook came.
    pub const fn last_event(&self) -> Option<Timestamp> {
        self.last_event
    }

    /// The last statuses with their times as people are told, the oldest first; the same status
    /// again and again is told once.
    pub fn recent_moves(&self) -> Vec<(Timestamp, Status)> {
        let mut moves: Vec<(Timestamp, Status)> = Vec::new();
        for point in self.timeline.points() {
            if moves.last().is_none_or(|(_, status)| *status != point.status) {
                moves.push((point.observed_at, point.status));
            }
        }
        moves
    }
}
