//! A channel's state machine: what is known of one channel, and what each poll makes of it.
//!
//! Not here: any way to ask the channel.

use std::time::Duration;

use super::info::{self, InfoChanges};
use super::label_enum::label_enum;
use super::terms::ChannelTerms;
use super::time::as_millis;
use super::timeline::{Insertion, Moves, StatusPoint, StatusSource};
use super::{
    ChannelObservation, ErrorSource, Failure, FailureReason, MessageState, Now, PollPolicy,
    PollStats, Refusal, Reported, ShortText, Status, Timestamp, UnauthorizedReason, WebhookState,
};

label_enum! {
    /// What the current status rests on.
    StatusEvidence {
        /// No answer and no webhook has taught us anything yet.
        Nothing = "nothing",
        /// The upstream reported a status of the list.
        Reported = "reported",
        /// The upstream reported a word that its provider's table does not have.
        UnknownWord = "unknown_word",
        /// The upstream answered that the line's session is not authorized.
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
#[repr(C)] // The order is that of `fleet::Watched`.
pub struct ChannelState {
    pub(super) uptime_millis: Option<i64>,
    /// The newest status that was told; `None` before the first, which is no transition.
    pub(super) last: Option<StatusPoint>,
    pub(super) evidence: StatusEvidence,
    /// The status that people were last told of, so that each move is told once, going stale too.
    pub(super) announced: Status,
    pub(super) polls: PollStats,
    pub(super) since: Timestamp,
    /// When the channel was last told to be able to send.
    pub(super) last_authorized: Option<Timestamp>,
    pub(super) moves: Moves,
    info_changes: InfoChanges,
    pub(super) unauthorized: [[u32; UnauthorizedReason::COUNT]; ErrorSource::COUNT],
    pub(super) channel_id: Option<ShortText>,
    pub(super) version: Option<ShortText>,
    /// What webhooks told; `None` while none are received.
    pub(super) webhooks: Option<Box<WebhookState>>,
    /// What moves on the line; `None` before the first message was told of.
    pub(super) messages: Option<Box<MessageState>>,
    /// `None` while nothing of the kind was told.
    pub(super) terms: Option<Box<ChannelTerms>>,
    /// The last session 401 that the application met.
    refusal: Option<Box<Refusal>>,
}

/// The upstream's clock may be ahead of ours by so much and still be believed.
const MAX_CLOCK_LEAD: Duration = Duration::from_secs(86_400);

/// When a poll was sent. Its answer is newer than what was known then; what came since may be newer
/// still, however long the answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentAt {
    /// The newest status known then, by the upstream's clock.
    known: Option<Timestamp>,
    /// By our own clock.
    at: Timestamp,
}

impl SentAt {
    /// A poll that is sent now and is not of one channel alone.
    pub const fn now(now: Now) -> Self {
        Self { known: None, at: now.unix }
    }
}

impl ChannelState {
    /// A channel that was configured at `now` and never asked.
    pub const fn new(now: Now) -> Self {
        Self {
            polls: PollStats::new(),
            evidence: StatusEvidence::Nothing,
            last: None,
            since: now.unix,
            announced: Status::Unknown,
            moves: Moves::new(),
            unauthorized: [[0; UnauthorizedReason::COUNT]; ErrorSource::COUNT],
            refusal: None,
            last_authorized: None,
            uptime_millis: None,
            channel_id: None,
            version: None,
            info_changes: InfoChanges::NONE,
            terms: None,
            webhooks: None,
            messages: None,
        }
    }

    /// What the answer to a poll that is sent now has to be newer than.
    pub fn sent_at(&self, now: Now) -> SentAt {
        SentAt { known: self.last.map(|last| last.at), at: now.unix }
    }

    /// The same for a poll that was sent at `sent`, such as one that lists many channels.
    pub fn listed_at(&self, sent: SentAt) -> SentAt {
        let was_known = |point: &&StatusPoint| point.observed_at <= sent.at;
        let known = match &self.webhooks {
            Some(webhooks) => webhooks.timeline.points().iter().rev().find(was_known),
            None => self.last.as_ref(),
        };
        SentAt { known: known.map(|point| point.at), ..sent }
    }

    /// Applies the outcome of a poll that was sent with the present knowledge. Returns the
    /// transition, if people should hear of one.
    pub fn apply(
        &mut self,
        now: Now,
        policy: PollPolicy,
        outcome: Result<ChannelObservation, Failure>,
    ) -> Option<Transition> {
        self.apply_since(now, policy, self.sent_at(now), outcome)
    }

    /// Applies the outcome of a poll that was sent at `sent_at`.
    pub fn apply_since(
        &mut self,
        now: Now,
        policy: PollPolicy,
        sent_at: SentAt,
        outcome: Result<ChannelObservation, Failure>,
    ) -> Option<Transition> {
        let visible = self.status(now, policy);
        // What follows replaces the reason of a stale status, so its beginning is kept. Nothing
        // began after now, though our clock may have said so before it was set back.
        self.since = self.since(now, policy).min(now.unix);
        self.last_authorized = self.last_authorized.map(|at| at.min(now.unix));
        match outcome {
            Ok(observation) => {
                self.polls.succeeded(now);
                self.polled(now, visible, sent_at, observation);
            }
            Err(failure) => {
                self.polls.failed(now, failure.reason);
                match failure.reason {
                    FailureReason::SessionUnauthorized => {
                        self.unauthorized(ErrorSource::Poll, UnauthorizedReason::Session);
                        self.polls.updated(now);
                        // Without an earlier status there is nothing to move from.
                        let before = self.last.map(|last| last.status);
                        if before.is_some() {
                            let at = self.after(sent_at, self.upstream_time(now, sent_at));
                            self.record(StatusPoint {
                                at,
                                source: StatusSource::Poll,
                                status: Status::Unknown,
                                started: None,
                                observed_at: now.unix,
                            });
                        }
                        self.move_to(
                            now,
                            visible,
                            before,
                            Status::Unknown,
                            StatusEvidence::SessionUnauthorized,
                        );
                    }
                    FailureReason::CredentialUnauthorized => {
                        self.unauthorized(ErrorSource::Poll, UnauthorizedReason::Credential);
                    }
                    _ => {}
                }
            }
        }
        self.announce(now, policy)
    }

    pub(super) fn announce(&mut self, now: Now, policy: PollPolicy) -> Option<Transition> {
        let to = self.status(now, policy);
        let from = std::mem::replace(&mut self.announced, to);
        (to != from).then_some(Transition { from, to })
    }

    fn polled(
        &mut self,
        now: Now,
        visible: Status,
        sent_at: SentAt,
        mut observation: ChannelObservation,
    ) {
        let theirs = time_of(&observation)
            .filter(|theirs| theirs.millis_since(now.unix) <= as_millis(MAX_CLOCK_LEAD));
        let mut sent_at = sent_at;
        if let Some(webhooks) = &mut self.webhooks {
            if let Some(theirs) = theirs {
                webhooks.clock_lead_millis = theirs.millis_since(now.unix);
            }
            // An earlier answer may have been wrong about its time, or our own clock was.
            let ahead = webhooks.clock_lead_millis;
            sent_at.known =
                webhooks.timeline.correct(now.unix, ahead, sent_at.known, &mut self.moves);
        }
        let at = self.after(sent_at, theirs.unwrap_or_else(|| self.upstream_time(now, sent_at)));
        let (status, evidence) = read(&observation.status);
        let started = observation.started;
        let before = self.last.map(|last| last.status);
        let inserted = self.record(StatusPoint {
            at,
            source: StatusSource::Poll,
            status,
            started,
            observed_at: now.unix,
        });
        if inserted == Insertion::Newest {
            self.uptime_millis = observation.uptime_millis.or(self.uptime_millis);
            self.move_to(now, visible, before, status, evidence);
            self.authorized_at(status, now.unix);
            let ChannelObservation { restrictions, quota, ref mut standing, .. } = observation;
            self.limit(restrictions, quota, standing.take());
        }
        self.identify(now, observation);
    }

    pub(super) fn authorized_at(&mut self, status: Status, at: Timestamp) {
        if status == Status::Auth {
            self.last_authorized = self.last_authorized.max(Some(at));
        }
    }

    /// Takes what the upstream says the channel is, unless it says something else too often.
    pub(super) fn identify(&mut self, now: Now, observation: ChannelObservation) {
        let channel_id = observation.channel_id.and_then(info::id);
        let version = observation.version.map(|version| info::label(&version));
        let differs = |known: &Option<ShortText>, told: &Option<ShortText>| {
            known.is_some() && told.is_some() && known != told
        };
        let changes = differs(&self.channel_id, &channel_id) || differs(&self.version, &version);
        if !changes || self.info_changes.may_change(now) {
            self.channel_id = channel_id.or_else(|| self.channel_id.take());
            self.version = version.or_else(|| self.version.take());
        }
    }

    /// The time at the upstream when a poll was sent, as far as its clock is known: an answer that
    /// does not say when it was true may have been on its way ever since.
    pub(super) fn upstream_time(&self, now: Now, sent_at: SentAt) -> Timestamp {
        let sent = sent_at.at.min(now.unix);
        sent.plus_millis(self.webhooks.as_ref().map_or(0, |webhooks| webhooks.clock_lead_millis))
    }

    /// `theirs`, or later: an answer is newer than all that was known when it was asked for,
    /// whatever the clocks say.
    pub(super) fn after(&self, sent_at: SentAt, theirs: Timestamp) -> Timestamp {
        sent_at.known.map_or(theirs, |known| theirs.max(known.plus_millis(1)))
    }

    /// Inserts a status into the timeline and counts the moves that it reveals.
    pub(super) fn record(&mut self, mut point: StatusPoint) -> Insertion {
        let Some(webhooks) = &mut self.webhooks else {
            if let Some(last) = &self.last {
                point.started = point.started.or(last.started);
                self.moves.count(last, &point);
            }
            self.last = Some(point);
            return Insertion::Newest;
        };
        let inserted = webhooks.timeline.insert(point, &mut self.moves);
        let before = self.last.map(|last| last.status);
        if inserted == Insertion::Newest && before != Some(point.status) {
            webhooks.moved(point.status);
        }
        self.last = webhooks.timeline.newest().copied();
        inserted
    }

    /// `since` is when the status that people see began, so it starts anew after a stale one too.
    fn move_to(
        &mut self,
        now: Now,
        visible: Status,
        before: Option<Status>,
        status: Status,
        evidence: StatusEvidence,
    ) {
        let first_answer = self.evidence == StatusEvidence::Nothing;
        if first_answer || visible != status {
            self.since = now.unix;
            // Back from being stale: what people see did not begin when it first was so.
            let back = before == Some(status) && self.evidence == evidence;
            if let Some(webhooks) = &mut self.webhooks {
                webhooks.since_at_least = back.then_some(now.unix);
            }
        }
        self.evidence = evidence;
    }

    /// Counts an HTTP 401. It moves nothing: what it means for the status is for a poll to say.
    pub const fn unauthorized(&mut self, source: ErrorSource, reason: UnauthorizedReason) {
        let count = &mut self.unauthorized[source.index()][reason.index()];
        *count = count.saturating_add(1);
    }

    /// Records that the application met a session 401, which no poll has seen yet.
    pub fn refused(&mut self, now: Now) {
        self.refusal = Some(Box::new(Refusal::of(&self.polls, now)));
    }

    /// The last session 401 that the application met.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_deref()
    }

    /// The status that people see: the last known one, or [`Status::Unknown`] once it is stale.
    pub fn status(&self, now: Now, policy: PollPolicy) -> Status {
        match self.polls.stale_since(now, policy) {
            Some(_) => Status::Unknown,
            None => self.last_known_status(),
        }
    }

    /// The last known status, however old; [`Status::Unknown`] when the last that was learnt is no
    /// status of the list.
    #[inline]
    pub fn last_known_status(&self) -> Status {
        match (self.evidence, &self.last) {
            (StatusEvidence::Reported, Some(last)) => last.status,
            _ => Status::Unknown,
        }
    }

    /// Since when [`Self::status`] is what it is.
    ///
    /// After a start it is the moment of the first answer: what was before is not known.
    pub fn since(&self, now: Now, policy: PollPolicy) -> Timestamp {
        let since = match self.polls.stale_since(now, policy) {
            Some(stale) if self.last_known_status() != Status::Unknown => stale.unix,
            _ => self.since,
        };
        // The clock may have been set back.
        since.min(now.unix)
    }

    /// Whether messages can be sent; `None` when that is not known.
    pub fn authorized(&self, now: Now, policy: PollPolicy) -> Option<bool> {
        if self.polls.stale_since(now, policy).is_some() {
            return None;
        }
        match self.evidence {
            StatusEvidence::Nothing | StatusEvidence::UnknownWord => None,
            StatusEvidence::SessionUnauthorized => Some(false),
            StatusEvidence::Reported => Some(self.last_known_status() == Status::Auth),
        }
    }

    /// When a poll or a webhook last said that the channel can send.
    pub const fn last_authorized(&self) -> Option<Timestamp> {
        self.last_authorized
    }

    /// Whether the last thing learnt was a word that is not in the provider's table.
    pub fn reports_unknown_word(&self) -> bool {
        self.evidence == StatusEvidence::UnknownWord
    }

    /// How often the channel was seen to move to this status.
    pub fn transitions(&self, to: Status) -> u32 {
        self.moves.transitions.get(to.index()).copied().unwrap_or(0)
    }

    /// How often it was seen to move to each status that can be reported, in the order of the list.
    pub const fn transition_counts(&self) -> &[u32] {
        &self.moves.transitions
    }

    /// How often `start_at` moved.
    pub const fn restarts(&self) -> u32 {
        self.moves.restarts
    }

    /// How many HTTP 401s this source met.
    pub const fn unauthorized_errors(
        &self,
        source: ErrorSource,
        reason: UnauthorizedReason,
    ) -> u32 {
        self.unauthorized[source.index()][reason.index()]
    }

    /// How many HTTP 401s each source met, by reason, the reason running fastest.
    pub const fn unauthorized_counts(&self) -> &[u32] {
        self.unauthorized.as_flattened()
    }

    /// When the instance started, as last reported.
    pub fn started(&self) -> Option<Timestamp> {
        self.last.and_then(|last| last.started)
    }

    /// The instance's uptime in milliseconds, as last reported.
    pub const fn uptime_millis(&self) -> Option<i64> {
        self.uptime_millis
    }

    /// The upstream's id of the channel, as last reported.
    pub const fn channel_id(&self) -> Option<&ShortText> {
        self.channel_id.as_ref()
    }

    /// The version of the upstream's software, as last reported.
    pub const fn version(&self) -> Option<&ShortText> {
        self.version.as_ref()
    }

    /// The bookkeeping of the polls.
    pub const fn polls(&self) -> &PollStats {
        &self.polls
    }
}

/// When an instance said this, by the upstream's clock: as told, or its start plus its uptime.
///
/// An instance that does not run has no clock: its uptime of 0 would put its end at its beginning.
pub(super) fn time_of(observation: &ChannelObservation) -> Option<Timestamp> {
    if observation.at.is_some() {
        return observation.at;
    }
    let uptime = observation.uptime_millis?;
    let stands_still =
        matches!(observation.status, Reported::Known(Status::Stop | Status::NotInit));
    if stands_still && uptime == 0 {
        return None;
    }
    Some(observation.started?.plus_millis(uptime))
}

pub(super) const fn read(reported: &Reported) -> (Status, StatusEvidence) {
    match reported {
        Reported::Known(status) => (*status, StatusEvidence::Reported),
        Reported::Word(_) => (Status::Unknown, StatusEvidence::UnknownWord),
    }
}
