//! What to do about a WAHA session, in the words of WAHA's dashboard.
//!
//! Not here: which status is which.

use crate::domain::{FailureReason, RestrictionReason, Status};
use crate::provider::{AdviceTexts, BLOCKED_BY_WHATSAPP, STATUS_NOT_KNOWN};

pub(super) struct WahaAdvice;

impl AdviceTexts for WahaAdvice {
    fn status(&self, status: Status) -> Option<&'static str> {
        match status {
            Status::Auth => None,
            Status::Qr => Some(
                "Logged out. Open the WAHA dashboard (/dashboard on the server) and scan the \
                 session's QR code with the phone.",
            ),
            Status::Init => Some(
                "Starting. Normal for seconds; WAHA stays here while its network or proxy is down, \
                 so check those if it lasts.",
            ),
            Status::Stop => {
                Some("Stopped. Start the session in the WAHA dashboard (/dashboard on the server).")
            }
            Status::Error => Some(
                "Failed. Restart the session in the WAHA dashboard; if it fails again, log it out \
                 and link the phone anew.",
            ),
            Status::Blocked => Some(BLOCKED_BY_WHATSAPP),
            Status::Unknown => Some(STATUS_NOT_KNOWN),
            Status::NotInit | Status::Launch | Status::SyncError => {
                Some("Look at the session in the WAHA dashboard (/dashboard on the server).")
            }
        }
    }

    fn session_unauthorized(&self) -> &'static str {
        "The WhatsApp session is not authorized. Open the WAHA dashboard; if it shows a QR code, \
         scan it with the phone."
    }

    fn unknown_word(&self) -> &'static str {
        "WAHA reports a status this version does not know (the word is in the log). Look at the \
         WAHA dashboard, and update the exporter."
    }

    fn failure(&self, reason: FailureReason) -> Option<&'static str> {
        match reason {
            FailureReason::CredentialUnauthorized => {
                Some("WAHA refused the API key. Compare it with the server's own WAHA_API_KEY.")
            }
            FailureReason::Connect | FailureReason::Timeout => Some(
                "The WAHA server does not answer. Check that it runs and that the address is \
                 right.",
            ),
            _ => None,
        }
    }

    fn restriction(&self, reason: RestrictionReason) -> Option<&'static str> {
        match reason {
            RestrictionReason::NewChats => Some(
                "WhatsApp lets the account begin no new chats for now. Stop first messages to new \
                 contacts until the lock ends, and answer only those who write; restarting the \
                 session in WAHA does not help.",
            ),
            RestrictionReason::Quota => Some(
                "The account has begun as many new chats as WhatsApp allows in this cycle. Hold \
                 first messages back until the next one.",
            ),
            RestrictionReason::Rate | RestrictionReason::Policy => None,
        }
    }
}
