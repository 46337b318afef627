//! What Meta's words for a number's status mean.
//!
//! Not here: reading them. Meta's own pages have three lists of words; this is all of them.

use crate::domain::{CanSend, Reported, RestrictionReason, Restrictions, Status};
use crate::upstream::lenient::printable;

/// The status, by Meta's word and by what lets messages through; `None` when neither is told.
pub(super) fn reported(word: Option<&str>, can_send: Option<CanSend>) -> Option<Reported> {
    let Some(word) = word else {
        return can_send.map(|can_send| {
            let blocked = can_send == CanSend::Blocked;
            Reported::Known(if blocked { Status::Blocked } else { Status::Auth })
        });
    };
    let status = match word {
        "CONNECTED" | "LINKED" | "FLAGGED" | "RESTRICTED" | "RATE_LIMITED" => Status::Auth,
        "PENDING" | "UNVERIFIED" => Status::Init,
        "DISCONNECTED" | "UNLINKED" | "UNREGISTERED" | "MIGRATED" | "DELETED" | "OFFLINE" => {
            Status::Stop
        }
        "BANNED" => Status::Blocked,
        other => return Some(Reported::Word(printable(other))),
    };
    // A number that is being set up, or was taken down, is blocked as well, and that is known.
    let is_blocked = status == Status::Auth && can_send == Some(CanSend::Blocked);
    Some(Reported::Known(if is_blocked { Status::Blocked } else { status }))
}

/// What a number of this status may not do; `None` when no status is told.
pub(super) fn restrictions(word: Option<&str>) -> Option<Restrictions> {
    Some(match word? {
        // "The number has reached its 24-hour limit": answers still go out.
        "RESTRICTED" => Restrictions::NONE.with(RestrictionReason::Quota, None),
        "RATE_LIMITED" => Restrictions::NONE.with(RestrictionReason::Rate, None),
        _ => Restrictions::NONE,
    })
}
