//! What the gateway has to know of a provider's API to pass requests on and to count what they
//! meet.
//!
//! Not here: passing them on (`gateway/`).

use hyper::Method;

use crate::domain::{MessageId, TokenErrorReason, UnauthorizedReason};

/// A provider's side of the gateway. Its route is `/<label>/…`.
pub trait GatewayApi: Sync {
    /// The query parameter in which requests may carry their credential instead of in
    /// `Authorization`.
    fn credential_parameter(&self) -> &'static str;

    /// Whether an answer of this status is an error whose text says something that is counted.
    fn inspects(&self, status: u16) -> bool;

    /// What an error answer of a status that is inspected means; `body` is its beginning.
    fn error(&self, status: u16, body: &[u8]) -> ErrorMeaning;

    /// Whose message a request sends, if it sends one; `path` is its path and query at the
    /// upstream.
    fn sends(&self, method: &Method, path: &str) -> Option<SendingLine>;

    /// The message that a successful answer to a send says was accepted.
    fn accepted(&self, body: &[u8]) -> Option<MessageId>;

    /// Whether requests may wait while their channel reconnects.
    fn may_hold(&self) -> bool;
}

/// The line whose message a request sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendingLine {
    /// That of the request's credential.
    Credential,
    /// The channel with this id of the provider's.
    Channel(Box<str>),
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
