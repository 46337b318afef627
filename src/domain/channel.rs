//! A channel's state machine: what is known of one channel, and what each poll makes of it.
//!
//! Not here: any way to ask the channel.

use std::time::Duration;

use super::closed_list::closed_list;
use super::history::{Moves, Place, Point, RESTART_MOVES_BY_MILLIS, Teller};
use super::time::as_millis;
use super::{
    ChannelObservation, Failure, FailureReason, Happening, Limits, Moment, PollRecord, Reported,
    Source, Status, Timestamp, UnauthorizedReason, WebhookOutcome, Witness,
};

closed_list! {
    /// What the current status rests on.
    Basis {
        /// No answer and no webhook has taught us anything yet.
        Nothing = "nothing",
        /// Whapi said a word of the list.
        Reported = "reported",
        /// Whapi said a word we do not know.
        UnknownWord = "unknown_word",
        /// Whapi answered 401 "need channel authorization".
        SessionUnauthorized = "session_unauthorized",
    }
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
    pub(super) polls: PollRecord,
    pub(super) basis: Basis,
    /// The newest status that was told; `None` before the first, which is no transition.
    pub(super) last: Option<Point>,
    pub(super) since: Timestamp,
    /// The status that people were last told of, so that each move is told once, going stale too.
    pub(super) announced: Status,
    pub(super) moves: Moves,
    pub(super) unauthorized: [[u32; UnauthorizedReason::COUNT]; Source::COUNT],
    pub(super) uptime_millis: Option<i64>,
    pub(super) channel_id: Option<Box<str>>,
    pub(super) version: Option<Box<str>>,
    /// What webhooks told; `None` while none are received.
    pub(super) witness: Option<Box<Witness>>,
}

/// The upstream's clock may be ahead of ours by so much and still be believed.
const BELIEVED: Duration = Duration::from_secs(86_400);
/// An event can be younger than now by so much, since clocks differ.
const FUTURE: Duration = Duration::from_secs(60);

/// What was known when a poll was sent: its answer is newer than all of that, and older or newer than what came in meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Known(Option<Timestamp>);

impl ChannelState {
    /// A channel that was configured at `now` and never asked.
    pub const fn new(now: Moment) -> Self {
        Self {
            polls: PollRecord::new(),
            basis: Basis::Nothing,
            last: None,
            since: now.unix,
            announced: Status::Unknown,
            moves: Moves::new(),
            unauthorized: [[0; UnauthorizedReason::COUNT]; Source::COUNT],
            uptime_millis: None,
            channel_id: None,
            version: None,
            witness: None,
        }
    }

    /// The same channel, of which webhooks may tell as well.
    pub fn witnessed(mut self) -> Self {
        self.witness();
        self
    }

    fn witness(&mut self) -> &mut Witness {
        self.witness.get_or_insert_with(|| {
            let mut witness = Witness::new();
            witness.history.recall(self.last.into_iter().collect());
            Box::new(witness)
        })
    }

    /// What is known now, for a poll that is about to be sent.
    pub fn known(&self) -> Known {
        Known(self.last.map(|last| last.at))
    }

    /// Takes in what a poll brought that was sent when all of this was known. Returns the move of the status, if people should hear
    /// of one.
    pub fn apply(
        &mut self,
        now: Moment,
        limits: Limits,
        outcome: Result<ChannelObservation, Failure>,
    ) -> Option<Transition> {
        self.apply_since(now, limits, self.known(), outcome)
    }

    /// The same for a poll that was sent when so much was known.
    pub fn apply_since(
        &mut self,
        now: Moment,
        limits: Limits,
        known: Known,
        outcome: Result<ChannelObservation, Failure>,
    ) -> Option<Transition> {
        let shown = self.status(now, limits);
        // What follows replaces the reason of a stale status, so its beginning is kept.
        self.since = self.since(now, limits);
        match outcome {
            Ok(observation) => {
                self.polls.succeeded(now);
                self.polled(now, shown, known, observation);
            }
            Err(failure) => {
                self.polls.failed(now, failure.reason);
                match failure.reason {
                    FailureReason::SessionUnauthorized => {
                        self.unauthorized(Source::Poll, UnauthorizedReason::Session);
                        self.polls.learnt(now);
                        // Without a status before it, there is nothing that it could have moved from.
                        let before = self.last.map(|last| last.status);
                        if before.is_some() {
                            let at = self.after(known, self.upstream_time(now));
                            self.record(Point {
                                at,
                                teller: Teller::Poll,
                                status: Status::Unknown,
                                started: None,
                                shown: now.unix,
                            });
                        }
                        self.move_to(
                            now,
                            shown,
                            before,
                            Status::Unknown,
                            Basis::SessionUnauthorized,
                        );
                    }
                    FailureReason::CredentialUnauthorized => {
                        self.unauthorized(Source::Poll, UnauthorizedReason::Credential);
                    }
                    _ => {}
                }
            }
        }
        self.announce(now, limits)
    }

