//! Holds requests while their channel reconnects, which it does for 2 to 3 seconds once or several
//! times a day.
//!
//! Not here: sending them. What may be sent again, and why that is safe, is in `forward.rs`.

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::context::Gateway;
use crate::clock;
use crate::domain::{Availability, ChannelState, HeldOutcome, PollPolicy, Refusal};
use crate::fleet::TargetRef;

/// While requests are held, the channel is asked again this often; the poller has the last word on
/// it.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// One request that may be held, and how much of its time is left. What became of it is counted
/// when it is dropped.
pub(super) struct Held {
    gateway: Arc<Gateway>,
    channel: TargetRef,
    until: Instant,
    outcome: Option<HeldOutcome>,
    room: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// A request with the credential of this channel, if requests are held at all.
    pub(super) fn of(gateway: &Arc<Gateway>, channel: TargetRef) -> Option<Self> {
        let patience = gateway.hold.as_ref()?.patience;
        // Some patience lasts for longer than the clock goes.
        let until = clock::instant().checked_add(patience)?;
        let gateway = Arc::clone(gateway);
        Some(Self { gateway, channel, until, outcome: None, room: None })
    }

    /// Waits before sending, if the channel is just reconnecting.
    pub(super) async fn before_sending(&mut self) {
        let refusal = self.last_refusal();
        if self.availability(refusal) == Availability::Returning {
            self.wait(refusal, HeldOutcome::Sent).await;
        }
    }

    /// Records that the channel answered with a session 401.
    pub(super) fn refused(&self) -> Option<Refusal> {
        let now = clock::now();
        let refusal = self.look(|state, _| Refusal::of(state, now))?;
        let mut refused = self.all_refused();
        refused.as_mut()?.insert(self.channel, refusal);
        Some(refusal)
    }

    /// Waits until a channel is back that has refused. Whether it is.
    pub(super) async fn after_refusal(&mut self, refusal: Refusal) -> bool {
        self.wait(Some(refusal), HeldOutcome::SentAgain).await
    }

    /// Records that the request cannot be sent again, since its body was not kept.
    pub(super) fn too_large(&mut self) {
        self.outcome = Some(HeldOutcome::TooLarge);
    }

    /// What `Retry-After` should say, in seconds.
    pub(super) fn retry_after(&self) -> u64 {
        let availability = self.availability(self.last_refusal());
        self.look(|state, _| availability.retry_after(state).as_secs()).unwrap_or_default()
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
            let mut updated = std::pin::pin!(gateway.fleet.updated());
            updated.as_mut().enable();
            match self.availability(refusal) {
                Availability::Ready => break true,
                Availability::Away => break false,
                Availability::Returning => {}
            }
            gateway.poll_now.poll(self.channel);
            tokio::select! {
                () = updated => {}
                () = tokio::time::sleep(ASK_AGAIN) => {}
                () = tokio::time::sleep_until(self.until) => break false,
                _ = stopping.wait_for(|stopping| *stopping) => break false,
            }
        };
        self.outcome = Some(if came_back { back } else { HeldOutcome::GivenUp });
        came_back
    }

    fn look<R>(&self, see: impl FnOnce(&ChannelState, PollPolicy) -> R) -> Option<R> {
        let seen = self.gateway.fleet.look(self.channel, |watched| {
            watched.channel().map(|state| see(state, watched.policy()))
        });
        seen.flatten()
    }

    fn availability(&self, refusal: Option<Refusal>) -> Availability {
        let now = clock::now();
        let availability = self.look(|state, policy| Availability::of(state, policy, now, refusal));
        availability.unwrap_or(Availability::Away)
    }

    /// The channel's last session 401, if it is so recent that it may be part of a reconnect.
    fn last_refusal(&self) -> Option<Refusal> {
        let patience = self.gateway.hold.as_ref()?.patience;
        let refusal = self.all_refused()?.get(&self.channel).copied()?;
        let age = u128::try_from(clock::now().millis_since(refusal.at)).unwrap_or_default();
        (age < patience.as_millis()).then_some(refusal)
    }

    fn all_refused(&self) -> Option<MutexGuard<'_, HashMap<TargetRef, Refusal>>> {
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
