//! Holds requests while their channel reconnects, which it does for 2 to 3 seconds once or several
//! times a day.
//!
//! Not here: sending them. What may be sent again, and why that is safe, is in `forward.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::context::Gateway;
use crate::clock;
use crate::domain::{Availability, ChannelState, HeldOutcome, PollPolicy};
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
    /// What it becomes once it is sent, if it was held until the channel was back.
    once_sent: Option<HeldOutcome>,
    room: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// A request with the credential of this channel, if requests are held at all.
    pub(super) fn of(gateway: &Arc<Gateway>, channel: TargetRef) -> Option<Self> {
        let patience = gateway.hold.as_ref()?.patience;
        // Some patience lasts for longer than the clock goes.
        let until = clock::instant().checked_add(patience)?;
        let gateway = Arc::clone(gateway);
        Some(Self { gateway, channel, until, outcome: None, once_sent: None, room: None })
    }

    /// Waits before sending, if the channel is just reconnecting.
    pub(super) async fn before_sending(&mut self) {
        if self.availability() == Availability::Returning {
            self.wait(HeldOutcome::Sent).await;
        }
    }

    /// Waits until a channel is back that has answered with a session 401. Whether it is.
    pub(super) async fn after_refusal(&mut self) -> bool {
        self.wait(HeldOutcome::SentAgain).await
    }

    /// Records that the request was sent.
    pub(super) fn sent(&mut self) {
        if let Some(outcome) = self.once_sent.take() {
            self.outcome = Some(outcome);
        }
    }

    /// Records that the request cannot be sent again, since its body was not kept.
    pub(super) fn too_large(&mut self) {
        self.outcome = Some(HeldOutcome::TooLarge);
    }

    /// What `Retry-After` should say, in seconds.
    pub(super) fn retry_after(&self) -> u64 {
        let availability = self.availability();
        self.look(|state, _| availability.retry_after(state).as_secs()).unwrap_or_default()
    }

    async fn wait(&mut self, back: HeldOutcome) -> bool {
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
            match self.availability() {
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
        if came_back {
            self.once_sent = Some(back);
        } else {
            self.outcome = Some(HeldOutcome::GivenUp);
        }
        came_back
    }

    fn look<R>(&self, see: impl FnOnce(&ChannelState, PollPolicy) -> R) -> Option<R> {
        let seen = self.gateway.fleet.look(self.channel, |watched| {
            watched.channel().map(|state| see(state, watched.policy()))
        });
        seen.flatten()
    }

    fn availability(&self) -> Availability {
        let now = clock::now();
        let availability = self.look(|state, policy| Availability::of(state, policy, now));
        availability.unwrap_or(Availability::Away)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(outcome) = self.outcome {
            self.gateway.metrics.gateway_held(outcome);
        }
    }
}