    /// Takes in what a webhook told. Returns what became of it, and the move of the status, if people should hear of one.
    pub fn apply_event(
        &mut self,
        now: Moment,
        limits: Limits,
        happening: Happening,
    ) -> (WebhookOutcome, Option<Transition>) {
        let event = happening.event();
        let new = |new| if new { WebhookOutcome::Applied } else { WebhookOutcome::Duplicate };
        let outcome = match happening {
            Happening::Status(observation) => self.told(now, limits, observation),
            Happening::NoStatus => WebhookOutcome::Malformed,
            Happening::Login => new(self.witness().login()),
            Happening::Logout => new(self.witness().logout()),
            Happening::Qr | Happening::Other => WebhookOutcome::Ignored,
        };
        self.witness().delivered(now.unix, event, outcome);
        (outcome, self.announce(now, limits))
    }

    fn announce(&mut self, now: Moment, limits: Limits) -> Option<Transition> {
        let to = self.status(now, limits);
        let from = std::mem::replace(&mut self.announced, to);
        (to != from).then_some(Transition { from, to })
    }

    fn polled(
        &mut self,
        now: Moment,
        shown: Status,
        known: Known,
        observation: ChannelObservation,
    ) {
        let theirs = time_of(&observation)
            .filter(|theirs| theirs.millis_since(now.unix) <= as_millis(BELIEVED));
        if let (Some(theirs), Some(witness)) = (theirs, &mut self.witness) {
            witness.ahead_millis = theirs.millis_since(now.unix);
        }
        let at = self.after(known, theirs.unwrap_or_else(|| self.upstream_time(now)));
        let (status, basis) = read(&observation.status);
        let started = observation.started;
        let before = self.last.map(|last| last.status);
        let place =
            self.record(Point { at, teller: Teller::Poll, status, started, shown: now.unix });
        if place == Place::Newest {
            self.uptime_millis = observation.uptime_millis.or(self.uptime_millis);
            self.move_to(now, shown, before, status, basis);
        }
        self.named(observation);
    }

    /// Takes in a status that a webhook told.
    fn told(
        &mut self,
        now: Moment,
        limits: Limits,
        observation: ChannelObservation,
    ) -> WebhookOutcome {
        let shown = self.status(now, limits);
        self.since = self.since(now, limits);
        let ahead = self.witness().ahead_millis;
        let here = self.upstream_time(now);
        let latest = here.max(now.unix).plus_millis(as_millis(FUTURE));
        let (status, basis) = read(&observation.status);
        let own = time_of(&observation).filter(|at| *at <= latest);
        if own.is_none() {
            // Of an instance before the last, so whatever it was is over.
            if earlier_instance(observation.started, self.last) {
                return WebhookOutcome::Late;
            }
            if shown == status && self.basis == basis {
                return WebhookOutcome::Duplicate;
            }
        }
        // Without a time of its own, or with one that cannot be, it is judged by when it came.
        let at = own.unwrap_or_else(|| self.after(self.known(), here));
        let point = Point {
            at,
            teller: Teller::Webhook,
            status,
            started: observation.started,
            shown: at.plus_millis(-ahead).min(now.unix),
        };
        let place = self.record(point);
        if place == Place::Newest {
            self.basis = basis;
            self.uptime_millis = observation.uptime_millis.or(self.uptime_millis);
            self.polls.learnt_before(now, now.unix.millis_since(point.shown));
            self.named(observation);
        }
        if matches!(place, Place::Newest | Place::Before) {
            let witness = self.witness();
            let beginning = witness.history.beginning().copied().unwrap_or(point);
            if place == Place::Newest && shown != status {
                witness.since_at_least = (beginning != point).then_some(point.shown);
            }
            let since = witness.since_at_least.unwrap_or(beginning.shown).max(beginning.shown);
            if self.basis != Basis::SessionUnauthorized {
                self.since = since;
            }
        }
        match place {
            Place::Newest => WebhookOutcome::Applied,
            Place::There => WebhookOutcome::Duplicate,
            Place::Before | Place::Forgotten => WebhookOutcome::Late,
        }
    }

    fn named(&mut self, observation: ChannelObservation) {
        if observation.channel_id.is_some() {
            self.channel_id = observation.channel_id;
        }
        if observation.version.is_some() {
            self.version = observation.version;
        }
    }

