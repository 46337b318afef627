//! Why a poll brought nothing: the closed list that is counted, and what a person reads.
//!
//! Not here: how an answer is put into one of these classes; each provider decides that.

use std::time::Duration;

use super::label_enum::label_enum;

label_enum! {
    /// Why a poll brought no observation.
    FailureReason {
        /// The credential is fine, the line's WhatsApp session is not (401 "need channel
        /// authorization").
        SessionUnauthorized = "session_unauthorized",
        /// The credential that asks was refused.
        CredentialUnauthorized = "credential_unauthorized",
        /// The upstream knows no such channel: a wrong token, or a deleted channel.
        ChannelNotFound = "channel_not_found",
        /// 402, or an answer that speaks of billing.
        PaymentRequired = "payment_required",
        /// 403, or an error about permissions or policy.
        Forbidden = "forbidden",
        /// 429, or an error about rate limits.
        RateLimited = "rate_limited",
        /// 5xx, or an error that the upstream calls transient.
        ServerError = "server_error",
        /// Any other HTTP status.
        HttpOther = "http_other",
        /// No whole answer within `POLL_TIMEOUT`.
        Timeout = "timeout",
        /// No connection, or it broke before the answer was whole.
        Connect = "connect",
        /// The TLS handshake failed.
        Tls = "tls",
        /// The answer is not what the API documents.
        Decode = "decode",
        /// The credential's file cannot be read.
        Secret = "secret",
    }
}

impl FailureReason {
    /// Whether asking again soon is pointless or harmful, so that polls are spaced out.
    pub const fn backs_off(self) -> bool {
        matches!(
            self,
            Self::CredentialUnauthorized
                | Self::ChannelNotFound
                | Self::PaymentRequired
                | Self::Forbidden
                | Self::RateLimited
                | Self::ServerError
                | Self::Timeout
        )
    }

    /// Whether a new credential may fix it, so that a changed secret file is tried at once.
    pub const fn fixed_by_new_secret(self) -> bool {
        matches!(
            self,
            Self::CredentialUnauthorized | Self::ChannelNotFound | Self::Forbidden | Self::Secret
        )
    }
}

/// Why a poll brought no observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class, as counted.
    pub reason: FailureReason,
    /// What happened, for a person. Made of our own words only: an upstream's message may repeat a
    /// token.
    pub detail: String,
    /// How long the upstream asked us to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure without a `Retry-After`.
    pub fn new(reason: FailureReason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), retry_after: None }
    }
}
