//! What to do about a Whapi channel, in the words of Whapi's panel.
//!
//! Not here: which status is which.

use crate::domain::{FailureReason, Status};
use crate::provider::{AdviceTexts, BLOCKED_BY_WHATSAPP, STATUS_NOT_KNOWN};

pub(super) struct WhapiAdvice;

impl AdviceTexts for WhapiAdvice {
    fn status(&self, status: Status) -> Option<&'static str> {
        match status {
            Status::Auth => None,
            Status::Qr => Some(
                "Logged out. Open https://panel.whapi.cloud/dashboard and scan the QR code with \
                 the phone.",
            ),
            Status::NotInit => {
                Some("Not started. Open https://panel.whapi.cloud/dashboard and start the channel.")
            }
            Status::Init => Some(
                "Starting. Normal for seconds; if it lasts longer than 50 s, contact Whapi support \
                 with the channel id.",
            ),
            Status::Launch => Some(
                "Connecting. Normal for seconds; if it lasts, the number may be blocked or its \
                 proxy broken.",
            ),
            Status::Error => Some(
                "Look at the channel in https://panel.whapi.cloud/dashboard, restart it, and \
                 contact Whapi support if it stays.",
            ),
            Status::SyncError => {
                Some("Sending works, reading does not. Log the channel out and connect it again.")
            }
            Status::Stop => Some(
                "Stopped. Check the subscription and the billing in \
                 https://panel.whapi.cloud/dashboard.",
            ),
            Status::Blocked => Some(BLOCKED_BY_WHATSAPP),
            Status::Unknown => Some(STATUS_NOT_KNOWN),
        }
    }

    fn session_unauthorized(&self) -> &'static str {
        "The WhatsApp session is not authorized. Open https://panel.whapi.cloud/dashboard; if it \
         shows QR, scan the code with the phone."
    }

    fn unknown_word(&self) -> &'static str {
        "Whapi reports a status this version does not know (the word is in the log). Look at \
         https://panel.whapi.cloud/dashboard, and update the exporter."
    }

    fn failure(&self, reason: FailureReason) -> Option<&'static str> {
        match reason {
            FailureReason::ChannelNotFound => Some(
                "Whapi does not know this token. Check that it is complete and that the channel \
                 was not deleted.",
            ),
            FailureReason::PaymentRequired => Some(
                "The trial or the subscription is over. Check the billing in \
                 https://panel.whapi.cloud/dashboard.",
            ),
            _ => None,
        }
    }

    fn subscription(&self) -> Option<&'static str> {
        Some(
            "Extend the channel in https://panel.whapi.cloud/dashboard, and check the balance or \
             the payment method.",
        )
    }
}
