//! Who sends a request.
//!
//! Not here: what they may do (`auth.rs`).

use std::net::IpAddr;
use std::sync::Arc;

use super::connections::Connections;

/// What is known of who asks.
#[derive(Clone)]
pub struct Peer {
    /// Where it connects from.
    pub ip: IpAddr,
    /// Whether it gave a certificate, which then is one of the CA's.
    pub has_certificate: bool,
    connections: Arc<Connections>,
}

impl Peer {
    pub(super) const fn new(ip: IpAddr, connections: Arc<Connections>) -> Self {
        Self { ip, has_certificate: false, connections }
    }

    /// Makes room for this client: closes the connection of the reader that has been behind for
    /// longest, if it had a chance.
    pub fn drop_stalled_reader(&self) {
        self.connections.drop_stalled_reader();
    }
}
