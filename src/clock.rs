//! The clocks: the only place that reads them for the domain.
//!
//! Not here: timers.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::domain::{Now, Timestamp};

/// Now, by the wall clock and by the steady one.
pub fn now() -> Now {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let steady = ORIGIN.get_or_init(Instant::now).elapsed().as_millis();
    Now { unix: timestamp(SystemTime::now()), steady: i64::try_from(steady).unwrap_or(i64::MAX) }
}

/// A time of the operating system's as a timestamp; before 1970 it is 1970.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
