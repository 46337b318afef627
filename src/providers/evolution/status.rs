//! Evolution's words for an instance's connection, mapped to ours.
//!
//! Not here: where they are found.

use crate::domain::{Reported, Status};
use crate::upstream::lenient::printable;

/// The status of a state. `closed` is what `close` means for this instance.
///
/// Source: Evolution's `whatsapp.baileys.service.ts`. Without a network it changes between
/// `connecting` and `close` for ever (observed).
pub(super) fn reported(state: &str, closed: Status) -> Reported {
    match state {
        "open" => Reported::Known(Status::Auth),
        "connecting" => Reported::Known(Status::Launch),
        "close" => Reported::Known(closed),
        // Only in a webhook: nobody scanned the last QR code.
        "refused" => Reported::Known(Status::Qr),
        other => Reported::Word(printable(other)),
    }
}

/// What `close` means after a disconnection for this reason. After any but the four below Evolution
/// reconnects by itself.
pub(super) const fn closed_by(reason: Option<i64>) -> Status {
    match reason {
        Some(401) => Status::Qr,
        Some(403) => Status::Blocked,
        Some(402 | 406) => Status::Error,
        _ => Status::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_status_and_any_other_word_none() {
        for (word, status) in [
            ("open", Status::Auth),
            ("connecting", Status::Launch),
            ("close", Status::Stop),
            ("refused", Status::Qr),
        ] {
            assert_eq!(reported(word, Status::Stop), Reported::Known(status));
        }
        for word in ["Open", "closed", "WORKING", ""] {
            assert_eq!(reported(word, Status::Stop), Reported::Word(word.to_owned()));
        }
    }

    #[test]
    fn close_means_what_the_reason_says() {
        for (reason, status) in [
            (None, Status::Stop),
            (Some(401), Status::Qr),
            (Some(403), Status::Blocked),
            (Some(402), Status::Error),
            (Some(406), Status::Error),
            (Some(408), Status::Stop),
            (Some(515), Status::Stop),
        ] {
            assert_eq!(reported("close", closed_by(reason)), Reported::Known(status));
        }
    }
}
