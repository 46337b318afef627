//! Points in time, as whole milliseconds.
//!
//! Not here: a clock. Whoever calls the domain brings the time along.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// A point in time as others see it: milliseconds since the Unix epoch.
///
/// The milliseconds are kept with their highest bit flipped, which keeps their order and makes zero
/// free, so that an `Option` of a timestamp takes no more room: a channel has half a dozen.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp(NonZeroU64);

const HIGHEST_BIT: u64 = 1 << 63;

/// What an upstream's clock may be ahead of ours. What is further ahead has no time.
pub(super) const MAX_LEAD_MILLIS: i64 = 60_000;

impl Timestamp {
    /// A timestamp of whole milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        match NonZeroU64::new(millis.cast_unsigned() ^ HIGHEST_BIT) {
            Some(flipped) => Self(flipped),
            // The earliest that there could be, 292 million years ago, becomes the one after.
            None => Self(NonZeroU64::MIN),
        }
    }

    /// A timestamp of whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self::from_millis(secs.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        (self.0.get() ^ HIGHEST_BIT).cast_signed()
    }

    /// Milliseconds from `earlier` to `self`; negative when `earlier` is the later one.
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.millis().saturating_sub(earlier.millis())
    }

    /// The timestamp moved by `millis`.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.millis().saturating_add(millis))
    }
}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By milliseconds, not by the field. Of a number that is never zero rustc 1.95 to 1.97 miscompile
/// `at.map(|at| at.min(now)).unwrap_or(now)` at the levels 1, s and z: without a time it is zero
/// instead of `now`.
impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        self.millis().cmp(&other.millis())
    }

    fn min(self, other: Self) -> Self {
        Self::from_millis(self.millis().min(other.millis()))
    }

    fn max(self, other: Self) -> Self {
        Self::from_millis(self.millis().max(other.millis()))
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::from_millis(0)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.millis()).finish()
    }
}

/// Now, by two clocks: one to show, one to measure with.
///
/// The wall clock may jump (NTP, a resumed machine); ages that decide anything are measured with
/// the steady one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub unix: Timestamp,
    /// Milliseconds of a clock that never goes back; its origin means nothing.
    pub steady: i64,
}

/// So many seconds after either clock began, for tests.
#[cfg(test)]
pub(super) fn at(secs: i64) -> Now {
    Now { unix: Timestamp::from_secs(secs), steady: secs * 1000 }
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
