//! The upstream APIs: what to send, and what an answer means. Pure functions of bytes.
//!
//! Not here: connections (`client/`) and timers (`poller.rs`).

pub mod meta;
pub mod webhook;
pub mod whapi;
pub mod whapi_webhooks;

mod loose;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;

use crate::domain::{Failure, FailureReason};

/// A GET to send. Its URL may hold a token (Meta's `input_token`), so it never prints.
pub struct Request {
    /// The whole address.
    pub url: SecretString,
    /// The credential for `Authorization: Bearer`.
    pub bearer: SecretString,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request([REDACTED])")
    }
}

/// A whole HTTP answer.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long the upstream asked us to wait.
    pub retry_after: Option<Duration>,
    /// The body, of at most [`crate::client::LARGEST_ANSWER`] bytes.
    pub body: Bytes,
}

impl Answer {
    /// The failure that the HTTP status alone speaks of.
    fn failure(&self, reason: FailureReason, detail: impl Into<String>) -> Failure {
        Failure { retry_after: self.retry_after, ..Failure::new(reason, detail) }
    }

    /// The class of an answer of which only the HTTP status can be relied on.
    fn failure_by_status(&self) -> Failure {
        let reason = match self.status {
            401 => FailureReason::CredentialUnauthorized,
            402 => FailureReason::PaymentRequired,
            403 => FailureReason::Forbidden,
            429 => FailureReason::RateLimited,
            500..=599 => FailureReason::ServerError,
            200..=299 => FailureReason::Decode,
            _ => FailureReason::HttpOther,
        };
        self.failure(reason, format!("HTTP {}", self.status))
    }

    const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}
