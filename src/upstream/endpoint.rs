//! How targets of one kind are polled at one provider.
//!
//! Not here: which targets there are (`target/`), and when they are polled (`poller/`).

use std::fmt;
use std::sync::Arc;

use secrecy::SecretString;

use super::Exchange;
use crate::secret::SecretSource;

/// A way to poll targets. One serves all targets that are configured alike.
pub trait Endpoint: Send + Sync + fmt::Debug {
    /// Begins a poll: a pure function of the target and its credentials.
    fn poll(&self, target: PollContext<'_>, credentials: Credentials) -> Exchange;

    /// Tells apart the ways in which the channels of one list are polled. Endpoints are made anew by
    /// each list; those of one variant are alike.
    fn variant(&self) -> u8 {
        0
    }

    /// A secret that polls need beside the target's own, such as that of an app that inspects it.
    fn second_secret(&self) -> Option<&SecretSource> {
        None
    }
}

/// The target of a poll.
#[derive(Debug, Clone, Copy)]
pub struct PollContext<'a> {
    /// The base address of the API, without a trailing slash.
    pub api_url: &'a Arc<str>,
    /// The upstream's id of the target, if it is known beforehand.
    pub id: Option<&'a str>,
}

/// The secrets of a poll, just read.
pub struct Credentials {
    /// The target's own.
    pub own: SecretString,
    /// The endpoint's second secret, if it has one.
    pub second: Option<SecretString>,
}