    /// The time at the upstream, as far as its clock is known.
    fn upstream_time(&self, now: Moment) -> Timestamp {
        now.unix.plus_millis(self.witness.as_ref().map_or(0, |witness| witness.ahead_millis))
    }

    /// `theirs`, or later: an answer is newer than all that was known when it was asked for, whatever the clocks say.
    fn after(&self, known: Known, theirs: Timestamp) -> Timestamp {
        known.0.map_or(theirs, |known| theirs.max(known.plus_millis(1)))
    }

    /// Puts a status into its place and counts the moves that it reveals.
    fn record(&mut self, mut point: Point) -> Place {
        let Some(witness) = &mut self.witness else {
            if let Some(last) = &self.last {
                point.started = point.started.or(last.started);
                self.moves.count(last, &point);
            }
            self.last = Some(point);
            return Place::Newest;
        };
        let place = witness.history.insert(point, &mut self.moves);
        let before = self.last.map(|last| last.status);
        if place == Place::Newest && before != Some(point.status) {
            witness.moved(point.status);
        }
        self.last = witness.history.newest().copied();
        place
    }

    /// `since` is when the status that people see began, so it starts anew after a stale one too.
    fn move_to(
        &mut self,
        now: Moment,
        shown: Status,
        before: Option<Status>,
        status: Status,
        basis: Basis,
    ) {
        let first_answer = self.basis == Basis::Nothing;
        if first_answer || shown != status {
            self.since = now.unix;
            // Back from being stale: what people see did not begin when it first was so.
            let back = before == Some(status) && self.basis == basis;
            if let Some(witness) = &mut self.witness {
                witness.since_at_least = back.then_some(now.unix);
            }
        }
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
            None => self.told_last(),
        }
    }

    /// The last known status, however old.
    fn told_last(&self) -> Status {
        match (self.basis, &self.last) {
            (Basis::Reported, Some(last)) => last.status,
            _ => Status::Unknown,
        }
    }

    /// Since when [`Self::status`] is what it is.
    ///
    /// After a start it is the moment of the first answer: what was before is not known.
    pub fn since(&self, now: Moment, limits: Limits) -> Timestamp {
        match self.polls.stale_since(now, limits) {
            Some(stale) if self.told_last() != Status::Unknown => stale.unix,
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
            Basis::Reported => Some(self.told_last() == Status::Auth),
        }
    }

    /// Whether the last thing learnt was a word we do not know.
    pub fn says_unknown_word(&self) -> bool {
        self.basis == Basis::UnknownWord
    }

    /// How often the channel was seen to move to this status.
    pub fn transitions(&self, to: Status) -> u32 {
        self.moves.transitions.get(to.index()).copied().unwrap_or(0)
    }

    /// How often `start_at` moved.
    pub const fn restarts(&self) -> u32 {
        self.moves.restarts
    }

    /// How many HTTP 401s this source met.
    pub const fn unauthorized_errors(&self, source: Source, reason: UnauthorizedReason) -> u32 {
        self.unauthorized[source.index()][reason.index()]
    }

    /// When the instance started, as last reported.
    pub fn started(&self) -> Option<Timestamp> {
        self.last.and_then(|last| last.started)
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

    /// What webhooks told; `None` while none are received.
    pub fn webhooks(&self) -> Option<&Witness> {
        self.witness.as_deref()
    }

    /// The bookkeeping of the polls.
    pub const fn polls(&self) -> &PollRecord {
        &self.polls
    }
}

/// When an instance said this, by its own clock: `start_at + uptime` (Whapi's OpenAPI: seconds both).
///
/// An instance that does not run has no clock: its uptime of 0 would put its end at its beginning.
fn time_of(observation: &ChannelObservation) -> Option<Timestamp> {
    let uptime = observation.uptime_millis?;
    let stands_still =
        matches!(observation.status, Reported::Known(Status::Stop | Status::NotInit));
    if stands_still && uptime == 0 {
        return None;
    }
    Some(observation.started?.plus_millis(uptime))
}

/// Whether something is told of an instance that was started before the one last known.
fn earlier_instance(started: Option<Timestamp>, last: Option<Point>) -> bool {
    let (Some(started), Some(last)) = (started, last.and_then(|last| last.started)) else {
        return false;
    };
    last.millis_since(started) >= RESTART_MOVES_BY_MILLIS
}

const fn read(reported: &Reported) -> (Status, Basis) {
    match reported {
        Reported::Known(status) => (*status, Basis::Reported),
        Reported::Word(_) => (Status::Unknown, Basis::UnknownWord),
    }
}
