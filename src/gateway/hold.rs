//! Holds requests to Whapi while their channel reconnects, which it does for 2 to 3 seconds once or several times a day.
//!
//! Not here: sending them. What may be sent again, and why that is safe, is in `forward.rs`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Gateway;
use crate::clock;
use crate::domain::{ChannelState, HeldOutcome, Limits, Moment, Status};
use crate::fleet::{Handle, TargetId};
use crate::settings::Name;

/// So many requests are held at a time.
const MOST: usize = 100;
/// A channel that is in INIT or LAUNCH for longer is not reconnecting but stuck (Whapi's help page on channel statuses).
const RECONNECT: Duration = Duration::from_secs(60);
/// While requests are held, the channel is asked again this often; the poller has the last word on it.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// What `Retry-After` says, in seconds, while a channel reconnects,
const SOON: u64 = 5;
/// and while somebody has to do something about it.
const LATER: u64 = 60;

/// What is held, and why.
pub(super) struct Hold {
    /// How long a request is held, in all.
    patience: Duration,
    room: Arc<Semaphore>,
    /// The channels with which the application last met a session 401.
    refused: Mutex<HashMap<Name, Refusal>>,
}

/// A session 401, and what was known of the channel then. Only what was learnt since tells that it is back.
#[derive(Clone, Copy)]
pub(super) struct Refusal {
    at: Moment,
    learnt: Option<Moment>,
    polls: u64,
}

impl Refusal {
    fn of(state: &ChannelState, at: Moment) -> Self {
        Self { at, learnt: state.polls().last_learnt(), polls: state.polls().polls() }
    }

    /// Whether something was learnt of the channel since.
    fn is_over(&self, state: &ChannelState) -> bool {
        let polls = state.polls();
        // Within one millisecond the number of polls tells what the times cannot.
        let polled = polls.polls() > self.polls && polls.last_succeeded() == Some(true);
        let learnt = polls.last_learnt();
        learnt.is_some_and(|learnt| learnt.steady >= self.at.steady)
            && (polled || learnt != self.learnt)
    }
}

/// How a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It can send.
    Ready,
    /// It can be expected back.
    Coming,
    /// It will not come back by itself, or nothing is known of it.
    Away,
}

impl Standing {
    fn of(state: &ChannelState, limits: Limits, now: Moment, refusal: Option<Refusal>) -> Self {
        if refusal.is_some_and(|refusal| !refusal.is_over(state)) {
            return Self::Coming;
        }
        let lasted = now.unix.millis_since(state.since(now, limits));
        let lately = u128::try_from(lasted).unwrap_or_default() < RECONNECT.as_millis();
        match state.status(now, limits) {
            // Sending works in SYNC_ERROR (Whapi's help page on channel statuses).
            Status::Auth | Status::SyncError => Self::Ready,
            Status::Init | Status::Launch if lately => Self::Coming,
            // A session 401 in answer to a poll.
            Status::Unknown if lately && state.authorized(now, limits) == Some(false) => {
                Self::Coming
            }
            _ => Self::Away,
        }
    }
}

impl Hold {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, room: Arc::new(Semaphore::new(MOST)), refused: Mutex::default() }
    }
}

/// One request that may be held, and how much of its time is left. What became of it is counted when it is dropped.
pub(super) struct Held {
    gateway: Arc<Gateway>,
    channel: Handle,
    until: Instant,
    outcome: Option<HeldOutcome>,
    room: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// A request with the credential of this channel, if requests are held at all.
    pub(super) fn of(gateway: &Arc<Gateway>, channel: &Handle) -> Option<Self> {
        let patience = gateway.hold.as_ref()?.patience;
        // Some patience lasts for longer than the clock goes.
        let until = Instant::now().checked_add(patience)?;
        let (gateway, channel) = (Arc::clone(gateway), channel.clone());
        Some(Self { gateway, channel, until, outcome: None, room: None })
    }

    /// Waits before sending, if the channel is just reconnecting.
    pub(super) async fn before_sending(&mut self) {
        let refusal = self.last_refusal();
        if self.standing(refusal) == Standing::Coming {
            self.wait(refusal, HeldOutcome::Sent).await;
        }
    }

    /// Takes note that the channel answered with a session 401.
    pub(super) fn refused(&self) -> Option<Refusal> {
        let now = clock::now();
        let refusal = self.look(|state, _| Refusal::of(state, now))?;
        let mut refused = self.all_refused();
        refused.as_mut()?.insert(self.channel.name().clone(), refusal);
        Some(refusal)
    }

    /// Waits until a channel is back that has refused. Whether it is.
    pub(super) async fn after_refusal(&mut self, refusal: Refusal) -> bool {
        self.wait(Some(refusal), HeldOutcome::SentAgain).await
    }

    /// Takes note that the request cannot be sent again, since its body was not kept.
    pub(super) fn too_large(&mut self) {
        self.outcome = Some(HeldOutcome::TooLarge);
    }

    /// What `Retry-After` should say, in seconds.
    pub(super) fn retry_after(&self) -> u64 {
        match self.standing(self.last_refusal()) {
            Standing::Away => LATER,
            Standing::Ready | Standing::Coming => SOON,
        }
    }

