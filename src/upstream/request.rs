//! A request to an upstream, with its credential where the upstream wants it.
//!
//! Not here: sending it.

use std::fmt;

use secrecy::SecretString;

/// A GET to send. Its URL may hold a secret, so it never prints.
pub struct Request {
    /// The whole address.
    pub url: SecretString,
    /// What proves who asks.
    pub credential: Credential,
}

/// Where a request carries its credential.
pub enum Credential {
    /// In `Authorization: Bearer …`.
    Bearer(SecretString),
    /// In a header of this lower-case name.
    Header(&'static str, SecretString),
    /// In the path or the query, which the URL already has.
    InUrl,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Request([REDACTED])")
    }
}
