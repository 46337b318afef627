//! A channel's status: the closed list, its words and numbers.
//!
//! Not here: how a status moves; that is `channel.rs`.

use super::label_enum::label_enum;

label_enum! {
    /// The state of a channel. Every provider's words are mapped to these.
    Status {
        /// Never launched, or asleep.
        NotInit = "NOT_INIT",
        /// Booting; longer than 40–50 s means trouble.
        Init = "INIT",
        /// Connecting to WhatsApp; a few seconds are normal.
        Launch = "LAUNCH",
        /// Logged out: waits for a QR code to be scanned.
        Qr = "QR",
        /// Authorized: the only healthy status.
        Auth = "AUTH",
        /// The upstream reports an error.
        Error = "ERROR",
        /// Sending works, reading chats and messages does not.
        SyncError = "SYNC_ERROR",
        /// Deactivated: trial or subscription over, billing, or by hand.
        Stop = "STOP",
        /// Banned or blocked by WhatsApp.
        Blocked = "BLOCKED",
        /// Never seen, gone stale, or a word we do not know.
        Unknown = "UNKNOWN",
    }
}

impl Status {
    /// The statuses a channel can be seen to move to: all but [`Status::Unknown`].
    pub const REPORTED: usize = Self::COUNT - 1;
    /// The words of the statuses that an upstream can report.
    pub const REPORTED_LABELS: &'static [&'static str] = Self::LABELS.split_at(Self::REPORTED).0;

    /// The number shown as `whatsapp_channel_status_code`: the position in the list, and -1 for
    /// `UNKNOWN`.
    pub const fn code(self) -> i64 {
        match self {
            Self::Unknown => -1,
            known => known as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_fixed() {
        let pairs: Vec<_> = Status::ALL.iter().map(|s| (s.as_str(), s.code())).collect();
        assert_eq!(
            pairs,
            [
                ("NOT_INIT", 0),
                ("INIT", 1),
                ("LAUNCH", 2),
                ("QR", 3),
                ("AUTH", 4),
                ("ERROR", 5),
                ("SYNC_ERROR", 6),
                ("STOP", 7),
                ("BLOCKED", 8),
                ("UNKNOWN", -1)
            ]
        );
    }
}