    async fn wait(&mut self, refusal: Option<Refusal>, back: HeldOutcome) -> bool {
        if self.room.is_none() {
            let room = self.gateway.hold.as_ref().map(|hold| Arc::clone(&hold.room));
            self.room = room.and_then(|room| room.try_acquire_owned().ok());
        }
        if self.room.is_none() {
            self.outcome = Some(HeldOutcome::NoRoom);
            return false;
        }
        // Until there is another outcome: the application may go away at any time.
        self.outcome = Some(HeldOutcome::Abandoned);
        let gateway = Arc::clone(&self.gateway);
        let mut stopping = gateway.stopping.subscribe();
        let came_back = loop {
            let mut learnt = std::pin::pin!(gateway.fleet.learnt());
            learnt.as_mut().enable();
            match self.standing(refusal) {
                Standing::Ready => break true,
                Standing::Away => break false,
                Standing::Coming => {}
            }
            gateway.hurry.poll(&self.channel);
            tokio::select! {
                () = learnt => {}
                () = tokio::time::sleep(ASK_AGAIN) => {}
                () = tokio::time::sleep_until(self.until) => break false,
                _ = stopping.wait_for(|stopping| *stopping) => break false,
            }
        };
        self.outcome = Some(if came_back { back } else { HeldOutcome::GivenUp });
        came_back
    }

    fn look<R>(&self, see: impl FnOnce(&ChannelState, Limits) -> R) -> Option<R> {
        let fleet = &self.gateway.fleet;
        match fleet.find(&self.channel)? {
            TargetId::Channel(at) => fleet.channel(at, |c| see(&c.state, c.limits())),
            TargetId::Token(_) => None,
        }
    }

    fn standing(&self, refusal: Option<Refusal>) -> Standing {
        let now = clock::now();
        let standing = self.look(|state, limits| Standing::of(state, limits, now, refusal));
        standing.unwrap_or(Standing::Away)
    }

    /// The channel's last session 401, if it is so recent that it may be part of a reconnect.
    fn last_refusal(&self) -> Option<Refusal> {
        let patience = self.gateway.hold.as_ref()?.patience;
        let refusal = self.all_refused()?.get(self.channel.name()).copied()?;
        let age = u128::try_from(clock::now().millis_since(refusal.at)).unwrap_or_default();
        (age < patience.as_millis()).then_some(refusal)
    }

    fn all_refused(&self) -> Option<std::sync::MutexGuard<'_, HashMap<Name, Refusal>>> {
        let hold = self.gateway.hold.as_ref()?;
        Some(hold.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            self.gateway.metrics.gateway_held(outcome);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChannelObservation, Failure, FailureReason, Reported, Timestamp};

    const LIMITS: Limits =
        Limits { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };

    const fn at(millis: i64) -> Moment {
        Moment { unix: Timestamp::from_millis(millis), steady: millis }
    }

    fn says(state: &mut ChannelState, now: i64, status: Status) {
        let observation = ChannelObservation {
            status: Reported::Known(status),
            started: None,
            uptime_millis: None,
            channel_id: None,
            version: None,
        };
        state.apply(at(now), LIMITS, Ok(observation));
    }

    fn standing(state: &ChannelState, now: i64, refusal: Option<Refusal>) -> Standing {
        Standing::of(state, LIMITS, at(now), refusal)
    }

    #[test]
    fn a_channel_is_expected_back_from_a_reconnect_and_from_nothing_else() {
        let mut state = ChannelState::new(at(0));
        assert_eq!(standing(&state, 0, None), Standing::Away, "nothing is known");
        for (status, expected) in [
            (Status::Auth, Standing::Ready),
            (Status::SyncError, Standing::Ready),
            (Status::Init, Standing::Coming),
            (Status::Launch, Standing::Coming),
            (Status::Qr, Standing::Away),
            (Status::Stop, Standing::Away),
            (Status::Error, Standing::Away),
            (Status::NotInit, Standing::Away),
        ] {
            says(&mut state, 1000, status);
            assert_eq!(standing(&state, 1000, None), expected, "{status:?}");
        }
        says(&mut state, 2000, Status::Launch);
        says(&mut state, 61_000, Status::Launch);
        assert_eq!(standing(&state, 61_999, None), Standing::Coming);
        assert_eq!(standing(&state, 62_000, None), Standing::Away, "it is stuck");
    }

    #[test]
    fn only_what_was_learnt_since_ends_a_refusal() {
        let mut state = ChannelState::new(at(0));
        says(&mut state, 1000, Status::Auth);
        let refusal = Some(Refusal::of(&state, at(1500)));
        assert_eq!(standing(&state, 1500, refusal), Standing::Coming);
        let failure = |reason| Err(Failure::new(reason, ""));
        state.apply(at(1600), LIMITS, failure(FailureReason::Timeout));
        assert_eq!(standing(&state, 1700, refusal), Standing::Coming, "a poll without an answer");
        state.apply(at(1800), LIMITS, failure(FailureReason::SessionUnauthorized));
        assert_eq!(
            standing(&state, 1900, refusal),
            Standing::Coming,
            "a poll that was refused too"
        );
        says(&mut state, 2000, Status::Launch);
        assert_eq!(standing(&state, 2000, refusal), Standing::Coming);
        says(&mut state, 3000, Status::Auth);
        assert_eq!(standing(&state, 3000, refusal), Standing::Ready);
        let in_this_millisecond = Some(Refusal::of(&state, at(3000)));
        assert_eq!(standing(&state, 3000, in_this_millisecond), Standing::Coming);
        says(&mut state, 3000, Status::Auth);
        assert_eq!(standing(&state, 3000, in_this_millisecond), Standing::Ready);
    }
}
