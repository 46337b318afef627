//! GREEN-API's words for an instance's state, mapped to ours.
//!
//! Not here: where they are found.

use crate::domain::{Reported, Status};
use crate::upstream::lenient::printable;

/// Source: GREEN-API's documentation of `getStateInstance` for WhatsApp. `suspended` is documented
/// for its other messengers only, where it is a partial restriction, so it is not in the table.
pub(super) fn reported(word: &str) -> Reported {
    match word {
        // With a yellow card sending is restricted, but the session is alive.
        "authorized" | "yellowCard" => Reported::Known(Status::Auth),
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
            ("notAuthorized", Status::Qr),
            ("starting", Status::Init),
            ("sleepMode", Status::Stop),
            ("expired", Status::Stop),
            ("deleted", Status::Stop),
            ("blocked", Status::Blocked),
        ] {
            assert_eq!(reported(word), Reported::Known(status));
        }
        for word in ["Authorized", "AUTH", "suspended", "pendingPassword", ""] {
            assert_eq!(reported(word), Reported::Word(word.to_owned()));
        }
    }
}
