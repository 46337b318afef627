//! Points in time, as whole milliseconds.
//!
//! Not here: a clock. Whoever calls the domain brings the time along.

use std::time::Duration;

/// A point in time as others see it: milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// A timestamp of whole milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// A timestamp of whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is the later one.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The timestamp moved by `millis`.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// Now, by two clocks: one to show, one to measure with.
///
/// The wall clock may jump (NTP, a resumed machine); ages that decide anything are measured with
/// the steady one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub unix: Timestamp,
    /// Milliseconds of a clock that never goes back; its origin means nothing.
    pub steady: i64,
}

impl Now {
    /// The moment `later` after this one, on both clocks.
    pub fn plus(self, later: Duration) -> Self {
        let millis = as_millis(later);
        Self { unix: self.unix.plus_millis(millis), steady: self.steady.saturating_add(millis) }
    }

    /// The moment so many milliseconds before this one, on both clocks.
    pub const fn minus_millis(self, millis: i64) -> Self {
        Self {
            unix: self.unix.plus_millis(millis.saturating_neg()),
            steady: self.steady.saturating_sub(millis),
        }
    }

    /// Milliseconds from `earlier` to `self` on the steady clock.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.steady.saturating_sub(earlier.steady)
    }
}

/// A duration in whole milliseconds, saturating.
pub(crate) fn as_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
