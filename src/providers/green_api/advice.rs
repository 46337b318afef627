//! What to do about a GREEN-API instance, in the words of GREEN-API's console.
//!
//! Not here: which status is which.

use crate::domain::{FailureReason, RestrictionReason, Status};
use crate::provider::{AdviceTexts, BLOCKED_BY_WHATSAPP, STATUS_NOT_KNOWN};

pub(super) struct GreenApiAdvice;

impl AdviceTexts for GreenApiAdvice {
    fn status(&self, status: Status) -> Option<&'static str> {
        match status {
            Status::Auth => None,
            Status::Qr => Some(
                "Not authorized. Open the instance in https://console.green-api.com and scan the \
                 QR code with the phone.",
            ),
            Status::Init => Some(
                "Starting. Takes up to 5 minutes; if it lasts longer, reboot the instance in \
                 https://console.green-api.com.",
            ),
            Status::Stop => Some(
                "In sleep mode, expired or deleted. Switch the phone on, and check the instance's \
                 tariff in https://console.green-api.com.",
            ),
            Status::Blocked => Some(BLOCKED_BY_WHATSAPP),
            Status::Unknown => Some(STATUS_NOT_KNOWN),
            Status::NotInit | Status::Launch | Status::Error | Status::SyncError => {
                Some("Look at the instance in https://console.green-api.com.")
            }
        }
    }

    fn session_unauthorized(&self) -> &'static str {
        "The WhatsApp session is not authorized. Open the instance in \
         https://console.green-api.com; if it shows a QR code, scan it with the phone."
    }

    fn unknown_word(&self) -> &'static str {
        "GREEN-API reports a state this version does not know (the word is in the log). Look at \
         https://console.green-api.com, and update the exporter."
    }

    fn failure(&self, reason: FailureReason) -> Option<&'static str> {
        match reason {
            FailureReason::CredentialUnauthorized => Some(
                "GREEN-API refused the token. Compare it with apiTokenInstance, or the partner \
                 token, in https://console.green-api.com.",
            ),
            FailureReason::Forbidden => Some(
                "GREEN-API does not know this instance at this address. Compare the id and the \
                 address with idInstance and apiUrl in https://console.green-api.com.",
            ),
            _ => None,
        }
    }

    fn restriction(&self, reason: RestrictionReason) -> Option<&'static str> {
        (reason == RestrictionReason::NewChats).then_some(
            "GREEN-API shows a yellow card (yellowCard, suspended): WhatsApp holds messages back. \
             Stop sending to new contacts for some days, then reboot the instance at \
             https://console.green-api.com.",
        )
    }

    fn subscription(&self) -> Option<&'static str> {
        Some(
            "Renew the instance at https://console.green-api.com; a partner's instances renew by \
             themselves while the balance lasts.",
        )
    }
}
