//! Unix time in whole seconds. Not a clock: callers bring the moment.

use std::time::{SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970; 0 for anything earlier.
pub(crate) fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
