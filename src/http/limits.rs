//! What one listener allows its clients: how many they may be, how slow, and how large their heads.
//!
//! Not here: keeping them; see `connections.rs` and `connection.rs`.

use std::time::Duration;

/// The limits of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections open at a time. One that has not asked for anything costs about 1 KiB.
    pub connections: usize,
    /// Connections that have asked for something, at a time. Each costs about 20 KiB.
    pub served: usize,
    /// Requests under way at a time.
    pub requests: usize,
    /// How long a connection may be silent before its first request and between two.
    pub idle: Duration,
    /// How long a TLS handshake or the head of a request may take from its first byte.
    pub head: Duration,
    /// How long a request and its answer may take in all.
    pub answer: Option<Duration>,
    /// How long a reader may take next to nothing of an answer.
    pub stall: Option<Duration>,
    /// No connection is closed to make room for another before it was silent for this long.
    pub patience: Duration,
    /// Largest head of a request, and most bytes of an answer that wait for a slow reader.
    pub buffer: usize,
    /// Most bytes of an answer that wait in the system to be sent, less where many connections
    /// share. Without it they are megabytes, and written for a reader that may never take them.
    pub unsent: Option<u32>,
    /// Most headers of a request, if not hyper's 100, which cost no memory of their own.
    pub headers: Option<usize>,
    /// Whether an answer gets a `Date`, and the names of headers are sent in lower case. A gateway
    /// passes on what it got.
    pub own_answers: bool,
    /// Whether short writes of all connections come together ([`WriteQueue`]).
    ///
    /// [`WriteQueue`]: crate::write_queue::WriteQueue
    pub writes_together: bool,
}

/// Limits that a test can reach.
#[cfg(test)]
pub(super) const LIMITS_OF_TESTS: Limits = Limits {
    connections: 100,
    served: 50,
    requests: 40,
    idle: Duration::from_secs(65),
    head: Duration::from_secs(10),
    answer: Some(Duration::from_secs(60)),
    stall: Some(Duration::from_secs(10)),
    patience: Duration::from_secs(1),
    buffer: 16 * 1024,
    unsent: None,
    headers: None,
    own_answers: true,
    writes_together: false,
};
