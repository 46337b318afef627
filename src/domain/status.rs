//! A channel's status: the closed list, its words and numbers.
//!
//! Not here: how a status moves; that is `channel.rs`.

use super::closed_list::closed_list;

closed_list! {
    /// The state of a channel, in Whapi's words and two of our own.
    ///
    /// Source: Whapi's OpenAPI enum (`NOT_INIT` … `SYNC_ERROR`) and its help page on account and device status (`STOP`).
    Status {
        /// Never launched, or asleep.
        NotInit = "NOT_INIT",
        /// Booting; longer than 40–50 s means trouble (Whapi's help page).
        Init = "INIT",
        /// Connecting to WhatsApp; a few seconds are normal.
        Launch = "LAUNCH",
        /// Logged out: waits for a QR code to be scanned.
        Qr = "QR",
        /// Authorized: the only healthy status.
        Auth = "AUTH",
        /// Whapi reports an error.
        Error = "ERROR",
        /// Sending works, reading chats and messages does not.
        SyncError = "SYNC_ERROR",
        /// Deactivated: trial or subscription over, billing, or by hand.
        Stop = "STOP",
        /// Never seen, gone stale, or a word we do not know.
        Unknown = "UNKNOWN",
    }
}

impl Status {
    /// The statuses a channel can be seen to move to: all but [`Status::Unknown`].
    pub const REPORTED: usize = Self::COUNT - 1;
    /// The words of the statuses that an upstream can report.
    pub const REPORTED_WORDS: &'static [&'static str] = Self::WORDS.split_at(Self::REPORTED).0;

    /// Reads Whapi's `status.text`; `None` for a word that is not in the list.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::REPORTED_WORDS.iter().position(|word| *word == text).map(|at| Self::ALL[at])
    }

    /// The number shown as `whatsapp_channel_status_code`: Whapi's own for 0–6, 7 for `STOP` and -1 for `UNKNOWN` (ours).
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
    fn the_numbers_are_whapis() {
        let pairs: Vec<_> = Status::ALL.iter().map(|s| (s.word(), s.code())).collect();
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
                ("UNKNOWN", -1)
            ]
        );
    }

    #[test]
    fn a_word_is_taken_only_as_it_is_spelled() {
        assert_eq!(Status::from_text("AUTH"), Some(Status::Auth));
        assert_eq!(Status::from_text("STOP"), Some(Status::Stop));
        for word in ["auth", " AUTH", "UNKNOWN", "", "AUTHENTICATED", "4"] {
            assert_eq!(Status::from_text(word), None, "{word:?}");
        }
    }
}
