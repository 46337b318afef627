//! Whether a channel can send, can be expected back soon, or will not come back by itself.
//!
//! Not here: waiting for it (`gateway/`), or telling an application (`server/`).

use std::time::Duration;

use super::time::as_millis;
use super::{ChannelState, Now, PollPolicy, Status};

/// A channel that is in INIT or LAUNCH for longer is not reconnecting but stuck.
const RECONNECT: Duration = Duration::from_secs(60);

/// What an application is told to wait while a channel reconnects, which takes 2 to 3 seconds,
const SOON: Duration = Duration::from_secs(5);
/// and while somebody has to do something about it.
const LATER: Duration = Duration::from_secs(60);

/// How a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It can send.
    Ready,
    /// It can be expected back.
    Returning,
    /// It will not come back by itself, or nothing is known of it.
    Away,
}

impl Availability {
    /// How a channel stands, also after the application met a session 401 that no poll has seen.
    pub fn of(state: &ChannelState, policy: PollPolicy, now: Now) -> Self {
        if let Some(refusal) = state.refusal().filter(|refusal| !refusal.is_over(state.polls())) {
            let age = now.steady.saturating_sub(refusal.at().steady);
            return if age < as_millis(RECONNECT) { Self::Returning } else { Self::Away };
        }
        let lasted = now.unix.millis_since(state.since(now, policy));
        let lately = u128::try_from(lasted).unwrap_or_default() < RECONNECT.as_millis();
        match state.status(now, policy) {
            // Sending works in SYNC_ERROR (its provider's documents).
            Status::Auth | Status::SyncError => Self::Ready,
            Status::Init | Status::Launch if lately => Self::Returning,
            // A session 401 in answer to a poll.
            Status::Unknown if lately && state.authorized(now, policy) == Some(false) => {
                Self::Returning
            }
            _ => Self::Away,
        }
    }

    /// How long an application should wait before it tries again.
    pub fn retry_after(self, state: &ChannelState) -> Duration {
        match self {
            // The first answer is on its way.
            Self::Away if state.polls().polls() == 0 => SOON,
            Self::Away => LATER,
            Self::Ready | Self::Returning => SOON,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ChannelObservation, Failure, FailureReason, Reported, Timestamp};

    const LIMITS: PollPolicy =
        PollPolicy { interval: Duration::from_secs(30), stale_after: Duration::from_secs(300) };

    const fn at(millis: i64) -> Now {
        Now { unix: Timestamp::from_millis(millis), steady: millis }
    }

    fn says(state: &mut ChannelState, now: i64, status: Status) {
        let observation = ChannelObservation::new(Reported::Known(status));
        state.apply(at(now), LIMITS, Ok(observation));
    }

    fn availability(state: &ChannelState, now: i64) -> Availability {
        Availability::of(state, LIMITS, at(now))
    }

    #[test]
    fn a_channel_is_expected_back_from_a_reconnect_and_from_nothing_else() {
        let mut state = ChannelState::new(at(0));
        assert_eq!(availability(&state, 0), Availability::Away, "nothing is known");
        for (status, expected) in [
            (Status::Auth, Availability::Ready),
            (Status::SyncError, Availability::Ready),
            (Status::Init, Availability::Returning),
            (Status::Launch, Availability::Returning),
            (Status::Qr, Availability::Away),
            (Status::Stop, Availability::Away),
            (Status::Error, Availability::Away),
            (Status::NotInit, Availability::Away),
        ] {
            says(&mut state, 1000, status);
            assert_eq!(availability(&state, 1000), expected, "{status:?}");
        }
        says(&mut state, 2000, Status::Launch);
        says(&mut state, 61_000, Status::Launch);
        assert_eq!(availability(&state, 61_999), Availability::Returning);
        assert_eq!(availability(&state, 62_000), Availability::Away, "it is stuck");
    }

    #[test]
    fn only_what_was_learnt_since_ends_a_refusal() {
        let mut state = ChannelState::new(at(0));
        says(&mut state, 1000, Status::Auth);
        state.refused(at(1500));
        assert_eq!(availability(&state, 1500), Availability::Returning);
        let failure = |reason| Err(Failure::new(reason, ""));
        state.apply(at(1600), LIMITS, failure(FailureReason::Timeout));
        assert_eq!(availability(&state, 1700), Availability::Returning, "a poll without an answer");
        state.apply(at(1800), LIMITS, failure(FailureReason::SessionUnauthorized));
        assert_eq!(
            availability(&state, 1900),
            Availability::Returning,
            "a poll that was refused too"
        );
        says(&mut state, 2000, Status::Launch);
        assert_eq!(availability(&state, 2000), Availability::Returning);
        says(&mut state, 3000, Status::Auth);
        assert_eq!(availability(&state, 3000), Availability::Ready);
        // Within this millisecond.
        state.refused(at(3000));
        assert_eq!(availability(&state, 3000), Availability::Returning);
        says(&mut state, 3000, Status::Auth);
        assert_eq!(availability(&state, 3000), Availability::Ready);
        state.refused(at(4000));
        assert_eq!(availability(&state, 63_999), Availability::Returning);
        assert_eq!(availability(&state, 64_000), Availability::Away, "polls bring no news");
        says(&mut state, 65_000, Status::Auth);
        assert_eq!(availability(&state, 65_000), Availability::Ready);
    }
}
