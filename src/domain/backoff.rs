//! When a target is polled next.
//!
//! Not here: a timer or a source of chance; the caller brings `jitter`, a number from 0 (inclusive)
//! to 1 (exclusive).

use std::time::Duration;

/// As many targets are polled at once at the start; more are spread.
pub const FIRST_AT_ONCE: usize = 16;

/// The first polls of up to so many targets are spread over [`FIRST_ROUND`], those of more over as
/// many times of it.
const FIRST_ROUND_TARGETS: usize = 10_000;

/// A restart must not leave a target unknown for long, however long its interval.
const FIRST_ROUND: Duration = Duration::from_secs(25);

/// Polls are moved by up to this part of the interval, so that a fleet never falls into step.
const JITTER: f64 = 0.05;

/// Backoff doubles up to this many intervals …
const MAX_INTERVALS: u32 = 8;

/// … but not past this, and an upstream's `Retry-After` is honoured up to this: beyond it an
/// outage would go unseen.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// How long after the start the target at position `at` of `fleet_size` is first polled.
pub fn first_delay(at: usize, fleet_size: usize, interval: Duration, jitter: f64) -> Duration {
    if at < FIRST_AT_ONCE {
        return Duration::ZERO;
    }
    let rounds = fleet_size.div_ceil(FIRST_ROUND_TARGETS);
    let round = FIRST_ROUND.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
    round.min(interval).mul_f64((at as f64 + jitter) / fleet_size as f64)
}

/// How long after a poll was due the next one is.
///
/// `refusals` counts the polls in a row that ended in a failure which asks for distance; 0 after
/// any other outcome.
pub fn next_delay(
    interval: Duration,
    refusals: u32,
    retry_after: Option<Duration>,
    jitter: f64,
) -> Duration {
    if refusals == 0 {
        return interval.mul_f64(1.0 + JITTER * (2.0 * jitter - 1.0));
    }
    let factor = 2u32.saturating_pow(refusals.min(16)).min(MAX_INTERVALS);
    let longest = MAX_WAIT.max(interval);
    let backoff = interval.saturating_mul(factor).min(longest);
    // Jitter shortens, never below one interval; what the upstream asked for is only ever
    // lengthened.
    let jittered = backoff.mul_f64(1.0 - 0.25 * jitter).max(interval);
    match retry_after {
        Some(asked) => jittered.max(asked.min(longest).mul_f64(1.0 + JITTER * jitter)),
        None => jittered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    #[test]
    fn a_handful_is_polled_at_once() {
        for size in [1, FIRST_AT_ONCE, 10_000] {
            for at in 0..FIRST_AT_ONCE.min(size) {
                assert_eq!(first_delay(at, size, INTERVAL, 0.7), Duration::ZERO);
            }
        }
    }

    #[test]
    fn a_large_fleet_is_spread() {
        let delays: Vec<_> = (0..1000).map(|at| first_delay(at, 1000, INTERVAL, 0.5)).collect();
        assert!(delays.is_sorted());
        assert!(delays[999] < INTERVAL);
        // No second sees more than its share.
        for second in 1..25 {
            let within = delays.iter().filter(|delay| delay.as_secs() == second).count();
            assert!((39..=41).contains(&within), "{within} polls in second {second}");
        }
    }

    #[test]
    fn the_first_round_does_not_wait_for_the_interval() {
        let hour = Duration::from_secs(3600);
        assert!(first_delay(9_999, 10_000, hour, 0.99) < Duration::from_secs(26));
        assert!(first_delay(99_999, 100_000, hour, 0.99) < Duration::from_secs(251));
        let second = Duration::from_secs(1);
        assert!(first_delay(99, 100, second, 0.99) <= second, "a short interval stays as it is");
    }

    #[test]
    fn a_healthy_target_is_polled_every_interval_give_or_take_a_twentieth() {
        assert_eq!(next_delay(INTERVAL, 0, None, 0.5), INTERVAL);
        assert_eq!(next_delay(INTERVAL, 0, None, 0.0), Duration::from_millis(28_500));
        assert!(next_delay(INTERVAL, 0, None, 0.999) < Duration::from_millis(31_500));
    }

    #[test]
    fn refusals_double_the_wait_up_to_eight_intervals() {
        let waits: Vec<_> = (1..=6).map(|n| next_delay(INTERVAL, n, None, 0.0).as_secs()).collect();
        assert_eq!(waits, [60, 120, 240, 240, 240, 240]);
        assert_eq!(next_delay(Duration::from_secs(600), 9, None, 0.0).as_secs(), 3600);
        assert_eq!(next_delay(Duration::from_secs(7200), 9, None, 0.0).as_secs(), 7200);
    }

    #[test]
    fn a_wait_is_never_shorter_than_the_interval() {
        for jitter in [0.0, 0.3, 0.99] {
            for refusals in 1..20 {
                let second = Some(Duration::from_secs(1));
                assert!(next_delay(INTERVAL, refusals, second, jitter) >= INTERVAL);
            }
        }
    }

    #[test]
    fn retry_after_is_honoured_up_to_an_hour() {
        let asked = |secs| next_delay(INTERVAL, 1, Some(Duration::from_secs(secs)), 0.0).as_secs();
        assert_eq!(asked(90), 90);
        assert_eq!(asked(86_400), 3600);
    }
}
