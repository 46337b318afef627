//! A channel's state machine: what is known of one channel, and what each poll makes of it.
//!
//! Not here: any way to ask the channel.

use super::{
    ChannelObservation, Failure, FailureReason, Limits, Moment, PollRecord, Reported, Source,
    Status, Timestamp, UnauthorizedReason,
};

/// What the current status rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// No poll has taught us anything yet.
    Nothing,
    /// Whapi said a word of the list.
    Reported,
    /// Whapi said a word we do not know.
    UnknownWord,
    /// Whapi answered 401 "need channel authorization".
    SessionUnauthorized,
}

/// A move from one status to another, as it is told to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// The status before; [`Status::Unknown`] when it was not known.
    pub from: Status,
    /// The status now.
    pub to: Status,
}

/// All that is known of one channel.
#[derive(Debug, Clone)]
pub struct ChannelState {
    polls: PollRecord,
    status: Status,
    basis: Basis,
    /// Whether any answer has brought a status: the first one is no transition.
    status_seen: bool,
    since: Timestamp,
    /// The status that people were last told of, so that each move is told once, going stale too.
    announced: Status,
    transitions: [u32; Status::REPORTED],
    restarts: u32,
    unauthorized: [[u32; UnauthorizedReason::COUNT]; Source::COUNT],
    started: Option<Timestamp>,
    uptime_millis: Option<i64>,
    channel_id: Option<Box<str>>,
    version: Option<Box<str>>,
}

/// `start_at` is whole seconds (Whapi's OpenAPI); less than that is rounding, not a restart.
const RESTART_MOVES_BY_MILLIS: u64 = 1000;

impl ChannelState {
    /// A channel that was configured at `now` and never asked.
    pub const fn new(now: Moment) -> Self {
        Self {
            polls: PollRecord::new(),
            status: Status::Unknown,
            basis: Basis::Nothing,
            status_seen: false,
            since: now.unix,
            announced: Status::Unknown,
            transitions: [0; Status::REPORTED],
            restarts: 0,
            unauthorized: [[0; UnauthorizedReason::COUNT]; Source::COUNT],
            started: None,
            uptime_millis: None,
            channel_id: None,
            version: None,
        }
    }

    /// Takes in what a poll brought. Returns the move of the status, if people should hear of one.
    pub fn apply(
        &mut self,
        now: Moment,
        limits: Limits,
        outcome: Result<ChannelObservation, Failure>,
    ) -> Option<Transition> {
        let shown = self.status(now, limits);
        // What follows replaces the reason of a stale status, so its beginning is kept.
        self.since = self.since(now, limits);
        match outcome {
            Ok(observation) => {
                self.polls.succeeded(now);
                self.observe(now, shown, observation);
            }
            Err(failure) => {
                self.polls.failed(now, failure.reason);
                match failure.reason {
                    FailureReason::SessionUnauthorized => {
                        self.unauthorized(Source::Poll, UnauthorizedReason::Session);
                        self.polls.learnt(now);
                        self.move_to(now, shown, Status::Unknown, Basis::SessionUnauthorized);
                    }
                    FailureReason::CredentialUnauthorized => {
                        self.unauthorized(Source::Poll, UnauthorizedReason::Credential);
                    }
                    _ => {}
                }
            }
        }
        let to = self.status(now, limits);
        let from = std::mem::replace(&mut self.announced, to);
        (to != from).then_some(Transition { from, to })
    }

    fn observe(&mut self, now: Moment, shown: Status, observation: ChannelObservation) {
        let ChannelObservation { status, started, uptime_millis, channel_id, version } =
            observation;
        let (status, basis) = match status {
            Reported::Known(status) => (status, Basis::Reported),
            Reported::Word(_) => (Status::Unknown, Basis::UnknownWord),
        };
        let moved = self.basis != Basis::Reported || self.status != status;
        if self.status_seen && moved && basis == Basis::Reported {
            let count = &mut self.transitions[status.index()];
            *count = count.saturating_add(1);
        }
        self.status_seen = true;
        self.move_to(now, shown, status, basis);

        if let (Some(before), Some(after)) = (self.started, started)
            && after.millis_since(before).unsigned_abs() >= RESTART_MOVES_BY_MILLIS
        {
            self.restarts = self.restarts.saturating_add(1);
        }
        self.started = started.or(self.started);
        self.uptime_millis = uptime_millis.or(self.uptime_millis);
        if channel_id.is_some() {
            self.channel_id = channel_id;
        }
        if version.is_some() {
            self.version = version;
        }
    }

    /// `since` is when the status that people see began, so it starts anew after a stale one too.
    fn move_to(&mut self, now: Moment, shown: Status, status: Status, basis: Basis) {
        let first_answer = self.basis == Basis::Nothing;
        if first_answer || shown != status {
            self.since = now.unix;
        }
        self.status = status;
        self.basis = basis;
    }

    /// Takes note of an HTTP 401. It moves nothing: what it means for the status is for a poll to say.
    pub const fn unauthorized(&mut self, source: Source, reason: UnauthorizedReason) {
        let count = &mut self.unauthorized[source.index()][reason.index()];
        *count = count.saturating_add(1);
    }

    /// The status that people see: the last known one, or [`Status::Unknown`] once it is stale.
    pub fn status(&self, now: Moment, limits: Limits) -> Status {
        match self.polls.stale_since(now, limits) {
            Some(_) => Status::Unknown,
            None => self.status,
        }
    }

    /// Since when [`Self::status`] is what it is.
    ///
    /// After a start it is the moment of the first answer: what was before is not known.
    pub fn since(&self, now: Moment, limits: Limits) -> Timestamp {
        match self.polls.stale_since(now, limits) {
            Some(stale) if self.status != Status::Unknown => stale.unix,
            _ => self.since,
        }
    }

    /// Whether messages can be sent; `None` when that is not known.
    pub fn authorized(&self, now: Moment, limits: Limits) -> Option<bool> {
        if self.polls.stale_since(now, limits).is_some() {
            return None;
        }
        match self.basis {
            Basis::Nothing | Basis::UnknownWord => None,
            Basis::SessionUnauthorized => Some(false),
            Basis::Reported => Some(self.status == Status::Auth),
        }
    }

    /// Whether the last thing learnt was a word we do not know.
    pub fn says_unknown_word(&self) -> bool {
        self.basis == Basis::UnknownWord
    }

    /// How often the channel was seen to move to this status.
    pub fn transitions(&self, to: Status) -> u32 {
        self.transitions.get(to.index()).copied().unwrap_or(0)
    }

    /// How often `start_at` moved.
    pub const fn restarts(&self) -> u32 {
        self.restarts
    }

    /// How many HTTP 401s this source met.
    pub const fn unauthorized_errors(&self, source: Source, reason: UnauthorizedReason) -> u32 {
        self.unauthorized[source.index()][reason.index()]
    }

    /// When the instance started, as last reported.
    pub const fn started(&self) -> Option<Timestamp> {
        self.started
    }

    /// The instance's uptime in milliseconds, as last reported.
    pub const fn uptime_millis(&self) -> Option<i64> {
        self.uptime_millis
    }

    /// Whapi's id of the channel, as last reported.
    pub fn channel_id(&self) -> Option<&str> {
        self.channel_id.as_deref()
    }

    /// The gate's version, as last reported.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The bookkeeping of the polls.
    pub const fn polls(&self) -> &PollRecord {
        &self.polls
    }
}
