//! Times and lengths of time in words for people.
//!
//! Not here: what is worth telling.

use crate::domain::{Now, Timestamp};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A length of time in its two largest units: `6 days 4 h`, `3 min 20 s`, `45 s`.
pub fn length(millis: i64) -> String {
    let millis = millis.unsigned_abs();
    let two = |large: u64, name: &str, small: u64, small_name: &str| {
        let (many, rest) = (millis / large, millis % large / small);
        if rest == 0 {
            format!("{many} {name}")
        } else {
            format!("{many} {name} {rest} {small_name}")
        }
    };
    match millis {
        0..MINUTE => format!("{} s", millis / SECOND),
        MINUTE..HOUR => two(MINUTE, "min", SECOND, "s"),
        HOUR..DAY => two(HOUR, "h", MINUTE, "min"),
        _ if millis < 2 * DAY => two(DAY, "day", HOUR, "h"),
        _ => two(DAY, "days", HOUR, "h"),
    }
}

/// How far a time is from now: `in 6 days 4 h`, `3 days ago`.
pub fn distance(at_millis: i64, now: Now) -> String {
    match at_millis.saturating_sub(now.unix.millis()) {
        left if left > 0 => format!("in {}", length(left)),
        left => format!("{} ago", length(left)),
    }
}

/// A time as RFC 3339 in UTC, to the second.
pub fn rfc3339(at: Timestamp) -> String {
    use std::time::{Duration, UNIX_EPOCH};
    // humantime writes years up to 9999.
    let millis = u64::try_from(at.millis()).unwrap_or(0).min(253_402_300_799_000);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_their_two_largest_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (200, "3 min 20 s"),
            (3600, "1 h"),
            (86_399, "23 h 59 min"),
            (90_000, "1 day 1 h"),
            (534_000, "6 days 4 h"),
            (-534_000, "6 days 4 h"),
        ] {
            assert_eq!(length(seconds * 1000), words);
        }
    }

    #[test]
    fn far_times_do_not_panic() {
        assert_eq!(rfc3339(Timestamp::from_millis(i64::MAX)), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(Timestamp::from_millis(-1)), "1970-01-01T00:00:00Z");
    }
}
