//! What is worth keeping of a channel or a token while the exporter is away, as plain values.
//!
//! Not here: where it is kept, and in which form.

use super::history::{Point, Teller};
use super::{
    AnswerClass, Basis, ChannelState, FailureReason, Limits, Moment, Source, Status, Timestamp,
    TokenErrorReason, TokenState, Traffic, UnauthorizedReason, WebhookEvent, WebhookOutcome,
};

/// A counter, wherever it stands and however large it may grow.
pub enum Counter<'a> {
    /// One of few counts.
    Small(&'a mut u32),
    /// One of many counts.
    Large(&'a mut u64),
}

impl Counter<'_> {
    /// Its count.
    pub fn get(&self) -> u64 {
        match self {
            Self::Small(count) => u64::from(**count),
            Self::Large(count) => **count,
        }
    }

    /// Sets its count, as far as it can grow.
    pub fn set(&mut self, to: u64) {
        match self {
            Self::Small(count) => **count = u32::try_from(to).unwrap_or(u32::MAX),
            Self::Large(count) => **count = to,
        }
    }
}

/// Is shown every counter with the words that name it.
pub type SeeCounter<'a> = &'a mut dyn FnMut(&[&str], Counter<'_>);

/// A status at a time, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    /// When, by the upstream's clock.
    pub at: Timestamp,
    /// Whether a webhook told it, not a poll.
    pub by_webhook: bool,
    /// The status.
    pub status: Status,
    /// When the instance started.
    pub started: Option<Timestamp>,
    /// When, by our clock.
    pub shown: Timestamp,
}

/// What is kept of a channel, but for its counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelMemory {
    /// What the status rests on.
    pub basis: Basis,
    /// The last statuses, the newest last; without webhooks the newest alone.
    pub statuses: Vec<Remembered>,
    /// Since when the status is what it is.
    pub since: Option<Timestamp>,
    /// When something was last learnt.
    pub learnt: Option<Timestamp>,
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
}

impl From<&Point> for Remembered {
    fn from(point: &Point) -> Self {
        let Point { at, teller, status, started, shown } = *point;
        Self { at, by_webhook: teller == Teller::Webhook, status, started, shown }
    }
}

impl From<&Remembered> for Point {
    fn from(kept: &Remembered) -> Self {
        let teller = if kept.by_webhook { Teller::Webhook } else { Teller::Poll };
        let Remembered { at, status, started, shown, .. } = *kept;
        Self { at, teller, status, started, shown }
    }
}

impl ChannelState {
    /// What is worth keeping.
    pub fn remember(&self) -> ChannelMemory {
        let statuses = match &self.witness {
            Some(witness) => witness.history.points().iter().map(Remembered::from).collect(),
            None => self.last.iter().map(Remembered::from).collect(),
        };
        let witness = self.witness.as_deref();
        ChannelMemory {
            basis: self.basis,
            statuses,
            since: Some(self.since),
            learnt: self.polls.last_learnt().map(|moment| moment.unix),
            failing_since: self.polls.failing_since().map(|moment| moment.unix),
            last_success: self.polls.last_success(),
            last_event: witness.and_then(|witness| witness.last_event()),
            expects: witness.map(|witness| (witness.expects_login, witness.expects_logout)),
            channel_id: self.channel_id.clone(),
            version: self.version.clone(),
        }
    }

    /// Takes up what was kept, as of `now`. Only for a channel that was never asked.
    pub fn recall(&mut self, now: Moment, limits: Limits, memory: ChannelMemory) {
        // A clock that was set back makes no age negative.
        let moment = |at: Timestamp| now.minus_millis(now.unix.millis_since(at).max(0));
        let points: Vec<Point> = memory.statuses.iter().map(Point::from).collect();
        self.basis = memory.basis;
        self.last = points.last().copied();
        if self.basis == Basis::Reported && self.last.is_none() {
            self.basis = Basis::Nothing;
        }
        if let Some(witness) = &mut self.witness {
            witness.history.recall(points);
            witness.last_event = memory.last_event;
            (witness.expects_login, witness.expects_logout) =
                memory.expects.unwrap_or((true, true));
        }
        self.since = memory.since.unwrap_or(now.unix).min(now.unix);
        self.polls.recall(
            memory.learnt.map(moment),
            memory.failing_since.map(moment),
            memory.last_success.map(|at| at.min(now.unix)),
        );
        self.channel_id = memory.channel_id;
        self.version = memory.version;
        self.announced = self.status(now, limits);
    }

    /// Shows every counter.
    pub fn counters(&mut self, see: SeeCounter<'_>) {
        self.polls.counters(see);
        for (status, count) in Status::REPORTED_WORDS.iter().zip(&mut self.moves.transitions) {
            see(&["transitions", status], Counter::Small(count));
        }
        see(&["restarts"], Counter::Small(&mut self.moves.restarts));
        for (source, reasons) in Source::WORDS.iter().zip(&mut self.unauthorized) {
            for (reason, count) in UnauthorizedReason::WORDS.iter().zip(reasons) {
                see(&["unauthorized", source, reason], Counter::Small(count));
            }
        }
        if let Some(witness) = &mut self.witness {
            see(&["logins"], Counter::Small(&mut witness.logins));
            see(&["logouts"], Counter::Small(&mut witness.logouts));
            for (event, outcomes) in WebhookEvent::WORDS.iter().zip(&mut witness.events) {
                for (outcome, count) in WebhookOutcome::WORDS.iter().zip(outcomes) {
                    see(&["events", event, outcome], Counter::Small(count));
                }
            }
        }
    }
}

impl TokenState {
    /// Shows every counter. Nothing else is kept of a token: it may be another one by the time we are back.
    pub fn counters(&mut self, see: SeeCounter<'_>) {
        self.polls.counters(see);
        for (at, source) in Source::WORDS.iter().enumerate() {
            for (reason, count) in TokenErrorReason::WORDS.iter().zip(&mut self.errors[at]) {
                see(&["errors", source, reason], Counter::Small(count));
            }
            see(&["unauthorized", source], Counter::Small(&mut self.unauthorized[at]));
        }
    }
}

impl super::PollRecord {
    fn counters(&mut self, see: SeeCounter<'_>) {
        see(&["polls"], Counter::Large(&mut self.polls));
        for (reason, count) in FailureReason::WORDS.iter().zip(&mut self.failures) {
            see(&["failures", reason], Counter::Small(count));
        }
    }
}

impl Traffic {
    /// Shows every counter.
    pub fn counters(&mut self, see: SeeCounter<'_>) {
        for (class, count) in AnswerClass::WORDS.iter().zip(&mut self.answers) {
            see(&["traffic", class], Counter::Large(count));
        }
    }
}
