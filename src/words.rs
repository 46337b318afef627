//! Words for people: what to do about a status or a failure, which runbook says more, and times in words.
//!
//! Not here: whether anything is wrong; that is `view.rs`.

use crate::domain::{FailureReason, Status, Timestamp};

/// Where the runbooks are.
pub const RUNBOOKS: &str =
    "https://github.com/whatsapp-exporter/whatsapp-exporter/blob/main/docs/runbooks";

/// What to do about a token that no longer works.
pub const DEAD_TOKEN_TODO: &str = "Create a new token (best a System User's), put it in place of the old one, and check it in Meta's Access Token Debugger.";

/// What to do about a channel of this status; `None` when it is well.
pub const fn status_todo(status: Status) -> Option<&'static str> {
    match status {
        Status::Auth => None,
        Status::Qr => Some(
            "Logged out. Open https://panel.whapi.cloud/dashboard and scan the QR code with the phone.",
        ),
        Status::NotInit => {
            Some("Not started. Open https://panel.whapi.cloud/dashboard and start the channel.")
        }
        Status::Init => Some(
            "Starting. Normal for seconds; if it lasts longer than 50 s, contact Whapi support with the channel id.",
        ),
        Status::Launch => Some(
            "Connecting. Normal for seconds; if it lasts, the number may be blocked or its proxy broken.",
        ),
        Status::Error => Some(
            "Look at the channel in https://panel.whapi.cloud/dashboard, restart it, and contact Whapi support if it stays.",
        ),
        Status::SyncError => {
            Some("Sending works, reading does not. Log the channel out and connect it again.")
        }
        Status::Stop => Some(
            "Stopped. Check the subscription and the billing in https://panel.whapi.cloud/dashboard.",
        ),
        Status::Unknown => Some("Not known. See why polls fail."),
    }
}

/// What to do about a channel that answered 401 "need channel authorization".
pub const SESSION_TODO: &str = "The WhatsApp session is not authorized. Open https://panel.whapi.cloud/dashboard; if it shows QR, scan the code with the phone.";

/// What to do about a status word that is new.
pub const UNKNOWN_WORD_TODO: &str = "Whapi reports a status this version does not know (the word is in the log). Look at https://panel.whapi.cloud/dashboard, and update the exporter.";

/// What to do about polls that fail for this reason.
pub const fn failure_todo(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::SessionUnauthorized => SESSION_TODO,
        FailureReason::CredentialUnauthorized => {
            "The credential was refused. Check the token, or the app's id and secret that inspect it."
        }
        FailureReason::ChannelNotFound => {
            "Whapi does not know this token. Check that it is complete and that the channel was not deleted."
        }
        FailureReason::PaymentRequired => {
            "The trial or the subscription is over. Check the billing in https://panel.whapi.cloud/dashboard."
        }
        FailureReason::Forbidden => {
            "The upstream refuses permission. Check what the credential may do."
        }
        FailureReason::RateLimited => {
            "The upstream says that there are too many requests. Make the poll interval longer."
        }
        FailureReason::ServerError => {
            "The upstream has trouble of its own. Look at its status page and wait."
        }
        FailureReason::HttpOther => "An unexpected answer. Check the API's address.",
        FailureReason::Timeout => {
            "No answer in time. Check the network, the proxy and the upstream's status page."
        }
        FailureReason::Connect => {
            "No connection. Check DNS, the network, the egress rules and the proxy."
        }
        FailureReason::Tls => {
            "The TLS handshake failed. Check the clock, the proxy, and EXTRA_CA_FILE for a CA of your own."
        }
        FailureReason::Decode => {
            "The answer is not what the API documents. Check the API's address and whether something answers in its place."
        }
        FailureReason::Secret => {
            "The credential's file cannot be read. Check that it is mounted, not empty, and readable for the exporter's user."
        }
    }
}

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A length of time in its two largest units: `6 days 4 h`, `3 min 20 s`, `45 s`.
pub fn length(millis: i64) -> String {
    let millis = millis.unsigned_abs();
    let two = |large: u64, name: &str, small: u64, small_name: &str| {
        let (many, rest) = (millis / large, millis % large / small);
        if rest == 0 {
            format!("{many} {name}")
        } else {
            format!("{many} {name} {rest} {small_name}")
        }
    };
    match millis {
        0..MINUTE => format!("{} s", millis / SECOND),
        MINUTE..HOUR => two(MINUTE, "min", SECOND, "s"),
        HOUR..DAY => two(HOUR, "h", MINUTE, "min"),
        _ if millis < 2 * DAY => two(DAY, "day", HOUR, "h"),
        _ => two(DAY, "days", HOUR, "h"),
    }
}

/// A time as RFC 3339 in UTC, to the second.
pub fn rfc3339(at: Timestamp) -> String {
    use std::time::{Duration, UNIX_EPOCH};
    // humantime writes years up to 9999.
    let millis = u64::try_from(at.millis()).unwrap_or(0).min(253_402_300_799_000);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_told_in_their_two_largest_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (200, "3 min 20 s"),
            (3600, "1 h"),
            (86_399, "23 h 59 min"),
            (90_000, "1 day 1 h"),
            (534_000, "6 days 4 h"),
            (-534_000, "6 days 4 h"),
        ] {
            assert_eq!(length(seconds * 1000), words);
        }
    }

    #[test]
    fn far_times_do_not_panic() {
        assert_eq!(rfc3339(Timestamp::from_millis(i64::MAX)), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(Timestamp::from_millis(-1)), "1970-01-01T00:00:00Z");
    }
}
