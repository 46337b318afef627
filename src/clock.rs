//! The clocks: the only place that reads them.
//!
//! Not here: timers.
#![expect(clippy::disallowed_methods, reason = "this is the place")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::domain::{Now, Timestamp};

/// Now, by the wall clock and by the steady one.
pub fn now() -> Now {
    let steady = i64::try_from(steady().as_millis()).unwrap_or(i64::MAX);
    Now { unix: timestamp(system_time()), steady }
}

/// The time since the machine started. While it sleeps an answer grows old too, so this is not the
/// clock that timers use.
#[cfg(target_os = "linux")]
fn steady() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(time).unwrap_or_default()
}

/// The time since the first call.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_types, reason = "this is the place")]
fn steady() -> Duration {
    static ORIGIN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    ORIGIN.get_or_init(std::time::Instant::now).elapsed()
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
