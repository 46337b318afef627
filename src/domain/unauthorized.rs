//! HTTP 401 answers: who met them, and what they are about.
//!
//! Not here: which text means which; each provider decides that.

use super::label_enum::label_enum;

label_enum! {
    /// Why an HTTP 401 was answered for a channel.
    UnauthorizedReason {
        /// The line's WhatsApp session is gone (401 "need channel authorization").
        Session = "session",
        /// Anything else: the credential was refused.
        Credential = "credential",
    }
}

label_enum! {
    /// Who met an error.
    ErrorSource {
        /// The exporter's own polls.
        Poll = "poll",
        /// The application's requests, as the gateway saw them answered.
        Gateway = "gateway",
    }
}
