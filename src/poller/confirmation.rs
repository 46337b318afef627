//! When a channel that has left AUTH is polled again before its interval is over.
//!
//! Not here: the interval itself, which is `domain/backoff.rs`'s.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Status;

/// A reconnect usually takes two or three seconds.
const DELAY: Duration = Duration::from_secs(5);

/// Confirming polls are moved by up to this part of the delay, so that the channels of one upstream
/// that left AUTH together do not ask together.
const JITTER: f64 = 0.2;

/// A channel that takes longer to start is in trouble, and is followed at its interval.
const FOLLOWED: Duration = Duration::from_secs(60);

/// A departure from AUTH that polls have yet to confirm, by when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Confirmation(Instant);

impl Confirmation {
    /// What is to be confirmed after a poll that took a channel from one status to another; `None`
    /// stands for a poll that told none.
    pub(super) fn after_poll(
        pending: Option<Self>,
        statuses: Option<(Status, Status)>,
        now: Instant,
    ) -> Option<Self> {
        let pending = pending.filter(|Self(left)| now < *left + FOLLOWED);
        match statuses {
            Some((Status::Auth, after)) if after != Status::Auth => Some(Self(now)),
            // A start that goes on is followed to its end; any other status is confirmed now.
            Some((_, Status::Init | Status::Launch)) | None => pending,
            Some(_) => None,
        }
    }

    /// How long after this poll the next one confirms it. `jitter` is from 0 (inclusive) to 1
    /// (exclusive).
    pub(super) fn delay(jitter: f64) -> Duration {
        DELAY.mul_f64(1.0 + JITTER * (2.0 * jitter - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a channel is polled again soon when polls, each five seconds after the one before,
    /// tell these statuses.
    fn confirmations(statuses: &[Option<Status>]) -> usize {
        let start = Instant::now();
        let (mut last, mut pending, mut count) = (Status::Unknown, None, 0);
        for (at, status) in (0..).zip(statuses) {
            let now = start + DELAY * at;
            let moved = status.map(|status| (std::mem::replace(&mut last, status), status));
            pending = Confirmation::after_poll(pending, moved, now);
            count += usize::from(pending.is_some());
        }
        count
    }

    #[test]
    fn only_what_leaves_auth_is_confirmed() {
        use Status::{Auth, Error, Init, Launch, Qr, Stop, SyncError, Unknown};
        for (statuses, expected) in [
            (&[Auth, Auth][..], 0),
            (&[Qr, Qr], 0),
            (&[Init, Launch, Auth], 0),
            (&[Qr, Stop], 0),
            (&[Auth, Qr, Qr, Qr], 1),
            (&[Auth, SyncError, SyncError], 1),
            (&[Auth, Unknown, Unknown], 1),
            (&[Auth, Init, Launch, Auth, Auth], 2),
            (&[Auth, Init, Qr, Qr], 1),
            (&[Auth, Stop, Auth, Error, Error], 2),
        ] {
            let told: Vec<_> = statuses.iter().copied().map(Some).collect();
            assert_eq!(confirmations(&told), expected, "{statuses:?}");
        }
    }

    #[test]
    fn a_poll_that_tells_no_status_confirms_nothing() {
        let auth_then = |status| confirmations(&[Some(Status::Auth), Some(status), None, None]);
        assert_eq!(auth_then(Status::Qr), 3);
        assert_eq!(auth_then(Status::Auth), 0);
    }

    #[test]
    fn a_start_is_followed_for_a_minute() {
        let starts_for_ever: Vec<_> =
            [Status::Auth].into_iter().chain([Status::Init; 50]).map(Some).collect();
        assert_eq!(confirmations(&starts_for_ever), 12);
        let fails_for_ever: Vec<_> =
            [Some(Status::Auth), Some(Status::Qr)].into_iter().chain([None; 50]).collect();
        assert_eq!(confirmations(&fails_for_ever), 12);
    }

    #[test]
    fn the_delay_is_five_seconds_give_or_take_one() {
        assert_eq!(Confirmation::delay(0.0), Duration::from_secs(4));
        assert_eq!(Confirmation::delay(0.5), Duration::from_secs(5));
        assert!(Confirmation::delay(0.999) < Duration::from_secs(6));
    }
}
