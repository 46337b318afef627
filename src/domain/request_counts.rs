//! What the application met at an upstream, as the gateway between them saw it.
//!
//! Not here: the requests themselves.

use super::label_enum::label_enum;

label_enum! {
    /// How a request of the application ended.
    AnswerClass {
        /// It was answered with success.
        Success = "2xx",
        /// It was sent elsewhere.
        Redirect = "3xx",
        /// 401.
        Unauthorized = "401",
        /// 403.
        Forbidden = "403",
        /// 404; some upstreams answer it to a wrong token.
        NotFound = "404",
        /// 429.
        TooManyRequests = "429",
        /// Any other error of the request.
        ClientError = "4xx",
        /// An error of the upstream.
        ServerError = "5xx",
        /// There was no answer: no connection, or it ended before the answer began, or the
        /// application went away.
        Failed = "failed",
    }
}

impl AnswerClass {
    /// The class of an HTTP status.
    pub const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Redirect,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            429 => Self::TooManyRequests,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::Failed,
        }
    }
}

label_enum! {
    /// What became of a request that the gateway held while its channel reconnected.
    HeldOutcome {
        /// The channel came back in time, and the request was sent.
        Sent = "sent",
        /// It was answered 401 "need channel authorization"; the channel came back in time, and it
        /// was sent once more.
        SentAgain = "sent_again",
        /// The channel did not come back in time, or never will by itself.
        GivenUp = "given_up",
        /// Too many were held already.
        NoRoom = "no_room",
        /// It was answered 401, and its body was too large to have been kept.
        TooLarge = "too_large",
        /// The application went away first.
        Abandoned = "abandoned",
    }
}

/// How the requests with one credential ended.
#[derive(Debug, Clone, Default)]
pub struct RequestCounts {
    pub(super) answers: [u64; AnswerClass::COUNT],
}

impl RequestCounts {
    /// Counts a request.
    pub const fn count(&mut self, class: AnswerClass) {
        self.answers[class.index()] += 1;
    }

    /// Requests so far, by how they ended.
    pub const fn answer_counts(&self) -> &[u64] {
        &self.answers
    }
}
