//! The classes of error answers about an access token.
//!
//! Not here: which codes belong to which class; the provider's folder has that table.

use super::label_enum::label_enum;

label_enum! {
    /// The class of an error answer about a token, by its code and subcode, never by HTTP status.
    TokenErrorReason {
        /// The user could not be authenticated.
        AuthException = "auth_exception",
        /// The token has expired.
        TokenExpired = "token_expired",
        /// The token is not valid for another reason.
        TokenInvalid = "token_invalid",
        /// The app lacks a capability.
        Capability = "capability",
        /// The permission was not granted or was removed.
        PermissionDenied = "permission_denied",
        /// An API permission is missing (codes 200 to 299).
        PermissionMissing = "permission_missing",
        /// Too many requests.
        RateLimited = "rate_limited",
        /// A wrong parameter, or an object that this token cannot see.
        Config = "config",
        /// Blocked for policy reasons.
        Integrity = "integrity",
        /// The upstream's own trouble: try again.
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
