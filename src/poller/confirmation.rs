//! When a channel that has left AUTH is polled again before its interval is over.
//!
//! Not here: the interval itself, which is `domain/backoff.rs`'s.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::Status;

/// A reconnect usually takes two or three seconds.
const DELAY: Duration = Duration::from_secs(5);

/// A list is asked less often: it costs its server more, and tells of many channels.
const LIST_DELAY: Duration = Duration::from_secs(20);

/// Confirming polls are moved by up to this part of the delay, so that the channels of one upstream
/// that left AUTH together do not ask together.
const JITTER: f64 = 0.2;

/// A channel that takes longer to start is in trouble, and is followed at longer steps.
const FOLLOWED_CLOSELY: Duration = Duration::from_secs(60);
const LONG_DELAY: Duration = Duration::from_secs(30);

/// One that takes still longer has been told of, and is followed at its interval.
const FOLLOWED: Duration = Duration::from_secs(600);

/// A departure from AUTH that polls have yet to confirm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Confirmation {
    /// When it was seen.
    left: Instant,
    delay: Duration,
}

impl Confirmation {
    /// What is to be confirmed after a poll that took a channel from one status to another; `None`
    /// stands for a poll that told none.
    pub(super) fn after_poll(
        pending: Option<Self>,
        statuses: Option<(Status, Status)>,
        now: Instant,
    ) -> Option<Self> {
        let pending = Self::still(pending, now);
        match statuses {
            Some((Status::Auth, after)) if after != Status::Auth => {
                Some(Self { left: now, delay: DELAY })
            }
            // A start that goes on is followed to its end; any other status is confirmed now.
            Some((_, Status::Init | Status::Launch)) | None => pending,
            Some(_) => None,
        }
    }

    /// The same after a list, which took its channels from one status to another each.
    pub(super) fn after_list(
        pending: Option<Self>,
        statuses: &[(Status, Status)],
        now: Instant,
    ) -> Option<Self> {
        let one = |wanted: fn(&(Status, Status)) -> bool| statuses.iter().any(wanted);
        if one(|(before, after)| *before == Status::Auth && *after != Status::Auth) {
            return Some(Self { left: now, delay: LIST_DELAY });
        }
        let follows = one(|(_, after)| matches!(after, Status::Init | Status::Launch));
        Self::still(pending, now).filter(|_| follows || statuses.is_empty())
    }

    fn still(pending: Option<Self>, now: Instant) -> Option<Self> {
        let pending = pending.filter(|one| now < one.left + FOLLOWED)?;
        let is_long = now >= pending.left + FOLLOWED_CLOSELY;
        Some(if is_long { Self { delay: LONG_DELAY, ..pending } } else { pending })
    }

    /// How long after this poll the next one confirms it. `jitter` is from 0 (inclusive) to 1
    /// (exclusive).
    pub(super) fn delay(self, jitter: f64) -> Duration {
        self.delay.mul_f64(1.0 + JITTER * (2.0 * jitter - 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a channel is polled again soon when polls, each as soon after the one before as is
    /// wanted, or 5 seconds, tell these statuses.
    fn confirmations(statuses: &[Option<Status>]) -> usize {
        let mut now = Instant::now();
        let (mut last, mut pending, mut count) = (Status::Unknown, None::<Confirmation>, 0);
        for status in statuses {
            let moved = status.map(|status| (std::mem::replace(&mut last, status), status));
            pending = Confirmation::after_poll(pending, moved, now);
            count += usize::from(pending.is_some());
            now += pending.map_or(DELAY, |pending| pending.delay(0.5));
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
    fn a_start_is_followed_closely_for_a_minute_and_at_longer_steps_for_ten() {
        let starts_for_ever: Vec<_> =
            [Status::Auth].into_iter().chain([Status::Init; 50]).map(Some).collect();
        assert_eq!(confirmations(&starts_for_ever), 12 + 18);
        let fails_for_ever: Vec<_> =
            [Some(Status::Auth), Some(Status::Qr)].into_iter().chain([None; 50]).collect();
        assert_eq!(confirmations(&fails_for_ever), 12 + 18);
    }

    #[test]
    fn a_list_is_asked_again_when_one_of_its_channels_left_auth() {
        use Status::{Auth, Init, Qr};
        let now = Instant::now();
        let after = |pending, statuses: &[_]| Confirmation::after_list(pending, statuses, now);
        assert_eq!(after(None, &[(Auth, Auth), (Qr, Qr), (Init, Init), (Qr, Auth)]), None);
        let left = after(None, &[(Auth, Auth), (Auth, Qr)]);
        assert_eq!(left.map(|left| left.delay(0.5)), Some(LIST_DELAY));
        assert_eq!(after(left, &[(Auth, Auth), (Qr, Qr)]), None, "that confirmed it");
        assert_eq!(after(left, &[(Auth, Auth), (Init, Init)]), left, "a start is followed");
        assert_eq!(after(left, &[]), left, "a list that failed confirms nothing");
    }

    #[test]
    fn the_delay_is_five_seconds_give_or_take_one() {
        let left = Confirmation { left: Instant::now(), delay: DELAY };
        assert_eq!(left.delay(0.0), Duration::from_secs(4));
        assert_eq!(left.delay(0.5), Duration::from_secs(5));
        assert!(left.delay(0.999) < Duration::from_secs(6));
    }
}
