//! What the gateway has to know of a provider's API to pass requests on and to count what they
//! meet.
//!
//! Not here: passing them on (`gateway/`).

use crate::domain::{TokenErrorReason, UnauthorizedReason};

/// A provider's side of the gateway. Its route is `/<label>/…`.
pub trait GatewayApi: Sync {
    /// The query parameter in which requests may carry their credential instead of in
    /// `Authorization`.
    fn credential_parameter(&self) -> &'static str;

    /// Whether an answer of this status is an error whose text says something that is counted.
    fn inspects(&self, status: u16) -> bool;

    /// What an error answer of a status that is inspected means; `body` is its beginning.
    fn error(&self, status: u16, body: &[u8]) -> ErrorMeaning;

    /// Whether requests may wait while their channel reconnects.
    fn may_hold(&self) -> bool;
}

/// What an error answer says about the target whose credential the request carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorMeaning {
    /// The channel refused it.
    Channel(UnauthorizedReason),
    /// The token was refused.
    Token {
        /// The class of the error, if it has a code.
        error: Option<TokenErrorReason>,
        /// Whether the HTTP status was 401.
        unauthorized: bool,
    },
}
