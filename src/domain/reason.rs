//! The closed lists of reasons, sources and providers that label values come from.
//!
//! Not here: how an answer is put into one of these classes; that is `providers/`.

use super::closed_list::closed_list;

closed_list! {
    /// An API that can be asked.
    Provider {
        /// Whapi.Cloud, for channels.
        Whapi = "whapi",
        /// Meta's Graph API, for tokens.
        Meta = "meta",
    }
}

closed_list! {
    /// Why a poll brought no observation.
    FailureReason {
        /// 401 "need channel authorization": the credential is fine, the WhatsApp session is not.
        SessionUnauthorized = "session_unauthorized",
        /// The credential that asks was refused.
        CredentialUnauthorized = "credential_unauthorized",
        /// 404 "Channel not found": Whapi's answer to a wrong token or a deleted channel.
        ChannelNotFound = "channel_not_found",
        /// 402, or an answer that speaks of billing.
        PaymentRequired = "payment_required",
        /// 403, or Meta's permission and integrity errors.
        Forbidden = "forbidden",
        /// 429, or Meta's rate-limit errors.
        RateLimited = "rate_limited",
        /// 5xx, or Meta's transient errors.
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
        )
    }

    /// Whether a new credential may mend it, so that a changed secret file is tried at once.
    pub const fn mended_by_secret(self) -> bool {
        matches!(
            self,
            Self::CredentialUnauthorized | Self::ChannelNotFound | Self::Forbidden | Self::Secret
        )
    }
}

closed_list! {
    /// Why an HTTP 401 was answered for a channel.
    UnauthorizedReason {
        /// "need channel authorization": the WhatsApp session is gone.
        Session = "session",
        /// Anything else: the credential was refused.
        Credential = "credential",
    }
}

closed_list! {
    /// Who met an error.
    Source {
        /// The exporter's own polls.
        Poll = "poll",
        /// The application's requests, as the gateway saw them answered.
        Gateway = "gateway",
    }
}

closed_list! {
    /// The class of one of Meta's error answers, by `error.code` and `error_subcode`, never by HTTP status.
    ///
    /// Source: Meta's Graph error handling guide and the Cloud API's error codes.
    TokenErrorReason {
        /// 0: the app user could not be authenticated.
        AuthException = "auth_exception",
        /// 190 with subcode 463.
        TokenExpired = "token_expired",
        /// Any other 190, 102, 2500.
        TokenInvalid = "token_invalid",
        /// 3: the app lacks a capability.
        Capability = "capability",
        /// 10 and 131005: the permission was not granted or was removed.
        PermissionDenied = "permission_denied",
        /// 200–299: an API permission is missing.
        PermissionMissing = "permission_missing",
        /// 4, 17, 32, 341, 613, 80007, 80008, 130429, 131048, 131056, 131064, 133016.
        RateLimited = "rate_limited",
        /// 100, 33, 133010: a wrong parameter, or an object this token cannot see.
        Config = "config",
        /// 368, 130497, 131031: blocked for policy reasons.
        Integrity = "integrity",
        /// 1, 2: Meta's own trouble, try again.
        Transient = "transient",
        /// Any other code.
        Other = "other",
    }
}

impl TokenErrorReason {
    /// Whether the error says that the credential which asked no longer works.
    pub const fn credential_is_dead(self) -> bool {
        matches!(self, Self::AuthException | Self::TokenExpired | Self::TokenInvalid)
    }
}
