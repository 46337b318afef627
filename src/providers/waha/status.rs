//! WAHA's words for a session's status, mapped to ours.
//!
//! Not here: where they are found.

use crate::domain::{Reported, Status};
use crate::upstream::lenient::printable;

/// Source: WAHA's `WAHASessionStatus`.
pub(super) fn reported(word: &str) -> Reported {
    match word {
        "WORKING" => Reported::Known(Status::Auth),
        "SCAN_QR_CODE" => Reported::Known(Status::Qr),
        // Without a network WAHA stays here for ever and never says FAILED (observed).
        "STARTING" => Reported::Known(Status::Init),
        "STOPPED" => Reported::Known(Status::Stop),
        "FAILED" => Reported::Known(Status::Error),
        other => Reported::Word(printable(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_waha_has_a_status_and_any_other_none() {
        for (word, status) in [
            ("WORKING", Status::Auth),
            ("SCAN_QR_CODE", Status::Qr),
            ("STARTING", Status::Init),
            ("STOPPED", Status::Stop),
            ("FAILED", Status::Error),
        ] {
            assert_eq!(reported(word), Reported::Known(status));
        }
        for word in ["working", "AUTH", "PAUSED", ""] {
            assert_eq!(reported(word), Reported::Word(word.to_owned()));
        }
    }
}
