//! A whole HTTP answer, and the failures that its status alone speaks of.
//!
//! Not here: what any provider's body says.

use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;

use crate::domain::{Failure, FailureReason};

/// Reading a longer answer takes milliseconds.
pub const LONG_ANSWER_BYTES: usize = 64 * 1024;

/// The largest answer that is read of anything but a list.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// The largest list that is read: some providers put a thousand lines, each with the settings of
/// all its integrations, on one page.
pub const MAX_LIST_BYTES: usize = 8 * 1024 * 1024;

/// A whole HTTP answer.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long the upstream asked us to wait.
    pub retry_after: Option<Duration>,
    /// All headers, for a provider that tells something in them.
    pub headers: HeaderMap,
    /// The body, of at most [`MAX_ANSWER_BYTES`], or [`MAX_LIST_BYTES`] of a list.
    pub body: Bytes,
}

impl Answer {
    /// A failure of this class, with the answer's `Retry-After`.
    pub fn failure(&self, reason: FailureReason, detail: impl Into<String>) -> Failure {
        Failure { retry_after: self.retry_after, ..Failure::new(reason, detail) }
    }

    /// The failure of an answer of which only the HTTP status can be relied on.
    pub fn failure_by_status(&self) -> Failure {
        let reason = match self.status {
            401 => FailureReason::CredentialUnauthorized,
            402 => FailureReason::PaymentRequired,
            403 => FailureReason::Forbidden,
            429 => FailureReason::RateLimited,
            500..=599 => FailureReason::ServerError,
            200..=299 => FailureReason::Decode,
            _ => FailureReason::HttpOther,
        };
        let redirects = matches!(self.status, 301..=303 | 307 | 308);
        let what = if redirects { ", a redirect, which is not followed" } else { "" };
        self.failure(reason, format!("HTTP {}{what}", self.status))
    }

    /// Whether the status is 2xx. That is no verdict: some APIs answer errors with 200.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}
