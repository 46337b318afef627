//! When a target is asked next.
//!
//! Not here: a timer or a source of chance; the caller brings `dice`, a number from 0 (inclusive) to 1 (exclusive).

use std::time::Duration;

/// As many targets are asked at once at the start; more are spread over their interval.
pub const HANDFUL: usize = 16;

/// Polls are moved by up to this part of the interval, so that a fleet never falls into step.
const JITTER: f64 = 0.05;

/// Backoff doubles up to this many intervals …
const MOST_INTERVALS: u32 = 8;

/// … but not past this, and an upstream's `Retry-After` is honoured up to this: beyond it an outage would go unseen.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// How long after the start the target at place `at` of `fleet_size` is first asked.
pub fn first_delay(at: usize, fleet_size: usize, interval: Duration, dice: f64) -> Duration {
    if fleet_size <= HANDFUL {
        return Duration::ZERO;
    }
    interval.mul_f64((at as f64 + dice) / fleet_size as f64)
}

/// How long after a poll was due the next one is.
///
/// `refusals` counts the polls in a row that ended in a failure which asks for distance; 0 after any other outcome.
pub fn next_delay(
    interval: Duration,
    refusals: u32,
    retry_after: Option<Duration>,
    dice: f64,
) -> Duration {
    if refusals == 0 {
        return interval.mul_f64(1.0 + JITTER * (2.0 * dice - 1.0));
    }
    let factor = 2u32.saturating_pow(refusals.min(16)).min(MOST_INTERVALS);
    let longest = LONGEST_WAIT.max(interval);
    let backoff = interval.saturating_mul(factor).min(longest);
    // Jitter shortens, never below one interval; what the upstream asked for is only ever lengthened.
    let jittered = backoff.mul_f64(1.0 - 0.25 * dice).max(interval);
    match retry_after {
        Some(asked) => jittered.max(asked.min(longest).mul_f64(1.0 + JITTER * dice)),
        None => jittered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(30);

    #[test]
    fn a_handful_is_asked_at_once() {
        for at in 0..HANDFUL {
            assert_eq!(first_delay(at, HANDFUL, INTERVAL, 0.7), Duration::ZERO);
        }
    }

    #[test]
    fn a_large_fleet_is_spread_over_its_interval() {
        let delays: Vec<_> = (0..1000).map(|at| first_delay(at, 1000, INTERVAL, 0.5)).collect();
        assert!(delays.is_sorted());
        assert!(delays[999] < INTERVAL);
        // No second of the interval sees more than its share.
        for second in 0..30 {
            let within = delays.iter().filter(|delay| delay.as_secs() == second).count();
            assert!((33..=34).contains(&within), "{within} polls in second {second}");
        }
    }

    #[test]
    fn a_healthy_target_is_asked_every_interval_give_or_take_a_twentieth() {
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
        for dice in [0.0, 0.3, 0.99] {
            for refusals in 1..20 {
                let second = Some(Duration::from_secs(1));
                assert!(next_delay(INTERVAL, refusals, second, dice) >= INTERVAL);
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
