//! The clocks: the only place that reads them.
//!
//! Not here: timers.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "this is the place")]

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::domain::{Now, Timestamp};

/// Now, by the wall clock and by the steady one.
pub fn now() -> Now {
    static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();
    let steady = ORIGIN.get_or_init(std::time::Instant::now).elapsed().as_millis();
    Now { unix: timestamp(system_time()), steady: i64::try_from(steady).unwrap_or(i64::MAX) }
}

/// Now by the wall clock, for what speaks the operating system's type.
pub fn system_time() -> SystemTime {
    SystemTime::now()
}

/// Now by the steady clock, for timers.
pub fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// A time of the operating system's as a timestamp; before 1970 it is 1970.
pub fn timestamp(time: SystemTime) -> Timestamp {
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
