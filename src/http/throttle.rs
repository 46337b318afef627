//! Keeps a log readable: one line about a trouble at once, then at most one a minute, with a count.
//!
//! Not here: the lines.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

/// The pause between two lines about the same trouble.
const PAUSE: Duration = Duration::from_secs(60);

/// One kind of trouble.
#[derive(Default)]
pub(super) struct Throttle {
    told: Option<Instant>,
    untold: u64,
}

impl Throttle {
    /// Records that it happened. The number of times to tell of, if a line is due.
    pub(super) fn happened(&mut self) -> Option<u64> {
        self.untold += 1;
        self.due()
    }

    /// The number of times that were not told of yet, if a line is due.
    pub(super) fn due(&mut self) -> Option<u64> {
        if self.untold == 0 || self.told.is_some_and(|told| told.elapsed() < PAUSE) {
            return None;
        }
        self.told = Some(clock::instant());
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_the_rest_once_a_minute() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.due(), None);
        assert_eq!(throttle.happened(), Some(1));
        for _ in 0..99 {
            assert_eq!(throttle.happened(), None);
        }
        tokio::time::advance(PAUSE / 2).await;
        assert_eq!(throttle.due(), None);
        tokio::time::advance(PAUSE / 2).await;
        assert_eq!(throttle.due(), Some(99));
        assert_eq!(throttle.due(), None);
        assert_eq!(throttle.happened(), None);
    }
}
