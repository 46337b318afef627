//! The kinds of things that are polled.
//!
//! Not here: how any of them is asked.

use super::label_enum::label_enum;

label_enum! {
    /// A kind of target.
    TargetKind {
        /// One WhatsApp line.
        Channel = "channel",
        /// One access token.
        Token = "token",
        /// One credential that lists many lines.
        Source = "source",
        /// One business account, which has lines.
        Account = "account",
    }
}
