//! When something ends, if ever.
//!
//! Not here: what ends.

use super::Timestamp;

/// When something ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Never.
    Never,
    /// At this time.
    At(Timestamp),
}

impl Expiry {
    /// Milliseconds left at `now`; `None` when it never ends.
    pub const fn millis_left(self, now: Timestamp) -> Option<i64> {
        match self {
            Self::Never => None,
            Self::At(at) => Some(at.millis_since(now)),
        }
    }

    /// Whether the end has come at `now`.
    pub fn is_past(self, now: Timestamp) -> bool {
        self.millis_left(now).is_some_and(|left| left <= 0)
    }
}
