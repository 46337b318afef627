//! What to do about an Evolution API instance, in the words of Evolution's manager.
//!
//! Not here: which status is which.

use crate::domain::{FailureReason, Status};
use crate::provider::{AdviceTexts, STATUS_NOT_KNOWN};

pub(super) struct EvolutionAdvice;

impl AdviceTexts for EvolutionAdvice {
    fn status(&self, status: Status) -> Option<&'static str> {
        match status {
            Status::Auth => None,
            Status::Qr => Some(
                "Logged out. Open the instance in the Evolution manager (/manager on the server) \
                 and scan its QR code with the phone.",
            ),
            Status::Launch => Some(
                "Connecting. Normal for seconds; Evolution changes between connecting and close \
                 while its network or proxy is down, so check those if it lasts.",
            ),
            Status::Stop => Some(
                "Closed. Check the network of the Evolution server, and connect the instance in \
                 the Evolution manager (/manager on the server).",
            ),
            Status::Error => Some(
                "WhatsApp ended the connection and Evolution does not try again. Connect the \
                 instance in the Evolution manager; if it fails again, link the phone anew.",
            ),
            Status::Blocked => Some(
                "WhatsApp refuses the number. Look at it in the WhatsApp app on the phone and \
                 request a review there.",
            ),
            Status::Unknown => Some(STATUS_NOT_KNOWN),
            Status::NotInit | Status::Init | Status::SyncError => {
                Some("Look at the instance in the Evolution manager (/manager on the server).")
            }
        }
    }

    fn session_unauthorized(&self) -> &'static str {
        "The WhatsApp session is not authorized. Open the instance in the Evolution manager; if it \
         shows a QR code, scan it with the phone."
    }

    fn unknown_word(&self) -> &'static str {
        "Evolution reports a state this version does not know (the word is in the log). Look at \
         the Evolution manager, and update the exporter."
    }

    fn failure(&self, reason: FailureReason) -> Option<&'static str> {
        match reason {
            FailureReason::CredentialUnauthorized => Some(
                "Evolution refused the API key. Compare it with the server's \
                 AUTHENTICATION_API_KEY. An instance's own key is also refused while the server's \
                 database is down.",
            ),
            FailureReason::ChannelNotFound => Some(
                "The Evolution server no longer has this instance. The next list ends the watch, \
                 unless the instance was created anew by then.",
            ),
            FailureReason::ServerError => Some(
                "The Evolution server has trouble of its own, most often with its database. Look \
                 at its log.",
            ),
            FailureReason::Connect | FailureReason::Timeout => Some(
                "The Evolution server does not answer. Check that it runs and that the address is \
                 right.",
            ),
            _ => None,
        }
    }
}
