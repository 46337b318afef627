//! What a line that works may not do.
//!
//! Not here: whether it works at all; that is its status.

use super::label_enum::label_enum;
use super::{Expiry, Now};

label_enum! {
    /// Why a line may not do everything.
    RestrictionReason {
        /// It may not write to people it has no chat with.
        NewChats = "new_chats",
        /// A quota is used up.
        Quota = "quota",
        /// It is slowed down.
        Rate = "rate",
        /// It has broken a rule.
        Policy = "policy",
    }
}

/// All restrictions that one answer told of; what it did not name is not in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restrictions([Option<Restriction>; RestrictionReason::COUNT]);

/// One restriction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Restriction {
    /// When it ends; `None` when that was not told.
    end: Option<Expiry>,
}

impl Restrictions {
    /// The line may do everything.
    pub const NONE: Self = Self([None; RestrictionReason::COUNT]);

    /// The same with one more, which ends then, if that is known.
    #[must_use]
    pub const fn with(mut self, reason: RestrictionReason, end: Option<Expiry>) -> Self {
        self.0[reason.index()] = Some(Restriction { end });
        self
    }

    /// Whether this one is in force. One whose end has passed is over, even before the next answer
    /// says so.
    pub fn is_active(&self, reason: RestrictionReason, now: Now) -> bool {
        self.active(reason, now).is_some()
    }

    /// When this one ends; `None` while it is not in force, and when that is not known.
    pub fn end(&self, reason: RestrictionReason, now: Now) -> Option<Expiry> {
        self.active(reason, now)?.end
    }

    fn active(&self, reason: RestrictionReason, now: Now) -> Option<Restriction> {
        let is_over = |end: Expiry| end.is_past(now.unix);
        self.0[reason.index()].filter(|restriction| !restriction.end.is_some_and(is_over))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    #[test]
    fn a_restriction_is_over_once_its_end_has_passed() {
        let at = |secs| Now { unix: Timestamp::from_secs(secs), steady: 0 };
        let end = Some(Expiry::At(Timestamp::from_secs(100)));
        let told = Restrictions::NONE
            .with(RestrictionReason::NewChats, end)
            .with(RestrictionReason::Quota, None)
            .with(RestrictionReason::Policy, Some(Expiry::Never));
        for (reason, secs, expected) in [
            (RestrictionReason::NewChats, 99, (true, end)),
            (RestrictionReason::NewChats, 100, (false, None)),
            (RestrictionReason::Quota, 1000, (true, None)),
            (RestrictionReason::Policy, 1000, (true, Some(Expiry::Never))),
            (RestrictionReason::Rate, 0, (false, None)),
        ] {
            let seen = (told.is_active(reason, at(secs)), told.end(reason, at(secs)));
            assert_eq!(seen, expected, "{reason:?} at {secs}");
        }
    }
}
