//! HTTP messages, written by hand, since no HTTP library agrees to send what the faults need.
//! Not connections: see `connection.rs`.

pub(crate) mod request;
pub(crate) mod response;
