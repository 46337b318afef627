//! GREEN-API's words for an instance's state, mapped to ours.
//!
//! Not here: where they are found.

use crate::domain::{ChannelObservation, Reported, RestrictionReason, Restrictions, Status};
use crate::upstream::lenient::printable;

/// What a word says of an instance: its status, and where it speaks of them its restrictions.
pub(super) fn observation(word: &str) -> ChannelObservation {
    ChannelObservation {
        restrictions: restrictions(word),
        ..ChannelObservation::new(reported(word))
    }
}

/// A word that says that the instance works says whether it may do everything, too. No other does.
///
/// Source: GREEN-API's page on `yellowCard`: messages to people who were not written to before are
/// what it follows, and they are held back in part or in whole. When it ends is not told.
fn restrictions(word: &str) -> Option<Restrictions> {
    match word {
        "authorized" => Some(Restrictions::NONE),
        "yellowCard" | "suspended" => {
            Some(Restrictions::NONE.with(RestrictionReason::NewChats, None))
        }
        _ => None,
    }
}

/// Source: GREEN-API's documentation of `getStateInstance` for WhatsApp, and its news of 30 July
/// 2026: `suspended` has taken the place of `yellowCard`, as in its other messengers.
fn reported(word: &str) -> Reported {
    match word {
        // With a yellow card sending is restricted, but the session is alive.
        "authorized" | "yellowCard" | "suspended" => Reported::Known(Status::Auth),
        "notAuthorized" => Reported::Known(Status::Qr),
        "starting" => Reported::Known(Status::Init),
        "sleepMode" | "expired" | "deleted" => Reported::Known(Status::Stop),
        "blocked" => Reported::Known(Status::Blocked),
        other => Reported::Word(printable(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_green_api_has_a_status_and_any_other_none() {
        for (word, status) in [
            ("authorized", Status::Auth),
            ("yellowCard", Status::Auth),
            ("suspended", Status::Auth),
            ("notAuthorized", Status::Qr),
            ("starting", Status::Init),
            ("sleepMode", Status::Stop),
            ("expired", Status::Stop),
            ("deleted", Status::Stop),
            ("blocked", Status::Blocked),
        ] {
            assert_eq!(reported(word), Reported::Known(status));
        }
        for word in ["Authorized", "AUTH", "pendingPassword", ""] {
            assert_eq!(reported(word), Reported::Word(word.to_owned()));
        }
    }

    #[test]
    fn a_yellow_card_restricts_new_chats_and_what_is_no_session_says_nothing() {
        let new_chats = Restrictions::NONE.with(RestrictionReason::NewChats, None);
        for (word, expected) in [
            ("authorized", Some(Restrictions::NONE)),
            ("yellowCard", Some(new_chats)),
            ("suspended", Some(new_chats)),
            ("notAuthorized", None),
            ("starting", None),
            ("blocked", None),
            ("dreaming", None),
        ] {
            assert_eq!(observation(word).restrictions, expected, "{word}");
        }
    }
}
