//! Who sends a request.
//!
//! Not here: what they may see (`guard.rs`).

use std::net::IpAddr;

use super::connections::Activity;

/// What is known of who asks.
#[derive(Clone)]
pub(super) struct Peer {
    pub(super) ip: IpAddr,
    /// Whether it gave a certificate, which then is one of the CA's.
    pub(super) has_certificate: bool,
    pub(super) activity: Activity,
}
